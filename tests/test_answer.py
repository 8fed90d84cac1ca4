"""Answers: what they accept, their JSON there and back, and what other tools read from them."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from segue.answer import Answer, Segment, Word, decode_mask, encode_mask
from segue.answer_json import run_lengths
from segue.errors import DataError, MissingDependencyError
from segue.visualize import palette

TEXT = "The red mug and the spoon; there is no fork."


def box_mask(x: int, y: int, width: int, height: int, *, size: tuple[int, int] = (24, 32)) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[y : y + height, x : x + width] = True
    return mask


def found(phrase: str = "red mug", mask: np.ndarray | None = None, *, score: float = 0.93) -> Segment:
    start = TEXT.index(phrase)
    mask = box_mask(2, 3, 10, 8) if mask is None else mask
    return Segment.from_mask(phrase, (start, start + len(phrase)), mask, score=score)


def make_answer(**changes) -> Answer:
    fork = Segment("fork", (39, 43), score=0.97, rejected=True)
    parts = {
        "text": TEXT,
        "segments": (found(), found("spoon", box_mask(8, 6, 12, 10)), fork),
        "words": (
            Word("mug", (8, 11), (7.25, 7.0)),
            Word("spoon", (20, 25), (1.0, 2.0), (0.0, 0.5, 2.0, 3.5)),
        ),
        "width": 32,
        "height": 24,
        "model": "segue/mini",
        "timing_ms": {"total": 180.0, "encode": 12.34},
    }
    return Answer(**(parts | changes))


# What an answer is --------------------------------------------------------------------


def test_a_segment_gives_its_mask_boxes_and_area():
    segment = found()
    assert segment.mask is not None
    assert np.array_equal(segment.mask, box_mask(2, 3, 10, 8))
    assert (segment.box, segment.bbox, segment.area) == ((2, 3, 12, 11), (2, 3, 10, 8), 80)


def test_a_rejected_segment_has_nothing():
    fork = make_answer().segments[2]
    assert (fork.mask, fork.box, fork.bbox, fork.area, fork.rejected) == (None, None, None, 0, True)


def test_an_empty_mask_is_a_mask_without_a_box():
    segment = found(mask=np.zeros((24, 32), bool))
    assert segment.mask is not None
    assert not segment.mask.any()
    assert (segment.box, segment.bbox, segment.area) == (None, None, 0)


def test_a_predicted_box_counts_before_the_masks():
    segment = Segment("spoon", (20, 25), encode_mask(box_mask(0, 0, 2, 2)), predicted_box=(1.5, 2, 5, 6.25))
    assert (segment.box, segment.bbox, segment.area) == ((1.5, 2, 5, 6.25), (1.5, 2, 3.5, 4.25), 4)
    assert Segment("spoon", (20, 25), predicted_box=(0, 0, 1, 1)).mask is None


def test_sequences_may_be_lists():
    answer = make_answer(segments=[found()], words=[], notes=["a note"])
    assert (answer.segments, answer.words, answer.notes) == ((found(),), (), ("a note",))


def test_picture_and_timing_do_not_make_answers_differ():
    assert make_answer(image=Image.new("RGB", (32, 24))) == make_answer(timing_ms={})
    assert make_answer() != make_answer(model="another")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": "The blue mug"}, "'blue mu'"),  # the span no longer holds the phrase
        ({"text": "short"}, "red mug"),
        ({"width": 33}, "[24, 33]"),
        ({"height": 0}, "needs pixels"),
        ({"image": Image.new("RGB", (24, 32))}, "24 x 32"),
        ({"words": (Word("mug", (0, 3)),)}, "'The'"),
    ],
)
def test_inconsistent_answers_are_refused(change, said):
    with pytest.raises(DataError) as caught:
        make_answer(**change)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Segment("a", (0, 1)),  # neither there nor rejected
        lambda: Segment("a", (0, 1), encode_mask(box_mask(0, 0, 1, 1)), rejected=True),
        lambda: Segment("a", (1, 0), rejected=True),
        lambda: Segment("a", (-1, 0), rejected=True),
        lambda: Segment("a", (0, 1), rejected=True, score=1.2),
        lambda: Segment("a", (0, 1), rejected=True, score=float("nan")),
        lambda: Segment("a", (0, 1), predicted_box=(0, 0, float("inf"), 1)),
        lambda: Word("a", (0, 1), (float("nan"), 0)),
        lambda: Word("a", (0, 1), (1, 2, 3)),
    ],
)
def test_inconsistent_parts_are_refused(make):
    with pytest.raises(DataError):
        make()


def test_a_mask_token_without_a_phrase_is_allowed():
    answer = make_answer(segments=(Segment("", (3, 3), encode_mask(box_mask(0, 0, 1, 1))),))
    assert Answer.from_json(answer.to_json()) == answer


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    for write in (make_answer().to_json, make_answer().to_index_png):
        with pytest.raises(DataError, match="nowhere"):
            write(tmp_path / "nowhere" / "out")


# Run lengths --------------------------------------------------------------------------

masks = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=40))


@given(masks)
def test_masks_survive_run_lengths(mask):
    rle = encode_mask(mask)
    assert json.loads(json.dumps(rle)) == rle
    assert np.array_equal(decode_mask(rle), mask)


@given(masks)
def test_our_reading_of_run_lengths_is_cocos(mask):
    flat = mask.flatten(order="F")
    runs = run_lengths(encode_mask(mask)["counts"])
    assert np.array_equal(np.repeat(np.arange(len(runs)) % 2 == 1, runs), flat)


def test_long_runs_are_read():
    mask = np.zeros((3000, 2000), bool)
    mask[1500:, 700:900] = True
    assert sum(run_lengths(encode_mask(mask)["counts"])) == mask.size


# JSON ---------------------------------------------------------------------------------


def test_the_json_is_the_documented_one():
    mug, spoon, fork = make_answer().to_dict()["segments"]
    assert mug == {
        "phrase": "red mug",
        "span": [4, 11],
        "rejected": False,
        "score": 0.93,
        "bbox": [2, 3, 10, 8],
        "area": 80,
        "mask": {"size": [24, 32], "counts": found().rle["counts"]},
    }
    assert fork == {
        "phrase": "fork",
        "span": [39, 43],
        "rejected": True,
        "score": 0.97,
        "bbox": None,
        "area": 0,
        "mask": None,
    }
    assert spoon["area"] == 120
    record = make_answer().to_dict()
    assert list(record) == ["text", "segments", "words", "image", "model", "timing_ms"]
    assert record["image"] == {"width": 32, "height": 24}
    assert json.dumps(record["timing_ms"]) == '{"total": 180, "encode": 12.3}'
    assert record["words"][0] == {"text": "mug", "span": [8, 11], "point": [7.25, 7]}
    assert record["words"][1]["extent"] == [0, 0.5, 2, 3.5]
    assert make_answer(notes=("cut",)).to_dict()["notes"] == ["cut"]


def test_json_there_and_back(tmp_path):
    answer = make_answer(notes=("ein Übel – ≥ 1",))
    path = tmp_path / "answer.json"
    text = answer.to_json(path, indent=2)
    assert path.read_text(encoding="utf-8") == text + "\n"
    image = Image.new("RGB", (32, 24))
    for back in (
        Answer.from_json(text),
        Answer.from_json(path, image=image),
        Answer.from_dict(answer.to_dict()),
    ):
        assert back == answer
        assert back.to_json(indent=2) == text
    assert Answer.from_json(path, image=image).image is image


@given(st.floats(0, 1), st.tuples(*[st.floats(-50, 50)] * 4))
def test_what_was_written_once_is_written_the_same_again(score, box):
    spoon = Segment("spoon", (20, 25), encode_mask(box_mask(0, 0, 2, 2)), score, predicted_box=box)
    text = make_answer(segments=(spoon,)).to_json()
    back = Answer.from_json(text).segments[0]
    assert np.allclose(back.box, box, atol=0.011)
    assert Answer.from_json(text).to_json() == Answer.from_json(Answer.from_json(text).to_json()).to_json()


def edited(path: str, value) -> str:
    """The JSON with one field changed; "-" takes it away."""
    record = make_answer().to_dict()
    *above, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place = record
    for step in above:
        place = place[step]
    if value == "-":
        del place[last]
    else:
        place[last] = value
    return json.dumps(record)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("text", "-", "text: Field required"),
        ("text", 3, "text"),
        ("extra", 1, "extra"),
        ("segments.0.colour", "red", "segments.0.colour"),
        ("segments.0.span", [4, 12], "red mug"),
        ("segments.0.span", [4], "segments.0.span"),
        ("segments.0.span", ["4", "11"], "segments.0.span.0"),
        ("segments.0.score", 2, "segments.0.score"),
        ("segments.0.score", float("nan"), "segments.0.score"),
        ("segments.0.area", 81, "area 81"),
        ("segments.0.bbox", None, "bbox"),
        ("segments.0.mask", None, "area"),
        ("segments.0.rejected", True, "rejected"),
        ("segments.2.bbox", [1, 2, 3, 4], "rejected"),
        ("segments.2.rejected", False, "neither mask nor box"),
        ("segments.0.mask.size", [32, 24], "[32, 24]"),
        ("segments.0.mask.size", [24, 33], "768"),
        ("segments.0.mask.size", [0, 32], "segments.0.mask.size.0"),
        ("segments.0.mask.counts", "", "0 pixels"),
        ("segments.0.mask.counts", "é", "none of COCO's"),
        ("segments.0.mask.counts", "o", "middle of a number"),
        ("segments.0.mask.counts", "P" * 12, "none of COCO's"),
        ("segments.0.mask.counts", "@", "negative"),
        ("words.0.point", [1], "words.0.point"),
        ("words.0.point", [1, float("inf")], "words.0.point.1"),
        ("image.width", 10**9, "image.width"),
        ("image", {"width": 10**6, "height": 10**6}, "over the limit"),
        ("timing_ms.total", "fast", "timing_ms.total"),
    ],
)
def test_broken_json_names_the_field(path, value, said):
    with pytest.raises(DataError) as caught:
        Answer.from_json(edited(path, value))
    message = str(caught.value)
    assert said in message
    assert "\n" not in message


def test_what_is_no_json_is_told(tmp_path):
    for source, said in (("answer.json", "pathlib.Path"), ("{", "not JSON"), ("[]", "answer of segue")):
        with pytest.raises(DataError, match=said):
            Answer.from_json(source)
    with pytest.raises(DataError, match="gone"):
        Answer.from_json(tmp_path / "gone.json")
    path = tmp_path / "binary.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="binary"):
        Answer.from_json(path)


@given(st.text(alphabet=st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_run_lengths_are_read_or_refused(counts):
    try:
        answer = Answer.from_json(edited("segments.0.mask.counts", counts))
    except DataError:
        return
    assert answer.segments[0].mask is not None


# Other formats ------------------------------------------------------------------------


def test_coco_is_read_by_pycocotools(tmp_path):
    from pycocotools.coco import COCO

    path = tmp_path / "coco.json"
    path.write_text(json.dumps(make_answer().to_coco(image_id=7, file_name="a.png", first_id=40)))
    coco = COCO(str(path))
    annotations = coco.loadAnns(coco.getAnnIds(imgIds=[7]))
    assert [annotation["id"] for annotation in annotations] == [40, 41]  # the fork has none
    assert np.array_equal(coco.annToMask(annotations[0]), box_mask(2, 3, 10, 8))
    assert (annotations[0]["bbox"], annotations[0]["area"]) == ([2, 3, 10, 8], 80)
    assert coco.loadCats(annotations[1]["category_id"])[0]["name"] == "spoon"
    assert coco.loadImgs(7)[0]["file_name"] == "a.png"


@pytest.mark.parametrize("categories", [{"Red mug": 5, "spoon": 9}, ["cup", "Red mug", "spoon"]])
def test_coco_with_the_users_categories(categories):
    coco = make_answer().to_coco(categories=categories)
    ids = [annotation["category_id"] for annotation in coco["annotations"]]
    assert ids == ([5, 9] if isinstance(categories, dict) else [2, 3])
    assert {"id": ids[0], "name": "Red mug"} in coco["categories"]


def test_coco_with_a_phrase_that_is_no_category():
    with pytest.raises(DataError, match="spoon"):
        make_answer().to_coco(categories=["red mug"])


def test_coco_of_a_box_alone():
    answer = make_answer(segments=(Segment("spoon", (20, 25), predicted_box=(1, 2, 4, 6)),))
    annotation = answer.to_coco()["annotations"][0]
    assert (annotation["bbox"], annotation["area"], annotation["segmentation"]) == ([1, 2, 3, 4], 12, [])


def test_the_index_png_has_later_segments_on_top(tmp_path):
    path = tmp_path / "index.png"
    made = make_answer().to_index_png(path)
    with Image.open(path) as picture:
        assert picture.mode == made.mode == "P"
        index = np.asarray(picture)
        assert tuple(picture.getpalette()[3:6]) == palette(0)
        colors = np.asarray(picture.convert("RGB"))
    expected = np.zeros((24, 32), np.uint8)
    expected[box_mask(2, 3, 10, 8)] = 1
    expected[box_mask(8, 6, 12, 10)] = 2
    assert np.array_equal(index, expected)
    assert tuple(colors[15, 19]) == palette(1)


def test_an_index_png_holds_255_segments():
    with pytest.raises(DataError, match="255"):
        make_answer(segments=[found()] * 256).to_index_png()


def test_supervision_detections():
    pytest.importorskip("supervision")
    detections = make_answer().to_supervision()
    assert len(detections) == 2
    assert np.array_equal(detections.xyxy[0], [2, 3, 12, 11])
    assert np.array_equal(detections.mask[0], box_mask(2, 3, 10, 8))
    assert list(detections.data["class_name"]) == ["red mug", "spoon"]
    assert np.allclose(detections.confidence, 0.93)
    assert len(make_answer(segments=()).to_supervision()) == 0


def test_supervision_missing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MissingDependencyError, match=r"pip install segue\[eval\]"):
        make_answer().to_supervision()


def test_importing_answers_loads_nothing_heavy():
    code = (
        "import sys, segue.answer, segue.images, segue.visualize\n"
        "heavy = {'torch', 'pycocotools', 'supervision', 'pydantic', 'rich', 'scipy', 'transformers'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
