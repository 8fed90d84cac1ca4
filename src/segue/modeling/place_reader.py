"""Where in the picture a word's state looks, told to the location MLP.

Letters: W words of I pictures, S image tokens of a square grid, H width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segue.modeling.vision import sincos_positions
from segue.modeling.word_lookup import GAIN, SilentLinear, cell_places

__all__ = ["PlaceReader"]


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
        share = scores_WS.softmax(dim=-1)
        places_S2 = cell_places(scores_WS.shape[-1], like=share)
        found = torch.cat([share @ places_S2, share.amax(dim=-1, keepdim=True)], dim=-1)
        return states_WH + self.told(GAIN * found)
