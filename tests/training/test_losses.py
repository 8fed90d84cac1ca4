"""Losses against hand-computed values and against what they reduce to in simple cases."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from segue.training.dense_supervision import splatted
from segue.training.losses import (
    alignment_loss,
    cells_loss,
    count_loss,
    dice_loss,
    mask_bce_loss,
    partial_label_loss,
    point_loss,
    refinement_weights,
)
from segue.training.objective import first_of_answers


def test_every_mask_counts_the_same_in_bce():
    logits = torch.tensor([[[0.0, 0.0]], [[10.0, -10.0]]])
    targets = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    # log 2 for the undecided mask, nearly 0 for the right one; mean over two masks.
    assert mask_bce_loss(logits, targets).item() == pytest.approx(math.log(2) / 2, abs=1e-4)


def test_bce_weights_multiply_pixels():
    logits, targets = torch.zeros(1, 1, 4), torch.zeros(1, 1, 4)
    weights = torch.tensor([[[2.0, 1.0, 1.0, 0.0]]])
    assert mask_bce_loss(logits, targets, weights).item() == pytest.approx(math.log(2))


def test_dice_has_the_published_scale_and_epsilon():
    logits = torch.tensor([[[0.0, 0.0, 0.0, 0.0]]])
    targets = torch.tensor([[[1.0, 1.0, 0.0, 0.0]]])
    # p = 0.5 everywhere: (2 * 1 / 1000 + 1e-6) / (2 / 1000 + 2 / 1000 + 1e-6)
    expected = 1 - (0.002 + 1e-6) / (0.004 + 1e-6)
    assert dice_loss(logits, targets).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("loss", [mask_bce_loss, dice_loss])
def test_no_masks_cost_nothing_and_have_a_gradient(loss):
    logits = torch.zeros(0, 4, 4, requires_grad=True)
    value = loss(logits, torch.zeros(0, 4, 4))
    assert value.item() == 0
    value.backward()


def test_pixels_outside_valid_do_not_touch_dice():
    logits, targets = torch.randn(1, 2, 2), torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    valid = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    changed = logits.clone()
    changed[:, 1] = 9
    assert torch.equal(dice_loss(logits, targets, valid), dice_loss(changed, targets, valid))


def test_refinement_marks_overlaps_within_an_answer_only():
    masks = torch.full((3, 1, 3), -1.0)
    masks[0, 0, :2] = 1  # answer 0 covers pixels 0 and 1
    masks[1, 0, 1:] = 1  # answer 0 again: pixels 1 and 2
    masks[2, 0, :] = 1  # answer 1 covers all, alone
    weights = refinement_weights(masks, torch.tensor([0, 0, 1]), alpha=2.0)
    assert weights[:2].tolist() == [[[1.0, 2.0, 1.0]]] * 2
    assert weights[2].tolist() == [[1.0, 1.0, 1.0]]


def test_partial_labels_reduce_to_cross_entropy_where_all_is_known():
    logits = torch.randn(5, 4)
    classes = torch.tensor([1, 2, 3, 0, 0])
    share = F.one_hot(classes, 4).float()
    share[3:] = 0
    unlabelled = torch.tensor([0.0, 0.0, 0.0, 1.0, 1.0])
    excluded = torch.tensor([False, True, True, True]).expand(5, 4)
    loss = partial_label_loss(logits, share, unlabelled, excluded)
    torch.testing.assert_close(loss, F.cross_entropy(logits, classes), atol=1e-5, rtol=1e-5)


def test_an_uncovered_pixel_may_be_any_class_that_is_not_annotated():
    logits = torch.tensor([[0.0, 5.0, 5.0]])
    nothing = torch.zeros(1, 3)
    one = torch.ones(1)
    loss_known = partial_label_loss(logits, nothing, one, torch.tensor([[False, True, True]]))
    loss_open = partial_label_loss(logits, nothing, one, torch.tensor([[False, True, False]]))
    assert loss_open < 1 < loss_known


def test_ignored_pixels_cost_nothing():
    logits = torch.randn(3, 4)
    excluded = torch.tensor([False, True, True, True]).expand(3, 4)
    loss = partial_label_loss(logits, torch.zeros(3, 4), torch.zeros(3), excluded)
    assert loss.item() == 0


def test_point_loss_is_a_mean_over_coordinates():
    predicted = torch.tensor([[[0.0, 0.0]], [[1.0, 0.5]]])
    assert point_loss(predicted, torch.tensor([[0.5, 0.5], [1.0, 0.5]])).item() == pytest.approx(0.25)
    assert point_loss(torch.zeros(0, 1, 2), torch.zeros(0, 2)).item() == 0


def test_alignment_asks_for_the_targets_share_of_every_cell():
    tokens = torch.tensor([[2.0, 0.0], [1.0, 1.0]])
    maps = torch.zeros(2, 2, 1, 2)
    maps[0, 0] = torch.tensor([3.0, 0.0])  # the first token fits the left cell
    targets = torch.zeros(2, 2, 4)
    targets[0, :, 0] = 1.0  # half of the left cell, and nothing else
    left = 2 * 3 / math.sqrt(2)
    # The second target is empty and does not count.
    assert alignment_loss(tokens, maps, targets).item() == pytest.approx(math.log1p(math.exp(-left)))


def test_alignment_of_empty_targets_alone_is_zero():
    assert alignment_loss(torch.ones(1, 2), torch.ones(1, 2, 1, 2), torch.zeros(1, 2, 4)).item() == 0.0


def test_a_look_at_every_cell_costs_their_logarithm_and_one_at_the_target_nothing():
    target = torch.zeros(1, 4, 4)
    target[0, 2:, :2] = 1.0  # one of four cells
    assert cells_loss(torch.zeros(1, 2, 2), target).item() == pytest.approx(math.log(4))
    there = torch.tensor([[[0.0, 0.0], [30.0, 0.0]]])
    assert cells_loss(there, target).item() == pytest.approx(0.0, abs=1e-6)
    # Half of it in each of two cells: looking at both alike is the best there is.
    target[0, 2:, 2:] = 1.0
    both = torch.tensor([[[0.0, 0.0], [30.0, 30.0]]])
    assert cells_loss(both, target).item() == pytest.approx(math.log(2), abs=1e-6)


def test_the_first_token_of_every_answer():
    #          prefix, one dialogue, another; the second row has one dialogue and padding
    segments = torch.tensor([[0, 1, 1, 1, 2, 2], [0, 1, 1, 1, -1, -1]])
    learned = torch.tensor([[0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 0, 0]], dtype=torch.bool)
    assert first_of_answers(segments, learned).tolist() == [True, False, True, False, True, False]
    assert first_of_answers(segments, torch.zeros_like(learned)).tolist() == []


def test_things_are_shared_by_the_cells_around_their_middle():
    rows, classes = torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 2, 0])
    points = torch.tensor([[0.5, 0.25], [0.25, 0.25], [1.0, 1.0], [0.5, 0.5]])
    cells = splatted(rows, classes, points, torch.Size([2, 2, 4]), (2, 2))
    assert cells[0].tolist() == [[1.5, 0.5, 0, 0], [0, 0, 0, 0]]  # between both upper cells, and in the left
    assert cells[1].tolist() == [[0, 0, 0, 0], [0, 0, 0, 1.0]]  # at the corner; class 0 is none


def test_places_and_numbers_of_known_classes_count():
    expected = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    known = torch.tensor([[True, False]])
    assert count_loss(expected, expected, known).item() == 0
    elsewhere = torch.tensor([[[0.0, 1.0], [5.0, 5.0]]])  # the second class is labelled here and there only
    assert count_loss(elsewhere, expected, known).item() == pytest.approx(2.0)
    twice = torch.tensor([[[1.0, 2.0], [0.0, 0.0]]])
    assert count_loss(twice, expected, known).item() == pytest.approx(4.0 + 1.5)
