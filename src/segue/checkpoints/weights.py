"""Large models: built without memory, they take the tensors that were read, so that these are held once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["build_and_fill"]


def build_and_fill(
    build: Callable[[], Any],
    state: Mapping[str, Tensor],
    *,
    where: str,
    dtype: torch.dtype,
    shown: Callable[[str], str | None] = lambda name: None,
    also_unexpected: Iterable[str] = (),
) -> Any:
    """A model that holds the given tensors, in eval mode.

    Args:
        build: makes the model; called with "meta" as the default device.
        state: by the model's own names; every tensor must be there, fit, and be expected.
        where: names the checkpoint in messages.
        dtype: floating tensors are brought to it.
        shown: how a name is written in messages, if otherwise than the model has it.
        also_unexpected: weights of the checkpoint that no table knows.

    Raises:
        CheckpointError: the first few missing, unexpected and mis-shaped names, with their numbers.
    """
    import torch

    with torch.device("meta"):
        model = build()
    own = model.state_dict()

    def name(key: str) -> str:
        return shown(key) or key

    missing = [name(key) for key in own if key not in state]
    unexpected = [*also_unexpected, *(name(key) for key in state if key not in own)]
    shapes = [
        f"{name(key)} is {tuple(state[key].shape)}, should be {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    faults = [
        f"{len(keys)} {what} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", shapes))
        if keys
    ]
    if faults:
        raise CheckpointError(f"{where} does not fit: {'; '.join(faults)}")
    ready = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
    model.load_state_dict(ready, strict=False, assign=True)
    _make_buffers(model)
    return model.eval().requires_grad_(False)


def _make_buffers(model: Any) -> None:
    """What is computed rather than saved (rotary frequencies, position numbers), on the CPU."""
    import torch
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    for module in list(model.modules()):
        if isinstance(module, LlamaRotaryEmbedding):
            fresh = LlamaRotaryEmbedding(module.config)
            for key, value in fresh.named_buffers():
                module.register_buffer(key, value, persistent=False)
        elif (numbers := getattr(module, "position_ids", None)) is not None and numbers.is_meta:
            module.position_ids = torch.arange(numbers.shape[-1]).expand(numbers.shape)
    left = [key for key, value in (*model.named_parameters(), *model.named_buffers()) if value.is_meta]
    assert not left, left
