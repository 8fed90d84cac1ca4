"""Farm animals on four legs. All face left as drawn; `side_view` turns half of them round.

Colours are natural ones; patches and stripes in a second colour stay small enough that the name of the first
is what a person would say.
"""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.creatures import (
    BLACK,
    HORN,
    PINK,
    WHITE,
    cloud,
    eye,
    eye_ring,
    legs,
    side_view,
)
from segue.scenes.pen import KEEP, Color, Look, Pen, darker, lighter, mix


@kind(
    name="horse",
    plural="horses",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.34, 0.5),
    colors=("brown", "black", "white", "grey", "beige"),
    parts=("head", "mane", "tail", "leg"),
    properties=("lives on a farm", "can be ridden"),
)
def horse(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    dark_mane = (44, 34, 30) if look.color_name in ("brown", "beige", "grey") else lighter(look.color, 0.22)
    mane = (
        dark_mane
        if rng.random() < 0.7 or look.color_name == "white"
        else mix(look.color, (240, 220, 170), 0.7)
    )
    if look.color_name == "white":
        mane = (205, 200, 190)
    return side_view(horse_shape(make_pen, look, rng, mane), rng, fur=0.03)


def horse_shape(
    make_pen: PenMaker, look: Look, rng: np.random.Generator, mane: Color, *, striped: bool = False
) -> Pen:
    """A horse, or in stripes a zebra. Head high, or grazing."""
    pen = make_pen(1.35)
    pen.outline(0.35)
    pen.limb([(1.1, 0.42), (1.22, 0.5), (1.24, 0.7), (1.2, 0.84)], (0.07, 0.13), mane, "tail")
    legs(
        pen,
        (0.5, 0.98, 0.43, 1.08),
        0.56,
        color=look.color,
        widths=(0.14, 0.06),
        rng=rng,
        hoof=(60, 50, 46),
        stride=0.06,
    )
    grazing = rng.random() < 0.2
    if grazing:
        neck = [(0.36, 0.36), (0.56, 0.4), (0.5, 0.6), (0.3, 0.76), (0.2, 0.7)]
        head = [(0.18, 0.66), (0.29, 0.68), (0.3, 0.8), (0.2, 0.95), (0.1, 0.98), (0.08, 0.9)]
        crest = [(0.52, 0.36), (0.36, 0.4), (0.24, 0.56), (0.18, 0.68)]
        ears, gaze = [(0.22, 0.66), (0.28, 0.55), (0.3, 0.68)], (0.19, 0.77)
        nostril = (0.115, 0.93)
    else:
        neck = [(0.3, 0.1), (0.42, 0.12), (0.6, 0.38), (0.62, 0.58), (0.42, 0.6), (0.36, 0.42), (0.25, 0.27)]
        head = [
            (0.28, 0.06),
            (0.38, 0.12),
            (0.36, 0.26),
            (0.22, 0.33),
            (0.1, 0.4),
            (0.03, 0.36),
            (0.06, 0.26),
        ]
        crest = [(0.33, 0.05), (0.42, 0.12), (0.5, 0.24), (0.58, 0.37)]
        ears, gaze = [(0.28, 0.1), (0.33, 0.0), (0.38, 0.12)], (0.23, 0.17)
        nostril = (0.075, 0.33)
    pen.limb(crest, (0.1, 0.12), mane, "mane")
    body = [(0.38, 0.42), (0.56, 0.36), (0.8, 0.39), (1.02, 0.35), (1.15, 0.46), (1.12, 0.62), (0.98, 0.64)]
    body += [(0.75, 0.7), (0.5, 0.67), (0.37, 0.58)]
    pen.polygon(body, look.color, smooth=True)
    pen.outline(0)
    pen.polygon(neck, look.color, smooth=True)
    pen.outline(0.35)
    pen.polygon(ears, look.color, "head")
    pen.polygon(head, look.color, "head", smooth=True)
    pen.limb([(x + 0.015, y) for x, y in crest], (0.05, 0.08), mane, "mane")
    if striped:
        _zebra_stripes(pen, grazing)
    eye(pen, *gaze, 0.02, iris=eye_ring(look.color))
    pen.ellipse((nostril[0] - 0.015, nostril[1] - 0.012, nostril[0] + 0.015, nostril[1] + 0.012), BLACK, KEEP)
    return pen


def _zebra_stripes(pen: Pen, grazing: bool) -> None:
    pen.outline(0)
    for x in (0.62, 0.72, 0.82, 0.92, 1.02, 1.11):
        pen.limb([(x, 0.4), (x + 0.03, 0.5), (x - 0.01, 0.62)], (0.045, 0.015), BLACK, KEEP)
    if not grazing:
        across = [
            (0.36, 0.3, 0.48, 0.2),
            (0.4, 0.4, 0.54, 0.28),
            (0.44, 0.5, 0.6, 0.38),
            (0.32, 0.22, 0.42, 0.14),
        ]
        across += [(0.2, 0.2, 0.28, 0.32), (0.15, 0.25, 0.22, 0.34)]
    else:
        across = [
            (0.42, 0.42, 0.47, 0.62),
            (0.34, 0.46, 0.4, 0.68),
            (0.26, 0.56, 0.34, 0.72),
            (0.14, 0.8, 0.27, 0.84),
        ]
    for x0, y0, x1, y1 in across:
        pen.limb([(x0, y0), (x1, y1)], (0.022, 0.034), BLACK, KEEP)
    pen.outline(0.35)


@kind(
    name="cow",
    plural="cows",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.3, 0.44),
    colors=("white", "brown", "black", "beige"),
    parts=("head", "ear", "horn", "tail", "leg", "udder"),
    properties=("lives on a farm", "gives milk"),
)
def cow(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.6)
    pen.outline(0.35)
    patch = {"white": (44, 40, 40), "black": WHITE}.get(look.color_name, lighter(look.color, 0.75))
    patched = rng.random() < 0.75 or look.color_name == "white"
    pen.limb([(1.38, 0.3), (1.5, 0.42), (1.48, 0.66)], (0.05, 0.03), look.color, "tail")
    pen.ellipse((1.44, 0.62, 1.53, 0.8), patch if patched else look.dark, "tail")
    legs(
        pen,
        (0.6, 1.2, 0.48, 1.32),
        0.62,
        color=look.color,
        widths=(0.16, 0.09),
        rng=rng,
        hoof=(56, 48, 44),
        stride=0.03,
    )
    pen.ellipse((1.0, 0.66, 1.24, 0.84), PINK, "udder")
    body = [(0.36, 0.3), (0.5, 0.22), (0.9, 0.25), (1.3, 0.22), (1.43, 0.32), (1.42, 0.62), (1.2, 0.74)]
    body += [(0.7, 0.76), (0.42, 0.7), (0.34, 0.5)]
    pen.polygon(body, look.color, smooth=True)
    if patched:
        pen.outline(0)
        for x, y, w in ((0.62, 0.4, 0.11), (0.93, 0.52, 0.1), (1.2, 0.36, 0.12)):
            x, y, w = x + rng.uniform(-0.06, 0.06), y + rng.uniform(-0.06, 0.06), w * rng.uniform(0.75, 1.1)
            turns = np.linspace(0, 6.28, 7, endpoint=False)
            radii = w * rng.uniform(0.7, 1.25, 7)
            pen.polygon(
                [(x + r * np.cos(t), y + r * 0.85 * np.sin(t)) for t, r in zip(turns, radii, strict=True)],
                patch,
                KEEP,
                smooth=True,
            )
        pen.outline(0.35)
    horned = rng.random() < 0.6
    if horned:
        pen.limb([(0.36, 0.14), (0.43, 0.1), (0.42, 0.0)], (0.055, 0.025), HORN, "horn")
        pen.limb([(0.18, 0.14), (0.1, 0.1), (0.12, 0.0)], (0.055, 0.025), HORN, "horn")
    pen.ellipse((0.36, 0.15, 0.54, 0.25), look.dark, "ear", angle=15)
    pen.ellipse((0.0, 0.15, 0.17, 0.25), look.dark, "ear", angle=-15)
    pen.polygon(
        [(0.16, 0.12), (0.38, 0.12), (0.42, 0.26), (0.36, 0.46), (0.18, 0.46), (0.12, 0.26)],
        look.color,
        "head",
        smooth=True,
    )
    if patched:
        pen.ellipse((0.24, 0.12, 0.31, 0.4), patch, KEEP)
    pen.ellipse((0.13, 0.38, 0.41, 0.58), PINK, "head")
    for x in (0.21, 0.33):
        pen.ellipse((x - 0.018, 0.45, x + 0.018, 0.49), darker(PINK, 0.5), KEEP)
    for x in (0.2, 0.35):
        eye(pen, x, 0.26, 0.026, iris=eye_ring(look.color))
    return side_view(pen, rng, fur=0.03)


