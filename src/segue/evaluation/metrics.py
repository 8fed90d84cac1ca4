"""Segmentation metrics: arrays in, numbers out. No model, no files.

Three steps, each a small frozen value: `score_target` compares one predicted mask with one target, `Tally`
adds scores up (tallies of several processes add up to the tally of all), `Tally.metrics` divides.

The published evaluations disagree in their corner cases, so a `Protocol` states them:

* ``LISA``: ReasonSeg and RefCOCO as LISA and PixelLM score them; rejections do not exist.
* ``GREFCOCO`` and ``REF_ZOM``: GSVA's `eval_gres`. The mask of a wrongly rejected target is re-evaluated and
  its IoU still counts, so a false rejection is not punished in IoU.
* ``FREE``: ours, for freely generated answers. A false rejection and a missing phrase score IoU 0, in the
  manner of ReLA, and only an explicit rejection rejects: an answer that names no phrase at all gets neither
  N-acc nor T-acc.
* ``RELA``: gRefCOCO as its authors score models that cannot reject, LISA's among them in GSVA's tables: a
  mask of fewer than 50 pixels says "not there". A false rejection scores IoU 0, and its mask still enlarges
  the union.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from operator import add

import numpy as np
from scipy.optimize import linear_sum_assignment

IGNORE_LABEL = 255
"""Label of pixels that count neither for nor against, as in PASCAL VOC, ReasonSeg and MUSE."""

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""P@t is the share of real targets whose IoU is at least t."""


@dataclass(frozen=True)
class Protocol:
    """The corner cases in which published evaluations differ. The epsilons are those of the original code."""

    name: str
    empty_needs_rejection: bool = True
    """A target without pixels is right only when rejected; otherwise when the union is empty."""
    rejection_drops_mask: bool = True
    """A rejected target has no mask, so a false rejection scores IoU 0."""
    empty_adds_to_union: bool = True
    """Pixels predicted for a target without pixels enlarge the union of cIoU."""
    rejection_scores_zero: bool = False
    """A false rejection intersects nothing, though its mask still counts in the union."""
    fewest_pixels: int = 0
    """A mask with fewer foreground pixels is a rejection."""
    iou_epsilon: float = 0.0
    count_epsilon: float = 0.0
    union_epsilon: float = 0.0


FREE = Protocol("free")
LISA = Protocol(
    "lisa",
    empty_needs_rejection=False,
    rejection_drops_mask=False,
    iou_epsilon=1e-5,
    count_epsilon=1e-5,
    union_epsilon=1e-10,
)
GREFCOCO = Protocol(
    "grefcoco", rejection_drops_mask=False, iou_epsilon=1e-8, count_epsilon=1e-5, union_epsilon=1e-10
)
REF_ZOM = Protocol(
    "ref-zom",
    rejection_drops_mask=False,
    empty_adds_to_union=False,
    iou_epsilon=1e-8,
    count_epsilon=1e-5,
    union_epsilon=1e-10,
)
RELA = Protocol("rela", rejection_drops_mask=False, rejection_scores_zero=True, fewest_pixels=50)


@dataclass(frozen=True)
class TargetScore:
    """One target against what was predicted for it; plain numbers, fit for a line of JSON."""

    present: bool
    """The target has pixels."""
    answered: str
    """"mask", "rejected" or "missing"."""
    iou: float
    intersection: int
    union: int
    """What the target adds to cIoU's sums."""


def overlap(mask: np.ndarray | None, truth: np.ndarray) -> tuple[int, int]:
    """Pixels of intersection and union of a bool mask (H, W) and a truth (H, W) that is bool, or 0, 1 and 255
    where 255 is left out. A mask of None has no pixels."""
    if mask is not None and mask.shape != truth.shape:
        raise ValueError(
            f"The predicted mask is {mask.shape}, the target {truth.shape}; both must be (H, W)."
        )
    foreground = truth if truth.dtype == bool else truth == 1
    if mask is None:
        return 0, int(foreground.sum())
    predicted = mask if truth.dtype == bool else mask & (truth != IGNORE_LABEL)
    return int((predicted & foreground).sum()), int((predicted | foreground).sum())


def iou(mask: np.ndarray | None, truth: np.ndarray) -> float:
    """Intersection over union; 1 when neither has pixels."""
    intersection, union = overlap(mask, truth)
    return intersection / union if union else 1.0


def score_target(
    mask: np.ndarray | None, truth: np.ndarray, *, rejected: bool = False, protocol: Protocol = FREE
) -> TargetScore:
    """Score one target. `mask` is a bool (H, W), or None when the answer has none for this target; `truth` is
    (H, W), bool or 0/1/255, without a foreground pixel when the thing is not in the picture."""
    rejected = rejected or (0 if mask is None else int(mask.sum())) < protocol.fewest_pixels
    answered = "rejected" if rejected else "missing" if mask is None else "mask"
    if rejected and protocol.rejection_drops_mask:
        mask = None
    present = bool((truth == 1).any())
    intersection, union = overlap(mask, truth)
    if rejected and protocol.rejection_scores_zero:
        intersection = 0

    if not present and protocol.empty_needs_rejection:
        value = float(answered == "rejected")
        union = union if answered == "mask" and protocol.empty_adds_to_union else 0
    else:
        value = intersection / (union + protocol.iou_epsilon) if union else 1.0
    return TargetScore(present, answered, value, intersection, union)


