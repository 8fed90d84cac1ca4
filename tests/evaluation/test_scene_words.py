"""Words, regions, found things and expressions on held-out scenes: a model that knows everything, one that
points at the corner, and the command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from segue.data.native import decode_mask, encode_mask
from segue.evaluation.benchmarks import Setup, get_benchmark, open_benchmark
from segue.evaluation.prediction import EMPTY, PointedWord, Prediction, Target
from segue.evaluation.runner import run
from segue.evaluation.scene_words import CAPTION, LOCATE, READ, SceneWords
from segue.pixelllm_predictor import PixelLLMPredictor
from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_text

BENCHMARK = SceneWords(num=3)


def told(sample):
    """What is true of a scene, as predictions."""
    record = sample.record
    things = {entry.id: entry for entry in record.objects}
    predictions = []
    for turn in sample.turns:
        words = tuple(PointedWord(turn.answer[slice(*p.span)], p.span, p.point) for p in turn.points)
        if turn.type == CAPTION:  # words are without marks, as models give them
            words = tuple(replace(word, text=word.text.strip(".,")) for word in words)
        if turn.type == LOCATE:
            thing = things[int(turn.answer)]
            mask = decode_mask(thing.segmentation, record.height, record.width)
            x, y, width, height = thing.bbox
            target = Target(turn.question, rle=encode_mask(mask), box=(x, y, x + width, y + height))
            predictions.append(Prediction(turn.question, (target,)))
        else:
            predictions.append(Prediction(turn.answer, words=words))
    for caption in record.captions:
        if caption.region is not None:
            x, y, width, height = caption.region
            box = (x, y, x + width, y + height)
            predictions.append(Prediction(caption.text, (Target(caption.text, box=box, score=0.9),)))
    return predictions


def figures(predict, tmp_path):
    return run(BENCHMARK, lambda samples: [predict(sample) for sample in samples], model={}, output=tmp_path)[
        "figures"
    ]["overall"]


def test_who_knows_everything_is_right_about_everything(tmp_path):
    found = figures(told, tmp_path)
    assert found["word_distance"] == 0
    for name in ("words_inside", "own_words_inside", "region_exact", "box_accuracy", "ciou", "caption_exact"):
        assert found[name] == 1, name
    assert found["map_detection"] == pytest.approx(1)
    assert found["num_words_inside"] > 10


def test_who_points_at_the_corner_is_wrong(tmp_path):
    def corner(sample):
        moved = []
        for one in told(sample):
            words = tuple(replace(word, point=(0.0, 0.0)) for word in one.words)
            moved.append(
                Prediction(
                    "nothing", tuple(replace(t, box=(0, 0, 1, 1), rle=None) for t in one.targets), words
                )
            )
        return moved

    found = figures(corner, tmp_path)
    sample = BENCHMARK.sample(BENCHMARK.names()[0])
    (turn,) = [turn for turn in sample.turns if turn.type == READ]
    own = np.mean([np.hypot(*word.point) for word in turn.points]) / 256
    assert 0.2 < own < 1.3
    assert 0.2 < found["word_distance"] < 1.3
    for name in ("words_inside", "region_exact", "box_accuracy", "ciou", "caption_exact"):
        assert found[name] == 0, name
    assert found["map_detection"] == 0


def test_kinds_that_are_not_there_have_no_right_place():
    sample = BENCHMARK.sample(BENCHMARK.names()[0])
    there = {entry.category for entry in sample.record.objects}
    absent = sorted(BENCHMARK.kinds - there)[0]
    said = Prediction(f"a {absent}", words=(PointedWord(absent, (2, 2 + len(absent)), (10.0, 10.0)),))
    predictions = [EMPTY, said, *[EMPTY] * (len(sample.turns) - 2)]
    assert BENCHMARK.score(sample, predictions)["ratios"][""]["own_words_inside"] == [0, 1]


def test_a_family_without_a_proposal_head_has_no_figures_of_it(tmp_path):
    found = figures(lambda sample: told(sample)[: len(sample.turns)], tmp_path)
    assert "map_detection" not in found
    assert found["region_exact"] == 1


def test_a_model_is_asked(tmp_path):
    model = tiny_pixelllm(text="bert", max_text_length=24, max_context_length=12)
    predictor = PixelLLMPredictor(model, tiny_text(model.config), name="tiny")
    predictor.text = replace(predictor.text, length=24, context_length=12)
    benchmark = open_benchmark(get_benchmark("scenes-words"), Setup(num=1, options={"captions": "none"}))
    sample = benchmark.sample(benchmark.names()[0])
    (said,) = benchmark.predict(predictor, [sample], 8)
    assert len(said) >= len(sample.turns)
    row = benchmark.score(sample, said)
    assert len(row["located"]) == sum(turn.type == LOCATE for turn in sample.turns)
    assert row["ratios"][""]["word_distance"][1] > 0
