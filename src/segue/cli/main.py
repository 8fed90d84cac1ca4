"""`segue`: the commands put together, and what their errors look like.

Whatever a user can cause (a bad argument, a missing file, a broken picture) ends as one line on standard
error and exit code 2; Ctrl-C as 130. A traceback is a bug of ours and is left to be seen.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

import segue
from segue.cli import (
    annotate,
    ask,
    bench,
    caption,
    chat,
    convert,
    curate,
    data,
    eval,
    locate,
    models,
    scenes,
    serve,
    train,
)
from segue.cli.console import err
from segue.errors import SegueError

# The common base of typer's usage errors; typer brings click under its own name in newer releases.
ClickException: Any = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")

app = typer.Typer(
    name="segue",
    help="Ask about an image in plain language; get an answer whose words are tied to pixels.",
    epilog='Example: segue ask photo.jpg "Where is the dog?"',
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"segue {segue.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command(epilog='Example: segue ask photo.jpg "Where is the dog?" --out answers')(ask.ask)
app.command(epilog="Example: segue chat photo.jpg")(chat.chat)
app.command(epilog="Example: segue caption photo.jpg --box 10,20,200,180")(caption.caption)
app.command(epilog='Example: segue locate photo.jpg "the woman in red"')(locate.locate)
app.command(epilog='Example: segue annotate photos --ask "Where is the cat?" --out coco.json')(
    annotate.annotate
)
app.command(epilog="Example: segue serve --port 8000")(serve.serve)
app.command(epilog="Example: segue scenes my-scenes --num 1000 --seed 7")(scenes.scenes)
app.command(epilog="Example: segue train mini --output runs/mini")(train.train)
app.add_typer(eval.app, name="eval")
app.add_typer(bench.app, name="bench")
app.add_typer(curate.app, name="curate")
app.add_typer(data.app, name="data")
app.command(epilog="Example: segue convert xinlai/LISA-7B-v1 lisa-7b")(convert.convert)
app.command(epilog="Example: segue models --json")(models.models)


def main(arguments: list[str] | None = None) -> None:
    """The console command. Always leaves by `SystemExit`."""
    try:
        code = app(args=arguments, prog_name="segue", standalone_mode=False)
    except ClickException as error:
        if not (message := error.format_message()):  # no arguments at all: the help was asked for
            sys.exit(2)
        hint = getattr(getattr(error, "ctx", None), "command_path", "segue")
        _fail(f"{message.rstrip('.')}. See `{hint} --help`.")
    except SegueError as error:
        _fail(str(error))
    except BrokenPipeError:  # the reader of our output left: `segue ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    """One line, whatever the message holds; and its square brackets are no markup."""
    err.print(f"segue: error: {' '.join(message.split())}", markup=False)
    sys.exit(2)
