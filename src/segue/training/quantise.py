"""A frozen language model in 4 bits (QLoRA's NF4): what makes room for 7B on a small card."""

from __future__ import annotations

from typing import Any

from torch import nn

from segue.errors import MissingDependencyError

__all__ = ["quantise_layers"]


def quantise_layers(language_model: Any) -> None:
    """Every linear layer of the transformer blocks as bitsandbytes' NF4, in place; embeddings and the output
    layer stay, which are trained. Numbers are packed when the model goes to its device.

    Raises:
        MissingDependencyError: no bitsandbytes.
    """
    try:
        import bitsandbytes as bnb
        import torch
    except ImportError:
        raise MissingDependencyError(
            "a 4-bit base needs bitsandbytes: pip install 'segue[train,quantise]'"
        ) from None
    for block in language_model.model.layers:
        for name, module in list(block.named_modules()):
            if not isinstance(module, nn.Linear):
                continue
            packed = bnb.nn.Linear4bit(
                module.in_features,
                module.out_features,
                bias=module.bias is not None,
                compute_dtype=torch.bfloat16,
                quant_type="nf4",
                device="meta",
            )
            packed.weight = bnb.nn.Params4bit(module.weight.data, requires_grad=False, quant_type="nf4")
            packed.bias = module.bias
            parent, _, attribute = name.rpartition(".")
            setattr(block.get_submodule(parent), attribute, packed)
    language_model.is_loaded_in_4bit = True  # PEFT's adapters ask for it
