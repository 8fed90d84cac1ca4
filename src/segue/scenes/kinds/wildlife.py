"""Furry and large animals of the wild. Side views face left as drawn."""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.creatures import BLACK, PINK, WHITE, eye, eye_ring, legs, side_view
from segue.scenes.kinds.farm import horse_shape
from segue.scenes.pen import KEEP, Look, Pen, darker, lighter, mix


@kind(
    name="elephant",
    plural="elephants",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.36, 0.52),
    colors=("grey",),
    parts=("head", "ear", "trunk", "tusk", "tail", "leg"),
    properties=("lives in the wild", "can be ridden"),
)
def elephant(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.45)
    pen.outline(0.32)
    pen.limb([(1.32, 0.36), (1.4, 0.5), (1.39, 0.66)], (0.045, 0.025), look.color, "tail")
    pen.ellipse((1.35, 0.64, 1.43, 0.74), look.dark, "tail")
    legs(
        pen,
        (0.68, 1.08, 0.54, 1.24),
        0.6,
        color=look.color,
        widths=(0.22, 0.17),
        rng=rng,
        hoof=lighter(look.color, 0.25),
        stride=0.03,
        bend=0.0,
    )
    body = [
        (0.44, 0.2),
        (0.7, 0.06),
        (1.05, 0.08),
        (1.33, 0.24),
        (1.38, 0.5),
        (1.24, 0.74),
        (0.8, 0.78),
        (0.5, 0.7),
    ]
    pen.polygon(body, look.color, smooth=True)
    raised = rng.random() < 0.4
    trunk = [(0.22, 0.4), (0.12, 0.6), (0.12, 0.78), (0.06, 0.88)]
    if raised:
        trunk = [(0.24, 0.42), (0.1, 0.52), (0.05, 0.36), (0.1, 0.18), (0.03, 0.08)]
    pen.limb(trunk, (0.22, 0.09), look.color, "trunk")
    pen.limb([(0.26, 0.52), (0.16, 0.62), (0.06, 0.6)], (0.06, 0.025), (245, 238, 218), "tusk")
    pen.ellipse((0.12, 0.08, 0.56, 0.58), look.color, "head")
    flap = rng.uniform(0.0, 0.1)
    ear = [(0.42, 0.1), (0.62, 0.08 + flap), (0.74, 0.3), (0.66, 0.56), (0.52, 0.64), (0.42, 0.42)]
    pen.polygon(ear, darker(look.color, 0.84), "ear", smooth=True)
    eye(pen, 0.27, 0.28, 0.024)
    return side_view(pen, rng, fur=0.04)


