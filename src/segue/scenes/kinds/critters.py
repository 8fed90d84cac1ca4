"""Animals of the pond, of the grass and of the air. Side views face left as drawn."""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.creatures import BLACK, WHITE, eye, front_view, side_view
from segue.scenes.pen import KEEP, Look, Pen, darker, lighter, mix


@kind(
    name="fish",
    plural="fish",
    group="animal",
    settings=("landscape",),
    rests_on="water",
    height=(0.1, 0.17),
    colors=("orange", "red", "blue", "yellow", "purple", "green", "grey"),
    parts=("fin", "tail"),
    properties=("can swim", "lays eggs"),
)
def fish(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.6)
    pen.outline(0.32)
    fin = darker(look.color, 0.72) if rng.random() < 0.5 else look.accent
    spread = rng.uniform(0.2, 0.4)
    pen.polygon([(0.4, 0.22), (0.62, 0.0), (1.04, 0.08), (0.98, 0.3)], fin, "fin", smooth=True)
    pen.polygon([(0.56, 0.8), (0.76, 1.0), (0.92, 0.92), (0.84, 0.76)], fin, "fin", smooth=True)
    tail = [(1.12, 0.5), (1.56, 0.5 - spread), (1.46, 0.5), (1.56, 0.5 + spread)]
    pen.polygon(tail, fin, "tail")
    deep = rng.uniform(0.28, 0.38)
    body = [(0.0, 0.5), (0.2, 0.52 - deep * 0.75), (0.6, 0.5 - deep), (1.0, 0.5 - deep * 0.5), (1.22, 0.5)]
    body += [(1.0, 0.5 + deep * 0.5), (0.6, 0.5 + deep), (0.2, 0.5 + deep * 0.75)]
    pen.polygon(body, look.color, smooth=True)
    pattern = rng.random()
    if pattern < 0.35:
        for x in (0.56, 0.82):
            pen.limb(
                [(x, 0.52 - deep * 0.85), (x + 0.04, 0.5), (x, 0.48 + deep * 0.85)], (0.07, 0.07), WHITE, KEEP
            )
    elif pattern < 0.75:
        for x in (0.55, 0.7, 0.85):
            for y in (0.4, 0.54, 0.66):
                pen.arc((x - 0.07, y - 0.08, x + 0.07, y + 0.08), -70, 70, 0.018, look.dark, KEEP)
    pen.arc((0.16, 0.3, 0.42, 0.72), -70, 70, 0.02, look.dark, KEEP)
    pen.polygon([(0.48, 0.56), (0.7, 0.6), (0.62, 0.76)], fin, "fin", smooth=True)
    pen.ellipse((0.12, 0.34, 0.26, 0.48), WHITE, KEEP)
    eye(pen, 0.18, 0.41, 0.04)
    pen.arc((0.0, 0.46, 0.14, 0.62), 10, 100, 0.018, look.dark, KEEP)
    return side_view(pen, rng, fur=0.0)


@kind(
    name="frog",
    plural="frogs",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.1, 0.17),
    colors=("green", "brown"),
    parts=("head", "eye", "leg", "belly"),
    properties=("can swim", "can jump far", "lays eggs"),
)
def frog(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.3)
    pen.outline(0.32)
    for side in (-1, 1):
        x = 0.65 + side * 0.36
        pen.ellipse((x - 0.24, 0.5, x + 0.24, 0.94), look.color, "leg", angle=side * -20)
        pen.ellipse(
            (x - 0.2 + side * 0.04, 0.88, x + 0.2 + side * 0.04, 1.0), darker(look.color, 0.85), "leg"
        )
    pen.ellipse((0.32, 0.34, 0.98, 0.96), look.color)
    pen.ellipse((0.42, 0.52, 0.88, 0.95), lighter(look.color, 0.55), "belly")
    for side in (-1, 1):
        x = 0.65 + side * 0.2
        pen.limb([(x, 0.6), (x + side * 0.03, 0.8), (x, 0.94)], (0.13, 0.1), look.color, "leg")
        pen.ellipse((x - 0.1, 0.9, x + 0.1, 1.0), look.color, "leg")
    for side in (-1, 1):
        x = 0.65 + side * 0.21
        pen.ellipse((x - 0.14, 0.0, x + 0.14, 0.3), look.color, "eye")
    pen.ellipse((0.26, 0.12, 1.04, 0.62), look.color, "head")
    for side in (-1, 1):
        x = 0.65 + side * 0.21
        pen.ellipse((x - 0.095, 0.04, x + 0.095, 0.24), WHITE, "eye")
        pen.ellipse((x - 0.045, 0.08, x + 0.045, 0.2), BLACK, "eye")
    wide = rng.uniform(0.2, 0.3)
    pen.arc((0.65 - wide, 0.2, 0.65 + wide, 0.52), 20, 160, 0.024, look.dark, KEEP)
    if rng.random() < 0.4:
        for x, y in ((0.36, 0.3), (0.94, 0.3), (0.5, 0.18), (0.8, 0.18)):
            pen.ellipse((x - 0.03, y - 0.025, x + 0.03, y + 0.025), look.dark, KEEP)
    return front_view(pen, fur=0.02)


