"""Records to training batches of the small bases: LISA's views and words, and what else can be learned of a
picture: its cells' classes, masks of named classes, and masks of single objects by a box, a click, or a look.

All places are of the padded square that both views share (`LisaConfig.clip_fit` is "pad").
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from segue.data.dense_targets import IGNORE, DenseLabels, DenseTargets
from segue.data.family_collation import FamilySample, LisaCollator
from segue.data.native import Record, decode_mask
from segue.images import Geometry

if TYPE_CHECKING:
    import torch

__all__ = ["BasesCollator", "BasesSample"]

LEAST_CELLS = 2.0
"""Of SAM's output: smaller objects are not asked for."""
JITTER = 0.08
"""Of a box's sides: how far people are off."""


@dataclass(frozen=True)
class BasesSample(FamilySample):
    """A picture with its labels.

    Attributes:
        maps: (m, m) int16 for category and color.
        exhaustive: (categories,) bool.
        prompts, prompt_masks: (category, colour or 0) of named classes, and (P, s, s) uint8 0..255.
        boxes, points: (K, 4) and (K, 2) float32 of single objects, in pixels of SAM's input.
        by_box: (K,) bool, whether an object is asked for by its box or by a click.
        object_masks: (K, s, s) uint8 0..255.
    """

    maps: dict[str, np.ndarray]
    exhaustive: np.ndarray
    prompts: list[tuple[int, int]]
    prompt_masks: np.ndarray
    boxes: np.ndarray
    points: np.ndarray
    by_box: np.ndarray
    object_masks: np.ndarray


