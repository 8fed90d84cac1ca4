"""RefCOCO, RefCOCO+ and RefCOCOg: every sentence of a picture, one mask and one box each.

LISA, PixelLM and GSVA print cIoU of masks under teacher forcing; PixelLLM and GSVA also the share of boxes
above IoU 0.5. A box that a model does not predict is that of its mask.
"""

from __future__ import annotations

from functools import partial

from segue.data.native import Record, Turn
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.metrics import FREE, LISA
from segue.evaluation.segmentation import SegmentationBenchmark
from segue.evaluation.wording import referring_turns

__all__ = ["BENCHMARKS"]

SPLITS = {
    "refcoco": ("RefCOCO", ("unc/val", "unc/testA", "unc/testB")),
    "refcoco+": ("RefCOCO+", ("unc/val", "unc/testA", "unc/testB")),
    "refcocog": ("RefCOCOg", ("umd/val", "umd/test", "google/val")),
}


def _turns(setup: Setup, record: Record) -> list[Turn]:
    return referring_turns(record.expressions, family=setup.family, protocol=setup.protocol)


def _open(name: str, setup: Setup) -> SegmentationBenchmark:
    return SegmentationBenchmark(
        name,
        setup.protocol,
        _INFO[name].records(setup),
        partial(_turns, setup),
        rules=LISA if setup.protocol == "paper" else FREE,
        family=setup.family,
        boxes=True,
        num=setup.num,
    )


def _info(source: str, title: str, split: str) -> BenchmarkInfo:
    name = f"{source}-{split.replace('/', '-')}"
    return BenchmarkInfo(name, f"{title} {split}", partial(_open, name), source=source, split=split)


BENCHMARKS = tuple(
    _info(source, title, split) for source, (title, splits) in SPLITS.items() for split in splits
)
_INFO = {info.name: info for info in BENCHMARKS}
