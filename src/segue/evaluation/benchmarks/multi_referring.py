"""Multi-referring segmentation (PixelLM): all expressions of a picture, 6, 5, 4, 6, ... in one question.

Under `paper` the answer with one group of mask tokens per expression is given. Under `free` the model answers
by itself, and its masks are matched with the expressions.
"""

from __future__ import annotations

from functools import partial

from segue.data.native import Record, Turn
from segue.errors import CapabilityError
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.benchmarks.refcoco import SPLITS
from segue.evaluation.metrics import FREE, LISA
from segue.evaluation.segmentation import SegmentationBenchmark
from segue.evaluation.wording import multi_referring_turns

__all__ = ["BENCHMARKS"]


def _turns(setup: Setup, record: Record) -> list[Turn]:
    return multi_referring_turns(record.expressions, family=setup.family)


def _open(name: str, setup: Setup) -> SegmentationBenchmark:
    if setup.family == "pixelllm":
        raise CapabilityError("multi-referring asks for several things at once; PixelLLM takes one")
    return SegmentationBenchmark(
        name,
        setup.protocol,
        _INFO[name].records(setup),
        partial(_turns, setup),
        rules=LISA if setup.protocol == "paper" else FREE,
        family=setup.family,
        num=setup.num,
    )


def _info(source: str, title: str, split: str) -> BenchmarkInfo:
    name = f"multi{source}-{split.replace('/', '-')}"
    return BenchmarkInfo(
        name, f"multi-referring {title} {split}", partial(_open, name), source=source, split=split
    )


BENCHMARKS = tuple(
    _info(source, title, split) for source, (title, splits) in SPLITS.items() for split in splits
)
_INFO = {info.name: info for info in BENCHMARKS}
