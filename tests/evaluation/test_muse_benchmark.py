"""MUSE from official files to figures: perfect, empty and generated answers, judges, and files of others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from segue.data.muse_json import description
from segue.data.native import encode_mask
from segue.errors import CapabilityError, DataError
from segue.evaluation.benchmarks import Setup, get_benchmark, open_benchmark
from segue.evaluation.judge import JudgeError
from segue.evaluation.prediction import EMPTY, Prediction, Target
from segue.evaluation.predictions_file import PredictionsFile
from segue.evaluation.runner import run
from segue.evaluation.segmentation import Truths
from tests.data.pictures import HEIGHT, WIDTH
from tests.evaluation import muse_data
from tests.evaluation.endpoint import ChatEndpoint

FILES = {"val": "muse_val", "test_few": "muse_test_less", "test_many": "muse_test_many"}


@pytest.fixture
def data(tmp_path) -> Path:
    root = tmp_path / "dataset"
    muse_data.write_all(root)
    return root


def opened(data, name="muse-val", protocol="paper", **options):
    return open_benchmark(get_benchmark(name), Setup(data, protocol, "segue", options=options))


def perfect(sample) -> list[Prediction]:
    """Each target by its description, in the answer's order."""
    truths, things = Truths(sample.record), {thing.id: thing for thing in sample.record.objects}
    predictions = []
    for turn in sample.turns:
        text, targets = "", []
        for phrase in turn.phrases:
            words = description(things[phrase.ids[0]])
            start = len(text)
            text += f"{words}, "
            mask = encode_mask(truths.mask(phrase.ids))
            targets.append(Target(words, (start, start + len(words)), mask))
        predictions.append(Prediction(text, tuple(targets)))
    return predictions


def figures(benchmark, predict, folder) -> dict:
    summary = run(benchmark, lambda samples: [predict(sample) for sample in samples], model={}, output=folder)
    assert summary["num_failed"] == 0
    return summary["figures"]


VARIANTS = ("masks", "paper", "released")


@pytest.mark.parametrize("name", ["muse-val", "muse-test-few", "muse-test-many", "muse-test"])
@pytest.mark.parametrize("protocol", ["free", "paper"])
def test_perfect_and_empty_answers(name, protocol, data, tmp_path):
    benchmark = opened(data, name, protocol)
    best = figures(benchmark, perfect, tmp_path / "best")["overall"]
    nothing = figures(benchmark, lambda s: [EMPTY] * len(s.turns), tmp_path / "nothing")["overall"]
    for figure in ("giou", "ciou"):
        assert best[figure] == 1.0
        assert nothing[figure] == 0.0
        for variant in VARIANTS:
            assert best[variant][figure] == pytest.approx(1.0, abs=1e-6)
            assert nothing[variant][figure] == 0.0


def test_pooled_test_is_both_files(data, tmp_path):
    benchmark = opened(data, "muse-test")
    made = figures(benchmark, perfect, tmp_path / "out")
    assert made["overall"]["num_questions"] == 3
    assert {kind: own["num_questions"] for kind, own in made["by_kind"].items()} == {"few": 1, "many": 2}
    assert sorted(benchmark.settings["data"]) == [
        *("coco/train2017", "coco/val2017", "muse/muse_test_less.json", "muse/muse_test_many.json"),
    ]
    assert sorted(opened(data, "muse-val").names()) == ["000000", "000001"]
    with pytest.raises(IndexError):
        benchmark.records[2]


