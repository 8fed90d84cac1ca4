from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.data.native import decode_mask
from segue.data.sources import get_source
from segue.errors import DataError
from tests.data.sources import official
from tests.data.sources.official import HEIGHT, WIDTH, rectangle

WITH_MASKS = "mdetr_annotations_with_mask/merge_coco_img_safe_train.json"


def test_mdetr_sentences_come_together_by_picture_and_object(tmp_path: Path):
    official.mdetr(tmp_path)
    records = get_source("mdetr_refcoco").open(tmp_path, "refcoco/train")
    assert len(records) == 2
    record = records[0]
    assert record.image == "train2014/COCO_train2014_000000000005.jpg"
    assert [(o.id, o.category, o.segmentation) for o in record.objects] == [(51, "dog", []), (52, "dog", [])]
    assert record.objects[0].bbox == [2.0, 3.0, 10.0, 8.0]
    assert [(e.text, e.ids, e.id) for e in record.expressions] == [
        ("the left dog", [51], 1100),  # numbered by its annotation, as the builder of PixelLLM does
        ("dog on the left", [51], 1102),
        ("right dog", [52], 1103),
    ]
    assert [e.text for e in records[1].expressions] == ["a man"]


def test_mdetr_with_masks(tmp_path: Path):
    official.mdetr(tmp_path, WITH_MASKS)
    record = get_source("mdetr_refcoco_masks").open(tmp_path, "merge_coco_img_safe/train")[0]
    masks = [decode_mask(entry.segmentation, HEIGHT, WIDTH) for entry in record.objects]
    np.testing.assert_array_equal(masks[0], rectangle(2, 3, 10, 8))
    np.testing.assert_array_equal(masks[1], rectangle(20, 3, 6, 8) | rectangle(30, 3, 6, 8))


def test_mdetr_other_names_of_the_ids(tmp_path: Path):
    """The merged files call the picture `original_img_id` and number sentences by `refexp_id`."""
    entry = {
        "id": 0,
        "file_name": "COCO_val2014_000000000009.jpg",
        "height": HEIGHT,
        "width": WIDTH,
        "original_img_id": "9",
        "refexp_id": 777,
        "caption": " a man ",
    }
    annotation = official.annotation(3, 0, 1, [], (1, 1, 4, 4))
    official.mdetr(tmp_path, images=[entry], annotations=[annotation])
    (record,) = get_source("mdetr_refcoco").open(tmp_path, "refcoco/train")
    assert record.image == "val2014/COCO_val2014_000000000009.jpg"
    assert [(e.text, e.ids, e.id) for e in record.expressions] == [("a man", [3], 777)]


