"""Another threshold without another pass: the same masks as the whole path would give there."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segue.errors import QuestionError
from segue.pixelllm_predictor import PixelLLMPredictor
from segue.query import Query
from tests.modeling.speaking import picture, speaking_predictor
from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_text

QUESTION = "Where are the mug and the spoon?"


@pytest.fixture(scope="module")
def reply():
    (reply,) = speaking_predictor().reply([Query(picture(), QUESTION)])
    return reply


def test_thresholds_cut_the_logits_of_the_same_pass(reply):
    soft, answer = reply.soft.kept(), reply.answer
    assert soft.logits.dtype == torch.half
    assert soft.at(answer, 0.5) is answer
    full = reply.soft.geometry.masks_to_original(reply.soft.logits).sigmoid().numpy()
    for threshold in (0.2, 0.8):
        cut = soft.at(answer, threshold)
        assert cut.text == answer.text
        assert [s.rejected for s in cut.segments] == [False, False, True]
        assert cut.segments[2] == answer.segments[2]
        for probability, segment in zip(full, cut.segments, strict=False):
            expected = probability > threshold
            assert (segment.mask != expected).mean() < 0.005  # half precision, at the very edge
            assert segment.score == pytest.approx(probability[expected].mean(), abs=0.01)
    areas = [[s.area for s in soft.at(answer, t).segments] for t in (0.2, 0.5, 0.8)]
    assert areas[0][0] > areas[1][0] > areas[2][0]


def test_a_threshold_lies_between_0_and_1(reply):
    for threshold in (0, 1, float("nan")):
        with pytest.raises(QuestionError, match="between 0 and 1"):
            reply.soft.at(reply.answer, threshold)


def test_levels_are_probabilities_at_the_size_of_a_preview(reply):
    whole = reply.soft.levels(max_side=1000)
    assert whole.shape == (2, 40, 48)
    assert whole.dtype == np.uint8
    for levels, segment in zip(whole, reply.answer.segments, strict=False):
        assert ((levels >= 128) == segment.mask).all()
    assert reply.soft.levels(max_side=24).shape == (2, 20, 24)


def test_what_is_kept_is_no_part_of_a_batch(reply):
    queries = [Query(picture(seed), QUESTION) for seed in range(3)]
    replies = speaking_predictor().reply(queries)
    kept = replies[1].soft.kept()
    assert kept.logits.untyped_storage().nbytes() == kept.num_bytes
    (alone,) = speaking_predictor().reply(queries[1:2])
    assert torch.allclose(kept.logits.float(), alone.soft.logits, atol=0.02)


def test_answers_without_masks_have_none():
    replies = speaking_predictor().reply(
        [Query(picture(), "How many?"), Query(picture(), "Where is the red mug?")]
    )
    assert replies[0].soft is None
    assert len(replies[1].soft.logits) == 1


def test_a_located_expression_has_them_too():
    network = tiny_pixelllm()
    model = PixelLLMPredictor(network, tiny_text(network.config), name="tiny")
    answer, soft = model.locate_soft(picture(), "dog")
    assert answer == model.locate(picture(), "dog")
    shown = soft.levels(max_side=1000)[0] >= 128
    assert (shown != answer.segments[0].mask).mean() < 0.01
