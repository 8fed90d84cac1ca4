"""Recipes: everything that a training run is made of, as one checked YAML file.

A recipe names a model (a configuration, base checkpoints, or a finished model to go on from), data sources
with rates, what is trained and how, and stages that follow one another. `extends: NAME` takes over another
recipe and changes what it says anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segue.errors import SegueError

__all__ = [
    "RECIPES",
    "Bases",
    "Lora",
    "Precision",
    "Recipe",
    "SourceSpec",
    "Stage",
    "ValidationSpec",
    "load_recipe",
]

RECIPES = Path(__file__).parent.parent / "recipes"

Family = Literal["segue", "lisa", "gsva", "pixellm", "pixelllm", "bases"]
"""`bases`: LLaVA, CLIP and Segment Anything at small size, which LISA and GSVA can begin from."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SourceSpec(_Section):
    """One data source: its kind (`segue.training.sources`), its rate, and what it needs to know."""

    kind: Literal["scenes", "photographs", "published", "own"]
    rate: float = Field(default=1.0, ge=0)
    path: str | None = None
    """Folder of the data, relative to the working directory; None for what is made in code and for published
    sets, which lie under the recipe's `data_root`."""
    optional: bool = False
    """Leave the source out, with a warning, where its folder is missing."""
    data: list[str] = []
    """Published sets as `name:split` (`segue.data.sources`), each drawn as often as any other."""
    template: str | None = None
    """How facts become dialogue (`segue.training.dialogues`): "lisa.sem_seg"; None: the records' own."""
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> SourceSpec:
        if (self.kind == "published") != bool(self.data):
            raise ValueError("`data` lists the sets of kind: published, and of no other kind")
        for entry in self.data:
            name, colon, split = entry.partition(":")
            if not (name and colon and split):
                raise ValueError(f"data wants name:split, for instance refcoco:unc/train; got {entry!r}")
        if self.kind == "own" and not self.path:
            raise ValueError("kind: own needs a path")
        return self


class Bases(_Section):
    """The checkpoints that a family's model is put together from: hub names, folders, or original files."""

    language_model: str | None = None
    """LLaVA's folder or hub name; for PixelLLM T5's, or none: only the vision tower is taken."""
    vision_tower: str
    """CLIP's; for PixelLLM EVA-02's (timm's safetensors)."""
    sam: str | None = None
    """Segment Anything: transformers' folder or hub name, or the original .pth."""


