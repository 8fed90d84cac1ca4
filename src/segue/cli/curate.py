"""`segue curate`: multi-target data from annotated pictures, by any vision-language endpoint or by none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from segue.cli.console import JsonOption, err, out, print_json
from segue.cli.train import parse_settings
from segue.errors import SegueError

if TYPE_CHECKING:
    from segue.curation.engine import Progress
    from segue.curation.session import Session


class PlanOrCommand(TyperGroup):
    """`segue curate plan.yaml` is `segue curate run plan.yaml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command in where a plan comes first."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=PlanOrCommand,
    help="Make question-answer pairs whose answers name several instances, with masks and descriptions. "
    "`segue curate PLAN.yaml` runs a plan, or goes on with it.",
    epilog="Example: segue curate plan.yaml --out runs/curation",
    no_args_is_help=True,
)

LINE_EVERY = 30.0
"""Seconds between lines about the progress, where there is no terminal to draw a bar on."""

FolderArgument = Annotated[Path, typer.Argument(help="The folder of a curation (--out of `segue curate`).")]


@app.command(epilog="Example: segue curate plan.yaml --out runs/curation --set limits.budget=5")
def run(
    plan: Annotated[Path, typer.Argument(help="A YAML file; docs/curation.md explains it.")],
    folder: Annotated[Path, typer.Option("--out", help="Folder for the journal and the data.")] = Path(
        "runs/curation"
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the first prompts and the estimated cost; send nothing.")
    ] = False,
    show: Annotated[
        int, typer.Option("--show", min=0, help="With --dry-run: prompts of so many pictures.")
    ] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the plan; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a plan. Started again with the same --out, it goes on where it was and asks for no reply twice."""
    from segue.curation.plan import load_plan
    from segue.curation.session import prepare
    from segue.curation.session import run as run_session

    checked = load_plan(plan, parse_settings(settings or []))
    with err.status("reading the data and choosing pictures"):
        session = prepare(checked)
    if dry_run:
        return _dry_run(session, show, as_json)
    with _watch(len(session.work.tasks)) as watch:
        state, summary = run_session(session, folder, watch=watch)
    if as_json:
        print_json({**summary, "stopped": state.stopped, "failed": len(state.failed)})
    else:
        _print_summary(summary)
        out.print(f"written: {folder}", style="dim", markup=False)
    if state.stopped == "budget":
        raise SegueError(
            f"the budget is reached with {state.done} of {state.total} pictures done; what there is was "
            f"exported. Raise limits.budget or limits.tokens and run the same command to go on."
        )
    if state.failed:
        key, reason = next(iter(state.failed.items()))
        raise SegueError(
            f"{len(state.failed)} pictures got no reply (such as {key}: {reason}); run the same command to "
            "try them again."
        )


@app.command(epilog="Example: segue curate export runs/curation")
def export(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Write the data anew from the journal, after a review for instance."""
    from segue.curation.export import export as write
    from segue.curation.journal import Journal
    from segue.curation.session import open_folder

    with err.status("reading the data"):
        session = open_folder(folder)
    with Journal(folder, run=False) as journal:
        summary = write(session.work.tasks, session.plan, session.pictures, journal, folder)
    if as_json:
        return print_json(summary)
    _print_summary(summary)
    out.print(f"written: {folder}", style="dim", markup=False)


@app.command(epilog="Example: segue curate review runs/curation")
def review(
    folder: FolderArgument,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the page.")] = 8640,
) -> None:
    """Look through the pairs on a page of this machine: accept, reject, edit. Decisions are in the journal;
    `segue curate export` honours them."""
    from segue.curation.review import serve
    from segue.curation.session import open_folder

    with err.status("reading the data"):
        session = open_folder(folder)
    out.print(f"http://127.0.0.1:{port} (Ctrl-C ends it)", markup=False)
    serve(session, folder, port=port)


@app.command(epilog="Example: segue curate stats runs/curation --plot runs/curation/stats.png")
def stats(
    data: Annotated[
        Path, typer.Argument(help="A curation's folder, native files, or MUSE's JSON: a file or a folder.")
    ],
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the distributions beside MUSE's published figures.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Targets per answer, words per description, instances per category, beside what MUSE publishes."""
    from segue.curation.stats import count, read_data, table

    with err.status("counting"):
        figures = count(read_data(data))
    if plot is not None:
        from segue.curation.plots import draw

        draw(figures, plot)
    if as_json:
        return print_json(figures.to_dict())
    out.print(table(figures))
    if plot is not None:
        out.print(f"written: {plot}", style="dim", markup=False)


@app.command(epilog="Example: segue curate prompts my-prompts")
def prompts(
    folder: Annotated[Path, typer.Argument(help="Where they go; files there are not replaced.")],
) -> None:
    """Copy the package's prompts, to be changed and named in a plan (`prompts: FOLDER`)."""
    folder.mkdir(parents=True, exist_ok=True)
    with as_file(files("segue.curation").joinpath("prompts")) as own:
        for path in sorted(own.iterdir()):
            if not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)
                out.print(f"written: {folder / path.name}", markup=False)


def _dry_run(session: Session, show: int, as_json: bool) -> None:
    from segue.curation.estimate import estimate, first_requests
    from segue.curation.targets import histogram

    plan, work = session.plan, session.work
    requests = [
        request
        for task in work.tasks[:show]
        for request in first_requests(task, plan, session.pictures, session.prompts)
    ]
    guess = estimate(work.tasks, plan, session.pictures, session.prompts)
    asked = [[(ask.kind, ask.targets) for ask in task.asks] for task in work.tasks]
    figures = {
        "pictures": len(work.tasks),
        "left_out": work.left_out,
        "questions": sum(len(task.asks) for task in work.tasks),
        "wanted_targets": histogram(asked),
        "replies": guess.replies,
        "tokens_in": guess.tokens.input,
        "tokens_out": guess.tokens.output,
        "estimated_cost": round(guess.cost, 4),
        "prompts": session.prompts.digest,
    }
    if as_json:
        shown = [[{"role": m.role, "text": m.text} for m in request.messages] for request in requests]
        return print_json({**figures, "requests": shown})
    for request in requests:
        picture = f", with {request.picture}" if request.picture else ""
        out.rule(f"{request.form.__name__}{picture}", align="left")
        for message in request.messages:
            if message.text:
                out.print(f"[{message.role}]", style="bold", markup=False)
                out.print(message.text, markup=False)
    out.rule(align="left")
    for name, value in figures.items():
        out.print(f"{name.replace('_', ' ')}: {value}", markup=False)
    out.print("Nothing was sent.", style="dim")


def _print_summary(summary: dict[str, Any]) -> None:
    out.print(
        f"{summary['pairs']} pairs with {summary['targets']} marked phrases about "
        f"{summary['pictures']} pictures; {summary['rejected']} rejected"
    )
    for name in ("by_split", "by_kind", "rejected_by_rule"):
        if summary[name]:
            counts = ", ".join(f"{key} {count}" for key, count in summary[name].items())
            out.print(f"  {name.replace('_', ' ')}: {counts}", markup=False)
    out.print(f"  {summary['replies']} replies, {summary['tokens']} tokens, cost {summary['cost']:g}")
    if summary["unseen_replies"]:
        out.print(
            f"  {summary['unseen_replies']} requests were lost on the way; they may have cost up to "
            f"{summary['unseen_cost_at_most']:g} more"
        )


@contextmanager
def _watch(total: int) -> Iterator[Callable[[Progress], None]]:
    """A progress bar with the rate of this run and the time of day at which it should end; a line now and
    then where standard error is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bars

    start = last = time.monotonic()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    with Bars(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        bar = bars.add_task("pictures", total=total, remark="")

        def watch(state: Progress) -> None:
            nonlocal last
            now = time.monotonic()
            remark = state.remark(now - start, now=time.time())
            bars.update(bar, completed=state.done + len(state.failed), remark=remark)
            if not err.is_terminal and now - last > LINE_EVERY:
                last = now
                err.print(f"{state.done} of {state.total} pictures, {remark}", markup=False)

        yield watch
