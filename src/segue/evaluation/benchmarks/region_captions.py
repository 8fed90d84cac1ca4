"""Captions of given boxes (PixelLLM calls them location-conditioned): METEOR and CIDEr.

Every labelled box is a sample with one reference, as in the released evaluation: nothing is merged. On
RefCOCOg the expressions are the references. Captions are generated under both protocols, which are one here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.data.native import Record
from segue.data.sources import RecordSet
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.caption_scores import CaptionScorer, open_scorer
from segue.evaluation.captioning import (
    CAPTIONS_OPTION,
    Ratios,
    add_ratio,
    caption_figures,
    caption_row,
    caption_turns,
    metric_columns,
    region_turn,
    scorer_settings,
)
from segue.evaluation.prediction import Prediction
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample
from segue.evaluation.segmentation import shuffled_names

if TYPE_CHECKING:
    from segue.predictor import Predictor

__all__ = ["BENCHMARKS", "RegionCaptions"]

Region = tuple[Sequence[float], str]
"""x, y, width, height, and what is said of it."""


@dataclass(frozen=True)
class RegionCaptions:
    """See the module's text. `regions` are those of a record."""

    name: str
    protocol: str
    records: RecordSet
    regions: Callable[[Record], Iterator[Region]]
    scorer: CaptionScorer | None
    num: int | None = None

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return (*metric_columns(self.scorer), ("words F1", "word_f1"), ("exact", "exact"))

    @property
    def settings(self) -> dict[str, Any]:
        return {**scorer_settings(self.scorer), "num_pictures": len(self.records)}

    def names(self) -> list[str]:
        return shuffled_names(len(self.records))[: self.num]

    def sample(self, name: str) -> Sample:
        record = self.records[int(name)]
        turns = [region_turn(text, box, record) for box, text in self.regions(record)]
        return Sample(name, Path(self.records.folder) / record.image, record, turns)

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        return caption_turns(predictor, samples, batch_size)

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        turns = [
            {"region": turn.region, **caption_row(said.text, [turn.answer])}
            for turn, said in zip(sample.turns, predictions, strict=True)
        ]
        ratios: Ratios = {}
        for turn in turns:
            for figure in ("exact", "word_f1"):
                add_ratio(ratios, figure, float(turn[figure]), 1)
        shared = [turn["word_f1"] for turn in turns]
        return {"score": sum(shared) / len(shared) if shared else None, "turns": turns, "ratios": ratios}

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        return {"overall": caption_figures((turn for row in rows for turn in row["turns"]), self.scorer)}


def captions_with_boxes(record: Record) -> Iterator[Region]:
    """Visual Genome: descriptions of regions."""
    for caption in record.captions:
        if caption.region is not None:
            yield caption.region, caption.text


def expressions_with_boxes(record: Record) -> Iterator[Region]:
    """RefCOCOg: each expression of one object describes the box of that object."""
    boxes = {thing.id: thing.bbox for thing in record.objects}
    for expression in record.expressions:
        if len(expression.ids) == 1:
            yield boxes[expression.ids[0]], expression.text


_REGIONS = {"vg-captions": captions_with_boxes, "refcocog-captions": expressions_with_boxes}


def _open(name: str, setup: Setup) -> RegionCaptions:
    scorer = open_scorer(setup.options)
    return RegionCaptions(
        name, setup.protocol, _INFO[name].records(setup), _REGIONS[name], scorer, num=setup.num
    )


BENCHMARKS = tuple(
    BenchmarkInfo(name, title, partial(_open, name), source=source, split=split, options=CAPTIONS_OPTION)
    for name, title, source, split in (
        ("vg-captions", "Visual Genome, captions of given boxes", "visual_genome", "test"),
        ("refcocog-captions", "RefCOCOg val, captions of given boxes", "refcocog", "umd/val"),
    )
)
_INFO = {info.name: info for info in BENCHMARKS}
