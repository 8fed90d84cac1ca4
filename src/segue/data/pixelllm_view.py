"""How PixelLLM's training sees a picture: resized by a random scale, cut to the input's square, padded.

As the released pipeline (`io/ops.py`, `io/transforms.py`): the longer side becomes `scale` times the
square's, by plain bilinear interpolation without rounding, and of what is larger than the square a random
part is taken. Boxes are cut to it, and the collator drops those of which nothing is left; points are moved to
its border.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from segue.images import Geometry

__all__ = ["TrainingView", "ViewRange", "draw_view"]


@dataclass(frozen=True)
class ViewRange:
    """What is drawn from: the scale between two bounds, and whether half of the pictures are mirrored."""

    smallest: float = 1.0
    largest: float = 1.0
    mirror: bool = False


@dataclass(frozen=True)
class TrainingView:
    """One way of putting a picture on the square.

    Attributes:
        geometry: of the resizing alone.
        side: of the square.
        corner: (x, y) of the part that is taken, in resized pixels.
        mirrored: left and right are changed, before all else.
    """

    geometry: Geometry
    side: int
    corner: tuple[int, int] = (0, 0)
    mirrored: bool = False

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the part of the square that shows picture."""
        height, width = self.geometry.resized
        return min(height, self.side), min(width, self.side)

    def picture(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 -> (3, side, side) float32 of 0..255, zero in the padding."""
        if self.mirrored:
            image = image[:, ::-1]
        resized = self.geometry.apply_plain_bilinear(Image.fromarray(image))
        (x, y), (height, width) = self.corner, self.size
        canvas = np.zeros((3, self.side, self.side), np.float32)
        canvas[:, :height, :width] = resized[y : y + height, x : x + width].transpose(2, 0, 1)
        return canvas

    def padding_mask(self) -> np.ndarray:
        """(side, side) float32, 1 where there is picture."""
        height, width = self.size
        canvas = np.zeros((self.side, self.side), np.float32)
        canvas[:height, :width] = 1
        return canvas

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """(H, W) bool -> (side, side) bool, by the nearest pixel."""
        if self.mirrored:
            mask = mask[:, ::-1]
        (x, y), (height, width) = self.corner, self.size
        rows = np.arange(y, y + height) + 0.5
        columns = np.arange(x, x + width) + 0.5
        rows = (rows * (mask.shape[0] / self.geometry.resized[0])).astype(int)
        columns = (columns * (mask.shape[1] / self.geometry.resized[1])).astype(int)
        canvas = np.zeros((self.side, self.side), bool)
        canvas[:height, :width] = mask[np.ix_(rows, columns)]
        return canvas

    def points(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) xy pixels of the picture -> of the square; those outside go to its border."""
        points = np.asarray(points, np.float64).copy()
        if self.mirrored:
            points[..., 0] = self.geometry.original[1] - points[..., 0]
        points = points * self.geometry.scale - self.corner
        return np.clip(points, 0, self.size[::-1])

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """(..., 4) xyxy likewise."""
        corners = self.points(np.asarray(boxes, np.float64).reshape(*np.shape(boxes)[:-1], 2, 2))
        return np.concatenate([corners.min(-2), corners.max(-2)], axis=-1)


def draw_view(
    height: int, width: int, side: int, rng: np.random.Generator, *, among: ViewRange
) -> TrainingView:
    """A random view; with a scale of 1 the one that the model is asked with."""
    mirrored = among.mirror and bool(rng.random() < 0.5)
    scale = among.smallest
    if among.largest > among.smallest:
        scale = rng.uniform(among.smallest, among.largest)
    geometry = Geometry.longest_pad(height, width, max(1, int(side * scale)), rounding="floor")
    spare = [max(0, length - side) for length in geometry.resized]
    top, left = (int(rng.integers(room + 1)) if room else 0 for room in spare)
    return TrainingView(geometry, side, (left, top), mirrored)
