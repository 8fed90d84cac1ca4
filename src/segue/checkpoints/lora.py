"""LoRA weights under PEFT's names, merged into the weights that they adapt: W + (alpha / r) B A."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from segue.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["WRAPPER", "merge_lora", "unwrap"]

WRAPPER = "base_model.model."
"""What PEFT puts before the name of every weight of the model that it wraps."""


def unwrap(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights without PEFT's prefix, `.default` and `.base_layer`."""
    return {
        name.removeprefix(WRAPPER).replace(".default.", ".").replace(".base_layer.", "."): value
        for name, value in state.items()
    }


def merge_lora(state: Mapping[str, Tensor], *, alpha: float, where: str) -> dict[str, Tensor]:
    """Every weight with its A and B, if it has them, merged in; the rank is A's height.

    Args:
        state: base weights and LoRA's, unwrapped.
        alpha: PEFT's `lora_alpha`, which no weight tells; 16 in LISA and GSVA.

    Raises:
        CheckpointError: an A without its B, or either without the weight that it adapts.
    """
    merged = {name: value for name, value in state.items() if ".lora_" not in name}
    for name, down in state.items():
        if not name.endswith(".lora_A.weight"):
            continue
        stem = name.removesuffix(".lora_A.weight")
        up, base = state.get(f"{stem}.lora_B.weight"), merged.get(f"{stem}.weight")
        if up is None or base is None or (len(up), down.shape[1]) != tuple(base.shape):
            raise CheckpointError(f"{where}: {name} has no fitting lora_B or no weight of its own to adapt")
        change = (up.float() @ down.float()) * (alpha / len(down))
        merged[f"{stem}.weight"] = (base.float() + change).to(base.dtype)
    return merged
