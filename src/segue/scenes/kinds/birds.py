"""Birds. Those seen from the side face left as drawn; `side_view` turns half of them round."""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.creatures import BEAK, WHITE, eye, eye_ring, front_view, side_view
from segue.scenes.pen import COLORS, KEEP, Look, Pen, darker, lighter


@kind(
    name="chicken",
    plural="chickens",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.14, 0.22),
    colors=("white", "brown", "black"),
    parts=("head", "beak", "comb", "wing", "tail", "leg"),
    properties=("lives on a farm", "lays eggs"),
)
def chicken(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.0)
    pen.outline(0.3)
    red = COLORS["red"]
    for x in (0.46, 0.57):
        foot = x + rng.uniform(-0.04, 0.03)
        pen.line([(x, 0.78), (foot, 0.96)], 0.035, BEAK, "leg")
        pen.line([(foot - 0.1, 0.985), (foot + 0.05, 0.985)], 0.03, BEAK, "leg")
    fan = rng.uniform(0.12, 0.22)
    for k, shade in ((0, 0.8), (1, 0.92), (2, 0.8)):
        feather = [
            (0.72, 0.62),
            (0.84 + 0.05 * k, fan + 0.1 * k),
            (0.94 + 0.03 * k, fan + 0.06 + 0.12 * k),
            (0.84, 0.68),
        ]
        pen.polygon(feather, darker(look.color, shade), "tail", smooth=True)
    body = [
        (0.2, 0.22),
        (0.34, 0.2),
        (0.42, 0.42),
        (0.62, 0.5),
        (0.86, 0.42),
        (0.86, 0.62),
        (0.7, 0.82),
        (0.48, 0.86),
    ]
    pen.polygon([*body, (0.26, 0.72), (0.16, 0.48)], look.color, smooth=True)
    pen.polygon(
        [(0.4, 0.52), (0.6, 0.54), (0.8, 0.52), (0.72, 0.68), (0.52, 0.72)],
        darker(look.color, 0.82),
        "wing",
        smooth=True,
    )
    for x in (0.19, 0.26, 0.33):
        pen.ellipse((x - 0.05, 0.0 if x == 0.26 else 0.02, x + 0.05, 0.16), red, "comb")
    pen.ellipse((0.12, 0.08, 0.4, 0.34), look.color, "head")
    pen.polygon([(0.14, 0.16), (0.0, 0.22), (0.14, 0.26)], BEAK, "beak")
    pen.ellipse((0.11, 0.25, 0.19, 0.39), red, "comb")
    eye(pen, 0.22, 0.18, 0.027, iris=eye_ring(look.color))
    return side_view(pen, rng, fur=0.04)


@kind(
    name="duck",
    plural="ducks",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.13, 0.2),
    colors=("white", "yellow", "brown"),
    parts=("head", "beak", "wing", "tail", "leg"),
    properties=("can swim", "can fly", "lays eggs"),
)
def duck(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.15)
    pen.outline(0.3)
    for x in (0.5, 0.64):
        pen.line([(x, 0.8), (x, 0.95)], 0.045, BEAK, "leg")
        pen.polygon([(x - 0.14, 1.0), (x + 0.05, 1.0), (x + 0.01, 0.92)], BEAK, "leg")
    lift = rng.uniform(0.36, 0.46)
    pen.polygon([(0.86, 0.5), (1.12, lift), (1.08, 0.58), (0.94, 0.72)], look.color, "tail", smooth=True)
    pen.polygon(
        [
            (0.24, 0.3),
            (0.42, 0.3),
            (0.46, 0.46),
            (0.7, 0.46),
            (0.98, 0.5),
            (0.96, 0.72),
            (0.72, 0.88),
            (0.42, 0.86),
            (0.26, 0.68),
        ],
        look.color,
        smooth=True,
    )
    pen.polygon(
        [(0.48, 0.56), (0.7, 0.52), (0.98, 0.56), (0.86, 0.7), (0.62, 0.76)],
        darker(look.color, 0.82),
        "wing",
        smooth=True,
    )
    if look.color_name == "brown":
        pen.limb([(0.25, 0.42), (0.35, 0.45), (0.44, 0.42)], (0.04, 0.04), WHITE, KEEP)
    pen.polygon(
        [(0.24, 0.15), (0.12, 0.2), (0.0, 0.21), (0.02, 0.28), (0.14, 0.3), (0.26, 0.28)],
        BEAK,
        "beak",
        smooth=True,
    )
    pen.ellipse((0.18, 0.0, 0.5, 0.36), look.color, "head")
    pen.line([(0.03, 0.25), (0.17, 0.25)], 0.012, darker(BEAK, 0.6), KEEP)
    eye(pen, 0.28, 0.13, 0.03, iris=eye_ring(look.color))
    return side_view(pen, rng, fur=0.03)


