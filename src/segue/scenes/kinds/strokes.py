"""Chance and cloth for the drawings: random numbers and outlines, and the texture of a material."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from segue.scenes.kinds.shapes import tone
from segue.scenes.pen import Box, Color, Look, Pen, Point

T = TypeVar("T")


def vary(rng: np.random.Generator, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def chance(rng: np.random.Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def cover(pen: Pen, look: Look, rng: np.random.Generator, part: str | None = None) -> None:
    """The grain, weave or pattern of the look's material over what is drawn so far, or over one part."""
    if look.material == "wood":
        pen.texture("wood", vary(rng, 0.06, 0.16), part=part)
    elif look.material == "cloth":
        pattern = pick(rng, ("none", "none", "noise", "stripes", "checks", "spots"))
        pen.texture(pattern, vary(rng, 0.06, 0.14), part=part)
    elif look.material in ("leather", "stone", "paper"):
        pen.texture("noise", vary(rng, 0.03, 0.07), part=part)


def blob(
    rng: np.random.Generator, box: Box, *, bumps: int = 9, rough: float = 0.12, turn: float = 0.0
) -> list[Point]:
    """An uneven round outline inside a box, for a smooth polygon: a crown of leaves, a stone, a cap."""
    x0, y0, x1, y1 = box
    cx, cy, rx, ry = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    radii = 1 - rough * rng.random(bumps)
    return [
        (
            cx + rx * r * math.cos(turn + i * math.tau / bumps),
            cy + ry * r * math.sin(turn + i * math.tau / bumps),
        )
        for i, r in enumerate(radii)
    ]


def regular(box: Box, count: int, *, turn: float = -math.pi / 2) -> list[Point]:
    """The corners of a regular polygon in a box, the first one on top."""
    x0, y0, x1, y1 = box
    cx, cy, rx, ry = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    angles = [turn + i * math.tau / count for i in range(count)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


def disc(pen: Pen, center: Point, radius: float, fill: Color, part: str | None = None) -> None:
    x, y = center
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill, part)


__all__ = ["blob", "chance", "cover", "disc", "pick", "regular", "tone", "vary"]
