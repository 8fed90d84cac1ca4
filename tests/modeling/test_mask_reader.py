"""What the pixel decoder is told of where a target is: nothing at first, then what its states look at."""

from __future__ import annotations

import pytest
import torch

from segue.modeling.place_reader import prior_of
from tests.modeling.tiny import tiny_model


def drawn(**changes):
    """A model, the features of two pictures, and the states of three targets in them."""
    model, _ = tiny_model(mask_reader=True, **changes)
    torch.manual_seed(1)
    with torch.no_grad():
        features = model.encode_images(torch.rand(2, 3, 64, 64) * 255)
    return model, features, torch.tensor([0, 1, 1]), torch.randn(3, 4, 32)


def test_a_new_reader_changes_no_mask():
    model, features, index, states = drawn()
    for layer in model.pixel_decoder.prior:
        assert not layer.weight.any()  # as `post_init` leaves them
        assert not layer.bias.any()
    told = model.decode_masks(features, index, states)
    model.pixel_decoder.prior = model.mask_reader = None
    assert torch.equal(told, model.decode_masks(features, index, states))


def test_targets_with_equal_tokens_are_told_apart_by_where_they_look():
    model, features, _, states = drawn(decoder_config={"edges": False}, scale=1.0)
    index = torch.zeros(2, dtype=torch.long)
    tokens = model.mask_tokens_from_states(states[:1]).expand(2, -1, -1).detach()
    scores = torch.full((2, 16), -20.0)
    scores[0, 0] = scores[1, 15] = 0.0  # the first and the last cell of 4 x 4
    target = torch.zeros(2, 16, 16)
    target[0, :4, :4] = target[1, -4:, -4:] = 1.0
    optimiser = torch.optim.Adam(model.pixel_decoder.parameters(), lr=1e-2)
    for _ in range(150):
        logits = model.decode_tokens(features, index, tokens, scores)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    found = model.decode_tokens(features, index, tokens, scores) > 0
    shared = (found & target.bool()).sum((1, 2)) / (found | target.bool()).sum((1, 2))
    assert (shared > 0.8).all(), shared


@torch.no_grad()
def test_every_target_looks_at_its_own_picture():
    model, features, index, states = drawn()
    scores = model.mask_scores(features, index, states)
    assert scores.shape == (3, 16)
    for k, i in enumerate(index.tolist()):
        own = model.mask_scores(features[i], torch.tensor([0]), states[k : k + 1])
        torch.testing.assert_close(own[0], scores[k], rtol=1e-4, atol=1e-4)


def test_the_look_teaches_where_by_the_mask_alone():
    model, features, index, states = drawn()
    with torch.no_grad():
        for layer in model.pixel_decoder.prior:
            layer.weight.normal_()
    model.decode_masks(features, index, states)[:, :8, :8].sum().backward()
    assert model.mask_reader.query.weight.grad.abs().sum() > 0


def test_the_best_cell_of_a_prior_is_one():
    prior = prior_of(torch.tensor([[0.0, 1.0, -50.0, 1.0]]))
    assert prior.shape == (1, 2, 2)
    assert prior.flatten().tolist() == pytest.approx([0.3679, 1.0, 0.0, 1.0], abs=1e-4)


def test_a_decoder_made_for_a_prior_asks_for_it():
    model, features, index, states = drawn()
    with pytest.raises(AssertionError, match="told where"):
        model.decode_tokens(features, index, model.mask_tokens_from_states(states), None)
