"""Paint placed things and their shadows on a canvas."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from segue.scenes.camera import Light
from segue.scenes.placing import Thing
from segue.scenes.textures import Array


def paint_thing(canvas: Image.Image, thing: Thing, haze: Array | None) -> None:
    sprite = Image.fromarray(np.ascontiguousarray(thing.cutout.rgba[..., :3]))
    if haze is not None:
        fade = 0.12 if thing.rests_on == "sky" else 0.3 * thing.depth**2
        sprite = Image.blend(sprite, Image.new("RGB", sprite.size, tuple(haze.astype(int).tolist())), fade)
    canvas.paste(sprite, (thing.x, thing.y), thing.cutout.alpha)


def paint_shadow(canvas: Image.Image, thing: Thing, light: Light, *, sunny: bool) -> None:
    if thing.rests_on == "sky":
        return
    height, h = canvas.height, thing.cutout.mask.shape[0]
    if thing.lying or thing.rests_on in ("wall", "nothing"):
        shift = max(1, round(0.012 * height))
        soft = thing.cutout.alpha.filter(ImageFilter.BoxBlur(max(0.7, 0.008 * height)))
        _darken(canvas, soft, thing.x - round(light.side * shift), thing.y + shift, light.shadow)
        return
    if sunny and thing.rests_on == "ground":
        _darken(canvas, *_long_shadow(thing, light), 0.8 * light.shadow)
    base = np.flatnonzero(thing.cutout.mask[-max(1, h // 8) :].any(0))
    if base.size == 0 or thing.foot >= height:
        return
    wide = max(3, round(1.15 * (base[-1] - base[0] + 1)))
    flat = max(2, round(min(0.28 * wide, 0.12 * height)))
    middle = thing.x + (base[0] + base[-1]) / 2 - light.side * 0.06 * wide
    soft = _soft_ellipse().resize((wide, flat), Image.Resampling.BILINEAR)
    place = round(middle - wide / 2), round(thing.foot - 0.55 * flat)
    _darken(canvas, soft, *place, min(1, 1.5 * light.shadow))


@lru_cache
def _soft_ellipse() -> Image.Image:
    y, x = np.mgrid[-1:1:24j, -1:1:48j]
    return Image.fromarray((255 * np.clip(1.25 * (1 - np.hypot(x, y)), 0, 1)).astype(np.uint8))


def _long_shadow(thing: Thing, light: Light) -> tuple[Image.Image, int, int]:
    """The silhouette laid flat on the ground, away from the sun, with the place of its top left."""
    h, w = thing.cutout.mask.shape
    low = max(2, round(0.3 * h))
    lean = -light.side * 1.6
    wide = w + math.ceil(abs(lean) * low) + 1
    start = abs(lean) * low if lean < 0 else 0.0
    # Output (x, y) reads the cutout at (x - start - lean * (low - y), y * h / low).
    terms = (1, lean, -start - lean * low, 0, h / low, 0)
    flat = thing.cutout.alpha.transform((wide, low), Image.Transform.AFFINE, terms, Image.Resampling.BILINEAR)
    return flat.filter(ImageFilter.BoxBlur(0.7)), round(thing.x - start), thing.foot - low


def _darken(canvas: Image.Image, amount: Image.Image, x: int, y: int, strength: float) -> None:
    canvas.paste((0, 0, 0), (x, y), amount.point(_weaker(round(strength, 2))))


@lru_cache(256)
def _weaker(strength: float) -> list[int]:
    return [round(strength * level) for level in range(256)]
