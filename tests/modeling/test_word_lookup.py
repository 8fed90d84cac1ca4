"""Words looked up in a picture: nothing is added at first, what is found is the likeliest place, and that is
the same with and without a cache."""

from __future__ import annotations

import math

import pytest
import torch

from segue.modeling.generation import compute_prefix, generate, read_given
from segue.modeling.standing_things import MAP_SIDE, MOST
from segue.modeling.word_lookup import (
    EACH,
    FACTS,
    GAIN,
    WordLookup,
    embed_said,
    embed_text,
    times_said,
)
from segue.processing import ANSWER_ID
from tests.modeling.tiny import tiny_model


def looking_model():
    """A tiny model whose lookup has something to say and sees several of everything, and its processor."""
    model, processor = tiny_model(word_lookup=True)
    torch.manual_seed(1)
    torch.nn.init.normal_(model.word_lookup.layers[-1].weight)
    torch.nn.init.zeros_(model.word_lookup.density.weight)
    torch.nn.init.constant_(model.word_lookup.density.bias, 2.0)
    torch.nn.init.constant_(model.word_lookup.match_threshold, -1.0)
    return model.eval(), processor


def test_a_new_lookup_adds_nothing():
    model, _ = tiny_model(word_lookup=True, scale=1.0)
    fresh = type(model)(model.config)
    words, seen = torch.randn(2, 3, 32), torch.randn(2, 4, 32)
    assert fresh.word_lookup(words, seen, torch.zeros(2, 3, dtype=torch.long)).abs().max() == 0


