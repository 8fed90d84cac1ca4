"""Where a model runs and in which numbers: device, precision, and a language model in few bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch

__all__ = ["check_quantise", "get_device", "get_dtype", "place"]


def get_device(name: str | torch.device | None) -> torch.device:
    """The device of that name, by default or for "auto" the best there is; CheckpointError where it cannot be
    used."""
    import torch

    if name is None or name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "meta":
            raise CheckpointError("device 'meta' holds no numbers; use cpu, cuda or mps")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).strip()
        raise CheckpointError(f"device {str(name)!r} cannot be used here: {reason}") from None
    return device


def get_dtype(name: str | torch.dtype | None) -> torch.dtype:
    """float32 by default; CheckpointError for what is not one of the three that models run in."""
    import torch

    known = {str(t).removeprefix("torch."): t for t in (torch.float32, torch.bfloat16, torch.float16)}
    short = "float32" if name is None else str(name).removeprefix("torch.")
    if short not in known:
        raise CheckpointError(f"dtype {str(name)!r} is not one of {', '.join(known)}")
    return known[short]


def check_quantise(kind: str | None, device: torch.device) -> None:
    """What is wrong with the choice, its library or the device is said before a model is read."""
    if kind is not None:
        from segue.modeling.quantise import check_device

        check_device(kind, device)


def place(model: Any, device: torch.device, dtype: torch.dtype, quantise: str | None = None) -> Any:
    """On its device in its precision, but for rotary frequencies: rounded, they would misplace late words.

    Args:
        quantise: the language model's layers in "4bit" or "8bit" (`segue.modeling.quantise`).
    """
    if quantise is not None:
        from segue.modeling.quantise import quantise_layers

        quantise_layers(model.language_model, quantise, compute_dtype=dtype)
    exact = {name: value for name, value in model.named_buffers() if name.endswith("inv_freq")}
    model.to(device=device, dtype=dtype)
    for name, value in exact.items():
        owner, _, attribute = name.rpartition(".")
        setattr(model.get_submodule(owner), attribute, value.to(device))
    if quantise is not None:
        from segue.modeling.quantise import settle

        settle(model.eval())
    return model
