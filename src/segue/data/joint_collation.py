"""Several kinds of PixelLLM's turns about the same pictures in one batch, so that each picture is seen once.

The released batches come from one source and are of one kind each. Where pictures are made with every
label (scenes), a narrative, expressions and regions of the same picture are learned together. A batch is
`pixels`, `padding_mask` and `parts`, a batch of `PixelLLMCollator` for each kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.native import Record
from segue.data.pixelllm_collation import KINDS, PixelLLMCollator, PixelLLMSample
from segue.data.pixelllm_view import ViewRange
from segue.errors import DataError

if TYPE_CHECKING:
    import torch

    from segue.caption_text import CaptionText
    from segue.modeling.pixelllm_configuration import PixelLLMConfig

__all__ = ["JointCollator"]

_SHARED = ("pixels", "padding_mask")
_LONG = ("text", "points")
"""Tensors with a text position in their third dimension."""


class JointCollator:
    """Encodes records whose turns are of any of PixelLLM's kinds.

    Args:
        config, text: as `PixelLLMCollator` takes them.
        masks: expressions' masks are learned as well as their boxes.
        view: how every picture is put on the square, whatever its turns.
    """

    def __init__(
        self, config: PixelLLMConfig, text: CaptionText, *, masks: bool, view: ViewRange | None = None
    ):
        self.one = PixelLLMCollator(
            config,
            text,
            views=dict.fromkeys(KINDS, view or ViewRange()),
            alignment=config.word_alignment,
            masks=masks,
        )

    def encode(
        self, image: np.ndarray, record: Record, rng: np.random.Generator
    ) -> Mapping[str, PixelLLMSample]:
        """One (H, W, 3) uint8 picture and its record to a sample for each kind of turn, in the same view.

        Raises:
            DataError: as `PixelLLMCollator.encode`, or a turn's kind is none that this family learns.
        """
        kinds = sorted({turn.type for turn in record.dialogue})
        if not kinds or not set(kinds).issubset(KINDS):
            raise DataError(f"{record.image}: turns of {', '.join(KINDS)} are needed; it has {kinds}")
        seed = int(rng.integers(1 << 62))
        samples = {}
        for kind in kinds:
            turns = [turn for turn in record.dialogue if turn.type == kind]
            own = record.model_copy(update={"dialogue": turns})
            samples[kind] = self.one.encode(image, own, np.random.default_rng(seed))
        return samples

    def collate(self, samples: Sequence[Mapping[str, PixelLLMSample]]) -> dict[str, Any]:
        """The batch. A picture without turns of a kind that others have takes part in that kind with none; of
        texts the positions that no row of the kind uses are cut."""
        kinds = sorted({kind for sample in samples for kind in sample})
        parts = {}
        for kind in kinds:
            batch = self.one.collate([self._of(sample, kind) for sample in samples])
            shared = {name: batch.pop(name) for name in _SHARED}
            parts[kind] = _cut(batch)
        return {**shared, "parts": parts}

    def _of(self, sample: Mapping[str, PixelLLMSample], kind: str) -> PixelLLMSample:
        if kind in sample:
            return sample[kind]
        other = next(iter(sample.values()))
        side, length = self.one.config.image_size, self.one.text.length
        places = kind in ("refer", "region")
        masked = kind == "refer" and self.one.masks
        points = (0, length, self.one.config.points_per_word, 2)
        return PixelLLMSample(
            kind=kind,
            pixels=other.pixels,
            padding_mask=other.padding_mask,
            size=other.size,
            text=[],
            context=[],
            boxes=np.zeros((0, 4)) if places else None,
            points=np.zeros(points, np.float32) if kind == "trace" else None,
            masks=np.zeros((0, side, side), bool) if masked else None,
        )


def _cut(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Text positions up to the longest row."""
    used = batch["text"].flatten(0, 1).ne(0).any(0).sum()
    longest = max(int(used), 2)
    return {name: value[:, :, :longest] if name in _LONG else value for name, value in batch.items()}
