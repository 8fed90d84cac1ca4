"""The figures of a benchmark as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

Column = tuple[str, str]
"""Heading and key of a figure; a dot reaches into a dictionary: "precision.P@0.5" is cut at the first one."""

SCENES: Sequence[Column] = (
    ("turns", "num_turns"),
    ("gIoU", "giou"),
    ("present", "giou_present"),
    ("P@0.5", "precision.P@0.5"),
    ("N-acc", "n_acc"),
    ("T-acc", "t_acc"),
    ("count", "exact_count"),
    ("text", "same_text"),
    ("words", "words_inside"),
)
"""Narrow enough for 80 characters; the other figures are in the summary. "present" is gIoU without absent
targets."""

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


def tables(benchmark: str, figures: Mapping[str, Any]) -> Iterator[Table]:
    """One table per grouping ("by_type", "by_category" ...), each ending with the overall figures."""
    columns = PHOTOGRAPHS if benchmark == "photographs" else SCENES
    for key, groups in figures.items():
        if key == "overall":
            continue
        table = Table(
            box=None, header_style="bold", padding=(0, 1, 0, 0), title=benchmark, title_justify="left"
        )
        table.add_column(key.removeprefix("by_"), no_wrap=True)
        for heading, _ in columns:
            table.add_column(heading, justify="right", no_wrap=True)
        for name, group in groups.items():
            table.add_row(name, *(cell(group, path) for _, path in columns))
        table.add_section()
        table.add_row("overall", *(cell(figures["overall"], path) for _, path in columns), style="bold")
        yield table


def cell(group: Mapping[str, Any], path: str) -> str:
    """Counts as they are, shares with three digits, nothing measured as a dash."""
    value: Any = group
    for key in path.split(".", maxsplit=1):
        value = value.get(key) if isinstance(value, Mapping) else None
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
