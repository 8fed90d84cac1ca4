"""Golden masks are OpenCV 5.0's `polylines` and `fillPoly` of the same corners, cut to whole numbers."""

from __future__ import annotations

import numpy as np
import pytest

from segue.data.native import encode_mask
from segue.data.polygons import polygon_mask

GOLDEN = [
    # corners, pixels, COCO counts at 40 x 24
    (
        [[2.9, 1.2], [30.7, 4.1], [26.5, 20.9], [8.2, 17.7]],
        403,
        "a12f03M2N3M3N1N2N0000001O00000001O01O00000000001O01O0M3L4L4Lh6",
    ),
    (  # crosses itself
        [[5, 5], [35, 8], [6, 22], [33, 2], [20, 23]],
        248,
        "m31g01HOG36NJ35LL52LN50K25LL46JI78GI9:1MFH:8FH:7GK74IN61K040K25LL35LK37LJ28NG2:MG1;NE2;OD0>0A0?5O00MAO?OC0=OE1a0O10h2",
    ),
    ([[-4.7, 3.2], [50.1, -6.0], [39, 28], [12, 30]], 877, "37a02N2M3N1O2N2N2M2O0000Pe0"),  # leaves it
    (
        [[3, 3], [36, 21]],  # a line
        34,
        "[21h00O010O010O010O010O01000O010O010O010O010O01000O010O010O010O010O010b1",
    ),
    ([[7.6, 9.9]], 1, "a51^h0"),  # a dot
    (
        [
            [19.3, 19.4],
            [12.4, 6.9],
            [1.3, 9.2],
            [9.8, 1.1],
            [1.2, 24],
            [15.7, 5.6],
            [10.4, 23.4],
            [21.5, 20.3],
            [9.4, 11.8],
        ],
        193,
        "Q11<1L012ON030NM34NI4760O1GG49JJ5=OHLM3KM342NM65HJ:55OAN::M3N2N1O1N2Ol<",
    ),
]


@pytest.mark.parametrize(("points", "area", "counts"), GOLDEN)
def test_pixels_are_those_of_opencv(points: list[list[float]], area: int, counts: str):
    mask = polygon_mask(points, 24, 40)
    assert mask.sum() == area
    assert encode_mask(mask)["counts"] == counts


def test_a_rectangle_holds_its_border_and_nothing_else():
    mask = polygon_mask([[3, 2], [8, 2], [8, 6], [3, 6]], 10, 12)
    expected = np.zeros((10, 12), dtype=bool)
    expected[2:7, 3:9] = True
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("points", [[], [[50, 50], [60, 50], [60, 60]], [[-9, 0], [-3, 0], [-3, 9]]])
def test_nothing_of_it_is_in_the_picture(points: list[list[float]]):
    assert not polygon_mask(points, 10, 12).any()
