"""Masks as polygons: nothing of a mask is lost, for every mask that hypothesis thinks of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from segue.data.polygons import polygon_mask
from segue.exports.outlines import mask_outlines, mask_polygons, one_outline

MASKS = hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def shoelace(ring):
    x, y = np.array(ring).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(MASKS)
def test_polygons_enclose_the_mask_exactly(mask):
    parts = mask_polygons(mask)
    rings = [ring for part in parts for ring in (part.outer, *part.holes)]
    assert sum(shoelace(ring) for ring in rings) == mask.sum()
    assert all(shoelace(part.outer) > 0 for part in parts)
    assert all(len(set(ring)) == len(ring) for ring in rings)
    assert len(parts) == ndimage.label(mask)[1]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(MASKS)
def test_painted_outlines_are_the_mask_without_its_holes(mask):
    painted = np.zeros_like(mask)
    for outline in mask_outlines(mask):
        painted |= polygon_mask(outline, *mask.shape)
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    filled = np.zeros_like(mask)
    for number in range(1, count + 1):
        filled |= ndimage.binary_fill_holes(labels == number)
    np.testing.assert_array_equal(painted, filled)


@pytest.mark.parametrize(
    ("rows", "outers", "holes"),
    [
        (["##", "##"], [[(0, 0), (2, 0), (2, 2), (0, 2)]], [0]),  # a square has four corners
        (["###", "#.#", "###"], [[(0, 0), (3, 0), (3, 3), (0, 3)]], [1]),  # a ring has a hole
        (["#.", ".#"], [[(0, 0), (1, 0), (1, 1), (0, 1)], [(1, 1), (2, 1), (2, 2), (1, 2)]], [0, 0]),  # two
        (["."], [], []),  # nothing
    ],
)
def test_polygons_by_hand(rows, outers, holes):
    parts = mask_polygons(np.array([[char == "#" for char in row] for row in rows]))
    assert [part.outer for part in parts] == outers
    assert [len(part.holes) for part in parts] == holes


def test_outlines_are_joined_where_they_are_nearest():
    # Two squares four columns apart become one outline, by a line in row 2 there and back.
    mask = np.zeros((5, 12), bool)
    mask[0:3, 0:3] = mask[2:5, 6:9] = True
    joined = one_outline(mask_outlines(mask))
    painted = polygon_mask(joined, *mask.shape)
    expected = mask.copy()
    expected[2, 3:6] = True
    np.testing.assert_array_equal(painted, expected)
