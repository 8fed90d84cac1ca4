"""What every source of official files keeps to, on small files of each in the official form."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segue.data.native import Record
from segue.data.sources import get_source, missing_files
from segue.data.templates import make_dialogue
from segue.errors import DataError
from tests.data.sources import official

NAMES = (
    "refclef",
    "refcoco",
    "refcoco+",
    "refcocog",
    "grefcoco",
    "refzom",
    "mdetr_refcoco",
    "mdetr_refcoco_masks",
    "uninext_refcoco",
    "ade20k",
    "cocostuff",
    "mapillary",
    "paco_lvis",
    "pascal_part",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    official.everything(root)
    return root


@pytest.mark.parametrize("name", NAMES)
def test_every_split_opens_and_its_records_hold(root: Path, name: str):
    source = get_source(name)
    for split in source.splits:
        if (name, split) in {("refclef", "unc/val"), ("refclef", "unc/testC"), ("refclef", "berkeley/val")}:
            continue  # the small set has no sentence of these
        if (name, split) == ("refclef", "berkeley/test"):
            continue
        assert missing_files(source, root, split) == []
        records = source.open(root, split)
        made = [records[index] for index in range(len(records))]
        assert made
        for record in made:
            with Image.open(records.folder / record.image) as picture:
                assert picture.size == (record.width, record.height)
            assert record.source == name
            assert record.dialogue == []  # facts only
            assert record.objects or record.expressions
            assert Record.model_validate_json(record.model_dump_json(exclude_defaults=True)) == record
        # A data loader's worker that is spawned gets the set by pickle; two openings give the same order.
        copy = pickle.loads(pickle.dumps(records))
        again = source.open(root, split)
        assert [copy[index] for index in range(len(copy))] == made
        assert [again[index] for index in range(len(again))] == made
        assert records[len(records) - 1] == made[-1]
        with pytest.raises(IndexError):
            records[len(records)]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_listed_with_where_to_get_it(tmp_path: Path, name: str):
    source = get_source(name)
    split = source.splits[0]
    files = source.files(split)
    assert missing_files(source, tmp_path, split) == list(files)
    with pytest.raises(DataError) as caught:
        source.open(tmp_path, split)
    for file in files:
        assert file.path in str(caught.value)
        assert file.where in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_split_is_refused_with_those_there_are(root: Path, name: str):
    source = get_source(name)
    for ask in (source.files, lambda split: source.open(root, split)):
        with pytest.raises(DataError, match="no split 'nonsense'; there are: ") as caught:
            ask("nonsense")
        assert all(split in str(caught.value) for split in source.splits)


def test_an_unknown_source_is_refused_with_those_there_are():
    with pytest.raises(DataError, match=r"nonsense: no such data source.*refcoco\+"):
        get_source("nonsense")


KINDS = {
    **dict.fromkeys(("ade20k", "cocostuff", "mapillary"), "semantic"),
    **dict.fromkeys(("paco_lvis", "pascal_part"), "parts"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("family", ["lisa", "gsva", "pixellm", "pixelllm"])
def test_the_families_can_ask_about_what_a_source_says(root: Path, name: str, family: str):
    kind = KINDS.get(name, "referring")
    if family == "pixelllm" and kind != "referring":
        return  # it is trained on boxes of expressions alone
    source = get_source(name)
    records = source.open(root, source.splits[0])
    for index in range(len(records)):
        record = records[index]
        made = make_dialogue(record, np.random.default_rng(index), family=family, kind=kind)
        askable = any(entry.segmentation for entry in record.objects) or family == "pixelllm"
        assert bool(made.dialogue) == askable
        assert Record.model_validate(made.model_dump()) == made  # its phrases name objects there are
        names = {id_ for turn in made.dialogue for phrase in turn.phrases for id_ in phrase.ids}
        assert bool(names) == askable
