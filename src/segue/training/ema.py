"""A running mean of the trained weights, measured and kept in their place: often better than the last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import TrainerCallback

__all__ = ["RunningMean"]

FILE = "running_mean.safetensors"


class RunningMean(TrainerCallback):
    """mean <- decay * mean + (1 - decay) * weights after every step, in float32.

    The decay begins at (1 + n) / (10 + n) of step n, so that the random start is soon forgotten.

    Args:
        model: whose trained weights are followed, before it is wrapped or moved.
        decay: in (0, 1).
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.names = [name for name, p in model.named_parameters() if p.requires_grad]
        self.mean: dict[str, Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Begin from the weights, unless a checkpoint gave a mean."""
        if not self.mean:
            self.mean = {name: p.detach().float().clone() for name, p in self._trained(model)}

    @torch.no_grad()
    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Follow the weights."""
        decay = min(self.decay, (1 + state.global_step) / (10 + state.global_step))
        for name, parameter in self._trained(model):
            self.mean[name].lerp_(parameter.detach().to(self.mean[name].dtype), 1 - decay)

    @contextmanager
    def in_place_of(self, model: Any) -> Iterator[None]:
        """The mean as the model's weights for a while; the caller has no gradients enabled."""
        held = {name: p.detach().clone() for name, p in self._trained(model)}
        try:
            for name, parameter in self._trained(model):
                parameter.data.copy_(self.mean[name])
            yield
        finally:
            for name, parameter in self._trained(model):
                parameter.data.copy_(held[name])

    def save(self, folder: Path, *, main: bool) -> None:
        """Every process calls it: parts of a tensor may lie on each."""
        whole = {name: _whole(value).cpu().contiguous() for name, value in self.mean.items()}
        if main:
            save_file(whole, folder / FILE)

    def load(self, folder: Path, model: Any) -> None:
        """Take a saved mean up again, spread as the model's weights are."""
        saved = load_file(folder / FILE)
        self.mean = {name: _like(saved[name], p) for name, p in self._trained(model)}

    def _trained(self, model: Any) -> Iterator[tuple[str, Tensor]]:
        names = set(self.names)
        for name, parameter in model.named_parameters():
            own = name.removeprefix("module.")
            if own in names:
                yield own, parameter


def _whole(value: Tensor) -> Tensor:
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _like(value: Tensor, parameter: Tensor) -> Tensor:
    if hasattr(parameter, "device_mesh"):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(value.to(parameter.device), parameter.device_mesh, parameter.placements)  # type: ignore[attr-defined]
    return value.to(parameter.device)
