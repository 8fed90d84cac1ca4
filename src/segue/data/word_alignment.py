"""Where a narrator's cursor was while each word was spoken: timed captions and traces of Localized Narratives
aligned with words or tokens, as PixelLLM's released code does it.

First each utterance of the timed caption gets the mean and the extent of the cursor's path while it lasts
(`utterance_places`; `tools/build_ln_tfrecord.py` there). Those with a place become marks in the written
caption (`utterance_points`). For training, tokens are laid along them by their share of the text, without
comparing any words (`align`, `token_corners`; `io/ops.py` there), so that it works with every tokenizer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from segue.data.native import WordPoint
from segue.errors import DataError

__all__ = ["UtterancePlaces", "align", "token_corners", "utterance_places", "utterance_points"]

NUM_SAMPLES = 16
"""Times at which the path is looked at, for each utterance."""
_SHORTEST = 1e-5  # seconds; of shorter utterances the plain mean is taken
_LEAST_CENTER = 1e-5  # an utterance whose mean is left of or above this counts as without a place
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class UtterancePlaces:
    """The utterances of one narration and where the cursor was, 0..1 of the picture's width and height.

    Attributes:
        texts: n utterances, in order, without white space at either side.
        centers: (n, 2) float32, mean (x, y) of the path.
        extents: (n, 4) float32, its smallest and largest coordinates (x0, y0, x1, y1). Both may leave 0..1.
    """

    texts: tuple[str, ...]
    centers: np.ndarray
    extents: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """(n,) bool: something is said, at a place inside of the picture's upper and left border."""
        said = np.array([bool(text) for text in self.texts], dtype=bool)
        return said & (self.centers > _LEAST_CENTER).all(axis=1)

    def corners(self, width: int, height: int) -> np.ndarray:
        """(n, 2 points, 2 xy) float32: the extents' corners in whole pixels, cut to the picture."""
        return self._pixels(self.extents.reshape(-1, 2, 2), width, height)

    def points(self, width: int, height: int) -> np.ndarray:
        """(n, 2) float32: the centers in whole pixels, cut to the picture."""
        return self._pixels(self.centers, width, height)

    @staticmethod
    def _pixels(relative: np.ndarray, width: int, height: int) -> np.ndarray:
        return np.round(np.clip(relative, 0, 1) * np.array([width, height], dtype=np.float32))


def utterance_places(
    timed_caption: Sequence[Mapping[str, Any]], traces: Sequence[Sequence[Mapping[str, float]]]
) -> UtterancePlaces | None:
    """The utterances of a narration with the cursor's mean and extent; None with fewer than two trace points.

    Args:
        timed_caption: `utterance`, `start_time` and `end_time` (seconds) of each.
        traces: segments of the path, points with `x`, `y` and `t`.

    Raises:
        DataError, KeyError, TypeError, ValueError: a field is missing or not a finite number.
    """
    points = np.array([(p["t"], p["x"], p["y"]) for segment in traces for p in segment], dtype=np.float64)
    times = np.array([(u["start_time"], u["end_time"]) for u in timed_caption], dtype=np.float64)
    if len(points) < 2:
        return None
    if not (np.isfinite(points).all() and np.isfinite(times).all()):
        raise DataError("a trace or a time is not a finite number")
    points = points[np.argsort(points[:, 0], kind="stable")]
    centers, extents = [], []
    for start, end in times.reshape(-1, 2):
        at = np.linspace(start, end, NUM_SAMPLES)
        path = _path_at(at, points)
        if end - start < _SHORTEST:
            center = path.mean(axis=0)
        else:
            center = ((path[1:] + path[:-1]) / 2 * np.diff(at)[:, None]).sum(axis=0) / (end - start)
        centers.append(center)
        extents.append([*path.min(axis=0), *path.max(axis=0)])
    return UtterancePlaces(
        tuple(str(u["utterance"]).strip() for u in timed_caption),
        np.array(centers, dtype=np.float32).reshape(-1, 2),
        np.array(extents, dtype=np.float32).reshape(-1, 4),
    )


