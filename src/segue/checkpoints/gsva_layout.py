"""GSVA's released layout: one `.bin` of a PEFT-wrapped, unmerged model, over a LLaVA, a CLIP and a SAM.

    gsva-7b-ft-gres.bin     what training changed: LoRA beside its base weights, embeddings, projector, SAM
    base=                   LLaVA's folder: config.json, tokenizer, the weights that the .bin lacks
    vision_tower=           CLIP's folder; default: what LLaVA's config.json names
    sam=                    Segment Anything's .pth, for what the .bin lacks

LoRA is merged as it is read, so that converting, packing and further training meet one set of names.

The projector is never LLaVA's: GSVA's training starts it anew, so that it must come from the `.bin`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.hub import fetch_folder
from segue.checkpoints.llava_layout import CLIP_PREFIX, DEFAULT_TEMPLATE, SAM_PREFIX, assemble, find_clip
from segue.checkpoints.lora import merge_lora, unwrap
from segue.checkpoints.memory import announce_shapes
from segue.checkpoints.sam_layout import read_original_sam
from segue.checkpoints.shards import read_file, read_json, read_tensors
from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from segue.lisa_processing import LisaProcessor
    from segue.modeling.lisa import LisaModel

__all__ = ["LORA_ALPHA", "read_gsva"]

LORA_ALPHA = 16.0
"""Of the published LISA and GSVA weights of every size."""
_PROJECTOR = "model.mm_projector."


def read_gsva(
    weights: Path,
    *,
    base: str | Path | None,
    dtype: torch.dtype,
    vision_tower: str | Path | None = None,
    sam: str | Path | None = None,
    sam_config: Mapping[str, Any] | None = None,
    lora_alpha: float = LORA_ALPHA,
    template: str = DEFAULT_TEMPLATE,
    quantise: str | None = None,
) -> tuple[LisaModel, LisaProcessor]:
    """A released GSVA file over its bases.

    Args:
        weights: the `.bin`.
        base: LLaVA's folder or hub name.
        vision_tower: CLIP's folder or hub name; default: what LLaVA's config.json names.
        sam: Segment Anything's original file, or transformers' folder or hub name; needed where the `.bin`
            holds only a part of SAM.
        sam_config: dimensions of SAM that its weights do not tell.
        lora_alpha: of the unmerged LoRA weights.
        template: of the prompts; no checkpoint tells it.
        quantise: what the caller will do to the language model, for the line that says what it all takes.

    Raises:
        CheckpointError: a part is missing or does not fit; the message names the first few weights.
    """
    if base is None:
        raise CheckpointError(
            f"{weights}: a single file of weights; give the LLaVA folder that it was trained on by base="
        )
    folder = Path(base) if (Path(base) / "config.json").is_file() else fetch_folder(str(base))
    raw = read_json(folder / "config.json")
    own = unwrap(read_file(weights))
    if not any(name.startswith(_PROJECTOR) for name in own):
        raise CheckpointError(f"{weights}: holds no projector ({_PROJECTOR}*), and LLaVA's own is not GSVA's")
    # The later goes before the earlier.
    state = {name: v for name, v in read_tensors(folder).items() if not name.startswith(_PROJECTOR)}
    if sam is not None:
        state |= {SAM_PREFIX + name: value for name, value in read_original_sam(sam).items()}
    state |= own
    clip = find_clip(vision_tower, raw, folder)
    # Files are mapped so far: memory is taken by what follows.
    whole = {CLIP_PREFIX + name: value for name, value in clip.state.items()} | state
    shapes = [(name, value.shape) for name, value in whole.items() if ".lora_" not in name]
    announce_shapes(weights.stem, shapes, dtype, quantise=quantise)
    state = merge_lora(state, alpha=lora_alpha, where=str(weights))
    return assemble(
        state,
        raw,
        folder=folder,
        clip=clip,
        rejects=True,
        image_marks=True,  # whatever LLaVA's config.json says
        sam_config=sam_config,
        template=template,
        dtype=dtype,
        where=str(weights),
    )
