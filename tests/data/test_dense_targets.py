"""Labels of cells and of classes, on a record of two things whose places are known."""

from __future__ import annotations

import numpy as np

from segue.data.dense_targets import IGNORE, UNLABELLED, DenseLabels, DenseTargets
from segue.data.native import ObjectRecord, Record, decode_mask, encode_mask

LABELS = DenseLabels(("background", "cat", "dog"), ("background", "ear"), ("background", "black", "white"))


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((20, 40), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def thing(number: int, category: str, mask: np.ndarray, **fields) -> ObjectRecord:
    return ObjectRecord(
        id=number, category=category, segmentation=encode_mask(mask), bbox=[0, 0, 9, 9], **fields
    )


RECORD = Record(
    image="a.png",
    width=40,
    height=20,
    exhaustive="all",
    objects=[
        thing(1, "cat", rectangle(0, 0, 20, 20), attributes={"color": "black"}),
        thing(2, "dog", rectangle(30, 0, 40, 10)),
        thing(3, "ear", rectangle(0, 0, 10, 10), part_of=1),
    ],
)
MASKS = {item.id: decode_mask(item.segmentation, 20, 40) for item in RECORD.objects}


def test_maps_have_a_class_for_every_cell():
    maps = DenseTargets(LABELS).maps(RECORD, MASKS, (2, 4))
    assert maps["category"].tolist() == [[1, 1, UNLABELLED, 2], [1, 1, UNLABELLED, UNLABELLED]]
    assert maps["part"].tolist() == [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert maps["color"].tolist() == [[1, 1, 0, IGNORE], [1, 1, 0, 0]]  # nobody said what colour the dog has
    assert maps["thing"].tolist() == [[1, 1, 0, 2], [1, 1, 0, 0]]  # the ear is the cat's


def test_a_crowd_is_not_one_thing():
    crowd = RECORD.objects[1].model_copy(update={"iscrowd": 1})
    record = RECORD.model_copy(update={"objects": [RECORD.objects[0], crowd]})
    maps = DenseTargets(LABELS).maps(record, MASKS, (2, 4))
    assert maps["thing"].tolist() == [[1, 1, 0, IGNORE], [1, 1, 0, 0]]


def test_classes_are_asked_for_with_and_without_their_colour():
    keys, masks = DenseTargets(LABELS, max_prompts=9).prompts(RECORD, MASKS, np.random.default_rng(0))
    assert keys == [(1, 0), (1, 1), (2, 0)]
    assert [int(mask.sum()) for mask in masks] == [400, 400, 100]


def test_no_classes_are_asked_for_where_none_are_wanted():
    assert DenseTargets(LABELS).prompts(RECORD, MASKS, np.random.default_rng(0)) == ([], [])


def test_only_what_is_labelled_everywhere_is_known_to_be_absent():
    partial = RECORD.model_copy(update={"exhaustive": ["dog"]})
    assert DenseTargets(LABELS).exhaustive(RECORD).tolist() == [False, True, True]
    assert DenseTargets(LABELS).exhaustive(partial).tolist() == [False, False, True]


def test_every_whole_thing_has_a_middle():
    classes, points = DenseTargets(LABELS).centers(RECORD, MASKS)
    assert classes == [(1, 1), (2, 0)]  # the ear is part of the cat
    assert points == [(0.25, 0.5), (0.875, 0.25)]


def test_of_a_thing_without_a_mask_the_box_has_a_middle():
    boxed = RECORD.objects[0].model_copy(update={"segmentation": [], "bbox": (10.0, 0.0, 20.0, 10.0)})
    crowd = RECORD.objects[1].model_copy(update={"iscrowd": 1})
    record = RECORD.model_copy(update={"objects": [boxed, crowd]})
    assert DenseTargets(LABELS).centers(record, {}) == ([(1, 1)], [(0.5, 0.25)])
