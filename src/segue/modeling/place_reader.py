"""Where in the picture a language model's state looks, told to the heads that read the state.

A small language model writes what it found into its states, and a place only with long training. One
attention of one head from the state to the image tokens, trained to fall on the cells that are meant, says it
plainly.

Letters: N states of I pictures, S image tokens of a square grid, H width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segue.modeling.silent_linear import SilentLinear
from segue.modeling.standing_things import cell_places
from segue.modeling.vision import sincos_positions
from segue.modeling.word_lookup import GAIN

__all__ = ["CellAttention", "PlaceReader", "prior_of"]


class CellAttention(nn.Module):
    """One head from states to image tokens and their places."""

    def __init__(self, width: int, *, inner: int = 64):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.position_key = nn.Linear(width, inner, bias=False)

    def scores(self, states_NH: Tensor, image_tokens_ISH: Tensor, image_index_N: Tensor) -> Tensor:
        """(N, S) before the softmax.

        Args:
            states_NH: after each word, or of each target.
            image_tokens_ISH: of the pictures.
            image_index_N: which picture each state speaks of, int64.
        """
        side = round(image_tokens_ISH.shape[1] ** 0.5)
        queries = self.query(self.norm(states_NH))
        places = sincos_positions(side, side, states_NH.shape[-1], device=states_NH.device)
        keys = self.key(image_tokens_ISH) + self.position_key(places.to(states_NH.dtype))
        return (keys[image_index_N] @ queries[..., None])[..., 0] * queries.shape[-1] ** -0.5


class PlaceReader(CellAttention):
    """Where a word's state looks, added to it for the location MLP: the expected x and y, and how sure they
    are. At first nothing is added."""

    def __init__(self, width: int, *, inner: int = 64):
        super().__init__(width, inner=inner)
        self.told = SilentLinear(3, width)

    def forward(self, states_NH: Tensor, share_NS: Tensor) -> Tensor:
        """The states with their places, (N, H); `share_NS`: how much each looks at each cell, with sum 1."""
        places_S2 = cell_places(share_NS.shape[-1], like=share_NS)
        found = torch.cat([share_NS @ places_S2, share_NS.amax(dim=-1, keepdim=True)], dim=-1)
        return states_NH + self.told(GAIN * found)


def prior_of(scores_NS: Tensor) -> Tensor:
    """(N, S) scores to (N, h, w) maps in [0, 1]: each cell's share over that of the best one."""
    side = round(scores_NS.shape[-1] ** 0.5)
    return (scores_NS - scores_NS.amax(dim=-1, keepdim=True)).exp().unflatten(-1, (side, side))
