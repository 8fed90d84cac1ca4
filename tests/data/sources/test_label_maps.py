from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from segue.data.native import decode_mask, encode_mask, mask_box
from segue.data.sources import get_source
from segue.data.sources.coco_stuff import NEVER_ANNOTATED
from segue.data.sources.coco_stuff import table as coco_stuff_table
from segue.data.sources.label_maps import masks_by_value, read_names
from segue.errors import DataError
from tests.data.sources import official
from tests.data.sources.official import HEIGHT, WIDTH, bands

ADE = "ade20k/annotations/training/ADE_train_00000001.png"


@settings(max_examples=60)
@given(arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_the_runs_of_all_values_at_once_are_those_of_each(label: np.ndarray):
    masks = masks_by_value(label)
    assert list(masks) == np.unique(label).tolist()
    for value, mask in masks.items():
        assert mask == encode_mask(label == value)


def test_ade20k_counts_from_one_and_ignores_zero(tmp_path: Path):
    official.ade20k(tmp_path)
    records = get_source("ade20k").open(tmp_path, "training")
    assert [record.image for record in (records[0], records[1])] == [
        "ADE_train_00000001.jpg",
        "ADE_train_00000002.jpg",
    ]
    record, label = records[0], bands(0, 1, 150)
    assert [(o.id, o.category) for o in record.objects] == [(1, "wall"), (150, "flag")]
    for entry in record.objects:
        mask = decode_mask(entry.segmentation, HEIGHT, WIDTH)
        np.testing.assert_array_equal(mask, label == entry.id)
        assert entry.bbox == mask_box(mask)
        assert entry.attributes == {"source": "semantic"}
    assert record.ignore is not None
    np.testing.assert_array_equal(decode_mask(record.ignore, HEIGHT, WIDTH), label == 0)
    assert records[1].ignore is None
    assert (len(record.exhaustive), record.exhaustive[0], record.exhaustive[-1]) == (150, "wall", "flag")
    assert get_source("ade20k").open(tmp_path, "validation")[0].image == "ADE_val_00000001.jpg"


def test_coco_stuff_ignores_255_and_what_has_a_dash(tmp_path: Path):
    official.coco_stuff(tmp_path)
    record = get_source("cocostuff").open(tmp_path, "train2017")[0]
    label = bands(0, 17, 156, 170, 255)
    assert [(o.id, o.category) for o in record.objects] == [(0, "person"), (17, "dog"), (156, "sky")]
    np.testing.assert_array_equal(decode_mask(record.objects[0].segmentation, HEIGHT, WIDTH), label == 0)
    assert record.ignore is not None
    np.testing.assert_array_equal(decode_mask(record.ignore, HEIGHT, WIDTH), (label == 170) | (label == 255))
    assert "wall-brick" not in record.exhaustive
    assert "hat" not in record.exhaustive  # in the list, but never annotated
    assert {"person", "sky"} <= set(record.exhaustive)


def test_the_lists_of_names():
    assert len(set(read_names("ade20k.txt"))) == 150
    names = read_names("coco_stuff.txt")
    assert len(set(names)) == 182
    assert set(names) >= NEVER_ANNOTATED
    table = coco_stuff_table()
    # The positions that the published code ignores (it counts them from the list with its first line cut).
    dashed = [95, 101, 102, 109, 111, 113, 114, 115, 116, 117, 120, 122, 125, 132, 141, 159, 163, 166]
    dashed += [170, 171, 172, 173, 174, 175, 176, 177, 179, 180, 255]
    assert sorted(table.ignored) == dashed
    assert len(table.names) + len(table.ignored) == 183


def test_mapillary_takes_its_labels_from_the_configuration(tmp_path: Path):
    official.mapillary(tmp_path)
    records = get_source("mapillary").open(tmp_path, "training")
    record, label = records[0], bands(1, 2, 3)
    assert record.image == "aB_c-1.jpg"
    assert [(o.id, o.category) for o in record.objects] == [(1, "road"), (2, "car")]
    np.testing.assert_array_equal(decode_mask(record.objects[1].segmentation, HEIGHT, WIDTH), label == 2)
    assert record.ignore is not None
    np.testing.assert_array_equal(decode_mask(record.ignore, HEIGHT, WIDTH), label == 3)
    assert record.exhaustive == ["bird", "road", "car"]


def test_labels_of_one_name_are_one_object(tmp_path: Path):
    names = [{"readable": "Bird"}, {"readable": "Road"}, {"readable": "road"}, {"readable": "Unlabeled"}]
    official.mapillary(tmp_path, labels=names)
    record = get_source("mapillary").open(tmp_path, "training")[0]
    assert [(o.id, o.category) for o in record.objects] == [(1, "road")]
    mask = decode_mask(record.objects[0].segmentation, HEIGHT, WIDTH)
    np.testing.assert_array_equal(mask, bands(1, 2, 3) != 3)


def test_a_configuration_that_is_none(tmp_path: Path):
    official.mapillary(tmp_path)
    config = tmp_path / "mapillary/config_v2.0.json"
    for content, message in (("{}", "'labels' is missing"), ("{", "not valid JSON"), ("[]", "holds a list")):
        config.write_text(content)
        with pytest.raises(DataError, match=rf"config_v2\.0\.json.*{message}"):
            get_source("mapillary").open(tmp_path, "training")


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        pytest.param(
            lambda path: official.label_map(path, bands(1, 151)), r"unknown labels \[151\]", id="label"
        ),
        pytest.param(damaged, "cannot be read", id="cut short"),
        pytest.param(lambda path: path.write_bytes(b"no picture"), "cannot be read", id="no picture"),
        pytest.param(
            lambda path: Image.new("RGB", (WIDTH, HEIGHT)).save(path), "its mode is RGB", id="colours"
        ),
        pytest.param(
            lambda path: official.label_map(path, bands(1)[:4]), "it is 48 x 4, the picture", id="size"
        ),
    ],
)
def test_a_broken_map_is_named_and_the_others_stay_readable(tmp_path: Path, harm, message: str):
    official.ade20k(tmp_path)
    harm(tmp_path / ADE)
    records = get_source("ade20k").open(tmp_path, "training")
    assert [o.category for o in records[1].objects] == ["wall", "sky"]
    with pytest.raises(DataError, match=message) as caught:
        records[0]
    assert f"{tmp_path / ADE}, picture ADE_train_00000001.jpg" in str(caught.value)


def test_a_picture_that_is_missing_or_lies_on_its_side(tmp_path: Path):
    official.ade20k(tmp_path)
    picture = tmp_path / "ade20k/images/training/ADE_train_00000001.jpg"
    records = get_source("ade20k").open(tmp_path, "training")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (HEIGHT, WIDTH)).save(picture, exif=exif)  # upright it has the map's size
    assert records[0].width == WIDTH
    Image.new("RGB", (WIDTH, HEIGHT)).save(picture, exif=exif)
    with pytest.raises(DataError, match=r"the picture ADE_train_00000001\.jpg is 32 x 48"):
        records[0]
    picture.unlink()
    with pytest.raises(DataError, match=r"ADE_train_00000001\.jpg does not exist"):
        records[0]


def test_a_folder_without_maps(tmp_path: Path):
    official.ade20k(tmp_path)
    for path in (tmp_path / "ade20k/annotations/training").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no label maps"):
        get_source("ade20k").open(tmp_path, "training")
