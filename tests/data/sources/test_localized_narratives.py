from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from segue.data.sources import get_source, missing_files
from segue.errors import DataError
from tests.data.sources.writing import HEIGHT, WIDTH, write_lines, write_picture

SOURCE = get_source("localized_narratives")
COCO = "localized_narratives/coco_val_localized_narratives.jsonl"


def narrative(image_id: str, **changes: Any) -> dict[str, Any]:
    """A line of the public files: a cat on the left, a mat on the right."""
    content = {
        "dataset_id": "mscoco_val2017",
        "image_id": image_id,
        "annotator_id": 7,
        "caption": "A cat on a mat.",
        "timed_caption": [
            {"utterance": "A cat", "start_time": 0.0, "end_time": 2.0},
            {"utterance": " ", "start_time": 2.0, "end_time": 2.0},
            {"utterance": "on a mat.", "start_time": 6.0, "end_time": 8.0},
        ],
        "traces": [[{"x": 0.1, "y": 0.5, "t": 0.0}], [{"x": 0.9, "y": 0.5, "t": 8.0}]],
        "voice_recording": "coco_val/1.ogg",
    }
    return {**content, **changes}


def test_narratives_of_a_picture_are_its_captions(tmp_path: Path):
    other = narrative("139", caption="On a mat.", timed_caption=narrative("")["timed_caption"][2:])
    write_lines(tmp_path, COCO, narrative("139"), "", narrative("285"), other)
    for name in ("000000000139.jpg", "000000000285.jpg"):
        write_picture(tmp_path, f"coco/val2017/{name}")
    records = SOURCE.open(tmp_path, "coco/val")
    assert [record.image for record in records] == [
        "coco/val2017/000000000139.jpg",
        "coco/val2017/000000000285.jpg",
    ]
    first = records[0]
    assert (first.width, first.height, first.objects, first.dialogue) == (WIDTH, HEIGHT, [], [])
    assert [caption.text for caption in first.captions] == ["A cat on a mat.", "On a mat."]
    cat, mat = first.captions[0].points
    assert (cat.span, mat.span) == ((0, 5), (6, 15))
    # 0.1 to 0.3 and 0.7 to 0.9 of 40 pixels; half of 30.
    assert (cat.point, cat.extent) == ((8, 15), [4, 15, 12, 15])
    assert (mat.point, mat.extent) == ((32, 15), [28, 15, 36, 15])
    assert pickle.loads(pickle.dumps(records))[1] == records[1]


FILES = [
    # split, annotation file, picture's id, where it is looked for
    ("flickr30k/test", "flickr30k_test_localized_narratives.jsonl", "36979", "flickr30k/images/36979.jpg"),
    (
        "ade20k/validation",
        "ade20k_validation_localized_narratives.jsonl",
        "ADE_val_00000001",
        "ade20k/images/validation/ADE_val_00000001.jpg",
    ),
    (
        "open_images/validation",
        "open_images_validation_localized_narratives.jsonl",
        "00a1b2c3d4e5f607",
        "open_images/validation/00a1b2c3d4e5f607.jpg",
    ),
]


@pytest.mark.parametrize(("split", "name", "image_id", "image"), FILES)
def test_the_other_data_sets(split: str, name: str, image_id: str, image: str, tmp_path: Path):
    write_lines(tmp_path, f"localized_narratives/annotations/{name}", narrative(image_id))
    write_picture(tmp_path, image)
    assert missing_files(SOURCE, tmp_path, split) == []
    assert SOURCE.open(tmp_path, split)[0].image == image


@pytest.mark.parametrize(("split", "count"), [("coco/train", 4), ("open_images/train", 10)])
def test_the_parts_of_large_files(split: str, count: int, tmp_path: Path):
    files = [file.path for file in SOURCE.files(split) if file.path.endswith(".jsonl")]
    assert len(files) == count
    for number, path in enumerate(files):
        write_lines(tmp_path, path, narrative(str(number)))
    assert len(SOURCE.open(tmp_path, split)) == count
    (tmp_path / files[-1]).unlink()
    with pytest.raises(DataError, match=f"{files[-1]} is missing"):
        SOURCE.open(tmp_path, split)


def test_a_narrative_without_a_trace_is_left_out(tmp_path: Path):
    pointless = narrative("139", traces=[[{"x": 0.1, "y": 0.5, "t": 0.0}]])
    write_lines(tmp_path, COCO, pointless, narrative("285"), narrative("285", traces=[]))
    write_picture(tmp_path, "coco/val2017/000000000285.jpg")
    (record,) = SOURCE.open(tmp_path, "coco/val")
    assert len(record.captions) == 1
    write_lines(tmp_path, COCO, pointless)
    with pytest.raises(DataError, match="no narrative with a trace"):
        SOURCE.open(tmp_path, "coco/val")


BROKEN = [
    ("{", "Expecting property name"),
    ('{"image_id": "285", "x": 1, "x": 2', "Expecting ','"),
    (narrative("286"), "000000000286.jpg does not exist"),
    (narrative("cat"), "invalid literal"),
    (narrative("285", timed_caption=[{"utterance": "a", "start_time": 0}]), "'end_time' is missing"),
    (narrative("285", caption=""), "text"),
]


@pytest.mark.parametrize(("line", "words"), BROKEN)
def test_a_broken_line_is_named_and_the_others_stay(line: Any, words: str, tmp_path: Path):
    path = write_lines(tmp_path, COCO, narrative("139"), line)
    for name in ("000000000139.jpg", "000000000285.jpg"):
        write_picture(tmp_path, f"coco/val2017/{name}")
    records = SOURCE.open(tmp_path, "coco/val")
    with pytest.raises(DataError) as error:
        records[1]
    at = len(path.read_bytes().split(b"\n")[0]) + 1
    assert str(error.value).startswith(f"{path}, the line at byte {at}: ")
    assert words in str(error.value)
    assert records[0].captions


def test_unknown_splits(tmp_path: Path):
    with pytest.raises(DataError, match="no split 'train'; there are: coco/train"):
        SOURCE.open(tmp_path, "train")
