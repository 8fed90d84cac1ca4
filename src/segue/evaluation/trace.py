"""How far the points of words lie from the mouse trace of the person who spoke them (Localized Narratives).

Positions are relative to the picture, 0..1 in both directions. A token's target is two corners: the extent of
the trace while it was spoken; a target of zeros says that the token has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np

__all__ = ["match_words", "point_l1", "token_point_l1"]


def point_l1(points: np.ndarray, corners: np.ndarray) -> float:
    """The distance of one word: to the nearer of its target's corners, (|dx| + |dy|) / 2, averaged over the
    points predicted for it (PixelLLM's released evaluator). `points` (P, 2), `corners` (C, 2), relative."""
    distances = np.abs(np.asarray(points)[:, None] - np.asarray(corners)[None]).mean(axis=-1)
    return float(distances.min(axis=1).mean())


def token_point_l1(points: np.ndarray, corners: np.ndarray, text: np.ndarray) -> float | None:
    """The mean of `point_l1` over the tokens of one caption; the released figure is the mean of these over
    pictures. None without a token that has a target.

    Args:
        points: (L, P, 2) predicted under teacher forcing.
        corners: (L, C, 2) targets, all zero where there is none.
        text: (L,) ids; 0 is padding.
    """
    valid = (np.asarray(text) > 0) & (np.asarray(corners) > 0).any(axis=(1, 2))
    distances = [point_l1(points[t], corners[t]) for t in np.flatnonzero(valid)]
    return float(np.mean(distances)) if distances else None


def match_words(spoken: Sequence[str], reference: Sequence[str]) -> list[tuple[int, int]]:
    """Which words of two captions are the same word, in order: (index in `spoken`, index in `reference`).
    Ours, for captions that are generated freely; the released evaluator forces the reference instead."""
    first, second = [word.lower() for word in spoken], [word.lower() for word in reference]
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return [(block.a + i, block.b + i) for block in blocks for i in range(block.size)]
