"""LLaVA, CLIP and Segment Anything at small size: begun at random, and written in the forms of the real ones.

    language_model/   config.json, tokenizer.model, weights under LLaVA's names, with LISA's gamma
    vision_tower/     CLIP's tower as transformers saves it
    sam.safetensors   Segment Anything under its original names

`segue.checkpoints.bases` reads them as it reads the published ones. They are trained together, as the parts
of one LISA that has no mask tokens yet (`segue.training.bases_task`).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.names import NameTable
from segue.checkpoints.sam_layout import sam_names
from segue.errors import SegueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor, nn

    from segue.lisa_processing import LisaProcessor
    from segue.modeling.lisa import LisaModel
    from segue.modeling.lisa_configuration import LisaConfig

__all__ = ["new_config", "new_parts", "write_bases"]

EMBEDDING_STD = 0.05
"""Of LLaMA's weights at their start: wider than its usual 0.02, as narrow layers need."""


def new_config(sections: Mapping[str, Any], *, template: str) -> LisaConfig:
    """The configuration of a recipe's `model`.

    Raises:
        SegueError: a section or setting is unknown or wrong.
    """
    from segue.modeling.lisa_configuration import LisaConfig

    known = set(vars(LisaConfig())) | set(LisaConfig.sub_configs)
    if unknown := sorted(set(sections) - known):
        raise SegueError(f"model: LISA has no {unknown[0]!r}")
    try:
        config: Any = LisaConfig(**{"template": template, **sections})
    except Exception as error:  # a configuration can be wrong in as many ways as there are settings
        raise SegueError(f"model: no LISA can be made of it ({error})") from None
    text, decoder = config.text_config, config.sam_config.mask_decoder_config
    text.tie_word_embeddings = False  # as LLaVA's
    text.pad_token_id = None
    text.initializer_range = EMBEDDING_STD
    decoder.layer_norm_eps = 1e-5  # as `SamDimensions.to_config`
    return config


def new_parts(config: LisaConfig, *, seed: int) -> LisaModel:
    """Random float32 weights; the caller's random state stays as it was.

    transformers' own start suits widths near 1,000. In narrow layers it leaves attention uniform for long, so
    that here linear layers and convolutions begin as torch has them, scaled by width; positions begin as
    sines and cosines; and every head of LLaMA and of SAM's decoder begins with equal query and key weights,
    so that from the first step on a word looks up what is like it, and a corner of a box its place.
    """
    import torch
    from transformers.models.sam.modeling_sam import SamAttention

    from segue.modeling.lisa import LisaModel

    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = LisaModel(config)
        for part in (model.vision_tower, model.projector, model.text_hidden_fcs, model.sam):
            for module in part.modules():
                _restart(module)
        for layer in model.language_model.model.layers:
            own: Any = layer.self_attn
            if own.q_proj.weight.shape == own.k_proj.weight.shape:
                own.k_proj.weight.copy_(own.q_proj.weight)
        for attention in model.sam.mask_decoder.transformer.modules():
            if isinstance(attention, SamAttention):
                attention.q_proj.weight.mul_(3**0.5)
                attention.k_proj.weight.copy_(attention.q_proj.weight)
        encoder: Any = model.sam.image_encoder
        height, width, channels = encoder.pos_embed.shape[1:]
        encoder.pos_embed.copy_(_waves(height, width, channels))
        clip: Any = model.vision_tower.model
        table = clip.embeddings.position_embedding.weight
        side = math.isqrt(len(table) - 1)
        table[1:].copy_(_waves(side, side, table.shape[1]).flatten(0, 1))
        matrix: Any = model.sam.prompt_encoder.shared_embedding.positional_embedding
        matrix.copy_(torch.randn(matrix.shape))  # Segment Anything's scale; transformers' is another
    return model


def _restart(module: nn.Module) -> None:
    from torch import nn

    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5))
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.5)


def _waves(height: int, width: int, channels: int) -> Tensor:
    """(height, width, channels): a quarter each of sines and cosines of rows and of columns."""
    import torch

    quarter = channels // 4
    rates = torch.pi * torch.logspace(-1, 0, quarter, base=float(max(height, width)))
    y, x = torch.arange(height)[:, None] * rates, torch.arange(width)[:, None] * rates
    down = torch.cat([y.sin(), y.cos()], dim=1)[:, None].expand(-1, width, -1)
    across = torch.cat([x.sin(), x.cos()], dim=1)[None].expand(height, -1, -1)
    waves = torch.zeros(height, width, channels)
    waves[..., : 4 * quarter] = torch.cat([down, across], dim=-1)
    return waves


def write_bases(model: LisaModel, processor: LisaProcessor, folder: Path, *, dtype: torch.dtype) -> None:
    """The three bases in `folder`; rows of added tokens are left out, since each family adds its own."""
    import torch
    from safetensors.torch import save_file

    from segue.checkpoints.llava_layout import lisa_table

    config: Any = model.config
    depth = config.sam_config.mask_decoder_config.iou_head_depth
    pieces = processor.tokenizer.pieces
    state = {
        name: value.to(dtype) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }

    def write(file: Path, names: Mapping[str, str]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        kept = {published: state[own].detach().cpu().contiguous() for own, published in names.items()}
        save_file(kept, file, metadata={"format": "pt"})

    # 1) LLaVA, with gamma.
    for name in ("language_model.model.embed_tokens.weight", "language_model.lm_head.weight"):
        state[name] = state[name][: len(pieces)]
    table = lisa_table(depth)
    own = [name for name in state if name.startswith(("language_model.", "projector.", "text_hidden_fcs."))]
    write(folder / "language_model" / "model.safetensors", {n: str(table.to_published(n)) for n in own})
    text = config.text_config
    raw = text.to_dict() | {
        "model_type": "llava",
        "vocab_size": len(pieces),
        "rope_theta": (text.rope_parameters or {}).get("rope_theta", 10000.0),
        "mm_projector_type": config.projector,
        "mm_vision_select_layer": config.vision_select_layer,
        "mm_hidden_size": config.clip_config.hidden_size,
    }
    (folder / "language_model" / "config.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")
    (folder / "language_model" / "tokenizer.model").write_bytes(pieces.data)

    # 2) CLIP.
    prefix = "vision_tower.model."
    own = [name for name in state if name.startswith(prefix)]
    write(folder / "vision_tower" / "model.safetensors", {n: n.removeprefix(prefix) for n in own})
    config.clip_config.save_pretrained(folder / "vision_tower")

    # 3) Segment Anything; its prompts' random frequencies stay exact.
    prefix = "sam."
    for name in [name for name in state if name.endswith(".positional_embedding")]:
        state[name] = model.state_dict()[name].to(torch.float32)
    names = NameTable(sam_names(depth))
    own = [name for name in state if name.startswith(prefix)]
    write(folder / "sam.safetensors", {n: str(names.to_published(n.removeprefix(prefix))) for n in own})
