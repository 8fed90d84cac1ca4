from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from segue.data.native import Record, decode_mask
from segue.data.sources import RecordSet, get_source
from segue.data.sources.refer import belongs
from segue.errors import DataError
from tests.data.sources import official
from tests.data.sources.official import HEIGHT, WIDTH, rectangle


def records_of(name: str, root: Path, split: str) -> RecordSet:
    return get_source(name).open(root, split)


def mask(record: Record, ids: list[int]) -> np.ndarray:
    """The union of those objects."""
    chosen = [entry for entry in record.objects if entry.id in ids]
    assert len(chosen) == len(ids)
    masks = [decode_mask(entry.segmentation, HEIGHT, WIDTH) for entry in chosen]
    return np.any(masks, axis=0) if masks else np.zeros((HEIGHT, WIDTH), dtype=bool)


def test_a_record_is_a_picture_with_all_sentences_of_the_split(tmp_path: Path):
    official.refer(tmp_path)
    records = records_of("refcoco", tmp_path, "unc/train")
    assert len(records) == 2
    first, second = records[0], records[1]
    assert (first.image, first.width, first.height) == ("COCO_train2014_000000000005.jpg", WIDTH, HEIGHT)
    assert [(e.text, e.ids, e.id) for e in first.expressions] == [
        ("the left dog", [51], 10),
        ("dog on the left", [51], 11),
        ("right dog", [52], 30),
    ]
    assert [(o.id, o.category, o.bbox) for o in first.objects] == [
        (51, "dog", [2.0, 3.0, 10.0, 8.0]),
        (52, "dog", [20.0, 3.0, 16.0, 8.0]),
    ]
    np.testing.assert_array_equal(mask(first, [51]), rectangle(2, 3, 10, 8))
    np.testing.assert_array_equal(mask(first, [52]), rectangle(20, 3, 6, 8) | rectangle(30, 3, 6, 8))
    assert [(e.text, e.ids) for e in second.expressions] == [("a man", [91])]
    assert first.exhaustive == []  # nothing says that what is not referred to is not there


@pytest.mark.parametrize(
    ("by", "split", "texts"),
    [
        ("unc", "val", ["the only man"]),
        ("unc", "testA", ["little dog"]),
        ("unc", "testB", ["big dog"]),
        ("google", "test", ["little dog", "big dog"]),
        ("google", "val", ["the only man"]),
    ],
)
def test_splits(tmp_path: Path, by: str, split: str, texts: list[str]):
    official.refer(tmp_path, by=by)
    (record,) = records_of("refcoco", tmp_path, f"{by}/{split}")
    assert [expression.text for expression in record.expressions] == texts


def test_combined_test_splits_as_the_interface_takes_them():
    """`REFER.getRefIds`: "testAB" counts for testA and for testB, and "test" is every test split."""
    wanted = {"testA": ["testA", "testAB", "testABC"], "testB": ["testAB", "testABC"], "testC": ["testABC"]}
    marks = ["train", "val", "testA", "testAB", "testABC"]
    for split, members in wanted.items():
        assert [mark for mark in marks if belongs({"split": mark}, split)] == members
    assert [mark for mark in marks if belongs({"split": mark}, "test")] == marks[2:]
    assert [mark for mark in marks if belongs({"split": mark}, "val")] == ["val"]


def test_refclef_has_lists_of_encodings_whose_union_is_meant(tmp_path: Path):
    official.refclef(tmp_path)
    (train,) = records_of("refclef", tmp_path, "unc/train")
    assert train.image == "112.jpg"
    np.testing.assert_array_equal(mask(train, [1]), rectangle(0, 0, 48, 6))
    (test_b,) = records_of("refclef", tmp_path, "unc/testB")
    assert [(e.text, e.ids) for e in test_b.expressions] == [("the two huts", [2]), ("clouds above", [1])]
    np.testing.assert_array_equal(mask(test_b, [2]), rectangle(1, 1, 8, 8) | rectangle(20, 5, 4, 4))
    assert {o.category for o in test_b.objects} == {"sky", "hut"}
    with pytest.raises(DataError, match="no refs of the split"):
        records_of("refclef", tmp_path, "unc/val")


