"""The state that chooses the next word looks at the picture: nothing is added at first, then what it is about
is counted, and that is the same with and without a cache."""

from __future__ import annotations

import math

import pytest
import torch

from segue.data.native import Phrase, Record, Turn
from segue.evaluation.forced import read_answers
from segue.evaluation.runner import Sample
from segue.modeling.generation import compute_prefix, generate
from segue.modeling.standing_things import EACH, MAP_SIDE, MOST
from segue.modeling.thing_reader import ThingReader, read_things, reading
from segue.modeling.word_lookup import GAIN, embed_text
from segue.predictor import Predictor
from segue.processing import ANSWER_ID
from tests.modeling.tiny import tiny_model


def reading_model():
    """A tiny model whose reader has something to say, and its processor."""
    model, processor = tiny_model(thing_reader=True)
    torch.manual_seed(1)
    torch.nn.init.normal_(model.thing_reader.told[-1].weight)
    torch.nn.init.constant_(model.thing_reader.density.bias, 1.0)
    torch.nn.init.zeros_(model.thing_reader.threshold)
    return model.eval(), processor


def test_a_new_reader_changes_no_word():
    model, _ = tiny_model(thing_reader=True, scale=1.0)
    model = type(model)(model.config)
    states, seen = torch.randn(2, 3, 32), torch.randn(2, 4, 32)
    assert torch.equal(read_things(model, states, seen), states)
    assert model.thing_reader.things(states, seen).max() < 0.02  # nothing is meant yet


def test_a_model_without_one_reads_nothing():
    model, _ = tiny_model()
    states = torch.randn(1, 3, 32)
    assert read_things(model, states, torch.randn(1, 4, 32)) is states
    assert reading(model, [torch.randn(1, 4, 32)]) is None


@torch.no_grad()
def test_it_counts_what_the_state_is_about():
    reader = ThingReader(8, inner=8)
    for layer in (reader.query, reader.key):
        layer.weight.copy_(torch.eye(8) * 10)
        layer.bias.zero_()
    reader.position_key.weight.zero_()
    reader.density.weight.zero_()
    reader.density.bias.fill_(math.log(math.e - 1))  # one thing a cell
    seen = torch.eye(8)[None, [0, 1, 5, 0]]  # a grid of 2 x 2
    states = torch.eye(8)[None, [0, 1, 7]]
    things = reader.things(states, seen)
    expected = torch.tensor([[1.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
    assert torch.allclose(things[0], expected, atol=1e-2)

    heard: list[torch.Tensor] = []
    reader.told.register_forward_pre_hook(lambda module, inputs: heard.append(inputs[0]))
    reader(states, seen)
    found, counts, places, order = heard[0][0].split([8, MOST + 1, MAP_SIDE**2, MOST * EACH], dim=-1)
    assert found[0].argmax() == 0
    assert found[1].argmax() == 1
    assert (counts / GAIN).argmax(dim=-1).tolist() == [2, 1, 0]
    assert places.sum(dim=-1) / GAIN == pytest.approx([2, 1, 0], abs=0.05)
    first, second = order[0].unflatten(0, (MOST, EACH))[:2] / GAIN
    assert first[:3] == pytest.approx([1, -0.5, -0.5], abs=0.05)  # how much, and its x and y
    assert second[:3] == pytest.approx([1, 0.5, 0.5], abs=0.05)


@torch.no_grad()
def test_a_state_can_mean_a_place():
    reader = ThingReader(16)
    reader.density.bias.fill_(1.0)
    same = torch.ones(1, 4, 16)  # every cell looks alike
    things = reader.things(torch.randn(1, 1, 16), same)[0, 0]
    assert len(set(things.tolist())) == 4


@torch.no_grad()
def test_what_is_said_is_what_one_pass_would_say_of_the_same_picture():
    model, processor = reading_model()
    features = model.encode_images(torch.randint(0, 256, (2, 3, 32, 32)))
    prefix = torch.tensor([processor.prefix_ids] * 2)
    cached = compute_prefix(model.language_model, model.embed(prefix, features.tokens))
    tokens = [features[number].tokens for number in range(2)]
    question = [*range(20, 25), ANSWER_ID]
    order = [1, 0]  # the pictures of the rows
    answers = generate(
        model.language_model,
        cached,
        [embed_text(model, question, image_tokens=tokens[picture]) for picture in order],
        image_index=order,
        stop_id=processor.stop_id,
        max_new_tokens=8,
        read=reading(model, tokens),
    )
    for answer, picture in zip(answers, order, strict=True):
        ids = torch.tensor([[*processor.prefix_ids, *question, *answer.ids]])
        states = model(ids, tokens[picture])[:, prefix.shape[1] + 5 : -1]
        told = model.lm_head(read_things(model, states, tokens[picture]))[0].argmax(dim=-1)
        assert told.tolist() == answer.ids
        blind = model.lm_head(states)[0].argmax(dim=-1)
        assert blind.tolist() != answer.ids  # what was read counts
        torch.testing.assert_close(answer.states[:-1], states[0], atol=1e-4, rtol=0)  # and is not kept


def test_the_score_of_an_answer_reads_too():
    model, processor = reading_model()
    predictor = Predictor(model, processor, name="tiny")
    picture = torch.randint(0, 256, (32, 32, 3), dtype=torch.uint8).numpy()
    answer = predictor.ask(picture, "Where is the dog?", max_new_tokens=6)
    told = predictor.score(picture, "Where is the dog?", answer.text or "x").logits
    reader, model.thing_reader = model.thing_reader, None
    blind = predictor.score(picture, "Where is the dog?", answer.text or "x").logits
    model.thing_reader = reader
    assert not torch.allclose(told, blind)


@torch.no_grad()
@pytest.mark.parametrize("rejects", [True, False])
def test_what_is_read_decides_on_targets_of_given_answers(rejects: bool):
    model, processor = tiny_model(thing_reader=True)
    vocabulary = processor.vocabulary
    favoured = vocabulary.reject if rejects else vocabulary.group[0]
    table = model.language_model.get_input_embeddings().weight
    torch.nn.init.zeros_(model.thing_reader.told[-1].weight)
    model.thing_reader.told[-1].bias.copy_(table[favoured] * 1e4)
    turn = Turn(question="A dog?", answer="The dog.", phrases=[Phrase(span=(4, 7), ids=[1])])
    record = Record(image="a.png", width=32, height=32, objects=[], dialogue=[])
    sample = Sample("a", torch.zeros(32, 32, 3, dtype=torch.uint8).numpy(), record, [turn])
    ((prediction,),) = read_answers(Predictor(model, processor, name="tiny"), [sample], 1)
    assert [target.rejected for target in prediction.targets] == [rejects]
