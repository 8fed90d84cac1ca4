from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segue.data.native import Caption
from segue.data.word_alignment import (
    UtterancePlaces,
    align,
    token_corners,
    utterance_places,
    utterance_points,
)
from segue.errors import DataError


def said(*utterances: tuple[str, float, float]) -> list[dict[str, Any]]:
    return [{"utterance": text, "start_time": start, "end_time": end} for text, start, end in utterances]


def path(*points: tuple[float, float, float]) -> list[dict[str, float]]:
    """Points as (t, x, y)."""
    return [{"t": t, "x": x, "y": y} for t, x, y in points]


ACROSS = path((0, 0.0, 0.5), (10, 1.0, 0.5))  # from left to right in ten seconds

PLACES = [
    # what is said, the path's segments, mean and extent of the first utterance
    (said(("a", 2, 4)), [ACROSS], (0.3, 0.5), (0.2, 0.5, 0.4, 0.5)),
    (said(("a", 2, 4)), [ACROSS[1:], ACROSS[:1]], (0.3, 0.5), (0.2, 0.5, 0.4, 0.5)),  # out of order
    (said(("a", 5, 5)), [ACROSS], (0.5, 0.5), (0.5, 0.5, 0.5, 0.5)),  # no time at all
    (said(("a", 12, 14)), [ACROSS], (1.3, 0.5), (1.2, 0.5, 1.4, 0.5)),  # after the trace: it goes on
    (said(("a", -4, -2)), [ACROSS], (-0.3, 0.5), (-0.4, 0.5, -0.2, 0.5)),
    # The cursor rests: the mean is that over time, not that over points.
    (said(("a", 0, 15)), [path((0, 0, 0), (5, 1, 0), (15, 1, 0))], (5 / 6, 0), (0, 0, 1, 0)),
]


@pytest.mark.parametrize(("timed", "traces", "center", "extent"), PLACES)
def test_where_the_cursor_was(timed, traces, center, extent):
    places = utterance_places(timed, traces)
    assert places is not None
    assert places.centers.dtype == places.extents.dtype == np.float32
    assert np.allclose(places.centers[0], center, atol=1e-6)
    assert np.allclose(places.extents[0], extent, atol=1e-6)


def test_two_points_at_one_time_do_no_harm():
    places = utterance_places(said(("a", 4, 6)), [path((0, 0, 0), (5, 0.5, 0.5), (5, 0.6, 0.6), (9, 1, 1))])
    assert places is not None
    assert np.isfinite(places.extents).all()


@pytest.mark.parametrize("traces", [[], [[]], [path((1, 0.5, 0.5))]])
def test_a_single_point_is_no_trace(traces):
    assert utterance_places(said(("a", 0, 1)), traces) is None


@pytest.mark.parametrize(
    "broken", [path((0, float("nan"), 0), (1, 1, 1)), path((0, 0, 0), (float("inf"), 1, 1))]
)
def test_numbers_have_to_be_finite(broken):
    with pytest.raises(DataError, match="finite"):
        utterance_places(said(("a", 0, 1)), [broken])


def places_of(*entries: tuple[str, float, float]) -> UtterancePlaces:
    """Utterances (text, x, y), each with an extent of 0.1 around its place."""
    centers = np.array([entry[1:] for entry in entries], dtype=np.float32)
    return UtterancePlaces(
        tuple(entry[0] for entry in entries), centers, np.concatenate([centers - 0.1, centers + 0.1], axis=1)
    )


def test_which_utterances_count():
    places = places_of(("a", 0.5, 0.5), ("", 0.5, 0.5), ("b", -0.2, 0.5), ("c", 0.5, 0.0), ("d", 1.5, 0.5))
    assert places.valid.tolist() == [True, False, False, False, True]


ALIGNED = [
    # tokens, utterances, the utterance of each token
    (4, 4, [1, 1, 2, 3]),  # at 0.44, 0.62, 0.81, 1: not each its own
    (8, 2, [0, 0, 0, 0, 1, 1, 1, 1]),  # the fourth stands in the middle: the earlier
    (3, 6, [2, 3, 5]),  # at 0.44, 0.72, 1
    (5, 1, [0] * 5),
    # The first stands halfway between two: rounding decides, that of float64 (float32's says 0).
    (4, 3, [1, 1, 1, 2]),
    (0, 3, []),
]


@pytest.mark.parametrize(("num_tokens", "num_utterances", "expected"), ALIGNED)
def test_tokens_are_laid_along_the_utterances(num_tokens: int, num_utterances: int, expected: list[int]):
    assert align(num_tokens, num_utterances).tolist() == expected


def test_corners_are_whole_pixels_of_the_picture():
    places = places_of(("a", 0.5, 0.512), ("gone", -1.0, 0.5), ("b", 0.98, 0.3))
    corners = token_corners(places, 2, width=100, height=50)
    assert corners.tolist() == [[[40, 21], [60, 31]], [[88, 10], [100, 20]]]
    assert (
        token_corners(places_of(("a", -1, -1)), 2, width=100, height=50).tolist()
        == np.zeros((2, 2, 2)).tolist()
    )


CAPTIONS = [
    # caption, utterances, the words marked
    ("A cat and a dog.", ["A cat", "and", "a", "dog", "."], ["A cat", "and", "a", "dog", "."]),
    ("There is a mat, a cat.", ["there is", "", "a", "mat", "a cat"], ["There is", "a", "mat", "a cat"]),
    ("Grey cats (two).", ["grey", "(two)"], ["Grey", "(two)"]),
    # Not what is written: the words are shared out.
    ("one two three four five", ["uno", "dos"], ["one two", "three four five"]),
    ("one two", ["uno", "dos", "tres"], ["one", "two"]),
    ("a cat", ["cat", "a"], ["a", "cat"]),
]


@pytest.mark.parametrize(("caption", "utterances", "words"), CAPTIONS)
def test_marks_in_the_caption(caption: str, utterances: list[str], words: list[str]):
    places = places_of(*((text, 0.5, 0.5) for text in utterances))
    marks = utterance_points(caption, places, width=100, height=50)
    assert [caption[slice(*mark.span)] for mark in marks] == words
    Caption(text=caption, points=marks)  # in order and apart
    assert marks[0].point == (50, 25)
    assert marks[0].extent == [40, 20, 60, 30]


def test_utterances_without_a_place_leave_no_mark():
    places = places_of(("a", 0.5, 0.5), ("cat", -1, 0.5), ("sits", 0.2, 0.5))
    marks = utterance_points("A cat sits", places, width=100, height=50)
    assert [mark.span for mark in marks] == [(0, 1), (6, 10)]
    assert utterance_points("Uno", places_of(("one", -1, 0.5)), width=100, height=50) == []
