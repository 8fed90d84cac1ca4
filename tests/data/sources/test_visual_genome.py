from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue.data.native import Record
from segue.data.sources import get_source, missing_files
from segue.errors import DataError
from tests.data.sources.writing import HEIGHT, WIDTH, write_json, write_picture

SOURCE = get_source("visual_genome")

BOXES = [
    # [x, y, w, h], phrase
    ([5, 6, 10, 12], "a red mug "),
    ([-4, 20, 20, 50], "the table"),  # leaves the picture on two sides
    ([5, 6, 10, 12], " "),
    ([40, 0, 10, 10], "outside"),
]
REGIONS = [("a red mug", [5.0, 6.0, 10.0, 12.0]), ("the table", [0.0, 20.0, 16.0, 10.0])]


def told(record: Record) -> list[tuple[str, Any]]:
    return [(caption.text, caption.region) for caption in record.captions]


def write_grit(root: Path, split: str, **changes: Any) -> Path:
    content = {
        "images": [
            {"id": 1, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT},
            {"id": 2, "file_name": "2.jpg", "width": WIDTH, "height": HEIGHT},
        ],
        "annotations": [
            {"id": number, "image_id": 2, "bbox": box, "caption": phrase, "category_id": 1, "iscrowd": 0}
            for number, (box, phrase) in enumerate(BOXES)
        ],
        "categories": [{"id": 1, "name": "object"}],
    }
    return write_json(root, f"vg/annotations/{split}.json", {**content, **changes})


def write_official(root: Path) -> None:
    entries = [
        {
            "id": id_,
            "regions": [
                {
                    "region_id": number,
                    "image_id": id_,
                    "x": box[0],
                    "y": box[1],
                    "width": box[2],
                    "height": box[3],
                    "phrase": phrase,
                }
                for number, (box, phrase) in enumerate(BOXES)
            ],
        }
        for id_ in (1, 2, 3)
    ]
    write_json(root, "vg/region_descriptions.json", entries)
    address = "https://cs.stanford.edu/people/rak248/VG_100K_2/{}.jpg"
    images = [
        {"image_id": id_, "url": address.format(id_), "width": WIDTH, "height": HEIGHT, "coco_id": None}
        for id_ in (1, 2)
    ]
    write_json(root, "vg/image_data.json", images)
    write_json(root, "vg/densecap_splits.json", {"train": [2], "val": [], "test": [1]})


def test_files_as_grit_prepared_them(tmp_path: Path):
    write_grit(tmp_path, "train")
    write_picture(tmp_path, "vg/VG_100K_2/2.jpg")
    empty, full = SOURCE.open(tmp_path, "train")
    assert told(empty) == []
    assert told(full) == REGIONS
    assert (empty.image, full.image) == ("vg/images/1.jpg", "vg/VG_100K_2/2.jpg")
    assert missing_files(SOURCE, tmp_path, "train") == []


def test_official_files(tmp_path: Path):
    write_official(tmp_path)
    (record,) = SOURCE.open(tmp_path, "densecap/train")
    assert record.image == "vg/VG_100K_2/2.jpg"
    assert told(record) == REGIONS
    records = SOURCE.open(tmp_path, "all")
    assert len(records) == 3
    with pytest.raises(
        DataError, match=r"region_descriptions.json, image 3: .*image_data.json does not have it"
    ):
        records[2]
    with pytest.raises(DataError, match=r"no picture of the split"):
        SOURCE.open(tmp_path, "densecap/val")


def test_a_broken_record_is_named_and_the_others_stay(tmp_path: Path):
    write_grit(tmp_path, "test", annotations=[{"id": 1, "image_id": 2, "bbox": [1, 2, 3], "caption": "a"}])
    records = SOURCE.open(tmp_path, "test")
    with pytest.raises(DataError, match=r"test.json, image 2: not enough values"):
        records[1]
    assert records[0].image == "vg/images/1.jpg"


def test_what_is_missing(tmp_path: Path):
    assert [file.path for file in missing_files(SOURCE, tmp_path, "densecap/test")] == [
        "vg/region_descriptions.json",
        "vg/image_data.json",
        "vg/densecap_splits.json",
        "vg/images",
    ]
    with pytest.raises(
        DataError, match=r"train.json is missing; get it from https://github.com/JialianW/GRiT"
    ):
        SOURCE.open(tmp_path, "train")
    with pytest.raises(DataError, match=r"no split 'val'"):
        SOURCE.open(tmp_path, "val")
    write_grit(tmp_path, "train", annotations=[])
    with pytest.raises(DataError, match=r"no region"):
        SOURCE.open(tmp_path, "train")
    write_official(tmp_path)
    write_json(tmp_path, "vg/densecap_splits.json", {"test": []})
    with pytest.raises(DataError, match=r"densecap_splits.json, densecap/train: 'train' is missing"):
        SOURCE.open(tmp_path, "densecap/train")
