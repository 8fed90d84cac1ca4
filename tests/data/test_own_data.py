"""One's own pictures in every form that is read: found out, opened, and named where they are broken."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segue.data.mask_folder import read_mask
from segue.data.native import Record, decode_mask, write_records
from segue.data.own_data import find_own_data, open_own_data
from segue.errors import DataError
from tests.data.sources.writing import write_json, write_picture
from tests.data.test_muse_json import entry as muse_entry

WIDTH, HEIGHT = 40, 30
SQUARE = [[2, 3], [11, 3], [11, 12], [2, 12]]  # 10 x 10 pixels with its border


def area(record: Record, index: int = 0) -> int:
    return int(decode_mask(record.objects[index].segmentation, record.height, record.width).sum())


def said(record: Record) -> list[tuple[str, list[int]]]:
    return [(expression.text, expression.ids) for expression in record.expressions]


# COCO -----------------------------------------------------------------------------------


def coco(**changes: Any) -> dict[str, Any]:
    polygon = [2.0, 3.0, 12.0, 3.0, 12.0, 13.0, 2.0, 13.0]
    cup = {"id": 7, "image_id": 1, "category_id": 3, "segmentation": [polygon], "bbox": [2, 3, 10, 10]}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 3, "name": "cup"}],
        "annotations": [{**cup, "iscrowd": 0, "area": 100}],
        "expressions": [
            {"id": 5, "image_id": 1, "text": "the left cup", "ann_ids": [7], "kind": "short"},
            {"image_id": 1, "text": "a spoon", "ann_ids": []},
            {"image_id": 1, "text": "the lid", "bbox": [1, 1, 4, 4]},
        ],
    }
    return {**content, **changes}


@pytest.mark.parametrize("folder", ["images", "."])
def test_a_coco_file_with_expressions(folder: str, tmp_path: Path):
    path = write_json(tmp_path, "mine.json", coco(captions=[{"image_id": 1, "caption": "A cup."}]))
    write_picture(tmp_path, f"{folder}/a.png")
    (record,) = open_own_data(path)
    assert (tmp_path / record.image).is_file()
    assert said(record) == [("the left cup", [7]), ("a spoon", []), ("the lid", [8])]
    assert (record.expressions[0].kind, record.expressions[0].id) == ("short", 5)
    assert record.objects[1].segmentation == []  # of the lid only a box is known
    assert [caption.text for caption in record.captions] == ["A cup."]
    assert record.dialogue == []
    assert area(record) == 100
    assert open_own_data(tmp_path)[0] == record


def test_expressions_may_stand_in_the_annotations(tmp_path: Path):
    content = coco(expressions=[])
    content["annotations"][0] |= {"expressions": ["the left cup", "it", "it"], "caption": "what holds tea"}
    path = write_json(tmp_path, "mine.json", content)
    (record,) = open_own_data(path, images="photos")
    assert said(record) == [("the left cup", [7]), ("it", [7]), ("what holds tea", [7])]
    assert record.image == "photos/a.png"


COCO_FAULTS = [
    (coco(expressions=[{"image_id": 1, "text": "it", "ann_ids": [9]}]), "objects that do not exist: [9]"),
    (coco(expressions=[{"image_id": 1, "ann_ids": [7]}]), "missing 'text'"),
    (coco(expressions=[{"image_id": 1, "text": "", "ann_ids": [7]}]), "text"),
]


@pytest.mark.parametrize(("content", "words"), COCO_FAULTS)
def test_a_broken_coco_record(content: dict[str, Any], words: str, tmp_path: Path):
    records = open_own_data(write_json(tmp_path, "mine.json", content), images="")
    with pytest.raises(DataError) as error:
        records[0]
    assert str(error.value).startswith(f"{tmp_path}/mine.json, image a.png: ")
    assert words in str(error.value)


# LabelMe --------------------------------------------------------------------------------


def shape(label: str, points: Any = SQUARE, **fields: Any) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "shape_type": "polygon",
        "flags": {},
        **fields,
    }


def labelme(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    content = {
        "version": "5.4.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }
    return {**content, **changes}


def opened(tmp_path: Path, content: Any, name: str = "a.json") -> Record:
    write_json(tmp_path, name, content)
    write_picture(tmp_path, "a.png")
    (record,) = open_own_data(tmp_path)
    return record


def pasted(width: int, height: int) -> str:
    """LabelMe's mask: a PNG in base64."""
    buffer = io.BytesIO()
    Image.new("1", (width, height), 1).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def test_a_folder_of_labelme_files(tmp_path: Path):
    record = opened(
        tmp_path,
        labelme(
            shape("cup", description="the cup on the left"),
            shape("leg", group_id=1),
            shape("cup", [[20, 3], [25, 3], [25, 8], [20, 8]]),
            shape("leg", [[20, 20], [25, 20], [25, 25], [20, 25]], group_id=1),
            shape("ignore", [[30, 20], [35, 20], [35, 25], [30, 25]]),
        ),
    )
    assert [(one.category, area(record, i)) for i, one in enumerate(record.objects)] == [
        ("cup", 100),
        ("leg", 136),  # two shapes of one group
        ("cup", 36),
    ]
    assert said(record) == [("the cup on the left", [1])]
    assert record.ignore is not None
    assert record.objects[0].bbox == [2, 3, 10, 10]


