"""Distances of words from traces, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segue.evaluation.trace import match_words, point_l1, token_point_l1

CORNERS = np.array([[0.2, 0.2], [0.6, 0.4]])


@pytest.mark.parametrize(
    ("points", "distance"),
    [
        # both corners met, in either order
        ([[0.2, 0.2], [0.6, 0.4]], 0.0),
        ([[0.6, 0.4], [0.2, 0.2]], 0.0),
        # one point: the nearer corner, half of |dx| + |dy|
        ([[0.3, 0.2]], 0.05),
        # both points on one corner count as met: the published figure is blind to that
        ([[0.2, 0.2], [0.2, 0.2]], 0.0),
        # outside the picture
        ([[1.0, 1.0], [0.2, 0.2]], (0.4 + 0.6) / 2 / 2),
    ],
)
def test_one_word(points, distance):
    assert point_l1(np.array(points), CORNERS) == pytest.approx(distance)


def test_only_tokens_with_text_and_target_count():
    corners = np.stack([CORNERS, CORNERS, np.zeros((2, 2)), CORNERS])
    points = np.stack([CORNERS, CORNERS + 0.1, CORNERS + 0.5, CORNERS + 0.3])
    text = np.array([5, 6, 7, 0])  # the third has no target, the last is padding
    assert token_point_l1(points, corners, text) == pytest.approx(0.05, abs=1e-9)
    assert token_point_l1(points, np.zeros_like(corners), text) is None


def test_words_of_two_captions():
    assert match_words(["A", "red", "mug"], ["the", "red", "big", "mug"]) == [(1, 1), (2, 3)]
    assert match_words([], ["mug"]) == []