@kind(
    name="giraffe",
    plural="giraffes",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.5, 0.68),
    colors=("yellow", "orange"),
    parts=("head", "neck", "horn", "ear", "tail", "leg"),
    properties=("lives in the wild",),
)
def giraffe(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(0.72)
    pen.outline(0.3, 0.008)
    fur, patch = mix(look.color, (232, 190, 110), 0.45), (140, 82, 40)
    pen.limb([(0.66, 0.52), (0.71, 0.6), (0.7, 0.68)], (0.018, 0.014), fur, "tail")
    pen.ellipse((0.68, 0.66, 0.72, 0.73), patch, "tail")
    legs(
        pen,
        (0.35, 0.56, 0.29, 0.63),
        0.6,
        color=fur,
        widths=(0.075, 0.04),
        rng=rng,
        hoof=(80, 56, 40),
        stride=0.02,
    )
    body = [(0.26, 0.48), (0.4, 0.45), (0.6, 0.49), (0.68, 0.56), (0.64, 0.67), (0.4, 0.7), (0.26, 0.64)]
    pen.polygon(body, fur, smooth=True)
    neck = [(0.15, 0.1), (0.22, 0.08), (0.3, 0.28), (0.44, 0.47), (0.3, 0.6), (0.24, 0.5), (0.2, 0.3)]
    pen.limb([(0.215, 0.07), (0.3, 0.28), (0.43, 0.46)], (0.03, 0.05), patch, "neck")
    pen.polygon(neck, fur, "neck", smooth=True)
    pen.outline(0)
    spots = [
        (0.22, 0.2),
        (0.25, 0.3),
        (0.27, 0.4),
        (0.34, 0.42),
        (0.3, 0.51),
        (0.4, 0.53),
        (0.5, 0.53),
        (0.6, 0.56),
    ]
    spots += [(0.35, 0.62), (0.46, 0.62), (0.56, 0.63), (0.29, 0.35), (0.2, 0.14)]
    for x, y in spots:
        x, y, w = x + rng.uniform(-0.01, 0.01), y + rng.uniform(-0.01, 0.01), rng.uniform(0.024, 0.034)
        w = w * (0.6 if y < 0.4 else 1.15)
        corners = [
            (x - w, y - w * 0.5),
            (x, y - w),
            (x + w, y - w * 0.4),
            (x + w * 0.7, y + w),
            (x - w * 0.7, y + w * 0.8),
        ]
        pen.polygon(corners, patch, KEEP)
    pen.outline(0.3, 0.008)
    for x in (0.15, 0.19):
        pen.line([(x, 0.07), (x + 0.01, 0.02)], 0.016, patch, "horn")
        pen.ellipse((x - 0.006, 0.0, x + 0.026, 0.03), patch, "horn")
    pen.ellipse((0.2, 0.055, 0.3, 0.095), fur, "ear", angle=15)
    head = [(0.14, 0.055), (0.22, 0.06), (0.23, 0.12), (0.13, 0.17), (0.02, 0.185), (0.01, 0.15), (0.08, 0.1)]
    pen.polygon(head, fur, "head", smooth=True)
    eye(pen, 0.14, 0.095, 0.013)
    return side_view(pen, rng, fur=0.02)


@kind(
    name="zebra",
    plural="zebras",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.32, 0.46),
    colors=("white",),
    parts=("head", "mane", "tail", "leg"),
    properties=("lives in the wild",),
)
def zebra(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    return side_view(horse_shape(make_pen, look, rng, BLACK, striped=True), rng, fur=0.02)


@kind(
    name="bear",
    plural="bears",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.28, 0.42),
    colors=("brown", "black", "white"),
    parts=("head", "ear", "leg", "tail"),
    properties=("lives in the wild",),
)
def bear(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.55)
    pen.outline(0.3)
    pen.ellipse((1.38, 0.3, 1.52, 0.42), look.color, "tail")
    legs(
        pen, (0.62, 1.12, 0.48, 1.3), 0.6, color=look.color, widths=(0.25, 0.17), rng=rng, stride=0.06, bend=0
    )
    body = [(0.36, 0.22), (0.6, 0.08), (0.85, 0.12), (1.2, 0.12), (1.46, 0.34), (1.42, 0.66), (1.1, 0.78)]
    pen.polygon([*body, (0.6, 0.8), (0.38, 0.62)], look.color, smooth=True)
    y = rng.uniform(-0.02, 0.1)
    for x in (0.2, 0.5):
        pen.ellipse((x - 0.075, 0.08 + y, x + 0.075, 0.23 + y), look.color, "ear")
        pen.ellipse((x - 0.04, 0.115 + y, x + 0.04, 0.195 + y), mix(look.color, PINK, 0.4), KEEP)
    pen.ellipse((0.12, 0.12 + y, 0.58, 0.56 + y), look.color, "head")
    snout = lighter(look.color, 0.4) if look.color_name != "white" else (226, 222, 214)
    pen.ellipse((0.05, 0.32 + y, 0.36, 0.56 + y), snout, "head")
    pen.ellipse((0.05, 0.33 + y, 0.16, 0.42 + y), BLACK, KEEP)
    pen.arc((0.08, 0.38 + y, 0.26, 0.52 + y), 20, 130, 0.014, BLACK, KEEP)
    for x in (0.22, 0.4):
        eye(pen, x, 0.27 + y, 0.026, iris=eye_ring(look.color))
    return side_view(pen, rng, fur=0.08)


