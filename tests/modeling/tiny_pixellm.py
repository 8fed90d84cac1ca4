"""A tiny random PixelLM for tests: 56-pixel input, 4 x 4 cells, two or three layers everywhere."""

from __future__ import annotations

from typing import Any

import torch
from transformers import CLIPVisionConfig, LlamaConfig

from segue.modeling.pixellm import PixelLMModel, PixelLMPixels
from segue.modeling.pixellm_configuration import PixelLMConfig

FIRST_MASK_ID = 40


def tiny_pixellm_config(*, scales: int = 2, **changes: Any) -> PixelLMConfig:
    settings: dict[str, Any] = {
        "vision_config": CLIPVisionConfig(
            image_size=28, patch_size=14, hidden_size=16, intermediate_size=24, num_hidden_layers=4,
            num_attention_heads=2,
        ),
        "text_config": LlamaConfig(
            vocab_size=60, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=4, max_position_embeddings=256, pad_token_id=0, bos_token_id=1,
            eos_token_id=2, tie_word_embeddings=False,
        ),
        "image_size": 56,
        "image_token_side": 2,
        "feature_layers": (-2, -3, -4)[:scales],
        "tokens_per_scale": 2,
        "decoder_width": 16,
        "decoder_heads": 2,
        "decoder_mlp": 24,
    }  # fmt: skip
    return PixelLMConfig(**settings | changes)


def tiny_pixellm(*, seed: int = 0, spread: float = 0.15, **changes: Any) -> PixelLMModel:
    """Random weights, large enough that inputs matter."""
    torch.manual_seed(seed)
    model = PixelLMModel(tiny_pixellm_config(**changes)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(std=spread)
    return model


def tiny_pictures(count: int, *, seed: int = 1) -> PixelLMPixels:
    """Pictures of different proportions."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, 3, 56, 56), generator=generator, dtype=torch.uint8)
    sizes = [(56, 30), (40, 56), (56, 56), (13, 56)]
    return PixelLMPixels(pixels, torch.tensor([sizes[i % len(sizes)] for i in range(count)]))
