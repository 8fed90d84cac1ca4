"""Which thing each target of an answer is left with: no two the same, whatever each looks at by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segue.data.native import Record
from segue.evaluation.forced import read_answers
from segue.evaluation.runner import Sample
from segue.grounding import _whole_answers
from segue.modeling.configuration import GroundedConfig
from segue.modeling.grounded import GroundedModel
from segue.modeling.thing_claims import ThingClaims, likeness, share_out, spread
from tests.modeling.speaking import LEARNED, assert_same, learned_turn, picture, train_speaker
from tests.modeling.tiny import tiny_config, tiny_model

WIDTH, FINE = 32, 16
TOGETHER = torch.zeros(2, dtype=torch.long)


def claims(**changes) -> ThingClaims:
    torch.manual_seed(0)
    return ThingClaims(WIDTH, FINE, **changes)


def two_things(own: ThingClaims) -> torch.Tensor:
    """(1, 16, E) votes of a 4 x 4 grid whose upper half is one thing and whose lower half is another."""
    votes = torch.zeros(1, 16, 8)
    votes[0, :8, 1], votes[0, 8:, 1] = -0.5, 0.5
    return votes * own.log_scale.exp()


# -- sharing out -------------------------------------------------------------------


def test_who_wants_a_thing_more_has_it_and_the_other_what_is_left():
    size = torch.ones(2, 2)
    wanted = torch.tensor([[0.6, 0.4], [0.9, 0.1]]) ** 3
    shared = share_out(wanted, size, TOGETHER)
    assert shared.argmax(dim=1).tolist() == [1, 0]  # though both look more at the first
    torch.testing.assert_close(shared.sum(dim=1), torch.ones(2))
    assert (shared.sum(dim=0) < 1.05).all()


def test_three_that_look_alike_have_one_each():
    look = torch.tensor([[0.50, 0.30, 0.20], [0.45, 0.35, 0.20], [0.40, 0.30, 0.30]])
    shared = share_out(look**6, torch.ones(3, 3), torch.zeros(3, dtype=torch.long))
    assert shared.argmax(dim=1).tolist() == [0, 1, 2]
    assert look.argmax(dim=1).tolist() == [0, 0, 0]


def test_a_thing_counts_once_however_many_cells_show_it():
    # Four cells show the first thing, one the second.
    wanted = torch.tensor([[0.5, 0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5, 0.1]])
    size = torch.tensor([[4.0, 4, 4, 4, 1]]).expand(2, -1)
    shared = share_out(wanted**3, size, TOGETHER)
    assert shared[0, 4] > 0.9
    assert (shared[1, :4] > 0.9).all()


def test_answers_do_not_take_from_each_other():
    wanted = torch.tensor([[0.6, 0.4], [0.9, 0.1]]) ** 3
    size = torch.ones(2, 2)
    apart = share_out(wanted, size, torch.arange(2))
    assert apart.argmax(dim=1).tolist() == [0, 0]
    for k in range(2):
        alone = share_out(wanted[k : k + 1], size[:1], torch.zeros(1, dtype=torch.long))
        torch.testing.assert_close(apart[k], alone[0])


def test_more_targets_than_things_are_all_heard():
    shared = share_out(torch.full((3, 2), 0.5), torch.ones(3, 2), torch.zeros(3, dtype=torch.long))
    torch.testing.assert_close(shared, torch.full((3, 2), 0.5))


# -- cells and things --------------------------------------------------------------


@torch.no_grad()
def test_at_first_every_cell_is_a_thing_of_its_own():
    coarse, fine = claims().votes(torch.randn(1, 16, WIDTH), torch.randn(1, FINE, 8, 8))
    assert (coarse.shape, fine.shape) == ((1, 16, 8), (1, 64, 8))
    same = likeness(coarse, coarse)[0]
    torch.testing.assert_close(same.diagonal(), torch.ones(16), atol=1e-4, rtol=0)
    assert (same - torch.eye(16)).abs().max() < 0.01
    # A fine cell's neighbour among the coarse ones is the one that it lies in.
    near = likeness(coarse, fine)[0].argmax(dim=0).view(8, 8)
    assert near.tolist() == [[4 * (y // 2) + x // 2 for x in range(8)] for y in range(8)]


def test_likeness_falls_with_distance_and_never_to_nothing():
    votes = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [30.0, 40.0]]])
    row = likeness(votes, votes)[0, 0]
    assert row.tolist() == pytest.approx([1.0, 1.25**-4, (1 + 2500 / 4) ** -4])
    assert row[2] > 0


@torch.no_grad()
def test_what_is_looked_at_is_spread_over_its_picture_alone():
    same = torch.stack([torch.eye(4), torch.ones(4, 4)])
    shares = torch.tensor([[0.7, 0.3, 0, 0]] * 2)
    spread_out = spread(shares, same, torch.tensor([0, 1]))
    torch.testing.assert_close(spread_out, torch.tensor([[0.7, 0.3, 0, 0], [1.0] * 4]))


@torch.no_grad()
def test_two_targets_with_nearly_equal_looks_have_a_thing_each():
    own = claims()
    scores = torch.zeros(2, 16)
    scores[:, :8] = 1.0  # both look at the upper thing more,
    scores[0, :8] += 0.5  # the first a little more than the second
    coarse, index = two_things(own), torch.zeros(2, dtype=torch.long)
    looks = own(scores, index, TOGETHER, coarse)
    torch.testing.assert_close(looks.sum(dim=1), torch.ones(2))
    upper = looks[:, :8].sum(dim=1)
    assert upper[0] > 0.6
    assert upper[1] < 0.4
    alone = own(scores, index, torch.arange(2), coarse)[:, :8].sum(dim=1)
    assert (alone > 0.85).all()


@torch.no_grad()
def test_where_nothing_was_looked_at_something_can_still_be_left():
    own = claims()
    scores = torch.zeros(2, 16)
    scores[:, :8] = 60.0  # neither sees the lower thing at all
    scores[0, :8] += 1.0
    looks = own(scores, torch.zeros(2, dtype=torch.long), TOGETHER, two_things(own))
    assert torch.isfinite(looks).all()


def test_reader_and_votes_learn_through_the_claims():
    own = claims()
    scores = torch.randn(2, 16, requires_grad=True)
    for layer in (own.coarse_vote, own.fine_vote):
        torch.nn.init.normal_(layer.weight, std=0.1)
    coarse, _ = own.votes(torch.randn(1, 16, WIDTH), torch.randn(1, FINE, 8, 8))
    looks = own(scores, torch.zeros(2, dtype=torch.long), TOGETHER, coarse)
    looks[0, 3].log().backward()
    for learned in (scores, own.coarse.weight, own.coarse_vote.weight, own.log_scale, own.log_power):
        assert learned.grad is not None
        assert torch.isfinite(learned.grad).all()
        assert learned.grad.abs().sum() > 0


# -- in the model ------------------------------------------------------------------


def test_new_claims_change_no_mask():
    model, _ = tiny_model(mask_reader=True, thing_claims=True)
    torch.manual_seed(1)
    with torch.no_grad():
        features = model.encode_images(torch.rand(2, 3, 64, 64) * 255)
        index, states = torch.tensor([0, 1, 1]), torch.randn(3, 4, WIDTH)
        told = model.decode_masks(features, index, states, torch.tensor([0, 1, 1]))
        assert not any(layer.weight.any() or layer.bias.any() for layer in model.pixel_decoder.claim)
        model.pixel_decoder.claim = model.thing_claims = None
        assert torch.equal(told, model.decode_masks(features, index, states))


def test_claims_need_something_to_look_with():
    with pytest.raises(ValueError, match="mask_reader"):
        GroundedModel(tiny_config(thing_claims=True))


def test_a_saved_model_keeps_them(tmp_path):
    model, _ = tiny_model(mask_reader=True, thing_claims=True)
    model.save_pretrained(tmp_path)
    assert GroundedConfig.from_pretrained(tmp_path).thing_claims
    again = GroundedModel.from_pretrained(tmp_path)
    for name, value in model.thing_claims.state_dict().items():
        assert torch.equal(again.thing_claims.state_dict()[name], value)


@torch.no_grad()
def test_the_mask_follows_what_is_claimed():
    model, _ = tiny_model(mask_reader=True, thing_claims=True, scale=1.0)
    torch.manual_seed(1)
    features = model.encode_images(torch.rand(1, 3, 64, 64) * 255)
    index, states = torch.zeros(2, dtype=torch.long), torch.randn(2, 4, WIDTH)
    for layer in model.pixel_decoder.claim:
        layer.weight.normal_(std=3.0)
    scores = torch.zeros(2, 16)
    scores[:, 5], scores[0, 6] = 3.0, 2.0  # both want cell 5, the first could do with 6

    def masks(answers: torch.Tensor | None, some: slice = slice(None)) -> torch.Tensor:
        claims = model.claims(features, index[some], scores[some], answers)
        tokens = model.mask_tokens_from_states(states[some])
        return model.decode_tokens(features, index[some], tokens, scores[some], claims)

    together, apart = masks(TOGETHER), masks(None)
    assert (together - apart).abs().amax(dim=(1, 2)).min() > 1e-3
    # By itself each is what it would be in a batch of one.
    for k in range(2):
        torch.testing.assert_close(masks(None, slice(k, k + 1))[0], apart[k], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_words_of_a_phrase_look_where_its_target_does():
    model, _ = tiny_model(mask_reader=True, place_reader=True, thing_claims=True)
    tokens, states = torch.randn(1, 16, WIDTH), torch.randn(3, WIDTH)
    index = torch.zeros(3, dtype=torch.long)
    claimed = torch.eye(16)[[5, 10]]
    own = model.word_looks(states, tokens, index)
    looks = model.word_looks(states, tokens, index, claimed, torch.tensor([1, -1, 0]))
    assert torch.equal(looks[[0, 2]], claimed[[1, 0]])
    assert torch.equal(looks[1], own[1])
    torch.nn.init.normal_(model.place_reader.told.weight)
    points = model.word_points(states, tokens, index, looks)
    by_itself = model.word_points(states, tokens, index)
    assert torch.equal(points[1], by_itself[1])
    assert not torch.allclose(points[0], by_itself[0])


def test_a_batch_equals_one_by_one_with_claims(monkeypatch):
    predictor = train_speaker(mask_reader=True, place_reader=True, thing_claims=True)
    with torch.no_grad():
        for layer in (*predictor.model.pixel_decoder.claim, predictor.model.place_reader.told):
            layer.weight.normal_(std=0.5)
    pairs = [
        (picture(seed), q) for seed in range(2) for q in ("Where are the mug and the spoon?", "How many?")
    ]
    monkeypatch.setattr("segue.grounding.MOST_TARGETS", 3)
    answers = predictor.ask_batch(pairs)
    assert sum(len(answer.segments) for answer in answers) >= 4
    for (image, question), answer in zip(pairs, answers, strict=True):
        assert_same(answer, predictor.ask(image, question))


def test_whoever_decodes_says_which_targets_are_of_one_answer(monkeypatch):
    predictor = train_speaker(mask_reader=True, place_reader=True, thing_claims=True)
    question = "Where are the mug and the spoon?"
    (learned,) = (row for row in LEARNED if row[0] == question)
    turn, heard = learned_turn(*learned), []
    claims = predictor.model.claims

    def overheard(features, index, scores, answers=None):
        heard.append(None if answers is None else answers.tolist())
        return claims(features, index, scores, answers)

    monkeypatch.setattr(predictor.model, "claims", overheard)
    predictor.ask_batch([(picture(), question), (picture(1), question)])
    masks, *words = heard
    assert masks == [0, 0, 1, 1]
    assert words == [[0, 0], [0, 0]]  # an answer at a time
    heard.clear()
    predictor.score(picture(), question, turn)
    assert heard == [[0, 0]]
    heard.clear()
    record = Record(image="a.png", width=48, height=40, objects=[])
    read_answers(predictor, [Sample("a", np.asarray(picture()), record, [turn, turn])], 8)
    assert heard == [[0, 0, 1, 1, 2, 3]]  # the cat, read with a mask though it is rejected, takes nothing


def test_other_targets_of_the_answer_move_the_words(monkeypatch):
    predictor = train_speaker(mask_reader=True, place_reader=True, thing_claims=True)
    with torch.no_grad():
        predictor.model.place_reader.told.weight.normal_(std=3.0)

    def points() -> np.ndarray:
        words = predictor.ask(picture(), "Where are the mug and the spoon?").words
        return np.array([word.point for word in words if word.point])

    # The first cell, then the last, for the first target.
    def claims(first: int):
        return lambda features, index, *_: torch.eye(features.tokens.shape[1])[
            [first] + [1] * (len(index) - 1)
        ]

    monkeypatch.setattr(predictor.model, "claims", claims(0))
    before = points()
    monkeypatch.setattr(predictor.model, "claims", claims(-1))
    moved = np.abs(points() - before).max(axis=1) > 0.01
    assert moved.any()
    assert not moved.all()  # the words of the other target, and those of none


def test_parts_hold_whole_answers(monkeypatch):
    monkeypatch.setattr("segue.grounding.MOST_TARGETS", 3)

    def parts(*answers: int) -> list[list[int]]:
        return [list(answers[part]) for part in _whole_answers(list(answers))]

    assert parts(0) == [[0]]
    assert parts(0, 0, 1, 1) == [[0, 0], [1, 1]]
    assert parts(0, 1, 2, 2) == [[0, 1], [2, 2]]
    assert parts(0, 0, 0, 0, 0, 1, 2, 3, 3) == [[0] * 5, [1, 2], [3, 3]]