@dataclass(frozen=True)
class Metrics:
    """The figures of a set of targets. None where there was nothing to measure."""

    protocol: str
    num_present: int
    num_absent: int
    giou: float | None
    """Mean IoU over all targets; an absent one counts 1 when rejected and 0 otherwise (gRefCOCO's gIoU)."""
    giou_present: float | None
    """Mean IoU over the targets that are in the picture."""
    ciou: float | None
    """Sum of intersections over sum of unions: large targets weigh more."""
    precision: dict[str, float]
    """P@0.5 ... P@0.9 over the targets that are in the picture; empty without any."""
    n_acc: float | None
    """Share of absent targets that were rejected."""
    t_acc: float | None
    """Share of present targets that got a mask, however good: not rejected, not passed over."""

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Tally:
    """Sums over targets. `a + b` is the tally of both, so parts may be counted in different processes."""

    num_present: int = 0
    num_absent: int = 0
    iou_present: float = 0.0
    iou_absent: float = 0.0
    intersection: int = 0
    union: int = 0
    num_hits: tuple[int, ...] = (0,) * len(THRESHOLDS)
    num_kept: int = 0
    """Present targets that got a mask."""
    num_rejected: int = 0
    """Absent targets that were rejected."""

    @staticmethod
    def of(scores: Iterable[TargetScore]) -> Tally:
        return reduce(add, map(Tally._of_one, scores), Tally())

    @staticmethod
    def _of_one(score: TargetScore) -> Tally:
        present = score.present
        return Tally(
            num_present=int(present),
            num_absent=int(not present),
            iou_present=score.iou if present else 0.0,
            iou_absent=0.0 if present else score.iou,
            intersection=score.intersection,
            union=score.union,
            num_hits=tuple(int(present and score.iou >= threshold) for threshold in THRESHOLDS),
            num_kept=int(present and score.answered == "mask"),
            num_rejected=int(not present and score.answered == "rejected"),
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.num_present + other.num_present,
            self.num_absent + other.num_absent,
            self.iou_present + other.iou_present,
            self.iou_absent + other.iou_absent,
            self.intersection + other.intersection,
            self.union + other.union,
            tuple(a + b for a, b in zip(self.num_hits, other.num_hits, strict=True)),
            self.num_kept + other.num_kept,
            self.num_rejected + other.num_rejected,
        )

    def metrics(self, protocol: Protocol = FREE) -> Metrics:
        num = self.num_present + self.num_absent
        precision = {
            f"P@{threshold}": hits / self.num_present
            for threshold, hits in zip(THRESHOLDS, self.num_hits, strict=True)
            if self.num_present
        }
        return Metrics(
            protocol=protocol.name,
            num_present=self.num_present,
            num_absent=self.num_absent,
            giou=_share(self.iou_present + self.iou_absent, num, protocol.count_epsilon),
            giou_present=_share(self.iou_present, self.num_present, protocol.count_epsilon),
            ciou=_share(self.intersection, self.union, protocol.union_epsilon),
            precision=precision,
            n_acc=_share(self.num_rejected, self.num_absent),
            t_acc=_share(self.num_kept, self.num_present),
        )


def _share(part: float, whole: int, epsilon: float = 0.0) -> float | None:
    return part / (whole + epsilon) if whole else None


def match_targets(
    masks: Sequence[np.ndarray | None], truths: Sequence[np.ndarray], *, in_order: bool = True
) -> list[int | None]:
    """For each target the index of the phrase that answers it, or None.

    `masks` are the phrases of an answer in order, None if rejected. With `in_order`, as many phrases as
    targets are taken in order, as they were asked for. Otherwise the assignment with the largest sum of IoU
    is taken (a rejection fits a target without pixels), and only pairs that overlap count: a phrase on
    nothing answers nothing.
    """
    if in_order and len(masks) == len(truths):
        return list(range(len(truths)))
    matched: list[int | None] = [None] * len(truths)
    if not masks or not truths:
        return matched
    gain = np.array([[_fit(mask, truth) for mask in masks] for truth in truths])
    for row, column in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
        if gain[row, column] > 0:
            matched[row] = int(column)
    return matched


def _fit(mask: np.ndarray | None, truth: np.ndarray) -> float:
    if not (truth == 1).any():
        return 1.0 if mask is None else 0.0
    return 0.0 if mask is None else iou(mask, truth)


def box_iou(first: Sequence[float] | None, second: Sequence[float] | None) -> float:
    """Of two boxes x0, y0, x1, y1; 0 where one is missing or has no area."""
    if first is None or second is None:
        return 0.0
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / (sum(areas) - width * height)


def point_inside(point: tuple[float, float], mask: np.ndarray) -> bool:
    """Whether a point (x, y) in pixels lies on the mask (H, W); one outside the picture does not."""
    x, y = int(np.floor(point[0])), int(np.floor(point[1]))
    return 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1] and bool(mask[y, x])


def same_text(text: str, reference: str) -> bool:
    """Equal up to white space: letters, case and punctuation all count."""
    return text.split() == reference.split()
