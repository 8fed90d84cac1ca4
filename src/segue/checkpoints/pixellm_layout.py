"""PixelLM's published layout: a LLaVA-style folder (`hf_model` on the hub) that lacks its CLIP tower.

What the folder does not say is found elsewhere: N from the tokens `[SEG0]`, `[SEG1]`, ... of its tokenizer,
decoder sizes from the weights' shapes, CLIP from the folder that `config.json` names. The constants of
fusion and scale combination were plain Python lists in the released code: no checkpoint holds them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.shards import read_json, read_tensors
from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from segue.modeling.pixellm import PixelLMModel
    from segue.modeling.pixellm_configuration import PixelLMConfig

__all__ = [
    "find_vision_tower",
    "is_pixellm",
    "pixellm_config",
    "published_name",
    "read_pixellm",
    "to_published",
]

SUBFOLDER = "hf_model"
SECOND_LAYER = -11
"""The released code's literal: the hidden state of CLIP that the second scale sees."""

# Our names to the published ones, the first rule that fits; the rest of a name stays.
_RULES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^language_model\.lm_head\.", r"lm_head."),
        (r"^language_model\.model\.", r"model."),
        (r"^projector\.", r"model.mm_projector."),
        (r"^feature_projector\.", r"model.out_mm_projector."),
        (r"^mask_projection\.", r"model.text_hidden_fcs.0."),
        (r"^vision\.model\.", r"vision_model."),
        (r"^pixel_decoder\.neck\.(\d)\.(?:norm\.)?", r"model.image_feature_neck.\1."),
        (
            r"^pixel_decoder\.coarse_positions\.gaussian$",
            r"model.prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        ),
        (
            r"^pixel_decoder\.fine_positions\.gaussian$",
            r"model.mask_decoder.pe1.positional_encoding_gaussian_matrix",
        ),
        (r"^pixel_decoder\.dense_prompt$", r"model.prompt_encoder.no_mask_embed.weight"),
        (r"^pixel_decoder\.quality_token$", r"model.mask_decoder.iou_token.weight"),
        (r"^pixel_decoder\.(mask_tokens|level_embed)$", r"model.mask_decoder.\1.weight"),
        (r"^pixel_decoder\.upsample\.(\d)\.(?:norm\.)?", r"model.mask_decoder.upsample_2x.\1."),
        (r"^pixel_decoder\.output_upscaling\.(\d)\.(?:norm\.)?", r"model.mask_decoder.output_upscaling.\1."),
        (r"^pixel_decoder\.transformers\.", r"model.mask_decoder.transformer."),
        (
            r"^pixel_decoder\.hypernetworks\.(\d)\.",
            r"model.mask_decoder.output_hypernetworks_mlps.\1.layers.",
        ),
        (r"^pixel_decoder\.quality_head\.", r"model.mask_decoder.iou_prediction_head.layers."),
    )
)
_INNER_RULES = (
    (".self_attention.", ".self_attn."),
    (".token_to_image.", ".cross_attn_token_to_image."),
    (".image_to_token.", ".cross_attn_image_to_token."),
    (".mlp.0.", ".mlp.lin1."),
    (".mlp.2.", ".mlp.lin2."),
    (".norms.0.", ".norm1."),
    (".norms.1.", ".norm2."),
    (".norms.2.", ".norm3."),
    (".norms.3.", ".norm4."),
    (".final_attention.", ".final_attn_token_to_image."),
    (".final_norm.", ".norm_final_attn."),
)

# In published folders, and without any effect on an answer: recomputed, or parts of SAM that are not run.
_UNUSED = re.compile(
    r"rotary_emb\.inv_freq$"
    r"|^model\.prompt_encoder\.(point_embeddings|not_a_point_embed|mask_downscaling)\."
    r"|vision_tower"
)
# Of a CLIP checkpoint: its text half and its projections.
_UNUSED_CLIP = re.compile(r"^text_model\.|_projection\.weight$|^logit_scale$|\.position_ids$")
_OUR_CHOICES = re.compile(r"^fusion\.phi\.|^pixel_decoder\.scale_logits$")


