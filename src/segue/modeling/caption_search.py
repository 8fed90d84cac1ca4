"""Greedy and beam search as the released PixelLLM does them, with a cache.

Texts are rows of a fixed length L: BOS, then tokens, then EOS in every slot that was not generated. The last
slot is never generated. Cached reading is exact until a row generates the pad id while the language model
masks by the following token (T5, see `captioners`); from there on whole texts are read, as the original
always does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from segue.modeling.captioners import Captioner

__all__ = ["Beams", "beam_search", "brevity_penalty", "clean", "greedy_search"]

FORBIDDEN = -10000.0
NONE_YET = -1e7


@dataclass(frozen=True)
class Beams:
    """(R, K, L) texts and (R, K) scores, worst first: the best is the last."""

    texts: Tensor
    scores: Tensor


@torch.no_grad()
def greedy_search(
    captioner: Captioner,
    memory: Any,
    *,
    rows: int,
    length: int,
    bos: int,
    eos: int,
    tick: Callable[[], None] = lambda: None,
) -> Beams:
    """The likeliest token at each step, never the one before; scores are mean log probabilities of words.

    `tick` is called before each step; what it raises ends the search (a server's client that has left).
    """
    reader = _Reader(captioner, memory)
    text_RL = _blank(reader.device, rows, length, bos, eos)
    total = torch.zeros(rows, device=text_RL.device)
    finished = torch.zeros(rows, dtype=torch.bool, device=text_RL.device)
    for position in range(length - 2):
        tick()
        logits = reader.logits(text_RL, position)
        before = text_RL[:, position, None]
        logits.scatter_(1, before, logits.gather(1, before).clamp(max=FORBIDDEN))
        best, choice = logits.log_softmax(dim=-1).max(dim=-1)
        total = total + torch.where(finished, 0, best)
        text_RL[:, position + 1] = torch.where(finished, eos, choice)
        finished = finished | (choice == eos)
        if finished.all():
            break
    words = (text_RL != eos).sum(1) - 1
    return Beams(text_RL[:, None], (total / words.clamp(min=1))[:, None])


@torch.no_grad()
def beam_search(
    captioner: Captioner,
    memory: Any,
    *,
    rows: int,
    length: int,
    bos: int,
    eos: int,
    num_beams: int,
    per_node: int = 2,
    alpha: float = 0.6,
    tick: Callable[[], None] = lambda: None,
) -> Beams:
    """`num_beams` texts of each row; scores are log probabilities over the brevity penalty.

    At each step the `per_node` times `num_beams` best continuations are looked at. Where no text has ended,
    the live ones are returned with their plain log probabilities (as in the original). `tick` is as in
    `greedy_search`.
    """
    K = num_beams
    reader = _Reader(captioner, memory)
    reader.select(torch.arange(rows, device=reader.device).repeat_interleave(K))
    live = _blank(reader.device, rows * K, length, bos, eos).view(rows, K, length)
    live_scores = torch.full((rows, K), NONE_YET, device=live.device)
    live_scores[:, 0] = 0
    done = torch.zeros_like(live)
    done_scores = torch.full((rows, K), NONE_YET, device=live.device)
    done_flags = torch.zeros((rows, K), dtype=torch.bool, device=live.device)
    first = torch.arange(rows, device=live.device)[:, None] * K
    longest = brevity_penalty(alpha, length)
    for position in range(length - 2):
        tick()
        # 1) Continue every live text; keep more candidates than beams, ended ones are among them.
        log_probs = reader.logits(live.flatten(0, 1), position).log_softmax(dim=-1)
        scores = (log_probs.view(rows, K, -1) + live_scores[..., None]).flatten(1)
        scores, picked = scores.topk(K * per_node, dim=1)
        parents = picked // log_probs.shape[1]
        texts = live.gather(1, parents[..., None].expand(-1, -1, length)).clone()
        texts[:, :, position + 1] = picked % log_probs.shape[1]
        ended = texts[:, :, position + 1] == eos
        # 2) The best that go on.
        live_scores, order = (scores + ended * NONE_YET).topk(K, dim=1)
        live_scores, order = live_scores.flip(1), order.flip(1)
        live = texts.gather(1, order[..., None].expand(-1, -1, length))
        reader.select((first + parents.gather(1, order)).flatten())
        # 3) The best that have ended so far.
        ended_scores = scores / brevity_penalty(alpha, position + 1) + ~ended * NONE_YET
        all_scores = torch.cat([done_scores, ended_scores], dim=1)
        done_scores, order = all_scores.topk(K, dim=1)
        done_scores, order = done_scores.flip(1), order.flip(1)
        done = torch.cat([done, texts], dim=1).gather(1, order[..., None].expand(-1, -1, length))
        done_flags = torch.cat([done_flags, ended], dim=1).gather(1, order)
        # 4) Stop when nothing live can beat the worst that has ended.
        worst = torch.where(done_flags, done_scores, NONE_YET).amin(1)
        if (worst > live_scores[:, -1] / longest).all():
            break
    any_done = done_flags.any(1)
    return Beams(
        torch.where(any_done[:, None, None], done, live),
        torch.where(any_done[:, None], done_scores, live_scores),
    )


def brevity_penalty(alpha: float, length: int) -> float:
    """((5 + length) / 6) ** alpha (Wu et al., 2016)."""
    return ((5.0 + length) / 6.0) ** alpha


def clean(text: Tensor, eos: int) -> Tensor:
    """Everything behind the first EOS to 0."""
    behind = (text == eos).cumsum(-1) - (text == eos).long() > 0
    return text.masked_fill(behind, 0)


def _blank(device: torch.device, rows: int, length: int, bos: int, eos: int) -> Tensor:
    text = torch.full((rows, length), eos, dtype=torch.long, device=device)
    text[:, 0] = bos
    return text


class _Reader:
    """Logits at a position of growing texts: by the cursor while exact, else by reading them whole."""

    def __init__(self, captioner: Captioner, memory: Any):
        self.captioner, self.memory = captioner, memory
        self.device = memory.valid.device
        self.cursor = captioner.begin(memory)
        self.cached = True

    def logits(self, text_RL: Tensor, position: int) -> Tensor:
        ids = text_RL[:, position]
        if self.captioner.reads_ahead and position and bool((ids == 0).any()):
            self.cached = False
        if self.cached:
            states = self.cursor.feed(ids)
        else:
            states = self.captioner.read(self.memory, text_RL)[:, position]
        return self.captioner.logits(states).float()

    def select(self, rows: Tensor) -> None:
        self.memory = self.memory[rows]
        if self.cached:
            self.cursor.select(rows)
