"""The package's own held-out scenes, drawn in code: no data are needed (`segue.evaluation.scenes`)."""

from __future__ import annotations

from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.scenes import ScenesBenchmark

__all__ = ["BENCHMARKS"]


def _open(setup: Setup) -> ScenesBenchmark:
    return ScenesBenchmark(num=setup.num or 200, protocol=setup.protocol)


BENCHMARKS = (BenchmarkInfo("scenes", "held-out scenes of segue", _open, needs_data=False),)