def is_pixellm(config: Mapping[str, Any]) -> bool:
    """Whether a published folder's `config.json` is PixelLM's (its model_type is plain "llava")."""
    return "PixelLMForCausalLM" in (config.get("architectures") or ())


def read_pixellm(folder: Path, *, vision_tower: str | Path | None = None) -> PixelLMModel:
    """The model of a published folder, or of the hub's folder around it, in the dtypes it is stored in.

    Args:
        folder: with `config.json`, shards and tokenizer files.
        vision_tower: CLIP's folder; default: as `config.json` names it (`find_vision_tower`).

    Raises:
        CheckpointError: with the first few names of what is missing, unexpected or mis-shaped.
    """
    from transformers import CLIPVisionConfig
    from transformers.initialization import no_init_weights

    from segue.modeling.pixellm import PixelLMModel

    if not (folder / "config.json").is_file() and (folder / SUBFOLDER / "config.json").is_file():
        folder = folder / SUBFOLDER
    raw = read_json(folder / "config.json")
    tower = Path(vision_tower) if vision_tower is not None else find_vision_tower(folder, raw)
    clip = read_json(tower / "config.json")
    state = read_tensors(folder)
    config = pixellm_config(
        raw,
        state,
        num_mask_tokens=count_mask_tokens(folder),
        vision_config=CLIPVisionConfig(**clip.get("vision_config", clip)),
    )
    with no_init_weights():
        model = PixelLMModel(config)
    vision = read_tensors(tower)
    if not any(name.startswith("vision_model.") for name in vision):  # a tower saved by newer transformers
        vision = {f"vision_model.{name}": value for name, value in vision.items()}
    _fill(model, state, "the language model and decoder", folder, vision=False)
    _fill(model, vision, "CLIP", tower, vision=True)
    return model


def find_vision_tower(folder: Path, raw: Mapping[str, Any]) -> Path:
    """The folder of CLIP that `config.json` names: a path, or a name beside the checkpoint or above it."""
    name = raw.get("vision_tower") or raw.get("mm_vision_tower")
    if not isinstance(name, str) or not name:
        raise CheckpointError(
            f"{folder / 'config.json'}: names no vision_tower; give one: vision_tower=FOLDER"
        )
    short = name.rsplit("/", 1)[-1]
    above = (folder, *folder.resolve().parents[:3])
    for place in (Path(name), *(base / n for base in above for n in dict.fromkeys((name, short)))):
        if (place / "config.json").is_file():
            return place
    raise CheckpointError(
        f"{folder}: its vision tower {name} is not beside it; download it and give its folder:"
        " vision_tower=FOLDER"
    )


def count_mask_tokens(folder: Path) -> int:
    """L * N, from the tokenizer: so many `[SEGi]`, or 1 for a single `[SEG]`."""
    added: set[str] = set()
    if (folder / "added_tokens.json").is_file():
        added = set(read_json(folder / "added_tokens.json"))
    elif (folder / "tokenizer.json").is_file():
        tokens = read_json(folder / "tokenizer.json").get("added_tokens", [])
        added = {token["content"] for token in tokens}
    count = 0
    while f"[SEG{count}]" in added:
        count += 1
    if count == 0 and "[SEG]" not in added:
        raise CheckpointError(f"{folder}: its tokenizer has neither [SEG] nor [SEG0]; it is not PixelLM's")
    return count or 1


