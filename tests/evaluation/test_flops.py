"""Counts against sums done by hand, and against those that the specifications give."""

from __future__ import annotations

import json

import pytest

from segue.cli.main import main
from segue.errors import SegueError
from segue.evaluation.flops import count_costs
from segue.modeling.two_way_attention import Attention
from tests.modeling.tiny_pixellm import tiny_pixellm_config


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pixellm")
    tiny_pixellm_config(scales=1).save_pretrained(folder)
    return folder


def test_language_model_by_hand(small):
    cost = count_costs(str(small), prompt_tokens=6)
    width, inner, layers, vocabulary, length = 32, 48, 2, 60, 4 + 6
    linear = layers * (4 * width * width + 3 * width * inner)
    attention = layers * 2 * width  # per pair of places: scores and sums
    assert cost.prompt == 2 * (length * linear + length * length * attention + width * vocabulary)
    assert cost.token == 2 * (linear + (length + 1) * attention + width * vocabulary)
    assert cost.image_tokens == 4


def test_clip_by_hand(small):
    width, inner, places, blocks = 16, 24, 1 + 16, 3  # the last of four blocks is not run
    linear = 4 * width * width + 2 * width * inner
    expected = blocks * (places * linear + places * places * 2 * width) + 16 * 3 * 14 * 14 * width
    assert count_costs(str(small)).vision["CLIP at 56 pixels"] == 2 * expected


def test_answers_add_up(small):
    cost = count_costs(str(small))
    step = cost.answer(targets=3) - cost.answer(targets=2)
    assert step == cost.group * cost.token + cost.decoder_target
    assert cost.answer(words=21) - cost.answer(words=20) == cost.token


def test_published_size_agrees_with_the_specification(monkeypatch):
    """In multiply-accumulates: 0.00669 T a token, CLIP 0.362 T with its unused last block."""
    # The decoder's attention in the usual order of its products; ours has less than half of that.
    ours = count_costs("PixelLM-7B").decoder_target
    monkeypatch.setattr(Attention, "_tokens_first", lambda self, count: False)
    cost = count_costs("PixelLM-7B")
    assert ours < 0.5 * cost.decoder_target
    assert cost.token / 2e12 == pytest.approx(0.00669, rel=1e-3)
    assert cost.vision["CLIP at 448 pixels"] / 2e12 == pytest.approx(0.362 * 23 / 24, rel=2e-3)
    assert cost.decoder_target / 2e12 == pytest.approx(0.0022, rel=0.1)
    assert cost.forward(length=320) / 2e12 == pytest.approx(2.61, rel=0.01)


def test_sam_is_what_pixellm_saves():
    """In multiply-accumulates: SAM's encoder 2.97 T (its window attention pads the grid)."""
    lisa, pixellm = count_costs("LISA-7B"), count_costs("PixelLM-7B")
    assert lisa.vision["SAM at 1024 pixels"] / 2e12 == pytest.approx(2.97, rel=0.03)
    assert lisa.token == pytest.approx(pixellm.token, rel=1e-3)
    assert pixellm.answer() < lisa.answer()


def test_command(small, capsys):
    with pytest.raises(SystemExit) as end:
        main(["bench", "flops", "--model", str(small), "--json"])
    assert end.value.code == 0
    (cost,) = json.loads(capsys.readouterr().out)
    assert cost["answer"]["3"] > cost["answer"]["1"]
    with pytest.raises(SystemExit):
        main(["bench", "flops", "--model", str(small)])
    assert "per target" in capsys.readouterr().out


def test_unknown_models_are_named():
    with pytest.raises(SegueError, match="PixelLM-13B"):
        count_costs("nothing")
