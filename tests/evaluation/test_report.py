"""Tables of figures, as a terminal shows them."""

import pytest
from rich.console import Console

from segue.evaluation.report import cell, tables


@pytest.mark.parametrize(
    ("figures", "path", "expected"),
    [
        ({"giou": 0.81234}, "giou", "0.812"),
        ({"giou": None}, "giou", "-"),  # nothing measured
        ({"precision": {"P@0.5": 1.0}}, "precision.P@0.5", "1.000"),
        ({"precision": {}}, "precision.P@0.5", "-"),
        ({"num_turns": 7}, "num_turns", "7"),
        ({}, "giou", "-"),
    ],
)
def test_cell(figures, path, expected):
    assert cell(figures, path) == expected


def test_tables_end_with_the_overall_figures():
    figures = {
        "overall": {"num_turns": 3, "giou_present": 0.5, "ellipse": 0.25},
        "by_category": {"dog": {"num_turns": 2, "giou_present": 0.75}, "cat": {"num_turns": 1}},
        "by_kind": {"one": {"num_turns": 3}},
    }
    console = Console(width=200)
    shown = []
    for table in tables("photographs", figures):
        with console.capture() as capture:
            console.print(table)
        shown.append(capture.get())
    category, kind = shown
    assert "category" in category
    assert "0.750" in category
    assert category.rstrip().splitlines()[-1].split()[:4] == ["overall", "3", "0.500", "0.250"]
    assert "kind" in kind
