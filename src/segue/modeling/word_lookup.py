"""Where in the picture words are seen, told to the language model with the words themselves.

The image tokens of `segue/mini` are trained to lie near the embeddings of the words for what they show. Each
word behind the picture, asked or said, is compared with them, and what was found (the features there, how
well they fit, where that is, how many things of the kind there are and where each of them stands) is added to
its embedding: a question's words say whether a thing is there, an answer's where the mask token and the point
that follow belong. A language model of five layers would have to discover the same comparison in its
attention, which takes far longer than all of its training here; and the sum that attention takes of what it
finds cannot be counted. Nor can such a model sort: so the things of a kind come in order too, from left to
right, for "the left dog" or "the third mug". A list names them in that order, so a word that the answer has
said n times already is told of thing n + 1 apart.

Letters: B rows, T tokens, S image tokens of a square grid, H width.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import initialization as init

from segue.modeling.generation import Embed
from segue.modeling.silent_linear import SilentLinear
from segue.modeling.standing_things import (
    EACH,
    MAP_SIDE,
    MOST,
    ThingDensity,
    cell_places,
    count_shares,
    pooled,
    told_in_order,
)

__all__ = ["GAIN", "WordLookup", "embed_said", "embed_text", "times_said"]

FACTS = 5
"""Best and mean similarity, how sharp the place is, and its x and y in [-1, 1]."""
GAIN = 4.0
"""Few numbers must be heard beside a vector of hundreds."""
SHARPNESS = 30.0
"""Of the attention that says where. Learned, it becomes blunt (6 in segue/mini, which finds "nowhere in
particular" everywhere): whether a thing is there gives the gradient, and that needs no place."""


class WordLookup(nn.Module):
    """Attention of words to image tokens by cosine similarity, and a small network for what it found.

    At first nothing is added.
    """

    def __init__(self, width: int):
        super().__init__()
        self.log_scale = nn.Parameter(torch.empty(()))
        self.log_match_scale = nn.Parameter(torch.empty(()))
        self.match_threshold = nn.Parameter(torch.empty(()))
        self.density = ThingDensity(width)
        heard = width + FACTS + MOST + 1 + MAP_SIDE**2 + (MOST + 1) * EACH
        self.layers = nn.Sequential(nn.Linear(heard, width), nn.GELU(), SilentLinear(width, width))
        self.start()

    def start(self) -> None:
        """Where training begins: things are few, a word fits what is a little like it."""
        init.constant_(self.log_scale, 2.5)
        init.constant_(self.log_match_scale, 2.5)
        init.zeros_(self.match_threshold)
        self.density.start()

    def forward(self, words_BTH: Tensor, image_tokens_BSH: Tensor, times_BT: Tensor) -> Tensor:
        """What to add to each word's embedding, (B, T, H). `times_BT`: how often the answer has said the word
        before, int64 (`times_said`)."""
        H, S = words_BTH.shape[-1], image_tokens_BSH.shape[1]
        seen = F.normalize(image_tokens_BSH, dim=-1)
        similarity_BTS = F.normalize(words_BTH, dim=-1) @ seen.transpose(1, 2)
        scale = self.log_scale.exp()
        share_BTS = (scale * similarity_BTS).softmax(dim=-1)
        found = share_BTS @ seen * H**0.5
        sharp_BTS = (SHARPNESS * similarity_BTS).softmax(dim=-1)
        side = round(S**0.5)
        places_S2 = cell_places(S, like=seen)
        facts = torch.stack(
            [
                scale * similarity_BTS.amax(dim=-1),
                scale * similarity_BTS.mean(dim=-1),
                GAIN * sharp_BTS.amax(dim=-1),
                *(GAIN * sharp_BTS @ places_S2).unbind(dim=-1),
            ],
            dim=-1,
        )
        things_BTS = self._standing(similarity_BTS, image_tokens_BSH)
        counts = GAIN * count_shares(things_BTS.sum(dim=-1))
        places = GAIN * pooled(things_BTS.unflatten(-1, (side, side)))
        order_BTME = GAIN * told_in_order(things_BTS)
        due = F.pad(order_BTME, (0, 0, 0, 1))  # nothing after the last
        which = times_BT.clamp(max=MOST)[..., None, None].expand(-1, -1, 1, EACH)
        due = due.gather(-2, which)[..., 0, :]
        return self.layers(torch.cat([found, facts, counts, places, order_BTME.flatten(-2), due], dim=-1))

    def things(self, words_BTH: Tensor, image_tokens_BSH: Tensor) -> Tensor:
        """How many things that each word means stand with their middle in each cell, (B, T, S), 0 or more;
        their sum is the count (Lempitsky and Zisserman, "Learning To Count Objects in Images", 2010).
        """
        seen = F.normalize(image_tokens_BSH, dim=-1)
        return self._standing(F.normalize(words_BTH, dim=-1) @ seen.transpose(1, 2), image_tokens_BSH)

    def _standing(self, similarity_BTS: Tensor, image_tokens_BSH: Tensor) -> Tensor:
        """What is there is a matter of the picture alone, what it is of the likeness to the word."""
        match_BTS = (self.log_match_scale.exp() * (similarity_BTS - self.match_threshold)).sigmoid()
        return match_BTS * self.density(image_tokens_BSH)[:, None]


def times_said(ids_BT: Tensor, answer_id: int, segments_BT: Tensor | None = None) -> Tensor:
    """(B, T): how often each id of an answer stands earlier in the same answer; 0 in a question.

    Args:
        answer_id: begins an answer.
        segments_BT: of several dialogues in a row (`packed_attention_mask`); None: one.
    """
    T = ids_BT.shape[1]
    earlier = torch.ones(T, T, dtype=torch.bool, device=ids_BT.device).tril(-1).expand(len(ids_BT), T, T)
    if segments_BT is not None:
        earlier = earlier & (segments_BT[:, :, None] == segments_BT[:, None, :])
    answered = (earlier & (ids_BT == answer_id)[:, None, :]).any(dim=-1)
    same = earlier & (ids_BT[:, :, None] == ids_BT[:, None, :]) & answered[:, None, :]
    return same.sum(dim=-1)


def embed_text(
    model: Any,
    ids: Sequence[int],
    *,
    image_tokens: Tensor,
    regions: Tensor | None = None,
) -> Tensor:
    """What any family's language model reads behind a cached picture, (T, H).

    Args:
        ids: a question, or a question with its answer.
        image_tokens: (1, S, H) of the picture.
        regions: (R, 4) boxes of the region placeholders among the ids.
    """
    ids_1T = torch.tensor([list(ids)], device=model.device)
    embeddings = model.embed(ids_1T, regions=regions)
    if model.word_lookup is not None:
        times = times_said(ids_1T, model.config.answer_token_id)
        embeddings = embeddings + model.word_lookup(embeddings, image_tokens, times)
    return embeddings[0]


def embed_said(model: Any, image_tokens: Sequence[Tensor]) -> Embed | None:
    """`embed_text` for what is being said, as `generate` takes it; None without a lookup.

    Args:
        image_tokens: (1, S, H) of each picture.
    """
    if model.word_lookup is None:
        return None
    words = model.language_model.get_input_embeddings()
    tokens_ISH = torch.cat(list(image_tokens))

    def embed(ids: Tensor, pictures: Tensor, before: Sequence[Sequence[int]]) -> Tensor:
        embeddings = words(ids)
        times = [
            [[*said, *chunk[:t]].count(chunk[t]) for t in range(len(chunk))]
            for said, chunk in zip(before, ids.tolist(), strict=True)
        ]
        return embeddings + model.word_lookup(embeddings, tokens_ISH[pictures], torch.tensor(times).to(ids))

    return embed
