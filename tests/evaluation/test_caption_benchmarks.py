"""The caption benchmarks on a few records: perfect, empty and generated captions, in both protocols."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segue.data.native import Caption, Expression, ObjectRecord, Record, WordPoint
from segue.errors import CapabilityError, DataError
from segue.evaluation.benchmarks import Setup, all_benchmarks, get_benchmark, open_benchmark
from segue.evaluation.benchmarks.dense_captions import DenseCaptions
from segue.evaluation.benchmarks.narratives import Narratives
from segue.evaluation.benchmarks.region_captions import (
    RegionCaptions,
    captions_with_boxes,
    expressions_with_boxes,
)
from segue.evaluation.prediction import EMPTY, PointedWord, Prediction, Target
from segue.evaluation.predictions_file import PredictionsFile
from segue.evaluation.runner import run
from tests.evaluation import caption_data

pytest.importorskip("nltk", reason="needs the extra `captions`")
from segue.evaluation.caption_scores import PythonScorer

WIDTH, HEIGHT = 90, 60
MUG, DOG = [10.0, 10.0, 20.0, 20.0], [50.0, 20.0, 30.0, 30.0]
TEXT = "the red mug and the dog"


@dataclass(frozen=True)
class Records:
    """A record set of records at hand."""

    folder: Path
    listed: list[Record]

    def __len__(self) -> int:
        return len(self.listed)

    def __getitem__(self, index: int) -> Record:
        return self.listed[index]


def record(number: int, **changes) -> Record:
    spans = [(TEXT.index(word), TEXT.index(word) + len(word)) for word in ("red", "mug", "dog")]
    extents = [[9.0, 6.0, 18.0, 12.0], [9.0, 6.0, 18.0, 12.0], [45.0, 30.0, 72.0, 54.0]]
    points = [
        WordPoint(span=span, point=((x0 + x1) / 2, (y0 + y1) / 2), extent=[x0, y0, x1, y1])
        for span, (x0, y0, x1, y1) in zip(spans, extents, strict=True)
    ]
    content = {
        "image": f"{number}.png",
        "width": WIDTH,
        "height": HEIGHT,
        "objects": [
            ObjectRecord(id=1, category="mug", segmentation=[], bbox=MUG),
            ObjectRecord(id=2, category="dog", segmentation=[], bbox=DOG),
        ],
        "expressions": [
            Expression(text="the red mug", ids=[1]),
            Expression(text="a mug", ids=[1]),
            Expression(text="both", ids=[1, 2]),
        ],
        "captions": [
            Caption(text=TEXT, points=points),
            Caption(text="a red mug", region=MUG),
            Caption(text="the mug", region=[10.0, 10.0, 20.0, 19.0]),
            Caption(text="a brown dog runs", region=DOG),
        ],
    }
    return Record(**{**content, **changes})


@pytest.fixture
def records(tmp_path) -> Records:
    for number in range(2):
        pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return Records(tmp_path, [record(0), record(1)])


def summary(benchmark, predict, folder) -> dict:
    made = run(benchmark, lambda samples: [predict(sample) for sample in samples], model={}, output=folder)
    assert made["num_failed"] == 0
    return made["figures"]["overall"]


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]


# Captions of given boxes --------------------------------------------------------------


def regions(records, *, of=captions_with_boxes, scorer=None):
    return RegionCaptions("vg-captions", "free", records, of, scorer)


@pytest.mark.parametrize(("of", "count"), [(captions_with_boxes, 6), (expressions_with_boxes, 4)])
def test_region_captions_perfect_and_empty(of, count, records, tmp_path):
    benchmark = regions(records, of=of, scorer=PythonScorer())
    best = summary(benchmark, lambda s: [Prediction(turn.answer) for turn in s.turns], tmp_path / "best")
    assert (best["num_captions"], best["exact"], best["word_f1"]) == (count, 1.0, 1.0)
    assert best["meteor_python"] > 0.9  # nltk's METEOR takes a little off even from what is the same
    assert best["rouge_l_python"] == 1.0
    nothing = summary(benchmark, lambda s: [EMPTY] * len(s.turns), tmp_path / "nothing")
    assert (nothing["exact"], nothing["word_f1"]) == (0.0, 0.0)
    assert (nothing["meteor_python"], nothing["cider_python"], nothing["rouge_l_python"]) == (0.0, 0.0, 0.0)


def test_expressions_of_several_objects_describe_no_box():
    assert [text for _, text in expressions_with_boxes(record(0))] == ["the red mug", "a mug"]


def test_a_box_is_captioned_once_and_each_reference_counts(records, tmp_path):
    asked = []

    class Speaker:
        def encode(self, image):
            return image

        def ask(self, picture, question, *, region=None, max_new_tokens=0):
            from segue.answer import Answer

            asked.append(region)
            return Answer("the red mug", width=WIDTH, height=HEIGHT)

    benchmark = regions(records, of=expressions_with_boxes)
    predictions = benchmark.predict(Speaker(), [benchmark.sample("000000")], 8)
    assert asked == [(10.0, 10.0, 30.0, 30.0)]
    row = benchmark.score(benchmark.sample("000000"), predictions[0])
    assert [turn["exact"] for turn in row["turns"]] == [True, False]
    # "the red mug" and "a mug" share one word of three and two: 2 / 5.
    assert row["ratios"][""] == {"exact": [1.0, 2], "word_f1": [1.4, 2]}
    assert row["score"] == pytest.approx(0.7)


def test_boxes_beyond_the_picture_are_cut(records):
    boxes = ([-5.0, 50.0, 20.0, 30.0], [89.9, 5.0, 0.0, 0.0])
    wild = record(0, captions=[Caption(text="x", region=box) for box in boxes])
    sample = regions(Records(records.folder, [wild])).sample("000000")
    assert [turn.region for turn in sample.turns] == [[0.0, 50.0, 15.0, 10.0], [89.0, 5.0, 1.0, 1.0]]


# Dense captions -----------------------------------------------------------------------


def found(text: str, box, score: float) -> Prediction:
    x, y, width, height = box
    return Prediction(text, (Target(text, (0, len(text)), box=(x, y, x + width, y + height), score=score),))


def test_dense_captions_perfect_and_empty(records, tmp_path):
    benchmark = DenseCaptions("vg-dense-captions", "free", records, PythonScorer())
    merged = [10.0, 10.0, 20.0, 19.5]  # two people drew the mug, almost alike
    both = [found("a red mug", merged, 0.9), found("a brown dog runs", DOG, 0.8)]
    best = summary(benchmark, lambda s: both, tmp_path / "best")
    by_iou = json.loads((tmp_path / "best/summary.json").read_text())["figures"]["by_iou"]
    assert by_iou == {
        iou: {"map_python": 1.0, "map_detection": 1.0} for iou in ("0.3", "0.4", "0.5", "0.6", "0.7")
    }
    assert (best["num_regions"], best["num_found"]) == (4, 4)
    assert (best["map_python"], best["map_detection"], best["recall@0.5"]) == (1.0, 1.0, 1.0)
    nothing = summary(benchmark, lambda s: [], tmp_path / "nothing")
    assert (nothing["map_python"], nothing["map_detection"], nothing["recall@0.5"]) == (0.0, 0.0, 0.0)
    other = summary(benchmark, lambda s: [found("xyz", DOG, 0.9)], tmp_path / "other")
    assert (other["map_python"], other["map_detection"]) == (0.0, pytest.approx(0.51))
    row = rows(tmp_path / "best")[0]
    assert row["regions"][0] == [merged, ["a red mug", "the mug"]]
    assert row["found"][0] == {"caption": "a red mug", "score": 0.9, "iou": 1.0, "region": 0, "first": True}
    assert row["ratios"] == {"": {"recall@0.5": [2, 2]}}


def test_dense_captions_without_meteor_have_no_map(records, tmp_path):
    benchmark = DenseCaptions("vg-dense-captions", "free", records, None)
    figures = summary(benchmark, lambda s: [found("a dog", DOG, 0.9)], tmp_path / "out")
    assert "map" not in figures
    assert "map_python" not in figures
    assert figures["map_detection"] == pytest.approx(0.51)


def test_dense_captions_of_other_people(records, tmp_path):
    results = [
        {"image_id": number, "bbox": box, "score": score, "caption": caption}
        for number in range(2)
        for box, score, caption in ((DOG, 0.8, "a brown dog runs"), (MUG, 0.9, "a red mug"))
    ]
    (tmp_path / "results.json").write_text(json.dumps(results))
    benchmark = DenseCaptions("vg-dense-captions", "paper", records, PythonScorer())
    file = PredictionsFile(tmp_path / "results.json")
    figures = run(benchmark, file, model={}, output=tmp_path / "out")["figures"]["overall"]
    assert figures["map_python"] == pytest.approx(1.0)


def test_a_dense_caption_without_a_box_is_refused(records):
    benchmark = DenseCaptions("vg-dense-captions", "free", records, None)
    with pytest.raises(DataError, match="needs one box"):
        benchmark.score(benchmark.sample("000000"), [Prediction("a dog")])


# Localized Narratives -----------------------------------------------------------------


def narratives(records, protocol="paper", scorer=None):
    return Narratives("localized-narratives-coco-val", protocol, records, scorer)


def spoken(sample, *, shift: float = 0.0) -> Prediction:
    """The reference with every word on the trace of its utterance, or so far beside it."""
    turn = sample.turns[0]
    words = []
    for point in turn.points:
        (x, y), (x0, y0, x1, y1) = point.point, point.extent
        places = {"point": (x + shift, y), "extent": (x0 + shift, y0, x1 + shift, y1)}
        for match in re.finditer(r"\w+", turn.answer[slice(*point.span)]):
            start = point.span[0] + match.start()
            words.append(PointedWord(match.group(), (start, start + len(match.group())), **places))
    return Prediction(turn.answer, words=tuple(words))


@pytest.mark.parametrize("protocol", ["free", "paper"])
def test_narratives_perfect_and_empty(protocol, records, tmp_path):
    benchmark = narratives(records, protocol, PythonScorer())
    best = summary(benchmark, lambda s: [spoken(s)] * len(s.turns), tmp_path / "best")
    assert (best["exact"], best["word_f1"], best["point_l1_matched"]) == (1.0, 1.0, 0.0)
    assert best["num_words_matched"] == 6
    assert best.get("point_l1") == (0.0 if protocol == "paper" else None)
    nothing = summary(benchmark, lambda s: [EMPTY] * len(s.turns), tmp_path / "nothing")
    assert (nothing["word_f1"], nothing["meteor_python"]) == (0.0, 0.0)
    assert nothing["point_l1_matched"] is None
    assert nothing.get("point_l1", None) is None


def test_trace_error_by_hand(records, tmp_path):
    """All points 4.5 pixels to the right, a twentieth of the width: |dx| is 0.05, |dy| 0."""
    benchmark = narratives(records)
    figures = summary(benchmark, lambda s: [spoken(s, shift=4.5)] * 2, tmp_path / "out")
    assert figures["point_l1"] == pytest.approx(0.025)
    assert figures["point_l1_matched"] == pytest.approx(0.025)
    row = rows(tmp_path / "out")[0]
    assert row["ratios"][""]["point_l1"] == [pytest.approx(0.025), 1]
    assert row["ratios"][""]["point_l1_matched"] == [pytest.approx(0.075), 3]


def test_a_picture_without_a_caption_is_recorded_as_failed(records, tmp_path):
    bare = Records(records.folder, [record(0), record(1, captions=[])])
    benchmark = narratives(bare, "free")
    made = run(benchmark, lambda samples: [[spoken(s)] for s in samples], model={}, output=tmp_path / "out")
    assert (made["num_failed"], made["num_unscored"]) == (1, 1)
    assert made["figures"]["overall"]["num_captions"] == 1


# Models -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pixelllm():
    from segue.pixelllm_predictor import PixelLLMPredictor
    from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_text

    model = tiny_pixelllm()
    return PixelLLMPredictor(model, tiny_text(model.config), name="tiny")


def with_model(benchmark, predictor, folder) -> dict:
    made = run(benchmark, lambda samples: benchmark.predict(predictor, samples, 4), model={}, output=folder)
    assert made["num_failed"] == 0, made["failures"]
    return made["figures"]["overall"]


def test_pixelllm_from_end_to_end(records, pixelllm, tmp_path):
    scorer = PythonScorer()
    figures = with_model(regions(records, scorer=scorer), pixelllm, tmp_path / "regions")
    assert figures["num_captions"] == 6
    dense = DenseCaptions("vg-dense-captions", "free", records, scorer)
    figures = with_model(dense, pixelllm, tmp_path / "dense")
    assert 0 <= figures["map_python"] <= figures["map_detection"] <= 1
    figures = with_model(narratives(records, "paper", scorer), pixelllm, tmp_path / "trace")
    assert 0 < figures["point_l1"] < 2
    forced = rows(tmp_path / "trace")[0]["predictions"][1]
    # As many pieces as tokens, each with the two corners of its own.
    assert [word["text"] for word in forced["words"]] == TEXT.split()
    assert all(len(word["extent"]) == 4 for word in forced["words"])


def test_forced_points_are_the_models_own(records, pixelllm):
    """The corners are what `trace` gives for the caption's ids, back on the picture."""
    import torch

    from segue.evaluation.forced_points import read_points

    seen = pixelllm.encode(Image.open(records.folder / "0.png"))
    forced = read_points(pixelllm, seen, TEXT)
    model, text = pixelllm.model, pixelllm.text
    context = torch.tensor(text.context(model.config.trace_prompt))[None, None]
    memory = model.remember(model.look(seen.features, model.whole(seen.features)), context)
    with torch.no_grad():
        points, words = model.trace(seen.features, memory, torch.tensor(text.given(TEXT))[None, None])
    assert int(words.sum()) == len(forced.words)
    expected = seen.geometry.points_to_original(points[0, 0, 2].numpy())
    assert forced.words[1].text == "red"
    assert forced.words[1].extent == pytest.approx(expected.ravel().tolist())
    # Beyond the model's length (10 with both ends) a caption is cut, not refused.
    assert len(read_points(pixelllm, seen, " ".join(["red mug"] * 9)).words) == 8


