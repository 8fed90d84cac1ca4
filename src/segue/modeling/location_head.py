"""PixelLLM's location MLP: the state at a word to the corners of what the word's trace covers."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["LocationHead", "extent"]


class LocationHead(nn.Module):
    """LayerNorm, then linear layers with GELU between; as released two points (corners) of four numbers each,
    of which x and y are used.

    The paper's form is one point; the numbers after x and y are then the other corner where a box is read.
    """

    def __init__(self, width: int, *, hidden: int, num_layers: int, points: int, values: int):
        super().__init__()
        self.points, self.values = points, values
        self.norm = nn.LayerNorm(width, eps=1e-6)
        widths = [width, *[hidden] * (num_layers - 1), points * values]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))

    def forward(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """(..., width) -> relative (..., points, 2), not clipped, and the rest (..., points, values - 2)."""
        x = self.norm(states)
        for layer in self.layers[:-1]:
            x = F.gelu(layer(x))
        raw = self.layers[-1](x).unflatten(-1, (self.points, self.values))
        return (raw[..., :2] + 1) / 2, raw[..., 2:]

    def corners(self, states: Tensor) -> Tensor:
        """(..., width) -> relative (..., 2, 2) of a box: two points are its corners, one point's four numbers
        are both."""
        points, rest = self(states)
        if self.points > 1:
            return points
        return torch.cat([points, (rest[..., :2] + 1) / 2], dim=-2)


def extent(points_NLK2: Tensor, valid_NL: Tensor) -> Tensor:
    """(..., L, K, 2) points of words, (..., L) which count -> (..., 4) their extent.

    With none valid the box is inverted (its left side right of its right side), as released: a caller can
    tell.
    """
    xy = points_NLK2.flatten(-3, -2)
    valid = valid_NL[..., None].expand(*valid_NL.shape, points_NLK2.shape[-2]).flatten(-2)[..., None]
    low, high = xy.amin(-2, keepdim=True) - 1, xy.amax(-2, keepdim=True) + 1
    return torch.cat([torch.where(valid, xy, high).amin(-2), torch.where(valid, xy, low).amax(-2)], dim=-1)
