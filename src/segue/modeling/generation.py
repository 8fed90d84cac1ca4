"""Greedy generation with a key-value cache, real batches, and mask groups fed in one step.

The loop knows ids and states only, no text: it is told which ids must follow which (`forced_after`) and where to stop.
For every generated id it keeps the state that predicts it, which is what mask tokens are read from, and nothing of
the prompt. A batch gives the same ids as its rows one by one: padded slots are masked and rows keep their own positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache, LlamaForCausalLM

__all__ = ["Generated", "Prefix", "compute_prefix", "generate"]


@dataclass(frozen=True)
class Prefix:
    """The cached beginning that several questions share (the picture, and what stands before it).

    Attributes:
        layers: keys and values of each layer, each (I, heads, P, head width).
        mask: (I, P) bool, False at slots that must not be read (padding).
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    mask: Tensor

    def __getitem__(self, number: int) -> Prefix:
        """One image's own prefix, as a batch of one."""
        one = slice(number, number + 1)
        return Prefix(tuple((keys[one], values[one]) for keys, values in self.layers), self.mask[one])

    @classmethod
    def join(cls, prefixes: Sequence[Prefix]) -> Prefix:
        """Several as one batch; all must have the same length."""
        if len(prefixes) == 1:
            return prefixes[0]
        layers = tuple(
            (torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer]))
            for layer in zip(*(prefix.layers for prefix in prefixes), strict=True)
        )
        return cls(layers, torch.cat([prefix.mask for prefix in prefixes]))


@dataclass(frozen=True)
class Generated:
    """One row's answer.

    Attributes:
        ids: generated ids, without the stop id.
        probabilities: the model's probability of each id (1 where the id was forced).
        states: (len(ids) + 1, H): row i predicts id i; the last row was reached after the whole answer, and is
            missing where the answer was cut.
        finished: False when the answer was cut at the limit.
    """

    ids: list[int]
    probabilities: list[float]
    states: Tensor
    finished: bool


@torch.no_grad()
def compute_prefix(model: LlamaForCausalLM, embeddings: Tensor, mask: Tensor | None = None) -> Prefix:
    """Run (I, P, H) embeddings once; `mask` (I, P) bool marks slots that count (default: all)."""
    if mask is None:
        mask = torch.ones(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
    cache = DynamicCache()
    P = embeddings.shape[1]
    causal = torch.ones(P, P, dtype=torch.bool, device=embeddings.device).tril()
    allowed = (causal & mask[:, None, :]) | torch.eye(P, dtype=torch.bool, device=embeddings.device)
    model.model(inputs_embeds=embeddings, attention_mask=allowed[:, None], past_key_values=cache, use_cache=True)
    return Prefix(layers=tuple((layer.keys, layer.values) for layer in cache.layers), mask=mask)


@torch.no_grad()
def generate(
    model: LlamaForCausalLM,
    prefix: Prefix,
    prompts: Sequence[Tensor],
    *,
    image_index: Sequence[int],
    stop_id: int,
    max_new_tokens: int,
    forced_after: Callable[[int], tuple[int, ...]] = lambda token: (),
) -> list[Generated]:
    """Greedy answers to B prompts.

    Args:
        prefix: of I images.
        prompts: B embeddings (T_b, H) of what follows the prefix.
        image_index: the image of each prompt.
        stop_id: ends an answer.
        forced_after: ids that must follow an id; they are fed together with it, in one step.
    """
    rows = [_Row() for _ in prompts]
    cache = _rows_of(prefix, image_index)
    seen = prefix.mask[torch.as_tensor(list(image_index), device=prefix.mask.device)]
    positions = torch.full((len(prompts),), prefix.mask.shape[1], device=seen.device)

    # 1) Feed the prompts; each row's last state predicts its first id.
    states, seen = _feed(model, cache, seen, positions, list(prompts))
    for row, prompt, state in zip(rows, prompts, states, strict=True):
        row.states.append(state[len(prompt) - 1])
    positions = positions + torch.tensor([len(p) for p in prompts], device=positions.device)

    embed = model.get_input_embeddings()
    nothing = embed.weight.new_zeros((0, embed.weight.shape[1]))
    while any(not row.done for row in rows):
        # 2) Choose the next id of every row that goes on, and what must follow it.
        logits = model.lm_head(torch.stack([row.states[-1] for row in rows])).float()
        probabilities, choices = logits.softmax(dim=-1).max(dim=-1)
        chunks: list[list[int]] = []
        for row, choice, probability in zip(rows, choices.tolist(), probabilities.tolist(), strict=True):
            chunks.append(row.take(choice, probability, forced_after(choice), stop_id, max_new_tokens))
        if not any(chunks):
            break
        # 3) Feed the chunks; every state inside a chunk predicts the id after it.
        device = positions.device
        fed = [embed(torch.tensor(chunk, device=device)) if chunk else nothing for chunk in chunks]
        states, seen = _feed(model, cache, seen, positions, fed)
        for row, chunk, state in zip(rows, chunks, states, strict=True):
            row.states.extend(state[: len(chunk)])
        positions = positions + torch.tensor([len(chunk) for chunk in chunks], device=device)

    # 4) Only the generated states leave; the cache ends here.
    return [Generated(row.ids, row.probabilities, torch.stack(row.states), row.finished) for row in rows]


class _Row:
    """What one row has said so far."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.probabilities: list[float] = []
        self.states: list[Tensor] = []
        self.done = False
        self.finished = False

    def take(
        self, choice: int, probability: float, forced: tuple[int, ...], stop_id: int, limit: int
    ) -> list[int]:
        """Note the chosen id and those forced after it; returns the ids to feed, none once the row is done."""
        if self.done:
            return []
        if choice == stop_id:
            self.done = self.finished = True
            return []
        chunk = [choice, *forced]
        if len(self.ids) + len(chunk) > limit:
            self.done = True
            return []
        self.ids += chunk
        self.probabilities += [probability] + [1.0] * len(forced)
        return chunk


def _rows_of(prefix: Prefix, image_index: Sequence[int]) -> DynamicCache:
    """A fresh cache holding each row's image; the prefix itself is never written to."""
    index = torch.as_tensor(list(image_index), device=prefix.mask.device)
    cache = DynamicCache()
    for number, (keys, values) in enumerate(prefix.layers):
        cache.update(keys[index], values[index], number)
    return cache


def _feed(
    model: LlamaForCausalLM, cache: DynamicCache, seen: Tensor, positions: Tensor, chunks: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Run one chunk of each row (padded on the right, pads masked); returns states (B, W, H) and the new mask."""
    B, W = len(chunks), max(len(chunk) for chunk in chunks)
    embeddings = chunks[0].new_zeros((B, W, chunks[0].shape[-1]))
    valid = torch.zeros((B, W), dtype=torch.bool, device=seen.device)
    for b, chunk in enumerate(chunks):
        embeddings[b, : len(chunk)] = chunk
        valid[b, : len(chunk)] = True
    causal = torch.ones(W, W, dtype=torch.bool, device=seen.device).tril()
    own = (causal & valid[:, None, :]) | torch.eye(W, dtype=torch.bool, device=seen.device)
    mask = torch.cat([seen[:, None, :].expand(B, W, -1), own], dim=-1)[:, None]
    output = model.model(
        inputs_embeds=embeddings,
        attention_mask=mask,
        position_ids=positions[:, None] + torch.arange(W, device=seen.device),
        past_key_values=cache,
        use_cache=True,
    )
    return output.last_hidden_state, torch.cat([seen, valid], dim=1)
