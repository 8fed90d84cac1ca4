"""The generation benchmark: its naive loop and ours say the same, and it prints a ratio."""

from __future__ import annotations

import json
import sys

import pytest

from tests.modeling.speaking import LEARNED, picture, speaking_predictor


def test_all_ways_say_the_same(benchmark):
    predictor = speaking_predictor()
    seen = [predictor.encode(picture(seed)) for seed in range(2)]
    asked = [row[0] for row in LEARNED if not row[4]]
    questions = [(seen[i % 2], predictor.processor.question_ids(q)) for i, q in enumerate(asked)]
    results = benchmark.compare(predictor, questions, repeats=1)
    assert [result.name for result in results] == [
        "naive, one by one",
        "cached, one by one",
        "cached, one batch",
    ]
    assert all(result.num_answers == len(asked) for result in results)
    assert all(result.tokens_per_second > result.answers_per_second > 0 for result in results)


def test_a_way_that_says_something_else_is_found_out(benchmark, monkeypatch):
    predictor = speaking_predictor()
    questions = [(predictor.encode(picture()), predictor.processor.question_ids("How many?"))]
    monkeypatch.setattr(benchmark, "naive", lambda *_: [1, 2, 3])
    with pytest.raises(AssertionError, match="other ids than the naive loop"):
        benchmark.compare(predictor, questions, repeats=1)


def test_it_prints_a_ratio(benchmark, monkeypatch, capsys):
    """The whole script, on the speaker in place of a model of real size."""
    monkeypatch.setattr(benchmark.segue, "load", lambda *_, **__: speaking_predictor())
    arguments = ["generation.py", "--model", "speaker", "--questions", "3", "--max-new-tokens", "6"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--repeats", "1", "--json"])
    benchmark.main()
    report = json.loads(capsys.readouterr().out)
    assert report["questions"] == 3
    assert report["ways"][0]["ratio"] == 1
    monkeypatch.setattr(sys, "argv", [*arguments, "--repeats", "1"])
    benchmark.main()
    assert "RATIO" in capsys.readouterr().out
