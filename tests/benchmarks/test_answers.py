"""The benchmark of answers: the original algorithm and ours say the same, and it prints a ratio."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location("answers_benchmark", FOLDER / "answers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def predictor(benchmark):
    return benchmark.random_predictor("tiny", words=3, device="cpu", dtype=torch.float32)


def test_all_ways_say_the_same(benchmark, predictor):
    for case, (pairs, ways) in benchmark.cases(2, 1).items():
        results = benchmark.compare(predictor, pairs, ways, case=case, most=20, repeats=1)
        assert [result.way for result in results] == list(ways)
        assert all(result.num_answers == len(pairs) and result.agreement > 0.999 for result in results)
    said = benchmark.original(predictor, pairs, 20)
    assert [len(one.ids) for one in said] == [3 + 2]
    assert all(len(one.masks) == 1 for one in said)


def test_the_original_may_be_asked_less(benchmark, predictor):
    pairs, ways = benchmark.cases(2, 1)["2 on one picture"]
    first, *others = benchmark.compare(predictor, pairs, ways, case="", most=20, repeats=1, sample=1)
    assert first.num_answers == 1
    assert [result.num_answers for result in others] == [2, 2]


def test_a_way_that_says_something_else_is_found_out(benchmark, predictor):
    pairs, ways = benchmark.cases(1, 1)["one question"]
    ways = ways | {"wrong": lambda *_: [benchmark.Said([1, 2], [])]}
    with pytest.raises(AssertionError, match="wrong says other ids"):
        benchmark.compare(predictor, pairs, ways, case="", most=20, repeats=1)


def test_it_prints_ratios(benchmark, monkeypatch, capsys):
    arguments = ["answers.py", "--size", "tiny", "--words", "3", "--questions", "2", "--pictures", "1"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--json"])
    benchmark.main()
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["ratio"] for row in rows if row["way"] == "original"] == [1, 1, 1]
    monkeypatch.setattr(sys, "argv", arguments)
    benchmark.main()
    assert "RATIO" in capsys.readouterr().out
