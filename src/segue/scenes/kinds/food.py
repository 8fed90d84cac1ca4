"""Baked, cooked and made food; fruit and vegetables are in fruit.py."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.shapes import CREAM, Point, arc, curve, mix, ribbon, tone, tub
from segue.scenes.pen import KEEP, Color, Look, Pen

CRUST: Color = (196, 138, 74)
LETTUCE: Color = (120, 184, 70)
CHEDDAR: Color = (248, 196, 64)
MEAT: Color = (108, 62, 40)
SPRINKLES: tuple[Color, ...] = (
    (250, 250, 250),
    (240, 70, 90),
    (70, 150, 230),
    (250, 214, 70),
    (90, 200, 110),
)
ICING = ("pink", "white", "brown", "yellow", "blue", "purple", "green", "red", "orange")

ON_TABLE: dict[str, Any] = {"group": "food", "settings": ("table-top",), "rests_on": "surface"}
SAVOURY = ("can be eaten",)
SWEET = ("can be eaten", "sweet to eat")


def wave(left: float, right: float, y: float, depth: float, count: int) -> list[Point]:
    """A scalloped edge from left to right: drips of icing, a frill of lettuce."""
    step = (right - left) / count
    points: list[Point] = []
    for i in range(count):
        points += arc(left + (i + 0.5) * step, y, step / 2, depth, 180, 0, 6)
    return points


@kind(
    name="loaf of bread",
    plural="loaves of bread",
    height=(0.16, 0.25),
    colors=("brown", "beige"),
    parts=("crust",),
    properties=SAVOURY,
    **ON_TABLE,
)
def draw_bread(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A round-ended loaf with slashes, or a tin loaf with one cut end towards the viewer."""
    top = mix(look.color, CRUST, 0.55)
    if rng.random() < 0.5:
        aspect = rng.uniform(1.8, 2.3)
        pen = make_pen(aspect)
        body = [
            (0, 0.68),
            (0.12, 0.3),
            (0.5, 0.06),
            (aspect / 2, 0.0),
            (aspect - 0.5, 0.06),
            (aspect - 0.12, 0.3),
        ]
        body += [(aspect, 0.68), (aspect - 0.14, 0.94), (aspect / 2, 1.0), (0.14, 0.94)]
        pen.polygon(body, top, part="crust", smooth=True)
        pen.texture("noise", 0.05)
        pen.shade("round")
        for i in range(int(rng.integers(3, 5))):
            x = aspect * 0.24 + i * aspect * 0.17
            cut = curve((x, 0.52), (x + 0.02, 0.3), (x + 0.2, 0.14), 6)
            pen.polygon(ribbon(cut, [0.03, 0.14, 0.03]), (240, 214, 164))
        return pen
    aspect, face = rng.uniform(1.6, 2.0), rng.uniform(0.7, 0.85)
    pen = make_pen(aspect)

    def slab(left: float, right: float, inset: float) -> list[Point]:
        a, b, up = left + inset, right - inset, 0.0 + inset
        return [
            (a + 0.06, 1 - inset),
            (a + 0.06, 0.48),
            *arc(a + 0.16, 0.28 + up * 0.4, 0.16, 0.26, 150, 270, 6),
            *arc(b - 0.16, 0.28 + up * 0.4, 0.16, 0.26, 270, 390, 6),
            (b - 0.06, 0.48),
            (b - 0.06, 1 - inset),
        ]

    pen.polygon(slab(0, aspect, 0), top, part="crust")
    pen.texture("noise", 0.05)
    pen.shade("round")
    pen.polygon(slab(0, face, 0), tone(top, -0.28), part="crust")
    pen.polygon(slab(0, face, 0.05), (242, 220, 176))
    for x, y in rng.uniform((0.2, 0.3), (face - 0.2, 0.85), size=(7, 2)):
        pen.ellipse((x, y, x + 0.045, y + 0.03), (220, 190, 140))
    return pen


