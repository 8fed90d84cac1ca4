"""Ref-ZOM: expressions for zero, one or many objects.

The paper's oIoU, mIoU and Acc are cIoU, gIoU over the present targets, and N-acc here. GSVA's code scores it
as gRefCOCO, but for invented masks, which do not enlarge the union of cIoU.
"""

from __future__ import annotations

from functools import partial

from segue.data.native import Phrase, Record, Turn
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.benchmarks.grefcoco import REJECTING
from segue.evaluation.metrics import FREE, REF_ZOM, RELA
from segue.evaluation.segmentation import SegmentationBenchmark
from segue.evaluation.wording import referring_turns

__all__ = ["BENCHMARKS"]


def _turns(setup: Setup, record: Record) -> list[Turn]:
    return referring_turns(record.expressions, family=setup.family, protocol=setup.protocol)


def _kind(turn: Turn, phrase: Phrase) -> str:
    return ("zero", "one", "many")[min(len(phrase.ids), 2)]


def _open(setup: Setup) -> SegmentationBenchmark:
    paper = REF_ZOM if setup.family in REJECTING else RELA
    rules = paper if setup.protocol == "paper" else FREE
    return SegmentationBenchmark(
        INFO.name,
        setup.protocol,
        INFO.records(setup),
        partial(_turns, setup),
        kind_of=_kind,
        rules=rules,
        family=setup.family,
        at_zero=rules is REF_ZOM,
        num=setup.num,
    )


INFO = BenchmarkInfo("refzom-test", "Ref-ZOM test", _open, source="refzom", split="test")
BENCHMARKS = (INFO,)