@kind(
    name="lion",
    plural="lions",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.28, 0.4),
    colors=("orange", "yellow", "beige"),
    parts=("head", "mane", "tail", "leg"),
    properties=("lives in the wild",),
)
def lion(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.55)
    pen.outline(0.32)
    fur, mane = mix(look.color, (222, 178, 100), 0.35), (134, 74, 30)
    sway = rng.uniform(0.1, 0.4)
    pen.limb([(1.26, 0.44), (1.42, 0.46), (1.46, sway + 0.06)], (0.06, 0.04), fur, "tail")
    pen.ellipse((1.4, sway - 0.08, 1.53, sway + 0.1), mane, "tail")
    legs(pen, (0.66, 1.06, 0.52, 1.2), 0.64, color=fur, widths=(0.17, 0.11), rng=rng, stride=0.07)
    body = [
        (0.4, 0.34),
        (0.7, 0.34),
        (1.1, 0.34),
        (1.3, 0.46),
        (1.26, 0.68),
        (1.0, 0.7),
        (0.6, 0.78),
        (0.4, 0.7),
    ]
    pen.polygon(body, fur, smooth=True)
    x, y = 0.36, 0.38
    spikes = int(rng.integers(13, 18))
    turns = np.linspace(0, 2 * np.pi, 2 * spikes, endpoint=False)
    radii = np.where(np.arange(2 * spikes) % 2, 0.3, 0.37)
    rim = list(
        zip((x + radii * 0.96 * np.cos(turns)).tolist(), (y + radii * np.sin(turns)).tolist(), strict=True)
    )
    pen.polygon(rim, mane, "mane", smooth=True)
    for side in (-1, 1):
        pen.ellipse((x + side * 0.17 - 0.06, y - 0.26, x + side * 0.17 + 0.06, y - 0.14), fur, "head")
    pen.ellipse((x - 0.21, y - 0.22, x + 0.21, y + 0.24), fur, "head")
    pen.ellipse((x - 0.12, y + 0.02, x + 0.12, y + 0.21), lighter(fur, 0.5), KEEP)
    pen.polygon([(x - 0.06, y + 0.02), (x + 0.06, y + 0.02), (x, y + 0.09)], (96, 50, 40), KEEP)
    pen.line([(x, y + 0.09), (x, y + 0.14)], 0.012, (96, 50, 40), KEEP)
    for side in (-1, 1):
        eye(pen, x + side * 0.1, y - 0.05, 0.026)
    return side_view(pen, rng)


@kind(
    name="fox",
    plural="foxes",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.18, 0.27),
    colors=("orange",),
    parts=("head", "ear", "tail", "leg"),
    properties=("lives in the wild",),
)
def fox(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.6)
    pen.outline(0.32)
    fur, sock = mix(look.color, (200, 90, 30), 0.35), (62, 44, 40)
    tip = rng.uniform(0.3, 0.72)
    pen.polygon(
        [
            (1.0, 0.48),
            (1.2, tip - 0.06),
            (1.42, tip - 0.1),
            (1.58, tip + 0.06),
            (1.36, tip + 0.14),
            (1.14, 0.64),
        ],
        fur,
        "tail",
        smooth=True,
    )
    pen.polygon(
        [(1.42, tip - 0.1), (1.58, tip + 0.06), (1.38, tip + 0.13), (1.4, tip + 0.02)],
        WHITE,
        "tail",
        smooth=True,
    )
    legs(pen, (0.5, 0.92, 0.42, 1.04), 0.6, color=fur, widths=(0.13, 0.07), rng=rng, hoof=sock)
    body = [
        (0.32, 0.4),
        (0.6, 0.44),
        (1.0, 0.42),
        (1.1, 0.52),
        (1.04, 0.68),
        (0.76, 0.7),
        (0.42, 0.76),
        (0.32, 0.6),
    ]
    pen.polygon(body, fur, smooth=True)
    pen.outline(0)
    pen.polygon([(0.3, 0.5), (0.44, 0.54), (0.5, 0.72), (0.36, 0.7)], WHITE, KEEP, smooth=True)
    pen.outline(0.32)
    for x in (0.16, 0.4):
        pen.polygon([(x - 0.09, 0.2), (x + (x - 0.28) * 0.35, 0.0), (x + 0.09, 0.2)], fur, "ear")
        pen.polygon([(x - 0.04, 0.18), (x + (x - 0.28) * 0.3, 0.06), (x + 0.04, 0.18)], sock, KEEP)
    head = [
        (0.06, 0.22),
        (0.28, 0.14),
        (0.5, 0.22),
        (0.56, 0.36),
        (0.4, 0.46),
        (0.28, 0.56),
        (0.16, 0.46),
        (0.0, 0.36),
    ]
    pen.polygon(head, fur, "head")
    for side in (-1, 1):
        x = 0.28
        cheek = [
            (x + side * 0.26, 0.37),
            (x + side * 0.1, 0.36),
            (x + side * 0.01, 0.53),
            (x + side * 0.12, 0.46),
        ]
        pen.polygon(cheek, WHITE, KEEP)
        eye(pen, x + side * 0.1, 0.31, 0.026)
    pen.ellipse((0.235, 0.5, 0.325, 0.57), BLACK, KEEP)
    return side_view(pen, rng)