@torch.no_grad()
def test_it_counts_the_things_that_are_like_the_word():
    lookup = WordLookup(8)
    lookup.log_match_scale.fill_(math.log(40.0))
    lookup.match_threshold.fill_(0.5)
    lookup.density.weight.zero_()
    lookup.density.weight[0, :2] = 1.0  # whatever looks like the first two kinds is a thing
    lookup.density.bias.fill_(math.log(math.e - 1) - 8**0.5)  # one thing a cell
    seen = torch.eye(8)[None, [0, 1, 5, 0]]  # a grid of 2 x 2; the third cell is ground
    words = torch.eye(8)[None, [0, 1, 7]] * 3
    things = lookup.things(words, seen)
    expected = torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
    assert torch.allclose(things[0], expected, atol=1e-2)

    heard: list[torch.Tensor] = []
    lookup.layers.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    lookup(words, seen, torch.tensor([[1, 0, 9]]))
    counts, places, order, due = heard[0][0, :, 8 + FACTS :].split(
        [MOST + 1, MAP_SIDE**2, MOST * EACH, EACH], dim=-1
    )
    assert (counts / GAIN).argmax(dim=-1).tolist() == [2, 1, 0]
    assert torch.allclose(places.sum(dim=-1) / GAIN, torch.tensor([2.0, 1, 0]), atol=0.05)
    assert places[1].unflatten(0, (MAP_SIDE, MAP_SIDE))[0, -1] > 0.05 > places[1, 0]  # top right
    first, second = order[0].unflatten(0, (MOST, -1))[:2] / GAIN
    assert torch.allclose(first[:3], torch.tensor([1.0, -0.5, -0.5]), atol=0.05)  # how much, and its x and y
    assert torch.allclose(second[:3], torch.tensor([1.0, 0.5, 0.5]), atol=0.05)
    assert torch.equal(due[0] / GAIN, second)  # the answer has said this word once
    assert torch.equal(due[1], order[1, :EACH])
    assert not due[2].any()
    columns, rows = first[3:].split(MAP_SIDE)
    for axis in (columns, rows):
        assert axis[: MAP_SIDE // 2].sum().item() == pytest.approx(1.0, abs=0.05)
        assert axis[MAP_SIDE // 2 :].sum().item() == pytest.approx(0.0, abs=0.05)


def test_words_are_counted_within_their_own_answer():
    ask, say = 5, 6
    #               a question,        its answer,      another, its answer
    ids = torch.tensor([[9, ask, 20, 20, say, 20, 21, 20, 20, ask, 20, say, 20, 21]])
    segments = torch.tensor([[0, *[1] * 8, *[2] * 5]])
    assert times_said(ids, say, segments).tolist() == [[*[0] * 7, 1, 2, 0, 0, 0, 0, 0]]
    assert times_said(ids[:, :9], say).tolist() == [[*[0] * 7, 1, 2]]


@torch.no_grad()
def test_behind_a_cached_picture_it_is_as_in_one_pass():
    model, processor = looking_model()
    features = model.encode_images(torch.randint(0, 256, (1, 3, 32, 32)))
    prefix = torch.tensor([processor.prefix_ids])
    text = [*range(20, 26), ANSWER_ID, *range(20, 26), *range(20, 26)]  # says every word twice
    whole = model(torch.tensor([processor.prefix_ids + text]), features.tokens)[0, prefix.shape[1] :]

    cached = compute_prefix(model.language_model, model.embed(prefix, features.tokens))
    embedded = embed_text(model, text, image_tokens=features.tokens)
    (states,) = read_given(model.language_model, cached, [embedded], image_index=[0])
    assert torch.allclose(states, whole, atol=1e-4)
    # It counts: words that are not looked up are another text.
    plain = model.embed(torch.tensor([text]))[0]
    (blind,) = read_given(model.language_model, cached, [plain], image_index=[0])
    assert not torch.allclose(blind, whole, atol=1e-2)


@torch.no_grad()
def test_what_is_said_is_looked_up_in_its_own_picture():
    model, processor = looking_model()
    features = model.encode_images(torch.randint(0, 256, (2, 3, 32, 32)))
    prefix = torch.tensor([processor.prefix_ids] * 2)
    cached = compute_prefix(model.language_model, model.embed(prefix, features.tokens))
    tokens = [features[number].tokens for number in range(2)]
    prompts = [embed_text(model, [*range(20, 25), ANSWER_ID], image_tokens=own) for own in tokens]
    order = [1, 0]  # the pictures of the rows
    answers = generate(
        model.language_model,
        cached,
        [prompts[picture] for picture in order],
        image_index=order,
        stop_id=processor.stop_id,
        max_new_tokens=[3, 8],
        embed=embed_said(model, tokens),
    )
    for answer, picture in zip(answers, order, strict=True):
        given = embed_text(model, [*range(20, 25), ANSWER_ID, *answer.ids], image_tokens=tokens[picture])
        (states,) = read_given(model.language_model, cached[picture], [given], image_index=[0])
        assert torch.allclose(answer.states, states[5 : 5 + len(answer.states)], atol=1e-4)
        assert len(answer.ids) > 1
        assert len(set(answer.ids)) < len(answer.ids)  # what is said again is counted


@torch.no_grad()
def test_words_of_one_step_are_counted_in_their_order():
    model, _ = looking_model()
    tokens = model.encode_images(torch.randint(0, 256, (1, 3, 32, 32))).tokens
    whole = embed_text(model, [ANSWER_ID, 20, 20, 21, 20], image_tokens=tokens)
    said = embed_said(model, [tokens])
    assert said is not None
    step = said(torch.tensor([[20, 21, 20]]), torch.tensor([0]), [[20]])
    assert torch.allclose(step[0], whole[2:], atol=1e-5)


def test_it_finds_where_the_picture_looks_like_the_word():
    lookup = WordLookup(8)
    with torch.no_grad():
        lookup.log_scale.fill_(math.log(4.0))  # a blunt one; the place is sharp all the same
    heard: list[torch.Tensor] = []
    lookup.layers.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    seen = torch.eye(8)[None, :4]  # a grid of 2 x 2, each cell of its own kind
    words = torch.stack([torch.eye(8)[1], torch.eye(8)[7]])[None] * 3
    lookup(words, seen, torch.zeros(words.shape[:2], dtype=torch.long))
    found, facts = heard[0][0, :, :8], heard[0][0, :, 8 : 8 + FACTS]
    assert found[0].argmax() == 1
    best, _, sharpness, x, y = facts[0].tolist()
    assert best == pytest.approx(4.0)
    assert sharpness > 0.9 * GAIN
    assert (x, y) == pytest.approx((0.5 * GAIN, -0.5 * GAIN), abs=0.01)  # top right
    best, _, sharpness, x, y = facts[1].tolist()  # nothing is like it: everywhere and nowhere
    assert (best, sharpness, x, y) == pytest.approx((0, GAIN / 4, 0, 0), abs=1e-5)
