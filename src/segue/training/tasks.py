"""The families' parts in a run, by the family that a recipe names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segue.training.recipe import Recipe

__all__ = ["make_task"]


def make_task(recipe: Recipe, folder: Path, *, main: bool) -> Any:
    """What is particular to the recipe's family.

    Every task has: `objective(stage)` (a module whose forward gives `Losses`), `encoder(stage)`, `store`,
    `take(objective, state)`, `predictor(objective)`, `export(state, stage, folder)`, `batch_of_one_source`
    and `decay_vectors`.
    """
    if recipe.family == "segue":
        from segue.training.grounded_task import GroundedTask

        return GroundedTask(recipe, folder, main=main)
    if recipe.family == "pixelllm":
        from segue.training.pixelllm_task import PixelLLMTask

        return PixelLLMTask(recipe, folder, main=main)
    if recipe.family == "bases":
        from segue.training.bases_task import BasesTask

        return BasesTask(recipe, folder, main=main)
    from segue.training.family_task import FamilyTask

    return FamilyTask(recipe, folder, main=main)
