"""Reading what a model file holds without torch."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from segue.checkpoints.loading import EMBEDDED, PUBLISHED
from segue.cli.models import describe, read_safetensors_header, weights_digest
from segue.errors import CheckpointError


@pytest.fixture
def weights(tmp_path):
    tensors = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float16)}
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path


def test_describe_reads_the_weights(weights):
    size = (weights / "model.safetensors").stat().st_size
    assert describe(weights) == {"bytes": size, "parameters": 10, "dtype": "f16+f32"}


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 8 + b"{}", b"\x02" + b"\0" * 7 + b"{]"])
def test_broken_files_are_named(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is not a safetensors file"):
        read_safetensors_header(path)


def test_the_digest_follows_the_weights(weights):
    before = weights_digest(weights)
    save_file({"a": np.ones(1, np.float32)}, weights / "model.safetensors")
    assert before != weights_digest(weights)


def test_models_lists_the_embedded_and_the_published(cli):
    listed = json.loads(cli("models", "--json").out)
    assert [model["name"] for model in listed["embedded"]] == list(EMBEDDED)
    assert all(model["parameters"] > 0 for model in listed["embedded"])
    shown = cli("models").out
    assert all(name in shown for name in [*EMBEDDED, *PUBLISHED])
