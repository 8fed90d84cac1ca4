"""Figures of a set: counted from records, from MUSE's JSON, drawn."""

import json

import pytest
from PIL import Image

from segue.curation.stats import PUBLISHED, count, read_data, table
from segue.data.muse_json import entry_of
from segue.data.native import Record, Turn, write_records
from segue.errors import DataError
from tests.curation.small import HEIGHT, WIDTH, thing


def records():
    def described(id_, category, box, text):
        return thing(id_, category, box).model_copy(update={"attributes": {"description": text}})

    objects = [
        described(1, "cup", (10, 10, 20, 20), "A small cup."),
        described(2, "fork", (50, 10, 20, 20), "The fork, on the left of two."),
        thing(3, "fork", (90, 10, 20, 20)),
    ]

    def turn(answer, phrases, kind):
        marks = [
            {"span": (answer.index(words), answer.index(words) + len(words)), "ids": ids}
            for words, ids in phrases
        ]
        return Turn.model_validate({"question": "What?", "answer": answer, "phrases": marks, "type": kind})

    turns = [
        turn("The cup and a fork.", [("cup", [1]), ("fork", [2])], "reasoning"),
        turn("Both forks.", [("Both forks", [2, 3])], "several"),
        turn("No dog.", [("dog", [])], "absent"),
    ]
    return [Record(image="a.jpg", width=WIDTH, height=HEIGHT, objects=objects, dialogue=turns)]


def test_counts():
    figures = count(records())
    assert figures.targets_per_answer == {0: 1, 1: 1, 2: 1}
    assert figures.targets == 3
    assert figures.mean_targets == 1.5  # of answers that have any
    # "A small cup." is four tokens, "The fork, on the left of two." nine, and the third fork has none.
    assert figures.words_per_description == {4: 1, 9: 2}
    assert figures.instances_per_category == {"fork": 3, "cup": 1}
    assert figures.kinds == {"reasoning": 1, "several": 1, "absent": 1}
    assert figures.to_dict()["published"] == PUBLISHED
    assert table(figures).row_count == 7 + 3


def test_read_from_files(tmp_path):
    write_records(tmp_path / "native" / "train.jsonl", records())
    (tmp_path / "native" / "rejected.jsonl").write_text("no record at all")
    assert count(read_data(tmp_path / "native")) == count(records())
    shown = [record.model_copy(update={"dialogue": record.dialogue[:1]}) for record in records()]
    (tmp_path / "muse.json").write_text(json.dumps([entry_of(record) for record in shown]))
    assert count(read_data(tmp_path / "muse.json")).targets_per_answer == {2: 1}
    (tmp_path / "broken.json").write_text('[{"ann_list": []}]')
    with pytest.raises(DataError, match="record 0"):
        list(read_data(tmp_path / "broken.json"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no native files"):
        list(read_data(tmp_path / "empty"))


def test_drawn(tmp_path):
    from segue.curation.plots import draw

    draw(count(records()), tmp_path / "plots" / "stats.png")
    assert Image.open(tmp_path / "plots" / "stats.png").width > 1000
