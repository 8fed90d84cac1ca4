"""Strokes that several animals share: an eye that shows on any fur, legs, and the last touches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segue.scenes.pen import KEEP, Color, Pen, darker

BLACK = (34, 32, 34)
WHITE = (246, 246, 244)
PINK = (236, 160, 166)
HORN = (226, 212, 180)
BEAK = (240, 160, 40)

_LIGHT = (-0.5, -0.8)


def eye(pen: Pen, x: float, y: float, radius: float, *, iris: Color | None = None) -> None:
    """A dark dot with a glint; with `iris`, in a coloured ring (for dark or staring animals)."""
    if iris is not None:
        pen.ellipse(_disc(x, y, radius * 1.6), iris, KEEP)
    pen.ellipse(_disc(x, y, radius), BLACK, KEEP)
    pen.ellipse(_disc(x - radius * 0.3, y - radius * 0.35, radius * 0.35), WHITE, KEEP)


def eye_ring(color: Color) -> Color | None:
    """The ring that makes a black eye visible: needed on dark fur only."""
    return (222, 190, 90) if max(color[:3]) < 90 else None


def legs(
    pen: Pen,
    xs: Sequence[float],
    top: float,
    *,
    color: Color,
    widths: tuple[float, float],
    rng: np.random.Generator,
    hoof: Color | None = None,
    stride: float = 0.05,
    bend: float = 0.02,
) -> None:
    """Legs down to y = 1. The first half of `xs` is the far side and darker; feet step by up to `stride`."""
    for index, x in enumerate(xs):
        far = index < len(xs) // 2
        fill = darker(color, 0.78) if far else color
        foot = x + rng.uniform(-stride, stride)
        half = widths[1] / 2
        pen.limb([(x, top), ((x + foot) / 2 + bend, (top + 1) / 2), (foot, 1 - half)], widths, fill, "leg")
        if hoof is not None:
            pen.rectangle((foot - half, 0.94, foot + half, 1.0), hoof, "leg", radius=0.01)
        else:
            pen.ellipse((foot - half * 1.9, 1 - widths[1] * 0.85, foot + half, 1.0), fill, "leg")


def cloud(
    pen: Pen, box: tuple[float, float, float, float], fill: Color, part: str | None, bumps: int
) -> None:
    """A woolly ellipse: bumps around its edge, filled in the middle."""
    x0, y0, x1, y1 = box
    cx, cy, rx, ry = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    size = 1.25 * np.pi * (rx + ry) / 2 / bumps
    for turn in np.linspace(0, 2 * np.pi, bumps, endpoint=False):
        pen.ellipse(_disc(cx + (rx - size) * np.cos(turn), cy + (ry - size) * np.sin(turn), size), fill, part)
    pen.ellipse((cx - rx + size, cy - ry + size, cx + rx - size, cy + ry - size), fill, part)


def side_view(pen: Pen, rng: np.random.Generator, *, fur: float = 0.05) -> Pen:
    """The last touches of an animal seen from its side, which may face either way."""
    if rng.random() < 0.5:
        pen.mirror()
    return front_view(pen, fur=fur)


def front_view(pen: Pen, *, fur: float = 0.05) -> Pen:
    """The last touches of an animal that looks at us: fur, light from above."""
    pen.texture("fur", fur)
    pen.shade("round", _LIGHT)
    return pen


def _disc(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    return (x - radius, y - radius, x + radius, y + radius)