@kind(
    name="sheep",
    plural="sheep",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.2, 0.32),
    colors=("white", "white", "beige", "brown", "black"),
    parts=("head", "ear", "leg"),
    properties=("lives on a farm", "gives wool"),
)
def sheep(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.3)
    pen.outline(0.2)
    pale_face = look.color_name == "black" or rng.random() < 0.4
    face = (232, 212, 190) if pale_face else (58, 52, 52)
    legs(pen, (0.56, 0.98, 0.46, 1.08), 0.7, color=face, widths=(0.09, 0.075), rng=rng, stride=0.02, bend=0)
    bumps = int(rng.integers(11, 15))
    cloud(pen, (0.24, 0.1, 1.28, 0.86), look.color, None, bumps)
    for x, y in ((0.55, 0.4), (0.8, 0.32), (0.7, 0.58), (0.98, 0.52), (1.08, 0.34)):
        pen.arc((x - 0.07, y - 0.06, x + 0.07, y + 0.06), 20, 170, 0.018, darker(look.color, 0.78), KEEP)
    y = rng.uniform(-0.03, 0.06)
    pen.ellipse((0.3, 0.22 + y, 0.48, 0.32 + y), darker(face, 0.85), "ear", angle=20)
    pen.ellipse((0.0, 0.22 + y, 0.17, 0.32 + y), darker(face, 0.85), "ear", angle=-20)
    pen.polygon(
        [
            (0.12, 0.2 + y),
            (0.24, 0.15 + y),
            (0.36, 0.2 + y),
            (0.36, 0.38 + y),
            (0.24, 0.58 + y),
            (0.12, 0.38 + y),
        ],
        face,
        "head",
        smooth=True,
    )
    cloud(pen, (0.1, 0.08 + y, 0.38, 0.26 + y), look.color, "head", 7)
    for x in (0.18, 0.3):
        eye(pen, x, 0.33 + y, 0.024, iris=WHITE if not pale_face else None)
    pen.ellipse((0.21, 0.48 + y, 0.27, 0.52 + y), darker(face, 0.5) if pale_face else PINK, KEEP)
    return side_view(pen, rng, fur=0.0)


