from __future__ import annotations

import json

import pytest
from PIL import Image

from segue.data.native import read_records
from segue.data.sources import SOURCES, get_source
from tests.data.sources.test_reasonseg import annotation, write
from tests.data.sources.writing import HEIGHT, WIDTH, write_json, write_lines, write_picture


@pytest.fixture
def root(tmp_path):
    """Three pictures of ReasonSeg's val, the last of which is broken."""
    for name in "abc":
        write(tmp_path / "dataset", "val", name, annotation() if name != "c" else {"text": []})
    return tmp_path / "dataset"


def test_a_split_that_is_there(cli, root, tmp_path):
    result = cli("data", "check", "reasonseg:val", "--data", root, "--samples", 2)
    assert result.code == 0
    assert "reasonseg:val: 3 records" in result.out
    assert "found    reason_seg/ReasonSeg/val" in result.out
    assert "2 records read: 2 objects, 4 expressions" in result.out
    assert Image.open(tmp_path / "data-check.png").width > 600


def test_every_record_is_read_when_asked(cli, root):
    result = cli("data", "check", "reasonseg:val", "--data", root, "--all", "--samples", 0)
    assert result.code == 1
    assert "2 records read" in result.out
    assert "broken   " in result.out
    assert "c.json" in result.out
    assert "written" not in result.out


def test_all_splits_of_a_source_and_what_is_missing(cli, root):
    result = cli("data", "check", "reasonseg", "--json")
    assert result.code == 1
    sets = {entry["name"]: entry for entry in json.loads(result.out)["sets"]}
    assert list(sets) == [f"reasonseg:{split}" for split in get_source("reasonseg").splits]
    assert sets["reasonseg:val"]["records"] == 3
    train = sets["reasonseg:train"]
    assert train["records"] is None
    assert {file["path"]: file["found"] for file in train["files"]} == {
        "reason_seg/ReasonSeg/train": None,
        "reason_seg/ReasonSeg/explanatory/train.json": None,
    }
    assert "https://github.com/dvlab-research/LISA" in train["files"][0]["where"]


def test_missing_files_are_named_with_where_to_get_them(cli):
    result = cli("data", "check", "refcoco:unc/val", "--data", "nowhere")
    assert result.code == 1
    assert "refcoco:unc/val: not readable" in result.out
    assert "missing  refer_seg/refcoco/instances.json" in result.out
    assert "; get it from http" in result.out


def test_a_recipe_is_checked_set_by_set(cli, root, tmp_path):
    write_lines(tmp_path, "mine/records.jsonl", {"image": "a.png", "width": 4, "height": 4, "objects": []})
    write_picture(tmp_path, "mine/a.png", (4, 4))
    recipe = tmp_path / "my.yaml"
    recipe.write_text(
        "extends: mini\nname: my\nsources:\n"
        "  reasons: {kind: published, data: ['reasonseg:val'], template: reasoning}\n"
        "  mine: {kind: own, path: mine, options: {held_out: 0.2}}\n"
        "  photographs: {kind: scenes}\n"
    )
    result = cli("data", "check", recipe, "--data", root, "--samples", 2)
    assert "reasonseg:val: 3 records" in result.out
    assert "mine (mine): 1 record" in result.out
    assert result.code == 0


@pytest.mark.parametrize("name", ["lisa-7b", "gsva-13b", "pixellm-7b", "pixelllm-t5-xl"])
def test_the_papers_recipes_name_data_that_exists(cli, name):
    result = cli("data", "check", name, "--json", "--samples", 0)
    sets = json.loads(result.out)["sets"]
    assert len(sets) > 3
    for entry in sets:
        source, _, split = entry["name"].partition(":")
        assert split in get_source(source).splits


def test_own_data_is_checked_and_converted(cli, tmp_path):
    (tmp_path / "mine.csv").write_text("image,mask,phrase\na.png,m.png,the cup\nb.png,m.png,a lid\n")
    write_picture(tmp_path, "photos/a.png")
    Image.new("1", (WIDTH, HEIGHT), 1).save(tmp_path / "m.png")
    assert cli("data", "check", "mine.csv", "--images", "photos", "--all").code == 1
    refused = cli("data", "convert", "mine.csv", "deep/out.jsonl", "--images", "photos")
    assert refused.code == 2
    assert "1 broken records, where 0 may be" in refused.err
    assert not (tmp_path / "deep/out.jsonl").exists()
    result = cli("data", "convert", "mine.csv", "deep/out.jsonl", "--images", "photos", "--max-broken", 1)
    assert result.code == 0
    assert "written: 1 record in deep/out.jsonl, 1 left out" in result.out
    assert "left out: " in result.err
    assert "b.png does not exist" in result.err
    (record,) = read_records(tmp_path / "deep/out.jsonl")
    assert record.image == "../photos/a.png"
    assert record.expressions[0].text == "the cup"
    assert cli("data", "check", "deep/out.jsonl").code == 0


def test_a_published_split_is_converted(cli, root, tmp_path):
    result = cli("data", "convert", "reasonseg:val", "out.jsonl", "--data", root, "--max-broken", 1, "--json")
    content = json.loads(result.out)
    assert (content["num"], len(content["broken"])) == (2, 1)
    assert [record.image for record in read_records(tmp_path / "out.jsonl")] == [
        f"dataset/reason_seg/ReasonSeg/val/{name}.jpg" for name in "ab"
    ]


REFUSED = [
    (["check", "nothing"], "nothing: no data set, recipe or path of that name; data sets are: "),
    (["check", "reasonseg:all"], "reasonseg: no split 'all'; there are: train, val, test"),
    (["convert", "reasonseg", "out.jsonl"], "is 4 sets (reasonseg:train, "),
    (["convert", "empty", "out.jsonl"], "no annotations in a known form"),
    (["convert", "empty", "out.jsonl", "--form", "voc"], "voc: no such form of data"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED)
def test_bad_input_is_one_line_and_exit_code_2(cli, arguments, words, tmp_path):
    (tmp_path / "empty").mkdir()
    result = cli("data", *arguments)
    assert result.code == 2
    assert len(result.err.strip().splitlines()) == 1
    assert words in result.err


def test_pictures_of_another_size_are_broken(cli, tmp_path):
    write_json(tmp_path, "a.json", {
        "images": [{"id": 1, "file_name": "a.png", "width": 7, "height": 7}],
        "annotations": [], "categories": [],
    })  # fmt: skip
    write_picture(tmp_path, "a.png")
    result = cli("data", "check", "a.json")
    assert result.code == 1
    assert "a.png is 40 x 30, its annotations are for a picture of 7 x 7" in result.out


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_source_says_what_it_wants(name):
    source = get_source(name)
    for split in source.splits:
        for file in source.files(split):
            assert file.path
            assert file.what
            assert "http" in file.where
