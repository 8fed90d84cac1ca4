"""Which things of the picture a language model's state speaks of, told to the choice of the next word.

How many dogs there are a word lookup finds for the word "dogs"; the next word is chosen states and layers
later, and a small language model carries little of a number so far. So the state that chooses looks itself:
the things that it is about are counted and put in order, and what was found is added before the vocabulary is
scored. Whoever is about to say "there are" reads their number, whoever is about to say "there is no" that
there are none.

Letters: B rows, T tokens, S image tokens of a square grid, H width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import initialization as init

from segue.modeling.generation import Read
from segue.modeling.silent_linear import SilentLinear
from segue.modeling.standing_things import (
    EACH,
    MAP_SIDE,
    MOST,
    ThingDensity,
    count_shares,
    pooled,
    told_in_order,
)
from segue.modeling.vision import sincos_positions
from segue.modeling.word_lookup import GAIN

__all__ = ["ThingReader", "read_things", "reading"]


class ThingReader(nn.Module):
    """One head from states to image tokens and their places, and a small network for what it found.

    At first nothing is added.
    """

    def __init__(self, width: int, *, inner: int = 128):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.query = nn.Linear(width, inner)
        self.key = nn.Linear(width, inner)
        self.position_key = nn.Linear(width, inner, bias=False)
        self.threshold = nn.Parameter(torch.empty(()))
        self.density = ThingDensity(width)
        heard = width + MOST + 1 + MAP_SIDE**2 + MOST * EACH
        self.told = nn.Sequential(nn.Linear(heard, width), nn.GELU(), SilentLinear(width, width))
        self.start()

    def start(self) -> None:
        """Where training begins: of what is there little is meant."""
        init.constant_(self.threshold, 2.0)
        self.density.start()

    def forward(self, states_BTH: Tensor, image_tokens_BSH: Tensor) -> Tensor:
        """The states with what they read, (B, T, H)."""
        scores_BTS = self._scores(states_BTH, image_tokens_BSH)
        seen = F.normalize(image_tokens_BSH, dim=-1)
        found = scores_BTS.softmax(dim=-1) @ seen * seen.shape[-1] ** 0.5
        things_BTS = self._meant(scores_BTS, image_tokens_BSH)
        side = round(things_BTS.shape[-1] ** 0.5)
        told = [
            count_shares(things_BTS.sum(dim=-1)),
            pooled(things_BTS.unflatten(-1, (side, side))),
            told_in_order(things_BTS).flatten(-2),
        ]
        return states_BTH + self.told(torch.cat([found, *(GAIN * part for part in told)], dim=-1))

    def things(self, states_BTH: Tensor, image_tokens_BSH: Tensor) -> Tensor:
        """How many things that each state is about stand with their middle in each cell, (B, T, S), 0 or
        more."""
        return self._meant(self._scores(states_BTH, image_tokens_BSH), image_tokens_BSH)

    def _scores(self, states_BTH: Tensor, image_tokens_BSH: Tensor) -> Tensor:
        S, H = image_tokens_BSH.shape[1:]
        side = round(S**0.5)
        places = sincos_positions(side, side, H, device=states_BTH.device).to(states_BTH.dtype)
        keys = self.key(image_tokens_BSH) + self.position_key(places)
        queries = self.query(self.norm(states_BTH))
        return queries @ keys.transpose(1, 2) * queries.shape[-1] ** -0.5

    def _meant(self, scores_BTS: Tensor, image_tokens_BSH: Tensor) -> Tensor:
        return (scores_BTS - self.threshold).sigmoid() * self.density(image_tokens_BSH)[:, None]


def read_things(model: Any, states_BTH: Tensor, image_tokens_BSH: Tensor) -> Tensor:
    """The states that any family's vocabulary is scored by, (B, T, H)."""
    if model.thing_reader is None:
        return states_BTH
    read: Tensor = model.thing_reader(states_BTH, image_tokens_BSH)
    return read


def reading(model: Any, image_tokens: list[Tensor]) -> Read | None:
    """`read_things` as `generate` takes it; None without a reader.

    Args:
        image_tokens: (1, S, H) of each picture.
    """
    if model.thing_reader is None:
        return None
    tokens_ISH = torch.cat(image_tokens)

    def read(states: Tensor, pictures: Tensor) -> Tensor:
        return read_things(model, states[:, None], tokens_ISH[pictures])[:, 0]

    return read
