"""The photographs that training of segue/mini leaves out (`segue.evaluation.photographs`)."""

from __future__ import annotations

from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.photographs import PhotographsBenchmark, load_benchmark

__all__ = ["BENCHMARKS"]


def _open(setup: Setup) -> PhotographsBenchmark:
    assert setup.data is not None
    return load_benchmark(setup.data, num=setup.num, protocol=setup.protocol)


BENCHMARKS = (BenchmarkInfo("photographs", "held-out photographs of segue", _open),)
