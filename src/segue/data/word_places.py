"""Places for the words of an answer's phrases where nobody pointed: a phrase's words lie in its object."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from segue.data.native import Turn, WordPoint

__all__ = ["point_at_phrases", "point_within"]

_WORD = re.compile(r"\w+")


def point_at_phrases(turn: Turn, masks: Mapping[int, np.ndarray]) -> Turn:
    """The turn with a point for every word of its phrases; those that it has stay.

    A phrase of several objects has its words in the largest. Objects without a mask give no points.

    Args:
        masks: (H, W) bool of the picture's objects by id.
    """
    pointed = [point.span for point in turn.points]
    made = []
    for phrase in turn.phrases:
        known = [masks[id_] for id_ in phrase.ids if id_ in masks and masks[id_].any()]
        if not known:
            continue
        place = point_within(max(known, key=np.count_nonzero))
        start, end = phrase.span
        for word in _WORD.finditer(turn.answer, start, end):
            if not any(word.start() < b and a < word.end() for a, b in pointed):
                made.append(WordPoint(span=word.span(), point=place))
    if not made:
        return turn
    points = sorted([*turn.points, *made], key=lambda point: point.span)
    return turn.model_copy(update={"points": points})


def point_within(mask: np.ndarray) -> tuple[float, float]:
    """The point (x, y) of a (H, W) bool mask nearest to its middle: always inside, whatever its shape."""
    ys, xs = np.nonzero(mask)
    nearest = np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2)
    return float(xs[nearest]) + 0.5, float(ys[nearest]) + 0.5
