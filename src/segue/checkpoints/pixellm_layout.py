"""PixelLM's published layout: a LLaVA folder (`hf_model` on the hub) that lacks its CLIP tower.

What the folder does not say is found elsewhere: N from the tokens `[SEG0]`, `[SEG1]`, ... of its tokenizer,
decoder sizes from the weights' shapes, CLIP from the folder that `config.json` names. The constants of
fusion and scale combination were plain Python lists in the released code: no checkpoint holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.llava_layout import find_clip, text_config
from segue.checkpoints.names import NameTable, Row, prefixed
from segue.checkpoints.shards import read_json, read_tensors
from segue.checkpoints.weights import build_and_fill
from segue.errors import CheckpointError
from segue.llama_tokenizer import LlamaTokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from segue.modeling.pixellm import PixelLMModel
    from segue.pixellm_processing import PixelLMProcessor

__all__ = ["SUBFOLDER", "is_pixellm", "model_folder", "pixellm_table", "read_pixellm", "to_published"]

SUBFOLDER = "hf_model"
SECOND_LAYER = -11
"""The released code's literal: the hidden state of CLIP that the second scale sees."""

_BLOCK: tuple[Row, ...] = (
    ("layers.{j}.self_attn.", "layers.{j}.self_attention."),
    ("layers.{j}.cross_attn_token_to_image.", "layers.{j}.token_to_image."),
    ("layers.{j}.cross_attn_image_to_token.", "layers.{j}.image_to_token."),
    ("layers.{j}.mlp.lin1.", "layers.{j}.mlp.0."),
    ("layers.{j}.mlp.lin2.", "layers.{j}.mlp.2."),
    ("layers.{j}.norm1.", "layers.{j}.norms.0."),
    ("layers.{j}.norm2.", "layers.{j}.norms.1."),
    ("layers.{j}.norm3.", "layers.{j}.norms.2."),
    ("layers.{j}.norm4.", "layers.{j}.norms.3."),
    ("final_attn_token_to_image.", "final_attention."),
    ("norm_final_attn.", "final_norm."),
)
_MLP: tuple[Row, ...] = (("layers.0.", "0."), ("layers.1.", "2."), ("layers.2.", "4."))  # we count ReLUs
_DECODER: tuple[Row, ...] = (
    ("pe1.positional_encoding_gaussian_matrix", "fine_positions.gaussian"),
    ("iou_token.weight", "quality_token"),
    ("mask_tokens.weight", "mask_tokens"),
    ("level_embed.weight", "level_embed"),
    ("upsample_2x.0.", "upsample.0."),
    ("upsample_2x.1.", "upsample.1.norm."),
    ("output_upscaling.0.", "output_upscaling.0."),
    ("output_upscaling.1.", "output_upscaling.1.norm."),
    *prefixed(_MLP, "output_hypernetworks_mlps.{i}.", "hypernetworks.{i}."),
    *prefixed(_MLP, "iou_prediction_head.", "quality_head."),
    *prefixed(_BLOCK, "transformer.{i}.", "transformers.{i}."),
)
_ROWS: tuple[Row, ...] = (
    ("model.embed_tokens.", "language_model.model.embed_tokens."),
    ("model.layers.", "language_model.model.layers."),
    ("model.norm.", "language_model.model.norm."),
    ("lm_head.", "language_model.lm_head."),
    ("model.mm_projector.", "projector."),
    ("model.out_mm_projector.", "feature_projector."),
    ("model.text_hidden_fcs.0.", "mask_projection."),
    ("model.image_feature_neck.0.", "pixel_decoder.neck.0."),
    ("model.image_feature_neck.1.", "pixel_decoder.neck.1.norm."),
    ("model.image_feature_neck.2.", "pixel_decoder.neck.2."),
    ("model.image_feature_neck.3.", "pixel_decoder.neck.3.norm."),
    (
        "model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "pixel_decoder.coarse_positions.gaussian",
    ),
    ("model.prompt_encoder.no_mask_embed.weight", "pixel_decoder.dense_prompt"),
    *prefixed(_DECODER, "model.mask_decoder.", "pixel_decoder."),
)
# In published folders without any effect on an answer: recomputed, or parts of SAM that are not run.
_DROPPED = (
    "model.layers.{i}.self_attn.rotary_emb.inv_freq",
    "model.prompt_encoder.point_embeddings.",
    "model.prompt_encoder.not_a_point_embed.",
    "model.prompt_encoder.mask_downscaling.",
    "model.vision_tower.",
)
_VISION = "vision.model."


def pixellm_table() -> NameTable:
    """(published, ours) names of all but CLIP."""
    return NameTable(_ROWS, _DROPPED)


def is_pixellm(raw: Mapping[str, Any]) -> bool:
    """Whether a published `config.json` is PixelLM's (its model_type is plain "llava")."""
    return "PixelLMForCausalLM" in (raw.get("architectures") or ())


def model_folder(folder: Path) -> Path:
    """The folder itself, or the one of that name inside it where the hub keeps the model."""
    inside = folder / SUBFOLDER
    return inside if not (folder / "config.json").is_file() and (inside / "config.json").is_file() else folder


