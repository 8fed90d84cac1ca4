from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.data.coco import CocoRecords
from segue.data.native import decode_mask, read_records, write_records
from segue.errors import DataError
from tests.data.pictures import CATEGORIES, HEIGHT, WIDTH, coco_content, coco_folder, rectangle


def test_a_picture_with_everything(tmp_path: Path):
    records = CocoRecords(coco_folder(tmp_path / "set"), source="mine")
    assert len(records) == 1
    assert records.categories == list(CATEGORIES)
    record = records[0]
    assert (record.image, record.width, record.height, record.source) == (
        "images/a.png",
        WIDTH,
        HEIGHT,
        "mine",
    )
    assert (records.folder / record.image).is_file()
    assert record.exhaustive == list(CATEGORIES)
    assert [(entry.id, entry.category, entry.iscrowd) for entry in record.objects] == [
        (1, "dog", 0),
        (2, "dog", 0),
        (3, "sheep", 1),
        (4, "small bird", 0),  # an expression of which only the box is known
    ]
    for entry, box in zip(
        record.objects, [(5, 10, 20, 40), (60, 12, 25, 40), (0, 0, 3, HEIGHT)], strict=False
    ):
        np.testing.assert_array_equal(decode_mask(entry.segmentation, HEIGHT, WIDTH), rectangle(*box))
    assert record.objects[3].segmentation == []


def test_captions_and_expressions_are_turns(tmp_path: Path):
    turns = CocoRecords(coco_folder(tmp_path / "set"))[0].dialogue
    assert [(turn.type, turn.answer) for turn in turns] == [
        ("caption", "Two dogs beside some sheep."),
        ("expression", "It is the dog on the left."),
        ("expression", "There is no red person in this image."),
        ("expression", "It is the small bird."),
    ]
    marked = [(turn.answer[slice(*phrase.span)], phrase.ids) for turn in turns for phrase in turn.phrases]
    assert marked == [("dog on the left", [1]), ("red person", []), ("small bird", [4])]


def test_it_becomes_a_native_file(tmp_path: Path):
    records = CocoRecords(coco_folder(tmp_path / "set"))
    write_records(tmp_path / "native.jsonl", records.records())
    assert list(read_records(tmp_path / "native.jsonl")) == list(records.records())


def test_further_files_new_names_and_declared_categories(tmp_path: Path):
    path = coco_folder(tmp_path / "set", captions=[], expressions=[], info={})
    captions = tmp_path / "captions.json"
    captions.write_text(json.dumps({"annotations": [{"id": 1, "image_id": 7, "caption": "a dog"}]}))
    records = CocoRecords(path, images="../pictures", captions=captions, names={"dog": "hound"})
    assert records[0].image == "../pictures/a.png"
    assert records[0].objects[0].category == "hound"
    assert records[0].exhaustive == []
    assert [turn.answer for turn in records[0].dialogue] == ["A dog."]
    assert CocoRecords(path, exhaustive="all")[0].exhaustive == list(CATEGORIES)
    assert CocoRecords(path, exhaustive=["dog"])[0].exhaustive == ["dog"]


def test_a_semantic_set_says_so(tmp_path: Path):
    record = CocoRecords(coco_folder(tmp_path / "set", info={"semantic": True}))[0]
    assert record.objects[0].attributes == {"source": "semantic"}


def changed_annotation(**changes: Any) -> dict[str, Any]:
    first, *others = coco_content()["annotations"]
    return {"annotations": [{**first, **changes}, *others]}


BROKEN_ANNOTATIONS = [
    (changed_annotation(category_id=99), "unknown category_id 99"),
    (changed_annotation(bbox=[1, 2, 3]), "bbox"),
    (changed_annotation(segmentation=[[1, 2, 3, 4]]), "segmentation"),
    (changed_annotation(segmentation={"size": [HEIGHT, WIDTH], "counts": [3]}), "run lengths"),
    (changed_annotation(segmentation={"size": [3, 3], "counts": "09"}), "(3, 3)"),
    (changed_annotation(segmentation="x"), "segmentation"),
    (changed_annotation(id=2), "same id"),
    ({"images": [{"id": 7, "file_name": "a.png"}]}, "height"),
    ({"images": [{"id": 7, "width": 3, "height": 3}]}, "file_name"),
]


@pytest.mark.parametrize(("changes", "words"), BROKEN_ANNOTATIONS)
def test_a_broken_annotation_is_named(changes: dict[str, Any], words: str, tmp_path: Path):
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(coco_content(**changes)))
    records = CocoRecords(path)
    with pytest.raises(DataError) as error:
        list(records.records())
    assert str(error.value).startswith(f"{path}, image ")
    assert words in str(error.value)
    assert list(records.records(on_error="skip")) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"images": 3, "annotations": [], "categories": []}', b"\xff\xfe\x00"],
)
def test_a_file_that_is_not_coco(content: bytes, tmp_path: Path):
    path = tmp_path / "annotations.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"annotations\.json"):
        CocoRecords(path)


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(DataError, match="cannot be read"):
        CocoRecords(tmp_path / "annotations.json")
