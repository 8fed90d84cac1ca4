"""Two runs side by side: figures, intervals, the samples behind them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from rich.console import Console

from segue.errors import DataError
from segue.evaluation.comparison import compare, paired_bootstrap
from segue.evaluation.report import comparison_table
from segue.evaluation.rows import write_rows


def row(name: str, iou: float, *, kind: str = "one", size: int = 10) -> dict:
    figures = {"giou": [iou, 1], "ciou": [iou * size, size]}
    return {"name": name, "score": iou, "ratios": {"": figures, kind: figures}}


@pytest.fixture
def runs(tmp_path):
    """`runs(rows_a, rows_b)` writes two runs and returns their folders."""

    def make(*all_rows, benchmarks=("scenes", "scenes")):
        folders = []
        for name, rows, benchmark in zip("ab", all_rows, benchmarks, strict=True):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "settings.json").write_text(json.dumps({"benchmark": benchmark, "protocol": "free"}))
            write_rows(folder / "rows.jsonl", rows)
            folders.append(folder)
        return folders

    return make


def test_figures_by_kind_on_shared_samples(runs):
    first = [row("0", 0.5), row("1", 0.0, kind="two", size=90), row("2", 1.0)]
    second = [row("0", 1.0), row("1", 0.5, kind="two", size=90), row("9", 0.0)]
    found = compare(*runs(first, second))
    table = {(d.kind, d.figure): (d.first, d.second, d.num_samples) for d in found.differences}
    assert table["", "giou"] == (0.25, 0.75, 2)
    assert table["", "ciou"] == (0.05, 0.55, 2)
    assert table["two", "giou"] == (0.0, 0.5, 1)
    assert table["one", "ciou"] == (0.5, 1.0, 1)
    assert (found.only_first, found.only_second) == (1, 1)
    assert [entry.name for entry in found.samples] == ["0", "1"]
    assert json.loads(json.dumps(found.to_dict()))["differences"][0]["change"] is not None


def test_an_interval_says_whether_a_difference_is_more_than_chance(runs):
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.8, 200)
    better = [row(str(i), float(v) + 0.1) for i, v in enumerate(base)]
    noisy = [row(str(i), float(v)) for i, v in enumerate(np.clip(base + rng.normal(0, 0.2, 200), 0, 1))]
    same = [row(str(i), float(v)) for i, v in enumerate(base)]
    folders = runs(same, better)
    [giou] = [d for d in compare(*folders).differences if (d.kind, d.figure) == ("", "giou")]
    # Every sample is better by as much: nothing is left to chance, though samples differ a lot.
    assert (giou.low, giou.high) == (pytest.approx(0.1), pytest.approx(0.1))
    assert giou.is_clear
    write_rows(folders[1] / "rows.jsonl", noisy)
    [giou] = [d for d in compare(*folders).differences if (d.kind, d.figure) == ("", "giou")]
    assert giou.low < 0 < giou.high
    assert not giou.is_clear


def test_the_interval_is_that_of_theory():
    """For means, the normal approximation of the paired difference."""
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.5, 0.1, 400), rng.normal(0.52, 0.1, 400)
    ones = np.ones(400)
    low, high = paired_bootstrap(np.stack([first, ones], 1), np.stack([second, ones], 1), resamples=4000)
    mean, error = (second - first).mean(), (second - first).std(ddof=1) / 20
    assert low == pytest.approx(mean - 1.96 * error, abs=8e-4)
    assert high == pytest.approx(mean + 1.96 * error, abs=8e-4)
    again = paired_bootstrap(np.stack([first, ones], 1), np.stack([second, ones], 1), resamples=4000)
    assert again == (low, high)  # the draws are fixed


def test_nothing_to_divide_by_has_no_interval():
    nothing = np.zeros((3, 2))
    assert paired_bootstrap(nothing, nothing) is None


def test_what_cannot_be_compared(runs, tmp_path):
    with pytest.raises(DataError, match="nowhere holds no run"):
        compare(tmp_path / "nowhere", tmp_path)
    folders = runs([row("0", 1.0)], [row("1", 1.0)])
    with pytest.raises(DataError, match="have no sample in common"):
        compare(*folders)


def test_two_benchmarks_cannot_be_compared(runs):
    folders = runs([row("0", 1.0)], [row("0", 1.0)], benchmarks=("scenes", "photographs"))
    with pytest.raises(DataError, match=r"is a run of scenes, .* one of photographs"):
        compare(*folders)


def test_the_table(runs):
    found = compare(*runs([row("0", 0.25)], [row("0", 0.75)]))
    console = Console(width=120)
    with console.capture() as capture:
        console.print(comparison_table(found))
    line = next(line for line in capture.get().splitlines() if "all" in line and "giou" in line)
    assert line.split() == ["all", "giou", "0.250", "0.750", "+0.500*", "+0.500", "...", "+0.500", "1"]
