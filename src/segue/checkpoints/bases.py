"""LISA, GSVA and PixelLM put together from what they are trained on: LLaVA, CLIP and Segment Anything.

    language_model=   LLaVA's folder or hub name: config.json, tokenizer, weights
    vision_tower=     CLIP's
    sam=              Segment Anything: transformers' folder or hub name, or the original .pth (LISA, GSVA)

What no base has begins at random, as in the released training code: torch's own initialisation for new
layers, N(0, 0.02) for the rows of new tokens. `Built.fresh` names these weights, which a checkpoint of a run
must hold even where they are frozen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.hub import fetch_folder
from segue.checkpoints.llava_layout import lisa_config, lisa_table, read_clip, text_config
from segue.checkpoints.names import NameTable
from segue.checkpoints.pixellm_layout import pixellm_table
from segue.checkpoints.sam_layout import SamDimensions, read_original_sam, sam_names
from segue.checkpoints.shards import read_json, read_tensors
from segue.checkpoints.weights import build_and_fill
from segue.errors import CheckpointError
from segue.llama_tokenizer import LlamaTokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from transformers import PreTrainedConfig

__all__ = [
    "NEW_TOKEN_STD",
    "Built",
    "build_lisa",
    "build_pixellm",
    "fresh_weights",
    "local_folder",
    "read_sam",
]

NEW_TOKEN_STD = 0.02
"""Of the rows of new tokens (transformers' `resize_token_embeddings`, as the released code calls it)."""

_TABLES = ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight")
_PROJECTOR = "model.mm_projector."
TEXT_HIDDEN = "model.text_hidden_fcs."
"""gamma of LISA and GSVA, which no published LLaVA has; segue's own small bases do (`new_bases`)."""
_TOKENS = ("quality_token", "mask_tokens", "level_embed", "dense_prompt")
"""Of PixelLM's pixel decoder."""


@dataclass(frozen=True)
class Built:
    """A model ready to be trained, its processor, and the names of the weights that no base has."""

    model: Any
    processor: Any
    fresh: frozenset[str]


def build_lisa(
    *,
    language_model: str,
    vision_tower: str,
    sam: str | None,
    rejects: bool,
    template: str,
    expected: Mapping[str, Any],
    dtype: torch.dtype,
    seed: int,
) -> Built:
    """LISA, or with `rejects` GSVA, before its training.

    Args:
        expected: sections of `LisaConfig`: dimensions that the bases must have, and settings.

    Raises:
        CheckpointError: a base is missing, has other dimensions than expected, or misses weights.
    """
    from segue.lisa_processing import LisaProcessor
    from segue.modeling.gsva import GsvaModel
    from segue.modeling.lisa import LisaModel

    if sam is None:
        raise CheckpointError("LISA and GSVA need Segment Anything: give init.sam")
    folder = local_folder(language_model)
    raw, state = read_json(folder / "config.json"), read_tensors(folder)
    clip = read_clip(vision_tower)
    heads = expected.get("sam_config", {}).get("mask_decoder_config", {}).get("num_attention_heads")
    sam_state, dimensions = read_sam(sam, given={} if heads is None else {"decoder_num_heads": heads})

    # 1) The configuration: the bases' dimensions, the recipe's settings.
    config = lisa_config(raw, state, clip=clip, sam=dimensions, rejects=rejects, template=template)
    tokenizer = LlamaTokenizer.read(folder, new_tokens=config.new_tokens, strip=config.strip_added)
    config.text_config.vocab_size = len(tokenizer)
    apply_expected(config, expected)

    # 2) The bases' weights by our names. The projector is LLaVA's own: GSVA's released code replaces it by
    # random numbers and freezes those, which it surely did not mean to.
    ours = _renamed(lisa_table(dimensions.iou_head_depth), state, folder)
    ours |= {"sam." + name: value for name, value in sam_state.items()}
    ours |= {"vision_tower.model." + name: value for name, value in clip.state.items()}
    return _build(
        GsvaModel if rejects else LisaModel,
        config,
        ours,
        ("text_hidden_fcs.",),
        LisaProcessor(config, tokenizer),
        dtype,
        seed,
    )


def build_pixellm(
    *,
    language_model: str,
    vision_tower: str,
    template: str,
    expected: Mapping[str, Any],
    dtype: torch.dtype,
    seed: int,
) -> Built:
    """PixelLM before its training; LLaVA's own projector is not taken, as in the released code.

    Args:
        expected: sections and settings of `PixelLMConfig`.

    Raises:
        CheckpointError: a base is missing, has other dimensions than expected, or misses weights.
    """
    from segue.mask_tokens import MaskVocabulary
    from segue.modeling.pixellm import PixelLMModel
    from segue.modeling.pixellm_configuration import PixelLMConfig
    from segue.pixellm_processing import PixelLMProcessor

    folder = local_folder(language_model)
    raw, state = read_json(folder / "config.json"), read_tensors(folder)
    clip = read_clip(vision_tower)
    config = PixelLMConfig(vision_config=clip.config, text_config=text_config(raw, state), template=template)
    apply_expected(config, expected)
    tokens = MaskVocabulary.token_names(scales=config.scales, tokens_per_scale=config.tokens_per_scale)
    tokenizer = LlamaTokenizer.read(folder, new_tokens=(*tokens, "<im_start>", "<im_end>"), strip=True)
    config.text_config.vocab_size = len(tokenizer)
    state = {name: value for name, value in state.items() if not name.startswith((_PROJECTOR, TEXT_HIDDEN))}
    ours = _renamed(pixellm_table(), state, folder)
    ours |= {"vision.model." + name: value for name, value in clip.state.items()}
    fresh = ("projector.", "feature_projector.", "mask_projection.", "fusion.", "pixel_decoder.")
    return _build(PixelLMModel, config, ours, fresh, PixelLMProcessor(config, tokenizer), dtype, seed)


def local_folder(name: str) -> Path:
    """A folder with a config.json, or what the hub has under that name."""
    folder = Path(name)
    if (folder / "config.json").is_file():
        return folder
    if name.startswith("./runs/"):
        raise CheckpointError(f"{name}: not there; the recipe's first lines say which recipe makes it")
    return fetch_folder(name)


def read_sam(name: str, *, given: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], SamDimensions]:
    """Segment Anything's weights by our names, and its dimensions.

    Args:
        name: transformers' folder or hub name, or the original file.
        given: dimensions that weights do not tell.
    """
    state = read_original_sam(name)
    dimensions = SamDimensions.from_weights(state, given=given)
    table = NameTable(sam_names(dimensions.iou_head_depth), ("pixel_mean", "pixel_std"))
    return _renamed(table, state, Path(name)), dimensions


