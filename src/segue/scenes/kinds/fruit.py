"""Fruit and vegetables, in the colours they have in nature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.shapes import Point, arc, curve, mix, ribbon, tone
from segue.scenes.pen import KEEP, Color, Look, Pen

STALK: Color = (104, 74, 40)
LEAF: Color = (74, 148, 60)

ON_TABLE: dict[str, Any] = {"group": "food", "settings": ("table-top",), "rests_on": "surface"}
SWEET = ("can be eaten", "sweet to eat")


def leaf(pen: Pen, root: Point, tip: Point, width: float, color: Color = LEAF, part: str = "leaf") -> None:
    """A pointed leaf from root to tip, with its middle vein."""
    pen.polygon(
        ribbon(
            curve(root, ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2), tip, 6),
            [0.01, width, width * 0.8, 0.005],
        ),
        color,
        part=part,
    )
    pen.line([root, tip], 0.016, tone(color, -0.25), part=part)


@kind(
    name="apple",
    plural="apples",
    height=(0.14, 0.22),
    colors=("red", "green", "yellow"),
    parts=("stem", "leaf"),
    properties=SWEET,
    **ON_TABLE,
)
def draw_apple(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(0.86, 1.0)
    top, cx = rng.uniform(0.2, 0.25), aspect / 2
    pen = make_pen(aspect)
    low = rng.uniform(0.2, 0.28) * aspect
    half = [(0.0, top + 0.07), (0.2 * aspect, top), (0.42 * aspect, top + 0.06), (aspect / 2, top + 0.32)]
    half += [(0.42 * aspect, 0.8), (low, 0.97), (0.05, 0.96)]
    body = [(cx + x, y) for x, y in half] + [(cx - x, y) for x, y in half[:0:-1]]
    pen.polygon(body, look.color, smooth=True)
    pen.shade("round")
    pen.ellipse((cx - 0.14, top + 0.03, cx + 0.14, top + 0.13), tone(look.color, -0.35))
    pen.ellipse(
        (cx - 0.34 * aspect, top + 0.14, cx - 0.2 * aspect, top + 0.36), tone(look.color, 0.55), angle=25
    )
    lean = rng.uniform(-0.08, 0.08)
    pen.line([(cx, top + 0.09), (cx + lean / 2, top - 0.06), (cx + lean, 0.03)], 0.05, STALK, part="stem")
    if rng.random() < 0.7:
        leaf(pen, (cx + 0.02, top - 0.02), (cx + 0.36, rng.uniform(0.02, 0.14)), 0.16)
    return pen


@kind(
    name="banana",
    plural="bananas",
    height=(0.14, 0.22),
    colors=("yellow", "green"),
    parts=("stem",),
    properties=SWEET,
    **ON_TABLE,
)
def draw_banana(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, thick = rng.uniform(1.6, 2.0), rng.uniform(0.34, 0.44)
    pen = make_pen(aspect)
    deep = rng.uniform(1.12, 1.3)
    left, right = (0.1, rng.uniform(0.28, 0.4)), (aspect - 0.12, 0.14)
    spine = curve(left, (aspect * 0.5, deep), right, 16)
    pen.polygon(ribbon(spine, [0.1, thick * 0.8, thick, thick, thick * 0.7, 0.12]), look.color)
    inner = [(x, y + 0.05) for x, y in spine]
    pen.shade("round")
    pen.line(inner[2:-2], 0.03, tone(look.color, -0.22))
    pen.polygon(ribbon([right, (right[0] + 0.06, 0.0)], [0.13, 0.1]), tone(look.color, -0.45), part="stem")
    pen.ellipse((left[0] - 0.08, left[1] - 0.08, left[0] + 0.05, left[1] + 0.05), (70, 52, 32))
    if look.color_name == "yellow":
        for i in rng.integers(3, 14, size=int(rng.integers(0, 5))):
            x, y = spine[int(i)]
            pen.ellipse((x - 0.03, y - 0.09, x + 0.03, y - 0.05), (140, 98, 40))
    return pen


@kind(
    name="orange",
    plural="oranges",
    height=(0.13, 0.2),
    colors=("orange",),
    parts=("leaf",),
    properties=SWEET,
    **ON_TABLE,
)
def draw_orange(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A whole orange, or half of one with its cut towards the viewer."""
    pen = make_pen(1.0)
    pen.ellipse((0, 0, 1, rng.uniform(0.94, 1.0)), look.color)
    pen.texture("noise", 0.05)
    pen.shade("round")
    if rng.random() < 0.4:
        pen.ellipse((0.07, 0.06, 0.93, 0.92), (252, 230, 186))
        pieces, turn = 8, rng.uniform(0, 45)
        for i in range(pieces):
            a = turn + i * 360 / pieces
            wedge = [(0.5, 0.49), *arc(0.5, 0.49, 0.37, 0.37, a - 19, a + 19, 4)]
            middle = math.radians(a)
            shift = (0.03 * math.cos(middle), 0.03 * math.sin(middle))
            pen.polygon([(x + shift[0], y + shift[1]) for x, y in wedge], tone(look.color, 0.12))
    else:
        pen.ellipse((0.2, 0.14, 0.4, 0.3), tone(look.color, 0.45), angle=-30)
        x = rng.uniform(0.46, 0.6)
        pen.ellipse((x - 0.05, 0.08, x + 0.05, 0.15), (92, 110, 40))
        if rng.random() < 0.7:
            leaf(pen, (x, 0.11), (x + 0.34, rng.uniform(0.02, 0.16)), 0.17)
    return pen


