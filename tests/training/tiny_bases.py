"""Base checkpoints of a few thousand random weights, in the forms in which the real ones are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)

from segue.checkpoints.names import NameTable
from segue.checkpoints.sam_layout import SamDimensions, sam_names
from segue.checkpoints.sentencepiece_model import SentencePieceModel
from segue.modeling.eva02 import Eva02
from segue.modeling.pixelllm_configuration import Eva02Config
from segue.modeling.sam import Sam
from tests.modeling.tiny_lisa import SAM
from tests.modeling.tiny_pixelllm import tiny_pixelllm_config, tiny_tokenizer
from tests.test_llama_tokenizer import model_file


def llava(folder: Path, *, projector: bool = True) -> str:
    """LLaVA's folder; with a projector of CLIP's 16 to LLaMA's 32."""
    folder.mkdir(parents=True)
    (folder / "tokenizer.model").write_bytes(model_file())
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        vocab_size=len(SentencePieceModel.read(folder / "tokenizer.model")),
        max_position_embeddings=2048,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    state = {name: value.contiguous() for name, value in LlamaForCausalLM(config).state_dict().items()}
    if projector:
        state |= {
            "model.mm_projector.weight": torch.randn(32, 16) * 0.1,
            "model.mm_projector.bias": torch.zeros(32),
        }
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    raw = config.to_dict() | {"model_type": "llava", "mm_vision_select_layer": -2, "mm_hidden_size": 16}
    (folder / "config.json").write_text(json.dumps(raw))
    return str(folder)


def clip(folder: Path, *, layers: int = 2) -> str:
    """CLIP's vision tower, 28 pixels."""
    config = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
    )
    torch.manual_seed(1)
    CLIPVisionModel(config).save_pretrained(folder)
    return str(folder)


def sam(file: Path, dimensions: SamDimensions = SAM) -> str:
    """Segment Anything's original file."""
    torch.manual_seed(2)
    model = Sam(dimensions.to_config())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.1)
    table = NameTable(sam_names(dimensions.iou_head_depth))
    state = {str(table.to_published(name)): value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, file)
    return str(file)


def llava_bases(folder: Path, family: str) -> dict[str, Any]:
    """`init` of a recipe of LISA, GSVA or PixelLM."""
    bases: dict[str, Any] = {
        "language_model": llava(folder / "llava"),
        "vision_tower": clip(folder / "clip", layers=4 if family == "pixellm" else 2),
    }
    return bases if family == "pixellm" else bases | {"sam": sam(folder / "sam.safetensors")}


PIXELLM = {
    "image_size": 56, "image_token_side": 2, "feature_layers": [-2, -3], "tokens_per_scale": 2,
    "decoder_width": 16, "decoder_heads": 2, "decoder_mlp": 24,
}  # fmt: skip
"""Settings of a PixelLM that fits these bases."""


def pixelllm_bases(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """`init` and `model` of a recipe of PixelLLM."""
    folder.mkdir(parents=True, exist_ok=True)
    t5 = T5Config(
        vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_heads=4, num_layers=2, feed_forward_proj="gated-gelu",
        tie_word_embeddings=False,
    )  # fmt: skip
    torch.manual_seed(3)
    state = {name: value.clone() for name, value in T5ForConditionalGeneration(t5).state_dict().items()}
    state["lm_head.weight"] = torch.randn(40, 16)  # Flan-T5 has one of its own
    t5.save_pretrained(folder / "t5")
    save_file(state, folder / "t5" / "model.safetensors", metadata={"format": "pt"})
    tiny_tokenizer().save(str(folder / "t5" / "tokenizer.json"))
    config = tiny_pixelllm_config()
    eva: Eva02Config = config.eva_config
    save_file(Eva02(eva).state_dict(), folder / "eva.safetensors")
    # SAM's tables are made for 64 pixels, and fitted to the model's 48.
    bases = {
        "language_model": str(folder / "t5"),
        "vision_tower": str(folder / "eva.safetensors"),
        "sam": sam(folder / "sam.safetensors"),
    }
    raw = config.to_dict()
    sections = {
        name: {key: value for key, value in raw[name].items() if not key.startswith("_")}
        for name in (
            "eva_config", "sam_config", "extractor_config", "mask_adapter_config", "detector_config"
        )
    }  # fmt: skip
    decoder = {
        "hidden_size": 16,
        "mlp_dim": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "iou_head_depth": 2,
        "iou_head_hidden_dim": 16,
    }
    plain = ("image_size", "prompt_size", "lora_rank", "point_hidden_size")
    return bases, sections | {"mask_decoder_config": decoder} | {name: raw[name] for name in plain}
