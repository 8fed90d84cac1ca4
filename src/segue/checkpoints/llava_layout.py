"""The layout of the published LISA and GSVA checkpoints: a LLaVA folder that holds SAM as well.

    config.json                 LLaMA's dimensions, CLIP's name; not SAM's, which the weights tell
    pytorch_model-*.bin, index  language model, projector, text_hidden_fcs, SAM; CLIP is somewhere else
    tokenizer.model, *.json     LLaMA's pieces and the added tokens

`_LLAVA_NAMES` and `segue.checkpoints.sam_layout` are the tables of names. GSVA's files are read by
`segue.checkpoints.gsva_layout`, which ends here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.hub import fetch_folder
from segue.checkpoints.names import NameTable, Row, prefixed
from segue.checkpoints.sam_layout import SamDimensions, read_original_sam, sam_names
from segue.checkpoints.shards import read_json, read_tensors
from segue.checkpoints.weights import build_and_fill
from segue.errors import CheckpointError
from segue.llama_tokenizer import LlamaTokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import CLIPVisionConfig, LlamaConfig

    from segue.lisa_processing import LisaProcessor
    from segue.modeling.lisa import LisaModel
    from segue.modeling.lisa_configuration import LisaConfig

__all__ = ["lisa_table", "read_lisa"]

SAM_PREFIX = "model.visual_model."
_FROZEN_SAM = (SAM_PREFIX + "image_encoder.", SAM_PREFIX + "prompt_encoder.")
DEFAULT_TEMPLATE = "llava_v1"
"""Of every published LISA and GSVA, those on Llama-2 too."""
CLIP_PREFIX = "model.vision_tower.vision_tower.vision_model."

_CLIP_OURS = "vision_tower.model."

_LLAVA_NAMES: tuple[Row, ...] = (
    ("model.embed_tokens.", "language_model.model.embed_tokens."),
    ("model.layers.", "language_model.model.layers."),
    ("model.norm.", "language_model.model.norm."),
    ("lm_head.", "language_model.lm_head."),
    ("model.mm_projector.", "projector."),
    ("model.text_hidden_fcs.0.", "text_hidden_fcs."),
    (CLIP_PREFIX, _CLIP_OURS),
)
_DROPPED = (
    "model.layers.{i}.self_attn.rotary_emb.inv_freq",
    "model.visual_model.pixel_mean",
    "model.visual_model.pixel_std",
    CLIP_PREFIX + "embeddings.position_ids",
)
_LLAMA_FIELDS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "hidden_act",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "rope_scaling",
    "attention_bias",
    "mlp_bias",
    "head_dim",
    "bos_token_id",
    "eos_token_id",
)
_CLIP_FIELDS = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_channels",
    "image_size",
    "patch_size",
    "hidden_act",
    "layer_norm_eps",
    "projection_dim",
)


def lisa_table(iou_head_depth: int) -> NameTable:
    """(published, ours) names of a whole LISA or GSVA model."""
    return NameTable(_LLAVA_NAMES + prefixed(sam_names(iou_head_depth), SAM_PREFIX, "sam."), _DROPPED)


@dataclass(frozen=True)
class ClipTower:
    """CLIP's vision network and what its image processor does."""

    config: CLIPVisionConfig
    state: dict[str, Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int


def read_lisa(
    folder: Path,
    *,
    dtype: torch.dtype,
    vision_tower: str | Path | None = None,
    sam: str | Path | None = None,
    sam_config: Mapping[str, Any] | None = None,
    template: str = DEFAULT_TEMPLATE,
) -> tuple[LisaModel, LisaProcessor]:
    """A LISA folder as published (or a merged GSVA one, told by its `[REJ]`).

    Args:
        folder: local.
        vision_tower: CLIP's folder or hub name; default: what config.json says.
        sam: Segment Anything in place of the checkpoint's own, but for the mask decoder, which was trained.
        sam_config: dimensions of SAM that its weights do not tell.
        template: of the prompts; no checkpoint tells it.

    Raises:
        CheckpointError: not this layout; missing, unexpected or mis-shaped weights.
    """
    raw = read_json(folder / "config.json")
    state = read_tensors(folder)
    if not any(key.startswith(SAM_PREFIX) for key in state):
        raise CheckpointError(
            f"{folder}: model_type {raw.get('model_type')!r}, but no SAM weights ({SAM_PREFIX}*). LISA's old "
            "v0 layout and plain LLaVA cannot be read; segue reads LISA's v1 layout (xinlai/LISA-7B-v1) and "
            "its own (segue_grounded, segue_lisa, segue_gsva)"
        )
    if sam is not None:
        own = {name: v for name, v in state.items() if not name.startswith(_FROZEN_SAM)}
        state = {SAM_PREFIX + name: value for name, value in read_original_sam(sam).items()} | own
    rejects = "[REJ]" in _json_or_nothing(folder / "added_tokens.json")
    return assemble(
        state,
        raw,
        folder=folder,
        clip=find_clip(vision_tower, raw, folder),
        rejects=rejects,
        image_marks=rejects or raw.get("mm_use_im_start_end", True),
        sam_config=sam_config,
        template=template,
        dtype=dtype,
        where=str(folder),
    )


def assemble(
    state: dict[str, Tensor],
    raw: Mapping[str, Any],
    *,
    folder: Path,
    clip: ClipTower,
    rejects: bool,
    image_marks: bool,
    sam_config: Mapping[str, Any] | None,
    template: str,
    dtype: torch.dtype,
    where: str,
) -> tuple[LisaModel, LisaProcessor]:
    """Model and processor out of weights with published names, LLaVA's config.json and CLIP.

    `folder` holds the tokenizer; a tower inside `state` goes before `clip`'s own weights.
    """
    from segue.lisa_processing import LisaProcessor
    from segue.modeling.gsva import GsvaModel
    from segue.modeling.lisa import LisaModel

    # 1) SAM's size from its weights.
    own_sam = {key.removeprefix(SAM_PREFIX): v for key, v in state.items() if key.startswith(SAM_PREFIX)}
    dimensions = SamDimensions.from_weights(own_sam, given=sam_config)

    # 2) Everything by our names.
    table = lisa_table(dimensions.iou_head_depth)
    ours = {_CLIP_OURS + key: value for key, value in clip.state.items()}
    unknown = []
    for key, value in state.items():
        if table.drops(key):
            continue
        if (name := table.to_ours(key)) is None:
            unknown.append(key)
        else:
            ours[name] = value

    # 3) The configuration.
    if raw.get("mm_vision_select_feature", "patch") != "patch":
        raise CheckpointError(
            f"{where}: CLIP's class token as an image token (mm_vision_select_feature) is not known"
        )
    config = lisa_config(
        raw,
        state,
        clip=clip,
        sam=dimensions,
        rejects=rejects,
        template=template,
        image_marks=image_marks,
    )
    tokenizer = LlamaTokenizer.read(folder, new_tokens=config.new_tokens, strip=config.strip_added)
    if len(tokenizer) != config.text_config.vocab_size:
        raise CheckpointError(
            f"{where}: the tokenizer has {len(tokenizer)} entries, the weights "
            f"{config.text_config.vocab_size}; one of the two belongs to another model"
        )

    # 4) The model.
    model = build_and_fill(
        lambda: (GsvaModel if rejects else LisaModel)(config),
        ours,
        where=where,
        dtype=dtype,
        shown=table.to_published,
        also_unexpected=unknown,
    )
    return model, LisaProcessor(config, tokenizer)


def lisa_config(
    raw: Mapping[str, Any],
    state: Mapping[str, Tensor],
    *,
    clip: ClipTower,
    sam: SamDimensions,
    rejects: bool,
    template: str,
    image_marks: bool = True,
) -> LisaConfig:
    """LISA's configuration, or with `rejects` GSVA's, by what its parts are.

    Args:
        raw, state: LLaVA's config.json and weights.
        image_marks: `<im_start>` and `<im_end>` are among the tokens and stand around the picture.
    """
    from segue.modeling.lisa_configuration import GsvaConfig, LisaConfig, MaskTokenConfig

    config = (GsvaConfig if rejects else LisaConfig)(
        clip_config=clip.config,
        text_config=text_config(raw, state),
        sam_config=sam.to_config(),
        mask_token_config=MaskTokenConfig(scales=1, tokens_per_scale=1, reject=rejects, phrase_marks=False),
        projector=raw.get("mm_projector_type") or "linear",
        vision_select_layer=raw.get("mm_vision_select_layer", -2),
        clip_mean=clip.mean,
        clip_std=clip.std,
        clip_resample=clip.resample,
        use_image_marks=image_marks,
        template=template,
    )
    if not image_marks:
        config.new_tokens = tuple(t for t in config.new_tokens if t not in ("<im_start>", "<im_end>"))
    return config


def text_config(raw: Mapping[str, Any], state: Mapping[str, Tensor]) -> LlamaConfig:
    """LLaMA's part of LLaVA's config.json; the vocabulary's size as the weights have it."""
    from transformers import LlamaConfig

    embeddings = state.get("model.embed_tokens.weight")
    if embeddings is None:
        raise CheckpointError("the checkpoint holds no language model (model.embed_tokens.weight)")
    known = {name: raw[name] for name in _LLAMA_FIELDS if raw.get(name) is not None}
    return LlamaConfig(**known, vocab_size=len(embeddings), tie_word_embeddings=False, pad_token_id=None)


def tower_name(raw: Mapping[str, Any], folder: Path) -> str:
    """What a config.json says about where CLIP is."""
    name = raw.get("vision_tower") or raw.get("mm_vision_tower")
    if not name:
        raise CheckpointError(f"{folder}: config.json names no CLIP; give one by vision_tower=")
    return str(name)


def find_clip(given: str | Path | None, raw: Mapping[str, Any], folder: Path) -> ClipTower:
    """CLIP as somebody gave it, taken at their word; else what a `config.json` names, which may lie near the
    checkpoint's `folder`."""
    return read_clip(given) if given is not None else read_clip(tower_name(raw, folder), near=folder)


def read_clip(name: str | Path, *, near: Path | None = None) -> ClipTower:
    """CLIP by a path or a hub name.

    Args:
        name: of a folder, or on the hub.
        near: a checkpoint's folder: there and in the folders above it a copy may lie, with or without the
            hub's owner in its path.
    """
    from transformers import CLIPVisionConfig

    folder = local_clip(name, near=near)
    if folder is None:
        folder = fetch_folder(str(name), hint="give CLIP's folder by vision_tower=")
    raw = read_json(folder / "config.json")
    config = CLIPVisionConfig(**_plain(raw.get("vision_config") or raw))
    prefix, found = "vision_model.", read_tensors(folder)
    whole = any(key.startswith(prefix) for key in found)  # else: a tower alone, saved by newer transformers
    state = {
        key.removeprefix(prefix): value
        for key, value in found.items()
        if (key.startswith(prefix) or not whole) and not key.endswith(".position_ids")
    }
    steps = _json_or_nothing(folder / "preprocessor_config.json")
    for what, side in (("size", "shortest_edge"), ("crop_size", "height")):
        wanted = steps.get(what, config.image_size)
        wanted = wanted.get(side) if isinstance(wanted, dict) else wanted
        if wanted != config.image_size:
            raise CheckpointError(
                f"{folder}: the image processor's {what} is {wanted}, the network takes {config.image_size}"
            )
    return ClipTower(
        config=config,
        state=state,
        mean=tuple(steps.get("image_mean", (0.48145466, 0.4578275, 0.40821073))),
        std=tuple(steps.get("image_std", (0.26862954, 0.26130258, 0.27577711))),
        resample=steps.get("resample", 3),
    )


def local_clip(name: str | Path, *, near: Path | None = None) -> Path | None:
    """CLIP's folder if it is on this machine, the hub's cache aside; arguments as of `read_clip`."""
    above = () if near is None else (near, *near.resolve().parents[:3])
    places = [Path(name), *(base / own for base in above for own in (name, Path(name).name))]
    return next((place for place in places if (place / "config.json").is_file()), None)


def _plain(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a CLIP vision configuration that describe the network."""
    return {name: raw[name] for name in _CLIP_FIELDS if name in raw}


def _json_or_nothing(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}
