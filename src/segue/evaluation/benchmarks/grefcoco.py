"""gRefCOCO: expressions for one object, several or none; gIoU, cIoU, N-acc and T-acc.

Under `paper` each family has the rules that its figures were made with. GSVA's `eval_gres` reads the decision
off the given answer and scores the mask of a wrong rejection too, at logits of 0 or more. Who cannot reject
(LISA, PixelLM, and other people's predictions) is scored as gRefCOCO's authors do: fewer than 50 pixels say
"not there".
"""

from __future__ import annotations

from functools import partial

from segue.data.native import Phrase, Record, Turn
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.metrics import FREE, GREFCOCO, RELA, Protocol
from segue.evaluation.segmentation import SegmentationBenchmark
from segue.evaluation.wording import referring_turns

__all__ = ["BENCHMARKS", "REJECTING"]

REJECTING = ("gsva", "segue")
"""Families with a `[REJ]`."""


def _turns(setup: Setup, record: Record) -> list[Turn]:
    return referring_turns(record.expressions, family=setup.family, protocol=setup.protocol)


def _rules(setup: Setup) -> Protocol:
    if setup.protocol == "free":
        return FREE
    return GREFCOCO if setup.family in REJECTING else RELA


def _open(name: str, setup: Setup) -> SegmentationBenchmark:
    rules = _rules(setup)
    return SegmentationBenchmark(
        name,
        setup.protocol,
        _INFO[name].records(setup),
        partial(_turns, setup),
        kind_of=_kind,
        rules=rules,
        family=setup.family,
        at_zero=rules is GREFCOCO,
        num=setup.num,
    )


def _kind(turn: Turn, phrase: Phrase) -> str:
    return ("none", "one", "several")[min(len(phrase.ids), 2)]


BENCHMARKS = tuple(
    BenchmarkInfo(
        f"grefcoco-{part}",
        f"gRefCOCO {part}",
        partial(_open, f"grefcoco-{part}"),
        source="grefcoco",
        split=f"unc/{part}",
    )
    for part in ("val", "testA", "testB")
)
_INFO = {info.name: info for info in BENCHMARKS}
