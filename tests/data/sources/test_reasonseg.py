from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segue.data.native import decode_mask
from segue.data.sources import get_source, missing_files
from segue.data.sources.reasonseg import paint_shapes
from segue.errors import DataError

SOURCE = get_source("reasonseg")
WIDTH, HEIGHT = 40, 30


def shape(label: str, left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    """A rectangle with its border, as LabelMe writes it."""
    points = [[left + 0.6, top], [right, top], [right, bottom + 0.9], [left, bottom]]
    return {"label": label, "points": points, "group_id": None, "shape_type": "polygon", "flags": {}}


def annotation(**changes: Any) -> dict[str, Any]:
    content = {
        "text": ["something to drink from", "what holds the tea?"],
        "is_sentence": False,
        "shapes": [
            shape("target", 2, 2, 20, 20),
            shape("ignore area", 10, 10, 30, 25),
            shape("flag", 0, 0, 39, 29),
        ],
    }
    return {**content, **changes}


def write(root: Path, split: str, name: str, content: Any) -> None:
    folder = root / "reason_seg/ReasonSeg" / split
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), "grey").save(folder / f"{name}.jpg")
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    (folder / f"{name}.json").write_bytes(text.encode() if isinstance(text, str) else text)


def explain(root: Path, *items: dict[str, Any]) -> None:
    folder = root / "reason_seg/ReasonSeg/explanatory"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "train.json").write_text(json.dumps(list(items)))


def test_a_record(tmp_path: Path):
    write(tmp_path, "val", "b", annotation())
    write(tmp_path, "val", "a", annotation(is_sentence=True, text=["Where is the tea?", " "]))
    long, short = SOURCE.open(tmp_path, "val")
    assert [record.image.split("/")[-1] for record in (long, short)] == ["a.jpg", "b.jpg"]
    assert [(e.text, e.kind, e.ids) for e in short.expressions] == [
        ("something to drink from", "short", [1]),
        ("what holds the tea?", "short", [1]),
    ]
    assert [(e.text, e.kind) for e in long.expressions] == [("Where is the tea?", "long")]
    target = decode_mask(short.objects[0].segmentation, HEIGHT, WIDTH)
    assert short.ignore is not None
    ignored = decode_mask(short.ignore, HEIGHT, WIDTH)
    # The target is the larger one, painted first.
    assert (target.sum(), ignored.sum()) == (19 * 19 - 11 * 11, 21 * 16)
    assert short.objects[0].bbox == [2.0, 2.0, 19.0, 19.0]
    assert (short.dialogue, short.captions, short.source) == ([], [], "reasonseg")


ORDERS = [
    # shapes, how many pixels are target and how many are to be ignored
    ([shape("target", 0, 0, 9, 9), shape("ignore", 2, 2, 5, 5)], (100 - 16, 16)),  # the smaller cuts in
    ([shape("ignore", 2, 2, 5, 5), shape("target", 0, 0, 9, 9)], (100 - 16, 16)),  # whatever their order
    ([shape("target", 0, 0, 9, 9), shape("Ignored", 0, 0, 9, 9)], (100, 0)),  # the earlier of equals
    ([shape("mug", 0, 0, 9, 9), shape("FLAG", 0, 0, 5, 5)], (100, 0)),  # any word is a target
    ([], (0, 0)),
]


@pytest.mark.parametrize(("shapes", "pixels"), ORDERS)
def test_the_order_of_painting(shapes: list[dict[str, Any]], pixels: tuple[int, int]):
    labels = paint_shapes(shapes, HEIGHT, WIDTH)
    assert ((labels == 1).sum(), (labels == 255).sum()) == pixels


def test_a_picture_without_anything_to_ignore(tmp_path: Path):
    write(tmp_path, "test", "a", annotation(shapes=[shape("target", 2, 2, 20, 20)]))
    assert SOURCE.open(tmp_path, "test")[0].ignore is None


def test_explanations_are_captions_of_training_pictures(tmp_path: Path):
    for split, name in (("train", "a"), ("train", "b"), ("val", "c")):
        write(tmp_path, split, name, annotation())
    explain(tmp_path, {"image": "b.jpg", "query": "What holds the tea?", "outputs": "A cup does."})
    records = SOURCE.open(tmp_path, "train_val")
    assert [[caption.text for caption in record.captions] for record in records] == [[], ["A cup does."], []]
    assert len(SOURCE.open(tmp_path, "train")) == 2


def test_windows_text_is_read(tmp_path: Path):
    text = json.dumps(annotation(text=["the caf\u00e9\u2019s cup"]), ensure_ascii=False)
    write(tmp_path, "val", "a", text.encode("cp1252"))
    write(tmp_path, "val", "b", text.encode("utf-8"))
    assert [record.expressions[0].text for record in SOURCE.open(tmp_path, "val")] == ["the café’s cup"] * 2


def test_a_turned_picture_has_the_size_that_it_is_seen_at(tmp_path: Path):
    write(tmp_path, "val", "a", annotation(shapes=[shape("target", 2, 30, 20, 38)]))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "reason_seg/ReasonSeg/val/a.jpg", exif=exif)
    record = SOURCE.open(tmp_path, "val")[0]
    assert (record.width, record.height) == (HEIGHT, WIDTH)
    assert np.count_nonzero(decode_mask(record.objects[0].segmentation, WIDTH, HEIGHT)) == 19 * 9


BROKEN = [
    ("{", "not valid JSON"),
    ([1], "holds a list where an object is expected"),
    (annotation(text=[]), "'text' has to be a list of texts"),
    (annotation(text="a cup"), "'text' has to be a list of texts"),
    ({"text": ["a"], "is_sentence": True}, "'shapes' is missing"),
    (annotation(shapes=[{"label": "target"}]), "'points' is missing"),
    (annotation(shapes=[{"label": "target", "points": [[1, None]]}]), "NoneType"),
]


@pytest.mark.parametrize(("content", "words"), BROKEN)
def test_a_broken_annotation_is_named_and_the_others_stay(content: Any, words: str, tmp_path: Path):
    write(tmp_path, "val", "a", content)
    write(tmp_path, "val", "b", annotation())
    records = SOURCE.open(tmp_path, "val")
    with pytest.raises(DataError) as error:
        records[0]
    assert str(error.value).startswith(f"{tmp_path}/reason_seg/ReasonSeg/val/a.json")
    assert words in str(error.value)
    assert records[1].objects


def test_a_picture_without_annotation(tmp_path: Path):
    write(tmp_path, "val", "a", annotation())
    (tmp_path / "reason_seg/ReasonSeg/val/a.json").unlink()
    with pytest.raises(DataError, match="cannot be read"):
        SOURCE.open(tmp_path, "val")[0]


def test_what_is_missing(tmp_path: Path):
    write(tmp_path, "train", "a", annotation())
    assert [file.path for file in missing_files(SOURCE, tmp_path, "train_val")] == [
        "reason_seg/ReasonSeg/val",
        "reason_seg/ReasonSeg/explanatory/train.json",
    ]
    with pytest.raises(DataError, match="is missing; get it from"):
        SOURCE.open(tmp_path, "train")
    with pytest.raises(DataError, match="no split 'all'"):
        SOURCE.open(tmp_path, "all")
    (tmp_path / "reason_seg/ReasonSeg/test").mkdir()
    with pytest.raises(DataError, match="pictures in it"):
        SOURCE.open(tmp_path, "test")
    explain(tmp_path, {"image": "a.jpg"})
    with pytest.raises(DataError, match="item 0: 'outputs' is missing"):
        SOURCE.open(tmp_path, "train")
