"""Greedy generation with a key-value cache, real batches, and mask groups fed in one step.

The loop knows ids and states only, no text: it is told which ids must follow which (`forced_after`) and
where to stop. For every generated id it keeps the state that predicts it, which is what mask tokens are read
from, and nothing of the prompt. A batch gives the same ids as its rows one by one: padded slots are masked
and rows keep their own positions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, LlamaForCausalLM

__all__ = ["Embed", "Generated", "Prefix", "Read", "Watch", "compute_prefix", "generate", "read_given"]

Embed = Callable[[Tensor, Tensor, Sequence[Sequence[int]]], Tensor]
"""Ids (B, W), the number of each row's image (B,), and the ids that each row has said before, to (B, W, H):
what the language model reads."""

Read = Callable[[Tensor, Tensor], Tensor]
"""States (B, H) and the number of each row's image (B,) to the states that the next ids are chosen by."""

Watch = Callable[[int, Sequence[int]], bool]
"""Told after each step what a row (its number) has said so far; False takes the row out of the batch."""


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
        states: (len(ids) + 1, H): row i predicts id i; the last was reached after the whole answer.
        finished: False when the answer was cut at the limit, or dropped.
        dropped: whoever watched did not want the rest; the states of the last ids are missing then.
    """

    ids: list[int]
    probabilities: list[float]
    states: Tensor
    finished: bool
    dropped: bool = False


@torch.no_grad()
def compute_prefix(model: LlamaForCausalLM, embeddings: Tensor, mask: Tensor | None = None) -> Prefix:
    """Run (I, P, H) embeddings once; `mask` (I, P) bool marks slots that count (default: all)."""
    if mask is None:
        mask = torch.ones(embeddings.shape[:2], dtype=torch.bool, device=embeddings.device)
    cache = DynamicCache()
    model.model(
        inputs_embeds=embeddings,
        attention_mask=_additive(_own_mask(mask), embeddings.dtype),
        past_key_values=cache,
        use_cache=True,
    )
    layers: Sequence[Any] = cache.layers
    return Prefix(layers=tuple((layer.keys, layer.values) for layer in layers), mask=mask)


@torch.no_grad()
def read_given(
    model: LlamaForCausalLM, prefix: Prefix, texts: Sequence[Tensor], *, image_index: Sequence[int]
) -> list[Tensor]:
    """Teacher forcing behind shared prefixes: the states (T_b, H) of B given texts in one pass.

    Args:
        prefix: of I images.
        texts: B embeddings (T_b, H) of what follows the prefix, question and answer.
        image_index: the image of each text.
    """
    if not texts:
        return []
    lengths = [len(text) for text in texts]
    states = _Batch(model, prefix, image_index).feed(pad_sequence(list(texts), batch_first=True), lengths)
    return [state[:length] for state, length in zip(states, lengths, strict=True)]


@torch.no_grad()
def generate(
    model: LlamaForCausalLM,
    prefix: Prefix,
    prompts: Sequence[Tensor],
    *,
    image_index: Sequence[int],
    stop_id: int,
    max_new_tokens: int | Sequence[int],
    forced_after: Callable[[int], tuple[int, ...]] = lambda token: (),
    embed: Embed | None = None,
    read: Read | None = None,
    watch: Watch | None = None,
) -> list[Generated]:
    """Greedy answers to B prompts.

    Args:
        prefix: of I images.
        prompts: B embeddings (T_b, H) of what follows the prefix.
        image_index: the image of each prompt.
        stop_id: ends an answer.
        max_new_tokens: of each answer, one number for all or one for each; a group that would go beyond is
            not begun.
        forced_after: ids that must follow an id; they are fed together with it, in one step.
        embed: of the ids that are said; None: the input embeddings alone.
        read: what a state reads before it chooses; None: nothing. The states that are kept have not read.
        watch: sees each row's ids before they are fed (not the end) and may drop the row: a server's clients
            leave, and read along.
    """
    if not prompts:
        return []
    limits = [max_new_tokens] * len(prompts) if isinstance(max_new_tokens, int) else max_new_tokens
    rows = [_Row(number, limit) for number, limit in zip(range(len(prompts)), limits, strict=True)]
    batch = _Batch(model, prefix, image_index)

    # 1) Feed the prompts; each row's last state predicts its first id.
    lengths = [len(prompt) for prompt in prompts]
    states = batch.feed(pad_sequence(list(prompts), batch_first=True), lengths)
    for row, length, state in zip(rows, lengths, states, strict=True):
        row.states.append(state[length - 1])

    going = rows
    words = model.get_input_embeddings()
    while going:
        # 2) Choose the next id of every row that goes on, and what must follow it.
        last = torch.stack([row.states[-1] for row in going])
        logits = model.lm_head(last if read is None else read(last, batch.images)).float()
        probabilities, choices = logits.softmax(dim=-1).max(dim=-1)
        chunks = [
            row.take(choice, probability, forced_after(choice), stop_id, watch)
            for row, choice, probability in zip(going, choices.tolist(), probabilities.tolist(), strict=True)
        ]
        # 3) Rows that are done leave the batch.
        left = [number for number, chunk in enumerate(chunks) if chunk]
        if len(left) < len(going):
            going, chunks = [going[n] for n in left], [chunks[n] for n in left]
            batch.keep(left)
        if not going:
            break
        # 4) Feed the chunks; every state inside a chunk predicts the id after it.
        lengths = [len(chunk) for chunk in chunks]
        ids = pad_sequence([torch.tensor(chunk) for chunk in chunks], batch_first=True)
        ids = ids.to(prefix.mask.device)
        before = [row.ids[: -len(chunk)] for row, chunk in zip(going, chunks, strict=True)]
        states = batch.feed(words(ids) if embed is None else embed(ids, batch.images, before), lengths)
        for row, length, state in zip(going, lengths, states, strict=True):
            row.states.extend(state[:length])

    # 5) Only the generated states leave; the cache ends here.
    return [
        Generated(row.ids, row.probabilities, torch.stack(row.states), row.finished, row.dropped)
        for row in rows
    ]


class _Row:
    """What one row has said so far."""

    def __init__(self, number: int, limit: int) -> None:
        self.number = number
        self.limit = limit
        self.ids: list[int] = []
        self.probabilities: list[float] = []
        self.states: list[Tensor] = []
        self.finished = self.dropped = False

    def take(
        self, choice: int, probability: float, forced: tuple[int, ...], stop_id: int, watch: Watch | None
    ) -> list[int]:
        """Note the chosen id and those forced after it; returns the ids to feed, none once done."""
        if choice == stop_id:
            self.finished = True
            return []
        chunk = [choice, *forced]
        if len(self.ids) + len(chunk) > self.limit:
            return []
        self.ids += chunk
        self.probabilities += [min(probability, 1.0)] + [1.0] * len(forced)
        if watch is not None and not watch(self.number, self.ids):
            self.dropped = True
            return []
        return chunk


class _Batch:
    """The cache of the rows that go on, what of it each may read, and how far each has come."""

    def __init__(self, model: LlamaForCausalLM, prefix: Prefix, image_index: Sequence[int]):
        index = torch.as_tensor(list(image_index), device=prefix.mask.device)
        self.model = model
        self.images = index
        self.seen = prefix.mask[index]
        self.positions = torch.full((len(index),), prefix.mask.shape[1], device=index.device)
        # A fresh cache with each row's image; the prefix itself is never written to.
        self.cache = DynamicCache()
        for number, (keys, values) in enumerate(prefix.layers):
            self.cache.update(keys[index], values[index], number)

    def feed(self, embeddings: Tensor, lengths: Sequence[int]) -> Tensor:
        """Run one chunk of each row, (B, W, H) of which `lengths` count; returns states (B, W, H)."""
        steps = torch.arange(embeddings.shape[1], device=self.seen.device)
        fed = torch.tensor(lengths, device=self.seen.device)
        valid = steps < fed[:, None]
        past = self.seen[:, None, None, :].expand(-1, -1, len(steps), -1)
        output = self.model.model(
            inputs_embeds=embeddings,
            attention_mask=_additive(torch.cat([past, _own_mask(valid)], dim=-1), embeddings.dtype),
            position_ids=self.positions[:, None] + steps,
            past_key_values=self.cache,
            use_cache=True,
        )
        self.seen = torch.cat([self.seen, valid], dim=1)
        self.positions = self.positions + fed
        return output.last_hidden_state

    def keep(self, rows: list[int]) -> None:
        """Forget the other rows."""
        index = torch.tensor(rows, dtype=torch.long, device=self.seen.device)
        self.cache.batch_select_indices(index)
        self.images, self.seen, self.positions = self.images[index], self.seen[index], self.positions[index]


def _own_mask(valid: Tensor) -> Tensor:
    """(B, W) slots that count -> (B, 1, W, W) bool: causal; padding reads itself (no empty softmax)."""
    W = valid.shape[1]
    diagonal = torch.eye(W, dtype=torch.bool, device=valid.device)
    causal = torch.ones(W, W, dtype=torch.bool, device=valid.device).tril()
    return ((causal & valid[:, None, :]) | diagonal)[:, None]


def _additive(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """A bool mask as what is added to attention scores: every attention implementation takes that."""
    return torch.zeros_like(allowed, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)
