from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from segue.data.sources import get_source, missing_files
from segue.errors import DataError
from tests.data.test_muse_json import entry

SOURCE = get_source("muse")


def write(root: Path, path: str, *entries: dict[str, Any]) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(json.dumps(list(entries)))


def by_name(**changes: Any) -> dict[str, Any]:
    content = entry(file_name="COCO_train2014_000000000009.jpg", **changes)
    del content["coco_url"]
    return content


PLACES = [
    ("train", "muse/muse_train.json"),
    ("val", "muse/MUSE_val.json"),  # other projects' capitals
    ("test_few", "multi_reason_seg/MultiReasonSeg/MUSE_test_less.json"),
    ("test_many", "muse_test_many.json"),  # where the published loader looks
]


@pytest.mark.parametrize(("split", "path"), PLACES)
def test_both_ways_of_naming_a_picture(split: str, path: str, tmp_path: Path):
    write(tmp_path, path, entry(), entry(coco_url="http://images.cocodataset.org/val2017/1.jpg"), by_name())
    (tmp_path / "refer_seg/images/mscoco/images/val2017").mkdir(parents=True)
    records = SOURCE.open(tmp_path, split)
    assert [record.image for record in records] == [
        "coco/train2017/000000000009.jpg",
        "refer_seg/images/mscoco/images/val2017/1.jpg",  # the README's layout, where it is found
        "refer_seg/images/mscoco/images/train2014/COCO_train2014_000000000009.jpg",
    ]
    assert records.folder == tmp_path
    assert records[-1].source == "muse"


def test_what_is_missing(tmp_path: Path):
    write(tmp_path, "muse/muse_val.json", entry())
    (tmp_path / "coco/train2014").mkdir(parents=True)
    assert [file.path for file in missing_files(SOURCE, tmp_path, "val")] == [
        "coco/train2017",
        "coco/val2017",
    ]
    with pytest.raises(DataError, match="json is missing"):
        SOURCE.open(tmp_path, "train")
    with pytest.raises(DataError, match="no split 'test'; there are: train, val, test_few, test_many"):
        SOURCE.open(tmp_path, "test")


def test_a_sentence_that_does_not_fit(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    content = entry(
        questions=["Who?", "What?"],
        answers=[entry()["answers"][0]] * 2,
        text_answers=["One {seg}.", "One {seg} and {seg}."],
    )
    for split in ("train", "val"):
        write(tmp_path, f"muse/muse_{split}.json", content)
    with caplog.at_level(logging.WARNING):
        assert [turn.question for turn in SOURCE.open(tmp_path, "train")[0].dialogue] == ["What?"]
    assert "record 0, question 0: 1 {seg} for 2 instances: left out" in caplog.text
    assert len(SOURCE.open(tmp_path, "val")[0].dialogue) == 2  # nobody reads the sentence there


def test_records_without_a_usable_question_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    unasked = {key: value for key, value in entry().items() if key != "questions"}
    mismatched = entry(text_answers=["The cup {seg}."])
    for split in ("train", "val"):
        write(
            tmp_path,
            f"muse/muse_{split}.json",
            unasked,
            entry(ann_list=[]),
            mismatched,
            entry(),
            {"height": 1},
        )
    with caplog.at_level(logging.WARNING):
        train = SOURCE.open(tmp_path, "train")
    assert "muse_train.json: 3 records without a usable question are left out" in caplog.text
    assert len(train) == 2
    assert train[0].dialogue
    with pytest.raises(DataError, match="record 4: "):  # the number in the file
        train[1]
    assert len(SOURCE.open(tmp_path, "val")) == 3


BROKEN = [
    ({"height": None}, "int()"),
    ({"ann_list": [{"bbox": [0, 0, 1, 1]}]}, "'segmentation' is missing"),
    ({"questions": []}, "0 questions but 1 answers"),
    ({"ann_list": 3}, "not iterable"),
    ({"answers": [None]}, "not iterable"),
    ({"text_answers": 3}, "not iterable"),
    ({"coco_url": 3}, "argument of type 'int'"),
]


@pytest.mark.parametrize(("changes", "words"), BROKEN)
def test_a_broken_record_is_named_and_the_others_stay(changes: dict[str, Any], words: str, tmp_path: Path):
    write(tmp_path, "muse/muse_train.json", entry(), entry(**changes))
    records = SOURCE.open(tmp_path, "train")
    with pytest.raises(DataError) as error:
        records[1]
    assert str(error.value).startswith(f"{tmp_path}/muse/muse_train.json, record 1: ")
    assert words in str(error.value)
    assert records[0].dialogue


@pytest.mark.parametrize(
    ("text", "words"), [("{}", "'[' expected"), ("[]", "no record in it"), ("[{]", "not valid")]
)
def test_a_file_that_is_no_list_of_records(text: str, words: str, tmp_path: Path):
    (tmp_path / "muse").mkdir()
    (tmp_path / "muse/muse_train.json").write_text(text)
    with pytest.raises(DataError) as error:
        SOURCE.open(tmp_path, "train")
    assert words in str(error.value)
