"""The light of a scene, and the camera that takes it: warmth, brightness, contrast, noise, blur, JPEG."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from segue.scenes.textures import Array, grain_table


@dataclass(frozen=True)
class Light:
    side: float
    """Where it comes from: -1 left, 1 right."""
    shadow: float
    """How dark shadows are, 0..1."""
    gain: Array
    """Factor on red, green and blue: brightness and warmth."""
    contrast: float
    falloff: float
    """How much darker the side away from the light is."""


def make_light(rng: np.random.Generator, *, sunny: bool) -> Light:
    warmth = rng.normal(0, 0.035)
    # Mild enough that a thing keeps the name of its colour.
    gain = rng.uniform(0.84, 1.08) * np.array([1 + warmth, 1.0, 1 - warmth])
    return Light(
        side=float(rng.uniform(-1, 1)),
        shadow=float(rng.uniform(0.3, 0.55) if sunny else rng.uniform(0.15, 0.45)),
        gain=gain.astype(np.float32),
        contrast=float(rng.uniform(0.88, 1.1)),
        falloff=float(rng.uniform(0, 0.22)),
    )


def expose(canvas: Image.Image, light: Light, rng: np.random.Generator) -> Array:
    """The picture (uint8, height x width x 3) of a painted canvas in this light."""
    pixels = np.asarray(canvas)
    height, width = pixels.shape[:2]
    across = np.linspace(-1, 1, width, dtype=np.float32)
    ramp = 1 - light.falloff * (0.5 - 0.5 * across * math.copysign(1, light.side)) * abs(light.side)
    factor = ramp[None, :] * np.ones((height, 1), np.float32)
    if rng.random() < 0.2:  # vignette
        along = np.linspace(-1, 1, height, dtype=np.float32)
        factor *= 1 - rng.uniform(0.05, 0.22) * 0.5 * (across[None, :] ** 2 + along[:, None] ** 2)
    offset: Array = np.full((1, 1), 118 * (1 - light.contrast), np.float32)
    if rng.random() < 0.8:
        offset = offset + _noise(height, width, rng) * np.float32(rng.uniform(1, 9))
    taken = np.empty((height, width, 3), np.uint8)
    for channel in range(3):  # one by one: numpy is slow along an axis of three
        plane = pixels[..., channel] * (factor * (light.gain[channel] * np.float32(light.contrast))) + offset
        taken[..., channel] = np.clip(plane, 0, 255, out=plane)
    return _soften(Image.fromarray(taken), rng)


def _noise(height: int, width: int, rng: np.random.Generator) -> Array:
    """Grey sensor noise, height x width, cut from a table that is repeated as far as needed."""
    table = grain_table()
    y, x = rng.integers(len(table), size=2)
    rows, columns = (y + np.arange(height)) % len(table), (x + np.arange(width)) % len(table)
    return table[rows[:, None], columns[None, :]]


def _soften(image: Image.Image, rng: np.random.Generator) -> Array:
    """What cheap cameras and messengers do to some pictures."""
    scale = image.height / 192
    draw = rng.random()
    if draw < 0.22:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.8) * scale))
    elif draw < 0.32:
        shrink = rng.uniform(0.6, 0.85)
        small = (round(image.width * shrink), round(image.height * shrink))
        image = image.resize(small, Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BICUBIC)
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(40, 85)))
        image = Image.open(buffer)
    return np.array(image)
