"""PixelLM's published layout, written by a tiny model: read back whole, and every fault named."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import torch

import segue
from segue.checkpoints.pixellm_layout import read_pixellm, to_published
from segue.cli.main import main
from segue.errors import CheckpointError
from tests.checkpoints.published_pixellm import write_json, write_published
from tests.modeling.tiny_pixellm import tiny_pixellm


@pytest.mark.parametrize(
    ("scales", "tokens", "safetensors", "order"),
    [
        (2, 3, False, 1),  # as on the hub
        (2, 2, True, -1),  # other N; mask tokens with falling ids; safetensors
        (1, 1, False, 1),  # a single [SEG]
        (1, 4, True, 1),
    ],
)
def test_read_back(tmp_path, scales, tokens, safetensors, order):
    written = write_published(tmp_path, scales=scales, tokens=tokens, safetensors=safetensors, order=order)
    predictor = segue.load(tmp_path, device="cpu")  # the folder around hf_model
    config = predictor.model.config
    assert (config.scales, config.tokens_per_scale, config.image_size) == (scales, tokens, 448)
    state = written.state_dict()
    for name, value in predictor.model.state_dict().items():
        torch.testing.assert_close(value, state[name])
    ids = predictor.processor.vocabulary.group
    assert list(ids) == sorted(ids)[::order]


def test_converted_is_the_same(tmp_path, capsys):
    written = write_published(tmp_path / "source", scales=1, tokens=2)
    with pytest.raises(SystemExit, match="0"):
        main(["convert", str(tmp_path / "source"), str(tmp_path / "out"), "--dtype", "float32", "--json"])
    assert "model.safetensors" in json.loads(capsys.readouterr().out)["files"]
    again = segue.load(tmp_path / "out", device="cpu")
    state = written.state_dict()
    for name, value in again.model.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=0)
    original = segue.load(tmp_path / "source", device="cpu")
    assert again.processor.vocabulary == original.processor.vocabulary
    assert again.processor.question_ids("where?") == original.processor.question_ids("where?")


def test_answers_are_the_pictures_size(tmp_path):
    write_published(tmp_path, scales=1)
    predictor = segue.load(tmp_path / "hf_model", device="cpu")
    picture = np.random.default_rng(0).integers(0, 255, (30, 50, 3), dtype=np.uint8)
    answer = predictor.ask(picture, "where?", max_new_tokens=4)
    assert (answer.width, answer.height) == (50, 30)
    text = predictor.processor.group_text
    turn = predictor.processor.encode_conversation(
        predictor.processor.template.render([("where?", f"a dog {text}.")])
    )
    assert tuple(i for i in turn.ids if i in predictor.processor.vocabulary.ids) == ids_of(predictor)
    score = predictor.score(picture, "where?", "a dog")
    assert score.mask_logits.shape == (0, 30, 50)
    assert np.isfinite(score.loss)


def ids_of(predictor):
    return predictor.processor.vocabulary.group


def test_what_cannot_be_published():
    with pytest.raises(CheckpointError, match=r"no place for fusion\.phi"):
        to_published(tiny_pixellm())


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def edit_weights(folder, change):
    path = folder / "pytorch_model-00001-of-00002.bin"
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, path)


def without(name):
    return lambda folder: (
        edit(folder / "pytorch_model.bin.index.json", lambda index: index["weight_map"].pop(name)),
        [
            torch.save({k: v for k, v in torch.load(p, weights_only=True).items() if k != name}, p)
            for p in folder.glob("*.bin")
        ],
    )


def cut_short(state):
    state.update({name: value[:1] for name, value in state.items() if "layernorm" in name})


class Harmful:
    def __reduce__(self):
        return os.system, ("true",)


SMALL = {"num_hidden_layers": 4}
FAULTS = {
    "no tower": (lambda f: edit(f / "config.json", lambda c: c.pop("vision_tower")), "vision_tower="),
    "no codebook": (lambda f: edit(f / "added_tokens.json", lambda a: a.clear()), "neither .SEG. nor"),
    "a gap": (lambda f: edit(f / "added_tokens.json", lambda a: a.pop("[SEG1]")), "skips some"),
    "not shared": (lambda f: edit(f / "added_tokens.json", lambda a: a.pop("[SEG5]")), "5 mask tokens"),
    "three scales": (
        lambda f: edit(f / "config.json", lambda c: c.update(image_feature_scale_num=3)),
        "1 or 2 scales",
    ),
    "a small tower": (
        lambda f: edit(f.parent / "clip-tiny/config.json", lambda c: c["vision_config"].update(SMALL)),
        "too few",
    ),
    "missing": (
        without("model.mask_decoder.level_embed.weight"),
        r"1 missing \(model.mask_decoder.level_embed.weight\)",
    ),
    "unexpected": (
        lambda f: edit_weights(f, lambda state: state.update(surprise=torch.ones(1))),
        r"1 unexpected \(surprise\)",
    ),
    "mis-shaped": (lambda f: edit_weights(f, cut_short), "mis-shaped"),
    "shard gone": (lambda f: (f / "pytorch_model-00002-of-00002.bin").unlink(), "bin is missing"),
    "shard cut": (
        lambda f: (f / "pytorch_model-00002-of-00002.bin").write_bytes(b"PK\x03\x04 and no more"),
        "damaged or cut off|holds more",
    ),
    "code in a pickle": (
        lambda f: torch.save({"x": Harmful()}, f / "pytorch_model-00002-of-00002.bin"),
        "never run",
    ),
    "index leads away": (
        lambda f: edit(
            f / "pytorch_model.bin.index.json", lambda i: i["weight_map"].update(x="../../other.bin")
        ),
        "not the name of a file beside it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(tmp_path, fault):
    write_published(tmp_path)
    change, message = FAULTS[fault]
    change(tmp_path / "hf_model")
    with pytest.raises(CheckpointError, match=message):
        read_pixellm(tmp_path, dtype=torch.float32)
