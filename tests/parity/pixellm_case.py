"""The original's tiny PixelLM in our parts: how its golden arrays are asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segue.checkpoints.pixellm_layout import read_pixellm
from segue.images import Geometry, open_image
from segue.modeling.pixellm import PixelLMPixels

ORIGINAL_PLACEHOLDER = -200


@dataclass(frozen=True)
class PixelLMCase:
    """A folder of golden numbers with the checkpoint they were made with."""

    folder: Path

    @cached_property
    def arrays(self) -> Any:
        return np.load(self.folder / "expected.npz")

    @cached_property
    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / "expected.json").read_text())

    @cached_property
    def loaded(self) -> Any:
        return read_pixellm(self.folder / "checkpoint", dtype=torch.float32)

    @property
    def model(self) -> Any:
        return self.loaded[0]

    @property
    def processor(self) -> Any:
        return self.loaded[1]

    @property
    def group(self) -> tuple[int, ...]:
        return tuple(self.facts["codebook_token_ids"])

    def image(self, number: int) -> tuple[PixelLMPixels, Geometry]:
        """One picture as the model takes it, and the way back."""
        pixels, (geometry,) = self.processor.pixels([open_image(self.sample(number))])
        return pixels, geometry

    def sample(self, number: int) -> Path:
        return self.folder / "samples" / f"image_{number}.png"

    @torch.no_grad()
    def features(self, number: int) -> Any:
        return self.model.encode_images(self.image(number)[0])

    def expand(self, rows: Any, fill: int) -> Tensor:
        """One placeholder for the picture -> one for each image token; `fill` at them for other arrays."""
        slots = self.model.config.image_token_side**2
        expanded = []
        for row, ids in zip(*rows, strict=True):
            at = list(ids).index(ORIGINAL_PLACEHOLDER)
            expanded.append([*row[:at], *[fill] * slots, *row[at + 1 :]])
        return torch.tensor(expanded)
