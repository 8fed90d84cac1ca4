"""Pets on four legs. All face left as drawn; `side_view` turns half of them round.

Colours are natural ones; patches and stripes in a second colour stay small enough that the name of the first
is what a person would say.
"""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.creatures import (
    BLACK,
    PINK,
    eye,
    eye_ring,
    legs,
    side_view,
)
from segue.scenes.pen import KEEP, Look, Pen, darker, lighter


@kind(
    name="dog",
    plural="dogs",
    group="animal",
    settings=("indoor", "street", "landscape"),
    rests_on="ground",
    height=(0.2, 0.34),
    colors=("brown", "black", "white", "beige", "grey"),
    parts=("head", "ear", "tail", "leg", "collar"),
    properties=("is a pet",),
)
def dog(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    floppy = rng.random() < 0.6
    ear = darker(look.color, 0.6) if max(look.color) > 60 else lighter(look.color, 0.12)
    collar = look.accent if rng.random() < 0.6 else None
    draw = _dog_sitting if rng.random() < 0.4 else _dog_standing
    return side_view(draw(make_pen, look, rng, ear, collar, floppy), rng)


def _dog_standing(make_pen, look, rng, ear, collar, floppy) -> Pen:
    pen = make_pen(1.3)
    pen.outline(0.35)
    length = rng.uniform(0.9, 1.1)
    tail = [(length, 0.46), (length + 0.1, 0.3), (length + rng.uniform(0.03, 0.16), 0.1)]
    pen.limb(tail, (0.09, 0.045), look.color, "tail")
    legs(
        pen,
        (0.46, length - 0.16, 0.36, length - 0.06),
        0.6,
        color=look.color,
        widths=(0.15, 0.085),
        rng=rng,
    )
    body = [(0.3, 0.36), (0.5, 0.4), (length - 0.1, 0.38), (length + 0.03, 0.5), (length - 0.05, 0.7)]
    body += [(length - 0.25, 0.67), (0.55, 0.74), (0.36, 0.74), (0.27, 0.58)]
    pen.polygon(body, look.color, smooth=True)
    if look.color_name == "white" and rng.random() < 0.6:
        pen.outline(0)
        for x in (0.52, 0.66, 0.86):
            y, w = rng.uniform(0.42, 0.6), rng.uniform(0.03, 0.08)
            pen.ellipse((x - w, y - w * 0.8, x + w, y + w * 0.8), (60, 52, 50), KEEP)
        pen.outline(0.35)
    if collar is not None:
        pen.limb([(0.24, 0.42), (0.33, 0.44), (0.42, 0.36)], (0.07, 0.07), collar, "collar")
    _dog_head(pen, look, ear, floppy)
    return pen


def _dog_sitting(make_pen, look, rng, ear, collar, floppy) -> Pen:
    pen = make_pen(1.0)
    pen.outline(0.35)
    pen.limb([(0.7, 0.92), (0.85, 0.9), (0.96, rng.uniform(0.68, 0.86))], (0.09, 0.05), look.color, "tail")
    pen.limb([(0.44, 0.6), (0.42, 0.8), (0.4, 0.96)], (0.14, 0.08), darker(look.color, 0.78), "leg")
    body = [(0.3, 0.36), (0.44, 0.34), (0.62, 0.55), (0.78, 0.85), (0.7, 0.98), (0.45, 0.97), (0.33, 0.75)]
    pen.polygon(body, look.color, smooth=True)
    pen.ellipse((0.48, 0.64, 0.8, 0.98), look.color, "leg")
    pen.ellipse((0.42, 0.91, 0.7, 1.0), look.color, "leg")
    pen.limb([(0.36, 0.55), (0.34, 0.75), (0.33, 0.95)], (0.17, 0.09), look.color, "leg")
    pen.ellipse((0.24, 0.91, 0.39, 1.0), look.color, "leg")
    if collar is not None:
        pen.limb([(0.25, 0.42), (0.34, 0.45), (0.44, 0.38)], (0.07, 0.07), collar, "collar")
    _dog_head(pen, look, ear, floppy)
    return pen


def _dog_head(pen: Pen, look: Look, ear, floppy: bool) -> None:
    if not floppy:
        pen.polygon([(0.3, 0.16), (0.38, 0.0), (0.43, 0.22)], ear, "ear")
    head = [(0.3, 0.05), (0.43, 0.11), (0.46, 0.26), (0.36, 0.39), (0.18, 0.4), (0.04, 0.37), (0.01, 0.28)]
    pen.polygon([*head, (0.06, 0.21), (0.16, 0.18), (0.2, 0.09)], look.color, "head", smooth=True)
    if pen.rng.random() < 0.5:
        muzzle = [(0.02, 0.3), (0.1, 0.26), (0.2, 0.3), (0.2, 0.38), (0.06, 0.37)]
        pen.outline(0)
        pen.polygon(muzzle, lighter(look.color, 0.35), KEEP, smooth=True)
        pen.outline(0.35)
    pen.ellipse((0.0, 0.2, 0.075, 0.27), BLACK, KEEP)
    pen.line([(0.05, 0.33), (0.16, 0.34)], 0.012, BLACK, KEEP)
    eye(pen, 0.215, 0.19, 0.026, iris=eye_ring(look.color))
    if floppy:
        pen.polygon(
            [(0.33, 0.08), (0.43, 0.1), (0.5, 0.36), (0.42, 0.44), (0.34, 0.3)], ear, "ear", smooth=True
        )
    else:
        pen.polygon([(0.23, 0.12), (0.29, 0.0), (0.38, 0.14)], ear, "ear")


@kind(
    name="cat",
    plural="cats",
    group="animal",
    settings=("indoor", "street"),
    rests_on="surface",
    height=(0.18, 0.3),
    colors=("orange", "black", "white", "grey", "brown"),
    parts=("head", "ear", "tail", "leg"),
    properties=("is a pet",),
)
def cat(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    striped = look.color_name in ("orange", "grey", "brown") and rng.random() < 0.6
    if rng.random() < 0.55:
        return side_view(_cat_sitting(make_pen, look, rng, striped), rng)
    return side_view(_cat_walking(make_pen, look, rng, striped), rng)


def _cat_sitting(make_pen, look, rng, striped) -> Pen:
    pen = make_pen(0.95)
    pen.outline(0.35)
    curl = rng.uniform(0.5, 0.66)
    pen.limb([(0.56, 0.94), (0.8, 0.94), (0.9, 0.75), (0.8, curl)], (0.1, 0.07), look.color, "tail")
    pen.polygon(
        [
            (0.25, 0.35),
            (0.5, 0.35),
            (0.62, 0.65),
            (0.66, 0.92),
            (0.56, 1.0),
            (0.18, 1.0),
            (0.1, 0.9),
            (0.14, 0.62),
        ],
        look.color,
        smooth=True,
    )
    if striped:
        for y in (0.56, 0.66, 0.76):
            pen.line([(0.5 + y * 0.13, y), (0.47, y + 0.03)], 0.028, look.dark, KEEP)
            pen.line([(0.26 - y * 0.13, y), (0.29, y + 0.03)], 0.028, look.dark, KEEP)
    for x in (0.3, 0.46):
        pen.limb([(x, 0.66), (x, 0.9)], (0.1, 0.1), look.color, "leg")
        pen.ellipse((x - 0.07, 0.9, x + 0.07, 1.0), look.color, "leg")
    _cat_face(pen, look, 0.38, 0.26, 0.24, striped)
    return pen


def _cat_walking(make_pen, look, rng, striped) -> Pen:
    pen = make_pen(1.45)
    pen.outline(0.35)
    tip = rng.uniform(1.2, 1.4)
    pen.limb([(1.08, 0.5), (1.22, 0.4), (1.22, 0.2), (tip, 0.04)], (0.1, 0.06), look.color, "tail")
    legs(pen, (0.5, 0.92, 0.4, 1.04), 0.62, color=look.color, widths=(0.14, 0.08), rng=rng, stride=0.09)
    pen.polygon(
        [
            (0.3, 0.45),
            (0.5, 0.42),
            (0.9, 0.4),
            (1.12, 0.48),
            (1.13, 0.66),
            (0.9, 0.72),
            (0.45, 0.76),
            (0.32, 0.65),
        ],
        look.color,
        smooth=True,
    )
    if striped:
        for x in (0.56, 0.68, 0.8, 0.92, 1.04):
            pen.limb([(x, 0.42), (x + 0.03, 0.5), (x, 0.6)], (0.045, 0.015), look.dark, KEEP)
    _cat_face(pen, look, 0.26, 0.34, 0.22, striped)
    return pen


def _cat_face(pen: Pen, look: Look, x: float, y: float, r: float, striped: bool) -> None:
    for side in (-1, 1):
        pen.polygon(
            [
                (x + side * r * 0.98, y - r * 0.3),
                (x + side * r * 0.9, y - r * 1.2),
                (x + side * r * 0.2, y - r * 0.8),
            ],
            look.color,
            "ear",
        )
        pen.polygon(
            [
                (x + side * r * 0.83, y - r * 0.5),
                (x + side * r * 0.8, y - r),
                (x + side * r * 0.4, y - r * 0.75),
            ],
            PINK,
            KEEP,
        )
    pen.ellipse((x - r * 1.08, y - r * 0.88, x + r * 1.08, y + r * 0.86), look.color, "head")
    if striped:
        for dx in (-0.25, 0, 0.25):
            pen.line([(x + dx * r, y - r * 0.8), (x + dx * r * 0.8, y - r * 0.45)], r * 0.12, look.dark, KEEP)
    iris = (150, 190, 70) if look.color_name != "orange" else (226, 220, 120)
    for side in (-1, 1):
        ex, ey = x + side * r * 0.45, y - r * 0.12
        pen.ellipse((ex - r * 0.2, ey - r * 0.22, ex + r * 0.2, ey + r * 0.22), iris, KEEP)
        pen.ellipse((ex - r * 0.08, ey - r * 0.2, ex + r * 0.08, ey + r * 0.2), BLACK, KEEP)
    pen.ellipse((x - r * 0.4, y + r * 0.15, x + r * 0.4, y + r * 0.65), lighter(look.color, 0.35), KEEP)
    pen.polygon([(x - r * 0.16, y + r * 0.16), (x + r * 0.16, y + r * 0.16), (x, y + r * 0.36)], PINK, KEEP)
    for side in (-1, 1):
        for dy in (0.3, 0.48):
            ends = [(x + side * r * 0.35, y + r * 0.38), (x + side * r * 1.15, y + r * dy)]
            pen.line(ends, 0.009, (150, 150, 150), KEEP)


@kind(
    name="rabbit",
    plural="rabbits",
    group="animal",
    settings=("landscape", "indoor"),
    rests_on="ground",
    height=(0.15, 0.24),
    colors=("white", "brown", "grey", "beige", "black"),
    parts=("head", "ear", "tail", "leg"),
    synonyms=("bunny",),
    properties=("is a pet", "can jump far"),
)
def rabbit(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.0)
    pen.outline(0.32)
    lean = rng.uniform(-0.05, 0.12)
    pen.ellipse((0.8, 0.72, 0.98, 0.9), lighter(look.color, 0.6), "tail")
    pen.limb([(0.3, 0.7), (0.28, 0.94)], (0.14, 0.09), darker(look.color, 0.8), "leg")
    pen.polygon(
        [(0.26, 0.5), (0.5, 0.5), (0.76, 0.58), (0.9, 0.8), (0.84, 0.97), (0.4, 0.98), (0.25, 0.8)],
        look.color,
        smooth=True,
    )
    pen.ellipse((0.5, 0.62, 0.88, 0.98), look.color, "leg")
    pen.ellipse((0.4, 0.89, 0.82, 1.0), look.color, "leg")
    pen.limb([(0.36, 0.7), (0.36, 0.93)], (0.13, 0.1), look.color, "leg")
    for dx, fill in ((0.09, darker(look.color, 0.82)), (0.0, look.color)):
        x = 0.29 + dx
        points = [
            (x - 0.05, 0.36),
            (x - 0.07 + lean, 0.14),
            (x + lean, 0.0),
            (x + 0.07 + lean, 0.14),
            (x + 0.06, 0.36),
        ]
        pen.polygon(points, fill, "ear", smooth=True)
        inner = [
            (x - 0.015, 0.32),
            (x - 0.02 + lean, 0.15),
            (x + lean, 0.08),
            (x + 0.03 + lean, 0.15),
            (x + 0.02, 0.32),
        ]
        pen.polygon(inner, PINK, KEEP, smooth=True)
    pen.ellipse((0.06, 0.3, 0.46, 0.64), look.color, "head")
    pen.ellipse((0.04, 0.46, 0.2, 0.6), lighter(look.color, 0.3), "head")
    pen.ellipse((0.04, 0.46, 0.095, 0.51), PINK, KEEP)
    eye(pen, 0.22, 0.43, 0.035, iris=eye_ring(look.color))
    return side_view(pen, rng)
