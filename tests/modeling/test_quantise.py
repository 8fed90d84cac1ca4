"""Language models in 4 and 8 bits; the numbers need bitsandbytes, whose CPU kernels are enough."""

from __future__ import annotations

import logging
import sys

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from segue.errors import CheckpointError, MissingDependencyError
from segue.modeling.quantise import BYTES, check_device, quantise_layers, settle

CPU = torch.device("cpu")
SPREAD = {"4bit": 0.15, "8bit": 0.02}
"""Norm of what changes in a layer's products, to theirs: 0.09 and 0.008 for normal weights and inputs."""


def tiny_llama(width: int = 128) -> LlamaForCausalLM:
    torch.manual_seed(3)
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 64}
    return LlamaForCausalLM(LlamaConfig(hidden_size=width, intermediate_size=2 * width, **sizes)).eval()


@pytest.mark.parametrize("kind", BYTES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_layers_are_packed_and_nothing_else_is(kind, dtype):
    bnb = pytest.importorskip("bitsandbytes")
    model = tiny_llama().to(dtype)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    name, x = "model.layers.1.mlp.down_proj", torch.randn(3, 5, 256, dtype=dtype)
    wanted = model.get_submodule(name)(x)

    quantise_layers(model, kind, compute_dtype=dtype)
    model.to(device=CPU, dtype=dtype)
    settle(model)

    packed = {n for n, m in model.named_modules() if isinstance(m, (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt))}
    layers = [f"model.layers.{number}." for number in range(2)]
    parts = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"]
    parts += ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
    assert packed == {layer + part for layer in layers for part in parts}
    for own, value in model.named_parameters():
        if own.removesuffix(".weight") in packed:
            held = value.numel() * value.element_size()
            assert held <= BYTES[kind] * before[own].numel()
        else:
            assert torch.equal(value, before[own]), own
    found = model.get_submodule(name)(x)
    assert found.dtype == dtype
    error = ((found - wanted).float().norm() / wanted.float().norm()).item()
    assert 0 < error < SPREAD[kind]


def test_the_library_says_nothing_in_each_step(caplog):
    pytest.importorskip("bitsandbytes")
    model = tiny_llama().to(torch.bfloat16)
    quantise_layers(model, "8bit")
    model.to(CPU)
    with caplog.at_level(logging.DEBUG):
        settle(model)
        model(input_ids=torch.tensor([[1, 2, 3]]))
    assert not [record for record in caplog.records if "cast" in record.getMessage()]


def test_layers_that_are_no_whole_blocks_wide():
    pytest.importorskip("bitsandbytes")
    with pytest.raises(CheckpointError, match="96 wide; 4bit takes multiples of 64, 8bit any"):
        quantise_layers(tiny_llama(96), "4bit")
    quantise_layers(tiny_llama(96), "8bit")


def test_a_kind_that_is_not():
    for call in (lambda: quantise_layers(tiny_llama(), "2bit"), lambda: check_device("2bit", CPU)):
        with pytest.raises(CheckpointError, match="'2bit' is not one of 4bit, 8bit"):
            call()


@pytest.mark.parametrize("kind", BYTES)
def test_devices(kind):
    pytest.importorskip("bitsandbytes")
    check_device(kind, CPU)
    with pytest.raises(CheckpointError, match=f"cannot hold a language model in {kind} on meta"):
        check_device(kind, torch.device("meta"))


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'segue\[quantise\]'"):
        check_device("4bit", CPU)