@kind(
    name="pig",
    plural="pigs",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.18, 0.28),
    colors=("pink", "pink", "black", "brown"),
    parts=("head", "snout", "ear", "tail", "leg"),
    properties=("lives on a farm",),
)
def pig(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.5)
    pen.outline(0.28)
    snout = darker(look.color, 0.86) if look.color_name == "pink" else mix(look.color, PINK, 0.6)
    tail = [(1.33, 0.4), (1.41, 0.36), (1.45, 0.44), (1.38, 0.47), (1.37, 0.38), (1.46, 0.28)]
    pen.limb(
        tail, (0.04, 0.03), darker(look.color, 0.85) if look.color_name == "pink" else look.color, "tail"
    )
    legs(
        pen,
        (0.58, 1.08, 0.46, 1.2),
        0.72,
        color=look.color,
        widths=(0.17, 0.11),
        rng=rng,
        hoof=darker(look.color, 0.55),
        stride=0.02,
    )
    pen.ellipse((0.3, 0.14, 1.38, 0.9), look.color)
    dx, dy = rng.uniform(-0.02, 0.04), rng.uniform(-0.04, 0.08)
    x, y = 0.32 + dx, 0.42 + dy
    pen.ellipse((x - 0.29, y - 0.28, x + 0.29, y + 0.28), look.color, "head")
    for side in (-1, 1):
        ear = [(x + side * 0.08, y - 0.24), (x + side * 0.24, y - 0.4), (x + side * 0.29, y - 0.12)]
        pen.polygon(ear, darker(look.color, 0.88), "ear")
    pen.ellipse((x - 0.15, y - 0.02, x + 0.13, y + 0.18), snout, "snout")
    for side in (-1, 1):
        pen.ellipse(
            (x - 0.01 + side * 0.05 - 0.02, y + 0.05, x - 0.01 + side * 0.05 + 0.02, y + 0.12),
            darker(snout, 0.5),
            KEEP,
        )
        eye(pen, x + side * 0.13, y - 0.08, 0.027, iris=eye_ring(look.color))
    return side_view(pen, rng, fur=0.0)


