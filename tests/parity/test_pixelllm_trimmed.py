"""PixelLLM's language models, places and search against the original, from the selection in the repository
(`tests/golden/pixelllm`): the language part of both golden trees, begun at the extractor's output.

The whole comparison, `test_pixelllm.py`, needs the shared folder.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segue.checkpoints.jax_layout import config_from_description, convert_tree
from segue.checkpoints.strict import fill
from segue.modeling.caption_search import beam_search, greedy_search
from segue.modeling.captioners import make_captioner
from segue.modeling.location_head import LocationHead

FOLDER = Path(__file__).parents[1] / "golden" / "pixelllm"


class Language:
    """Captioner and location head of one golden tree."""

    def __init__(self, kind: str):
        self.arrays = np.load(FOLDER / f"{kind}.npz")
        self.config = config_from_description(json.loads((FOLDER / f"{kind}.json").read_text()))
        tree = {n.removeprefix("tree:"): self.arrays[n] for n in self.arrays.files if n.startswith("tree:")}
        state = convert_tree(tree, self.config)
        self.captioner = make_captioner(self.config).eval()
        self.head = LocationHead(
            self.captioner.width,
            hidden=self.config.point_hidden_size,
            num_layers=self.config.point_num_layers,
            points=self.config.points_per_word,
            values=self.config.values_per_point,
        )
        for part, module in (("captioner.", self.captioner), ("location_head.", self.head)):
            own = {n.removeprefix(part): value for n, value in state.items() if n.startswith(part)}
            fill(module, own, kind)

    def __getitem__(self, name: str) -> torch.Tensor:
        values = torch.from_numpy(self.arrays[name])
        return values.long() if values.dtype == torch.int32 else values

    def check(self, name: str, value: torch.Tensor, within: float = 1e-4) -> None:
        torch.testing.assert_close(value.reshape(self[name].shape), self[name], atol=within, rtol=0)

    def remember(self, name: str, context: str):
        return self.captioner.encode(
            self[f"{name}/adapter_output"].flatten(0, 1), self[context].flatten(0, 1)
        )


@pytest.fixture(scope="module", params=["t5", "bert"])
def language(request):
    torch.set_num_threads(1)
    with torch.no_grad():
        yield Language(request.param)


@pytest.mark.parametrize("name", ["trace", "ref"])
def test_states_logits_and_points(language, name):
    memory = language.remember(name, f"{name}/context_tokens")
    if f"{name}/t5_encoder_output" in language.arrays.files:
        language.check(f"{name}/t5_encoder_output", memory.states)
    language.check(
        f"{name}/lm_prefix", language.captioner.prefix(language[f"{name}/adapter_output"].flatten(0, 1))
    )
    states = language.captioner.read(memory, language[f"{name}/text_tokens"].flatten(0, 1))
    language.check(f"{name}/text_feats", states)
    language.check(f"{name}/logits", language.captioner.logits(states))
    relative, rest = language.head(states)
    language.check(f"{name}/point_coords_relative", relative)
    language.check(f"{name}/point_extra_logits", rest)


@pytest.mark.parametrize(("name", "num_beams"), [("trace/greedy", 1), ("trace/beam4", 4), ("loca/greedy", 1)])
def test_search(language, name, num_beams):
    config = language.config
    expected = language[f"{name}/beam_text_tokens"].flatten(0, 1)
    memory = language.remember(name.split("/")[0], f"{name}/context_tokens")
    common = {
        "rows": len(expected),
        "length": config.max_text_length,
        "bos": config.bos_token_id,
        "eos": config.eos_token_id,
    }
    if num_beams == 1:
        beams = greedy_search(language.captioner, memory, **common)
    else:
        beams = beam_search(
            language.captioner,
            memory,
            num_beams=num_beams,
            per_node=config.beam_per_node,
            alpha=config.beam_alpha,
            **common,
        )
    assert torch.equal(beams.texts, expected)
    language.check(f"{name}/beam_log_probs", beams.scores)