def apply_expected(config: PreTrainedConfig, expected: Mapping[str, Any]) -> None:
    """Settings of a recipe into a configuration; sections of networks must agree with the bases.

    Raises:
        CheckpointError: a base has another dimension, or there is no such setting.
    """
    for name, value in expected.items():
        if not hasattr(config, name):
            raise CheckpointError(f"model: {type(config).__name__} has no setting {name!r}")
        if name not in config.sub_configs:
            setattr(config, name, tuple(value) if isinstance(value, list) else value)
            continue
        compare_section(getattr(config, name), value, where=name)


def compare_section(section: Any, expected: Mapping[str, Any], *, where: str) -> None:
    """Raise CheckpointError where a base has another dimension than expected."""
    for name, value in expected.items():
        found = getattr(section, name, None)
        if isinstance(value, Mapping):
            compare_section(found, value, where=f"{where}.{name}")
        elif name != "vocab_size" and found != value:  # the vocabulary grows with the family's tokens
            raise CheckpointError(
                f"the recipe says {where}.{name} {value!r}, the base checkpoint has {found!r}"
            )


def _renamed(table: NameTable, state: Mapping[str, Tensor], where: Path) -> dict[str, Tensor]:
    kept = {name: value for name, value in state.items() if not table.drops(name)}
    unknown = [name for name in kept if table.to_ours(name) is None]
    if unknown:
        raise CheckpointError(
            f"{where}: {len(unknown)} weights of an unknown layout ({', '.join(unknown[:3])})"
        )
    return {str(table.to_ours(name)): value for name, value in kept.items()}


def _build(
    model_class: Callable[[Any], Any],
    config: Any,
    ours: dict[str, Tensor],
    fresh: tuple[str, ...],
    processor: Any,
    dtype: torch.dtype,
    seed: int,
) -> Built:
    """The model of a configuration from the bases' weights and new ones."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    for name in _TABLES:
        rows = config.text_config.vocab_size - len(ours[name])
        if rows < 0:
            raise CheckpointError(f"{name} has {len(ours[name])} rows, more than the tokenizer's entries")
        new = torch.randn(rows, ours[name].shape[1], generator=generator) * NEW_TOKEN_STD
        ours[name] = torch.cat([ours[name], new.to(ours[name].dtype)])
    made = fresh_weights(lambda: model_class(_small(config)), fresh, seed=seed)
    made = {name: value for name, value in made.items() if name not in ours}
    for name in made:
        if name.rpartition(".")[2] in _TOKENS:  # embeddings in the released code: N(0, 1)
            made[name] = torch.randn(made[name].shape, generator=generator)
    model = build_and_fill(
        lambda: model_class(config), ours | made, where="the base checkpoints", dtype=dtype
    )
    return Built(model, processor, frozenset(made))


def _small(config: Any) -> Any:
    """The same configuration with a language model and a SAM of one layer, to make the other parts by."""
    small = type(config).from_dict(config.to_dict())
    small.text_config.num_hidden_layers = 1
    small.text_config.vocab_size = 8
    if getattr(small, "sam_config", None) is not None:
        small.sam_config.vision_config.num_hidden_layers = 1
    return small


def fresh_weights(build: Callable[[], nn.Module], parts: Iterable[str], *, seed: int) -> dict[str, Tensor]:
    """New weights of the parts with these beginnings of names, by torch's own initialisation.

    transformers' models start linear layers in their own way; the released code made these parts afterwards,
    as plain torch layers.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
        wanted = tuple(parts)
        for name, module in model.named_modules():
            if f"{name}.".startswith(wanted) and hasattr(module, "reset_parameters"):
                module.reset_parameters()
    return {name: value for name, value in model.state_dict().items() if name.startswith(wanted)}
