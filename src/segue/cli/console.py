"""What every command shares: results on standard output, everything else on standard error.

Standard output carries the result alone, so that `--json` can be piped; progress and remarks go to standard
error.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from segue.collecting import uncollected

if TYPE_CHECKING:
    from segue.predictor import Predictor

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

ModelOption = Annotated[
    str, typer.Option("--model", help="segue/mini, a checkpoint's folder or its hub name.", metavar="NAME")
]
DeviceOption = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, mps; chosen by itself when left out.")
]
QuantiseOption = Annotated[
    str | None,
    typer.Option(
        "--quantise", help="LISA, GSVA, PixelLM: the language model in 4bit or 8bit.", metavar="BITS"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]


def print_json(value: Any) -> None:
    """One line of JSON; not through rich, which would wrap and colour it."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def load_model(
    name: str, device: str | None, quantise: str | None = None, *, dtype: str | None = None
) -> Predictor:
    """The model; how much memory a large one will take is said before it is read."""
    with err.status("loading torch and the model"), _remarks("segue.checkpoints"):
        import segue

        with uncollected(for_good="segue.predictor" not in sys.modules):
            import segue.predictor
        return segue.load(name, device=device, dtype=dtype, quantise=quantise)


@contextmanager
def _remarks(name: str) -> Iterator[None]:
    """What a part of the package logs meanwhile, on standard error."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            err.print(record.getMessage(), style="dim", markup=False)

    logger, handler = logging.getLogger(name), Lines()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; the value given is called with how many are done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bars:
        task = bars.add_task(title, total=total)
        yield lambda done: bars.update(task, completed=done)


def file_stem(image: Path, question: str) -> str:
    """A file name that tells what was asked: `cat-where-is-the-nose`."""
    words = re.sub(r"[^a-z0-9]+", "-", question.lower())[:60].strip("-")
    return f"{image.stem}-{words}" if words else image.stem
