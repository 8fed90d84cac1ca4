"""Tiny random PixelLLMs and a tokenizer of a few words, for tests."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import SamVisionConfig, T5Config
from transformers.models.sam.configuration_sam import SamMaskDecoderConfig

from segue.caption_text import CaptionText
from segue.modeling import pixelllm_configuration as parts
from segue.modeling.pixelllm import PixelLLM

TEXT = "a long image caption : an object of where is the red mug on left cat dog woman in question answer"
WORDS = TEXT.split(" ")


def tiny_pixelllm_config(*, text: str = "t5", **changes: Any) -> parts.PixelLLMConfig:
    """56-pixel input, two layers everywhere, all parts present."""
    language: Any = T5Config(
        vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_heads=4, num_layers=2, feed_forward_proj="gated-gelu"
    )
    if text == "bert":
        language = parts.PrefixDecoderConfig(
            vocab_size=40, hidden_size=16, num_heads=4, num_layers=2, max_positions=32
        )
    values: dict[str, Any] = {
        "image_size": 56,
        "eva_config": parts.Eva02Config(
            image_size=56, pretrain_image_size=42, hidden_size=16, num_layers=2, num_heads=2, swiglu_hidden=24
        ),
        "sam_config": SamVisionConfig(
            image_size=48,
            hidden_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            output_channels=16,
            window_size=2,
            global_attn_indexes=[1],
            mlp_ratio=2.0,
        ),
        "prompt_size": 16,
        "extractor_config": parts.PromptExtractorConfig(
            num_layers=2, hidden_size=16, num_heads=2, mlp_size=24, num_output_tokens=3, output_size=12
        ),
        "text_config": language,
        "lora_rank": 2 if text == "t5" else 0,
        "point_hidden_size": 16,
        "mask_decoder_config": SamMaskDecoderConfig(
            hidden_size=16, mlp_dim=24, num_attention_heads=2, iou_head_hidden_dim=16
        ),
        "mask_adapter_config": parts.MaskAdapterConfig(hidden_size=16, num_heads=2, mlp_size=24),
        "detector_config": parts.CenterNetConfig(
            pyramid_inner_dim=16,
            pyramid_channels=32,
            tower_layers=1,
            group_norm_groups=8,
            pre_nms_topk=40,
            post_nms_topk=10,
            roi_fc=(16, 16),
            num_detections=4,
        ),
        "bos_token_id": 0 if text == "t5" else 2,
        "max_text_length": 10,
    }
    return parts.PixelLLMConfig(**(values | changes))


def tiny_pixelllm(**changes: Any) -> PixelLLM:
    """Random weights, always the same."""
    torch.manual_seed(0)
    return PixelLLM(tiny_pixelllm_config(**changes)).eval()


def tiny_tokenizer() -> Tokenizer:
    """Words are tokens; 0 is padding, 1 the end."""
    vocabulary = {word: number for number, word in enumerate(["<pad>", "</s>", "<s>", "<unk>", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def tiny_text(config: parts.PixelLLMConfig) -> CaptionText:
    """The tokenizer as the model's."""
    return CaptionText(tiny_tokenizer(), config.bos_token_id, config.eos_token_id, config.max_text_length, 6)
