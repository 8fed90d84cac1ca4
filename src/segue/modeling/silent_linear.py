"""A layer that adds nothing at first."""

from __future__ import annotations

from torch import nn
from transformers import initialization as init

__all__ = ["SilentLinear"]


class SilentLinear(nn.Linear):
    """A linear layer that begins at zero, for what joins a network that works without it."""

    def reset_parameters(self) -> None:
        init.zeros_(self.weight)
        init.zeros_(self.bias)