class BasesCollator(LisaCollator):
    """LISA's, with labels.

    Args:
        processor: of the one LISA that the bases are parts of.
        labels: the dense classes.
        max_objects: at most so many objects or parts of a picture are asked for one by one.
        max_prompts: at most so many classes by name.
        settings: `FamilyCollator`'s.
    """

    def __init__(
        self, processor: Any, labels: DenseLabels, *, max_objects: int, max_prompts: int, **settings: Any
    ):
        super().__init__(processor, **settings)
        self.dense = DenseTargets(labels, max_prompts=max_prompts)
        self.max_objects = max_objects
        config = processor.config
        vision = config.sam_config.vision_config
        cells = vision.image_size // vision.patch_size
        tokens = config.clip_config.image_size // config.clip_config.patch_size
        self.mask_cells = 4 * cells  # SAM's decoder makes its features four times finer
        self.map_cells = math.lcm(cells, tokens)

    def encode(self, image: np.ndarray, record: Record, rng: np.random.Generator) -> BasesSample:
        """One (H, W, 3) uint8 picture and its record; without a dialogue there are no words to learn."""
        if record.dialogue:
            words = super().encode(image, record, rng)
        else:
            geometry = self.processor.geometry(record.height, record.width)
            views = self.view(Image.fromarray(image), geometry)
            words = FamilySample(views, geometry, [], [], np.zeros((0, record.height, record.width), bool))
        geometry = self.processor.geometry(record.height, record.width)
        masks = {o.id: decode_mask(o.segmentation, record.height, record.width) for o in record.objects}
        prompts, prompt_masks = self.dense.prompts(record, masks, rng)
        chosen = self._objects(record, masks, geometry, rng)
        size = self._inner(geometry, self.map_cells)
        maps = self.dense.maps(record, masks, size)
        return BasesSample(
            **vars(words),
            maps={name: _padded(maps[name], self.map_cells, IGNORE) for name in ("category", "color")},
            exhaustive=self.dense.exhaustive(record),
            prompts=prompts,
            prompt_masks=self._shrunk(prompt_masks, geometry),
            boxes=_rows([_box(masks[number], geometry, rng) for number in chosen], 4),
            points=_rows([_click(masks[number], geometry, rng) for number in chosen], 2),
            by_box=rng.random(len(chosen)) < 0.5,
            object_masks=self._shrunk([masks[number] for number in chosen], geometry),
        )

    def collate(self, samples: Sequence[BasesSample]) -> dict[str, torch.Tensor]:  # type: ignore[override]
        """As `LisaCollator.collate`; the labels' rows name their picture in `prompts` and `object_rows`."""
        import torch

        words = [sample for sample in samples if sample.ids]
        batch: dict[str, torch.Tensor] = {}
        if len(words) == len(samples):
            batch = super().collate(samples)
        else:
            batch = {
                name: torch.from_numpy(np.stack([sample.pictures[name] for sample in samples]))
                for name in samples[0].pictures
            }
            sizes = [(*s.geometry.original, *s.geometry.valid) for s in samples]
            batch["geometry"] = torch.tensor(sizes)
        prompts = [(row, *prompt) for row, s in enumerate(samples) for prompt in s.prompts]
        rows = [row for row, s in enumerate(samples) for _ in s.boxes]
        joined = {
            name: torch.from_numpy(np.concatenate([getattr(s, name) for s in samples]))
            for name in ("prompt_masks", "boxes", "points", "by_box", "object_masks")
        }
        maps = {
            f"{name}_map": torch.from_numpy(np.stack([s.maps[name] for s in samples]))
            for name in samples[0].maps
        }
        return (
            batch
            | joined
            | maps
            | {
                "prompts": torch.tensor(prompts, dtype=torch.long).reshape(-1, 3),
                "object_rows": torch.tensor(rows, dtype=torch.long),
                "exhaustive": torch.from_numpy(np.stack([s.exhaustive for s in samples])),
            }
        )

    def _objects(
        self, record: Record, masks: dict[int, np.ndarray], geometry: Geometry, rng: np.random.Generator
    ) -> list[int]:
        """Ids of the objects and parts to ask for."""
        cell = (max(geometry.original) / self.mask_cells) ** 2
        large = [
            entry.id
            for entry in record.objects
            if entry.segmentation and masks[entry.id].sum() >= LEAST_CELLS * cell
        ]
        if len(large) > self.max_objects:
            large = [large[n] for n in sorted(rng.choice(len(large), self.max_objects, replace=False))]
        return large

    def _inner(self, geometry: Geometry, cells: int) -> tuple[int, int]:
        """How many of the square's cells the picture takes, down and across."""
        height, width = geometry.valid
        side = geometry.canvas[0]
        return max(1, round(height * cells / side)), max(1, round(width * cells / side))

    def _shrunk(self, masks: Sequence[np.ndarray], geometry: Geometry) -> np.ndarray:
        """(K, s, s): the covered share of each cell, times 255, nothing in the padding."""
        height, width = self._inner(geometry, self.mask_cells)
        result = np.zeros((len(masks), self.mask_cells, self.mask_cells), np.uint8)
        for row, mask in zip(result, masks, strict=True):
            small = Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BOX)
            row[:height, :width] = np.asarray(small)
        return result


def _box(mask: np.ndarray, geometry: Geometry, rng: np.random.Generator) -> np.ndarray:
    """[x0, y0, x1, y1] as somebody would draw it."""
    ys, xs = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    box = np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], np.float64)
    sides = np.tile(box[2:] - box[:2], 2)
    box += rng.normal(0, JITTER, 4) * sides
    return box * np.tile(geometry.scale, 2)


def _click(mask: np.ndarray, geometry: Geometry, rng: np.random.Generator) -> np.ndarray:
    """(x, y) of a pixel of the object."""
    places = np.flatnonzero(mask)
    y, x = divmod(int(places[rng.integers(len(places))]), mask.shape[1])
    return (np.array([x, y]) + 0.5) * np.array(geometry.scale)


def _rows(values: Sequence[np.ndarray], width: int) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, width)


def _padded(cells: np.ndarray, side: int, fill: int) -> np.ndarray:
    full = np.full((side, side), fill, cells.dtype)
    full[: cells.shape[0], : cells.shape[1]] = cells
    return full
