"""The box that a question is about, checked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segue.errors import QuestionError

__all__ = ["asked_box"]


def asked_box(region: Sequence[float], size: tuple[int, int]) -> np.ndarray:
    """A box x0, y0, x1, y1 in the pixels of a picture of `size` (width, height), cut to it: (4,), float64.

    Raises:
        QuestionError: it is no such box, or lies outside the picture.
    """
    try:
        box = np.asarray(region, dtype=float)
    except (TypeError, ValueError):
        box = np.empty(0)
    if box.shape != (4,) or not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
        raise QuestionError(f"the box {region} is not x0, y0, x1, y1 with x0 < x1 and y0 < y1, in pixels")
    width, height = size
    if box[2] <= 0 or box[3] <= 0 or box[0] >= width or box[1] >= height:
        raise QuestionError(f"the box {region} lies outside the picture of {width} x {height} pixels")
    return box.clip(0, [width, height, width, height])
