"""The package's own held-out scenes, drawn in code: no data are needed (`segue.evaluation.scenes`)."""

from __future__ import annotations

from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.caption_scores import open_scorer
from segue.evaluation.captioning import CAPTIONS_OPTION
from segue.evaluation.scene_words import SceneWords
from segue.evaluation.scenes import ScenesBenchmark

__all__ = ["BENCHMARKS"]


def _open(setup: Setup) -> ScenesBenchmark:
    return ScenesBenchmark(num=setup.num or 200, protocol=setup.protocol)


def _open_words(setup: Setup) -> SceneWords:
    scorer = open_scorer({"captions": "python"} | dict(setup.options))
    return SceneWords(num=setup.num or 200, scorer=scorer)


BENCHMARKS = (
    BenchmarkInfo("scenes", "held-out scenes of segue", _open, needs_data=False),
    BenchmarkInfo(
        "scenes-words",
        "held-out scenes: words with points, regions, dense captions, expressions",
        _open_words,
        protocols=("free",),
        options={
            "captions": CAPTIONS_OPTION["captions"]
            .replace(" (default:", " (")
            .replace("python (without", "python (the default here; without")
        },
        needs_data=False,
    ),
)
