"""LISA, GSVA and PixelLM in a run: their bases, what of them is trained, and the merged model at its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segue.checkpoints.adapters import AdapterNote, build_base, load_adapter, read_adapter, write_adapter
from segue.checkpoints.converted import write_converted
from segue.data.family_collation import FamilyCollator, LisaCollator, PixelLMCollator
from segue.errors import SegueError
from segue.modeling.quantise import quantise_layers
from segue.predictor import Predictor
from segue.training.engine import Store
from segue.training.family_objectives import LisaObjective, PixelLMObjective
from segue.training.objective import LossWeights
from segue.training.parts import LORA, add_lora, belongs, choose_trained, recompute_layers
from segue.training.recipe import Bases, Recipe, Stage

__all__ = ["FamilyTask", "adapter_note"]

MODEL = "model."


def adapter_note(recipe: Recipe) -> AdapterNote:
    """What a run's adapters belong on."""
    bases = recipe.init if isinstance(recipe.init, Bases) else None
    return AdapterNote(
        family=recipe.family,
        base=None if bases is not None else str(recipe.init),
        bases={} if bases is None else bases.model_dump(),
        model=recipe.model,
        template=recipe.prompt_template,
        lora=None if recipe.lora is None else recipe.lora.model_dump(),
    )


class FamilyTask:
    """The part of a run that is particular to the LLaVA families.

    Args:
        recipe: family "lisa", "gsva" or "pixellm".
        folder: of the run.
        main: whether this process makes what is made once for a run; here nothing is.
    """

    batch_of_one_source = False
    decay_vectors = True

    def __init__(self, recipe: Recipe, folder: Path, *, main: bool):
        if recipe.init is None:
            raise SegueError(
                f"{recipe.family} begins from base checkpoints or a model: give `init`; the recipe mini-bases"
                " makes small ones"
            )
        self.recipe = recipe
        self.note = adapter_note(recipe)
        self._built: Any = None
        self.processor: Any = None

    def encoder(self, stage: Stage) -> FamilyCollator:
        """What makes samples and batches of records."""
        if self.processor is None:
            self._built = self._build()
        kind = PixelLMCollator if self.recipe.family == "pixellm" else LisaCollator
        return kind(self.processor, max_tokens=stage.max_tokens, max_conversations=stage.num_turns or None)

    def objective(self, stage: Stage) -> nn.Module:
        """The model with its frozen and trained parts, at its start."""
        built = self._built or self._build()
        self._built = None  # its modules are wrapped and changed: a later stage has its own
        model, precision = built.model, self.recipe.precision
        if precision.frozen == "4bit":
            quantise_layers(model.language_model)
        if self.recipe.lora is not None:
            add_lora(model.language_model, self.recipe.lora)
        choose_trained(model, trained_parts(self.recipe, stage))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        if precision.gradient_checkpointing:
            recompute_layers(model.language_model)
        kind: Any = PixelLMObjective if self.recipe.family == "pixellm" else LisaObjective
        objective = kind(model, replace(LossWeights(), **stage.losses), vocabulary=self.processor.vocabulary)
        objective.fresh = built.fresh
        return objective

    def _build(self) -> Any:
        # 4-bit weights are made of the bfloat16 ones, layer by layer.
        frozen = torch.float32 if self.recipe.precision.frozen == "float32" else torch.bfloat16
        built = build_base(self.note, dtype=frozen, seed=self.recipe.seed)
        self.processor = built.processor
        return built

    def take(self, objective: Any, state: dict[str, Tensor]) -> None:
        """The weights of the stage before."""
        _, unexpected = objective.load_state_dict(state, strict=False)
        assert not unexpected, f"a stage left weights that this one does not have: {unexpected[:3]}"

    def store(self, objective: Any) -> Store:
        """An adapter folder of what any stage trains, and of what no base has."""
        lists = [trained_parts(self.recipe, stage) for stage in self.recipe.stages]
        names = kept_names(objective.model, lists, objective.fresh)

        def write(folder: Path, state: dict[str, Tensor]) -> None:
            write_adapter(
                folder, {name.removeprefix(MODEL): value for name, value in state.items()}, self.note
            )

        def read(folder: Path) -> dict[str, Tensor]:
            return {MODEL + name: value for name, value in read_adapter(folder)[1].items()}

        return Store(frozenset(MODEL + name for name in names), write, read)

    def predictor(self, objective: Any) -> Predictor:
        """The model as users ask it."""
        return Predictor(objective.model, self.processor, name=self.recipe.name)

    def export(self, final: Path, stage: Stage, folder: Path) -> None:
        """LoRA merged, in a folder that loads by itself."""
        model, processor = load_adapter(final, dtype=torch.bfloat16)
        write_converted(model, processor, folder)


def trained_parts(recipe: Recipe, stage: Stage) -> list[str] | None:
    """What a stage trains, LoRA among it where the recipe has one and the stage does not say otherwise."""
    if stage.trained is not None:
        return stage.trained
    if recipe.lora is None:
        return recipe.trained
    return [*(recipe.trained or []), LORA]


def kept_names(model: nn.Module, trained: list[list[str] | None], fresh: frozenset[str]) -> frozenset[str]:
    """The model's tensors that a checkpoint has to hold."""
    if any(parts is None for parts in trained):
        return frozenset(model.state_dict())
    parts = {part for own in trained for part in own or ()} | {LORA}
    kept = {name for name, _ in model.named_parameters() if any(belongs(name, part) for part in parts)}
    present = set(model.state_dict())
    return frozenset((kept | fresh) & present)