@kind(
    name="bird",
    plural="birds",
    group="animal",
    settings=("landscape", "street"),
    rests_on="ground",
    height=(0.1, 0.16),
    colors=("blue", "red", "yellow", "brown", "green", "grey", "black"),
    parts=("head", "beak", "wing", "tail", "leg"),
    properties=("can fly", "lays eggs"),
)
def bird(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.35)
    pen.outline(0.32)
    beak = BEAK if look.color_name != "yellow" else (90, 80, 76)
    for x in (0.5, 0.6):
        pen.line([(x, 0.76), (x + 0.02, 0.96)], 0.03, (110, 84, 70), "leg")
        pen.line([(x - 0.07, 0.985), (x + 0.09, 0.985)], 0.026, (110, 84, 70), "leg")
    drop = rng.uniform(-0.25, 0.2)
    pen.polygon(
        [(0.8, 0.48), (1.3, 0.55 + drop), (1.34, 0.66 + drop), (0.84, 0.68)], darker(look.color, 0.75), "tail"
    )
    body = [(0.2, 0.3), (0.5, 0.22), (0.78, 0.36), (0.98, 0.56), (0.8, 0.76), (0.52, 0.84), (0.3, 0.72)]
    pen.polygon([*body, (0.18, 0.52)], look.color, smooth=True)
    if rng.random() < 0.7:  # a pale belly
        belly = [(0.22, 0.48), (0.4, 0.56), (0.62, 0.7), (0.52, 0.81), (0.32, 0.7)]
        pen.outline(0)
        pen.polygon(belly, lighter(look.color, 0.6), KEEP, smooth=True)
        pen.outline(0.32)
    wing = [(0.42, 0.4), (0.62, 0.38), (0.85, 0.5), (1.06, 0.66), (0.74, 0.7), (0.5, 0.6)]
    pen.polygon(wing, darker(look.color, 0.7), "wing", smooth=True)
    pen.polygon([(0.18, 0.2), (0.0, 0.27), (0.18, 0.33)], beak, "beak")
    if rng.random() < 0.35:
        pen.polygon([(0.3, 0.1), (0.52, 0.0), (0.46, 0.14)], look.color, "head")
    pen.ellipse((0.12, 0.04, 0.52, 0.44), look.color, "head")
    eye(pen, 0.27, 0.2, 0.04, iris=eye_ring(look.color))
    return side_view(pen, rng, fur=0.04)


@kind(
    name="seagull",
    plural="seagulls",
    group="animal",
    settings=("landscape", "street"),
    rests_on="sky",
    height=(0.1, 0.16),
    colors=("white", "grey"),
    parts=("head", "beak", "wing", "tail"),
    properties=("can fly", "can swim", "lays eggs"),
)
def seagull(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.7)
    pen.outline(0.3)
    lift, tip = rng.uniform(0.0, 0.12), darker(look.color, 0.3)
    far = [(0.56, 0.6), (0.34, 0.32), (0.16, lift + 0.04), (0.5, 0.2), (0.8, 0.56)]
    pen.polygon(far, darker(look.color, 0.8), "wing", smooth=True)
    pen.polygon([(1.2, 0.68), (1.58, 0.62), (1.6, 0.74), (1.24, 0.84)], look.color, "tail")
    body = [(0.3, 0.62), (0.6, 0.58), (1.0, 0.62), (1.32, 0.74), (1.0, 0.9), (0.6, 0.98), (0.34, 0.86)]
    pen.polygon(body, look.color, smooth=True)
    near = [
        (0.62, 0.7),
        (0.9, 0.3),
        (1.3, lift),
        (1.66, 0.02 + lift),
        (1.32, 0.22),
        (1.16, 0.5),
        (1.02, 0.74),
    ]
    pen.polygon(near, darker(look.color, 0.88), "wing", smooth=True)
    pen.polygon([(1.38, lift + 0.01), (1.66, 0.02 + lift), (1.36, 0.17)], tip, "wing")
    pen.polygon([(0.2, 0.68), (0.02, 0.76), (0.2, 0.8)], BEAK, "beak")
    pen.ellipse((0.14, 0.56, 0.48, 0.86), look.color, "head")
    eye(pen, 0.26, 0.67, 0.032)
    return side_view(pen, rng, fur=0.02)