def read_pixellm(
    folder: Path, *, dtype: torch.dtype, vision_tower: str | Path | None = None
) -> tuple[PixelLMModel, PixelLMProcessor]:
    """A folder as published, or the hub's folder around it.

    Args:
        folder: local; with `config.json`, weights and tokenizer files.
        dtype: of the model.
        vision_tower: CLIP's folder or hub name; default: what `config.json` says.

    Raises:
        CheckpointError: not this layout; missing, unexpected or mis-shaped weights.
    """
    from segue.modeling.pixellm import PixelLMModel
    from segue.modeling.pixellm_configuration import PixelLMConfig
    from segue.pixellm_processing import PixelLMProcessor

    # 1) Weights by our names.
    folder = model_folder(folder)
    raw = read_json(folder / "config.json")
    clip = find_clip(vision_tower, raw, folder)
    state, table = read_tensors(folder), pixellm_table()
    ours: dict[str, Tensor] = {_VISION + name: value for name, value in clip.state.items()}
    unknown = []
    for name, value in state.items():
        if table.drops(name):
            continue
        if (own := table.to_ours(name)) is None:
            unknown.append(name)
        else:
            ours[own] = value

    # 2) The codebook: N is what the tokenizer has for each scale.
    tokenizer = LlamaTokenizer.read(folder, new_tokens=("<im_start>", "<im_end>"), strip=True)
    layers = _feature_layers(raw)
    if -min(layers) > clip.config.num_hidden_layers + 1:
        raise CheckpointError(
            f"{folder}: CLIP has {clip.config.num_hidden_layers} blocks, too few for its layers {layers};"
            " vision_tower= names another network than it was trained with"
        )
    size = _count_mask_tokens(tokenizer, folder)
    if size % len(layers):
        raise CheckpointError(f"{folder}: {size} mask tokens cannot be shared by {len(layers)} scales")

    # 3) The configuration, with the choices that the released code ran with.
    first = "pixel_decoder.transformers.0.layers.{}.mlp.0.weight"
    if first.format(0) not in ours or ours[first.format(0)].ndim != 2:
        raise CheckpointError(f"{folder}: no pixel decoder (model.mask_decoder.*); is it a base model?")
    mlp, width = ours[first.format(0)].shape
    native: Any = clip.config.image_size
    config = PixelLMConfig(
        vision_config=clip.config,
        text_config=text_config(raw, state),
        image_size=raw.get("resize_vision_tower_size", 448)
        if raw.get("resize_vision_tower", True)
        else native,
        feature_layers=layers,
        tokens_per_scale=size // len(layers),
        decoder_width=width,
        decoder_mlp=mlp,
        decoder_depth=sum(first.format(number) in ours for number in range(64)),
        fusion="constant",
        scale_weights="constant",
        refinement="off",
        use_image_marks=raw.get("mm_use_im_start_end", True),
    )
    if len(tokenizer) > config.text_config.vocab_size:
        raise CheckpointError(
            f"{folder}: the tokenizer has {len(tokenizer)} entries, the weights"
            f" {config.text_config.vocab_size}; one of the two belongs to another model"
        )

    # 4) The model.
    model = build_and_fill(
        lambda: PixelLMModel(config),
        ours,
        where=str(folder),
        dtype=dtype,
        shown=table.to_published,
        also_unexpected=unknown,
    )
    return model, PixelLMProcessor(config, tokenizer)


def to_published(model: PixelLMModel) -> dict[str, Tensor]:
    """The model's tensors under their published names, without CLIP's, as the released code saves them.

    Raises:
        CheckpointError: the model has a learned fusion or learned scale weights, which that layout lacks.
    """
    table = pixellm_table()
    own = {name: value for name, value in model.state_dict().items() if not name.startswith(_VISION)}
    published = {name: table.to_published(name) for name in own}
    if ours_alone := [name for name, theirs in published.items() if theirs is None]:
        raise CheckpointError(
            f"PixelLM's layout has no place for {', '.join(ours_alone)}; keep segue's own (save_pretrained)"
        )
    return {str(published[name]): value for name, value in own.items()}


def _count_mask_tokens(tokenizer: LlamaTokenizer, folder: Path) -> int:
    """L * N: so many `[SEGi]`, or 1 for a single `[SEG]`."""
    numbers = {int(found[1]) for token in tokenizer.added if (found := re.fullmatch(r"\[SEG(\d+)\]", token))}
    if numbers != set(range(len(numbers))):
        raise CheckpointError(f"{folder}: its tokenizer skips some of [SEG0] ... [SEG{max(numbers)}]")
    if not numbers and "[SEG]" not in tokenizer.added:
        raise CheckpointError(f"{folder}: its tokenizer has neither [SEG] nor [SEG0]; it is not PixelLM's")
    return len(numbers) or 1


def _feature_layers(raw: Mapping[str, Any]) -> tuple[int, ...]:
    select = raw.get("mm_vision_select_layer", -2)
    scales = raw.get("image_feature_scale_num", 2)
    if isinstance(select, int) and scales in (1, 2):
        return (select, SECOND_LAYER)[:scales]
    raise CheckpointError(
        f"config.json has {scales} scales of CLIP layers {select}; the published code knows 1 or 2 scales"
    )
