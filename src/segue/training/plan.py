"""What a recipe would train, without its weights: parts counted and memory reckoned on the meta device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from segue.errors import SegueError
from segue.training.family_task import trained_parts
from segue.training.parts import Memory, PartCount, add_lora, choose_trained, count_parts, expected_memory
from segue.training.recipe import Recipe, Stage

__all__ = ["StagePlan", "meta_model", "plan"]


@dataclass(frozen=True)
class StagePlan:
    """One stage: its parts, and what a step needs on a device that holds everything."""

    stage: str
    parts: list[PartCount]
    memory: Memory

    @property
    def total(self) -> int:
        """Numbers in the model."""
        return sum(part.total for part in self.parts)

    @property
    def trained(self) -> int:
        """How many of them are trained."""
        return sum(part.trained for part in self.parts)


def plan(recipe: Recipe) -> list[StagePlan]:
    """Every stage of a recipe, by the sizes that it states.

    Raises:
        SegueError: the recipe starts from a finished model, whose sizes its folder tells.
    """
    model = meta_model(recipe)
    if recipe.lora is not None:
        add_lora(model.language_model, recipe.lora)  # type: ignore[arg-type]
    return [_plan(model, recipe, stage) for stage in recipe.stages]


def _plan(model: nn.Module, recipe: Recipe, stage: Stage) -> StagePlan:
    choose_trained(model, trained_parts(recipe, stage))
    half = recipe.precision.frozen != "float32"
    for parameter in model.parameters():
        frozen = half and not parameter.requires_grad
        parameter.data = parameter.data.to(torch.bfloat16 if frozen else torch.float32)
    memory = expected_memory(
        model,
        tokens=stage.batch_size * stage.max_tokens,
        checkpointing=recipe.precision.gradient_checkpointing,
        autocast=recipe.bf16 or recipe.precision.autocast,
        ema=recipe.ema is not None,
        packed=_packed(model) if recipe.precision.frozen == "4bit" else 0,
    )
    return StagePlan(stage.name, count_parts(model), memory)


def meta_model(recipe: Recipe) -> nn.Module:
    """The recipe's model with its sizes and no numbers.

    Raises:
        SegueError: the recipe starts from a finished model.
    """
    if not recipe.model:
        raise SegueError(f"{recipe.name}: starts from {recipe.init}; its sizes are not in the recipe")
    with torch.device("meta"):
        return _model(recipe.family, recipe.model)


def _model(family: str, settings: dict[str, Any]) -> nn.Module:
    if family == "segue":
        from segue.modeling.configuration import GroundedConfig
        from segue.modeling.grounded import GroundedModel

        return GroundedModel(GroundedConfig(**settings))
    if family == "pixellm":
        from segue.modeling.pixellm import PixelLMModel
        from segue.modeling.pixellm_configuration import PixelLMConfig

        return PixelLMModel(PixelLMConfig(**settings))
    if family == "pixelllm":
        from segue.modeling.pixelllm import PixelLLM
        from segue.modeling.pixelllm_configuration import PixelLLMConfig

        return PixelLLM(PixelLLMConfig(**settings))
    from segue.modeling.gsva import GsvaModel
    from segue.modeling.lisa import LisaModel
    from segue.modeling.lisa_configuration import GsvaConfig, LisaConfig

    return GsvaModel(GsvaConfig(**settings)) if family == "gsva" else LisaModel(LisaConfig(**settings))


def _packed(model: Any) -> int:
    """Numbers in the language model's layers that 4 bits are enough for."""
    layers = model.language_model.model.layers
    return sum(p.numel() for p in layers.parameters() if p.ndim == 2 and not p.requires_grad)
