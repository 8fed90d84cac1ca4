"""`segue annotate`: a folder of pictures, asked about and written for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.console import DeviceOption, ModelOption, QuantiseOption, err, load_model, out, progress
from segue.errors import DataError, SegueError

_FORMATS = "coco (a file), yolo, labelme, geojson, index-png or fiftyone (folders)"
_SHOWN = 5


def annotate(
    folder: Annotated[Path, typer.Argument(help="Pictures, those in sub-folders included.")],
    destination: Annotated[
        Path, typer.Option("--out", help="File (coco) or folder (the other formats) for the annotations.")
    ],
    ask: Annotated[
        list[str] | None,
        typer.Option(
            "--ask",
            help="A question to every picture; may be given again. With {phrase} in it, one for each phrase.",
        ),
    ] = None,
    phrases: Annotated[
        Path | None, typer.Option("--phrases", help="A text file: one category a line, to be located.")
    ] = None,
    kind: Annotated[str, typer.Option("--format", help=_FORMATS, metavar="FORMAT")] = "coco",
    model: ModelOption = "segue/mini",
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Questions that run together.")] = 16,
    engine: Annotated[
        str, typer.Option("--engine", help="local, or ray: a Ray cluster's workers.", metavar="NAME")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="With --engine ray. [default: one for each GPU or CPU]"),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="What is done so far. [default: OUT.journal]")
    ] = None,
) -> None:
    """Ask about every picture of a folder and write the masks for other tools.

    A run that was stopped, in whatever way, goes on where it was when the same command is given again; so
    does one with pictures that failed. The answers stay in the journal: with --journal another format is
    written without asking again. Exit code 1 says that pictures failed (OUT.failed.tsv lists them).
    """
    # What can be wrong is looked at before torch is loaded.
    from segue.annotation.asks import facts_of, find_pictures, make_asks, read_phrases
    from segue.annotation.journal import Journal
    from segue.annotation.writing import FORMATS, Results, write

    if kind not in FORMATS:
        raise SegueError(f"--format {kind}: there are {', '.join(FORMATS)}")
    if engine not in ("local", "ray"):
        raise SegueError(f"--engine {engine}: there are local and ray")
    if (kind == "coco") == destination.is_dir():
        if kind == "coco":
            raise DataError(f"{destination} is a folder; coco is written to a file")
        if destination.exists():
            raise DataError(f"{destination} is a file; {kind} is written to a folder")
    asks = make_asks(ask or [], read_phrases(phrases) if phrases else [])
    pictures = find_pictures(folder)
    path = journal or destination.with_name(destination.name + ".journal")
    with Journal(path, facts=facts_of(folder, model, asks, quantise=quantise)) as book:
        finished = book.finished()
        left = [name for name in pictures if name not in finished]
        if finished:
            err.print(f"{len(pictures) - len(left)} of {len(pictures)} pictures are done", style="dim")
        if left:
            with progress("annotating", len(pictures)) as show:
                if engine == "ray":
                    from segue.annotation.ray_engine import annotate_on_ray

                    annotate_on_ray(
                        left,
                        folder,
                        asks,
                        book,
                        model=model,
                        device=device,
                        quantise=quantise,
                        batch=batch,
                        workers=workers,
                        watch=lambda done: show(len(pictures) - len(left) + done),
                    )
                else:
                    from segue.annotation.local import Annotator
                    from segue.annotation.local import annotate as run

                    annotator = Annotator(load_model(model, device, quantise), asks, batch=batch)
                    run(pictures, folder, annotator, book, watch=show)
        write(kind, results := Results(book, asks, folder, pictures), destination)
        known = set(pictures)
        failures = {name: error for name, error in book.failures().items() if name in known}
    out.print(
        f"{results.count} pictures, {len(results.categories)} categories: written to {destination}",
        markup=False,
    )
    report = destination.with_name(destination.name + ".failed.tsv")
    report.unlink(missing_ok=True)
    if failures:
        _report(failures, report)
        raise typer.Exit(1)


def _report(failures: dict[str, str], path: Path) -> None:
    lines = [f"{name}\t{error}\n" for name, error in failures.items()]
    path.write_text("".join(lines), encoding="utf-8")
    err.print(f"{len(failures)} pictures failed; see {path}", style="yellow", markup=False)
    for name, error in list(failures.items())[:_SHOWN]:
        err.print(f"  {name}: {error}", style="dim", markup=False)
