from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.data.native import decode_mask
from segue.data.sources import get_source
from segue.data.sources.coco_parts import part_name
from segue.errors import DataError
from tests.data.sources import official
from tests.data.sources.official import HEIGHT, WIDTH, rectangle

PICTURE = {
    "id": 9,
    "file_name": "train2017/000000000009.jpg",
    "width": WIDTH,
    "height": HEIGHT,
    "neg_category_ids": [],
    "not_exhaustive_category_ids": [],
}


def test_paco_has_objects_their_parts_and_what_is_labelled_wherever_it_occurs(tmp_path: Path):
    official.paco_lvis(tmp_path)
    records = get_source("paco_lvis").open(tmp_path, "train")
    (record,) = records
    assert record.image == "train2017/000000000009.jpg"
    assert (records.folder / record.image).is_file()
    assert [(o.id, o.category, o.part_of) for o in record.objects] == [
        (1, "dog", None),
        (2, "dog:ear", 1),
        (3, "car", None),
    ]
    np.testing.assert_array_equal(
        decode_mask(record.objects[1].segmentation, HEIGHT, WIDTH), rectangle(2, 2, 5, 5)
    )
    # Looked for and not found: mug. Found to the end: dog and its ear. Not to the end: car.
    assert record.exhaustive == ["dog", "dog:ear", "mug"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dog", "dog"),
        ("car_(automobile)", "car"),
        ("car_(automobile):wheel", "car:wheel"),
        ("drum_(musical_instrument):rim_(of it)", "drum:rim"),
        (" potted plant:pot ", "potted plant:pot"),
    ],
)
def test_names_lose_what_is_in_brackets(name: str, expected: str):
    assert part_name(name) == expected


def test_a_part_whose_object_is_not_labelled_stands_alone(tmp_path: Path):
    lone = official.annotation(
        2, 9, 100, official.compressed(rectangle(2, 2, 5, 5)), (2, 2, 5, 5), obj_ann_id=1
    )
    official.paco_lvis(tmp_path, annotations=[lone])
    (record,) = get_source("paco_lvis").open(tmp_path, "train")
    assert record.objects[0].part_of is None


def test_pascal_part_has_parts_alone(tmp_path: Path):
    official.pascal_part(tmp_path)
    (record,) = get_source("pascal_part").open(tmp_path, "train")
    assert record.image == "2008_000002.jpg"
    assert [(o.id, o.category, o.part_of, o.bbox) for o in record.objects] == [
        (0, "dog:head", None, [3.0, 4.0, 9.0, 5.0]),
        (1, "potted plant:pot", None, [30.0, 4.0, 0.0, 5.0]),
    ]
    np.testing.assert_array_equal(
        decode_mask(record.objects[0].segmentation, HEIGHT, WIDTH), rectangle(3, 4, 10, 6)
    )
    assert record.exhaustive == []


def test_a_picture_without_annotations_has_no_objects(tmp_path: Path):
    official.paco_lvis(tmp_path, annotations=[])
    (record,) = get_source("paco_lvis").open(tmp_path, "train")
    assert record.objects == []
    assert record.exhaustive == ["mug"]


def part(**changes: Any) -> dict[str, Any]:
    known = official.annotation(4, 5, 1, official.compressed(rectangle(1, 1, 4, 4)), (1, 1, 4, 4))
    return {key: value for key, value in {**known, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("picture", "annotation", "message"),
    [
        (
            {},
            part(category_id=99),
            "annotation 4: no category has the id 99",
        ),
        ({}, part(segmentation=None), "annotation 4: 'segmentation' is missing"),
        ({}, part(id=None), "image 5: 'id' is missing"),
        (
            {"height": 7},
            part(),
            r"annotation 4: its mask is \(32, 48\) \(height, width\), the picture \(7, 48\)",
        ),
        ({"width": None}, part(), "image 5: 'width' is missing"),
        ({"neg_category_ids": None}, part(), "image 5: 'neg_category_ids' is missing"),
        ({"id": None}, part(), "images entry 0: 'id' is missing"),
    ],
)
def test_what_is_broken_is_named_and_the_others_stay_readable(
    tmp_path: Path, picture: dict[str, Any], annotation: dict[str, Any], message: str
):
    bad = {key: value for key, value in {**PICTURE, "id": 5, **picture}.items() if value is not None}
    good = official.annotation(1, 9, 1, official.compressed(rectangle(1, 1, 4, 4)), (1, 1, 4, 4))
    official.paco_lvis(tmp_path, images=[bad, PICTURE], annotations=[annotation, good])
    records = get_source("paco_lvis").open(tmp_path, "train")
    assert [o.category for o in records[1].objects] == ["dog"]
    with pytest.raises(DataError, match=message) as caught:
        records[0]
    assert "paco_lvis_v1_train.json" in str(caught.value)


def test_an_annotation_of_no_picture_is_a_broken_record_after_the_others(tmp_path: Path):
    official.paco_lvis(tmp_path, annotations=[part(image_id=123), part(image_id=None, id=6), ["x"]])
    records = get_source("paco_lvis").open(tmp_path, "train")
    assert len(records) == 4
    assert records[0].objects == []
    for index, message in (
        (1, "annotation 4: no picture has its image_id 123"),
        (2, "annotation 6: no picture has its image_id None"),
        (3, "annotation None: no picture"),
    ):
        with pytest.raises(DataError, match=message):
            records[index]


def test_a_file_without_pictures(tmp_path: Path):
    official.pascal_part(tmp_path, images=[])
    with pytest.raises(DataError, match="its list 'images' is missing or empty"):
        get_source("pascal_part").open(tmp_path, "train")
