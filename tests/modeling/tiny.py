"""A tiny random model of the composition and its processor, for tests: built in a tenth of a second."""

from __future__ import annotations

from typing import Any

import torch

from segue.modeling.configuration import GroundedConfig
from segue.modeling.grounded import GroundedModel
from segue.processing import Processor
from segue.training.tokenizer import train_tokenizer

TEXTS = [
    "Where is the dog? Where are the red mug and the spoon?",
    "The dog on the left. There is no cat in this image.",
    "Describe this image. A red mug stands on a wooden table, and a spoon lies beside it.",
] * 3


def tiny_config(**changes: Any) -> GroundedConfig:
    """32-pixel input, two layers everywhere."""
    sections: dict[str, dict[str, Any]] = {
        "vision_config": {
            "image_size": 32,
            "stem_widths": (8, 8, 16, 16),
            "stem_depths": (0, 1, 0, 0),
            "hidden_size": 16,
            "num_layers": 2,
            "num_heads": 2,
            "feature_layers": (2, 1),
        },
        "text_config": {
            "vocab_size": 320,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "max_position_embeddings": 512,
            "tie_word_embeddings": True,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
        "decoder_config": {"hidden_size": 16, "depth": 1, "num_heads": 2, "mlp_dim": 16},
        "mask_token_config": {},
    }
    plain = {}
    for name, value in changes.items():
        if name in sections:
            sections[name] |= value
        else:
            plain[name] = value
    return GroundedConfig(**sections, **plain)


def tiny_model(*, seed: int = 0, scale: float = 6.0, **changes: Any) -> tuple[GroundedModel, Processor]:
    """Random weights, by default large enough that greedy choices differ between prompts."""
    config = tiny_config(**changes)
    torch.manual_seed(seed)
    model = GroundedModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
    return model, Processor(config, train_tokenizer(TEXTS, config))
