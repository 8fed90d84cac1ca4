"""`segue eval` and `segue scenes`, on two scenes and a few photographs made here."""

import json

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from segue.cli.models import weights_digest
from segue.data.native import encode_mask, read_records
from segue.data.photographs import is_held_out

NAMES = [f"{i}.jpg" for i in range(40)]


@pytest.fixture
def photographs(tmp_path):
    """A set of grey photographs whose left half is a cat, all labelled for cats and dogs."""
    folder = tmp_path / "data/coco_small"
    (folder / "images").mkdir(parents=True)
    mask = np.zeros((48, 64), bool)
    mask[:, :32] = True
    for name in NAMES:
        Image.new("RGB", (64, 48), "grey").save(folder / "images" / name)
    content = {
        "info": {"exhaustive_categories": [1, 2]},
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "images": [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(NAMES)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": i,
                "category_id": 1,
                "segmentation": encode_mask(mask),
                "bbox": [0, 0, 32, 48],
                "area": 32 * 48,
                "iscrowd": 0,
            }
            for i in range(len(NAMES))
        ],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder.parent


@pytest.fixture
def checkpoint(tmp_path):
    """What the command line sees of a model's folder; the model itself is the cat model."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    save_file({"weight": np.zeros(3, np.float32)}, folder / "model.safetensors")
    return folder


def test_photographs_that_were_held_out(cli, photographs, checkpoint, tmp_path):
    result = cli(
        "eval", "photographs", "--data", photographs, "--model", checkpoint, "--out", "runs", "--json"
    )
    summary = json.loads(result.out)
    held_out = [name for name in NAMES if is_held_out(name)]
    assert summary["num_samples"] == len(held_out) > 0
    cat, dog = (summary["figures"]["by_category"][name] for name in ("cat", "dog"))
    assert (cat["giou_present"], cat["t_acc"], cat["whole_image"]) == (1.0, 1.0, 0.5)
    assert (dog["n_acc"], dog["ellipse"]) == (0.0, None)  # the model claims a cat whatever it is asked
    rows = (tmp_path / "runs/photographs/rows.jsonl").read_text().splitlines()
    assert sorted(json.loads(row)["name"] for row in rows) == sorted(
        f"coco_small/images/{n}" for n in held_out
    )


def test_scenes_as_a_table(cli, checkpoint, tmp_path):
    result = cli("eval", "scenes", "--num", "2", "--turns", "4", "--model", "checkpoint", "--out", "runs")
    assert result.code == 0
    assert "overall" in result.out
    assert "2 pictures" in result.out
    assert result.out.splitlines()[-1] == "written: runs/scenes"
    summary = json.loads((tmp_path / "runs/scenes/summary.json").read_text())
    assert summary["settings"]["model"] == {"name": "checkpoint", "sha256": weights_digest(checkpoint)}
    assert summary["settings"]["seed"] == 1_000_000


def test_another_model_needs_another_folder(cli, checkpoint):
    arguments = ("eval", "scenes", "--num", "1", "--model", "checkpoint", "--out", "runs")
    assert cli(*arguments).code == 0
    assert cli(*arguments).code == 0
    save_file({"weight": np.ones(3, np.float32)}, checkpoint / "model.safetensors")
    result = cli(*arguments)
    assert result.code == 2
    assert "runs/scenes holds a run with other settings (model" in result.err


def test_scenes_are_written(cli, tmp_path):
    result = cli("scenes", "set", "--num", "3", "--size", "128x96", "--turns", "4", "--workers", "1")
    assert result.out == "written: 3 scenes in set\n"
    records = list(read_records(tmp_path / "set/records.jsonl"))
    assert [(record.width, record.height) for record in records] == [(128, 96)] * 3
    assert all((tmp_path / "set" / record.image).is_file() for record in records)


def test_other_peoples_predictions_need_no_model(cli, photographs, tmp_path, monkeypatch):
    monkeypatch.setattr("segue.load", lambda *_, **__: pytest.fail("a model was loaded"))
    half = np.zeros((48, 64), bool)
    half[:, :32] = True
    held_out = [name for name in NAMES if is_held_out(name)]
    lines = [
        {"image": name, "turn": turn, **said}
        for name in held_out[1:]  # nothing for the first
        for turn, said in enumerate([{"mask": encode_mask(half)}, {"rejected": True}])
    ]
    (tmp_path / "theirs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    result = cli("eval", "photographs", "--data", photographs, "--predictions", "theirs.jsonl", "--json")
    summary = json.loads(result.out)
    assert summary["settings"]["model"]["name"] == "theirs.jsonl"
    assert summary["num_failed"] == 1
    overall = summary["figures"]["overall"]
    share = 1 - 1 / len(held_out)
    assert (overall["giou_present"], overall["n_acc"]) == (pytest.approx(share), pytest.approx(share))
    result = cli("eval", "photographs", "--data", photographs, "--predictions", "theirs.jsonl")
    assert f"{len(held_out)} pictures, 1 of them failed" in result.out
    assert (tmp_path / "runs/eval/photographs-free-theirs/page.html").stat().st_size > 1000


def test_two_runs_are_compared(cli, checkpoint, tmp_path):
    for number, out in enumerate(("a", "b")):
        save_file({"weight": np.full(3, number, np.float32)}, checkpoint / "model.safetensors")
        run = ("eval", "scenes", "--num", "3", "--turns", "3", "--model", "checkpoint", "--out", out)
        assert cli(*run).code == 0
    result = cli("eval", "compare", "a/scenes", "b/scenes", "--page", "diff.html", "--json")
    found = json.loads(result.out)
    assert {d["change"] for d in found["differences"]} <= {0.0, None}  # the cat model says the same
    assert len(found["samples"]) == 3
    assert (tmp_path / "diff.html").read_text().count("<h3>") == 3
    result = cli("eval", "compare", "a/scenes", "b/scenes")
    assert "samples that differ most" in result.out
    assert "95 % interval" in result.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("eval", "refcoco"), "no such benchmark; near it: refcoco"),
        (("eval", "reasonseg-val", "--model", "checkpoint"), "reasonseg-val needs --data"),
        (("eval", "reasonseg-val", "--data", ".", "--model", "checkpoint"), "ReasonSeg/val is missing"),
        (("eval", "reasonseg-val", "--data", ".", "--set", "judge"), "--set judge: it takes NAME=VALUE"),
        (("eval", "reasonseg-val", "--data", ".", "--predictions", "no.jsonl"), "no.jsonl: not readable"),
        (("eval", "compare", "a", "b"), "a holds no run"),
    ],
)
def test_what_cannot_be_done_is_one_line(cli, checkpoint, arguments, message):
    result = cli(*arguments)
    assert result.code == 2
    assert message in result.err
