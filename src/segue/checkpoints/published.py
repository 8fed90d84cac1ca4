"""Which family a published folder belongs to, and who reads it.

Published folders are LLaVA's in form: their `config.json` says "llava" or "llama" whatever the family, so
that the family is told by its architecture and its tokens. `segue convert` writes folders that say it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.converted import CONVERTED, read_converted
from segue.checkpoints.hub import fetch_folder
from segue.checkpoints.llava_layout import DEFAULT_TEMPLATE, local_clip, read_lisa
from segue.checkpoints.memory import announce
from segue.checkpoints.pixellm_layout import is_pixellm, model_folder, read_pixellm
from segue.checkpoints.shards import read_json
from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch

__all__ = ["find_published", "is_published", "read_published"]

_LLAVA_TYPES = ("llava", "llava_llama", "llama")


def is_published(raw: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is of a published family's layout, as published or converted."""
    return raw.get("model_type") in (*_LLAVA_TYPES, *CONVERTED)


def find_published(name: str | Path) -> Path:
    """The folder with `config.json` of a published checkpoint: a local folder, or a hub name.

    Raises:
        CheckpointError: neither a folder nor a hub repository that can be reached.
    """
    folder = Path(name)
    return model_folder(folder if folder.is_dir() else fetch_folder(str(name)))


def read_published(
    folder: Path,
    *,
    dtype: torch.dtype,
    vision_tower: str | Path | None = None,
    sam: str | Path | None = None,
    sam_config: Mapping[str, Any] | None = None,
    template: str = DEFAULT_TEMPLATE,
    quantise: str | None = None,
) -> tuple[Any, Any]:
    """Model and processor of a published folder.

    Args:
        folder: with `config.json`.
        dtype: of the model.
        vision_tower: CLIP's folder or hub name; default: what `config.json` says.
        sam: LISA: Segment Anything in place of the checkpoint's own, but for the trained mask decoder.
        sam_config: dimensions of SAM that its weights do not tell.
        template: LISA's prompts'; no checkpoint tells it.
        quantise: what the caller will do to the language model, for the line that says what it all takes.

    Raises:
        CheckpointError: not a known layout; missing, unexpected or mis-shaped weights; a part given that the
            family lacks.
    """
    raw = read_json(folder / "config.json")
    if raw.get("model_type") in CONVERTED:
        if vision_tower is not None or sam is not None:
            raise CheckpointError(f"{folder}: holds CLIP and SAM itself; leave out vision_tower= and sam=")
        _announce(folder, None, dtype, quantise)
        return read_converted(folder, dtype=dtype)
    named = raw.get("vision_tower") or raw.get("mm_vision_tower") or "CLIP"
    tower = local_clip(vision_tower) if vision_tower is not None else local_clip(str(named), near=folder)
    _announce(folder, tower, dtype, quantise)
    if is_pixellm(raw):
        if sam is not None:
            raise CheckpointError(f"{folder}: PixelLM has no SAM; leave out sam=")
        return read_pixellm(folder, dtype=dtype, vision_tower=vision_tower)
    return read_lisa(
        folder, dtype=dtype, vision_tower=vision_tower, sam=sam, sam_config=sam_config, template=template
    )


def _announce(folder: Path, tower: Path | None, dtype: torch.dtype, quantise: str | None) -> None:
    """Say what the weights will take, without CLIP's small part where it is not a folder here."""
    try:
        announce(folder.name, [folder] if tower is None else [folder, tower], dtype, quantise=quantise)
    except CheckpointError:  # said better by who reads them
        return
