"""Words and places: PixelLLM's per-token location MLP, and the embedding of a box that a question asks
about."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segue.modeling.pixel_decoder import FourierPositions

__all__ = ["PointHead", "RegionEncoder"]


class PointHead(nn.Module):
    """A language model's state at a word to where the word is in the picture ("Pixel Aligned Language
    Models").

    One point per word is the paper's form; two (the corners of the word's extent) is the released code's.
    """

    def __init__(self, width: int, *, points_per_word: int, hidden: int = 256):
        super().__init__()
        self.points_per_word = points_per_word
        self.layers = nn.Sequential(
            nn.LayerNorm(width, eps=1e-6),
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, 2 * points_per_word),
        )

    def forward(self, states: Tensor) -> Tensor:
        """(..., width) -> (..., points_per_word, 2) as (x, y), relative to the input; not clipped (as
        published)."""
        return (self.layers(states).unflatten(-1, (self.points_per_word, 2)) + 1) / 2


class RegionEncoder(nn.Module):
    """A box to one embedding of the language model's width: SAM's corner embeddings, projected."""

    def __init__(self, width: int, *, fourier_width: int = 128):
        super().__init__()
        self.positions = FourierPositions(fourier_width)
        self.corners = nn.Parameter(torch.zeros(2, fourier_width))
        self.projection = nn.Sequential(
            nn.Linear(2 * fourier_width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, boxes: Tensor) -> Tensor:
        """(R, 4) boxes x0, y0, x1, y1 relative to the input, in [0, 1] -> (R, width)."""
        corners = self.positions(boxes.view(-1, 2, 2)) + self.corners
        return self.projection(corners.flatten(1))
