"""The benchmark of number types: both ways are one step with the same loss, and a wrong one is noticed."""

from __future__ import annotations

import pytest


def test_both_are_the_same_step(benchmark, tmp_path):
    objective, batch = benchmark.step_of(1, tmp_path)
    exact, rounded = benchmark.compare(objective, batch, repeats=1)
    assert exact["ratio"] == 1
    assert rounded["seconds"] > 0
    assert rounded["loss"] != exact["loss"]  # it was rounded
    assert any(parameter.grad is not None for parameter in objective.parameters())


def test_another_loss_is_no_measurement(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "timed", lambda *_, bf16: (1.0, 2.0 if bf16 else 1.0))
    with pytest.raises(AssertionError, match="differ by 100"):
        benchmark.compare(None, {}, repeats=1)
