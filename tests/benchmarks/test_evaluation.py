"""The evaluation benchmark: both ways say the same, and it prints a ratio."""

from __future__ import annotations

import json
import sys

import pytest

from segue.evaluation.scenes import ScenesBenchmark
from tests.modeling.speaking import speaking_predictor


def test_it_prints_a_ratio(benchmark, monkeypatch, capsys):
    """The whole script, on the speaker in place of a model of real size."""
    monkeypatch.setattr(benchmark.segue, "load", lambda *_, **__: speaking_predictor())
    monkeypatch.setattr(sys, "argv", ["evaluation.py", "--scenes", "2", "--json"])
    benchmark.main()
    report = json.loads(capsys.readouterr().out)
    assert [way["way"] for way in report["ways"]] == ["one by one", "harness"]
    assert report["ways"][0]["ratio"] == 1


def test_a_way_that_says_something_else_is_found_out(benchmark, monkeypatch):
    monkeypatch.setattr(
        benchmark, "one_by_one", lambda _, samples: [[benchmark.Prediction("?")] for _ in samples]
    )
    with pytest.raises(AssertionError, match="something else than one by one"):
        benchmark.compare(speaking_predictor(), OneTurn(num=1))


class OneTurn(ScenesBenchmark):
    def sample(self, name):
        sample = super().sample(name)
        return type(sample)(sample.name, sample.image, sample.record, sample.turns[:1])