@kind(
    name="piece of cheese",
    plural="pieces of cheese",
    height=(0.14, 0.22),
    colors=("yellow", "orange"),
    properties=SAVOURY,
    **ON_TABLE,
)
def draw_cheese(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A wedge with holes: the top is a triangle, the cut side faces the viewer."""
    aspect, deep = rng.uniform(1.4, 1.8), rng.uniform(0.32, 0.44)
    pen = make_pen(aspect)
    back = aspect * rng.uniform(0.6, 0.8)
    pen.polygon([(0, deep), (back, 0.0), (aspect, deep * 0.62), (aspect, deep)], tone(look.color, 0.3))
    pen.polygon([(0, deep), (aspect, deep * 0.9), (aspect, 0.94), (0, 1.0)], look.color)
    pen.shade("flat")
    holes = ((0.16, 0.66, 0.1), (0.42, 0.84, 0.08), (0.56, 0.6, 0.12), (0.83, 0.78, 0.1), (0.32, 0.55, 0.05))
    for x, y, r in holes:
        x, y, r = (
            x * aspect + rng.uniform(-0.05, 0.05),
            y + rng.uniform(-0.03, 0.03),
            r * rng.uniform(0.8, 1.15),
        )
        pen.ellipse((x - r, y - r, x + r, y + r), tone(look.color, -0.35))
        pen.ellipse((x - r * 0.8, y - r * 0.7, x + r, y + r), tone(look.color, -0.18))
    x = back * 0.9
    pen.ellipse((x - 0.1, deep * 0.5, x + 0.1, deep * 0.78), tone(look.color, -0.1))
    return pen


@kind(
    name="egg",
    plural="eggs",
    height=(0.1, 0.16),
    colors=("white", "beige", "brown"),
    properties=SAVOURY,
    **ON_TABLE,
)
def draw_egg(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(0.72, 0.8)
    color = mix(look.color, CREAM, 0.35) if look.color_name == "brown" else look.color
    pen = make_pen(aspect)
    cx, widest = aspect / 2, rng.uniform(0.58, 0.63)
    pen.polygon(
        arc(cx, widest, cx, widest, 180, 360, 16) + arc(cx, widest, cx, 1 - widest, 0, 180, 16), color
    )
    if rng.random() < 0.4 and look.color_name != "white":
        pen.texture("noise", 0.06)
    pen.shade("round")
    pen.ellipse((cx - 0.2, 0.22, cx - 0.04, 0.46), tone(color, 0.6), angle=18)
    return pen


@kind(
    name="cake",
    plural="cakes",
    height=(0.26, 0.4),
    colors=ICING,
    parts=("icing", "candle", "cherry"),
    properties=SWEET,
    **ON_TABLE,
)
def draw_cake(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, candles = rng.uniform(1.05, 1.35), rng.random() < 0.5
    top, rim = (0.3 if candles else 0.16), rng.uniform(0.1, 0.14)
    cx, half = aspect / 2, aspect / 2 - 0.08
    pen = make_pen(aspect)
    pen.ellipse((0, 0.78, aspect, 1.0), (226, 228, 232))
    sponge = (232, 190, 120) if look.color_name == "brown" else (150, 96, 56)
    pen.polygon(
        tub(cx, top + rim, 0.94, half, half, rim), sponge if rng.random() < 0.5 else tone(look.color, 0.25)
    )
    pen.polygon(tub(cx, 0.72, 0.8, half, half, rim), tone(look.color, 0.45))
    drip = wave(cx - half, cx + half, top + rim + 0.16, rng.uniform(0.08, 0.13), int(rng.integers(5, 8)))
    pen.polygon([(cx - half, top + rim), *drip, (cx + half, top + rim)], look.color, part="icing")
    pen.shade("round")
    pen.ellipse((cx - half, top, cx + half, top + 2 * rim), tone(look.color, 0.22), part="icing")
    for i in range(5):
        x = cx + (i - 2) / 2 * half * 0.68
        y = top + rim + 0.05 - 0.07 * (i % 2)
        if candles:
            if i % 2 == 0 or rng.random() < 0.5:
                pen.rectangle((x - 0.022, y - 0.24, x + 0.022, y), look.accent, part="candle")
                pen.ellipse((x - 0.026, y - 0.33, x + 0.026, y - 0.23), (255, 190, 60), part="candle")
        else:
            pen.ellipse((x - 0.065, y - 0.14, x + 0.065, y - 0.01), (190, 24, 46), part="cherry")
            pen.ellipse((x - 0.035, y - 0.12, x - 0.005, y - 0.09), (250, 190, 196), part="cherry")
    return pen


@kind(
    name="cupcake",
    plural="cupcakes",
    height=(0.17, 0.26),
    colors=ICING,
    parts=("icing", "cherry", "wrapper"),
    properties=SWEET,
    **ON_TABLE,
)
def draw_cupcake(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(0.78, 0.9)
    cx, low = aspect / 2, rng.uniform(0.58, 0.64)
    paper = tone(look.accent, 0.15)
    pen = make_pen(aspect)
    pen.polygon(tub(cx, low - 0.02, 1.0, aspect * 0.43, aspect * 0.31, 0.05), paper, part="wrapper")
    for i in range(-3, 4):
        x = i * aspect * 0.125
        pen.line([(cx + x, low), (cx + x * 0.74, 0.96)], 0.025, tone(paper, -0.25), part="wrapper")
    for y, r, h in ((low - 0.06, 0.5, 0.14), (low - 0.19, 0.39, 0.13), (low - 0.31, 0.26, 0.12)):
        pen.ellipse((cx - r * aspect, y - h, cx + r * aspect, y + h), tone(look.color, -0.16), part="icing")
        pen.ellipse((cx - r * aspect, y - h, cx + r * aspect, y + h * 0.72), look.color, part="icing")
    pen.shade("round")
    if rng.random() < 0.6:
        top = low - 0.46
        pen.ellipse((cx - 0.09, top - 0.08, cx + 0.09, top + 0.1), (196, 26, 48), part="cherry")
        pen.line([(cx, top - 0.05), (cx + 0.08, 0.01)], 0.025, (90, 60, 34), part="cherry")
    else:
        for x, y in rng.uniform((-0.3, -0.32), (0.3, 0.02), size=(9, 2)):
            fill = SPRINKLES[int(rng.integers(5))]
            pen.line(
                [(cx + x * aspect, low + y), (cx + x * aspect + 0.04, low + y + 0.02)], 0.03, fill, part=KEEP
            )
    return pen


@kind(
    name="donut",
    plural="donuts",
    height=(0.12, 0.2),
    colors=ICING,
    parts=("icing",),
    synonyms=("doughnut",),
    properties=SWEET,
    **ON_TABLE,
)
def draw_donut(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(1.1, 1.7)
    pen = make_pen(aspect)
    cx, top = aspect / 2, 0.86
    pen.ellipse((0, 0.08, aspect, 1.0), (214, 160, 92))
    turn = rng.uniform(0, 6)
    icing = [
        (
            cx + (0.465 + 0.018 * math.sin(5 * a + turn)) * aspect * math.cos(a),
            top / 2 + (0.46 + 0.03 * math.sin(5 * a + turn)) * top * math.sin(a),
        )
        for a in np.linspace(0, 2 * math.pi, 36, endpoint=False)
    ]
    pen.polygon(icing, look.color, part="icing")
    pen.shade("round")
    pen.ellipse(
        (cx - 0.185 * aspect, top * 0.34, cx + 0.185 * aspect, top * 0.68),
        tone(look.color, -0.25),
        part="icing",
    )
    pen.ellipse((cx - 0.16 * aspect, top * 0.4, cx + 0.16 * aspect, top * 0.68), (196, 140, 76))
    pen.erase_ellipse((cx - 0.13 * aspect, top * 0.46, cx + 0.13 * aspect, top * 0.66))
    if rng.random() < 0.7:
        for i in range(16):
            a, r = i * math.pi / 8 + rng.uniform(-0.15, 0.15), rng.uniform(0.27, 0.41)
            x, y, t = cx + r * aspect * math.cos(a), top / 2 + r * top * math.sin(a), rng.uniform(0, 3.14)
            fill = SPRINKLES[int(rng.integers(5))]
            pen.line([(x, y), (x + 0.05 * math.cos(t), y + 0.04 * math.sin(t))], 0.032, fill, part=KEEP)
    return pen


@kind(
    name="cookie",
    plural="cookies",
    height=(0.09, 0.14),
    colors=("beige", "brown"),
    properties=SWEET,
    **ON_TABLE,
)
def draw_cookie(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(1.1, 1.7)
    base = mix(look.color, CRUST, 0.35)
    pen = make_pen(aspect)
    pen.ellipse((0, 0.12, aspect, 1.0), tone(base, -0.35))
    pen.ellipse((0, 0, aspect, 0.88), base)
    pen.texture("noise", 0.06)
    pen.shade("flat")
    chips = tone(base, -0.62)
    for i in range(int(rng.integers(6, 9))):
        a, r = i * 2.4 + rng.uniform(-0.3, 0.3), 0.1 + 0.27 * math.sqrt(i / 8)
        x, y, s = aspect * (0.5 + r * math.cos(a)), 0.44 + 0.86 * r * math.sin(a), rng.uniform(0.055, 0.085)
        pen.ellipse((x - s, y - s * 0.75, x + s, y + s * 0.75), chips)
    return pen


@kind(
    name="pizza",
    plural="pizzas",
    height=(0.2, 0.32),
    colors=("yellow", "red", "orange"),
    parts=("crust",),
    properties=SAVOURY,
    **ON_TABLE,
)
def draw_pizza(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A whole pizza seen from above at a slant, sometimes with a slice taken out."""
    aspect = rng.uniform(1.3, 2.0)
    cx, cy, ry = aspect / 2, 0.48, 0.48
    pen = make_pen(aspect)
    pen.ellipse((0, 0.05, aspect, 1.0), tone(CRUST, -0.3), part="crust")
    pen.ellipse((0, 0, aspect, 0.96), tone(CRUST, 0.08), part="crust")
    pen.ellipse((0.07 * aspect, 0.07, 0.93 * aspect, 0.88), (186, 52, 30))
    pen.ellipse((0.1 * aspect, 0.095, 0.9 * aspect, 0.85), tone(look.color, 0.12))
    pen.texture("noise", 0.05)
    pen.shade("flat")
    meat = (176, 44, 36) if look.color_name != "red" else (250, 226, 150)
    for i in range(9):
        a, r = i * 2.4 + rng.uniform(-0.2, 0.2), 0.07 + 0.27 * math.sqrt(i / 8)
        x, y, s = aspect * (0.5 + r * math.cos(a)), cy + 0.96 * r * math.sin(a), 0.06
        pen.ellipse((x - s * aspect, y - s * 1.1, x + s * aspect, y + s * 1.1), tone(meat, -0.2))
        pen.ellipse((x - s * aspect * 0.8, y - s * 0.9, x + s * aspect * 0.8, y + s * 0.8), meat)
    for x, y in rng.uniform(-0.27, 0.27, size=(5, 2)):
        pen.ellipse((cx + x * aspect, cy + y, cx + x * aspect + 0.07, cy + y + 0.04), (70, 130, 50))
    start = rng.uniform(0, 360)
    if rng.random() < 0.5:
        pen.erase_polygon([(cx, cy), *arc(cx, cy, aspect, 2 * ry, start, start + 50, 4)])
    else:
        for i in range(3):
            a = math.radians(start + i * 60)
            x, y = 0.4 * aspect * math.cos(a), 0.38 * math.sin(a)
            pen.line([(cx - x, cy - y), (cx + x, cy + y)], 0.014, tone(look.color, -0.35))
    return pen


@kind(
    name="sandwich",
    plural="sandwiches",
    height=(0.15, 0.22),
    colors=("beige", "brown", "white"),
    parts=("lettuce", "cheese", "crust"),
    properties=SAVOURY,
    **ON_TABLE,
)
def draw_sandwich(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Two slices of bread seen from the cut side, the upper one with its triangle of top towards the back."""
    aspect, roof = rng.uniform(1.4, 1.8), rng.uniform(0.24, 0.34)
    bread = mix(look.color, CREAM, 0.25)
    crust = tone(mix(look.color, CRUST, 0.6), -0.15)
    pen = make_pen(aspect)
    pen.rectangle((0.03, 0.8, aspect - 0.03, 1.0), tone(bread, -0.06), radius=0.05)
    pen.line([(0.06, 0.985), (aspect - 0.06, 0.985)], 0.03, crust, part="crust")
    pen.rectangle((0.02, 0.7, aspect - 0.02, 0.79), (232, 130, 130))
    cheese = [
        (0.0, 0.64),
        (aspect, 0.64),
        (aspect - 0.05, 0.7),
        (aspect * 0.7, 0.71),
        (aspect * 0.6, 0.84),
        (aspect * 0.5, 0.71),
    ]
    pen.polygon([*cheese, (0.04, 0.71)], CHEDDAR, part="cheese")
    pen.polygon([(0, 0.54), *wave(0, aspect, 0.6, 0.09, 7), (aspect, 0.54)], LETTUCE, part="lettuce")
    back = aspect * rng.uniform(0.35, 0.65)
    pen.polygon(
        [(0.02, roof + 0.06), (back - 0.08, 0.02), (back + 0.08, 0.02), (aspect - 0.02, roof + 0.06)], bread
    )
    pen.line(
        [(0.05, roof + 0.02), (back - 0.06, 0.03), (back + 0.06, 0.03), (aspect - 0.05, roof + 0.02)],
        0.07,
        crust,
        "crust",
    )
    pen.rectangle((0, roof, aspect, roof + 0.24), tone(bread, -0.12), radius=0.05)
    pen.shade("flat")
    for x, y in rng.uniform((0.1, 0.04), (aspect - 0.1, 0.19), size=(8, 2)):
        pen.ellipse((x, roof + y, x + 0.04, roof + y + 0.025), tone(bread, -0.26))
    return pen


@kind(
    name="hot dog",
    plural="hot dogs",
    height=(0.12, 0.18),
    colors=("beige", "brown"),
    parts=("bun", "sausage"),
    properties=SAVOURY,
    **ON_TABLE,
)
def draw_hot_dog(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(2.0, 2.5)
    bun = mix(look.color, CRUST, 0.45)
    pen = make_pen(aspect)
    pen.rectangle((0.14, 0.02, aspect - 0.14, 0.6), tone(bun, -0.16), part="bun", radius=0.28)
    pen.rectangle((0.0, 0.18, aspect, 0.66), (176, 70, 44), part="sausage", radius=0.24)
    pen.line([(0.25, 0.27), (aspect - 0.3, 0.27)], 0.04, (226, 140, 110), part="sausage")
    bend = [(0.1, 0.5), (aspect / 2, 0.56), (aspect - 0.1, 0.5), (aspect - 0.12, 0.8), (aspect - 0.4, 0.98)]
    pen.polygon([*bend, (aspect / 2, 1.0), (0.4, 0.98), (0.12, 0.8)], bun, part="bun", smooth=True)
    pen.shade("round")
    turns = int(rng.integers(9, 13))
    sauce = (250, 206, 50) if rng.random() < 0.7 else (200, 30, 30)
    left, right = 0.22, aspect - 0.22
    zigzag = [(left + (right - left) * i / turns, 0.3 if i % 2 else 0.48) for i in range(turns + 1)]
    pen.line(zigzag, 0.07, sauce, part="sausage")
    return pen


@kind(
    name="hamburger",
    plural="hamburgers",
    height=(0.17, 0.26),
    colors=("beige", "brown", "orange"),
    parts=("bun", "lettuce", "cheese", "patty"),
    synonyms=("burger",),
    properties=SAVOURY,
    **ON_TABLE,
)
def draw_hamburger(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, dome = rng.uniform(1.15, 1.4), rng.uniform(0.42, 0.48)
    cx, bun = aspect / 2, mix(look.color, CRUST, 0.5)
    pen = make_pen(aspect)
    pen.rectangle((0.05, 0.76, aspect - 0.05, 1.0), tone(bun, -0.05), part="bun", radius=0.12)
    pen.rectangle((0.01, 0.62, aspect - 0.01, 0.8), MEAT, part="patty", radius=0.09)
    corner = rng.uniform(0.3, 0.6) * aspect
    pen.polygon(
        [
            (0.04, 0.58),
            (aspect - 0.04, 0.58),
            (aspect - 0.06, 0.66),
            (corner + 0.2, 0.66),
            (corner, 0.78),
            (corner - 0.2, 0.66),
            (0.06, 0.66),
        ],
        CHEDDAR,
        part="cheese",
    )
    pen.rectangle((0.06, 0.52, aspect - 0.06, 0.6), (206, 50, 40))
    pen.polygon([(0, 0.44), *wave(0, aspect, 0.5, 0.08, 8), (aspect, 0.44)], LETTUCE, part="lettuce")
    pen.polygon(
        [*arc(cx, dome, cx - 0.02, dome, 180, 360, 18), (aspect - 0.06, dome + 0.04), (0.06, dome + 0.04)],
        bun,
        "bun",
    )
    pen.shade("round")
    for i in range(11):
        x, y = aspect * (0.18 + 0.64 * ((i * 0.37) % 1)), 0.1 + 0.2 * ((i * 0.61) % 1)
        if ((x - cx) / cx) ** 2 + ((y - dome) / dome) ** 2 < 0.8:
            pen.ellipse((x - 0.035, y - 0.02, x + 0.035, y + 0.02), (252, 236, 196), part="bun")
    return pen


@kind(
    name="ice cream cone",
    plural="ice cream cones",
    height=(0.26, 0.38),
    colors=ICING,
    parts=("cone", "cherry"),
    properties=SWEET,
    **ON_TABLE,
)
def draw_ice_cream(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, mouth = rng.uniform(0.44, 0.54), rng.uniform(0.42, 0.48)
    cx, half = aspect / 2, aspect * 0.42
    cone = (220, 164, 88)
    pen = make_pen(aspect)
    pen.polygon(
        [(cx - half, mouth), (cx + half, mouth), (cx + 0.015, 1.0), (cx - 0.015, 1.0)], cone, part="cone"
    )
    for i in range(1, 5):
        t = i / 5
        y = mouth + t * (1 - mouth)
        for sign in (-1, 1):
            ends = [
                (cx + sign * half * (1 - t), y),
                (cx - sign * half * (1 - t + 0.24), max(mouth, y - 0.16)),
            ]
            pen.line(ends, 0.014, tone(cone, -0.3), part="cone")
    if rng.random() < 0.4:
        pen.ellipse((cx - half * 0.8, 0.0, cx + half * 0.8, mouth * 0.68), tone(look.color, 0.3))
    pen.ellipse((0, mouth * 0.22, aspect, mouth + 0.08), look.color)
    pen.polygon(
        [(0, mouth - 0.08), *wave(0, aspect, mouth - 0.01, 0.06, 5), (aspect, mouth - 0.08)], look.color
    )
    pen.shade("round")
    pen.ellipse((aspect * 0.2, mouth * 0.4, aspect * 0.38, mouth * 0.62), tone(look.color, 0.55))
    if rng.random() < 0.35:
        pen.ellipse((cx - 0.07, 0.0, cx + 0.07, 0.14), (196, 26, 48), part="cherry")
    return pen