class Lora(_Section):
    """PEFT's LoRA on linear layers of the language model: W + (alpha / rank) B A."""

    rank: int = Field(default=8, gt=0)
    alpha: float = Field(default=16, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: list[str] = ["q_proj", "v_proj"]
    """Last parts of layer names."""


class Precision(_Section):
    """In which numbers things are held and computed."""

    frozen: Literal["float32", "bfloat16", "4bit"] = "float32"
    """Weights that are not trained; "4bit" (bitsandbytes' NF4) holds for the language model's layers."""
    autocast: bool = False
    """Compute in bfloat16; trained weights and their optimiser stay in float32."""
    gradient_checkpointing: bool = False
    """Compute the language model's layers again on the way back instead of keeping what they made."""


class ValidationSpec(_Section):
    """What is measured on the way: mean IoU of the targets (gIoU) on the first records of a source."""

    source: str
    """One of the recipe's sources; its `split` says which part of it."""
    split: str | None = None
    """Published sets: another split than the one trained on, as `name:split`."""
    samples: int = Field(default=100, gt=0)
    every: int = Field(default=500, gt=0)
    """Steps between two measurements; checkpoints are written at these as well."""
    how: Literal["forced", "asked"] = "forced"
    """"forced": masks at the mask tokens of the given answer, as LISA, GSVA and PixelLM report; "asked":
    masks of the answer that the model gives by itself."""
    pictures: int = Field(default=4, ge=0)
    """So many are drawn for TensorBoard."""


class Stage(_Section):
    """Steps with one input size, one set of losses and one learning-rate curve."""

    name: str
    steps: int = Field(gt=0)
    after: str | None = None
    """The stage that this one goes on from; default: the one before it."""
    image_size: int = Field(default=160, multiple_of=32)
    """Side of the input, of segue's own composition; the published families have one size each."""
    batch_size: int = Field(default=16, gt=0)
    """Pictures of one process and one pass."""
    gradient_accumulation: int = Field(default=1, gt=0)
    learning_rate: float = Field(gt=0)
    schedule: Literal["cosine", "linear"] = "cosine"
    min_learning_rate_ratio: float = Field(default=0.02, ge=0, le=1)
    """Where a cosine ends; a line ends at 0."""
    warmup_steps: int = 200
    weight_decay: float = 0.05
    """Of matrices; vectors have none."""
    betas: tuple[float, float] = (0.9, 0.98)
    max_grad_norm: float = 1.0
    """0: no clipping."""
    num_turns: int = Field(default=8, ge=0)
    """Questions drawn for each picture."""
    questions: Literal["all", "names"] = "all"
    """Which kinds of them; "names": what is asked for by its name, half of it absent."""
    max_masks: int = 6
    """Targets of each picture that enter the mask losses."""
    max_prompts: int = 0
    """Classes of each picture whose masks are asked for by name alone (the loss `prompt`)."""
    max_tokens: int = 512
    """A picture's questions that would make its sequence, with the picture's own tokens, longer are left out
    (the log's `left_out`: how many of a picture)."""
    losses: dict[str, float] = {}
    """Weights by name (`segue.training.objective.LossWeights`)."""
    rates: dict[str, float] = {}
    """Rates of sources, by their name, that differ from the recipe's in this stage."""
    trained: list[str] | None = None
    """As the recipe's, for this stage alone."""
    masks: bool = False
    """PixelLLM: masks of expressions are learned as well as their boxes."""
    settings: dict[str, Any] = {}
    """PixelLLM: settings of the model's configuration that are others in this stage."""
    measured: bool = True
    """Whether the recipe's validation is done in this stage."""
    learning_rates: dict[str, float] = {}
    """As the recipe's, for this stage alone."""


class Recipe(_Section):
    """A whole run."""

    name: str
    family: Family = "segue"
    seed: int = 0
    init: str | Bases | None = None
    """Start from this model (whatever `segue.load` takes) or from these base checkpoints."""
    model: dict[str, Any] = {}
    """Sections of the family's configuration. With base checkpoints: what they are expected to have, and
    choices that they do not tell; none where `init` is a model."""
    prompt_template: str = "llava_v1"
    """LLaVA families: `segue.conversation`."""
    trained: list[str] | None = None
    """Parts that are trained fully, as beginnings of parameter names; None: everything. The others are
    frozen."""
    lora: Lora | None = None
    """Low-rank updates of the language model, beside the parts that are trained fully."""
    learning_rates: dict[str, float] = {}
    """Factors on the learning rate by beginnings of parameter names; the longest that fits counts."""
    precision: Precision = Precision()
    ema: float | None = Field(default=None, gt=0, lt=1)
    """Keep a running mean of the trained weights with this decay, and measure and export that."""
    data_root: str = "dataset"
    """Where the published sets lie, in the layout of the original projects."""
    sources: dict[str, SourceSpec]
    validation: ValidationSpec | None = None
    stages: list[Stage] = Field(min_length=1)
    num_tokenizer_texts: int = Field(default=20_000, gt=0)
    """Questions and answers that the tokenizer is trained on, where a model begins from nothing."""
    save_steps: int = 500
    keep_checkpoints: int = Field(default=2, gt=0)
    """The latest so many, and the best beside them where there is a validation."""
    logging_steps: int = 20
    report_to: list[Literal["tensorboard", "wandb"]] = ["tensorboard"]
    max_broken_records: int = Field(default=100, ge=0)
    """A process goes on past so many broken records of its sources; they are listed at the end."""
    num_workers: int = 1
    bf16: bool = False
    """Mixed precision; worth it on a GPU, slower on most CPUs. The same as `precision.autocast`."""
    threads: int | None = None

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if isinstance(self.init, str) and self.model:
            raise ValueError("`model` comes with `init`; give one of the two")
        if self.family == "segue" and isinstance(self.init, Bases):
            raise ValueError(
                "segue's own composition has no base checkpoints; give `model` or a model to init"
            )
        if isinstance(self.init, Bases) and self.init.language_model is None and self.family != "pixelllm":
            raise ValueError(f"init: {self.family} needs a language_model")
        if self.family != "segue" and self.init is None and not self.model:
            raise ValueError(
                f"{self.family} starts from base checkpoints or a model (give `init`), or from nothing: give "
                "`model`, all its sections"
            )
        if self.precision.frozen != "float32" and self.trained is None and self.lora is None:
            raise ValueError("precision.frozen says how frozen weights are held, but all are trained")
        names = [stage.name for stage in self.stages]
        if len(set(names)) != len(names):
            raise ValueError("two stages have the same name")
        for number, stage in enumerate(self.stages):
            if stage.after is not None and stage.after not in names[:number]:
                raise ValueError(f"stage {stage.name}: after {stage.after!r} names no stage before it")
            unknown = [name for name in stage.rates if name not in self.sources]
            if unknown:
                raise ValueError(f"stage {stage.name}: rates name no source: {', '.join(unknown)}")
            if self.family != "segue" and "image_size" in stage.model_fields_set:
                raise ValueError(f"stage {stage.name}: {self.family} has one image size, its model's")
        if self.validation is not None and self.validation.source not in self.sources:
            raise ValueError(f"validation: no source {self.validation.source!r}")
        return self

    def rates(self, stage: Stage) -> dict[str, float]:
        """The sources that a stage draws from, with their rates."""
        all_rates = {name: stage.rates.get(name, spec.rate) for name, spec in self.sources.items()}
        return {name: rate for name, rate in all_rates.items() if rate > 0}


def load_recipe(name_or_path: str | Path, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe by name (of those in the package) or path.

    Args:
        overrides: dotted names to values, those that are texts in YAML: `{"stages.0.steps": "100"}`.

    Raises:
        SegueError: no such recipe, broken YAML, an unknown or wrong value (named).
    """
    path = _find(name_or_path)
    raw = _read(path, seen=())
    for dotted, value in (overrides or {}).items():
        _override(raw, dotted, yaml.safe_load(value) if isinstance(value, str) else value, path)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        if first["type"] == "value_error":
            raise SegueError(f"{path}: {where + ': ' if where else ''}{what}") from None
        raise SegueError(f"{path}: {where}: {what} (got {first.get('input')!r})") from None


def _find(name_or_path: str | Path, near: Path | None = None) -> Path:
    path = Path(name_or_path)
    named = f"{path.name.removesuffix('.yaml')}.yaml"
    for place in (path, *([near / named] if near else []), RECIPES / named):
        if place.is_file():
            return place
    known = ", ".join(sorted(p.stem for p in RECIPES.glob("*.yaml")))
    raise SegueError(f"{name_or_path}: no such recipe; give a YAML file or one of: {known}")


def _read(path: Path, *, seen: tuple[Path, ...]) -> dict[str, Any]:
    """A recipe's mapping, on top of what it extends."""
    if path in seen:
        raise SegueError(f"{path}: extends itself")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SegueError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise SegueError(f"{path}: a recipe is a mapping with name, sources and stages")
    if (base := raw.pop("extends", None)) is None:
        return raw
    return _merged(_read(_find(base, near=path.parent), seen=(*seen, path)), raw)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings join; anything else, lists too, is replaced."""
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return result


def _override(raw: Any, dotted: str, value: Any, path: Path) -> None:
    *parents, last = [int(p) if p.isdigit() else p for p in dotted.split(".")]
    node = raw
    try:
        for part in parents:
            node = node[part] if isinstance(part, int) else node.setdefault(part, {})
        node[last] = value
    except (KeyError, IndexError, TypeError, AttributeError):
        raise SegueError(f"{path}: the override {dotted}={value!r} names nothing in the recipe") from None