def pixellm_config(
    raw: Mapping[str, Any],
    state: Mapping[str, torch.Tensor],
    *,
    num_mask_tokens: int,
    vision_config: Any,
) -> PixelLMConfig:
    """Our configuration of a published one, with the choices that the released code ran with."""
    from transformers import LlamaConfig

    from segue.modeling.pixellm_configuration import PixelLMConfig

    text = {name: raw[name] for name in _LLAMA_FIELDS if raw.get(name) is not None}
    layers = _feature_layers(raw)
    if num_mask_tokens % len(layers):
        raise CheckpointError(f"{num_mask_tokens} mask tokens cannot be shared by {len(layers)} scales")
    first = state.get("model.mask_decoder.transformer.0.layers.0.mlp.lin1.weight")
    if first is None:
        raise CheckpointError(
            "the checkpoint holds no pixel decoder (model.mask_decoder...); is it a base model?"
        )
    depths = (re.match(r"model\.mask_decoder\.transformer\.0\.layers\.(\d+)\.", name) for name in state)
    resized = raw.get("resize_vision_tower", True)
    return PixelLMConfig(
        vision_config=vision_config,
        text_config=LlamaConfig(**text, tie_word_embeddings=False),
        image_size=raw.get("resize_vision_tower_size", 448) if resized else vision_config.image_size,
        feature_layers=layers,
        tokens_per_scale=num_mask_tokens // len(layers),
        decoder_width=first.shape[1],
        decoder_mlp=first.shape[0],
        decoder_depth=max(int(match[1]) for match in depths if match) + 1,
        fusion="constant",
        scale_weights="constant",
        refinement="off",
        max_question_tokens=max(16, raw.get("max_position_embeddings", 2048) // 2),
    )


def published_name(name: str) -> str:
    """One of our tensor names in the published layout; CLIP's as in a `CLIPModel`."""
    for pattern, replacement in _RULES:
        renamed, count = pattern.subn(replacement, name)
        if count:
            break
    else:
        raise KeyError(name)
    if "mask_decoder.transformer." in renamed:
        for ours, theirs in _INNER_RULES:
            renamed = renamed.replace(ours, theirs)
    if ".layers." in renamed and ("hypernetworks" in renamed or "iou_prediction_head" in renamed):
        head, number, rest = renamed.rsplit(".", 2)
        renamed = f"{head}.{int(number) // 2}.{rest}"  # we count the ReLUs between
    return renamed


def to_published(model: PixelLMModel) -> dict[str, torch.Tensor]:
    """The model's tensors under their published names, without CLIP's, as the released code saves them.

    Raises:
        CheckpointError: the model has a learned fusion or learned scale weights, which that layout lacks.
    """
    state = model.state_dict()
    if extra := [name for name in state if _OUR_CHOICES.search(name)]:
        raise CheckpointError(
            f"PixelLM's layout has no place for {', '.join(extra)}; keep segue's own (save_pretrained)"
        )
    return {published_name(name): value for name, value in state.items() if not name.startswith("vision.")}


def _fill(
    model: PixelLMModel, state: Mapping[str, torch.Tensor], part: str, where: Path, *, vision: bool
) -> None:
    """Strict loading of CLIP or of all else, with one message that names the first few of each fault."""
    own = {name: value for name, value in model.state_dict().items() if name.startswith("vision.") == vision}
    published = {name: published_name(name) for name in own}
    unused = _UNUSED_CLIP if vision else _UNUSED
    known = set(published.values())
    missing = [theirs for theirs in known if theirs not in state]
    unexpected = [name for name in state if name not in known and not unused.search(name)]
    shapes = [
        f"{theirs} is {tuple(state[theirs].shape)}, should be {tuple(own[name].shape)}"
        for name, theirs in published.items()
        if theirs in state and state[theirs].shape != own[name].shape
    ]
    faults = [
        f"{len(names)} {what} ({', '.join(sorted(names)[:3])}{', ...' if len(names) > 3 else ''})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", shapes))
        if names
    ]
    if faults:
        raise CheckpointError(f"{where} does not fit as {part} of PixelLM: {'; '.join(faults)}")
    model.load_state_dict(
        {name: state[theirs] for name, theirs in published.items()}, strict=False, assign=True
    )


def _feature_layers(raw: Mapping[str, Any]) -> tuple[int, ...]:
    select = raw.get("mm_vision_select_layer", -2)
    scales = raw.get("image_feature_scale_num", 2)
    if isinstance(select, int) and scales in (1, 2):
        return (select, SECOND_LAYER)[:scales]
    raise CheckpointError(
        f"config.json has {scales} scales of CLIP layers {select}; the published code knows 1 or 2 scales"
    )


_LLAMA_FIELDS = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "rms_norm_eps",
    "max_position_embeddings",
    "rope_theta",
    "rope_scaling",
    "initializer_range",
    "bos_token_id",
    "eos_token_id",
    "pad_token_id",
)
