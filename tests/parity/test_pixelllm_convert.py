"""`segue convert` on the original's parameter tree: the folder it leaves is the tree's model."""

from __future__ import annotations

import pytest
import torch

import segue
from segue.cli.main import main
from tests.modeling.tiny_pixelllm import tiny_tokenizer
from tests.parity.pixelllm_case import PixelLLMCase
from tests.parity.shared import parity_folder


def test_a_tree_becomes_a_folder_that_loads(tmp_path, capsys):
    case = PixelLLMCase(parity_folder("pixelllm") / "t5")
    arguments = ["convert", str(case.folder / "checkpoint.npz"), str(tmp_path / "out"), "--dtype", "float32"]
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "--tokenizer" in capsys.readouterr().err
    tiny_tokenizer().save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(SystemExit, match="0"):
        main([*arguments, "--tokenizer", str(tmp_path)])
    model = segue.load(tmp_path / "out", device="cpu").model
    state = case.model.state_dict()
    assert len(state) == len(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