SHAPES = [
    # a shape, its pixels
    (shape("cup", [[2, 3], [11, 12]], shape_type="rectangle"), 100),
    (shape("cup", [[11, 12], [2, 3]], shape_type="rectangle"), 100),
    (shape("cup", [[2, 3], [6, 5]], shape_type="mask", mask=pasted(5, 3)), 15),
    ({"label": "cup", "points": SQUARE}, 100),  # old files do not say what it is
]


@pytest.mark.parametrize(("drawn", "pixels"), SHAPES)
def test_kinds_of_shapes(drawn: dict[str, Any], pixels: int, tmp_path: Path):
    assert area(opened(tmp_path, labelme(drawn))) == pixels


def test_a_circle_is_round(tmp_path: Path):
    record = opened(tmp_path, labelme(shape("cup", [[20, 15], [30, 15]], shape_type="circle")))
    assert area(record) == pytest.approx(np.pi * 10**2, rel=0.05)


def test_reasonsegs_files_among_them(tmp_path: Path):
    content = {"text": ["what holds tea?"], "is_sentence": True, "shapes": [shape("target")]}
    record = opened(tmp_path, content)
    assert said(record) == [("what holds tea?", [1])]
    assert record.expressions[0].kind == "long"


def test_pictures_in_sub_folders_and_from_windows(tmp_path: Path):
    write_json(tmp_path, "one/b.json", labelme(shape("cup"), imagePath="..\\photos\\b.jpg"))
    write_json(tmp_path, "two/c.json", labelme(shape("cup"), imagePath="C:\\me\\c.jpg"))
    write_picture(tmp_path, "photos/b.jpg")
    write_picture(tmp_path, "two/c.jpg")
    assert [record.image for record in open_own_data(tmp_path)] == ["photos/b.jpg", "two/c.jpg"]


LABELME_FAULTS = [
    (labelme(shape("cup", [[1, 1], [5, 5]], shape_type="line")), "is a line, which covers no pixels"),
    (labelme(shape("cup", [[1, 1], [5, 5]])), "polygon 'cup' of 2 points"),
    (labelme(shape("cup", [[2, 3]], shape_type="mask", mask="?")), "no PNG in base64"),
    (labelme(shape("cup", [[38, 3]], shape_type="mask", mask=pasted(5, 3))), "leaves the picture of 40 x 30"),
    (labelme(shape(" ")), "category"),
    ({"shapes": [{"points": SQUARE}]}, "'label' is missing"),
    (labelme(imagePath="b.png") | {"shapes": None}, "not iterable"),
]


@pytest.mark.parametrize(("content", "words"), LABELME_FAULTS)
def test_a_broken_labelme_file(content: dict[str, Any], words: str, tmp_path: Path):
    with pytest.raises(DataError) as error:
        opened(tmp_path, content)
    assert str(error.value).startswith(f"{tmp_path}/a.json, ")
    assert words in str(error.value)


def test_a_labelme_file_without_its_picture(tmp_path: Path):
    write_json(tmp_path, "a.json", labelme(shape("cup")))
    with pytest.raises(DataError, match=r"no picture 'a\.png' in "):
        open_own_data(tmp_path)[0]


# Masks and a CSV file -------------------------------------------------------------------


