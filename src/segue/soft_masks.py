"""Masks before their threshold, small, so that another threshold costs no new pass through the model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from segue.answer import Answer, Segment, encode_mask
from segue.errors import QuestionError
from segue.images import Geometry

__all__ = ["SoftMasks"]


@dataclass(frozen=True)
class SoftMasks:
    """Mask logits of one answer, as the decoder gave them.

    Attributes:
        logits: (K, h, w) over the model's canvas, one for each segment with a mask, in the answer's order.
        geometry: where the picture lies on that canvas.
        via_canvas: as in `Geometry.masks_to_original`.
    """

    logits: Tensor
    geometry: Geometry
    via_canvas: bool = True

    def kept(self) -> SoftMasks:
        """A copy to hold on to: half precision, in main memory, no part of a batch's tensor."""
        return replace(self, logits=self.logits.detach().cpu().half().clone())

    @property
    def num_bytes(self) -> int:
        return self.logits.numel() * self.logits.element_size()

    def levels(self, *, max_side: int) -> np.ndarray:
        """Probabilities as uint8 (K, height, width), the longer side at most `max_side`: 255 is 1."""
        height, width = self.geometry.original
        scale = min(1.0, max_side / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        # The picture's place on the canvas stays; only its own resolution is another.
        small = replace(self.geometry, original=size)
        logits = small.masks_to_original(self.logits, via_canvas=self.via_canvas)
        return (logits.sigmoid() * 255).round().byte().cpu().numpy()

    def at(self, answer: Answer, threshold: float) -> Answer:
        """The answer with its masks cut where the probability is above `threshold`, scores to match.

        At 0.5 that is the answer itself. Rejections and predicted boxes stay as they are.

        Raises:
            QuestionError: `threshold` is not between 0 and 1.
        """
        if not 0 < threshold < 1:
            raise QuestionError(f"the threshold is {threshold}; it lies between 0 and 1, such as 0.5")
        if threshold == 0.5:
            return answer
        pieces = self.geometry.iter_masks_to_original(self.logits, via_canvas=self.via_canvas)
        logits = (full for piece in pieces for full in piece)
        cut = math.log(threshold / (1 - threshold))
        return replace(
            answer,
            segments=tuple(
                segment if segment.rle is None else _cut(segment, next(logits), cut)
                for segment in answer.segments
            ),
        )


def _cut(segment: Segment, logits_HW: Tensor, cut: float) -> Segment:
    mask = logits_HW > cut
    inside = logits_HW[mask]
    score = float(inside.sigmoid().mean().clamp(max=1)) if len(inside) else 0.0
    return replace(segment, rle=encode_mask(mask.cpu().numpy()), score=score)
