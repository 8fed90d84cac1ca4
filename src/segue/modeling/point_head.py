"""Words and places: PixelLLM's per-token location MLP, what its states may read of the picture before, and
the embedding of a box that a question asks about.

Letters: W words of I pictures, S image tokens of a square grid, H width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import initialization as init

from segue.modeling.pixel_decoder import FourierPositions
from segue.modeling.vision import sincos_positions

__all__ = ["PlaceReader", "PointHead", "RegionEncoder", "SilentLinear"]

GAIN = 4.0
"""Three numbers must be heard beside a vector of hundreds."""


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


class SilentLinear(nn.Linear):
    """A linear layer that begins at zero, for what joins a network that works without it."""

    def reset_parameters(self) -> None:
        init.zeros_(self.weight)
        init.zeros_(self.bias)


class PlaceReader(nn.Module):
    """Where in the picture a state looks, added to the state that the location MLP reads.

    A small language model writes what it found into its states, and a place only with long training. One
    attention of one head to the image tokens, trained to fall on the word's own cells, says it plainly: the
    expected x and y, and how sure they are. At first nothing is added.
    """

    def __init__(self, width: int, *, inner: int = 64):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.position_key = nn.Linear(width, inner, bias=False)
        self.told = SilentLinear(3, width)

    def scores(self, states_WH: Tensor, image_tokens_ISH: Tensor, image_index_W: Tensor) -> Tensor:
        """(W, S) before the softmax.

        Args:
            states_WH: after each word.
            image_tokens_ISH: of the pictures.
            image_index_W: which picture each word speaks of, int64.
        """
        side = round(image_tokens_ISH.shape[1] ** 0.5)
        queries = self.query(self.norm(states_WH))
        places = sincos_positions(side, side, states_WH.shape[-1], device=states_WH.device)
        keys = self.key(image_tokens_ISH) + self.position_key(places.to(states_WH.dtype))
        return (keys[image_index_W] @ queries[..., None])[..., 0] * queries.shape[-1] ** -0.5

    def forward(self, states_WH: Tensor, scores_WS: Tensor) -> Tensor:
        """The states with their places, (W, H)."""
        side = round(scores_WS.shape[-1] ** 0.5)
        share = scores_WS.softmax(dim=-1)
        axis = (torch.arange(side, device=share.device, dtype=share.dtype) + 0.5) / side * 2 - 1
        places_S2 = torch.stack([axis.repeat(side), axis.repeat_interleave(side)], dim=-1)
        found = torch.cat([share @ places_S2, share.amax(dim=-1, keepdim=True)], dim=-1)
        return states_WH + self.told(GAIN * found)


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