@kind(
    name="turtle",
    plural="turtles",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.1, 0.17),
    colors=("green", "brown"),
    parts=("head", "shell", "leg", "tail"),
    properties=("can swim", "lays eggs"),
)
def turtle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.9)
    pen.outline(0.34)
    skin = mix(lighter(look.color, 0.35), (180, 180, 90), 0.35)
    pen.polygon([(1.56, 0.7), (1.86, 0.86), (1.5, 0.86)], skin, "tail")
    for x in (0.62, 1.3):
        pen.limb([(x, 0.78), (x - 0.04 + rng.uniform(-0.06, 0.06), 0.92)], (0.22, 0.16), skin, "leg")
    reach = rng.uniform(0.0, 0.12)
    pen.limb([(0.56, 0.74), (0.36, 0.68), (0.24, 0.5 - reach)], (0.24, 0.18), skin, "head")
    pen.ellipse((0.0, 0.3 - reach, 0.4, 0.62 - reach), skin, "head")
    eye(pen, 0.14, 0.4 - reach, 0.036)
    pen.arc((0.0, 0.4 - reach, 0.22, 0.56 - reach), 30, 120, 0.018, look.dark, KEEP)
    dome = [
        (0.4, 0.82),
        (0.5, 0.4),
        (0.75, 0.1),
        (1.05, 0.02),
        (1.36, 0.14),
        (1.6, 0.46),
        (1.66, 0.82),
        (1.04, 0.88),
    ]
    pen.polygon(dome, look.color, "shell", smooth=True)
    pen.outline(0.4)
    for x, y, w in ((1.04, 0.26, 0.18), (0.72, 0.5, 0.15), (1.06, 0.6, 0.17), (1.4, 0.5, 0.15)):
        turns = np.linspace(0, 2 * np.pi, 6, endpoint=False)
        plate = [(x + w * np.cos(t), y + w * 0.85 * np.sin(t)) for t in turns]
        pen.polygon(plate, darker(look.color, 0.72), KEEP)
    pen.limb([(0.42, 0.83), (1.04, 0.88), (1.66, 0.83)], (0.08, 0.08), skin, "shell")
    return side_view(pen, rng, fur=0.03)