@kind(
    name="lemon",
    plural="lemons",
    height=(0.11, 0.16),
    colors=("yellow",),
    parts=("leaf",),
    properties=("can be eaten",),
    **ON_TABLE,
)
def draw_lemon(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, slim = rng.uniform(1.4, 1.6), rng.uniform(0.44, 0.5)
    pen = make_pen(aspect)
    cx, cy, tip = aspect / 2, 0.5, 0.09
    body = [
        (cx + x * cx, cy + y * slim)
        for x, y in (
            (-1, 0),
            (-0.86, -0.3),
            (-0.5, -0.86),
            (0, -1),
            (0.5, -0.86),
            (0.84, -0.34),
            (0.97, -tip * 2),
            (1, 0.06),
            (0.95, 0.26),
            (0.82, 0.42),
            (0.5, 0.86),
            (0, 1),
            (-0.5, 0.86),
            (-0.86, 0.3),
        )
    ]
    pen.polygon(body, look.color, smooth=True)
    pen.texture("noise", 0.04)
    pen.shade("round")
    pen.ellipse((cx - 0.42, 0.18, cx - 0.08, 0.34), tone(look.color, 0.55), angle=-14)
    if rng.random() < 0.5:
        leaf(pen, (0.1, 0.45), (0.42, 0.08), 0.2)
    return pen


@kind(
    name="pear",
    plural="pears",
    height=(0.18, 0.28),
    colors=("green", "yellow", "red"),
    parts=("stem", "leaf"),
    properties=SWEET,
    **ON_TABLE,
)
def draw_pear(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, neck = rng.uniform(0.58, 0.68), rng.uniform(0.12, 0.15)
    cx, lean = aspect / 2, rng.uniform(-0.05, 0.05)
    pen = make_pen(aspect)
    half = [(neck * 0.55, 0.16), (neck, 0.22), (neck * 1.15, 0.4), (aspect * 0.4, 0.56), (aspect / 2, 0.75)]
    half += [(aspect * 0.4, 0.94), (0.08, 1.0)]
    body = [(cx + x + lean * (1 - y), y) for x, y in half] + [
        (cx - x + lean * (1 - y), y) for x, y in half[::-1]
    ]
    pen.polygon(body, look.color, smooth=True)
    pen.shade("round")
    pen.ellipse((cx - 0.2, 0.56, cx - 0.1, 0.78), tone(look.color, 0.5), angle=12)
    for x, y in rng.uniform(-0.12, 0.14, size=(5, 2)):
        pen.ellipse((cx + x, 0.76 + y, cx + x + 0.02, 0.78 + y), tone(look.color, -0.3))
    pen.line([(cx + lean * 0.9, 0.18), (cx + lean + 0.03, 0.02)], 0.045, STALK, part="stem")
    if rng.random() < 0.6:
        leaf(pen, (cx + lean + 0.02, 0.12), (cx + lean + 0.25, 0.08), 0.11)
    return pen


@kind(
    name="strawberry",
    plural="strawberries",
    height=(0.11, 0.17),
    colors=("red",),
    parts=("leaf",),
    properties=SWEET,
    **ON_TABLE,
)
def draw_strawberry(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(0.74, 0.86)
    cx, top = aspect / 2, 0.16
    pen = make_pen(aspect)
    half = [
        (0.1, top),
        (0.3, top + 0.01),
        (aspect / 2, 0.34),
        (aspect * 0.38, 0.66),
        (0.12, 0.95),
        (0.02, 1.0),
    ]
    pen.polygon(
        [(cx + x, y) for x, y in half] + [(cx - x, y) for x, y in half[::-1]], look.color, smooth=True
    )
    pen.shade("round")
    for row, count in enumerate((4, 3, 4, 3, 2)):
        for i in range(count):
            x = cx + (i - (count - 1) / 2) * 0.17 + rng.uniform(-0.01, 0.01)
            y = 0.36 + row * 0.12
            pen.ellipse((x - 0.016, y - 0.026, x + 0.016, y + 0.026), (250, 220, 120))
    pen.line([(cx, top), (cx + rng.uniform(-0.05, 0.05), 0.02)], 0.05, tone(LEAF, -0.2), part="leaf")
    for angle in (8, 48, 90, 132, 172):
        a = math.radians(angle + rng.uniform(-8, 8))
        leaf(pen, (cx, top), (cx + 0.3 * math.cos(a), top + 0.17 * math.sin(a)), 0.15)
    return pen


@kind(
    name="bunch of grapes",
    plural="bunches of grapes",
    height=(0.2, 0.3),
    colors=("purple", "green", "red"),
    parts=("stem", "leaf"),
    properties=SWEET,
    **ON_TABLE,
)
def draw_grapes(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(0.74, 0.86)
    cx, r = aspect / 2, 0.105
    pen = make_pen(aspect)
    pen.line([(cx, 0.2), (cx + 0.03, 0.02)], 0.05, STALK, part="stem")
    leaf(pen, (cx + 0.02, 0.12), (cx + 0.34, 0.1), 0.16)
    for row, count in enumerate((4, 4, 3, 2, 1)):
        y = 0.24 + row * (0.89 - 0.24) / 4
        for i in range(count):
            x = cx + (i - (count - 1) / 2) * (aspect - 2 * r) / 3 + (0.04 if row == 1 else 0)
            x, grey = min(max(x, r), aspect - r) + rng.uniform(-0.015, 0.015), rng.uniform(-0.16, 0.12)
            pen.ellipse((x - r, y - r, x + r, y + r), tone(look.color, grey - 0.18))
            pen.ellipse((x - r * 0.9, y - r * 0.92, x + r * 0.72, y + r * 0.7), tone(look.color, grey))
            pen.ellipse((x - r * 0.6, y - r * 0.65, x - r * 0.1, y - r * 0.15), tone(look.color, 0.55))
    return pen


@kind(
    name="tomato",
    plural="tomatoes",
    height=(0.12, 0.18),
    colors=("red", "orange", "yellow"),
    parts=("leaf",),
    properties=("can be eaten",),
    **ON_TABLE,
)
def draw_tomato(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(1.12, 1.3)
    cx, top = aspect / 2, 0.12
    pen = make_pen(aspect)
    pen.ellipse((0, top, aspect * 0.66, 0.97), look.color)
    pen.ellipse((aspect * 0.34, top, aspect, 0.97), look.color)
    pen.ellipse((aspect * 0.12, top - 0.01, aspect * 0.88, 1.0), look.color)
    pen.shade("round")
    pen.ellipse((aspect * 0.13, 0.3, aspect * 0.27, 0.5), tone(look.color, 0.6), angle=25)
    crown = (cx, top + 0.12)
    for angle in range(-10, 350, 60):
        a = math.radians(angle + rng.uniform(-9, 9))
        tip = (crown[0] + 0.36 * math.cos(a), crown[1] + 0.17 * math.sin(a))
        leaf(pen, crown, tip, 0.1, tone(LEAF, -0.15))
    pen.line([crown, (cx + rng.uniform(-0.06, 0.06), 0.02)], 0.055, tone(LEAF, -0.3), part="leaf")
    return pen


@kind(
    name="pineapple",
    plural="pineapples",
    height=(0.32, 0.46),
    colors=("yellow", "orange"),
    parts=("leaf",),
    properties=SWEET,
    **ON_TABLE,
)
def draw_pineapple(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, top = rng.uniform(0.42, 0.52), rng.uniform(0.36, 0.42)
    cx, body = aspect / 2, tone(look.color, -0.04)
    pen = make_pen(aspect)
    middle = (top + 1) / 2
    barrel = [(0, middle), (0.06, top + 0.12), (cx - 0.1, top), (cx + 0.1, top), (aspect - 0.06, top + 0.12)]
    barrel += [(aspect, middle), (aspect - 0.05, 0.88), (cx + 0.1, 0.99), (cx - 0.1, 0.99), (0.05, 0.88)]
    pen.polygon(barrel, body, smooth=True)
    high = 1 - top
    for sign in (-1, 1):  # the crossing seams of its skin
        for i in range(-2, 7):
            y = top + i * high / 5
            left, right = (y, y + high * 0.42) if sign > 0 else (y + high * 0.42, y)
            ends = [(0.015, left), (aspect - 0.015, right)]
            inside = [(x, min(max(v, top + 0.09), 0.93)) for x, v in ends]
            if abs(inside[0][1] - inside[1][1]) > 0.1:
                pen.line(inside, 0.02, tone(look.color, -0.36))
    pen.shade("round")
    for tier, (count, reach) in enumerate(((5, 0.36), (5, 0.4), (3, 0.42))):
        for i in range(count):
            lean = (i - (count - 1) / 2) / max(count - 1, 1)
            tip = (
                cx + lean * (aspect * 1.1 - tier * 0.14),
                top + 0.04 - reach * (1 - abs(lean) * 0.9) + 0.03,
            )
            leaf(pen, (cx + lean * 0.1, top + 0.06), tip, 0.075, tone(LEAF, (tier - 1) * 0.12))
    return pen


@kind(
    name="slice of watermelon",
    plural="slices of watermelon",
    height=(0.16, 0.26),
    colors=("red", "pink"),
    parts=("rind",),
    properties=SWEET,
    **ON_TABLE,
)
def draw_watermelon(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A half disc lying on its rind."""
    aspect = rng.uniform(1.6, 2.0)
    cx, half = aspect / 2, aspect / 2
    pen = make_pen(aspect)
    pen.polygon(arc(cx, 0.02, half, 0.98, 0, 180, 22), (44, 120, 60), part="rind")
    pen.polygon(arc(cx, 0.02, half * 0.92, 0.89, 0, 180, 22), (222, 238, 190), part="rind")
    pen.polygon(arc(cx, 0.02, half * 0.86, 0.83, 0, 180, 22), look.color)
    pen.shade("flat")
    for radius, count in ((0.32, 3), (0.62, 6)):
        for i in range(count):
            a = math.radians(180 * (i + 0.5) / count + rng.uniform(-6, 6))
            x, y = cx + half * radius * math.cos(a), 0.08 + 0.86 * radius * math.sin(a)
            pen.ellipse((x - 0.03, y - 0.045, x + 0.03, y + 0.045), (44, 28, 26), part=KEEP)
    return pen


@kind(
    name="carrot",
    plural="carrots",
    height=(0.26, 0.38),
    colors=("orange",),
    parts=("leaf",),
    properties=("can be eaten",),
    **ON_TABLE,
)
def draw_carrot(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, top = rng.uniform(0.24, 0.32), rng.uniform(0.26, 0.34)
    aspect = width + 0.08
    cx, bend = aspect / 2, rng.uniform(-0.05, 0.05)
    pen = make_pen(aspect)
    for lean in (-0.9, -0.45, 0.45, 0.9, 0.0):
        tip = (cx + lean * aspect * 0.5, 0.02 + abs(lean) * 0.09 + rng.uniform(0, 0.04))
        leaf(pen, (cx + lean * 0.04, top + 0.02), tip, 0.085, tone(LEAF, rng.uniform(-0.12, 0.1)))
    spine = curve((cx, top), (cx + bend, 0.66), (cx + bend * 0.5, 1.0), 10)
    pen.polygon(
        ribbon(spine, [width * 0.78, width, width * 0.82, width * 0.58, width * 0.32, 0.02]), look.color
    )
    pen.shade("round")
    for y in (0.12, 0.3, 0.47, 0.66):
        x, v = spine[round(y * 10)]
        reach = width * (0.4 - 0.42 * y)
        start = x + (-reach if rng.random() < 0.5 else 0.01)
        pen.line([(start, v), (start + reach, v + 0.015)], 0.018, tone(look.color, -0.28))
    return pen


@kind(
    name="head of broccoli",
    plural="heads of broccoli",
    height=(0.16, 0.26),
    colors=("green",),
    parts=("stem",),
    properties=("can be eaten",),
    **ON_TABLE,
)
def draw_broccoli(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(0.95, 1.15)
    cx, pale = aspect / 2, mix(look.color, (206, 222, 130), 0.62)
    pen = make_pen(aspect)
    foot = rng.uniform(0.1, 0.14)
    pen.polygon([(cx - foot, 1.0), (cx - 0.12, 0.62), (cx + 0.12, 0.62), (cx + foot, 1.0)], pale, part="stem")
    for sign in (-1, 1):
        pen.limb([(cx + sign * 0.05, 0.8), (cx + sign * 0.26, 0.52)], (0.14, 0.1), pale, part="stem")
    crowns = [
        (-0.34, 0.46, 0.2),
        (0.34, 0.46, 0.2),
        (-0.22, 0.28, 0.21),
        (0.22, 0.28, 0.21),
        (0, 0.22, 0.22),
        (0, 0.46, 0.22),
    ]
    for dx, y, r in crowns:
        x = cx + dx * aspect * 0.86
        for turn in range(0, 360, 60):
            a = math.radians(turn + rng.uniform(-15, 15))
            bx, by = x + r * 0.58 * math.cos(a), y + r * 0.58 * math.sin(a)
            shade = tone(look.color, -0.25 + 0.3 * rng.random() - (0.12 if a > 0.4 and a < 2.7 else 0))
            pen.ellipse((bx - r * 0.46, by - r * 0.46, bx + r * 0.46, by + r * 0.46), shade)
        pen.ellipse((x - r * 0.5, y - r * 0.5, x + r * 0.5, y + r * 0.5), tone(look.color, 0.02))
    pen.texture("noise", 0.08)
    pen.shade("round")
    return pen