def utterance_points(caption: str, places: UtterancePlaces, *, width: int, height: int) -> list[WordPoint]:
    """A mark in the caption for each valid utterance, in order: its words, and in whole pixels of the picture
    the mean of the path (`point`) and its extent.

    The words are those of the utterance, looked for behind the utterance before it. Where one of them is not
    found, the caption's words are shared out among the utterances.
    """
    valid = places.valid
    spans = _said_where(caption, places.texts)
    if spans is not None:
        spans = [span for span, counts in zip(spans, valid, strict=True) if counts]
        chosen = np.arange(len(spans))
    else:
        words = [match.span() for match in _WORD.finditer(caption)]
        num_utterances = int(valid.sum())
        if num_utterances == 0:
            return []
        chosen = np.arange(min(num_utterances, len(words)))
        if num_utterances > len(words):
            spans, chosen = words, align(len(words), num_utterances)
        else:
            firsts = np.arange(num_utterances + 1) * len(words) // num_utterances
            spans = [(words[a][0], words[b - 1][1]) for a, b in pairwise(firsts.tolist())]
    points = places.points(width, height)[valid][chosen].tolist()
    extents = places.corners(width, height)[valid][chosen].reshape(-1, 4).tolist()
    return [
        WordPoint(span=span, point=(x, y), extent=extent)
        for span, (x, y), extent in zip(spans, points, extents, strict=True)
    ]


def align(num_tokens: int, num_utterances: int) -> np.ndarray:
    """(num_tokens,) int: for each token of a caption, which valid utterance it takes its place from.

    Utterances stand at 1/U, 2/U, ..., 1, tokens evenly between the first and the last of these, and each
    takes the nearest, the earlier of two. In float64, as TensorFlow divides integers.

    Args:
        num_tokens: without padding and the marks of beginning and end.
        num_utterances: at least one.
    """
    spoken = np.arange(1, num_utterances + 1) / num_utterances
    written = np.arange(1, num_tokens + 1) / max(1, num_tokens)
    written = spoken[0] + written * (spoken[-1] - spoken[0])
    return np.argmin((written[:, None] - spoken[None, :]) ** 2, axis=1)


def token_corners(places: UtterancePlaces, num_tokens: int, *, width: int, height: int) -> np.ndarray:
    """(num_tokens, 2 points, 2 xy) float32 pixels: each token's target for PixelLLM's location head; zero
    where no utterance has a place (the published loss passes over such targets)."""
    corners = places.corners(width, height)[places.valid]
    if len(corners) == 0:
        return np.zeros((num_tokens, 2, 2), dtype=np.float32)
    return corners[align(num_tokens, len(corners))]


def _said_where(caption: str, utterances: Sequence[str]) -> list[tuple[int, int]] | None:
    """The span of every utterance, (0, 0) of empty ones; None where one is not behind the one before."""
    spans, cursor = [], 0
    for text in utterances:
        if not text:
            spans.append((0, 0))
            continue
        # Not in the middle of a word: "a" is no part of "and".
        before, after = r"\b" * text[0].isalnum(), r"\b" * text[-1].isalnum()
        found = re.compile(before + re.escape(text) + after, re.IGNORECASE).search(caption, cursor)
        if found is None:
            return None
        spans.append(found.span())
        cursor = found.end()
    return spans


def _path_at(at: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(T, 2) xy at times `at`: linear between the (t, x, y) points, and along the first and the last two of
    them beyond."""
    times, path = points[:, 0], points[:, 1:]
    right = np.clip(np.searchsorted(times, at), 1, len(times) - 1)
    left = right - 1
    lengths = (times[right] - times[left])[:, None]
    steps = path[right] - path[left]
    slopes = np.divide(steps, lengths, out=np.zeros_like(steps), where=lengths > 0)
    return path[left] + slopes * (at - times[left])[:, None]
