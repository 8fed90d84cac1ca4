"""What a checkpoint will take, told before it is read."""

from __future__ import annotations

import logging

import pytest
import torch
from safetensors.torch import save_file

import segue
from segue.checkpoints.memory import announce, count_weights
from segue.errors import CheckpointError
from tests.checkpoints.published_pixellm import write_json, write_published


def test_shapes_of_every_layout_are_counted(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    save_file({"a": torch.ones(3, 4), "b": torch.ones(2)}, one / "model.safetensors")
    for name, size in (("x", 5), ("y", 7)):
        torch.save({name: torch.ones(size)}, two / f"{name}.bin")
    write_json(two / "pytorch_model.bin.index.json", {"weight_map": {"x": "x.bin", "y": "y.bin"}})
    assert count_weights([one]) == 14
    assert count_weights([one, two]) == 26
    assert announce("them", [one, two], torch.bfloat16) == 52
    (two / "x.bin").write_bytes(b"no")
    with pytest.raises(CheckpointError, match=r"x\.bin"):
        count_weights([two])


def test_loading_says_it_before(tmp_path, caplog):
    model = write_published(tmp_path, scales=1, tokens=1)
    numbers = sum(value.numel() for value in model.state_dict().values())
    with caplog.at_level(logging.INFO, logger="segue.checkpoints"):
        segue.load(tmp_path, device="auto", dtype="bfloat16")
    (line,) = [record for record in caplog.records if record.name == "segue.checkpoints.memory"]
    assert line.numbers == pytest.approx(numbers, rel=0.01)  # and what the layout holds besides
    assert line.bytes == pytest.approx(2 * numbers, rel=0.01)
    assert f"{numbers / 1e6:.1f} million weights" in line.getMessage()
    assert "MB in bfloat16" in line.getMessage()
