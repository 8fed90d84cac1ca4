"""PixelLLM put together from what it is trained on: Flan-T5, EVA-02 and Segment Anything.

    language_model=   Flan-T5's folder or hub name: tokenizer.json, weights
    vision_tower=     EVA-02: a folder, hub name or file of timm's or EVA-CLIP's weights
    sam=              Segment Anything: transformers' folder or hub name, or the original .pth

The paper's first stage, captions of a private set, cannot be repeated: training starts from these at the
second. SAM's position tables, made for 1024 pixels, are fitted to the model's input here, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.bases import Built, compare_section, fresh_weights, local_folder, read_sam
from segue.checkpoints.hub import fetch_folder
from segue.checkpoints.shards import read_file, read_json, read_tensors
from segue.checkpoints.weights import build_and_fill
from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["build_pixelllm"]

_T5_FIELDS = (
    "vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads",
    "relative_attention_num_buckets", "relative_attention_max_distance", "dropout_rate",
    "layer_norm_epsilon", "feed_forward_proj",
)  # fmt: skip
_FRESH = ("extractor.", "captioner.visual_projection.", "location_head.", "mask_adapter.", "detector.")


def build_pixelllm(
    *,
    language_model: str,
    vision_tower: str,
    sam: str | None,
    expected: Mapping[str, Any],
    dtype: torch.dtype,
    seed: int,
) -> Built:
    """PixelLLM before its training on public data; `Built.processor` is its `CaptionText`.

    Args:
        expected: sections and settings of `PixelLLMConfig`.

    Raises:
        CheckpointError: a base is missing, has other dimensions than expected, or misses weights.
    """
    import torch
    from transformers import T5Config

    from segue.checkpoints.pixelllm_folder import texts
    from segue.modeling.eva02 import Eva02, read_timm_weights
    from segue.modeling.pixelllm import PixelLLM
    from segue.modeling.pixelllm_configuration import PixelLLMConfig
    from segue.modeling.pixelllm_vision import resize_sam_tables

    if sam is None:
        raise CheckpointError("PixelLLM needs Segment Anything: give init.sam")
    # 1) The configuration: networks as the recipe has them, the language model as it is.
    folder = local_folder(language_model)
    raw = read_json(folder / "config.json")
    own = {name: raw[name] for name in _T5_FIELDS if raw.get(name) is not None}
    networks = {name: value for name, value in expected.items() if name != "text_config"}
    config = PixelLLMConfig(text_config=T5Config(**own), **networks)
    compare_section(config.text_config, expected.get("text_config", {}), where="text_config")

    # 2) The bases' weights by our names.
    sam_state, dimensions = read_sam(sam)
    if dimensions.embed_dim != config.sam_config.hidden_size:
        raise CheckpointError(
            f"the recipe says sam_config.hidden_size {config.sam_config.hidden_size}, {sam} has"
            f" {dimensions.embed_dim}"
        )
    eva = Eva02(config.eva_config)
    read_timm_weights(eva, _timm_weights(vision_tower))
    ours = {f"vision.eva.{name}": value for name, value in eva.state_dict().items()}
    encoder = {
        name.removeprefix("image_encoder."): value
        for name, value in sam_state.items()
        if name.startswith("image_encoder.")
    }
    encoder = resize_sam_tables(encoder, config.sam_config)
    ours |= {f"vision.sam.{name}": value for name, value in encoder.items()}
    ours |= _prompts(sam_state)
    if config.mask_decoder_config is not None:
        ours |= {name: value for name, value in sam_state.items() if name.startswith("mask_decoder.")}
    ours |= _captioner(read_tensors(folder), lora=bool(config.lora_rank))

    # 3) What no base has.
    made = fresh_weights(lambda: PixelLLM(_small(config)), _FRESH, seed=seed)
    made |= _lora(config, seed=seed)

    def build() -> PixelLLM:
        model = PixelLLM(config)
        for name, mean, std in (
            ("eva", config.eva_config.pixel_mean, config.eva_config.pixel_std),
            ("sam", config.sam_pixel_mean, config.sam_pixel_std),
        ):  # not in any file: numbers of the configuration
            for kind, numbers in (("mean", mean), ("std", std)):
                values = torch.tensor(numbers, device="cpu").view(1, 3, 1, 1)
                model.vision.register_buffer(f"{name}_{kind}", values, persistent=False)
        return model

    model = build_and_fill(build, ours | made, where="the base checkpoints", dtype=dtype)
    return Built(model, texts(folder, config), frozenset(made))


def _timm_weights(name: str) -> dict[str, Tensor]:
    path = Path(name)
    if path.is_file():
        return read_file(path)
    return read_tensors(path if path.is_dir() else fetch_folder(name))


def _prompts(sam: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """SAM's prompt encoder as PixelLLM holds it: one table for its four kinds of point."""
    import torch

    kinds = [sam[f"prompt_encoder.point_embed.{number}.weight"] for number in range(4)]
    return {
        "prompt_encoder.positions.gaussian": sam["prompt_encoder.shared_embedding.positional_embedding"],
        "prompt_encoder.point_embed": torch.cat(kinds),
        "prompt_encoder.not_a_point": sam["prompt_encoder.not_a_point_embed.weight"][0],
        "prompt_encoder.no_mask": sam["prompt_encoder.no_mask_embed.weight"][0],
    }


def _captioner(state: Mapping[str, Tensor], *, lora: bool) -> dict[str, Tensor]:
    """T5's weights; those that LoRA adapts stand under PEFT's name for them."""
    named = {}
    for name, value in state.items():
        if name.endswith("embed_tokens.weight"):  # the shared table once more
            continue
        if lora and name.rsplit(".", 2)[-2] in ("q", "v"):
            name = name.removesuffix("weight") + "base_layer.weight"
        named[f"captioner.{name}"] = value
    return named


def _lora(config: Any, *, seed: int) -> dict[str, Tensor]:
    """A as PEFT starts it (Kaiming, uniform), B zero."""
    import torch

    from segue.modeling.pixelllm import PixelLLM

    with torch.device("meta"):
        names = {name: p.shape for name, p in PixelLLM(config).named_parameters() if ".lora_" in name}
    generator = torch.Generator().manual_seed(seed + 1)
    made = {}
    for name, shape in names.items():
        bound = shape[1] ** -0.5  # kaiming_uniform_(a=sqrt(5))
        uniform = torch.rand(shape, generator=generator) * 2 - 1
        made[name] = uniform * bound if ".lora_A." in name else torch.zeros(shape)
    return made


def _small(config: Any) -> Any:
    """The same configuration with encoders and a language model of one layer, to make the other parts by."""
    small = type(config).from_dict(config.to_dict())
    small.lora_rank = 0
    small.text_config.num_layers = small.text_config.num_decoder_layers = 1
    small.text_config.vocab_size = 8
    small.eva_config.num_layers = small.sam_config.num_hidden_layers = 1
    return small
