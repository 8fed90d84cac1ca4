"""`segue train`: a model from a recipe, or a finished one on one's own pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.console import err, out
from segue.errors import SegueError

if TYPE_CHECKING:
    from segue.training.recipe import Recipe


def train(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe's name, or a YAML file of your own; `finetune` by --init.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder for checkpoints, log and model.")
    ] = None,
    init: Annotated[
        str | None, typer.Option("--init", help="Go on from this model: segue/mini, a folder, a hub name.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Your own pictures: COCO, LabelMe, masks with a CSV, or native JSONL."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on from what the folder holds, or refuse it.")
    ] = True,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be trained and what it needs, and stop.")
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the recipe; may be repeated."),
    ] = None,
) -> None:
    """Train a model. Started again with the same --output, it goes on from its last checkpoint."""
    chosen = _recipe(recipe, init, data, parse_settings(settings or []))
    if plan:
        return _show_plan(chosen)
    if output is None:
        raise SegueError("give --output, the folder for checkpoints, log and model")
    from segue.training.run import train as run

    model = run(chosen, output=output, resume=resume, say=lambda text: err.print(text, markup=False))
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        out.print(f"written: {model}", markup=False)


def parse_settings(settings: list[str]) -> dict[str, str]:
    """`["seed=3"]` -> `{"seed": "3"}`."""
    pairs = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise SegueError(f"--set wants KEY=VALUE, for instance stages.0.steps=100; got {setting!r}.")
        pairs[key] = value
    return pairs


def _recipe(recipe: str | None, init: str | None, data: Path | None, overrides: dict[str, str]) -> Recipe:
    """What is to be run, checked before torch is loaded: a mistake in it should not cost seconds."""
    from segue.training.recipe import load_recipe

    if init is None and data is None:
        if recipe is None:
            raise SegueError("give a recipe (mini, lisa-7b, ...), or --init and --data for your own pictures")
        return load_recipe(recipe, overrides)
    if data is not None and not data.exists():
        raise SegueError(f"{data}: no such file or folder")
    if data is not None and recipe is not None:
        raise SegueError("--data is for fine-tuning; in a recipe of your own, name the data as a source")
    from segue.training.finetune import finetune_recipe

    own = None if data is None else str(data)
    return finetune_recipe(init or "segue/mini", own, recipe=recipe, overrides=overrides)


def _show_plan(recipe: Recipe) -> None:
    from segue.training.plan import plan

    for stage in plan(recipe):
        out.print(
            f"stage {stage.stage}: {stage.trained:,} of {stage.total:,} numbers are trained", markup=False
        )
        for part in stage.parts:
            out.print(f"  {part.name:<32}{part.trained:>16,} of {part.total:>16,}", markup=False)
        out.print(f"  memory of one device: {stage.memory}", markup=False)
