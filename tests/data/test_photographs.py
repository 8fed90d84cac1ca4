from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from segue.data.augment import augment, load_photograph
from segue.data.coco import CocoRecords
from segue.data.native import Record
from segue.data.photograph_people import CALLED
from segue.data.photograph_turns import photograph_turns
from segue.data.photographs import is_held_out, photograph_records
from segue.errors import DataError
from tests.data.pictures import HEIGHT, WIDTH, coco_content, coco_folder

SHARED = Path(os.environ.get("SEGUE_SHARED", Path(__file__).parents[3] / "shared"))
REAL = SHARED / "data" / "fixture_real"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A set of 60 pictures, of which the first has annotations."""
    images = [{"id": 7 + i, "file_name": f"{i:04d}.png", "width": WIDTH, "height": HEIGHT} for i in range(60)]
    categories = [{"id": 1, "name": "sofa"}, *coco_content()["categories"][1:]]
    return coco_folder(tmp_path / "voc_like", images=images, categories=categories).parent


def test_a_tenth_is_set_aside_by_name(folder: Path):
    train, held_out, everything = (
        {record.image for record in photograph_records(folder, split=split)}
        for split in ("train", "held_out", "all")
    )
    assert train | held_out == everything
    assert not train & held_out
    assert len(everything) == 60
    share = np.mean([is_held_out(f"{i:012d}.jpg") for i in range(4000)])
    assert 0.08 < share < 0.12
    assert is_held_out("some/where/000123.jpg") == is_held_out("000123.jpg")  # the same in every set


def test_names_become_everyday_words(folder: Path):
    records = photograph_records(folder, split="all")
    assert records[0].objects[0].category == "couch"
    assert "couch" in records.categories
    assert "couch" in records[0].exhaustive
    assert records[0].source == "voc_like"


def test_the_only_person_is_named_by_the_captions(tmp_path: Path):
    person = {**coco_content()["annotations"][0], "category_id": 4}
    captions = [{"id": i, "image_id": 7, "caption": "A man sits."} for i in range(2)]
    folder = coco_folder(tmp_path / "people", annotations=[person], captions=captions, expressions=[]).parent
    assert photograph_records(folder, split="all")[0].objects[0].attributes[CALLED] == "man"
    dialogue = photograph_records(folder, split="all", seed=0, num_turns=40)[0].dialogue
    assert any(" man" in turn.question.lower() for turn in dialogue)
    strangers = ("There is no woman", "There is no girl", "There is no baby")
    assert any(turn.type == "absent" and turn.answer.startswith(strangers) for turn in dialogue)


def test_dialogues_by_seed(folder: Path):
    without = photograph_records(folder, split="all")
    assert {turn.type for turn in without[0].dialogue} == {"caption", "expression"}
    first, same, other = (
        photograph_records(folder, split="all", seed=seed)[0].dialogue for seed in (1, 1, 2)
    )
    assert first == same != other
    assert len(first) == 8
    assert len(photograph_records(folder, split="all", seed=1, num_turns=3)[0].dialogue) == 3


def test_a_folder_without_annotations(tmp_path: Path):
    with pytest.raises(DataError, match=r"annotations\.json"):
        photograph_records(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="needs shared/data/fixture_real beside the repository")
def test_real_photographs_from_file_to_turns():
    records = CocoRecords(REAL / "annotations.json", exhaustive="all")
    rng = np.random.default_rng(0)
    kinds = set()
    for record in records.records():
        image = load_photograph(records.folder / record.image, at_least=96)
        image, changed = augment(image, record, rng, size=(96, 96))
        assert image.shape == (96, 96, 3)
        turns = photograph_turns(changed, rng, num_turns=10)
        Record.model_validate(changed.model_copy(update={"dialogue": turns}).model_dump())
        kinds |= {turn.type for turn in turns}
    assert {"name", "multi", "absent", "mixed", "count", "relation", "reasoning", "region_caption"} <= kinds