def test_grefcoco_has_several_targets_and_none(tmp_path: Path):
    official.grefcoco(tmp_path)
    (record,) = records_of("grefcoco", tmp_path, "unc/train")
    assert [(e.text, e.ids) for e in record.expressions] == [
        ("both dogs", [51, 52]),
        ("the cat", []),
        ("the crowd", [53]),
    ]
    np.testing.assert_array_equal(
        mask(record, [53]), rectangle(0, 20, 48, 5)
    )  # an encoding with plain counts
    assert [o.category for o in record.objects] == ["dog", "dog", "person"]
    (absent,) = records_of("grefcoco", tmp_path, "unc/testA")
    assert (absent.objects, [e.ids for e in absent.expressions]) == ([], [[]])


def test_refzom_marks_zero_one_and_many(tmp_path: Path):
    official.refzom(tmp_path)
    (record,) = records_of("refzom", tmp_path, "train")
    assert [(e.text, e.ids, e.kind) for e in record.expressions] == [
        ("the left dog", [51], "one"),
        ("two dogs", [51, 52], "many"),
        ("a sleeping cat", [], "zero"),
    ]
    test_set = records_of("refzom", tmp_path, "test")
    assert test_set[0].image == "val2014/COCO_val2014_000000000009.jpg"
    assert (test_set.folder / test_set[0].image).is_file()
    assert record.image == "train2014/COCO_train2014_000000000005.jpg"


@pytest.mark.parametrize("seed", range(8))
def test_polygons_rasterise_as_in_the_published_loaders(tmp_path: Path, seed: int):
    """LISA decodes each polygon by pycocotools and adds the masks up, GSVA then makes them binary."""
    rng = np.random.default_rng(seed)
    polygons = [
        (rng.random((int(rng.integers(3, 9)), 2)) * (WIDTH, HEIGHT)).round(2).ravel().tolist()
        for _ in range(int(rng.integers(1, 4)))
    ]
    entry = official.annotation(51, 5, 18, polygons, (0, 0, WIDTH, HEIGHT))
    official.refer(tmp_path, refs=[official.ref(1, 5, 51, "train", "it")], annotations=[entry])
    (record,) = records_of("refcoco", tmp_path, "unc/train")
    published = coco_mask.decode(coco_mask.frPyObjects(polygons, HEIGHT, WIDTH)).sum(axis=2)
    np.testing.assert_array_equal(mask(record, [51]), published > 0)


def test_degenerate_polygons_are_left_out_as_published(tmp_path: Path):
    """Two points are no polygon, and four numbers would be taken for a box."""
    broken = [[1.0, 1.0, 20.0, 20.0], [1.0, 2.0, 3.0, 4.0, 5.0]]
    entries = [
        official.annotation(51, 5, 18, [*broken, official.polygon(2, 3, 10, 8)], (2, 3, 10, 8)),
        official.annotation(52, 5, 18, broken, (2, 3, 10, 8)),
    ]
    refs = [official.ref(1, 5, 51, "train", "left"), official.ref(2, 5, 52, "train", "right")]
    official.refer(tmp_path, refs=refs, annotations=entries)
    (record,) = records_of("refcoco", tmp_path, "unc/train")
    np.testing.assert_array_equal(mask(record, [51]), rectangle(2, 3, 10, 8))
    assert record.objects[1].segmentation == []  # only its box is known


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


