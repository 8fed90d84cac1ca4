"""Reading what a model file holds without torch."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from segue.cli.models import embedded_models, read_safetensors_header, weights_digest
from segue.errors import CheckpointError


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "tiny").mkdir()
    tensors = {"a": np.zeros((2, 3), np.float32), "b": np.zeros(4, np.float16)}
    save_file(tensors, tmp_path / "tiny/model.safetensors", metadata={"format": "pt"})
    return tmp_path


def test_embedded_models(weights):
    [model] = embedded_models(weights)
    assert (model["name"], model["parameters"], model["dtype"]) == ("segue/tiny", 10, "f16+f32")
    assert model["bytes"] == (weights / "tiny/model.safetensors").stat().st_size


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 8 + b"{}", b"\x02" + b"\0" * 7 + b"{]"])
def test_broken_files_are_named(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors is not a safetensors file"):
        read_safetensors_header(path)


def test_the_digest_follows_the_weights(weights):
    before = weights_digest("segue/tiny", weights)
    assert before == weights_digest(str(weights / "tiny"))
    save_file({"a": np.ones(1, np.float32)}, weights / "tiny/model.safetensors")
    assert before != weights_digest("segue/tiny", weights)
    assert weights_digest("someone/elses-model") is None


def test_models_lists_what_is_in_the_package(cli):
    listed = json.loads(cli("models", "--json").out)
    assert all(model["name"].startswith("segue/") for model in listed)
    table = cli("models").out
    assert all(model["name"] in table for model in listed)
