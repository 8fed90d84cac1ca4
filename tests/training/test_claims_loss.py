"""What targets claim is held against their masks, and which cells show the same thing against the labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from segue.data.collation import Collator
from segue.modeling.thing_claims import likeness
from segue.training.counted_words import CountedWord
from segue.training.losses import same_thing_loss
from segue.training.objective import GroundedObjective, LossWeights
from tests.modeling.tiny import tiny_config, tiny_model
from tests.training.test_things_loss import BOTH, HEAD, LABELS, NONE, two_dogs


def objective(**weights: float) -> GroundedObjective:
    torch.manual_seed(0)
    return GroundedObjective(
        tiny_config(mask_reader=True, place_reader=True, thing_claims=True, vision_config={"image_size": 64}),
        labels=LABELS,
        counted=[CountedWord("dog", frozenset({"dog"}))],
        label_ids={"category": [[20]], "color": [[22]], "counted": [[20]]},
        weights=LossWeights(**weights),
    ).eval()


def batch_of(*turns, max_masks: int = 6) -> dict[str, torch.Tensor]:
    _, processor = tiny_model(vision_config={"image_size": 64})
    collator = Collator(processor, LABELS, max_masks=max_masks)
    sample = collator.encode(np.zeros((40, 60, 3), np.uint8), two_dogs(*turns), np.random.default_rng(0))
    return collator.collate([sample, sample])


# -- which cells show the same thing -----------------------------------------------


def test_the_loss_by_hand():
    alike = torch.tensor([[[0.9, 0.2, 0.5, 0.3]]])
    things, others = torch.tensor([[7]]), torch.tensor([[7, 7, 0, -1]])
    expected = -(math.log(0.9) + math.log(0.2)) / 2 - math.log(1.0001 - 0.5)  # the last is not known
    assert same_thing_loss(alike, things, others).item() == pytest.approx(expected, abs=1e-5)


def test_cells_without_a_thing_teach_nothing():
    alike = torch.rand(1, 3, 3, requires_grad=True)
    loss = same_thing_loss(alike, torch.tensor([[0, -1, 0]]), torch.tensor([[0, -1, 0]]))
    assert loss.item() == 0
    loss.backward()
    assert not alike.grad.any()


def test_a_small_thing_counts_as_much_as_a_large_one():
    things = torch.tensor([[1, 1, 1, 2]])
    alike = torch.full((1, 4, 4), 0.5)
    alike[0, 3, 3] = 0.25  # the small one alone is worse
    even = same_thing_loss(torch.full((1, 4, 4), 0.5), things, things)
    worse = same_thing_loss(alike, things, things)
    assert (worse - even).item() == pytest.approx(math.log(2) / 2)


def test_votes_learn_to_tell_two_dogs_apart():
    own, batch = objective(same=1.0), batch_of(BOTH)
    with torch.no_grad():
        # A picture that shows where things are: the dogs' cells differ from the ground's.
        features = own.model.encode_images(
            batch["thing_map"][:, None].repeat_interleave(4, 2).repeat_interleave(4, 3).expand(-1, 3, -1, -1)
            * 100.0
        )
    optimiser = torch.optim.Adam(own.model.thing_claims.parameters(), lr=0.01)
    first = own.same_loss(features, batch["thing_map"]).item()
    for _ in range(150):
        optimiser.zero_grad()
        loss = own.same_loss(features, batch["thing_map"])
        loss.backward()
        optimiser.step()
    assert loss < first / 3
    coarse, _ = own.model.thing_claims.votes(features.tokens, features.maps[1])
    same = likeness(coarse, coarse)[0].view(4, 4, 4, 4).detach()
    assert same[0, 0, 1, 0] > 0.5  # within the first dog
    assert same[0, 0, 3, 3] < 0.1  # the second


# -- the objective -----------------------------------------------------------------


def test_a_batch_tells_what_every_target_covers():
    batch = batch_of(BOTH, NONE, HEAD, max_masks=1)
    assert batch["group_rows"].tolist() == [0, 0, 0, 1, 1, 1]
    assert batch["group_answers"].tolist() == [1, 1, 3, 10001, 10001, 10003]
    assert batch["group_cells"].shape == (6, 4, 4)
    left, right, head = batch["group_cells"][:3].float() / 255
    assert (left[0, 0], left[3, 3]) == (1, 0)
    assert (right[0, 0], right[3, 3]) == (0, 1)
    assert 0 < head[0, 0] < 1
    drawn = batch["drawn"].tolist()
    assert len(drawn) == 2
    assert (drawn[0] < 3, drawn[1]) == (True, drawn[0] + 3)  # the same sample twice
    assert len(batch["group_masks"]) == 2
    covered = torch.nn.functional.adaptive_avg_pool2d(batch["group_masks"].float(), 4)
    torch.testing.assert_close(covered, batch["group_cells"][batch["drawn"]].float(), atol=4, rtol=0)


def test_words_know_the_target_that_their_phrase_names():
    batch = batch_of(BOTH, NONE)
    words = list(zip(batch["word_rows"].tolist(), batch["word_groups"].tolist(), strict=True))
    assert words == [(0, 0), (0, 0), (0, 1), (0, 1), (1, 2), (1, 2), (1, 3), (1, 3)]


def test_things_have_numbers_in_the_maps():
    things = batch_of(BOTH)["thing_map"][0]
    assert things.shape == (16, 16)
    assert sorted(things.unique().tolist()) == [0, 1, 2]  # a head is no thing of its own
    assert (things[0, 0], things[15, 15]) == (1, 2)


def test_without_their_weights_they_are_not_computed():
    own, batch = objective(text=1.0, dense=0.0), batch_of(BOTH)
    assert not {"claim", "same", "look"} & set(own(**batch).terms)
    own.weights = LossWeights(text=1.0, dense=0.0, look=1.0, claim=1.0, same=1.0)
    assert {"claim", "same", "look"} <= set(own(**batch).terms)


def test_two_targets_learn_to_claim_a_dog_each():
    own, batch = objective(text=1.0, dense=0.0, look=0.0, claim=1.0), batch_of(BOTH)
    reader = own.model.mask_reader
    features = own.model.encode_images(batch["pixels"])
    with torch.no_grad():
        states = own.states(features, batch)
        groups = states[batch["group_rows"][:, None], batch["group_positions"]]

    def claims():
        scores = own.model.mask_scores(features, batch["group_rows"], groups)
        return scores, own.model.claims(features, batch["group_rows"], scores, batch["group_answers"])

    features = features.__class__(
        features.tokens.detach(), tuple(m.detach() for m in features.maps), features.vision
    )
    optimiser = torch.optim.Adam(reader.parameters(), lr=0.01)
    for _ in range(100):
        optimiser.zero_grad()
        own.look_losses(features, *claims(), batch["group_cells"])["claim"].backward()
        optimiser.step()
    looks = claims()[1].detach().view(2, 2, 4, 4)
    assert (looks[:, 0, :2, :2].sum(dim=(1, 2)) > 0.8).all()
    assert (looks[:, 1, 2:, 2:].sum(dim=(1, 2)) > 0.8).all()


def test_claims_are_of_whole_answers_and_words_are_told_them(monkeypatch):
    own, batch = objective(text=1.0, dense=0.0), batch_of(BOTH, HEAD)
    torch.nn.init.normal_(own.model.place_reader.told.weight)
    claims, heard = own.model.claims, []

    def overheard(features, index, scores, answers=None):
        heard.append(answers)
        return claims(features, index, scores, answers)

    monkeypatch.setattr(own.model, "claims", overheard)
    terms = own.answer_losses(own.model.encode_images(batch["pixels"]), batch)
    assert [answers.tolist() for answers in heard] == [[1, 1, 2, 10001, 10001, 10002]]
    terms["point"].backward()
    assert own.model.mask_reader.query.weight.grad.abs().sum() > 0  # by way of the claims alone


def test_every_term_has_the_weight_that_its_name_says():
    weights = LossWeights(claim=2, same=3)
    assert (weights.of("claim"), weights.of("same")) == (2, 3)
