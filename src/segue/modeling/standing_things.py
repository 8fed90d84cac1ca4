"""What there is to say of things whose places are known: how many they are, where they stand, in which order.

The things are a density over the cells of a square grid (`WordLookup.things`), whose sum is their number.

Letters: B rows, T words, S cells of a square grid, M things in order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import initialization as init

__all__ = [
    "EACH",
    "MAP_SIDE",
    "MOST",
    "ThingDensity",
    "cell_places",
    "count_shares",
    "in_order",
    "pooled",
    "told_in_order",
]

MOST = 6
"""Counts up to here are told apart."""
MAP_SIDE = 8
"""Of the map that says where the things stand, whatever the grid."""
EACH = 3 + 2 * MAP_SIDE
"""Numbers that tell of one thing in order."""


class ThingDensity(nn.Linear):
    """How many things, whatever they are, stand with their middle in each cell: a matter of the picture
    alone."""

    def __init__(self, width: int):
        super().__init__(width, 1)

    def start(self) -> None:
        """Where training begins: things are few."""
        init.constant_(self.bias, -3.0)

    def forward(self, image_tokens_BSH: Tensor) -> Tensor:
        """(B, S), 0 or more."""
        seen = F.normalize(image_tokens_BSH, dim=-1) * image_tokens_BSH.shape[-1] ** 0.5
        return F.softplus(super().forward(seen))[..., 0]


def cell_places(count: int, *, like: Tensor) -> Tensor:
    """(count, 2) middles of the cells of a square grid, x and y in [-1, 1], row by row."""
    side = round(count**0.5)
    axis = (torch.arange(side, device=like.device, dtype=like.dtype) + 0.5) / side * 2 - 1
    return torch.stack([axis.repeat(side), axis.repeat_interleave(side)], dim=-1)


def count_shares(counts: Tensor) -> Tensor:
    """(...) counts to (..., MOST + 1) shares of the whole numbers beside them; more than the last is the
    last."""
    whole = torch.arange(MOST + 1, device=counts.device, dtype=counts.dtype)
    return (1 - (counts.clamp(max=MOST)[..., None] - whole).abs()).clamp(min=0)


def in_order(things_BTS: Tensor) -> Tensor:
    """(B, T, S) things in the cells of a square grid to (B, T, MOST, S): how much of the first thing from the
    left, of the second, ... is in each cell. Columns come from left to right, a column's cells from above.

    The first is what lies before the running sum reaches 1, the second what lies between 1 and 2, and so on.
    """
    side = round(things_BTS.shape[-1] ** 0.5)
    by_column = things_BTS.unflatten(-1, (side, side)).transpose(-1, -2).flatten(-2)
    after = by_column.cumsum(dim=-1)[..., None, :]
    before = after - by_column[..., None, :]
    first = torch.arange(MOST, device=after.device, dtype=after.dtype)[:, None]
    share = (torch.minimum(after, first + 1) - torch.maximum(before, first)).clamp(min=0)
    return share.unflatten(-1, (side, side)).transpose(-1, -2).flatten(-2)


def told_in_order(things_BTS: Tensor) -> Tensor:
    """(B, T, MOST, EACH): of each thing in order how much of it there is, its x and y, and how it spreads
    over the columns and the rows of a coarse grid."""
    order = in_order(things_BTS)
    side = round(things_BTS.shape[-1] ** 0.5)
    middles = order @ cell_places(things_BTS.shape[-1], like=order)
    spread = order.unflatten(-1, (side, side))
    axes = torch.stack([spread.sum(dim=-2), spread.sum(dim=-1)], dim=-2)  # over columns, over rows
    coarse = F.adaptive_avg_pool1d(axes.flatten(0, -3), MAP_SIDE).unflatten(0, axes.shape[:-2])
    told = [order.sum(dim=-1, keepdim=True), middles, coarse.flatten(-2) * (side / MAP_SIDE)]
    return torch.cat(told, dim=-1)


def pooled(map_BThw: Tensor) -> Tensor:
    """(B, T, h, w) with its sum kept -> (B, T, MAP_SIDE^2)."""
    share = map_BThw.shape[-2] * map_BThw.shape[-1] / MAP_SIDE**2
    return F.adaptive_avg_pool2d(map_BThw, MAP_SIDE).flatten(2) * share
