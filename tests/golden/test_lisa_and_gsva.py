"""A fresh clone's proof: both official codes' numbers on their own weights (see the README)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import segue
from segue.images import open_image
from segue.modeling.generation import compute_prefix, generate
from segue.modeling.lisa import IMAGE_PLACEHOLDER_ID
from tests.golden.trim import HERE, unpacked

STATES, MASKS = 1e-4, 2e-3


class Golden:
    def __init__(self, name: str, folder: Path):
        source = HERE / name
        predictor = segue.load(unpacked(name, folder), device="cpu")
        self.model, self.processor = predictor.model, predictor.processor
        self.numbers = np.load(source / "numbers.npz")
        self.facts = json.loads((source / "facts.json").read_text(encoding="utf-8"))
        self.pixels, (self.geometry,) = self.processor.pixels([open_image(source / "image.png")])
        with torch.no_grad():
            self.features = self.model.encode_images(self.pixels)

    def expand(self, ids) -> list[int]:
        count = self.processor.num_image_tokens
        return [t for i in ids.tolist() for t in ([IMAGE_PLACEHOLDER_ID] * count if i < 0 else [i])]

    @torch.no_grad()
    def answer(self):
        ids = self.processor.text_ids(self.facts["prompt"])
        assert ids == self.expand(self.numbers["prompt_ids"])
        length = len(self.processor.prefix_ids)
        first = self.model.embed(torch.tensor([ids[:length]]), self.features.tokens)
        return generate(
            self.model.language_model,
            compute_prefix(self.model.language_model, first),
            [self.model.embed(torch.tensor([ids[length:]]))[0]],
            image_index=[0],
            stop_id=self.processor.stop_id,
            max_new_tokens=64,
        )[0]

    @torch.no_grad()
    def check_masks(self, states, low_key: str = "low_res"):
        h_seg = self.model.text_hidden_fcs(states)
        low, scores = self.model.sam.decode_masks(
            self.features.sam, torch.zeros(len(states), dtype=torch.long), h_seg
        )
        near(low[:, ::4, ::4], self.numbers[low_key], MASKS)
        if low_key == "low_res":
            near(h_seg, self.numbers["embeddings"], STATES)
            near(scores, self.numbers["scores"], STATES)
            width = self.geometry.original[1]
            wanted = np.unpackbits(self.numbers["masks"], axis=-1)[..., :width]
            found = (self.geometry.masks_to_original(low) > 0).numpy()
            assert (found != wanted).mean() <= 2e-4


def near(actual, expected, tolerance):
    np.testing.assert_allclose(actual.detach().numpy(), expected, atol=tolerance, rtol=0)


@pytest.fixture(scope="module", params=["lisa", "gsva"])
def golden(request, tmp_path_factory):
    return Golden(request.param, tmp_path_factory.mktemp(request.param))


def test_tokenization(golden):
    expected = golden.facts["tokenization"]
    assert {text: golden.processor.tokenizer.encode(text) for text in expected} == expected


def test_picture(golden):
    pixels = golden.pixels.sam[0].numpy().tobytes()
    assert hashlib.sha256(pixels).hexdigest() == golden.facts["sam_input_sha256"]
    wanted = golden.numbers["clip_features"]
    with torch.no_grad():
        clip = golden.model.clip_features(golden.pixels.clip)[0]
    near(clip[:: len(clip) // len(wanted)], wanted, STATES)


def test_generation(golden):
    answer = golden.answer()
    assert [*answer.ids, golden.processor.stop_id] == golden.numbers["generated_ids"].tolist()
    wanted = golden.numbers["step_logits"]
    near(golden.model.lm_head(answer.states)[: len(wanted)], wanted, STATES)


def test_masks(golden):
    seg = golden.facts["seg_id"]
    if "kinds" not in golden.facts:
        answer = golden.answer()
        states = answer.states[[place for place, token in enumerate(answer.ids) if token == seg]]
        near(states, golden.numbers["states"], STATES)
        return golden.check_masks(states)
    ids = torch.tensor([golden.expand(golden.numbers["answer_ids"])])
    for second, key, low in ((False, "states", "low_res"), (True, "reeval_states", "reeval_low_res")):
        judgement = golden.model.judge(
            golden.features, ids, seg_id=seg, rej_id=golden.facts["rej_id"], second_pass=second
        )
        found = "".join("R" if rejected else "S" for rejected in judgement.rejected.tolist())
        assert found == golden.facts["kinds"]
        states = judgement.states[judgement.positions[judgement.masks] - 1]
        near(states, golden.numbers[key], STATES)
        golden.check_masks(states, low)
