"""Mean average precision of dense captions, by hand."""

from __future__ import annotations

import pytest

from segue.evaluation.dense_captions import Found, Region, dense_map, match_detections, merge_regions

CUP, DOG = Region((0, 0, 10, 10), ("a cup",)), Region((50, 50, 10, 10), ("a dog",))


def test_regions_that_are_almost_alike_become_one():
    boxes = [(50, 50, 10, 10), (0, 0, 10, 10), (0, 0, 10, 9), (0, 0, 10, 8)]
    regions = merge_regions(boxes, ["dog", "cup", "mug", "tea"])
    # the cluster of three comes first; 9 of 10 and 8 of 9 rows in common, and 8 of 10 too
    assert regions == [Region((0, 0, 10, 9), ("cup", "mug", "tea")), Region((50, 50, 10, 10), ("dog",))]
    assert merge_regions([], []) == []


def test_a_cluster_is_around_one_box_not_a_chain():
    # Neighbours have 0.7 and more in common (14 of 20, ...), the ends do not.
    boxes = [(x, 0, 20, 10) for x in (0, 3, 6)]
    regions = merge_regions(boxes, ["a", "b", "c"])
    assert [region.captions for region in regions] == [("a", "b", "c")]
    boxes = [(x, 0, 20, 10) for x in (0, 3, 6, 9)]
    assert [region.captions for region in merge_regions(boxes, list("abcd"))] == [("a", "b", "c"), ("d",)]


def test_a_detection_is_held_against_the_best_region_even_if_it_is_taken():
    near = Region((3, 0, 10, 10), ("a mug",))
    found = match_detections(
        [(0, 0, 10, 10), (1, 0, 10, 10), (90, 90, 5, 5)], [0.5, 0.9, 0.7], ["x", "y", "z"], [CUP, near]
    )
    assert [(one.caption, one.region, one.first) for one in found] == [
        ("y", CUP, True),
        ("z", None, False),
        ("x", CUP, False),  # `near` is free, but it overlaps less
    ]
    assert found[0].iou == pytest.approx(90 / 110)


def test_perfect_and_empty():
    found = [Found(0.9, "a cup", 1.0, CUP, True), Found(0.8, "a dog", 1.0, DOG, True)]
    perfect = dense_map(found, [1.0, 1.0], num_regions=2)
    assert (perfect.map, perfect.detection) == (1.0, 1.0)
    assert len(perfect.by_threshold) == 35
    nothing = dense_map([], [], num_regions=2)
    assert (nothing.map, nothing.detection) == (0.0, 0.0)
    assert dense_map([], [], num_regions=0).map is None


def test_average_precision_by_hand():
    """Wrong, right, right, of four regions: precision 1/2 at recall 1/4, 2/3 at 1/2. With the best precision
    at that recall or higher, 2/3 holds for the recalls 0 to 0.50, which are 51 of 100."""
    found = [
        Found(0.9, "a cat"),
        Found(0.8, "a cup", 0.9, CUP, True),
        Found(0.7, "a dog", 0.9, DOG, True),
    ]
    figures = dense_map(found, [0.0, 1.0, 1.0], num_regions=4)
    assert figures.detection == pytest.approx(0.51 * 2 / 3)
    assert figures.map == pytest.approx(0.51 * 2 / 3)


def test_thresholds():
    """An IoU of exactly 0.5 passes three of five thresholds; a METEOR of 0.1 is above two of six."""
    figures = dense_map([Found(0.9, "a cup", 0.5, CUP, True)], [0.1], num_regions=1)
    assert figures.detection == pytest.approx(3 / 5)
    assert figures.map == pytest.approx(3 * 2 / 30)
    assert figures.by_threshold["iou0.5 meteor0.05"] == 1.0
    assert figures.by_threshold["iou0.5 meteor0.1"] == 0.0
    assert figures.by_threshold["iou0.6"] == 0.0


def test_a_second_detection_of_a_region_is_wrong():
    found = [Found(0.9, "a cup", 1.0, CUP, True), Found(0.8, "a cup", 1.0, CUP, False)]
    assert dense_map(found, [1.0, 1.0], num_regions=2).detection == pytest.approx(0.51)


def test_regions_without_words():
    blank = Region((0, 0, 10, 10), ("a cup", ""))
    found = [Found(0.9, "whatever", 1.0, blank, True)]
    assert dense_map(found, [0.0], num_regions=2, num_undescribed=1).map == pytest.approx(0.51)
    strict = dense_map(found, [0.0], num_regions=2, num_undescribed=1, undescribed_match=False)
    assert (strict.map, strict.detection) == (0.0, 1.0)
    assert dense_map([], [], num_regions=1, num_undescribed=1, undescribed_match=False).map is None