def test_the_other_families_from_end_to_end(records, tmp_path):
    from tests.modeling.speaking import speaking_predictor

    predictor = speaking_predictor()
    figures = with_model(narratives(records, "paper", PythonScorer()), predictor, tmp_path / "trace")
    assert figures["word_f1"] > 0  # "A red mug stands on a wooden table. A dog."
    assert 0 < figures["point_l1"] < 2
    figures = with_model(regions(records), predictor, tmp_path / "regions")
    assert figures["num_captions"] == 6
    dense = DenseCaptions("vg-dense-captions", "free", records, None)
    with pytest.raises(CapabilityError, match="dense captions need"):
        with_model(dense, predictor, tmp_path / "dense")


def test_forced_words_of_the_other_families_are_those_of_an_answer(records):
    """A generated answer, read again, has its points where they were."""
    from segue.evaluation.forced_points import read_points
    from tests.modeling.speaking import speaking_predictor

    predictor = speaking_predictor()
    seen = predictor.encode(Image.open(records.folder / "0.png"))
    answer = predictor.caption(seen)
    forced = read_points(predictor, seen, answer.text).words
    assert [word.span for word in forced] == [word.span for word in answer.words]
    # Behind the first phrase the generated answer has mask tokens that the plain text lacks.
    first = answer.words[0]
    assert first.span[1] <= answer.segments[0].span[0]
    assert forced[0].point == pytest.approx(first.point, abs=1e-3)


