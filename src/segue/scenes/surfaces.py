"""What lies on the drawn shapes: textures and light, as new colours under the old transparency.

The pen calls these; they know an RGBA image, its label image and how many pixels a unit has, no shapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageFilter

TEXTURES = ("noise", "stripes", "spots", "wood", "fur", "checks", "none")


@dataclass(frozen=True)
class Texture:
    kind: str
    strength: float
    color: tuple[int, ...] | None
    number: int | None  # of the part to cover, None for everything
    scale: float

    def put_on(
        self, image: Image.Image, labels: Image.Image, unit: float, rng: np.random.Generator
    ) -> Image.Image:
        field = _pattern(self.kind, image.size, unit, self.scale, rng)
        where = None
        if self.number is not None:
            where = labels.point([255 if value == self.number else 0 for value in range(256)])
        rgb = image.convert("RGB")
        if self.color is None:  # added, not multiplied, so that it shows on black too
            painted = ImageChops.add(rgb, _grey(128 + 127 * self.strength * field, image.size), 1, -128)
        else:
            painted = Image.new("RGB", rgb.size, self.color[:3])
            high = Image.fromarray((255 * min(self.strength, 1.0) * (field > 0)).astype(np.uint8))
            high = high.resize(image.size, Image.Resampling.BILINEAR)
            where = high if where is None else ImageChops.multiply(where, high)
        if where is not None:
            painted = Image.composite(painted, rgb, where)
        painted.putalpha(image.getchannel("A"))
        return painted


@dataclass(frozen=True)
class Shade:
    style: str
    light: tuple[float, float]

    def put_on(
        self, image: Image.Image, labels: Image.Image, unit: float, rng: np.random.Generator
    ) -> Image.Image:
        width, height = image.size
        columns, rows = (max(4, side * 32 // max(width, height)) for side in (width, height))
        ramp = np.linspace(1, -1, rows)[:, None] * np.ones((1, columns))
        alpha = image.getchannel("A")
        if self.style == "round":
            small = alpha.resize((columns, rows), Image.Resampling.BOX)
            soft = np.pad(np.asarray(small.filter(ImageFilter.GaussianBlur(2)), float) / 255, 2)
            length = math.hypot(*self.light) or 1.0
            dx, dy = (round(2 * value / length) for value in self.light)
            lit = soft[2 - dy : 2 - dy + rows, 2 - dx : 2 - dx + columns]
            unlit = soft[2 + dy : 2 + dy + rows, 2 + dx : 2 + dx + columns]
            field = 0.30 * (lit - unlit) + 0.05 * ramp
        else:
            field = ramp * (0.16 if self.style == "vertical" else 0.06)
        # Darkening multiplies and lightening screens, so no channel is cut off and the hue stays.
        rgb = ImageChops.multiply(image.convert("RGB"), _grey(255 * (1 + np.minimum(field, 0)), image.size))
        rgb = ImageChops.screen(rgb, _grey(150 * np.maximum(field, 0), image.size))
        rgb.putalpha(alpha)
        return rgb


def _grey(small: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """A small array of 0..255, enlarged, as a grey RGB image."""
    grey = Image.fromarray(np.clip(small, 0, 255).astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
    return Image.merge("RGB", (grey, grey, grey))


def _pattern(
    kind: str, size: tuple[int, int], unit: float, scale: float, rng: np.random.Generator
) -> np.ndarray:
    """The pattern in -1..1 on a grid of at most 80 cells a side; the caller enlarges it."""
    width, height = size
    shrink = max(1.0, max(width, height) / (40 if kind == "spots" else 80))
    columns, rows = max(2, round(width / shrink)), max(2, round(height / shrink))
    # x, y in units of the sprite's height, as everywhere
    x = (np.arange(columns)[None, :] + 0.5) * width / columns / unit
    y = (np.arange(rows)[:, None] + 0.5) * height / rows / unit
    if kind == "noise":
        return rng.uniform(-1, 1, size=(rows, columns))
    if kind == "stripes":
        turn = rng.uniform(-0.25, 0.25) + (math.pi / 2 if rng.random() < 0.5 else 0)
        return np.sin((x * math.cos(turn) + y * math.sin(turn)) * 2 * math.pi * 7 / scale + rng.uniform(0, 6))
    if kind == "checks":
        period = 2 * math.pi * 4 / scale
        return np.sign(np.sin(x * period + 0.5) * np.sin(y * period + 0.5))
    if kind == "wood":
        bend = 0.05 * np.sin(x * 3 + rng.uniform(0, 6))
        grain = np.sin((y + bend) * 2 * math.pi * 6 / scale + rng.uniform(0, 6))
        return 0.6 * grain + 0.4 * rng.uniform(-1, 1, size=(rows, 1)) + 0 * x
    if kind == "fur":
        return np.repeat(rng.uniform(-1, 1, size=(rows // 3 + 1, columns)), 3, axis=0)[:rows]
    # spots: high inside a few soft discs
    field = np.full((rows, columns), -1.0)
    count = int(rng.integers(9, 15) / scale)
    for cx, cy, radius in zip(
        rng.uniform(0, width / unit, count),
        rng.uniform(0, 1, count),
        rng.uniform(0.05, 0.11, count) * scale,
        strict=True,
    ):
        field = np.maximum(field, 1 - np.hypot(x - cx, y - cy) / radius)
    return np.clip(field, -1, 1)
