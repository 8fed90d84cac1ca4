"""The recipe for one's own pictures on a model that is finished, whatever family it is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segue.checkpoints.adapters import NOTE, is_adapter
from segue.checkpoints.loading import EMBEDDED, checkpoint_folder
from segue.checkpoints.pixellm_layout import is_pixellm
from segue.checkpoints.published import find_published, is_published
from segue.checkpoints.shards import read_json
from segue.errors import CheckpointError
from segue.training.recipe import Recipe, load_recipe

__all__ = ["family_of", "finetune_recipe"]

_OURS = {
    "segue_grounded": "segue",
    "segue_lisa": "lisa",
    "segue_gsva": "gsva",
    "segue_pixellm": "pixellm",
    "segue_pixelllm": "pixelllm",
}
_PIXELLLM_PARTS = ["extractor", "captioner.visual_projection", "lora", "location_head", "mask_adapter"]


def finetune_recipe(
    init: str, data: str | None, *, recipe: str | None = None, overrides: dict[str, str] | None = None
) -> Recipe:
    """The recipe that `segue train --init ... --data ...` runs.

    Args:
        init: an embedded model's name, a hub name, a folder, or an adapter of a run.
        data: a file or folder that `segue.data.own_data` reads; None: the recipe names its data.
        recipe: another one than the packaged `finetune` (segue's own models) or `finetune-lora`.
        overrides: dotted names to YAML values.

    Raises:
        SegueError: no such model or recipe, or a wrong value.
    """
    family, folder = family_of(init)
    changes: dict[str, Any] = {"init": init}
    if recipe is None and data is not None:
        changes["sources.own.path"] = data
    if family == "segue":
        side = read_json(folder / "config.json")["vision_config"]["image_size"]
        changes["stages.0.image_size"] = side
    else:
        changes["family"] = family
    if recipe is None and family == "pixellm":
        changes["trained"] = load_recipe("pixellm-7b").trained
    if recipe is None and family == "pixelllm":
        changes |= {"trained": _PIXELLLM_PARTS, "lora": None, "stages.0.masks": True}
        changes["sources.own.template"] = "referring"
    name = recipe or ("finetune" if family == "segue" else "finetune-lora")
    return load_recipe(name, {**changes, **(overrides or {})})


def family_of(name: str) -> tuple[str, Path]:
    """The family of a model, and its folder.

    Raises:
        CheckpointError: no such model, or one that training cannot start from.
    """
    if is_adapter(name):
        return str(read_json(Path(name) / NOTE)["family"]), Path(name)
    if name in EMBEDDED or (Path(name) / "config.json").is_file():
        folder = checkpoint_folder(name)
        kind = read_json(folder / "config.json").get("model_type")
        if kind in _OURS:
            return _OURS[str(kind)], folder
    if name.endswith((".bin", ".pt", ".pth")):
        raise CheckpointError(f"{name}: convert it first (`segue convert`), then train on the folder")
    folder = find_published(name)
    raw = read_json(folder / "config.json")
    if not is_published(raw):
        raise CheckpointError(f"{name}: model_type {raw.get('model_type')!r} is not one that segue trains")
    if is_pixellm(raw):
        return "pixellm", folder
    added = folder / "added_tokens.json"
    rejects = added.is_file() and "[REJ]" in read_json(added)
    return "gsva" if rejects else "lisa", folder