@kind(
    name="snake",
    plural="snakes",
    group="animal",
    settings=("landscape",),
    rests_on="ground",
    height=(0.07, 0.12),
    colors=("green", "brown", "black"),
    parts=("head", "tongue"),
    properties=("lives in the wild", "lays eggs"),
)
def snake(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(2.6)
    pen.outline(0.34, 0.02)
    high = rng.uniform(0.3, 0.5)
    path = [(0.4, 0.26), (0.62, 0.5), (0.72, 0.8), (1.0, 0.88), (1.25, 0.9 - high), (1.5, 0.66), (1.7, 0.9)]
    path += [(2.0, 0.88), (2.2, 0.94 - high), (2.56, 0.8)]
    pen.limb(path, (0.24, 0.08), look.color)
    pen.outline(0)
    mark = mix(look.color, (240, 220, 90), 0.65) if rng.random() < 0.6 else look.dark
    for x, y in path[1:-1]:
        pen.ellipse((x - 0.05, y - 0.05, x + 0.05, y + 0.05), mark, KEEP)
    pen.line([(0.1, 0.3), (0.0, 0.42)], 0.03, (214, 40, 50), "tongue")
    pen.line([(0.1, 0.3), (0.0, 0.3)], 0.03, (214, 40, 50), "tongue")
    pen.outline(0.34, 0.02)
    head = [(0.06, 0.28), (0.2, 0.1), (0.42, 0.06), (0.56, 0.2), (0.46, 0.38), (0.22, 0.4)]
    pen.polygon(head, look.color, "head", smooth=True)
    eye(pen, 0.27, 0.18, 0.05, iris=(244, 214, 80))
    return side_view(pen, rng, fur=0.03)


@kind(
    name="butterfly",
    plural="butterflies",
    group="animal",
    settings=("landscape",),
    rests_on="sky",
    height=(0.1, 0.17),
    colors=("orange", "yellow", "blue", "purple", "pink", "white", "red"),
    parts=("wing", "antenna"),
    properties=("can fly", "lays eggs"),
)
def butterfly(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.16)
    pen.outline(0.45, 0.02)
    middle, body = 0.58, (56, 44, 40)
    top, low = rng.uniform(0.44, 0.56), rng.uniform(0.3, 0.42)
    dot = WHITE if look.color_name not in ("white", "yellow") else (230, 120, 60)
    rim = darker(look.color, 0.42)
    for side in (-1, 1):
        upper = [
            (middle, 0.46),
            (middle + side * top * 0.5, 0.04),
            (middle + side * top, 0.1),
            (middle + side * top * 0.9, 0.46),
        ]
        lower = [
            (middle, 0.46),
            (middle + side * low * 1.2, 0.54),
            (middle + side * low * 1.1, 0.88),
            (middle + side * 0.1, 0.94),
        ]
        for points, color in ((lower, darker(look.color, 0.86)), (upper, look.color)):
            pen.polygon(points, rim, "wing", smooth=True)
            cx, cy = np.mean(points, axis=0)
            inner = [(cx + (x - cx) * 0.8, cy + (y - cy) * 0.8) for x, y in points]
            pen.polygon(inner, color, KEEP, smooth=True)
            pen.ellipse((cx + side * 0.08 - 0.05, cy - 0.05, cx + side * 0.08 + 0.05, cy + 0.05), dot, KEEP)
        pen.limb(
            [(middle, 0.2), (middle + side * 0.08, 0.1), (middle + side * 0.16, 0.02)],
            (0.022, 0.022),
            body,
            "antenna",
        )
    pen.ellipse((middle - 0.05, 0.26, middle + 0.05, 0.9), body)
    pen.ellipse((middle - 0.07, 0.15, middle + 0.07, 0.31), body)
    return front_view(pen, fur=0.0)


@kind(
    name="bee",
    plural="bees",
    group="animal",
    settings=("landscape",),
    rests_on="sky",
    height=(0.09, 0.14),
    colors=("yellow",),
    parts=("wing", "head", "antenna"),
    properties=("can fly", "lays eggs"),
)
def bee(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    pen = make_pen(1.3)
    pen.outline(0.3, 0.016)
    lean = rng.uniform(-0.06, 0.1)
    for x, size in ((0.9, 0.9), (0.68, 1.0)):
        wing = [
            (x - 0.06, 0.46),
            (x - 0.1 + lean, 0.46 - 0.4 * size),
            (x + 0.14 + lean, 0.46 - 0.44 * size),
            (x + 0.08, 0.44),
        ]
        pen.polygon(wing, (206, 226, 240), "wing", smooth=True)
    pen.polygon([(1.16, 0.62), (1.3, 0.7), (1.14, 0.78)], BLACK)
    pen.ellipse((0.3, 0.38, 1.22, 1.0), look.color)
    pen.outline(0)
    for x, half in ((0.62, 0.29), (0.84, 0.29), (1.04, 0.2)):
        pen.limb([(x, 0.69 - half), (x + 0.05, 0.69), (x, 0.69 + half)], (0.11, 0.11), BLACK, KEEP)
    for dx in (0.0, 0.12):
        pen.limb([(0.2 + dx, 0.5), (0.12 + dx, 0.36), (0.02 + dx, 0.3)], (0.035, 0.035), BLACK, "antenna")
    pen.ellipse((0.04, 0.44, 0.48, 0.9), (64, 52, 44), "head")
    pen.ellipse((0.12, 0.56, 0.26, 0.72), WHITE, KEEP)
    pen.ellipse((0.13, 0.59, 0.21, 0.69), BLACK, KEEP)
    return side_view(pen, rng, fur=0.03)