@kind(
    name="owl",
    plural="owls",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.16, 0.24),
    colors=("brown", "grey", "white"),
    parts=("head", "beak", "wing", "ear", "foot"),
    properties=("can fly", "lays eggs", "lives in the wild"),
)
def owl(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(0.74)
    pen.outline(0.32)
    for x in (0.28, 0.46):
        for dx in (-0.05, 0.0, 0.05):
            pen.ellipse((x + dx - 0.03, 0.92, x + dx + 0.03, 1.0), BEAK, "foot")
    pen.ellipse((0.1, 0.28, 0.64, 0.97), look.color)
    belly = lighter(look.color, 0.45) if look.color_name != "white" else (222, 222, 220)
    pen.ellipse((0.2, 0.5, 0.54, 0.95), belly, KEEP)
    for row, y in enumerate((0.6, 0.7, 0.8)):
        for x in np.arange(0.28, 0.5, 0.09) + (0.045 if row % 2 else 0.0):
            pen.arc((x - 0.035, y - 0.04, x + 0.035, y + 0.03), 10, 170, 0.014, look.dark, KEEP)
    spread = rng.uniform(0.0, 0.05)
    for side in (-1, 1):
        x = 0.37 + side * 0.25
        wing = [
            (x, 0.42),
            (x + side * (0.1 + spread), 0.6),
            (x + side * spread, 0.88),
            (x - side * 0.08, 0.66),
        ]
        pen.polygon(wing, darker(look.color, 0.75), "wing", smooth=True)
        ear = [(0.37 + side * 0.1, 0.1), (0.37 + side * 0.27, 0.0), (0.37 + side * 0.27, 0.2)]
        pen.polygon(ear, darker(look.color, 0.75), "ear")
    pen.ellipse((0.08, 0.05, 0.66, 0.5), look.color, "head")
    iris = (246, 200, 60) if rng.random() < 0.6 else (240, 150, 50)
    for x in (0.25, 0.49):
        pen.ellipse((x - 0.13, 0.13, x + 0.13, 0.39), lighter(look.color, 0.6), KEEP)
        eye(pen, x, 0.26, 0.05, iris=iris)
    pen.polygon([(0.32, 0.33), (0.42, 0.33), (0.37, 0.45)], BEAK, "beak")
    return front_view(pen, fur=0.05)


@kind(
    name="penguin",
    plural="penguins",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.18, 0.28),
    colors=("black",),
    parts=("head", "beak", "belly", "wing", "foot"),
    properties=("can swim", "lays eggs", "lives in the wild"),
)
def penguin(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(0.9)
    pen.outline(0.3)
    lift = rng.uniform(0.0, 0.12)
    for x in (0.34, 0.56):
        pen.ellipse((x - 0.11, 0.9, x + 0.11, 1.0), BEAK, "foot")
    for side in (-1, 1):
        x = 0.45 + side * 0.2
        wing = [
            (x, 0.36),
            (x + side * (0.1 + lift), 0.56 - lift),
            (x + side * (0.12 + lift), 0.7 - lift),
            (x, 0.62),
        ]
        pen.polygon(wing, darker(look.color, 0.9), "wing", smooth=True)
    pen.ellipse((0.19, 0.22, 0.71, 0.97), look.color)
    pen.ellipse((0.27, 0.34, 0.63, 0.95), WHITE, "belly")
    pen.ellipse((0.23, 0.0, 0.67, 0.42), look.color, "head")
    turn = rng.uniform(-0.04, 0.04)
    for side in (-1, 1):
        x = 0.45 + turn + side * 0.08
        pen.ellipse((x - 0.095, 0.1, x + 0.095, 0.34), WHITE, KEEP)
        eye(pen, 0.45 + turn + side * 0.09, 0.19, 0.032)
    pen.polygon([(0.37 + turn, 0.24), (0.53 + turn, 0.24), (0.45 + turn, 0.35)], BEAK, "beak")
    return front_view(pen, fur=0.02)
