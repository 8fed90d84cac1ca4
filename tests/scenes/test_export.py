"""Scenes written as a data set: the same bytes however they were made, readable as native and as COCO."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segue.data.native import decode_mask, read_records
from segue.errors import DataError
from segue.scenes.export import scene_seed, write_scenes

SMALL = {"size": (128, 96), "num_turns": 4}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes") / "set"
    write_scenes(folder, 23, seed=3, **SMALL)  # more than one chunk
    return folder


def test_what_is_written(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    assert names == {"images", "records.jsonl", "instances.json", "README.md", "scenes.json"}
    assert "23 pictures of 128 x 96" in (written / "README.md").read_text()
    records = list(read_records(written / "records.jsonl"))
    assert [record.image for record in records] == [f"images/{index:06d}.jpg" for index in range(23)]
    for record in records:
        with Image.open(written / record.image) as image:
            assert image.size == (record.width, record.height) == (128, 96)
        assert record.dialogue


def test_coco_says_the_same(written: Path) -> None:
    coco = json.loads((written / "instances.json").read_text())
    names = {category["id"]: category["name"] for category in coco["categories"]}
    records = {record.image: record for record in read_records(written / "records.jsonl")}
    assert {image["file_name"] for image in coco["images"]} == set(records)
    for image in coco["images"]:
        whole = [thing for thing in records[image["file_name"]].objects if thing.part_of is None]
        mine = [entry for entry in coco["annotations"] if entry["image_id"] == image["id"]]
        assert [names[entry["category_id"]] for entry in mine] == [thing.category for thing in whole]
        for entry in mine:
            mask = decode_mask(entry["segmentation"], image["height"], image["width"])
            assert entry["area"] == np.count_nonzero(mask)
            x, y, width, height = (int(v) for v in entry["bbox"])
            assert mask[y : y + height, x : x + width].sum() == entry["area"]
    assert all(caption["caption"] for caption in coco["captions"])


def test_pycocotools_reads_it(written: Path) -> None:
    from pycocotools.coco import COCO

    coco = COCO(str(written / "instances.json"))
    first = coco.loadAnns(coco.getAnnIds())[0]
    assert coco.annToMask(first).sum() == first["area"]


def test_written_twice_is_the_same(written: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "again", 23, seed=3, workers=2, **SMALL)
    assert contents(tmp_path / "again") == contents(written)


def test_a_stopped_run_goes_on(written: Path, tmp_path: Path) -> None:
    folder, seen = tmp_path / "set", []

    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_scenes(folder, 23, seed=3, progress=stop, **SMALL)
    kept = (folder / "images" / "000005.jpg").stat().st_mtime_ns
    (folder / "images" / "000007.jpg").unlink()  # lost, so made again
    write_scenes(folder, 23, seed=3, progress=seen.append, **SMALL)
    assert seen[-1] == 23
    assert (folder / "images" / "000005.jpg").stat().st_mtime_ns == kept
    assert contents(folder) == contents(written)


def test_a_set_can_grow(written: Path, tmp_path: Path) -> None:
    write_scenes(tmp_path / "set", 4, seed=3, **SMALL)
    write_scenes(tmp_path / "set", 23, seed=3, **SMALL)
    assert contents(tmp_path / "set") == contents(written)


def test_seeds_of_scenes_differ() -> None:
    seeds = {scene_seed(s, i, split) for s in range(4) for i in range(50) for split in ("train", "test")}
    assert len(seeds) == 400


@pytest.mark.parametrize(
    ("num", "arguments", "message"),
    [
        (0, {}, "at least one scene"),  # nothing asked for
        (-3, {}, "num is -3"),  # less than nothing
        (2, {"seed": -1}, "seed"),  # a negative seed
        (2, {"workers": 0}, "workers"),  # nobody to do it
        (2, {"num_turns": 0}, "num_turns"),  # nothing to say
        (2, {"split": "valid"}, "valid"),  # unknown split
        (2, {"size": (10, 10)}, "10 x 10"),  # too small to see anything
    ],
)
def test_bad_arguments(tmp_path: Path, num: int, arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        write_scenes(tmp_path / "set", num, **{**SMALL, **arguments})
    assert not (tmp_path / "set").exists()


def test_bad_folders(written: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    with pytest.raises(DataError, match="is a file"):
        write_scenes(file, 2, **SMALL)
    with pytest.raises(DataError, match="cannot write"):
        write_scenes(file / "below", 2, **SMALL)
    with pytest.raises(DataError, match="choose another folder"):  # other scenes are in it
        write_scenes(written, 23, seed=4, **SMALL)
    (tmp_path / "scenes.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        write_scenes(tmp_path, 2, **SMALL)
