"""Words of phrases get a place in their object, unless somebody pointed."""

from __future__ import annotations

import numpy as np

from segue.data.native import Phrase, Turn, WordPoint
from segue.data.word_places import point_at_phrases, point_within


def ring(side: int = 20) -> np.ndarray:
    y, x = np.mgrid[:side, :side]
    distance = np.hypot(x - side / 2, y - side / 2)
    return (distance < 9) & (distance > 5)


def test_a_point_is_inside_even_where_the_middle_is_not():
    mask = ring()
    assert not mask[10, 10]
    x, y = point_within(mask)
    assert mask[int(y), int(x)]


def test_every_word_of_a_phrase_is_in_its_largest_object():
    small, large = np.zeros((20, 20), bool), np.zeros((20, 20), bool)
    small[2:4, 2:4] = large[10:18, 10:18] = True
    turn = Turn(
        question="?",
        answer="Two red mugs, no cat, a spoon.",
        phrases=[
            Phrase(span=(0, 12), ids=[1, 2]),
            Phrase(span=(14, 20), ids=[]),
            Phrase(span=(22, 29), ids=[3]),  # without a mask
        ],
        points=[WordPoint(span=(8, 12), point=(1.0, 1.0))],
    )
    pointed = point_at_phrases(turn, {1: small, 2: large})
    points = {turn.answer[slice(*p.span)]: p.point for p in pointed.points}
    assert points["mugs"] == (1.0, 1.0)  # as it was
    assert set(points) == {"Two", "red", "mugs"}
    assert large[int(points["red"][1]), int(points["red"][0])]


def test_nothing_to_add_leaves_the_turn_as_it_is():
    turn = Turn(question="?", answer="No.")
    assert point_at_phrases(turn, {}) is turn
