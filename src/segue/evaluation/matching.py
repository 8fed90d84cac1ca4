"""Which predicted mask answers which target: the bipartite matching of MUSE's protocol (PixelLM, section 4).

The cost of a pair is BCE + DICE, weights 1 and 1, between mask logits and truth, and the cheapest
assignment is taken. `pair_costs` reads every pixel and is what we report with; `sampled_costs` reads 12544
random points as PixelLM's released code does, which leaves near ties to chance (there even without a seed).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

__all__ = ["HARD_LOGIT", "Costs", "assign", "hard_logits", "pair_costs", "sampled_costs"]

NUM_POINTS = 12544
"""112 x 112, the constant of the released code (and of Mask2Former before it)."""

HARD_LOGIT = 5.0
"""Logit, plus or minus, that a mask without logits is given: sure at 0.993, so that a pixel on the wrong side
weighs about as much as in the logits of the published decoders."""


@dataclass(frozen=True)
class Costs:
    """What K predictions cost against G targets: two float64 arrays (K, G)."""

    bce: np.ndarray
    dice: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return self.bce + self.dice


def hard_logits(mask: np.ndarray) -> np.ndarray:
    """Logits (H, W) for a bool mask (H, W)."""
    return np.where(mask, np.float32(HARD_LOGIT), np.float32(-HARD_LOGIT))


def pair_costs(logits: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> Costs:
    """Costs over all pixels. `logits` are K float (H, W), `truths` G bool (H, W)."""
    _check(logits, truths)
    if not len(logits) or not len(truths):
        return Costs(np.zeros((len(logits), len(truths))), np.zeros((len(logits), len(truths))))
    predicted = np.stack([np.asarray(one, dtype=np.float64).ravel() for one in logits])
    target = np.stack([np.asarray(one, dtype=np.float64).ravel() for one in truths])
    return _costs(predicted, target)


def sampled_costs(logits: Sequence[np.ndarray], truths: Sequence[np.ndarray], *, seed: int = 0) -> Costs:
    """Costs over random points shared by all masks, bilinear, pixel centres at halves; the truth is sampled
    too, so it is soft at borders. `seed` is that of torch's generator."""
    _check(logits, truths)
    if not len(logits) or not len(truths):
        return pair_costs(logits, truths)
    import torch
    from torch.nn.functional import grid_sample

    points = torch.rand(1, NUM_POINTS, 2, generator=torch.Generator().manual_seed(seed))

    def sample(maps: Sequence[np.ndarray]) -> np.ndarray:
        stacked = torch.stack([torch.tensor(np.asarray(one, dtype=np.float32)) for one in maps])
        grid = (2 * points - 1)[:, None].expand(len(maps), -1, -1, -1)
        return grid_sample(stacked[:, None], grid, align_corners=False)[:, 0, 0].double().numpy()

    return _costs(sample(logits), sample(truths))


def assign(costs: Costs) -> list[tuple[int, int]]:
    """The min(K, G) pairs (prediction, target) of the least total cost, by prediction."""
    rows, columns = linear_sum_assignment(costs.total)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True)]


def _costs(predicted: np.ndarray, target: np.ndarray) -> Costs:
    """Mean BCE per pair, and 1 - (2 sum p t + 1) / (sum p + sum t + 1)."""
    num_points = predicted.shape[1]
    # -log p is softplus(-x); taken apart so that all pairs are two matrix products.
    when_set, when_clear = np.logaddexp(0, -predicted), np.logaddexp(0, predicted)
    bce = (when_set @ target.T + when_clear @ (1 - target).T) / num_points
    probability = np.exp(-when_set)
    areas = probability.sum(1)[:, None] + target.sum(1)[None]
    return Costs(bce, 1 - (2 * probability @ target.T + 1) / (areas + 1))


def _check(logits: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> None:
    shapes = {np.shape(one) for one in (*logits, *truths)}
    if len(shapes) > 1 or any(len(shape) != 2 for shape in shapes):
        raise ValueError(f"masks to match must all be (H, W) of one size, not {sorted(shapes)}")
