"""The costs of pairs, by hand and against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from segue.evaluation.matching import HARD_LOGIT, assign, hard_logits, pair_costs, sampled_costs

LEFT = np.array([[True, False], [True, False]])


def test_costs_of_a_mask_that_is_right_everywhere():
    costs = pair_costs([hard_logits(LEFT)], [LEFT])
    sure = 1 / (1 + np.exp(-HARD_LOGIT))
    assert costs.bce.item() == pytest.approx(-np.log(sure))
    # p sums to 2 in all, 2 sure on the target: 1 - (2 * 2 sure + 1) / (2 + 2 + 1).
    assert costs.dice.item() == pytest.approx(1 - (4 * sure + 1) / 5)


def test_costs_of_undecided_logits():
    costs = pair_costs([np.zeros((2, 2))], [LEFT, ~LEFT, np.zeros((2, 2), bool)])
    np.testing.assert_allclose(costs.bce, np.full((1, 3), np.log(2)))
    np.testing.assert_allclose(costs.dice, [[1 - 3 / 5, 1 - 3 / 5, 1 - 1 / 3]])


@given(
    arrays.arrays(np.float32, (2, 3, 4), elements=st.floats(-60, 60, width=32)),
    arrays.arrays(np.bool_, (3, 3, 4)),
)
def test_costs_against_a_loop(logits, truths):
    made = pair_costs(logits, truths)
    for k, x in enumerate(logits.astype(np.float64)):
        p = 1 / (1 + np.exp(-x))
        for g, t in enumerate(truths):
            bce = np.mean(
                [max(v, 0) - v * y + np.log1p(np.exp(-abs(v))) for v, y in zip(x.flat, t.flat, strict=True)]
            )
            assert made.bce[k, g] == pytest.approx(bce, abs=1e-9)
            assert made.dice[k, g] == pytest.approx(1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1))


def test_random_points_agree_with_all_pixels_where_both_see_enough():
    rows, columns = np.mgrid[:40, :60]
    discs = [(rows - y) ** 2 + (columns - x) ** 2 < 100 for y, x in ((12, 15), (28, 40), (20, 30))]
    logits = [hard_logits(disc) for disc in discs]
    whole, points = pair_costs(logits, discs), sampled_costs(logits, discs)
    np.testing.assert_allclose(points.total, whole.total, atol=0.1)
    assert assign(whole) == assign(points) == [(0, 0), (1, 1), (2, 2)]
    assert (sampled_costs(logits, discs, seed=1).bce != points.bce).any()
    np.testing.assert_array_equal(sampled_costs(logits, discs).bce, points.bce)


@pytest.mark.parametrize(
    ("num_predictions", "num_truths"), [(0, 0), (0, 2), (3, 0), (1, 3), (3, 1)]
)  # fmt: skip
def test_the_smaller_side_is_matched(num_predictions, num_truths):
    logits, truths = [hard_logits(LEFT)] * num_predictions, [LEFT] * num_truths
    costs = pair_costs(logits, truths)
    assert costs.total.shape == sampled_costs(logits, truths).total.shape == (num_predictions, num_truths)
    assert len(assign(costs)) == min(num_predictions, num_truths)


def test_masks_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="of one size"):
        pair_costs([np.zeros((2, 3))], [LEFT])