@kind(
    name="goat",
    plural="goats",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.22, 0.34),
    colors=("white", "brown", "grey", "beige"),
    parts=("head", "ear", "horn", "beard", "tail", "leg"),
    properties=("lives on a farm", "gives milk"),
)
def goat(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.2)
    pen.outline(0.35)
    pen.polygon([(0.98, 0.46), (1.04, 0.26), (1.13, 0.3), (1.08, 0.48)], look.color, "tail", smooth=True)
    legs(
        pen,
        (0.5, 0.88, 0.41, 0.99),
        0.62,
        color=look.color,
        widths=(0.13, 0.07),
        rng=rng,
        hoof=(50, 44, 42),
        stride=0.05,
    )
    body = [
        (0.36, 0.42),
        (0.6, 0.42),
        (0.98, 0.4),
        (1.08, 0.52),
        (1.02, 0.7),
        (0.7, 0.78),
        (0.42, 0.74),
        (0.34, 0.58),
    ]
    pen.polygon(body, look.color, smooth=True)
    pen.polygon([(0.26, 0.24), (0.42, 0.26), (0.56, 0.44), (0.5, 0.6), (0.36, 0.58)], look.color, smooth=True)
    curve = rng.uniform(0.02, 0.12)
    for dx in (0.05, 0.0):
        horn = [(0.27 + dx, 0.2), (0.34 + dx, 0.06), (0.46 + dx, 0.0 + curve), (0.52 + dx, 0.02 + 2 * curve)]
        pen.limb(horn, (0.06, 0.02), darker(HORN, 0.72), "horn")
    pen.polygon(
        [(0.13, 0.42), (0.2, 0.46), (0.17, 0.66), (0.12, 0.56)],
        mix(look.color, WHITE, 0.5),
        "beard",
        smooth=True,
    )
    head = [(0.26, 0.16), (0.37, 0.22), (0.36, 0.36), (0.2, 0.47), (0.06, 0.48), (0.03, 0.4), (0.14, 0.25)]
    pen.polygon(head, look.color, "head", smooth=True)
    pen.ellipse((0.33, 0.24, 0.52, 0.33), darker(look.color, 0.75), "ear", angle=25)
    eye(pen, 0.21, 0.28, 0.024)
    pen.ellipse((0.05, 0.4, 0.08, 0.43), BLACK, KEEP)
    return side_view(pen, rng)