def picture_entry(number: int, image_id: int, **changes: Any) -> dict[str, Any]:
    known = {
        "id": number,
        "original_id": image_id,
        "file_name": f"COCO_train2014_{image_id:012d}.jpg",
        "height": HEIGHT,
        "width": WIDTH,
        "caption": "it",
    }
    return {key: value for key, value in {**known, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("images", "annotation", "message"),
    [
        ({"caption": None}, {}, r"image 5 \(entry 0\): 'caption' is missing"),
        ({"id": None}, {}, "images entry 0: 'id' is missing"),
        ({"height": None}, {}, "'height' is missing"),
        ({}, {"category_id": 99}, "annotation 7: no category has the id 99"),
        ({}, {"bbox": [1, 2]}, "annotation 7: bbox"),
    ],
)
def test_a_broken_mdetr_entry_is_named_and_the_others_stay_readable(
    tmp_path: Path, images: dict[str, Any], annotation: dict[str, Any], message: str
):
    bad = {**official.annotation(7, 0, 1, [], (1, 1, 4, 4)), **annotation}
    good = official.annotation(8, 1, 1, [], (1, 1, 4, 4))
    entries = [picture_entry(0, 5, **images), picture_entry(1, 9)]
    official.mdetr(tmp_path, images=entries, annotations=[bad, good])
    records = get_source("mdetr_refcoco").open(tmp_path, "refcoco/train")
    assert records[1].expressions[0].text == "it"
    with pytest.raises(DataError, match=message) as caught:
        records[0]
    assert "finetune_refcoco_train.json" in str(caught.value)


def test_mdetr_sentences_that_do_not_say_of_which_picture_stand_alone(tmp_path: Path):
    entries = [picture_entry(number, 5, original_id=None) for number in (0, 1)]
    annotations = [official.annotation(7 + number, number, 1, [], (1, 1, 4, 4)) for number in (0, 1)]
    official.mdetr(tmp_path, images=entries, annotations=annotations)
    records = get_source("mdetr_refcoco").open(tmp_path, "refcoco/train")
    assert [[o.id for o in records[index].objects] for index in range(len(records))] == [[7], [8]]


def test_mdetr_file_without_pictures(tmp_path: Path):
    official.mdetr(tmp_path, images=[])
    with pytest.raises(DataError, match="its list 'images' is missing or empty"):
        get_source("mdetr_refcoco").open(tmp_path, "refcoco/train")


def test_seqtr_objects_and_sentences_are_numbered_in_order(tmp_path: Path):
    official.seqtr(tmp_path)
    records = get_source("uninext_refcoco").open(tmp_path, "refcoco-unc/train")
    assert len(records) == 2
    record = records[0]
    assert record.image == "COCO_train2014_000000000005.jpg"
    assert [(o.id, o.category, o.bbox) for o in record.objects] == [
        (0, "object", [2.0, 3.0, 10.0, 8.0]),
        (2, "object", [0.0, 20.0, 48.0, 5.0]),
    ]
    assert [(e.text, e.ids, e.id) for e in record.expressions] == [
        ("the left dog", [0], 0),
        ("dog on the left", [0], 1),
        ("the crowd", [2], 3),
    ]
    masks = [decode_mask(entry.segmentation, HEIGHT, WIDTH) for entry in record.objects]
    np.testing.assert_array_equal(masks[0], rectangle(2, 3, 10, 8))
    np.testing.assert_array_equal(masks[1], rectangle(0, 20, 48, 5))
    assert [(e.text, e.id) for e in records[1].expressions] == [("a man", 2)]


def test_the_mixed_file_is_read_by_its_data_source(tmp_path: Path):
    official.seqtr(tmp_path, "mixed")
    source = get_source("uninext_refcoco")
    coco = source.open(tmp_path, "mixed-coco/train")
    assert [record.image for record in (coco[0], coco[1])] == [
        "COCO_train2014_000000000005.jpg",
        "COCO_train2014_000000000009.jpg",
    ]
    # As in PixelLLM's builder, numbers count within the chosen data source.
    assert [o.id for o in coco[0].objects] == [0, 2]
    assert [e.id for e in coco[0].expressions] == [0, 1, 3]
    (lamp,) = source.open(tmp_path, "mixed-vg/train")
    assert (lamp.image, lamp.objects[0].id, lamp.objects[0].segmentation) == ("61.jpg", 0, [])


def test_flickr_has_boxes_alone(tmp_path: Path):
    official.seqtr(tmp_path, "flickr30k")
    (record,) = get_source("uninext_refcoco").open(tmp_path, "flickr30k/train")
    assert record.image == "70.jpg"
    assert [(e.text, e.ids) for e in record.expressions] == [("A man", [0]), ("a red hat", [1])]
    assert [o.segmentation for o in record.objects] == [[], []]


def test_the_merged_coco_form_of_uninext(tmp_path: Path):
    official.uninext_mixed(tmp_path)
    (record,) = get_source("uninext_refcoco").open(tmp_path, "refcoco-mixed/train")
    assert [(e.text, e.ids, e.id) for e in record.expressions] == [
        ("left dog", [0], 0),
        ("dog", [0], 1),
        ("right dog", [1], 2),
    ]
    np.testing.assert_array_equal(
        decode_mask(record.objects[1].segmentation, HEIGHT, WIDTH), rectangle(20, 3, 6, 8)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_id": None}, "entry 0: 'image_id' is missing"),
        ({"bbox": None}, "image 5, entry 0: 'bbox' is missing"),
        ({"expressions": None}, "image 5, entry 0: 'expressions' is missing"),
        ({"expressions": [""]}, "image 5, entry 0: text: String should have at least 1 character"),
        ({"mask": "x"}, "image 5, entry 0: its segmentation is a str"),
        ({"height": None}, "'height' is missing"),
    ],
)
def test_a_broken_seqtr_entry_is_named_and_the_others_stay_readable(
    tmp_path: Path, changes: dict[str, Any], message: str
):
    good = {"image_id": 9, "height": HEIGHT, "width": WIDTH, "bbox": [1, 2, 3, 4], "expressions": ["a man"]}
    bad = {key: value for key, value in {**good, "image_id": 5, **changes}.items() if value is not None}
    official.seqtr(tmp_path, train=[bad, good])
    records = get_source("uninext_refcoco").open(tmp_path, "refcoco-unc/train")
    assert records[1].expressions[0].text == "a man"
    with pytest.raises(DataError, match=message) as caught:
        records[0]
    assert "refcoco-unc/instances.json" in str(caught.value)


def test_a_split_that_the_file_does_not_have(tmp_path: Path):
    official.seqtr(tmp_path, "mixed", train=[])
    with pytest.raises(
        DataError, match="its list 'train' is missing or has no entries of the data source 'vg'"
    ):
        get_source("uninext_refcoco").open(tmp_path, "mixed-vg/train")
