"""Captions of whole pictures: Localized Narratives, with a point for every word, and COCO captions without.

``free``: the model's own caption; METEOR and CIDEr against all captions of the picture, and how far its words
point from the trace of the same words in the first one (`point_l1_matched`, ours).
``paper``: that, and the first caption given to read, as PixelLLM's evaluator does: the distance of every
token's points from the corners of the trace while its word was spoken (`point_l1`: relative to the picture,
so 0.1 is a tenth of its side; a mean over pictures).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.native import Record, Turn, WordPoint
from segue.data.sources import RecordSet
from segue.errors import DataError
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
    scorer_settings,
)
from segue.evaluation.prediction import PointedWord, Prediction
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample
from segue.evaluation.segmentation import shuffled_names
from segue.evaluation.trace import match_words, point_l1

if TYPE_CHECKING:
    from segue.predictor import Predictor

__all__ = ["BENCHMARKS", "Narratives"]

CAPTION, TRACE = "caption", "trace"

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True)
class Narratives:
    """See the module's text."""

    name: str
    protocol: str
    records: RecordSet
    scorer: CaptionScorer | None
    traced: bool = True
    """The captions have traces."""
    num: int | None = None

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """ "trace L1" is `point_l1`, "own words" the same of words that the model chose."""
        traces = (("trace L1", "point_l1"), ("own words", "point_l1_matched")) if self.traced else ()
        return (*metric_columns(self.scorer), ("words F1", "word_f1"), *traces)

    @property
    def settings(self) -> dict[str, Any]:
        return {**scorer_settings(self.scorer), "num_pictures": len(self.records)}

    def names(self) -> list[str]:
        return shuffled_names(len(self.records))[: self.num]

    def sample(self, name: str) -> Sample:
        from segue.query import CAPTION_QUESTION

        record = self.records[int(name)]
        if not record.captions:
            raise DataError(f"sample {name}: the picture {record.image} has no caption")
        first = record.captions[0]
        kinds = (CAPTION, TRACE) if self._reads else (CAPTION,)
        turns = [
            Turn(question=CAPTION_QUESTION, answer=first.text, points=first.points, type=kind)
            for kind in kinds
        ]
        return Sample(name, Path(self.records.folder) / record.image, record, turns)

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        from dataclasses import replace

        from segue.evaluation.asking import see_all
        from segue.evaluation.forced_points import read_points

        said = caption_turns(predictor, [replace(s, turns=s.turns[:1]) for s in samples], batch_size)
        if not self._reads:
            return said
        seen = see_all(predictor, samples)
        return [
            [*own, read_points(predictor, picture, sample.turns[1].answer)]
            for own, picture, sample in zip(said, seen, samples, strict=True)
        ]

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        record = sample.record
        said = predictions[0]
        row: Row = caption_row(said.text, [caption.text for caption in record.captions])
        ratios: Ratios = {}
        for figure in ("exact", "word_f1"):
            add_ratio(ratios, figure, float(row[figure]), 1)
        if self.traced:
            matched = list(_matched(said, sample.turns[0], record))
            row["point_l1_matched"] = [sum(matched), len(matched)]
            add_ratio(ratios, "point_l1_matched", sum(matched), len(matched))
        for forced in predictions[1:]:
            traced = list(_traced(forced, sample.turns[1], record))
            row["point_l1"] = sum(traced) / len(traced) if traced else None
            if traced:
                add_ratio(ratios, "point_l1", row["point_l1"], 1)
        return {"score": row["word_f1"], **row, "ratios": ratios}

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        overall = caption_figures(rows, self.scorer)
        if not self.traced:
            return {"overall": overall}
        total = count = 0.0
        traced = []
        for row in rows:
            total += row["point_l1_matched"][0]
            count += row["point_l1_matched"][1]
            if row.get("point_l1") is not None:
                traced.append(row["point_l1"])
        overall["point_l1_matched"] = total / count if count else None
        overall["num_words_matched"] = int(count)
        if self._reads:
            overall["point_l1"] = sum(traced) / len(traced) if traced else None
        return {"overall": overall}

    @property
    def _reads(self) -> bool:
        """The reference is given to read too."""
        return self.traced and self.protocol == "paper"


def _matched(said: Prediction, turn: Turn, record: Record) -> Iterator[float]:
    """Distances of the words that the caption shares with the reference and that have a place in both."""
    spoken = [word for word in said.words if word.point is not None]
    named = [(match.group(), _place_of(match.span(), turn)) for match in _WORD.finditer(turn.answer)]
    for index, other in match_words([word.text for word in spoken], [name for name, _ in named]):
        target = named[other][1]
        if target is not None:
            yield _distance(spoken[index], target, record)


def _traced(forced: Prediction, turn: Turn, record: Record) -> Iterator[float]:
    """Distances of all pieces of the given caption that belong to an utterance with a place."""
    for piece in forced.words:
        target = _place_of(piece.span, turn)
        if target is not None and piece.point is not None:
            yield _distance(piece, target, record)


def _place_of(span: tuple[int, int], turn: Turn) -> WordPoint | None:
    """The place of the utterance that some characters of the reference belong to."""
    start, end = span
    return next((point for point in turn.points if point.span[0] < end and start < point.span[1]), None)


def _distance(word: PointedWord, target: WordPoint, record: Record) -> float:
    size = np.array([record.width, record.height], float)
    return point_l1(_corners(word.point, word.extent) / size, _corners(target.point, target.extent) / size)


def _corners(point: Sequence[float] | None, extent: Sequence[float] | None) -> np.ndarray:
    """Two corners, or the one point where there is no more."""
    return np.array(extent if extent is not None else point, float).reshape(-1, 2)


def _open(name: str, setup: Setup) -> Narratives:
    info, scorer = _INFO[name], open_scorer(setup.options)
    return Narratives(
        name,
        setup.protocol,
        info.records(setup),
        scorer,
        traced=info.source == "localized_narratives",
        num=setup.num,
    )


BENCHMARKS = tuple(
    BenchmarkInfo(name, title, partial(_open, name), source=source, split=split, options=CAPTIONS_OPTION)
    for name, title, source, split in (
        ("localized-narratives-coco-val", "Localized Narratives, COCO", "localized_narratives", "coco/val"),
        (
            "localized-narratives-flickr30k-test",
            "Localized Narratives, Flickr30k",
            "localized_narratives",
            "flickr30k/test",
        ),
        (
            "localized-narratives-ade20k-val",
            "Localized Narratives, ADE20K",
            "localized_narratives",
            "ade20k/validation",
        ),
        ("coco-captions-val", "COCO captions, Karpathy's val", "coco_captions", "karpathy/val"),
        ("coco-captions-test", "COCO captions, Karpathy's test", "coco_captions", "karpathy/test"),
    )
)
_INFO = {info.name: info for info in BENCHMARKS}
