"""`segue train`: a model from a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.console import err
from segue.errors import SegueError

RECIPES = Path(__file__).parent.parent / "recipes"


def train(
    recipe: Annotated[str, typer.Argument(help="A recipe's name, or a YAML file of your own.")],
    output: Annotated[Path, typer.Option("--output", help="Folder for checkpoints, log and model.")],
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on from the folder's last checkpoint, or begin anew.")
    ] = True,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change one setting of the recipe; may be repeated."),
    ] = None,
) -> None:
    """Train a model. Started again with the same --output, it goes on from its last checkpoint."""
    overrides = parse_settings(settings or [])
    path = find_recipe(recipe)
    from segue.training.run import train as run

    run(path, output=output, resume=resume, overrides=overrides)
    err.print(f"the model is in {output}", markup=False)


def find_recipe(name: str, folder: Path = RECIPES) -> Path:
    """The file of a recipe that comes with the package, or the user's own."""
    for path in (Path(name), folder / f"{name}.yaml"):
        if path.is_file():
            return path
    known = ", ".join(sorted(path.stem for path in folder.glob("*.yaml")))
    raise SegueError(f"There is no recipe {name!r}: give a YAML file or one of {known}.")


def parse_settings(settings: list[str]) -> dict[str, str]:
    pairs = [setting.partition("=") for setting in settings]
    for setting, (key, equals, _) in zip(settings, pairs, strict=True):
        if not key or not equals:
            raise SegueError(f"--set wants KEY=VALUE, for instance training.steps=100; got {setting!r}.")
    return {key: value for key, _, value in pairs}