def write_mask(path: Path, *, mode: str = "L", size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """Value 1 in a square of 10 x 10, value 2 in one of 5 x 5."""
    pixels = np.zeros((size[1], size[0]), dtype=np.uint8)
    pixels[3:13, 2:12] = 1
    pixels[20:25, 20:25] = 2
    image = Image.fromarray(pixels)
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    elif mode == "RGB":
        image = Image.fromarray(np.stack([pixels * 100, pixels, pixels * 0], axis=2))
    elif mode == "RGBA":
        image = Image.fromarray(
            np.stack([pixels * 0] * 3 + [np.where(pixels > 0, 255, 0)], axis=2).astype(np.uint8)
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


CSV = """\
image, mask, phrase, kind
a.png, masks/a.png, the cup, short
a.png, masks/a.png, "what holds tea, or coffee", long
a.png, , a spoon,
"""


def test_a_folder_of_masks(tmp_path: Path):
    (tmp_path / "mine.csv").write_text(CSV, encoding="utf-8-sig")
    write_picture(tmp_path, "a.png")
    write_mask(tmp_path / "masks/a.png")
    (record,) = open_own_data(tmp_path)
    assert said(record) == [("the cup", [1]), ("what holds tea, or coffee", [1]), ("a spoon", [])]
    assert [expression.kind for expression in record.expressions] == ["short", "long", ""]
    assert (len(record.objects), area(record)) == (1, 125)


def test_several_values_in_one_mask(tmp_path: Path):
    (tmp_path / "mine.csv").write_text(
        "phrase,image,mask,value\nthe cup,a.png,m.png,1\nthe lid,a.png,m.png,2\nboth,b.png,m.png,\n"
    )
    for name in ("photos/a.png", "photos/b.png"):
        write_picture(tmp_path, name)
    write_mask(tmp_path / "m.png", mode="P")
    first, second = open_own_data(tmp_path / "mine.csv", images="photos")
    assert [area(first, index) for index in (0, 1)] == [100, 25]
    assert (area(second), second.image) == (125, "photos/b.png")


@pytest.mark.parametrize("mode", ["L", "P", "RGB", "RGBA"])
def test_masks_of_any_kind(mode: str, tmp_path: Path):
    write_mask(tmp_path / "m.png", mode=mode)
    assert read_mask(tmp_path / "m.png").sum() == 125


MASK_FAULTS = [
    # a line of the file, what is said of it
    ("a.png,gone.png,the cup,", "line 2: the mask ", "does not exist"),
    ("a.png,m.jpg,the cup,", "line 2: ", "save masks as PNG"),
    ("a.png,small.png,the cup,", "line 2: ", "is 20 x 30, its picture, upright, 40 x 30"),
    ("a.png,m.png,the cup,9", "line 2: ", "is empty at value 9; to say that the phrase is absent"),
    ("a.png,m.png,the cup,one", "line 2: ", "'one' is no whole number"),
    ("a.png,rgb.png,the cup,1", "line 2: ", "one channel, this has 3"),
    ("a.png,m.png,,", "line 2: ", "category"),
    ("gone.png,m.png,the cup,", "line 2: ", "gone.png does not exist"),
    (",m.png,the cup,", "line 2: ", "names no image"),
    ("a.png,bad.png,the cup,", "line 2: ", "not a readable picture"),
]


@pytest.mark.parametrize(("line", "where", "words"), MASK_FAULTS)
def test_a_broken_line(line: str, where: str, words: str, tmp_path: Path):
    (tmp_path / "mine.csv").write_text(f"image,mask,phrase,value\n{line}\nb.png,m.png,the cup,\n")
    for name in ("a.png", "b.png"):
        write_picture(tmp_path, name)
    write_mask(tmp_path / "m.png")
    write_mask(tmp_path / "rgb.png", mode="RGB")
    write_mask(tmp_path / "small.png", size=(20, HEIGHT))
    Image.new("L", (WIDTH, HEIGHT), 255).save(tmp_path / "m.jpg")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG")
    records = open_own_data(tmp_path / "mine.csv")
    with pytest.raises(DataError) as error:
        records[0]
    assert f"mine.csv, {where}" in str(error.value)
    assert words in str(error.value)
    assert records[1].objects


@pytest.mark.parametrize("text", ["", "image,mask\na.png,m.png\n", "a.png,m.png,the cup\n"])
def test_a_csv_file_without_its_columns(text: str, tmp_path: Path):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(DataError, match="first line has to name the columns image, mask, phrase"):
        open_own_data(tmp_path)


# Native, MUSE, and finding out ----------------------------------------------------------


def test_native_files(tmp_path: Path):
    record = Record(image="a.png", width=WIDTH, height=HEIGHT, objects=[])
    write_records(tmp_path / "mine.jsonl", [record, record])
    with (tmp_path / "mine.jsonl").open("a") as file:
        file.write('\n{"image": "b.png"}\n')
    records = open_own_data(tmp_path)
    assert (len(records), records[1], records.folder) == (3, record, tmp_path)
    with pytest.raises(DataError, match=r"mine\.jsonl, record 2: width: Field required"):
        records[2]
    assert open_own_data(tmp_path, images="photos").folder == tmp_path / "photos"


def test_muses_form(tmp_path: Path):
    write_json(tmp_path, "mine.json", [muse_entry()])
    (record,) = open_own_data(tmp_path, images="train")
    assert record.image == "train/000000000009.jpg"
    assert len(record.dialogue) == 1


FOUND = [
    # files in the folder, the form and the file or folder that is read
    ({"a.jsonl": "", "a.jpg": "", "notes.txt": ""}, "native", "a.jsonl"),
    ({"a.csv": ""}, "mask_folder", "a.csv"),
    (
        {"a.jsonl": "", "a.json": '{"images": []}', "b.csv": ""},
        "native",
        "a.jsonl",
    ),  # all of it is in the first
    ({"a.json": '{"shapes": []}', "b.json": '{"version": "5", "shapes": []}'}, "labelme", ""),
    ({"deep/a.json": '{"shapes": []}'}, "labelme", ""),
    ({"a.json": ' {"images": []}', "package.json": "{}"}, "coco", "a.json"),
    ({"a.json": '[{"ann_list": []}]'}, "muse", "a.json"),
]


@pytest.mark.parametrize(("files", "form", "path"), FOUND)
def test_what_is_found(files: dict[str, str], form: str, path: str, tmp_path: Path):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = find_own_data(tmp_path)
    assert (found.form, found.path) == (form, tmp_path / path)


NOT_FOUND = [
    # files in the folder, the path that is asked for, what is said
    ({}, "gone", "does not exist"),
    ({"a.jpg": ""}, "", "no annotations in a known form; readable are: a native .jsonl file"),
    ({"a.txt": ""}, "a.txt", "no annotations in a known form"),
    ({"a.json": "[1, 2]"}, "a.json", "no annotations in a known form"),
    ({"a.jsonl": "", "b.jsonl": ""}, "", "more than one thing to read (a.jsonl, b.jsonl...)"),
    ({"a.csv": "", "b.json": '{"shapes": []}'}, "", "more than one thing to read"),
    ({"a.jsonl": "\n"}, "", "there is no record in it"),
    ({"a.json": '{"images": [], "annotations": [], "categories": []}'}, "", "no picture in it"),
    ({"a.json": '{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []}'}, "",
     "its first picture, a.jpg, is neither in"),
    ({"a.json": '{"images": ['}, "", "not valid JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "path", "words"), NOT_FOUND)
def test_what_is_wrong_is_said(files: dict[str, str], path: str, words: str, tmp_path: Path):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        open_own_data(tmp_path / path)
    assert words in str(error.value)


def test_the_form_may_be_said(tmp_path: Path):
    write_json(tmp_path, "mine.json", coco())
    write_json(tmp_path, "a.json", labelme(shape("cup")))
    write_picture(tmp_path, "a.png")
    with pytest.raises(DataError, match="more than one thing"):
        open_own_data(tmp_path)
    assert open_own_data(tmp_path / "mine.json")[0].source == "coco"
    with pytest.raises(DataError, match=r"2 \.json files in it"):
        open_own_data(tmp_path, form="coco")
    with pytest.raises(DataError, match="voc: no such form of data; there are: native, coco"):
        open_own_data(tmp_path, form="voc")
    (tmp_path / "mine.json").unlink()
    assert open_own_data(tmp_path, form="labelme")[0].source == "labelme"


def test_one_labelme_file_means_its_folder(tmp_path: Path):
    opened(tmp_path, labelme(shape("cup")))
    assert json.loads((tmp_path / "a.json").read_text())["imagePath"] == "a.png"
    assert open_own_data(tmp_path / "a.json")[0].image == "a.png"
