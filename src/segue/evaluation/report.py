"""The figures of a benchmark as tables for a terminal, the papers' own beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from segue.evaluation.comparison import Comparison
    from segue.evaluation.published import Published

Column = tuple[str, str]
"""Heading and key of a figure; a dot reaches into a dictionary: "precision.P@0.5" is cut at the first one."""

SCENES: Sequence[Column] = (
    ("turns", "num_turns"),
    ("gIoU", "giou"),
    ("present", "giou_present"),
    ("as one", "giou_together"),
    ("N-acc", "n_acc"),
    ("T-acc", "t_acc"),
    ("count", "exact_count"),
    ("text", "same_text"),
    ("words", "words_inside"),
)
"""Narrow enough for 80 characters; the other figures are in the summary. "present" is gIoU without absent
targets, "as one" that of a question's targets taken together."""

PHOTOGRAPHS: Sequence[Column] = (
    ("turns", "num_turns"),
    ("present", "giou_present"),
    ("ellipse", "ellipse"),
    ("whole", "whole_image"),
    ("cIoU", "ciou"),
    ("P@0.5", "precision.P@0.5"),
    ("N-acc", "n_acc"),
    ("T-acc", "t_acc"),
)

SEGMENTATION: Sequence[Column] = (("gIoU", "giou"), ("cIoU", "ciou"))
REFERRING: Sequence[Column] = (
    ("gIoU", "giou"),
    ("cIoU", "ciou"),
    ("P@0.5", "precision.P@0.5"),
    ("P@0.7", "precision.P@0.7"),
    ("P@0.9", "precision.P@0.9"),
    ("box P@0.5", "box_accuracy"),
)
REJECTION: Sequence[Column] = (
    ("gIoU", "giou"),
    ("present", "giou_present"),
    ("cIoU", "ciou"),
    ("N-acc", "n_acc"),
    ("T-acc", "t_acc"),
)
SEMANTIC: Sequence[Column] = (("mIoU", "miou"), ("cIoU", "ciou"), ("gIoU", "giou"))

_PREFIXES: Sequence[tuple[str, Sequence[Column]]] = (
    ("scenes", SCENES),
    ("photographs", PHOTOGRAPHS),
    ("reasonseg", SEGMENTATION),
    ("refcoco", REFERRING),
    ("grefcoco", REJECTION),
    ("refzom", REJECTION),
    ("multi", SEGMENTATION),
    ("semantic", SEMANTIC),
)
_SHARES = ("scenes", "photographs")
"""Benchmarks of the package, whose figures are quoted as fractions; the papers print percent."""


@dataclass(frozen=True)
class Layout:
    """Which figures a benchmark's table shows, and whether in percent."""

    columns: Sequence[Column]
    percent: bool


def layout(benchmark: str, columns: Sequence[Column] | None = None) -> Layout:
    """The table of a benchmark; `columns` are its own, where it brings some."""
    found = columns or next((own for prefix, own in _PREFIXES if benchmark.startswith(prefix)), SEGMENTATION)
    return Layout(found, not benchmark.startswith(_SHARES))


def tables(
    benchmark: str,
    figures: Mapping[str, Any],
    *,
    protocol: str = "",
    columns: Sequence[Column] | None = None,
    most_groups: int = 40,
) -> Iterator[Table]:
    """One table per grouping ("by_type", "by_category" ...), each ending with the overall figures.

    Groups of a benchmark beyond `most_groups` are left to the summary.
    """
    shown = layout(benchmark, columns)
    title = f"{benchmark}, protocol {protocol}" if protocol else benchmark
    groupings = [(key, groups) for key, groups in figures.items() if key != "overall"]
    for key, groups in groupings or [("", {})]:
        table = _table(key.removeprefix("by_"), shown, title)
        if len(groups) <= most_groups:
            for name, group in groups.items():
                table.add_row(name, *(cell(group, path, percent=shown.percent) for _, path in shown.columns))
        table.add_section()
        overall = (cell(figures["overall"], path, percent=shown.percent) for _, path in shown.columns)
        table.add_row("overall", *overall, style="bold")
        yield table


def published_table(
    benchmark: str,
    figures: Mapping[str, Any],
    published: Sequence[Published],
    *,
    protocol: str,
    columns: Sequence[Column] | None = None,
) -> Table:
    """Our figures over those that papers print, each with its protocol and source."""
    shown = layout(benchmark, columns)
    table = _table("model", shown, "published figures")
    table.add_column("protocol")
    table.add_column("source", overflow="fold")
    ours = (cell(figures["overall"], path, percent=shown.percent) for _, path in shown.columns)
    table.add_row("this run", *ours, protocol, "", style="bold")
    for entry in published:
        cells = (cell(entry.figures, path, percent=shown.percent) for _, path in shown.columns)
        table.add_row(entry.model, *cells, entry.protocol, entry.source)
    return table


def comparison_table(comparison: Comparison, *, kinds: bool = True) -> Table:
    """Both runs' figures, their difference and its interval; a star where the interval leaves out zero."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), title=comparison.benchmark)
    table.title_justify = "left"
    for heading in ("kind", "figure"):
        table.add_column(heading, no_wrap=True)
    for heading in ("A", "B", "B - A", "95 % interval", "n"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in comparison.differences:
        if entry.kind and not kinds:
            continue
        interval = "-" if entry.low is None else f"{entry.low:+.3f} ... {entry.high:+.3f}"
        change = "-" if entry.change is None else f"{entry.change:+.3f}{'*' if entry.is_clear else ' '}"
        table.add_row(
            entry.kind or "all",
            entry.figure,
            _number(entry.first),
            _number(entry.second),
            change,
            interval,
            str(entry.num_samples),
            style="" if entry.kind else "bold",
        )
    return table


def cell(group: Mapping[str, Any], path: str, *, percent: bool = False) -> str:
    """Counts as they are, shares with three digits or in percent, nothing measured as a dash.

    A key may hold the dot itself, as figures from a file do ("precision.P@0.5").
    """
    value: Any = group.get(path)
    if value is None:
        value = group
        for key in path.split(".", maxsplit=1):
            value = value.get(key) if isinstance(value, Mapping) else None
    if value is None or isinstance(value, Mapping):
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{100 * value:.1f}" if percent else f"{value:.3f}"


def _table(first: str, shown: Layout, title: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), title=title, title_justify="left")
    table.min_width = len(title) + 1  # a title longer than its table would be broken
    table.add_column(first, no_wrap=True)
    for heading, _ in shown.columns:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
