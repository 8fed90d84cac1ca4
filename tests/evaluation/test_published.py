"""The papers' figures: complete, within bounds, of benchmarks that there are, and sure or marked as not."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from segue.evaluation.benchmarks import PROTOCOLS, all_benchmarks
from segue.evaluation.published import PublishedTable, all_published, published_figures, published_tables

KNOWN = {"giou", "ciou", "n_acc", "t_acc", "box_accuracy", "map", "meteor", "cider"}


def test_every_figure_is_of_a_benchmark_that_there_is():
    infos = {info.name: info for info in all_benchmarks()}
    for entry in all_published():
        assert entry.protocol in infos[entry.benchmark].protocols, entry
        assert entry.protocol in PROTOCOLS


def test_figures_are_fractions_under_our_own_names():
    for entry in all_published():
        assert entry.figures
        assert entry.figures.keys() <= KNOWN
        for name, value in entry.figures.items():
            assert 0 < value < (10 if name == "cider" else 1), (entry.model, name)


def test_every_figure_has_its_source_and_how_it_was_scored():
    for table in published_tables():
        assert any(paper in table.source for paper in ("LISA", "GSVA", "PixelLM", "PixelLLM")), table.title
        assert len(table.how) > 40, table.title
        assert "`segue eval BENCHMARK" in table.reproduce, table.title


def test_nothing_is_printed_twice():
    keys = [
        (entry.benchmark, entry.model, entry.source, name)
        for entry in all_published()
        for name in entry.figures
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("benchmark", "model", "name", "value", "confirmed"),
    [
        ("reasonseg-val", "LISA-7B", "giou", 0.444, True),
        ("reasonseg-test", "LISA-7B", "ciou", 0.341, True),
        ("reasonseg-test-long", "LISA-7B", "giou", 0.366, False),
        ("refcoco+-unc-testB", "PixelLM-7B", "ciou", 0.583, True),
        ("refcocog-umd-test", "PixelLLM (BERT)", "box_accuracy", 0.85, True),
        ("grefcoco-val", "gsva-7b-ft-gres", "n_acc", 0.6256, True),
        ("grefcoco-val", "GSVA-7B (ft)", "giou", 0.6647, False),  # one of its figures is from memory
        ("muse-test", "PixelLM-7B", "giou", 0.392, False),
        ("vg-dense-captions", "PixelLLM (T5-XL)", "map", 0.175, True),
        ("vg-captions", "PixelLLM (T5-XL)", "cider", 1.49, True),
    ],
)
def test_some_figures(benchmark, model, name, value, confirmed):
    entry = next(one for one in published_figures(benchmark) if one.model == model and name in one.figures)
    assert entry.figures[name] == value
    assert entry.confirmed == confirmed


def test_a_benchmark_without_figures():
    assert published_figures("scenes") == []


def table(cells, **changes):
    content = {
        "title": "t", "source": "s", "how": "h", "reproduce": "r", "protocol": "paper",
        "benchmarks": ["a", "b"], "figures": ["giou", "ciou"],
        "rows": [{"model": "m", "cells": cells}],
    }  # fmt: skip
    return PublishedTable.model_validate({**content, **changes})


@pytest.mark.parametrize(
    "cells",
    [
        [[1.0, 2.0]],  # a benchmark without a cell
        [[1.0, 2.0], [1.0]],  # a figure short
        [[1.0, 2.0], [1.0, "about 3"]],  # no figure
    ],
)
def test_a_table_with_holes_is_refused(cells):
    with pytest.raises(ValidationError):
        table(cells)


def test_a_cell_may_be_empty_or_from_memory():
    assert table([None, [1.0, "2.5?"]]).rows[0].cells == [[None], [1.0, "2.5?"]]
