"""The benchmark of targets: both ways say the same, and the decoder's cost is split into shared and own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def benchmark():
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location("targets_benchmark", FOLDER / "targets.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FOLDER))


def test_both_ways_say_the_same(benchmark):
    predictor = benchmark.random_predictor("tiny", device="cpu", dtype=torch.float32)
    rows = benchmark.compare_answers(predictor, [1, 2])
    assert [(row["targets"], row["way"]) for row in rows] == [
        (1, "one by one"), (1, "ask"), (2, "one by one"), (2, "ask"),
    ]  # fmt: skip
    assert [row["ratio"] for row in rows if row["way"] == "one by one"] == [1, 1]


def test_another_answer_is_found_out(benchmark, monkeypatch):
    predictor = benchmark.random_predictor("tiny", device="cpu", dtype=torch.float32)
    monkeypatch.setattr(benchmark, "one_by_one", lambda *_: benchmark.Said([1], []))
    with pytest.raises(AssertionError, match="other ids"):
        benchmark.compare_answers(predictor, [1])


def test_the_decoders_cost_grows_by_the_same_for_every_target(benchmark):
    decoder = benchmark.measure_decoder([1, 2], device="cpu", dtype=torch.float32, repeats=1)
    flop = {(row["attention"], row["targets"]): row["gflop"] for row in decoder["rows"]}
    assert flop["tokens first", 1] < 0.5 * flop["plain", 1]
    assert flop["plain", 2] == pytest.approx(2 * flop["plain", 1], rel=0.01)
    assert decoder["shared_gflop"] > 20 * flop["plain", 1]
