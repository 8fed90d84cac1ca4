"""MUSE's metric (PixelLM, section 4): several described targets in an answer, any number of predictions.

For one question with K predicted masks and G targets: match them (`segue.evaluation.matching`), pad the
smaller side with empty masks to P = max(K, G), and add up intersections and unions. Three variants, each
labelled:

* ``paper``: the answer is rewritten (`rewrite`: each mask is replaced by the description of the target
  matched with it), a judge scores every prediction in 0..1, and an intersection counts only above 0.5.
* ``masks``: every score is 1. Deterministic, and needs no judge.
* ``released``: what the released `ar_validate` prints. It never asks a judge, divides by the larger *total*
  of a picture over all its questions, counts 1 for a pair that is empty on both sides, and leaves unmatched
  predictions as raw logits, so that its histograms see hardly any of their pixels and false positives are
  nearly free. For comparison with figures of that code alone.

Arrays in, numbers out: no model, no judge, no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np

from segue.evaluation.matching import assign, hard_logits, pair_costs, sampled_costs
from segue.evaluation.metrics import overlap

__all__ = [
    "MuseTally",
    "Pair",
    "QuestionScore",
    "ReleasedTally",
    "Replacement",
    "match_question",
    "object_list",
    "released_tally",
    "rewrite",
    "score_question",
]

JUDGE_THRESHOLD = 0.5
"""A prediction counts when its score is above it (project page and CVPR version)."""


class Pair(NamedTuple):
    """One of the P pairs of a question; None on the padded side. Pixels of the foreground."""

    prediction: int | None
    target: int | None
    intersection: int
    union: int


def match_question(predictions: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> list[Pair]:
    """The P = max(K, G) pairs of a question: matched ones by prediction, then those left over.

    Args:
        predictions: K masks (H, W), bool, or float logits with the foreground above 0.
        truths: G bool (H, W).
    """
    masks = [_binary(one) for one in predictions]
    matched = assign(pair_costs([_logits(one) for one in predictions], truths))
    return [Pair(k, g, *overlap(mask, truth)) for k, g, mask, truth in _padded(matched, masks, truths)]


@dataclass(frozen=True)
class QuestionScore:
    """One question under ``paper`` or ``masks``; plain numbers, fit for a line of JSON."""

    num_pairs: int
    """P."""
    iou_sum: float
    intersection: int
    union: int

    @property
    def iou(self) -> float:
        """Mean IoU over the P pairs; 1 for a question without targets that got no prediction."""
        return self.iou_sum / self.num_pairs if self.num_pairs else 1.0


def score_question(pairs: Sequence[Pair], scores: Sequence[float] | None = None) -> QuestionScore:
    """Add up a question's pairs.

    Padded pairs have IoU 0. A matched pair without a pixel on either side has IoU 1.

    Args:
        pairs: of `match_question`.
        scores: the judge's, one per prediction in 0..1; None is ``masks``, where all are right.
    """
    iou_sum, intersection, union = 0.0, 0, 0
    for pair in pairs:
        union += pair.union
        if pair.prediction is None or pair.target is None:
            continue
        if scores is not None and not scores[pair.prediction] > JUDGE_THRESHOLD:
            continue
        intersection += pair.intersection
        iou_sum += pair.intersection / pair.union if pair.union else 1.0
    return QuestionScore(len(pairs), iou_sum, intersection, union)


@dataclass(frozen=True)
class MuseTally:
    """Sums over questions; `a + b` is the tally of both."""

    num_questions: int = 0
    question_ious: float = 0.0
    num_pairs: int = 0
    pair_ious: float = 0.0
    intersection: int = 0
    union: int = 0

    @staticmethod
    def of(scores: Iterable[QuestionScore]) -> MuseTally:
        parts = (MuseTally(1, s.iou, s.num_pairs, s.iou_sum, s.intersection, s.union) for s in scores)
        return reduce(add, parts, MuseTally())

    def __add__(self, other: MuseTally) -> MuseTally:
        return MuseTally(
            self.num_questions + other.num_questions,
            self.question_ious + other.question_ious,
            self.num_pairs + other.num_pairs,
            self.pair_ious + other.pair_ious,
            self.intersection + other.intersection,
            self.union + other.union,
        )

    def metrics(self) -> dict[str, float | None]:
        """`giou`: mean over questions (the paper's). `giou_instances`: mean over all pairs, which weighs a
        question by its number of targets. `ciou`: sum of intersections over sum of unions."""
        return {
            "giou": _ratio(self.question_ious, self.num_questions),
            "giou_instances": _ratio(self.pair_ious, self.num_pairs),
            "ciou": _ratio(self.intersection, self.union),
        }


@dataclass(frozen=True)
class ReleasedTally:
    """Sums over pictures of the ``released`` variant; `a + b` is the tally of both."""

    weight: int = 0
    """Of a picture: max(K, G) over all its questions together."""
    iou_sum: float = 0.0
    intersection: int = 0
    union: int = 0

    def __add__(self, other: ReleasedTally) -> ReleasedTally:
        return ReleasedTally(
            self.weight + other.weight,
            self.iou_sum + other.iou_sum,
            self.intersection + other.intersection,
            self.union + other.union,
        )

    def metrics(self) -> dict[str, float | None]:
        """The two figures that the released code prints for the foreground."""
        return {"giou": _ratio(self.iou_sum, self.weight), "ciou": _ratio(self.intersection, self.union)}


def released_tally(
    questions: Iterable[tuple[Sequence[np.ndarray], Sequence[np.ndarray]]],
    *,
    seed: int | None = 0,
    binarise: bool = False,
) -> ReleasedTally:
    """One picture as the released code counts it.

    Args:
        questions: (logits, truths) of every question about it: K float (H, W) and G bool (H, W). Bool
            masks may stand for logits; what nothing matched then counts with all its pixels, since what the
            histograms would have seen of it cannot be told.
        seed: of the random points that the cost is read at; None reads every pixel.
        binarise: mend the defect with unmatched predictions; all else stays as released.
    """
    num_predictions = num_targets = intersection = union = 0
    iou_sum = 0.0
    for predictions, truths in questions:
        num_predictions, num_targets = num_predictions + len(predictions), num_targets + len(truths)
        logits = [_logits(one) for one in predictions]
        costs = pair_costs(logits, truths) if seed is None else sampled_costs(logits, truths, seed=seed)
        masks = [_binary(one) for one in predictions]
        for k, g, mask, truth in _padded(assign(costs), masks, truths):
            if g is None and k is not None and not binarise and predictions[k].dtype != bool:
                common, either = 0, int(((logits[k] >= 0.5) & (logits[k] <= 1)).sum())
            else:
                common, either = overlap(mask, truth)
            intersection, union = intersection + common, union + either
            iou_sum += common / (either + 1e-5) if either else 1.0
    return ReleasedTally(max(num_predictions, num_targets), iou_sum, intersection, union)


class Replacement(NamedTuple):
    """What a predicted mask stands for in the rewritten answer; without description: matched with nothing."""

    end: int
    """Character of the text behind which the mask stands: the end of its phrase."""
    description: str | None = None
    box: Sequence[float] = ()
    """x0, y0, x1, y1 of the target."""


def rewrite(text: str, replacements: Iterable[Replacement]) -> str:
    """The answer with each mask replaced as the released code does: "(description [x0, y0, x1, y1])" for the
    target matched with it, "(None [])" for none."""
    parts, start = [], 0
    for end, description, box in sorted(replacements, key=lambda one: one.end):
        corners = ", ".join(str(round(side)) for side in box)
        parts += [text[start:end], f" ({description} [{corners}])" if description else " (None [])"]
        start = end
    return "".join([*parts, text[start:]])


def object_list(objects: Iterable[tuple[str, Sequence[float]]], *, width: int, height: int) -> str:
    """All objects of a picture as the released code lists them for the judge: "name at [x0, y0, x1, y1]", a
    repeated name numbered, and the picture's size."""
    listed = list(objects)
    names = [name for name, _ in listed]
    seen: dict[str, int] = {}
    lines = []
    for name, box in listed:
        seen[name] = seen.get(name, 0) + 1
        label = f"{name} {seen[name]}" if names.count(name) > 1 else name
        lines.append(f"{label} at [{', '.join(str(round(side)) for side in box)}]")
    return f"height {height}, width {width}; " + "; ".join(lines)


def _padded(
    matched: Sequence[tuple[int, int]], masks: Sequence[np.ndarray], truths: Sequence[np.ndarray]
) -> Iterable[tuple[int | None, int | None, np.ndarray | None, np.ndarray]]:
    """(prediction, target, mask, truth) of all P pairs, the padded side empty."""
    for k, g in matched:
        yield k, g, masks[k], truths[g]
    for k in sorted(set(range(len(masks))) - {k for k, _ in matched}):
        yield k, None, masks[k], np.zeros_like(masks[k])
    for g in sorted(set(range(len(truths))) - {g for _, g in matched}):
        yield None, g, None, truths[g]


def _binary(prediction: np.ndarray) -> np.ndarray:
    return prediction if prediction.dtype == bool else prediction > 0


def _logits(prediction: np.ndarray) -> np.ndarray:
    return hard_logits(prediction) if prediction.dtype == bool else prediction


def _ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None
