"""Semantic segmentation by asking: each class that a picture has is asked for by its name; mIoU over classes.

A class's IoU is the sum of its intersections over the sum of its unions, over all pictures that it was asked
about; mIoU is the mean of the classes. With `--set absent=N` each picture is also asked for N classes that it
lacks, chosen by a hash: what is invented there enlarges the union of the class.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from segue.data.native import Expression, Record, Turn
from segue.errors import DataError
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.metrics import FREE, LISA
from segue.evaluation.rows import Row
from segue.evaluation.segmentation import SegmentationBenchmark
from segue.evaluation.wording import referring_turns

__all__ = ["BENCHMARKS", "SemanticBenchmark", "class_expressions"]


@dataclass(frozen=True)
class SemanticBenchmark(SegmentationBenchmark):
    """As its base, with the mean over classes."""

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        figures = super().summarise(rows)
        ious = [own["ciou"] for own in figures["by_kind"].values() if own["ciou"] is not None]
        figures["overall"]["miou"] = sum(ious) / len(ious) if ious else None
        figures["overall"]["num_classes"] = len(ious)
        return figures


def class_expressions(record: Record, *, absent: int = 0) -> list[Expression]:
    """One expression for each class of a record and for `absent` that it lacks; the class is its kind."""
    classes: dict[str, list[int]] = {}
    for entry in record.objects:
        classes.setdefault(entry.category, []).append(entry.id)
    lacking: Sequence[str] = () if record.exhaustive == "all" else record.exhaustive
    drawn = sorted(
        (name for name in lacking if name not in classes),
        key=lambda name: (zlib.crc32(f"{record.image} {name}".encode()), name),
    )[:absent]
    classes |= {name: [] for name in drawn}
    return [Expression(text=name, ids=ids, kind=name) for name, ids in classes.items()]


def _turns(setup: Setup, absent: int, record: Record) -> list[Turn]:
    # One class a question in every family: GSVA's question about all would tell which are there.
    return [
        turn
        for expression in class_expressions(record, absent=absent)
        for turn in referring_turns([expression], family=setup.family, protocol=setup.protocol)
    ]


def _open(name: str, setup: Setup) -> SemanticBenchmark:
    text = setup.options.get("absent", "0")
    if not text.isdecimal():
        raise DataError(f"--set absent={text}: it is a number of classes, 0 or more")
    return SemanticBenchmark(
        name,
        setup.protocol,
        _INFO[name].records(setup),
        partial(_turns, setup, int(text)),
        rules=LISA if setup.protocol == "paper" else FREE,
        family=setup.family,
        num=setup.num,
        options={"absent": int(text)},
    )


BENCHMARKS = tuple(
    BenchmarkInfo(
        name,
        title,
        partial(_open, name),
        source=source,
        split=split,
        options={"absent": "ask for so many classes that a picture lacks"},
    )
    for name, title, source, split in (
        ("semantic-ade20k-val", "ADE20K, 150 classes, validation", "ade20k", "validation"),
        ("semantic-cocostuff-val", "COCO-Stuff, val2017", "cocostuff", "val2017"),
        ("semantic-mapillary-val", "Mapillary Vistas 2.0, validation", "mapillary", "validation"),
        ("semantic-pascal-part-val", "PASCAL-Part, val", "pascal_part", "val"),
        ("semantic-paco-lvis-val", "PACO-LVIS, val", "paco_lvis", "val"),
    )
)
_INFO = {info.name: info for info in BENCHMARKS}
