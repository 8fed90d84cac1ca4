"""Boxes and masks of referring expressions as PixelLLM's evaluators score them: P@0.5, cIoU and gIoU.

One expression is one sample. A box is right when its IoU with the true one is *above* 0.5 (other papers take
0.5 itself). Arrays in, numbers out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from segue.data.native import mask_box
from segue.evaluation.metrics import box_iou, overlap

__all__ = ["LocateScore", "locate_metrics", "score_located"]

RIGHT = 0.5

Box = Sequence[float]


@dataclass(frozen=True)
class LocateScore:
    """One expression; plain numbers. The mask's figures are None where there was none to score."""

    box_iou: float
    intersection: int | None = None
    union: int | None = None
    mask_box_iou: float | None = None
    """Of the mask's own tight box."""

    @property
    def mask_iou(self) -> float | None:
        if self.union is None or self.intersection is None:
            return None
        return self.intersection / self.union if self.union else 1.0


def score_located(
    box: Box | None, truth_box: Box, *, mask: np.ndarray | None = None, truth_mask: np.ndarray | None = None
) -> LocateScore:
    """Score one expression.

    Args:
        box, truth_box: x0, y0, x1, y1 in the picture's pixels, the predicted one clipped to it. None: nothing
            was located.
        mask, truth_mask: bool (H, W); without a true mask only boxes are scored.
    """
    box_score = box_iou(box, truth_box)
    if truth_mask is None:
        return LocateScore(box_score)
    common, either = overlap(mask, truth_mask)
    tight = None
    if mask is not None and mask.any():
        x, y, width, height = mask_box(mask)
        tight = (x, y, x + width, y + height)
    return LocateScore(box_score, common, either, box_iou(tight, truth_box))


def locate_metrics(scores: Iterable[LocateScore]) -> dict[str, float | None]:
    """`box_accuracy` (P@0.5 of boxes), `ciou`, `giou`, `mask_accuracy` (P@0.5 of masks) and
    `mask_box_accuracy` (of their boxes); None where nothing was measured."""
    listed = list(scores)
    masked = [score for score in listed if score.mask_iou is not None]
    union = sum(score.union or 0 for score in masked)
    return {
        "box_accuracy": _mean([score.box_iou > RIGHT for score in listed]),
        "ciou": sum(score.intersection or 0 for score in masked) / union if union else None,
        "giou": _mean([score.mask_iou or 0.0 for score in masked]),
        "mask_accuracy": _mean([(score.mask_iou or 0.0) > RIGHT for score in masked]),
        "mask_box_accuracy": _mean([(score.mask_box_iou or 0.0) > RIGHT for score in masked]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
