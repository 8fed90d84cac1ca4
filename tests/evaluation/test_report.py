"""Tables of figures, as a terminal shows them."""

import pytest
from rich.console import Console

from segue.evaluation.published import published_figures
from segue.evaluation.report import cell, published_table, tables


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


def shown(table) -> list[list[str]]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return [line.split() for line in capture.get().splitlines() if line.strip()]


def test_the_papers_benchmarks_are_in_percent():
    figures = {"overall": {"giou": 0.5294, "ciou": 0.54}, "by_kind": {"long": {"giou": 0.5, "ciou": None}}}
    [table] = tables("reasonseg-val", figures, protocol="paper")
    assert shown(table) == [
        ["reasonseg-val,", "protocol", "paper"],
        ["kind", "gIoU", "cIoU"],
        ["long", "50.0", "-"],
        ["overall", "52.9", "54.0"],
    ]


def test_a_benchmark_without_groups_has_its_overall_figures():
    [table] = tables("multirefcoco-unc-val", {"overall": {"giou": 1.0, "ciou": 0.5}})
    assert shown(table)[-1] == ["overall", "100.0", "50.0"]


def test_published_figures_stand_beside_ours():
    table = published_table(
        "refcoco-unc-val", {"overall": {"ciou": 0.5}}, published_figures("refcoco-unc-val"), protocol="free"
    )
    lines = shown(table)
    ours, lisa = (next(line for line in lines if line[0] == name) for name in ("this", "LISA-7B"))
    assert ours[:4] == ["this", "run", "-", "50.0"]
    assert ours[-1] == "free"
    assert lisa[2] == "74.1"
    assert "paper" in lisa
