"""The benchmark of dense captions: both ways say the same, and it prints a ratio."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from tests.modeling.tiny_pixelllm import tiny_pixelllm


def inputs(benchmark):
    return benchmark.picture(56), benchmark.random_boxes(5, 56), torch.tensor([4, 5, 1, 0])


def test_both_ways_say_the_same(benchmark):
    results = benchmark.compare(tiny_pixelllm(), *inputs(benchmark), length=6, repeats=1)
    assert [result.name for result in results] == ["one pass for each box", "seen once, in one batch"]
    assert all(result.num_boxes == 5 and result.seconds > 0 for result in results)


def test_different_captions_are_found_out(benchmark, monkeypatch):
    model = tiny_pixelllm()
    caption = type(model).caption

    def other_in_batches(self, features, boxes, *args, **kwargs):
        found = caption(self, features, boxes, *args, **kwargs)
        if boxes.shape[1] > 1:
            found.texts[0, 0, 1] += 1
        return found

    monkeypatch.setattr(type(model), "caption", other_in_batches)
    with pytest.raises(AssertionError, match="different captions"):
        benchmark.compare(model, *inputs(benchmark), length=6, repeats=1)


def test_it_prints_a_ratio(benchmark, monkeypatch, capsys):
    arguments = ["--boxes", "3", "--side", "56", "--layers", "2", "--repeats", "1", "--json"]
    monkeypatch.setattr(sys, "argv", ["dense_captions.py", *arguments])
    benchmark.main()
    found = json.loads(capsys.readouterr().out)
    assert found["boxes"] == 3
    assert found["ways"][0]["ratio"] == 1
    assert found["ways"][1]["ratio"] > 0
