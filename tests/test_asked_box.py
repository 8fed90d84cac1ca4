"""Boxes that people ask about: cut to the picture, or refused."""

import numpy as np
import pytest

from segue.asked_box import asked_box
from segue.errors import QuestionError


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ((1, 2, 3, 4), [1, 2, 3, 4]),
        ((-5, 0.5, 100, 9), [0, 0.5, 20, 9]),  # beyond the picture
        (np.array([0, 0, 20, 10]), [0, 0, 20, 10]),
    ],
)
def test_a_box_is_cut_to_the_picture(region, expected):
    np.testing.assert_array_equal(asked_box(region, (20, 10)), expected)


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((1, 2, 3), "is not x0, y0, x1, y1"),
        (("a", 0, 1, 1), "is not x0, y0, x1, y1"),
        ((3, 0, 3, 5), "is not x0, y0, x1, y1"),  # without width
        ((0, 5, 3, 4), "is not x0, y0, x1, y1"),  # upside down
        ((0, 0, float("nan"), 5), "is not x0, y0, x1, y1"),
        ((0, 0, float("inf"), 5), "is not x0, y0, x1, y1"),
        ((20, 0, 25, 5), "outside the picture of 20 x 10"),
        ((-5, 0, 0, 5), "outside the picture of 20 x 10"),
        ((0, 10, 5, 12), "outside the picture of 20 x 10"),
    ],
)
def test_what_is_no_box_here(region, message):
    with pytest.raises(QuestionError, match=message):
        asked_box(region, (20, 10))
