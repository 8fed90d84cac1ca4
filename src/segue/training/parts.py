"""Which weights are trained, at which rate, and what that costs: frozen parts, LoRA, counts, memory.

Parts are named by beginnings of parameter names, whole words between dots: "sam.mask_decoder" is all that
begins so. The word "lora" in a list of trained parts stands for the low-rank updates.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from segue.errors import MissingDependencyError, SegueError
from segue.modeling.quantise import BYTES

if TYPE_CHECKING:
    from segue.training.recipe import Lora

__all__ = [
    "LORA",
    "Memory",
    "PartCount",
    "add_lora",
    "choose_trained",
    "count_parts",
    "expected_memory",
    "factor_of",
    "is_lora",
    "parameter_groups",
    "recompute_layers",
]

LORA = "lora"


def is_lora(name: str) -> bool:
    """Whether a parameter is one of PEFT's."""
    return ".lora_" in name


def belongs(name: str, part: str) -> bool:
    """Whether a parameter is in a part."""
    if part == LORA:
        return is_lora(name)
    return not is_lora(name) and (name == part or name.startswith(part + "."))


def add_lora(language_model: nn.Module, settings: Lora) -> None:
    """PEFT's adapters on the language model's layers with these last names, in place.

    A is random, B zero: the model computes what it did before.

    Raises:
        MissingDependencyError: no peft.
        SegueError: no layer has such a name.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingDependencyError("LoRA needs peft: pip install 'segue[train]'") from None
    names = {name.rpartition(".")[2] for name, _ in language_model.named_modules()}
    if unknown := [target for target in settings.targets if target not in names]:
        raise SegueError(f"lora.targets: the language model has no layer {', '.join(unknown)}")
    inject_adapter_in_model(
        LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,  # type: ignore[arg-type]  # a ratio is all that it is used for
            lora_dropout=settings.dropout,
            target_modules=list(settings.targets),
            bias="none",
        ),
        language_model,
    )


def choose_trained(model: nn.Module, trained: Sequence[str] | None) -> None:
    """Freeze everything but the named parts (None: freeze nothing).

    Raises:
        SegueError: a part that the model does not have.
    """
    if trained is None:
        model.requires_grad_(True)
        return
    names = [name for name, _ in model.named_parameters()]
    for part in trained:
        if not any(belongs(name, part) for name in names):
            known = sorted({name.split(".")[0] for name in names})
            raise SegueError(f"trained: the model has no part {part!r}; it has {', '.join(known)}, ...")
    for name, parameter in model.named_parameters():
        # 4-bit weights are integers and cannot have gradients.
        chosen = any(belongs(name, part) for part in trained)
        parameter.requires_grad_(chosen and parameter.is_floating_point())


def recompute_layers(stack: Any) -> None:
    """Let a transformers' stack of layers keep its inputs alone and compute the rest again."""
    # Its older name goes away in transformers 6.
    enable = getattr(stack, "activation_checkpointing_enable", None) or stack.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def factor_of(name: str, factors: Mapping[str, float]) -> float:
    """The factor of the longest part that a parameter is in; 1 where it is in none."""
    fitting = [part for part in factors if belongs(name, part)]
    return factors[max(fitting, key=len)] if fitting else 1.0


def parameter_groups(
    parameters: Iterable[tuple[str, nn.Parameter]],
    *,
    learning_rate: float,
    weight_decay: float,
    decayed: set[str],
    factors: Mapping[str, float],
) -> list[dict[str, Any]]:
    """The optimiser's groups of what is trained, one for each rate and decay, in order of appearance.

    Args:
        decayed: names of the parameters that decay.
        factors: on the learning rate, by part.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in parameters:
        if parameter.requires_grad:
            groups.setdefault((factor_of(name, factors), name in decayed), []).append(parameter)
    return [
        {"params": members, "lr": learning_rate * factor, "weight_decay": weight_decay if decays else 0.0}
        for (factor, decays), members in groups.items()
    ]


@dataclass(frozen=True)
class PartCount:
    """How many numbers a part holds, and how many of them are trained."""

    name: str
    total: int
    trained: int


def count_parts(model: nn.Module) -> list[PartCount]:
    """The model's parts as its own first names, the language model's tables and LoRA apart."""
    sums: dict[str, list[int]] = {}
    for name, parameter in model.named_parameters():
        entry = sums.setdefault(_part_name(name), [0, 0])
        entry[0] += parameter.numel()
        entry[1] += parameter.numel() if parameter.requires_grad else 0
    return [PartCount(name, *numbers) for name, numbers in sums.items()]


def _part_name(name: str) -> str:
    words = name.split(".")
    if is_lora(name):
        return f"{words[0]}.{LORA}"
    for table in ("embed_tokens", "lm_head", "shared"):
        if table in words:
            return f"{words[0]}.{table}"
    return ".".join(words[:2]) if words[0] in ("sam", "vision") and len(words) > 2 else words[0]


@dataclass(frozen=True)
class Memory:
    """Bytes that a training step needs on one device; `activations` is an estimate, the rest is counted."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations

    def __str__(self) -> str:
        parts = (("weights", self.weights), ("gradients", self.gradients), ("optimiser", self.optimizer))
        counted = ", ".join(f"{what} {size / 1e9:.2f}" for what, size in parts)
        return f"{self.total / 1e9:.2f} GB: {counted}, activations about {self.activations / 1e9:.2f}"


def expected_memory(
    model: nn.Module,
    *,
    tokens: int,
    checkpointing: bool,
    autocast: bool,
    ema: bool = False,
    shards: int = 1,
    packed: int = 0,
) -> Memory:
    """What a step will need on each device.

    Counted: weights in their own dtypes; a gradient, Adam's two moments (and the running mean) in float32 for
    everything that is trained; all divided by `shards` where they are spread over devices (FSDP). Estimated:
    activations. A transformer layer keeps about 34 numbers for each width of a token without attention's own
    (Korthikanti et al., 2022, equation 2, which counts bytes at 2 a number), with checkpointing one for each
    layer and 34 in one of them; logits are two rows of the vocabulary in float32.

    Args:
        tokens: that the language model reads in a pass: rows times length.
        packed: so many of the bfloat16 numbers are held in 4 bits.
    """
    weights = sum(_bytes(p) for p in model.parameters()) - round(packed * (2 - BYTES["4bit"]))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    width, layers, vocabulary = _dimensions(model)
    number = 2 if autocast else 4
    kept = layers + 34 if checkpointing else 17 * layers
    activations = tokens * (width * kept * number + vocabulary * 8)
    return Memory(
        weights=(weights + (4 * trained if ema else 0)) // shards,
        gradients=4 * trained // shards,
        optimizer=8 * trained // shards,
        activations=activations,
    )


def _bytes(parameter: nn.Parameter) -> int:
    return parameter.numel() * parameter.element_size()


def _dimensions(model: nn.Module) -> tuple[int, int, int]:
    """(width, layers, vocabulary) of the language model inside."""
    config: Any = getattr(model, "config", None)
    text = getattr(config, "text_config", config)
    width = getattr(text, "hidden_size", None) or getattr(text, "d_model", None) or 0
    layers = getattr(text, "num_hidden_layers", None) or getattr(text, "num_layers", None) or 0
    return width, layers, getattr(text, "vocab_size", 0)
