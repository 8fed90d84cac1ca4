"""Strict filling of a module with tensors: every fault in one message that names the first few."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from segue.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["fill"]


def fill(
    module: nn.Module, state: Mapping[str, Tensor], where: str, *, optional: Collection[str] = ()
) -> None:
    """Every tensor of `module` from `state`, and nothing left over; `optional` ones may be absent.

    Raises:
        CheckpointError: names the first missing, unexpected and mis-shaped tensors.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in state and name not in optional]
    unexpected = [name for name in state if name not in own]
    shapes = [
        f"{name} is {tuple(state[name].shape)}, should be {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", shapes))
        if names
    ]
    if faults:
        raise CheckpointError(f"{where}: the weights do not fit the configuration: {'; '.join(faults)}")
    module.load_state_dict(dict(state), strict=False)
