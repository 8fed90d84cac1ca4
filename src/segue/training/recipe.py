"""Recipes: everything that a training run is made of, as one checked YAML file.

A recipe names a model (its configuration), data sources with rates, and stages that follow one another.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segue.errors import SegueError

__all__ = ["RECIPES", "Recipe", "SourceSpec", "Stage", "load_recipe"]

RECIPES = Path(__file__).parent.parent / "recipes"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceSpec(_Section):
    """One data source: its kind (`segue.training.sources`), its rate, and what it needs to know."""

    kind: Literal["scenes", "photographs"]
    rate: float = Field(default=1.0, ge=0)
    path: str | None = None
    """Folder of the data, relative to the working directory; None for what is made in code."""
    optional: bool = False
    """Leave the source out, with a warning, where its folder is missing."""
    options: dict[str, Any] = {}


class Stage(_Section):
    """Steps with one input size, one set of losses and one learning-rate curve."""

    name: str
    steps: int = Field(gt=0)
    image_size: int = Field(default=160, multiple_of=32)
    batch_size: int = Field(default=16, gt=0)
    gradient_accumulation: int = Field(default=1, gt=0)
    learning_rate: float = Field(gt=0)
    min_learning_rate_ratio: float = Field(default=0.02, ge=0, le=1)
    warmup_steps: int = 200
    weight_decay: float = 0.05
    max_grad_norm: float = 1.0
    num_turns: int = Field(default=8, ge=0)
    """Questions drawn for each picture."""
    max_masks: int = 6
    """Targets of each picture that enter the mask losses."""
    losses: dict[str, float] = {}
    """Weights by name (`segue.training.objective.LossWeights`)."""
    rates: dict[str, float] = {}
    """Rates of sources, by their name, that differ from the recipe's in this stage."""


class Recipe(_Section):
    """A whole run."""

    name: str
    seed: int = 0
    init: str | None = None
    """Start from this model (an embedded one's name or a folder): its configuration, tokenizer and
    weights."""
    model: dict[str, Any] = {}
    """Sections of `segue.modeling.configuration.GroundedConfig`; none where `init` is given."""
    sources: dict[str, SourceSpec]
    stages: list[Stage] = Field(min_length=1)
    num_tokenizer_texts: int = Field(default=20_000, gt=0)
    """Questions and answers that the tokenizer is trained on."""
    save_steps: int = 500
    logging_steps: int = 20
    num_workers: int = 1
    bf16: bool = False
    """Mixed precision; worth it on a GPU, slower on most CPUs."""
    threads: int | None = None


def load_recipe(name_or_path: str | Path, overrides: dict[str, str] | None = None) -> Recipe:
    """Read a recipe by name (of those in the package) or path.

    Args:
        overrides: dotted names to YAML values, `{"stages.0.steps": "100"}`.

    Raises:
        SegueError: no such recipe, broken YAML, an unknown or wrong value (named).
    """
    path = Path(name_or_path)
    if not path.is_file():
        path = RECIPES / f"{path.name.removesuffix('.yaml')}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
        raise SegueError(f"{name_or_path}: no such recipe; give a YAML file or one of: {known}")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SegueError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise SegueError(f"{path}: a recipe is a mapping with name, sources and stages")
    for dotted, value in (overrides or {}).items():
        _override(raw, dotted, yaml.safe_load(value), path)
    try:
        recipe = Recipe.model_validate(raw)
        if recipe.init and recipe.model:
            raise SegueError(f"{path}: `model` comes with `init`; give one of the two")
        return recipe
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise SegueError(f"{path}: {where}: {first['msg']} (got {first.get('input')!r})") from None


def _override(raw: Any, dotted: str, value: Any, path: Path) -> None:
    *parents, last = [int(p) if p.isdigit() else p for p in dotted.split(".")]
    node = raw
    try:
        for part in parents:
            node = node[part] if isinstance(part, int) else node.setdefault(part, {})
        node[last] = value
    except (KeyError, IndexError, TypeError, AttributeError):
        raise SegueError(f"{path}: the override {dotted}={value!r} names nothing in the recipe") from None