@kind(
    name="squirrel",
    plural="squirrels",
    group="animal",
    settings=("landscape", "street"),
    rests_on="ground",
    height=(0.13, 0.2),
    colors=("brown", "orange", "grey"),
    parts=("head", "ear", "tail", "leg", "arm"),
    properties=("lives in the wild",),
)
def squirrel(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.05)
    pen.outline(0.32)
    fur = look.color if look.color_name != "orange" else mix(look.color, (190, 90, 40), 0.35)
    curl = rng.uniform(-0.03, 0.05)
    tail = [
        (0.6, 0.94),
        (0.86, 0.86),
        (0.98, 0.56),
        (1.02, 0.2 + curl),
        (0.86, 0.02 + curl),
        (0.7, 0.12 + curl),
    ]
    pen.polygon([*tail, (0.76, 0.3), (0.72, 0.6)], darker(fur, 0.82), "tail", smooth=True)
    pen.polygon(
        [(0.34, 0.36), (0.52, 0.4), (0.7, 0.64), (0.74, 0.9), (0.6, 1.0), (0.34, 0.98), (0.26, 0.66)],
        fur,
        smooth=True,
    )
    pen.outline(0)
    pen.polygon(
        [(0.3, 0.46), (0.38, 0.5), (0.4, 0.8), (0.32, 0.86), (0.27, 0.66)],
        lighter(fur, 0.6),
        KEEP,
        smooth=True,
    )
    pen.outline(0.32)
    pen.ellipse((0.42, 0.64, 0.74, 0.98), fur, "leg")
    pen.ellipse((0.26, 0.9, 0.6, 1.0), fur, "leg")
    pen.polygon([(0.36, 0.16), (0.42, 0.0), (0.48, 0.18)], fur, "ear")
    pen.ellipse((0.12, 0.1, 0.54, 0.46), fur, "head")
    pen.polygon([(0.26, 0.15), (0.3, 0.0), (0.37, 0.14)], fur, "ear")
    pen.ellipse((0.08, 0.28, 0.28, 0.44), lighter(fur, 0.4), "head")
    pen.ellipse((0.08, 0.29, 0.14, 0.35), BLACK, KEEP)
    eye(pen, 0.28, 0.24, 0.034)
    if rng.random() < 0.6:  # a nut between the paws
        pen.ellipse((0.08, 0.52, 0.24, 0.68), (176, 120, 60), KEEP)
    pen.limb([(0.42, 0.54), (0.32, 0.64), (0.2, 0.6)], (0.11, 0.08), fur, "arm")
    return side_view(pen, rng, fur=0.07)
