"""Benchmarks of the form "an expression, and the mask it means": the score of a target, rows and figures.

A benchmark file says which records, which questions and which rules (`metrics.Protocol`); all else is here,
once. A phrase of a turn is a target. Under `paper` the answer was given, so its targets are the phrases, in
order. Under `free` the model chose how many masks to give: one expression is answered by all of them
together, several by matching (in order when there are as many, else the best assignment).
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.native import Phrase, Record, Turn, decode_mask, mask_box
from segue.data.sources import RecordSet
from segue.errors import DataError
from segue.evaluation.metrics import (
    FREE,
    IGNORE_LABEL,
    Protocol,
    Tally,
    TargetScore,
    box_iou,
    match_targets,
    score_target,
)
from segue.evaluation.prediction import Prediction, Target
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample

if TYPE_CHECKING:
    from segue.predictor import Predictor

__all__ = [
    "SegmentationBenchmark",
    "Subset",
    "Truths",
    "ratios",
    "shuffled_names",
    "target_ratios",
    "turn_targets",
]

BOX_THRESHOLD = 0.5
"""A box is right when its IoU is above this, not at it (PixelLLM's released code)."""


def _kind_of_turn(turn: Turn, phrase: Phrase) -> str:
    return turn.type


@dataclass(frozen=True)
class SegmentationBenchmark:
    """See the module's text.

    Attributes:
        records: of one split.
        turns: what is asked about a record; every phrase of a turn's answer is a target.
        rules: the corner cases.
        at_zero: under `paper`, a mask has the pixels whose logit is at least 0, else above 0.
        kind_of: what a target is grouped under; "" for nothing.
        boxes: score boxes too.
        num: only so many pictures, by a hash, so that few are a fair sample and more include them.
        options: whatever else samples depend on.
    """

    name: str
    protocol: str
    records: RecordSet
    turns: Callable[[Record], Sequence[Turn]]
    rules: Protocol = FREE
    family: str = ""
    at_zero: bool = False
    kind_of: Callable[[Turn, Phrase], str] = _kind_of_turn
    boxes: bool = False
    num: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, Any]:
        rules = {key: value for key, value in asdict(self.rules).items() if key != "name"}
        return {
            "rules": self.rules.name,
            "rules_in_full": rules,
            "asked_as": self.family,
            "num_pictures": len(self.records),
            **self.options,
        }

    def names(self) -> list[str]:
        return shuffled_names(len(self.records))[: self.num]

    def sample(self, name: str) -> Sample:
        record = self.records[int(name)]
        return Sample(name, Path(self.records.folder) / record.image, record, list(self.turns(record)))

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        if self.family == "pixelllm":
            from segue.evaluation.asking import locate_all

            return locate_all(predictor, samples)
        if self.protocol == "paper":
            from segue.evaluation.forced import read_answers

            return read_answers(predictor, samples, batch_size, at_zero=self.at_zero)
        from segue.evaluation.asking import ask_all

        return ask_all(predictor, samples, batch_size)

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        truths = Truths(sample.record)
        turns = []
        for turn, prediction in zip(sample.turns, predictions, strict=True):
            targets = turn_targets(turn, prediction, truths, in_order=self.protocol == "paper")
            scores = [
                _scored(target, truths.of(phrase.ids), self.rules, sample.name)
                for phrase, target in zip(turn.phrases, targets, strict=True)
            ]
            row: Row = {"question": turn.question, "answer": prediction.text}
            row["kinds"] = [self.kind_of(turn, phrase) for phrase in turn.phrases]
            row["scores"] = [asdict(score) for score in scores]
            if self.boxes:
                row["boxes"] = [
                    round(box_iou(self._box(target), truths.box(phrase.ids)), 6)
                    for phrase, target in zip(turn.phrases, targets, strict=True)
                ]
            turns.append(row)
        values = [score["iou"] for turn in turns for score in turn["scores"]]
        return {
            "score": sum(values) / len(values) if values else None,
            "asked_as": self.family,
            "turns": turns,
            "ratios": ratios(turns),
        }

    def _box(self, target: Target | None) -> tuple[float, float, float, float] | None:
        """What counts as the predicted box: none where the rules drop what is rejected."""
        if target is None or (target.rejected and self.rules.rejection_drops_mask):
            return None
        return target.box_of

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        tallies: dict[str, Tally] = defaultdict(Tally)
        boxes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for kind, score, box in _targets(turn for row in rows for turn in row["turns"]):
            for group in {"", kind}:
                tallies[group] += Tally.of([score])
                if box is not None:
                    boxes[group][0] += box > BOX_THRESHOLD
                    boxes[group][1] += 1
        figures = {}
        for kind, tally in tallies.items():
            figures[kind] = tally.metrics(self.rules).to_dict()
            if self.boxes:
                right, count = boxes[kind]
                figures[kind]["box_accuracy"] = right / count if count else None
        overall = figures.pop("", None) or Tally().metrics(self.rules).to_dict()
        return {"overall": overall, "by_kind": {kind: figures[kind] for kind in sorted(figures) if kind}}