# Official files -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    caption_data.write_all(root)
    return root


SOURCES = ("visual_genome", "localized_narratives", "coco_captions")
NAMES = [info.name for info in all_benchmarks() if info.source in SOURCES or "-captions" in info.name]


def flawless(sample) -> list[Prediction]:
    """The labels as predictions."""
    if sample.turns:
        return [spoken(sample) if turn.points else Prediction(turn.answer) for turn in sample.turns]
    regions = [caption for caption in sample.record.captions if caption.region]
    return [found(caption.text, caption.region, 1.0) for caption in regions]


@pytest.mark.parametrize("protocol", ["free", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_official_files_perfect_and_generated(name, protocol, dataset, pixelllm, tmp_path):
    options = {"captions": "python"}
    benchmark = open_benchmark(get_benchmark(name), Setup(dataset, protocol, "pixelllm", options=options))
    best = summary(benchmark, flawless, tmp_path / "best")
    if name == "vg-dense-captions":
        assert (best["map_python"], best["map_detection"]) == (1.0, 1.0)
    else:
        assert (best["exact"], best["word_f1"]) == (1.0, 1.0)
        assert best["num_captions"] >= 1
    if name.startswith("localized"):
        assert best["point_l1_matched"] == 0.0
        assert best.get("point_l1") == (0.0 if protocol == "paper" else None)
    assert {key for _, key in benchmark.columns} <= best.keys() | {"point_l1"}
    generated = with_model(benchmark, pixelllm, tmp_path / "generated")
    assert generated.keys() >= best.keys() - {"point_l1"}
    settings = json.loads((tmp_path / "generated/settings.json").read_text())
    assert settings["captions"] == "python"
    # The rows are a file of predictions: scored again, they give the same figures.
    file = PredictionsFile(tmp_path / "generated/rows.jsonl")
    again = run(benchmark, file, model={}, output=tmp_path / "again")["figures"]["overall"]
    assert again == pytest.approx(generated, abs=1e-6, nan_ok=True)


def test_there_is_a_benchmark_of_each_kind():
    assert {"vg-captions", "refcocog-captions", "vg-dense-captions", "coco-captions-test"} <= set(NAMES)
    assert "localized-narratives-coco-val" in NAMES
