from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue.data.sources import get_source, missing_files
from segue.errors import DataError
from tests.data.sources.writing import HEIGHT, WIDTH, write_json, write_picture

SOURCE = get_source("coco_captions")


def official(**changes: Any) -> dict[str, Any]:
    """A captions file: the captions of two pictures mixed, a third without any."""
    names = {9: "000000000009.jpg", 25: "000000000025.jpg", 30: "000000000030.jpg"}
    content = {
        "info": {"year": 2017},
        "licenses": [],
        "images": [
            {"id": id_, "file_name": name, "width": WIDTH, "height": HEIGHT, "license": 1}
            for id_, name in names.items()
        ],
        "annotations": [
            {"id": 1, "image_id": 25, "caption": "A giraffe eats. "},
            {"id": 2, "image_id": 9, "caption": "A tray of food.\n"},
            {"id": 3, "image_id": 25, "caption": "Two giraffes é."},
        ],
    }
    return {**content, **changes}


def test_official_files(tmp_path: Path):
    write_json(tmp_path, "coco/annotations/captions_train2017.json", official())
    food, giraffes = SOURCE.open(tmp_path, "train2017")
    assert food.image == "coco/train2017/000000000009.jpg"
    assert (food.width, food.height, food.source) == (WIDTH, HEIGHT, "coco_captions")
    assert [caption.text for caption in giraffes.captions] == ["A giraffe eats.", "Two giraffes é."]
    assert [file.path for file in missing_files(SOURCE, tmp_path, "train2017")] == ["coco/train2017"]


def test_karpathy_splits(tmp_path: Path):
    entries = [
        {
            "filepath": "val2014",
            "filename": f"COCO_val2014_{number:012d}.jpg",
            "split": split,
            "cocoid": number,
            "imgid": number,
            "sentids": [0],
            "sentences": [{"raw": f"Picture {number}.", "tokens": ["picture"], "imgid": number, "sentid": 0}],
        }
        for number, split in enumerate(["test", "val", "restval", "test"])
    ]
    write_json(tmp_path, "coco/annotations/dataset_coco.json", {"images": entries, "dataset": "coco"})
    for entry in entries:
        write_picture(tmp_path, f"refer_seg/images/mscoco/images/val2014/{entry['filename']}")
    records = SOURCE.open(tmp_path, "karpathy/test")
    assert [[caption.text for caption in record.captions] for record in records] == [
        ["Picture 0."],
        ["Picture 3."],
    ]
    assert (records[0].width, records[0].height) == (WIDTH, HEIGHT)
    assert missing_files(SOURCE, tmp_path, "karpathy/val") == []
    with pytest.raises(DataError, match=r"no picture of the split 'train'"):
        SOURCE.open(tmp_path, "karpathy/train")


def test_a_broken_record_is_named_and_the_others_stay(tmp_path: Path):
    images = official()["images"]
    del images[1]["height"]
    write_json(tmp_path, "coco/annotations/captions_val2017.json", official(images=images))
    records = SOURCE.open(tmp_path, "val2017")
    with pytest.raises(DataError, match=r"captions_val2017.json, image 25: 'height' is missing"):
        records[1]
    assert records[0].captions


@pytest.mark.parametrize("content", [{}, official(annotations=[]), official(annotations=[3])])
def test_files_that_are_something_else(content: dict[str, Any], tmp_path: Path):
    write_json(tmp_path, "coco/annotations/captions_val2017.json", content)
    with pytest.raises(DataError, match=r"captions_val2017"):
        SOURCE.open(tmp_path, "val2017")


def test_what_is_missing(tmp_path: Path):
    with pytest.raises(DataError, match=r"dataset_coco.json is missing; get it from https://cs.stanford"):
        SOURCE.open(tmp_path, "karpathy/val")
    with pytest.raises(DataError, match=r"no split 'val'"):
        SOURCE.open(tmp_path, "val")
