from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from segue.data.native import (
    Phrase,
    Record,
    Turn,
    WordPoint,
    decode_mask,
    encode_mask,
    mask_box,
    read_records,
    write_records,
)
from segue.errors import DataError, SegueError
from tests.data.pictures import HEIGHT, WIDTH, record, rectangle, thing


def a_record(**fields: Any) -> Record:
    turn = Turn(
        question="Where are the dog and the cat?",
        answer="The dog is here, but there is no cat.",
        phrases=[Phrase(span=(4, 7), ids=[1]), Phrase(span=(33, 36), ids=[])],
        points=[WordPoint(span=(4, 7), point=(10.5, 20.0), extent=[8.0, 18.0, 13.0, 22.0])],
        type="mixed",
    )
    return record(thing(1, "dog", (4, 4, 20, 30)), **{"dialogue": [turn], **fields})


def test_what_is_written_is_read_back(tmp_path: Path):
    records = [
        a_record(),
        a_record(source="here", exhaustive="all", ignore=encode_mask(rectangle(0, 0, 5, 5))),
    ]
    path = tmp_path / "deep" / "records.jsonl"
    assert write_records(path, records) == 2
    assert list(read_records(path)) == records
    assert [entry.name for entry in path.parent.iterdir()] == ["records.jsonl"]


def test_a_failed_writing_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "records.jsonl"
    write_records(path, [a_record()])

    def broken():
        yield a_record()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        write_records(path, broken())
    assert list(read_records(path)) == [a_record()]


def changed(**changes: Any) -> dict[str, Any]:
    return {**json.loads(a_record().model_dump_json()), **changes}


def with_turn(**changes: Any) -> dict[str, Any]:
    turn = json.loads(a_record().dialogue[0].model_dump_json())
    return changed(dialogue=[{**turn, **changes}])


def with_object(**changes: Any) -> dict[str, Any]:
    entry = json.loads(a_record().objects[0].model_dump_json())
    return changed(objects=[{**entry, **changes}], dialogue=[])


BROKEN = [
    # (record, words of the message)
    (changed(width=0), "width"),
    (changed(height=-3), "height"),
    (changed(image=""), "image"),
    (changed(colour="red"), "colour"),  # unknown fields are refused
    (with_object(bbox=[0, 0, float("nan"), 3]), "bbox"),
    (with_object(bbox=[0, 0, -4, 3]), "negative"),
    (with_object(bbox=[0, 0, 4]), "bbox"),
    (with_object(segmentation=[[1, 2, 3, 4]]), "segmentation"),  # not a polygon
    (with_object(segmentation=[[1, 2, 3, 4, 5, 6, 7]]), "odd"),
    (with_object(segmentation=[[1, 2, 3, 4, 5, 1e9]]), "segmentation"),
    (with_object(segmentation={"size": [3, 3], "counts": "09"}), "(3, 3)"),  # another picture's size
    (with_object(segmentation={"size": [HEIGHT, WIDTH], "counts": "09"}), "run lengths"),  # ends early
    (with_object(segmentation={"size": [HEIGHT, WIDTH], "counts": "\u20ac"}), "compressed COCO RLE"),
    (with_object(segmentation={"size": [HEIGHT, WIDTH], "counts": ""}), "compressed COCO RLE"),
    (with_object(part_of=9), "part of object 9"),
    (changed(objects=changed()["objects"] * 2), "same id"),
    (changed(ignore={"size": [3, 3], "counts": "09"}), "ignore"),
    (with_turn(phrases=[{"span": [4, 7], "ids": [5]}]), "'dog' names objects that do not exist: [5]"),
    (with_turn(phrases=[{"span": [4, 99], "ids": [1]}]), "span [4, 99]"),
    (with_turn(phrases=[{"span": [4, 4], "ids": [1]}]), "span [4, 4]"),
    (with_turn(phrases=[{"span": [-3, 4], "ids": [1]}]), "span"),
    (with_turn(phrases=[{"span": [4, 7], "ids": []}, {"span": [6, 9], "ids": []}]), "overlaps"),
    (with_turn(phrases=[{"span": [8, 9], "ids": []}, {"span": [4, 7], "ids": []}]), "overlaps"),  # order
    (with_turn(points=[{"span": [4, 99], "point": [1, 2]}]), "word point"),
    (with_turn(points=[{"span": [4, 7], "point": [1, 2], "extent": [3, 0, 1, 2]}]), "extent"),
    (with_turn(answer=""), "answer"),
]


@pytest.mark.parametrize(("content", "words"), BROKEN)
def test_a_broken_record_is_named_by_file_and_line(content: dict[str, Any], words: str, tmp_path: Path):
    path = tmp_path / "records.jsonl"
    good = a_record().model_dump_json()
    path.write_text(f"{good}\n\n{json.dumps(content)}\n{good}\n")
    with pytest.raises(DataError) as error:
        list(read_records(path))
    message = str(error.value)
    assert message.startswith(f"{path}, line 3: ")
    assert words in message
    assert "\n" not in message
    assert list(read_records(path, on_error="skip")) == [a_record()] * 2


@pytest.mark.parametrize("line", [b"{", b"\xff\xfe", b"[]", b"null", b"\x00", b'{"image": NaN}'])
def test_a_line_that_is_no_record(line: bytes, tmp_path: Path):
    path = tmp_path / "records.jsonl"
    path.write_bytes(line)
    with pytest.raises(DataError, match="line 1"):
        list(read_records(path))


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(DataError, match=r"nothing\.jsonl: cannot be read"):
        list(read_records(tmp_path / "nothing.jsonl"))


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=70)))
def test_masks_there_and_back(mask: np.ndarray):
    rle = encode_mask(mask)
    assert tuple(rle["size"]) == mask.shape
    np.testing.assert_array_equal(decode_mask(rle, *mask.shape), mask)


@given(st.text(max_size=40))
def test_no_text_crashes_the_decoder(counts: str):
    try:
        mask = decode_mask({"size": (5, 7), "counts": counts}, 5, 7)
    except SegueError:
        return
    assert mask.shape == (5, 7)


def test_polygons_are_drawn_as_coco_does():
    from pycocotools import mask as coco_mask

    polygons = [[2.0, 2.0, 30.5, 2.0, 30.5, 20.0], [50.0, 40.0, 60.0, 40.0, 60.0, 50.0, 50.0, 50.0]]
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, HEIGHT, WIDTH)))
    np.testing.assert_array_equal(decode_mask(polygons, HEIGHT, WIDTH), expected.astype(bool))
    assert not decode_mask([], HEIGHT, WIDTH).any()


def test_the_box_of_a_mask():
    assert mask_box(rectangle(3, 5, 7, 9)) == [3, 5, 7, 9]
    assert mask_box(np.zeros((4, 4), dtype=bool)) == [0, 0, 0, 0]