class Truths:
    """The labels of one record, decoded once."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._objects = {entry.id: entry for entry in record.objects}
        self._masks: dict[int, np.ndarray] = {}
        self._ignore = (
            None if record.ignore is None else decode_mask(record.ignore, record.height, record.width)
        )

    def of(self, ids: Sequence[int]) -> np.ndarray:
        """The union of objects, (H, W) bool, or uint8 with 255 where the record says nothing."""
        union = self.mask(ids)
        if self._ignore is None:
            return union
        truth = union.astype(np.uint8)
        truth[self._ignore & ~union] = IGNORE_LABEL
        return truth

    def mask(self, ids: Sequence[int]) -> np.ndarray:
        """The union alone."""
        record = self._record
        union = np.zeros((record.height, record.width), bool)
        for id_ in ids:
            if id_ not in self._masks:
                segmentation = self._objects[id_].segmentation
                self._masks[id_] = decode_mask(segmentation, record.height, record.width)
            union |= self._masks[id_]
        return union

    def box(self, ids: Sequence[int]) -> tuple[float, float, float, float] | None:
        """x0, y0, x1, y1: the labelled box of one object, the tight one around several; None for none."""
        if not ids:
            return None
        x, y, width, height = self._objects[ids[0]].bbox if len(ids) == 1 else mask_box(self.mask(ids))
        return x, y, x + width, y + height


def turn_targets(
    turn: Turn, prediction: Prediction, truths: Truths, *, in_order: bool
) -> list[Target | None]:
    """For each phrase of a turn what was predicted for it; None where nothing was."""
    targets = prediction.targets
    if in_order and len(targets) == len(turn.phrases):
        return list(targets)
    if len(turn.phrases) == 1:
        return [_union(targets)]
    masks = [None if target.rejected else target.mask for target in targets]
    matched = match_targets(masks, [truths.of(phrase.ids) for phrase in turn.phrases])
    return [None if index is None else targets[index] for index in matched]


def _union(targets: Sequence[Target]) -> Target | None:
    """All masks of an answer to one expression together; a rejection where it only rejects."""
    from segue.data.native import encode_mask

    kept = [target for target in targets if not target.rejected]
    if not kept:
        return next((target for target in targets if target.rejected), None)
    masks = [target.mask for target in kept]
    shown = [mask for mask in masks if mask is not None]
    if len(kept) == 1 or not shown:
        return kept[0]
    return replace(kept[0], rle=encode_mask(np.logical_or.reduce(shown)), box=None)


def _scored(target: Target | None, truth: np.ndarray, rules: Protocol, name: str) -> TargetScore:
    mask = None if target is None else target.mask
    if mask is not None and mask.shape != truth.shape:
        raise DataError(
            f"sample {name}: a mask of {mask.shape} (height, width) for a picture of {truth.shape}; "
            "predictions must have the picture's own size"
        )
    return score_target(mask, truth, rejected=target is not None and target.rejected, protocol=rules)


def ratios(turns: Iterable[Row]) -> dict[str, dict[str, list[float]]]:
    """{kind: {figure: [numerator, denominator]}} of scored turns; kind "" is all of them."""
    sums: dict[str, dict[str, list[float]]] = {}
    for kind, score, box in _targets(turns):
        pairs = list(target_ratios(score))
        if box is not None:
            pairs.append(("box_accuracy", float(box > BOX_THRESHOLD), 1))
        for group in {"", kind}:
            own = sums.setdefault(group, {})
            for figure, part, whole in pairs:
                entry = own.setdefault(figure, [0.0, 0.0])
                entry[0] += part
                entry[1] += whole
    return sums


def _targets(turns: Iterable[Row]) -> Iterator[tuple[str, TargetScore, float | None]]:
    """(kind, score, IoU of boxes) of every target."""
    for turn in turns:
        boxes = turn.get("boxes") or [None] * len(turn["scores"])
        for kind, score, box in zip(turn["kinds"], turn["scores"], boxes, strict=True):
            yield kind, TargetScore(**score), box


def target_ratios(score: TargetScore) -> Iterator[tuple[str, float, float]]:
    """(figure, numerator, denominator): what a target adds to the figures that are ratios of sums."""
    yield "giou", score.iou, 1
    yield "ciou", score.intersection, score.union
    if score.present:
        yield "giou_present", score.iou, 1
        yield "P@0.5", float(score.iou >= 0.5), 1
        yield "t_acc", float(score.answered == "mask"), 1
    else:
        yield "n_acc", float(score.answered == "rejected"), 1


class Subset:
    """Some records of a set, by index."""

    def __init__(self, records: RecordSet, indices: Sequence[int]) -> None:
        self.folder = records.folder
        self._records, self._indices = records, indices

    @classmethod
    def where(cls, records: RecordSet, wanted: Callable[[Record], bool]) -> Subset:
        """The records that `wanted` is true of; every record is made once for that. Broken ones stay, so that
        they are counted as failures."""
        indices = []
        for index in range(len(records)):
            try:
                keep = wanted(records[index])
            except DataError:
                keep = True
            if keep:
                indices.append(index)
        return cls(records, indices)

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Record:
        return self._records[self._indices[index]]


def shuffled_names(count: int) -> list[str]:
    """ "000012" ... for indices, in an order by a hash: the first few are a fair sample of all."""
    names = (f"{index:06d}" for index in range(count))
    return sorted(names, key=lambda name: (zlib.crc32(name.encode()), name))
