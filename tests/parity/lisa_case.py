"""One parity set of LISA or GSVA: its model, its golden numbers, and what the tests ask of both."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from segue.images import open_image
from segue.modeling.lisa import IMAGE_PLACEHOLDER_ID
from segue.training.lisa_objective import LisaBatch, pad_conversations

ORIGINAL_PLACEHOLDER = -200  # one for a picture, where we hold one for each of its tokens


class ParityCase:
    def __init__(self, folder: Path, model, processor):
        self.folder = folder
        self.model = model
        self.processor = processor
        self.arrays = np.load(folder / "expected.npz")
        self.facts = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        self.fixture = json.loads((folder / "fixture.json").read_text(encoding="utf-8"))
        self._features = {}

    @cached_property
    def token_ids(self):
        return self.processor.tokenizer.added

    def image(self, name: str) -> Image.Image:
        return open_image(self.folder / (name if "/" in name else f"images/{name}.png"))

    def features(self, name: str):
        if name not in self._features:
            pixels, (geometry,) = self.processor.pixels([self.image(name)])
            with torch.no_grad():
                self._features[name] = (self.model.encode_images(pixels), geometry)
        return self._features[name]

    def expand(self, ids) -> list[int]:
        """The originals' ids with as many placeholders as a picture has tokens."""
        count = self.processor.num_image_tokens
        return [
            token
            for given in np.asarray(ids).tolist()
            for token in ([IMAGE_PLACEHOLDER_ID] * count if given == ORIGINAL_PLACEHOLDER else [given])
        ]

    def states(self, name: str, ids: list[int]):
        """(T, H) states of one uncached pass."""
        with torch.no_grad():
            return self.model(torch.tensor([ids]), self.features(name)[0].tokens)[0]

    def decode(self, name: str, states):
        """Text embeddings, low-res masks, SAM's scores and masks at the original size."""
        features, geometry = self.features(name)
        with torch.no_grad():
            h_seg = self.model.text_hidden_fcs(states)
            index = torch.zeros(len(states), dtype=torch.long)
            low, score = self.model.sam.decode_masks(features.sam, index, h_seg)
        return h_seg, low, score, geometry.masks_to_original(low)

    def batch(self, name: str) -> LisaBatch:
        """A golden training batch, collated by us from its conversations."""
        facts = self.facts[name]
        pixels, geometries = self.processor.pixels([self.image(path) for path in facts["images"]])
        ids, labels, mask = pad_conversations(
            [self.processor.encode_conversation(text) for text in facts["conversations"]],
            pad_id=self.processor.pad_id,
        )
        offset = self.arrays[f"{name}/offset"]
        rows = torch.repeat_interleave(torch.arange(len(offset) - 1), torch.tensor(np.diff(offset)))
        masks = [torch.from_numpy(self.arrays[f"{name}/masks_{i}"] == 1) for i in range(len(geometries))]
        return LisaBatch(pixels, geometries, ids, labels, mask, rows, masks)


def near(actual, expected, tolerance):
    actual = actual.detach().numpy() if isinstance(actual, torch.Tensor) else np.asarray(actual)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=tolerance, rtol=0)


def same_pixels(logits, expected):
    """Binary masks; the originals' own noise flips up to 0.02 % of the pixels."""
    actual = np.asarray(logits)
    assert actual.shape == expected.shape
    assert (actual != (expected > 0)).mean() <= 2e-4 if expected.size else True
