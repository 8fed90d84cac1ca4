"""What every composition promises, whatever its mask tokens, fusion or heads."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import segue
from segue.predictor import Predictor
from tests.modeling.speaking import LEARNED, assert_same, picture, train_speaker
from tests.modeling.tiny import tiny_model

# Name of the composition, and how it differs from the tiny configuration.
COMPOSITIONS: dict[str, dict[str, Any]] = {
    # segue/mini: a codebook of 2 scales x 2 tokens, rejection, phrase marks, everything learned
    "mini": {},
    # one token for a target, one scale, as LISA and GSVA have it
    "1x1": {
        "mask_token_config": {"scales": 1, "tokens_per_scale": 1},
        "vision_config": {"feature_layers": (2,)},
    },
    # PixelLM as released: 2 x 3, constant weights, no rejection, no marks
    "2x3 released": {
        "mask_token_config": {"tokens_per_scale": 3, "reject": False, "phrase_marks": False},
        "decoder_config": {"fusion": "constant", "scale_weights": "constant"},
    },
    # three scales; rejection without marks
    "3x1": {
        "mask_token_config": {"scales": 3, "tokens_per_scale": 1, "phrase_marks": False},
        "vision_config": {"feature_layers": (3, 2, 1), "num_layers": 3},
        "decoder_config": {"scale_weights": "constant"},
    },
    # another language model: grouped keys, a head of its own; two corners for a word
    "two corners": {
        "text_config": {"num_key_value_heads": 2, "tie_word_embeddings": False},
        "points_per_word": 2,
    },
}


@pytest.fixture(scope="module", params=COMPOSITIONS)
def speaker(request) -> Predictor:
    return train_speaker(**COMPOSITIONS[request.param])


@pytest.fixture(scope="module")
def saved(speaker, tmp_path_factory):
    folder = tmp_path_factory.mktemp("speaker")
    speaker.model.save_pretrained(folder)
    speaker.processor.save_pretrained(folder)
    return folder


QUESTIONS = [row[0] for row in LEARNED if not row[4]]


def test_answers_hold_the_targets_that_were_learned(speaker):
    can_reject = speaker.processor.vocabulary.reject is not None
    for question, text, present, absent, is_region in LEARNED:
        box = (0, 0, 9, 8) if is_region else None
        answer = speaker.ask(picture(3), question, region=box)
        assert answer.text == text
        assert [s.phrase for s in answer.segments if not s.rejected] == present
        assert [s.phrase for s in answer.segments if s.rejected] == absent * can_reject
        assert all(s.mask.shape == (40, 48) for s in answer.segments if not s.rejected)
        assert answer.notes == ()


def test_saved_and_loaded_answers_are_the_same(speaker, saved):
    again = segue.load(saved)
    for question in QUESTIONS:
        mine, other = again.ask(picture(3), question), speaker.ask(picture(3), question)
        assert (mine.text, mine.segments, mine.words) == (other.text, other.segments, other.words)


def test_a_batch_equals_its_rows(speaker):
    pictures = [picture(1), picture(2, width=70, height=33)]
    pairs = [(pictures[i % 2], question) for i, question in enumerate(QUESTIONS)]
    for pair, answer in zip(pairs, speaker.ask_batch(pairs), strict=True):
        assert_same(answer, speaker.ask(*pair))


@torch.no_grad()
def test_pictures_of_a_batch_do_not_see_each_other(speaker):
    pixels = torch.randint(0, 256, (3, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    together = speaker.model.encode_images(pixels)
    for number in range(3):
        alone = speaker.model.encode_images(pixels[number : number + 1])
        mine = together[number]
        torch.testing.assert_close(mine.tokens, alone.tokens, atol=1e-5, rtol=1e-4)
        for a, b in zip(mine.maps, alone.maps, strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_cached_equals_uncached(speaker):
    """Teacher forcing over the whole sequence, without a cache, sees what generation saw."""
    for question in QUESTIONS[:-1]:
        answer = speaker.ask(picture(4), question)
        score = speaker.score(picture(4), question, answer)
        masks = [segment.mask for segment in answer.segments if not segment.rejected]
        assert len(masks) == len(score.mask_logits)
        for mask, logits in zip(masks, score.mask_logits.numpy(), strict=True):
            assert ((logits > 0) != mask).sum() <= 2
        start = len(speaker.processor.prefix_ids) + len(speaker.processor.question_ids(question))
        chosen = score.logits[0, start - 1 : -1].argmax(-1)
        forced = set(speaker.processor.vocabulary.group[1:])
        given = score.input_ids[0, start:].tolist()
        assert all(a == b for a, b in zip(given, chosen.tolist(), strict=True) if a not in forced)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_answers(saved, dtype):
    half = segue.load(saved, dtype=dtype)
    for question, text, *_ in LEARNED[:3]:
        answer = half.ask(picture(3), question)
        assert answer.text == text
        assert all(0 <= segment.score <= 1 for segment in answer.segments)
    assert half.caption(picture(3), box=(0, 0, 9, 8)).text == "The dog."


def test_the_gradient_reaches_everything(speaker):
    model, processor = speaker.model, speaker.processor
    size = len(processor.vocabulary.group)
    ids = processor.prefix_ids + processor.question_ids("dog?", has_region=True)
    pixels = torch.randint(0, 256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    features = model.encode_images(pixels)
    box = torch.tensor([[0.1, 0.1, 0.6, 0.7]])
    states = model(torch.tensor([ids]), image_tokens=features.tokens, regions=box)
    masks = model.decode_masks(features, torch.tensor([0]), states[:, -size:])
    loss = masks.square().mean() + model.lm_head(states).square().mean()
    (loss + model.point_head(states).square().mean()).backward()
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().any()}
    finite = all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    model.zero_grad()
    unreached = {name for name, _ in model.named_parameters()} - reached
    # A bias of the keys moves all scores alike, so its gradient is nothing but rounding.
    unreached = {name for name in unreached if not name.endswith("k_proj.bias")}
    if model.config.mask_token_config.scales == 1:  # nothing to weigh, nothing finer to join
        alone = ("pixel_decoder.scale_logits", "pixel_decoder.fine_neck", "pixel_decoder.upsample")
        unreached = {name for name in unreached if not name.startswith(alone)}
    assert unreached == set()
    assert finite


def test_rejections_have_no_pixels(speaker):
    if speaker.processor.vocabulary.reject is None:
        pytest.skip("this composition cannot reject")
    (segment,) = speaker.ask(picture(), "Is there a cat?").segments
    assert segment.rejected
    assert (segment.mask, segment.box, segment.bbox, segment.area) == (None, None, None, 0)
    assert segment.score > 0.5


def test_an_empty_answer(speaker):
    answer = speaker.ask(picture(), "Silence")
    assert (answer.text, answer.segments, answer.words) == ("", (), ())


def test_the_region_matters(speaker):
    """Other boxes, other states, and only where a question is about a box."""
    one = speaker.processor.question_ids("Describe this region.", has_region=True)
    ids = torch.tensor([speaker.processor.prefix_ids + one])
    tokens = speaker.encode(picture()).features.tokens
    with torch.no_grad():
        left, right = (
            speaker.model(ids, image_tokens=tokens, regions=torch.tensor([box]))
            for box in ([0.0, 0.0, 0.2, 0.2], [0.5, 0.5, 1.0, 1.0])
        )
    assert not torch.allclose(left[:, -1], right[:, -1], atol=1e-4)
    with pytest.raises(ValueError, match="1 placeholders for regions, but 0"):
        speaker.model(ids, image_tokens=tokens)


@pytest.mark.parametrize("name", COMPOSITIONS)
@torch.no_grad()
def test_masks_follow_the_picture_and_the_words(name):
    model, processor = tiny_model(**COMPOSITIONS[name])
    features = model.encode_images(torch.stack([torch.zeros(3, 32, 32), torch.full((3, 32, 32), 255.0)]))
    words = torch.randn(2, len(processor.vocabulary.group), 32, generator=torch.Generator().manual_seed(0))
    first, other_picture, other_words = model.decode_masks(
        features, torch.tensor([0, 1, 0]), words[[0, 0, 1]]
    )
    assert (first - other_picture).abs().max() > 0.01
    assert (first - other_words).abs().max() > 0.01
