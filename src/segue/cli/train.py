"""`segue train`: a model from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.console import out
from segue.errors import SegueError


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, or a YAML file of your own.")],
    output: Annotated[Path, typer.Option("--output", help="Folder for checkpoints, log and model.")],
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on from what the folder holds, or refuse it.")
    ] = True,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the recipe; may be repeated."),
    ] = None,
) -> None:
    """Train a model. Started again with the same --output, it goes on from its last checkpoint."""
    overrides = parse_settings(settings or [])
    from segue.training.recipe import load_recipe

    load_recipe(recipe, overrides)  # before torch is loaded: a mistake in it should not cost seconds
    from segue.training.run import train as run

    model = run(recipe, output=output, resume=resume, overrides=overrides)
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
