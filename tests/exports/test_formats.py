"""Every exporter against the readers of the tools themselves where they are light, else by the format's own
description."""

import base64
import importlib.util
import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from segue.annotation.asks import Ask
from segue.annotation.journal import Done, Journal
from segue.annotation.writing import Results, write
from segue.answer import Answer, Segment
from segue.data.labelme import labelme_record
from segue.data.native import decode_mask
from segue.errors import DataError
from segue.exports import to_fiftyone, to_geojson, to_labelme, to_yolo

WIDTH, HEIGHT = 40, 30


def ring():
    """A frame around a hole, and a square apart from it."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:14, 5:20] = True
    mask[7:10, 9:15] = False
    mask[20:25, 30:36] = True
    return mask


def blob():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[2:20, 3:11] = mask[10:28, 8:30] = True
    return mask


@pytest.fixture
def answer():
    """A frame, a blob, a dog that is not there, and an empty mask."""
    segments = (
        Segment.from_mask("Frame", (0, 5), ring(), score=0.75),
        Segment.from_mask("blob", (6, 10), blob(), score=0.5),
        Segment("dog", (11, 14), rejected=True),
        Segment.from_mask("fog", (15, 18), np.zeros((HEIGHT, WIDTH), bool)),
    )
    return Answer("Frame blob dog fog", segments, (), WIDTH, HEIGHT, "test")


@pytest.fixture
def results(tmp_path, answer):
    """Two pictures with that answer, in a journal."""
    (tmp_path / "in").mkdir()
    names = ["a.png", "b.png"]
    for name in names:
        Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "in" / name)
    with Journal(tmp_path / "journal", facts={}) as journal:
        journal.add([Done(name, [answer.to_dict()]) for name in names])
        yield Results(journal, [Ask("What?")], tmp_path / "in", names)


def test_geojson_is_valid_and_exact(answer):
    geojson = pytest.importorskip("geojson", reason="pip install geojson")
    collection = geojson.loads(json.dumps(to_geojson(answer)))
    assert collection.is_valid, collection.errors()
    frame, shape = collection["features"]
    assert (frame["geometry"]["type"], shape["geometry"]["type"]) == ("MultiPolygon", "Polygon")
    assert frame["properties"] == {"phrase": "Frame", "score": 0.75, "area": int(ring().sum())}
    polygons = frame["geometry"]["coordinates"]
    assert sum(signed_area(points) for rings in polygons for points in rings) == ring().sum()
    # RFC 7946: outer rings counter-clockwise, and both ways of counting rows keep to it.
    flipped = to_geojson(answer, flip=True)["features"][1]["geometry"]["coordinates"][0]
    assert signed_area(flipped) == signed_area(shape["geometry"]["coordinates"][0]) == blob().sum()


def signed_area(points):
    x, y = np.array(points).T
    assert points[0] == points[-1]
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2)


def test_labelme_gives_the_masks_again(answer):
    content = json.loads(json.dumps(to_labelme(answer, image_path="a.png")))
    assert [shape["shape_type"] for shape in content["shapes"]] == ["mask", "polygon"]
    record = labelme_record(content, image="a.png", size=(WIDTH, HEIGHT))
    assert [entry.category for entry in record.objects] == ["Frame", "blob"]
    for entry, mask in zip(record.objects, (ring(), blob()), strict=True):
        np.testing.assert_array_equal(decode_mask(entry.segmentation, HEIGHT, WIDTH), mask)
    # What LabelMe's own loader asks of a file (labelme/label_file.py): these keys, and these of each shape.
    assert {"version", "imageData", "imagePath", "shapes", "flags", "imageHeight", "imageWidth"} <= set(
        content
    )
    for shape in content["shapes"]:
        assert {"label", "points", "group_id", "description", "shape_type", "flags", "mask"} == set(shape)
    corner, _ = content["shapes"][0]["points"]
    with Image.open(io.BytesIO(base64.b64decode(content["shapes"][0]["mask"]))) as part:
        left, top = map(int, corner)
        assert part.size == (31, 21)
        np.testing.assert_array_equal(np.asarray(part) > 0, ring()[top : top + 21, left : left + 31])


def test_parts_of_one_object_are_a_group_in_labelme():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[0:5, 0:5] = mask[10:15, 10:15] = True
    segment = Segment.from_mask("pair", (0, 4), mask)
    shapes = to_labelme(Answer("pair", (segment,), (), WIDTH, HEIGHT))["shapes"]
    assert [shape["group_id"] for shape in shapes] == [1, 1]


def test_yolo_lines_are_as_ultralytics_describes(answer):
    lines = to_yolo(answer).splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1"]
    for line in lines:
        values = [float(value) for value in line.split()[1:]]
        assert len(values) >= 6
        assert len(values) % 2 == 0
        assert all(0 <= value <= 1 for value in values)
    with pytest.raises(DataError, match="none of the classes"):
        to_yolo(answer, classes={"frame": 0})


@pytest.mark.filterwarnings("ignore:OpenCV")
def test_supervision_reads_our_coco_and_yolo(tmp_path, results):
    sv = pytest.importorskip("supervision", reason="pip install segue[eval]")
    write("coco", results, tmp_path / "c.json")
    write("yolo", results, tmp_path / "yolo")
    sets = {
        "coco": sv.DetectionDataset.from_coco(
            str(tmp_path / "in"), str(tmp_path / "c.json"), force_masks=True
        ),
        "yolo": sv.DetectionDataset.from_yolo(
            str(tmp_path / "yolo" / "images"),
            str(tmp_path / "yolo" / "labels"),
            str(tmp_path / "yolo" / "data.yaml"),
            force_masks=True,
        ),
    }
    for name, data in sets.items():
        assert len(data) == 2
        assert data.classes[:2] == ["frame", "blob"]
        for _, _, detections in data:
            assert detections.class_id.tolist() == [0, 1]
            if name == "coco":
                np.testing.assert_array_equal(detections.mask, [ring(), blob()])
            else:  # no holes; and painted by supervision's own rounding
                both = (detections.mask[1] & blob()).sum() / (detections.mask[1] | blob()).sum()
                assert both > 0.9


def test_fiftyone_folder(tmp_path, results):
    write("fiftyone", results, tmp_path / "fo")
    samples = json.loads((tmp_path / "fo" / "samples.json").read_text())["samples"]
    assert [sample["filepath"] for sample in samples] == [
        str(tmp_path / "in" / name) for name in ("a.png", "b.png")
    ]
    first = samples[0]["predictions"]["detections"][0]
    assert (first["label"], first["confidence"]) == ("frame", 0.75)
    np.testing.assert_allclose(first["bounding_box"], [5 / 40, 4 / 30, 31 / 40, 21 / 30])
    with Image.open(first["mask_path"]) as mask:
        np.testing.assert_array_equal(np.asarray(mask) > 0, ring()[4:25, 5:36])


@pytest.fixture
def fiftyone(monkeypatch):
    """FiftyOne without its database: its labels, and what reads files of its format."""
    if importlib.util.find_spec("fiftyone") is None:
        pytest.skip("FiftyOne is large and an extra of its own: pip install 'segue[fiftyone]'")
    monkeypatch.setenv("FIFTYONE_DISABLE_SERVICES", "true")
    monkeypatch.setenv("FIFTYONE_DO_NOT_TRACK", "true")
    return importlib.import_module("fiftyone")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_fiftyones_own_importer_reads_it(tmp_path, results, fiftyone):
    """The reader of JSON folders, which FiftyOne turns to by itself, and its own schema of samples."""
    from fiftyone.utils.data import build_dataset_importer

    write("fiftyone", results, tmp_path / "fo")
    folder = str(tmp_path / "fo")
    assert build_dataset_importer(fiftyone.types.FiftyOneDataset, dataset_dir=folder)[
        0
    ]._is_legacy_format_data()
    reader, _ = build_dataset_importer(fiftyone.types.LegacyFiftyOneDataset, dataset_dir=folder)
    with reader:
        samples = list(reader)
    assert [sample.filepath for sample in samples] == [
        str(tmp_path / "in" / name) for name in ("a.png", "b.png")
    ]
    for sample in samples:
        sample.predictions.validate()
        found = sample.predictions.detections
        assert [(d.label, d.confidence) for d in found] == [("frame", 0.75), ("blob", 0.5)]
        for detection, mask in zip(found, (ring(), blob()), strict=True):
            assert drawn_by_fiftyone(detection, mask) > 0.85


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_answers_as_fiftyones_detections(answer, fiftyone):
    detections = to_fiftyone(answer)
    assert isinstance(detections, fiftyone.Detections)
    detections.validate()
    frame, shape = detections.detections
    assert (frame.label, frame.confidence, shape.label) == ("Frame", 0.75, "blob")
    np.testing.assert_array_equal(frame.mask, ring()[4:25, 5:36])
    for detection, mask in ((frame, ring()), (shape, blob())):
        assert drawn_by_fiftyone(detection, mask) > 0.85


def drawn_by_fiftyone(detection, mask):
    """IoU of a mask with what the tool draws. It cuts the box's corners down to whole pixels in floating
    point and fits the mask into that, so a row or column may be lost."""
    drawn = detection.to_segmentation(frame_size=(WIDTH, HEIGHT)).mask > 0
    return (drawn & mask).sum() / (drawn | mask).sum()


IN_A_DATABASE = """
import sys, fiftyone
data = fiftyone.Dataset.from_dir(sys.argv[1], fiftyone.types.FiftyOneDataset)
print([d.label for d in data.first().predictions.detections])
"""


def test_fiftyones_database_takes_it(tmp_path, results):
    if importlib.util.find_spec("fiftyone") is None:
        pytest.skip("FiftyOne is large and an extra of its own: pip install 'segue[fiftyone]'")
    write("fiftyone", results, tmp_path / "fo")
    home = {
        "HOME": str(tmp_path),
        "FIFTYONE_DATABASE_DIR": str(tmp_path / "db"),
        "FIFTYONE_DO_NOT_TRACK": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", IN_A_DATABASE, str(tmp_path / "fo")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **home},
    )
    if "MongoDB could not be installed" in done.stderr:
        pytest.skip("FiftyOne has no MongoDB here: it fetches one when it is installed, where it can")
    assert done.stdout.splitlines()[-1] == "['frame', 'blob']", done.stderr[-2000:]


def test_pictures_that_would_share_a_file_are_named(tmp_path, answer):
    with Journal(tmp_path / "journal", facts={}) as journal:
        journal.add([Done(name, [answer.to_dict()]) for name in ("a.png", "a.jpg")])
        results = Results(journal, [Ask("What?")], tmp_path, ["a.png", "a.jpg"])
        write("coco", results, tmp_path / "c.json")
        with pytest.raises(DataError, match=r"a\.jpg and a\.png would both"):
            write("geojson", results, tmp_path / "geo")
