"""The original's tiny PixelLLM in our parts: its golden arrays, and what we compute once for many tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segue.checkpoints.jax_layout import config_from_description, load_tree
from segue.modeling.pixelllm import PixelLLM, Referred
from segue.modeling.pixelllm_vision import FusedFeatures


@dataclass(frozen=True)
class PixelLLMCase:
    """A folder of golden numbers with the tree they were made with."""

    folder: Path

    @cached_property
    def arrays(self) -> Any:
        return np.load(self.folder / "expected.npz")

    @cached_property
    def description(self) -> dict[str, Any]:
        return json.loads((self.folder / "config.json").read_text())

    @cached_property
    def model(self) -> PixelLLM:
        return load_tree(self.folder / "checkpoint.npz", config_from_description(self.description))

    def __getitem__(self, name: str) -> Tensor:
        values = torch.from_numpy(self.arrays[name])
        return values.long() if values.dtype in (torch.int32, torch.uint8) else values

    @property
    def pixels(self) -> tuple[Tensor, Tensor]:
        return self["inputs"].permute(0, 3, 1, 2), self["padding_mask"]

    @cached_property
    def features(self) -> FusedFeatures:
        with torch.no_grad():
            return self.model.encode_images(*self.pixels)

    @cached_property
    def referred(self) -> Referred:
        with torch.no_grad():
            return self.model.refer(self.features, self["ref/context_tokens"], self["ref/text_tokens"])

    def check(self, name: str, value: Tensor, *, within: float = 1e-4) -> None:
        """Within absolute `within` of the golden array; 0 means equal."""
        expected = self[name]
        value = value.detach()
        if value.ndim != expected.ndim and value.numel() == expected.numel():
            value = value.reshape(expected.shape)
        assert value.shape == expected.shape, name
        difference = (value.double() - expected.double()).abs().max().item() if expected.numel() else 0.0
        assert difference <= within, f"{name}: {difference:.2e} apart, {within:.0e} allowed"