GOOD = official.ref(7, 9, 91, "train", "a man")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (without(official.ref(1, 5, 51, "train", "a"), "ann_id"), "'ann_id' is missing"),
        (without(official.ref(1, 5, 51, "train", "a"), "image_id"), "ref 1: 'image_id' is missing"),
        (without(official.ref(1, 5, 51, "train", "a"), "sentences"), "ref 1: 'sentences' is missing"),
        (official.ref(1, 5, 99, "train", "a"), "image 5 .*does not have annotations 99"),
        (official.ref(1, 6, 51, "train", "a"), "image 6 .*does not have images 6"),
        (official.ref(1, 5, 91, "train", "a"), "annotation 91: it lies in image 9, but image 5"),
        (official.ref(1, 5, 51, "train", "  "), "ref 1: text: String should have at least 1 character"),
        (official.ref(1, 5, 51, "train", "a", sentences=["a"]), "ref 1: 'sent' is missing"),
        (official.ref(1, 5, None, "train", "a"), "does not have annotations None"),
        (without(official.ref(1, 5, 51, "train", "a"), "split"), None),
        (["a list"], "an entry that is a list instead of a ref"),
    ],
)
def test_a_broken_ref_is_named_and_the_others_stay_readable(tmp_path: Path, broken: Any, message: str | None):
    official.refer(tmp_path, refs=[broken, GOOD])
    records = records_of("refcoco", tmp_path, "unc/train")
    assert records[1].expressions[0].text == "a man"
    if message is None:  # without a split it belongs to each, so that it is noticed
        assert len(records) == 2
        return
    with pytest.raises(DataError, match=message) as caught:
        records[0]
    assert "refs(unc).p" in str(caught.value) or "instances.json" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            official.annotation(51, 5, 77, [official.polygon(1, 1, 5, 5)], (1, 1, 5, 5)),
            "category has the id 77",
        ),
        (official.annotation(51, 5, 18, "mask", (1, 1, 5, 5)), "segmentation is a str"),
        (official.annotation(51, 5, 18, {"size": [2, 2], "counts": [4]}, (1, 1, 5, 5)), r"mask is \(2, 2\)"),
        (
            official.annotation(51, 5, 18, {"size": [HEIGHT, WIDTH], "counts": [4]}, (1, 1, 5, 5)),
            "run lengths do not fill",
        ),
        (
            official.annotation(51, 5, 18, [{"size": [HEIGHT, WIDTH], "counts": "04"}] * 2, (1, 1, 5, 5)),
            "run lengths do not fill",
        ),
        (official.annotation(51, 5, 18, [["a"] * 6], (1, 1, 5, 5)), "segmentation"),
        (without(official.annotation(51, 5, 18, [], (1, 1, 5, 5)), "bbox"), "'bbox' is missing"),
        (official.annotation(51, 5, 18, [official.polygon(1, 1, 5, 5)], (1, 1, -5, 5)), "negative width"),
    ],
)
def test_a_broken_annotation_is_named_and_the_others_stay_readable(
    tmp_path: Path, entry: dict[str, Any], message: str
):
    good = official.instances()["annotations"][3]
    official.refer(tmp_path, refs=[official.ref(1, 5, 51, "train", "a"), GOOD], annotations=[entry, good])
    records = records_of("refcoco", tmp_path, "unc/train")
    assert records[1].objects[0].category == "person"
    with pytest.raises(DataError, match=message) as caught:
        records[0]
    assert "instances.json, annotation 51" in str(caught.value)


def test_files_that_are_something_else(tmp_path: Path):
    official.refer(tmp_path)
    refs, instances = (tmp_path / "refer_seg/refcoco" / name for name in ("refs(unc).p", "instances.json"))
    official.write_pickle(refs, {"refs": []})
    with pytest.raises(DataError, match="holds a dict instead of REFER's list"):
        records_of("refcoco", tmp_path, "unc/train")
    official.refer(tmp_path)
    instances.write_text(json.dumps({"images": [{"id": 5}]}))
    with pytest.raises(DataError, match=r"instances\.json: not a COCO instances file: it has no annotations"):
        records_of("refcoco", tmp_path, "unc/train")
    instances.write_text("[")
    with pytest.raises(DataError, match=r"instances\.json: not valid JSON"):
        records_of("refcoco", tmp_path, "unc/train")
    official.grefcoco(tmp_path, refs={"a": 1})
    with pytest.raises(DataError, match=r"grefs\(unc\)\.json: not valid JSON"):
        records_of("grefcoco", tmp_path, "unc/train")
