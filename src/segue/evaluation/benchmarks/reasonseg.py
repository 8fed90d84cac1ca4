"""ReasonSeg (LISA): a question that needs reasoning, and one mask.

LISA's validation asks the first text of each picture only; so is it here, under both protocols, which keeps
their figures comparable. Its labels mark regions that count neither way. Test is reported as short (a
phrase), long (a sentence) and all.
"""

from __future__ import annotations

from functools import partial

from segue.data.native import Record, Turn
from segue.data.sources import RecordSet
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.metrics import FREE, LISA
from segue.evaluation.segmentation import SegmentationBenchmark, Subset
from segue.evaluation.wording import reasoning_turn

__all__ = ["BENCHMARKS"]


def _turns(family: str, record: Record) -> list[Turn]:
    return [reasoning_turn(expression, family=family) for expression in record.expressions[:1]]


def _open(name: str, split: str, kind: str, setup: Setup) -> SegmentationBenchmark:
    records: RecordSet = _INFO[name].records(setup)
    if kind:
        records = Subset.where(records, lambda record: record.expressions[0].kind == kind)
    return SegmentationBenchmark(
        name,
        setup.protocol,
        records,
        partial(_turns, setup.family),
        rules=LISA if setup.protocol == "paper" else FREE,
        family=setup.family,
        num=setup.num,
    )


BENCHMARKS = tuple(
    BenchmarkInfo(name, title, partial(_open, name, split, kind), source="reasonseg", split=split)
    for name, title, split, kind in (
        ("reasonseg-val", "ReasonSeg val", "val", ""),
        ("reasonseg-test", "ReasonSeg test, all", "test", ""),
        ("reasonseg-test-short", "ReasonSeg test, short queries", "test", "short"),
        ("reasonseg-test-long", "ReasonSeg test, long queries", "test", "long"),
    )
)
_INFO = {info.name: info for info in BENCHMARKS}
