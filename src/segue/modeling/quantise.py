"""A frozen language model in 4 or 8 bits, by bitsandbytes: what makes room for 7B on a small card.

    "4bit"   QLoRA's NF4: blocks of 64 numbers, each with a scale that is itself held in 8 bits
    "8bit"   LLM.int8(): a scale for every row; input columns with outliers are multiplied unrounded

Only the linear layers of the transformer blocks are packed, 96 % of LLaMA-7B. Token tables and the output
layer stay as they are, and so does everything that sees: CLIP, SAM, projector and heads.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn

from segue.errors import CheckpointError, MissingDependencyError

__all__ = ["BLOCK", "BYTES", "check_device", "check_kind", "quantise_layers", "settle"]

BYTES = {"4bit": 0.5 + 1 / 64, "8bit": 1.0}
"""What a packed number takes, its share of the scales included."""
BLOCK = 64
"""Numbers under one scale in 4 bits; rows must be whole blocks, as some of the library's kernels take for
granted."""
_OUTLIER = 6.0
"""LLM.int8()'s threshold, of its paper."""


def quantise_layers(
    language_model: Any, kind: str = "4bit", *, compute_dtype: torch.dtype = torch.bfloat16
) -> None:
    """Every linear layer of the transformer blocks as bitsandbytes', in place; their numbers are packed when
    the model goes to its device (`.to(device)`, the CPU too).

    Args:
        language_model: LLaMA, on the CPU.
        kind: "4bit" or "8bit".
        compute_dtype: of the products, in 4 bits; in 8 bits, they are of the input's own.

    Raises:
        MissingDependencyError: no bitsandbytes.
        CheckpointError: no such kind, or layers that are no whole number of 4-bit blocks wide.
    """
    check_kind(kind)
    for block in language_model.model.layers:
        for name, module in list(block.named_modules()):
            if isinstance(module, nn.Linear):
                parent, _, attribute = name.rpartition(".")
                setattr(block.get_submodule(parent), attribute, _packing(module, kind, compute_dtype))
    setattr(language_model, f"is_loaded_in_{kind}", True)  # PEFT's adapters ask for it


def settle(model: nn.Module) -> None:
    """Run each packed layer once: the library finishes its packing at a layer's first use, in ways that two
    threads must not meet in."""
    bnb = _library("4bit")
    for module in model.modules():
        if isinstance(module, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)):
            _run(module, module.weight.device)


def check_kind(kind: str) -> None:
    """CheckpointError for what is neither "4bit" nor "8bit"."""
    if kind not in BYTES:
        raise CheckpointError(f"quantise {kind!r} is not one of {', '.join(BYTES)}")


def check_device(kind: str, device: torch.device) -> None:
    """Try one small layer, which takes milliseconds where loading a model takes minutes.

    Raises:
        MissingDependencyError: no bitsandbytes.
        CheckpointError: no such kind, or the library cannot do it on this device.
    """
    check_kind(kind)
    layer = _packing(nn.Linear(BLOCK, BLOCK, bias=False).eval(), kind, torch.float32)
    try:
        _run(layer.to(device), device)
    except (RuntimeError, AssertionError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise CheckpointError(
            f"bitsandbytes cannot hold a language model in {kind} on {device}: {reason}; leave out quantise"
        ) from None


@torch.no_grad()
def _run(layer: nn.Linear, device: torch.device) -> None:
    dtype = torch.float16 if layer.bias is None else layer.bias.dtype  # a bias takes the input's, in 8 bits
    layer(torch.zeros(1, layer.in_features, device=device, dtype=dtype))


def _packing(module: nn.Linear, kind: str, compute_dtype: torch.dtype) -> Any:
    """A layer of the library's that holds the module's numbers, without a copy."""
    bnb = _library(kind)
    rows, columns, biased = module.out_features, module.in_features, module.bias is not None
    if kind == "4bit":
        if columns % BLOCK:
            raise CheckpointError(
                f"the language model has layers {columns} wide; 4bit takes multiples of {BLOCK}, 8bit any"
            )
        packed = bnb.nn.Linear4bit(
            columns, rows, bias=biased, compute_dtype=compute_dtype, quant_type="nf4", device="meta"
        )
        packed.weight = bnb.nn.Params4bit(module.weight.data, requires_grad=False, quant_type="nf4")
    else:
        packed = bnb.nn.Linear8bitLt(
            columns, rows, bias=biased, has_fp16_weights=False, threshold=_OUTLIER, device="meta"
        )
        packed.weight = bnb.nn.Int8Params(module.weight.data, requires_grad=False, has_fp16_weights=False)
    packed.bias = module.bias
    return packed.train(module.training)


def _library(kind: str) -> Any:
    try:
        import bitsandbytes as bnb
    except ImportError:
        raise MissingDependencyError(
            f"a language model in {kind} needs bitsandbytes: pip install 'segue[quantise]'"
        ) from None
    logger = logging.getLogger("bitsandbytes.autograd._functions")
    if _is_news not in logger.filters:
        logger.addFilter(_is_news)
    return bnb


def _is_news(record: logging.LogRecord) -> bool:
    """Not what the library says again of each layer in each step: that 8 bits are of float16 inputs."""
    return "inputs will be cast" not in str(record.msg)