def test_figures_by_hand(data, tmp_path):
    """Question 1 (two targets of 100 pixels): only the cup. Question 2 (one target): right, and the plate too
    much. Question 3 (three targets): right, but the spoon is called something else."""

    def answers(sample):
        one, *rest = perfect(sample)
        if not rest:
            return [Prediction(one.text, one.targets[:1])]
        three = rest[0]
        stray = three.targets[2]
        wrong = Target("a dog", three.targets[1].span, three.targets[1].rle)
        return [
            Prediction(one.text, (one.targets[0], stray)),
            Prediction(three.text, (three.targets[0], wrong, three.targets[2])),
        ]

    overall = figures(opened(data), answers, tmp_path / "out")["overall"]
    area = int(Truths(opened(data).sample("000000").record).mask([1]).sum())
    assert area == 100
    assert overall["masks"]["giou"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert overall["masks"]["giou_instances"] == pytest.approx((1 + 1 + 3) / (2 + 2 + 3))
    assert overall["masks"]["ciou"] == pytest.approx(5 / 7)
    assert overall["paper"]["giou"] == pytest.approx((1 / 2 + 1 / 2 + 2 / 3) / 3)
    assert overall["paper"]["ciou"] == pytest.approx(4 / 7)
    # Per picture: 1 of max(1, 2), and 4 of max(5, 4). The stray plate has no logits, so it counts in full.
    assert overall["released"]["giou"] == pytest.approx((1 + 4) / (2 + 5), abs=1e-6)
    assert overall["released"]["ciou"] == pytest.approx(5 / 7)
    assert overall["released"]["from_logits"] == 0
    assert (overall["giou"], overall["ciou"]) == (overall["paper"]["giou"], overall["paper"]["ciou"])


def test_rows_hold_what_the_judge_read(data, tmp_path):
    with ChatEndpoint(lambda body: "[0.9, 0.2]") as endpoint:
        cache = str(tmp_path / "replies.sqlite")
        benchmark = opened(data, "muse-test-few", judge=endpoint.url, judge_model="judge", judge_cache=cache)
        made = figures(benchmark, perfect, tmp_path / "out")["overall"]
        assert figures(benchmark, perfect, tmp_path / "again")["overall"] == made
        # A run that goes on asks nothing and says the same of its judge.
        assert figures(benchmark, perfect, tmp_path / "out")["overall"] == made
    assert len(endpoint.requests) == 1
    assert made["giou"] == 0.5
    assert made["masks"]["giou"] == 1.0
    assert made["paper"]["judge"] == f"judge-0125 at {endpoint.url}"
    assert made["paper"]["unreadable_replies"] == 0
    (row,) = [json.loads(line) for line in (tmp_path / "out/rows.jsonl").read_text().splitlines()]
    (turn,) = row["turns"]
    assert turn["rewritten"] == (
        "the cup at 0 (the cup at 0 [0, 5, 10, 15]), the spoon at 20 (the spoon at 20 [20, 5, 30, 15]), "
    )
    assert turn["judged"] == [0.9, 0.2]
    assert row["ratios"][""]["giou"] == [0.5, 1.0]
    assert row["ratios"]["2 targets"]["masks.ciou"] == [200, 200]
    content = endpoint.requests[0]["messages"][1]["content"]
    assert f"height {HEIGHT}, width {WIDTH}; cup at [0, 5, 10, 15]; spoon at" in content
    assert "plate at [40, 5, 50, 15]" in content  # all objects of the picture, not only the answer's


def test_an_unreadable_reply_is_counted(data, tmp_path):
    with ChatEndpoint(lambda body: "Well done!") as endpoint:
        benchmark = opened(data, "muse-test-few", judge=endpoint.url, judge_model="judge")
        overall = figures(benchmark, perfect, tmp_path / "out")["overall"]
    assert overall["paper"] | {"judge": ""} == {
        "giou": 0.0,
        "giou_instances": 0.0,
        "ciou": 0.0,
        "judge": "",
        "unreadable_replies": 1,
    }
    assert overall["masks"]["giou"] == 1.0


def test_a_judge_that_is_down_ends_the_run(data, tmp_path):
    with ChatEndpoint(lambda body: 403) as endpoint:
        benchmark = opened(data, "muse-test-few", judge=endpoint.url, judge_model="judge")
        with pytest.raises(JudgeError):
            figures(benchmark, perfect, tmp_path / "out")
    assert not (tmp_path / "out/summary.json").exists()


def test_rows_are_scored_again_without_a_model(data, tmp_path):
    made = figures(opened(data), perfect, tmp_path / "first")
    file = PredictionsFile(tmp_path / "first/rows.jsonl")
    again = run(opened(data, judge="none"), file, model={}, output=tmp_path / "second")
    assert again["figures"]["overall"]["masks"] == made["overall"]["masks"]
    assert again["settings"]["judge"] == {"judge": "none"}


def test_masks_of_another_size_are_refused(data):
    benchmark = opened(data)
    sample = benchmark.sample("000000")
    small = Target("cup", (0, 3), encode_mask(np.ones((4, 4), bool)))
    with pytest.raises(DataError, match="own size"):
        benchmark.score(sample, [Prediction("cup", (small,))])


def test_questions_of_the_published_families_end_as_published(data):
    info = get_benchmark("muse-val")
    asked = open_benchmark(info, Setup(data, "paper", "pixellm")).sample("000000").turns[0].question
    assert asked == " What could I drink from and stir with? Please output segmentation mask."
    assert opened(data).sample("000000").turns[0].question == "What could I drink from and stir with?"


@pytest.mark.parametrize("protocol", ["free", "paper"])
def test_a_model_from_end_to_end(protocol, data, tmp_path):
    """The tiny model knows one of the questions, and that its answer has two masks and a rejection."""
    from tests.modeling.speaking import speaking_predictor

    predictor = speaking_predictor()
    benchmark = opened(data, "muse-test", protocol)
    summary = run(
        benchmark, lambda samples: benchmark.predict(predictor, samples, 4), model={}, output=tmp_path / "out"
    )
    assert summary["num_failed"] == 0
    rows = [json.loads(line) for line in (tmp_path / "out/rows.jsonl").read_text().splitlines()]
    turn = next(turn for row in rows for turn in row["turns"] if "mug" in turn["question"])
    assert turn["answer"] == "The red mug, the spoon; no cat."
    assert turn["num_predictions"] == 2
    assert len(turn["pairs"]) == 2
    assert turn["rewritten"].count("(") == 2
    overall = summary["figures"]["overall"]
    # Of its three answers one is not well formed and cannot be read again.
    assert overall["released"]["from_logits"] == pytest.approx(2 / 3 if protocol == "paper" else 0)
    assert 0 <= overall["giou"] <= 1


def test_a_family_without_masks_is_refused(data):
    benchmark = open_benchmark(get_benchmark("muse-val"), Setup(data, "free", "pixelllm"))

    class Captioner:
        name = "captioner"

    with pytest.raises(CapabilityError, match="captioner cannot answer with masks"):
        benchmark.predict(Captioner(), [benchmark.sample("000000")], 4)
