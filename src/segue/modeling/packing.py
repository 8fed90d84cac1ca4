"""Several dialogues behind one image prefix, for language models that take a four-dimensional mask.

Which position may read which is `packed_attention_mask`'s (`segue.modeling.grounded`); here it is put into
the form that any attention of transformers adds to its scores.
"""

from __future__ import annotations

import torch
from torch import Tensor

from segue.modeling.grounded import packed_attention_mask

__all__ = ["additive_mask", "packed_scores"]


def additive_mask(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """Bool, True where attention is allowed -> 0 there and the smallest number elsewhere, of `dtype`."""
    return torch.zeros_like(allowed, dtype=dtype).masked_fill(~allowed, torch.finfo(dtype).min)


def packed_scores(segment_ids: Tensor, dtype: torch.dtype, *, readable: Tensor | None = None) -> Tensor:
    """(B, 1, T, T) to add to attention scores.

    Args:
        segment_ids: (B, T): 0 the prefix, 1, 2, ... the dialogues behind it, -1 padding.
        dtype: of the scores.
        readable: (B, T) bool, False where no other position may read (image tokens that show padding).
    """
    allowed = packed_attention_mask(segment_ids)
    if readable is not None:
        T = segment_ids.shape[1]
        own = torch.eye(T, dtype=torch.bool, device=segment_ids.device)
        allowed = allowed & (readable[:, None, None, :] | own)
    return additive_mask(allowed, dtype)
