"""Weights and inputs that the full-width decoder's golden numbers were made with: noise by a formula."""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from segue.checkpoints.pixellm_layout import pixellm_table
from segue.modeling.pixellm_configuration import PixelLMConfig
from segue.modeling.pixellm_decoder import PixelLMDecoder


def uniform(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Deterministic noise in [-0.5, 0.5), float64."""
    x = (np.arange(int(np.prod(shape)), dtype=np.uint64) * 2654435761 + crc32(name.encode())) % 2**32
    for _ in range(2):
        x ^= x >> np.uint64(16)
        x = x * 0x45D9F3B % 2**32
    x ^= x >> np.uint64(16)
    return (x / 2.0**32 - 0.5).reshape(shape)


def weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """A weight by its published name."""
    u = uniform(name, shape)
    if len(shape) == 1 and ("norm" in name or re.search(r"(upsample_2x|output_upscaling)\.1\.", name)):
        u = 1 + 0.5 * u if name.endswith("weight") else 0.5 * u
    elif name.endswith("bias"):
        u = 0.4 * u
    elif "gaussian_matrix" in name:
        u = 3 * u
    elif re.search(r"(iou_token|mask_tokens|level_embed|no_mask_embed)\.weight$", name):
        u = 1.5 * u
    else:
        u = 3 * u / np.sqrt(shape[1] * np.prod(shape[2:]))
    return torch.tensor(u, dtype=torch.float32)


def full_width_decoder() -> PixelLMDecoder:
    """The decoder at published size; its neck is not part of the golden numbers."""
    decoder = PixelLMDecoder(PixelLMConfig(fusion="constant", scale_weights="constant"), feature_width=8)
    table = pixellm_table()
    weights = {
        name: weight(str(table.to_published(f"pixel_decoder.{name}")), tuple(value.shape))
        for name, value in decoder.state_dict().items()
        if not name.startswith("neck.")
    }
    decoder.load_state_dict(weights, strict=False)
    return decoder.eval()


def full_width_inputs() -> tuple[Tensor, Tensor]:
    """Neck features (L, D, 32, 32) of one picture and fused tokens (K, L, D)."""
    seen = torch.tensor(2 * uniform("input.image_features", (2, 256, 32, 32)), dtype=torch.float32)
    tokens = torch.tensor(3 * uniform("input.fused_embeddings", (2, 2, 256)), dtype=torch.float32)
    return seen, tokens
