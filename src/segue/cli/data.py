"""`segue data`: is the data there, and is it read rightly; and one's own data as native records."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from segue.cli.console import JsonOption, err, out, print_json, progress

if TYPE_CHECKING:
    from segue.data.checking import Report

app = typer.Typer(
    help="Check that data sets are where they should be and read rightly; convert them to native records.",
    epilog="Example: segue data check lisa-7b --data dataset/",
    no_args_is_help=True,
)

RootOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder of the published sets, in the layout of the papers' projects.", metavar="ROOT"
    ),
]
FormOption = Annotated[
    str | None,
    typer.Option("--form", help="Form of your own data: native, coco, labelme, mask_folder or muse."),
]
ImagesOption = Annotated[
    str | None,
    typer.Option("--images", help="Folder of your own pictures, as seen from their annotations."),
]
_MOST_NAMED = 10


@app.command(epilog="Example: segue data check refcoco:unc/val --data dataset/ --sheet refcoco.png")
def check(
    target: Annotated[
        str, typer.Argument(help="A recipe, a data set (NAME or NAME:SPLIT), or a path of your own data.")
    ],
    root: RootOption = None,
    sheet: Annotated[Path, typer.Option("--sheet", help="Where some drawn records go, as a PNG.")] = Path(
        "data-check.png"
    ),
    samples: Annotated[int, typer.Option("--samples", min=0, help="Records drawn of each set.")] = 4,
    everything: Annotated[
        bool, typer.Option("--all", help="Read every record, not only the drawn ones.")
    ] = False,
    form: FormOption = None,
    images: ImagesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say which files are expected where, which are there, and what is in them. Exits with 1 if some are
    missing or a record is broken."""
    from segue.data.checking import check_part, parts_of

    parts = parts_of(target, root=root, form=form, images=images)
    if not parts and not as_json:
        out.print(f"{target} needs nothing on disk: its data is made in code", markup=False, emoji=False)
    reports: list[Report] = []
    with progress("sets", total=len(parts)) as update:
        for number, part in enumerate(parts, start=1):
            reports.append(check_part(part, num_samples=samples, everything=everything))
            update(number)
    drawn = [sample for report in reports for sample in report.samples]
    if drawn:
        from segue.visualize import contact_sheet

        sheet.parent.mkdir(parents=True, exist_ok=True)
        contact_sheet([s.picture for s in drawn], [s.text for s in drawn]).save(sheet)
    if as_json:
        print_json({"sets": [_as_json(report) for report in reports], "sheet": str(sheet) if drawn else None})
    else:
        for report in reports:
            _print(report)
        if drawn:
            out.print(f"written: {sheet}", markup=False, emoji=False)
    if not all(report.complete for report in reports):
        raise typer.Exit(1)


@app.command(epilog="Example: segue data convert my-folder/ records.jsonl")
def convert(
    target: Annotated[str, typer.Argument(help="A path of your own data, or a data set as NAME:SPLIT.")],
    output: Annotated[Path, typer.Argument(help="The native file, JSON lines.", metavar="OUT")],
    root: RootOption = None,
    form: FormOption = None,
    images: ImagesOption = None,
    max_broken: Annotated[
        int, typer.Option("--max-broken", min=0, help="Go on past so many broken records.")
    ] = 0,
    as_json: JsonOption = False,
) -> None:
    """Write any data that segue reads as native records. Pictures stay where they are."""
    from segue.data.checking import converted, parts_of
    from segue.data.native import write_records
    from segue.data.sources.tolerant import TolerantRecords
    from segue.errors import DataError

    parts = parts_of(target, root=root, form=form, images=images)
    if len(parts) != 1:
        raise DataError(
            f"{target} is {len(parts)} sets ({', '.join(p.name for p in parts[:5])}...); name one"
        )
    records = TolerantRecords(parts[0].open(), max_broken=max_broken)
    with progress("records", total=len(records)) as update:

        def counted() -> Any:
            for number, record in enumerate(converted(records, output), start=1):
                update(number)
                yield record

        num = write_records(output, counted())
    for problem in records.broken.values():
        err.print(f"left out: {problem}", markup=False, emoji=False)
    if as_json:
        return print_json({"records": str(output), "num": num, "broken": list(records.broken.values())})
    left_out = f", {len(records.broken)} left out" if records.broken else ""
    out.print(f"written: {_records(num)} in {output}{left_out}", markup=False, emoji=False)


def _print(report: Report) -> None:
    number = "not readable" if report.num_records is None else _records(report.num_records)
    out.print(f"{report.name}: {number}", markup=False, emoji=False, style="bold")
    for file, found in report.files:
        if found:
            out.print(f"  found    {found} ({file.what})", markup=False, emoji=False)
        else:
            out.print(
                f"  missing  {file.path} ({file.what}); get it from {file.where}",
                markup=False,
                emoji=False,
                style="red",
            )
    if report.problem and all(found for _, found in report.files):  # else it is the missing ones again
        out.print(f"  {report.problem}", markup=False, emoji=False, style="red")
    if report.num_read:
        counts = ", ".join(f"{count:,} {kind}" for kind, count in report.counts.items())
        out.print(
            f"  {_records(report.num_read)} read: {counts or 'nothing in them'}", markup=False, emoji=False
        )
    for problem in report.broken[:_MOST_NAMED]:
        out.print(f"  broken   {problem}", markup=False, emoji=False, style="red")
    if len(report.broken) > _MOST_NAMED:
        out.print(f"  and {len(report.broken) - _MOST_NAMED:,} more broken records", style="red")


def _records(num: int) -> str:
    return f"{num:,} record{'s' * (num != 1)}"


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "name": report.name,
        "records": report.num_records,
        "complete": report.complete,
        "problem": report.problem or None,
        "files": [
            {"path": file.path, "what": file.what, "where": file.where, "found": found}
            for file, found in report.files
        ],
        "read": report.num_read,
        "counts": report.counts,
        "broken": report.broken,
    }
