"""Models loaded with a language model in few bits, from every kind of checkpoint; and what cannot be."""

from __future__ import annotations

import logging
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import segue
from segue.checkpoints.adapters import AdapterNote, write_adapter
from segue.checkpoints.converted import write_converted
from segue.errors import CapabilityError, CheckpointError, MissingDependencyError
from segue.modeling.quantise import BYTES
from tests.checkpoints.published_pixellm import write_published
from tests.modeling.tiny_lisa import tiny_lisa

IMAGE = np.random.default_rng(3).integers(0, 255, (40, 60, 3), dtype=np.uint8)


@pytest.fixture
def lisa(tmp_path):
    """A folder of a LISA whose layers are whole 4-bit blocks wide."""
    model, processor = tiny_lisa(tmp_path, width=64)
    write_converted(model, processor, tmp_path / "lisa")
    return tmp_path / "lisa"


def parts(model) -> dict[str, set[torch.dtype]]:
    kinds: dict[str, set[torch.dtype]] = {}
    for name, value in model.named_parameters():
        layers = name.startswith("language_model.model.layers.") and value.ndim == 2
        kinds.setdefault("layers" if layers else "rest", set()).add(value.dtype)
    return kinds


@pytest.mark.parametrize(("kind", "packed"), [("4bit", torch.uint8), ("8bit", torch.int8)])
def test_all_else_stays_and_the_memory_is_said_before(lisa, kind, packed, caplog):
    pytest.importorskip("bitsandbytes")
    with caplog.at_level(logging.INFO, logger="segue.checkpoints"):
        loaded = segue.load(lisa, device="cpu", quantise=kind)
    assert parts(loaded.model) == {"layers": {packed}, "rest": {torch.bfloat16}}
    assert loaded.model.language_model.model.rotary_emb.inv_freq.dtype == torch.float32
    (line,) = [record for record in caplog.records if record.name == "segue.checkpoints.memory"]
    held = sum(value.numel() * value.element_size() for value in loaded.model.parameters())
    assert line.bytes == pytest.approx(held, rel=0.02)  # the scales of blocks and rows are no parameters
    assert f"in bfloat16 with the language model's layers in {kind}" in line.getMessage()
    answer = loaded.ask(IMAGE, "is it the dog", max_new_tokens=4)
    assert (answer.width, answer.height) == (60, 40)


def test_the_rest_in_another_precision(lisa):
    pytest.importorskip("bitsandbytes")
    loaded = segue.load(lisa, device="cpu", quantise="4bit", dtype="float32")
    assert parts(loaded.model) == {"layers": {torch.uint8}, "rest": {torch.float32}}


def test_pixellm(tmp_path):
    pytest.importorskip("bitsandbytes")
    write_published(tmp_path, scales=1, tokens=1)
    loaded = segue.load(tmp_path, device="cpu", quantise="8bit")
    assert parts(loaded.model) == {"layers": {torch.int8}, "rest": {torch.bfloat16}}


def test_an_adapter_is_merged_before(lisa, tmp_path):
    pytest.importorskip("bitsandbytes")
    name = "language_model.model.layers.1.self_attn.q_proj"
    lora = {"rank": 4, "alpha": 8.0, "dropout": 0.0, "targets": ["q_proj"]}
    down, up = torch.randn(4, 64), torch.randn(64, 4)
    state = {f"{name}.lora_A.default.weight": down, f"{name}.lora_B.default.weight": up}
    write_adapter(tmp_path / "run", state, AdapterNote("lisa", base=str(lisa), lora=lora))
    plain = segue.load(tmp_path / "run", device="cpu")
    loaded = segue.load(tmp_path / "run", device="cpu", quantise="8bit", dtype="float32")
    x = torch.randn(2, 64)
    wanted = plain.model.get_submodule(name)(x)
    torch.testing.assert_close(
        loaded.model.get_submodule(name)(x), wanted, atol=0.05 * wanted.std().item(), rtol=0
    )


def test_gsva_says_what_it_takes(tmp_path, caplog):
    from tests.checkpoints.test_llava_layout import (
        DECODER_HEADS,
        WRAPPER,
        published_state,
        write_clip,
        write_config,
    )

    pytest.importorskip("bitsandbytes")
    base = tmp_path / "llava"
    base.mkdir()
    model, _ = tiny_lisa(base, rejects=True, width=64)
    write_clip(model, tmp_path / "clip")
    write_config(model, base)
    state = published_state(model)
    save_file({n: v for n, v in state.items() if "visual_model" not in n}, base / "model.safetensors")
    name = f"{WRAPPER}model.layers.1.self_attn.q_proj"
    own = {WRAPPER + key: value for key, value in state.items()}
    own |= {
        f"{name}.lora_A.default.weight": torch.ones(4, 64),
        f"{name}.lora_B.default.weight": torch.ones(64, 4),
    }
    torch.save(own, tmp_path / "gsva.bin")
    with caplog.at_level(logging.INFO, logger="segue.checkpoints"):
        loaded = segue.load(
            tmp_path / "gsva.bin", base=base, device="cpu", sam_config=DECODER_HEADS, quantise="4bit"
        )
    (line,) = [record for record in caplog.records if record.name == "segue.checkpoints.memory"]
    held = sum(value.numel() * value.element_size() for value in loaded.model.parameters())
    assert line.bytes == pytest.approx(held, rel=0.02)
    assert parts(loaded.model) == {"layers": {torch.uint8}, "rest": {torch.bfloat16}}


@pytest.mark.parametrize("kind", BYTES)
def test_a_family_that_has_none(kind):
    with pytest.raises(CapabilityError, match=r"segue/mini: .* LISA, GSVA and PixelLM; segue's own"):
        segue.load("segue/mini", device="cpu", quantise=kind)


def test_pixelllm_has_none(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "segue_pixelllm"}')
    with pytest.raises(CapabilityError, match="PixelLLM's is not a LLaMA"):
        segue.load(tmp_path, device="cpu", quantise="4bit")
    write_adapter(tmp_path / "run", {}, AdapterNote("pixelllm", base="nowhere"))
    with pytest.raises(CapabilityError, match=r"run: .* PixelLLM's is not a LLaMA"):
        segue.load(tmp_path / "run", device="cpu", quantise="4bit")


def test_what_is_wrong_is_said_before_weights_are_read(lisa, monkeypatch):
    monkeypatch.setattr(
        "segue.checkpoints.published.read_published", lambda *_, **__: pytest.fail("it was read")
    )
    with pytest.raises(CheckpointError, match="'3bit' is not one of 4bit, 8bit"):
        segue.load(lisa, device="cpu", quantise="3bit")
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(MissingDependencyError, match=r"segue\[quantise\]"):
        segue.load(lisa, device="cpu", quantise="4bit")
