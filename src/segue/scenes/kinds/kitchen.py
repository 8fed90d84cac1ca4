"""What one cooks with and keeps food in; what one eats and drinks with is in tableware.py.

Long things (spatula, whisk, ladle) are drawn upright; the composer lays them down at any angle.
"""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.finish import gleam, grain
from segue.scenes.kinds.shapes import (
    CREAM,
    DARK_STEEL,
    RUBBER,
    STEEL,
    WOOD,
    arc,
    curve,
    mix,
    ribbon,
    tone,
    tub,
    turned,
)
from segue.scenes.pen import COLORS, Look, Pen

PAINTED = tuple(COLORS)
HANDLES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black")


@kind(
    name="spatula",
    plural="spatulas",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.34, 0.5),
    colors=PAINTED,
    materials=("metal", "plastic", "wood"),
    parts=("head", "handle"),
    properties=("can pick up food",),
)
def draw_spatula(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, head, grip = rng.uniform(0.24, 0.32), rng.uniform(0.3, 0.38), rng.uniform(0.56, 0.66)
    cx, slope = width / 2, rng.uniform(0.0, 0.05)
    pen = make_pen(width)
    pen.polygon(turned(cx, [(head, 0.024), (grip + 0.05, 0.022)]), tone(look.color, -0.2))
    pen.polygon(
        [
            (0, slope),
            (width, 0),
            (width * 0.94, head - 0.06),
            (cx + 0.04, head + 0.02),
            (cx - 0.04, head + 0.02),
            (width * 0.06, head - 0.06),
        ],
        look.color,
        part="head",
    )
    pen.polygon(
        turned(cx, [(grip, 0.03), (grip + 0.06, 0.045), (0.96, 0.05), (1.0, 0.03)]), look.color, "handle"
    )
    pen.shade("round")
    grain(pen, look, (cx - 0.05, grip, cx + 0.05, 1.0), 2)
    if look.material == "metal":
        pen.line(
            [(width * 0.12, 0.08), (width * 0.14, head - 0.1)], 0.025, tone(look.color, 0.6), part="head"
        )
    for i in range(3):
        x = width * (0.24 + 0.21 * i)
        pen.erase_polygon([(x, 0.1), (x + width * 0.1, 0.1), (x + width * 0.1, head - 0.1), (x, head - 0.1)])
    return pen


@kind(
    name="whisk",
    plural="whisks",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.32, 0.46),
    colors=HANDLES,
    materials=("wood", "plastic"),
    parts=("wires", "handle"),
)
def draw_whisk(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, head = rng.uniform(0.26, 0.36), rng.uniform(0.54, 0.62)
    cx = width / 2
    pen = make_pen(width)
    pen.polygon(
        turned(cx, [(head - 0.04, 0.05), (0.78, 0.065), (0.94, 0.07), (1.0, 0.04)]), look.color, "handle"
    )
    pen.shade("round")
    grain(pen, look, (cx - 0.065, head, cx + 0.065, 1.0))
    for spread in (1.0, 0.62, 0.22):
        r = (width / 2 - 0.015) * spread
        loop = curve((cx, head - 0.02), (cx - r * 1.3, head * 0.55), (cx - r, 0.2), 6)
        loop += arc(cx, 0.2, r, 0.185, 180, 360, 10) + curve(
            (cx + r, 0.2), (cx + r * 1.3, head * 0.55), (cx, head), 6
        )
        pen.line(loop, 0.022, tone(STEEL, -0.15 if spread < 1 else -0.3), part="wires")
    return pen


@kind(
    name="ladle",
    plural="ladles",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.34, 0.48),
    colors=PAINTED,
    materials=("metal", "plastic", "wood"),
    parts=("head", "handle"),
    synonyms=("soup ladle",),
)
def draw_ladle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width = rng.uniform(0.36, 0.46)
    stem, top = 0.06, rng.uniform(0.72, 0.78)
    pen = make_pen(width + 0.02)
    hook = [(0.15, 0.1), *arc(0.09, 0.07, 0.06, 0.05, 0, -180, 8), (stem - 0.02, 0.3), (stem, top)]
    pen.line(hook, 0.055, look.color, part="handle")
    pen.polygon(arc(width / 2 + 0.02, top, width / 2, 1 - top, 0, 180, 14), look.color, part="head")
    pen.shade("round")
    lit = curve((0.08, top + 0.08), (0.1, 0.94), (0.18, 0.96), 5)
    gleam(pen, look, lit, width / 2 + 0.02)
    grain(pen, look, (0.02, 0.1, 0.1, top), 1)
    pen.ellipse((0.02, top - 0.05, width + 0.02, top + 0.05), tone(look.color, 0.3), part="head")
    pen.ellipse((0.05, top - 0.03, width - 0.01, top + 0.04), tone(look.color, -0.45), part="head")
    return pen


@kind(
    name="kettle",
    plural="kettles",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.26, 0.38),
    colors=PAINTED,
    materials=("metal",),
    parts=("lid", "spout", "handle"),
    synonyms=("tea kettle",),
    properties=("can hold liquid", "can boil water"),
)
def draw_kettle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    body, spout = rng.uniform(0.95, 1.15), rng.uniform(0.14, 0.22)
    top, aspect = rng.uniform(0.38, 0.44), body + spout
    cx, half = body / 2, body / 2
    pen = make_pen(aspect)
    grip = half * rng.uniform(0.58, 0.7)
    bail = [(cx - grip, top + 0.18), *arc(cx, 0.2, grip, 0.15, 180, 360, 12), (cx + grip, top + 0.18)]
    pen.line(bail, 0.05, DARK_STEEL, part="handle")
    pen.line(arc(cx, 0.2, grip, 0.15, 205, 335, 8), 0.1, RUBBER, part="handle")
    nose = [
        (cx + half * 0.5, 0.82),
        (cx + half * 0.7, 0.5),
        (aspect - 0.12, 0.3),
        (aspect, 0.4),
        (cx + half, 0.8),
    ]
    pen.polygon(nose, tone(look.color, -0.12), part="spout")
    dome = arc(cx, 0.8, half, 0.8 - top, 180, 360, 16)
    pen.polygon([*dome, *arc(cx, 0.88, half * 0.97, 0.12, 0, 180, 12)], look.color)
    pen.shade("round")
    pen.polygon(arc(cx, top + 0.06, half * 0.42, 0.1, 180, 360), tone(look.color, -0.3), part="lid")
    pen.ellipse((cx - 0.06, top - 0.1, cx + 0.06, top), RUBBER, part="lid")
    gleam(pen, look, arc(cx, 0.84, half * 0.74, (0.8 - top) * 0.7, 185, 235, 6), cx)
    return pen


@kind(
    name="frying pan",
    plural="frying pans",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.14, 0.22),
    colors=("black", "grey", "red", "blue", "green", "orange", "purple"),
    materials=("metal",),
    parts=("handle", "rim"),
    synonyms=("skillet",),
    properties=("can cook food",),
)
def draw_frying_pan(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, grip = rng.uniform(1.35, 1.9), rng.uniform(0.85, 1.15)
    aspect, wall = width + grip, rng.uniform(0.14, 0.22)
    top = 1 - wall
    pen = make_pen(aspect)
    height = rng.uniform(0.2, 0.42)
    spine = [(width - 0.12, 0.45), (width + grip * 0.35, 0.45 - height * 0.2), (aspect - 0.05, 0.45 - height)]
    pen.polygon(ribbon(spine, [0.1, 0.12, 0.16, 0.1]), look.dark, part="handle")
    pen.line([(width - 0.08, 0.45), (width + 0.1, 0.44)], 0.1, DARK_STEEL, part="handle")
    pen.polygon(
        [(0, top / 2), *arc(width / 2, 1 - top * 0.42, width * 0.44, top * 0.42, 180, 0), (width, top / 2)],
        tone(look.color, -0.2),
    )
    pen.ellipse((0, 0, width, top), tone(look.color, 0.3), part="rim")
    pen.ellipse((0.05, 0.04, width - 0.05, top - 0.03), tone(look.color, -0.28))
    pen.ellipse((0.16, 0.17, width - 0.16, top - 0.03), look.color)
    pen.shade("flat")
    pen.line(arc(width / 2, top * 0.55, width * 0.36, top * 0.3, 200, 245, 5), 0.035, tone(look.color, 0.4))
    return pen


@kind(
    name="pot",
    plural="pots",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.22, 0.36),
    colors=PAINTED,
    materials=("metal",),
    parts=("lid", "handle"),
    synonyms=("cooking pot",),
    properties=("can hold liquid", "can cook food", "can boil water"),
)
def draw_pot(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    body, ear = rng.uniform(0.95, 1.35), rng.uniform(0.12, 0.17)
    aspect = body + 2 * ear
    lidded = rng.random() < 0.65
    top, rim = (rng.uniform(0.34, 0.4), 0.08) if lidded else (0.16, 0.16)
    cx, half = aspect / 2, body / 2
    pen = make_pen(aspect)
    y = top + rng.uniform(0.12, 0.2)
    for x in (ear, aspect - ear):
        pen.ring((x - ear, y - 0.08, x + ear, y + 0.1), 0.06, RUBBER, part="handle")
    pen.polygon(tub(cx, top, 1.0, half, half * 0.96, 0.1), look.color)
    pen.shade("round")
    if lidded:
        pen.polygon(
            arc(cx, top + 0.02, half + 0.03, top - 0.14, 180, 360, 16), tone(look.color, 0.14), part="lid"
        )
        pen.line([(cx - half, top + 0.01), (cx + half, top + 0.01)], 0.06, tone(look.color, -0.3), part="lid")
        pen.rectangle((cx - 0.035, 0.08, cx + 0.035, 0.2), DARK_STEEL, part="lid")
        pen.ellipse((cx - 0.11, 0.0, cx + 0.11, 0.13), RUBBER, part="lid")
    else:
        pen.ellipse((cx - half, top - rim, cx + half, top + rim), tone(look.color, 0.3))
        pen.ellipse(
            (cx - half + 0.04, top - rim + 0.03, cx + half - 0.04, top + rim - 0.01), tone(look.color, -0.5)
        )
    gleam(pen, look, [(cx - half * 0.72, top + 0.2), (cx - half * 0.7, 0.84)], cx)
    return pen


@kind(
    name="cutting board",
    plural="cutting boards",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.18, 0.3),
    colors=("brown", "beige", "red", "yellow", "green", "blue", "white"),
    materials=("wood", "plastic"),
    parts=("handle",),
    synonyms=("chopping board",),
)
def draw_cutting_board(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    board, grip = rng.uniform(1.35, 1.8), rng.uniform(0.3, 0.42)
    aspect, deep = board + grip, rng.uniform(0.06, 0.1)
    pen = make_pen(aspect)
    side = tone(look.color, -0.42)
    middle = (1 - deep) / 2
    for shift, color in ((deep, side), (0.0, look.color)):
        pen.rectangle(
            (board - 0.1, middle - 0.13 + shift, aspect, middle + 0.13 + shift), color, "handle", 0.1
        )
        pen.rectangle((0, shift, board, 1 - deep + shift), color, radius=0.09)
    if look.material == "wood":
        pen.texture("wood", 0.14)
    pen.shade("flat")
    hole = board + grip * 0.55
    pen.erase_ellipse((hole - 0.08, middle - 0.055, hole + 0.08, middle + 0.055))
    if rng.random() < 0.5:
        edge = [(0.1, 0.1), (board - 0.1, 0.1), (board - 0.1, 0.9 - deep), (0.1, 0.9 - deep), (0.1, 0.1)]
        pen.line(edge, 0.025, tone(look.color, -0.25))
    return pen


@kind(
    name="jar",
    plural="jars",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.22, 0.32),
    colors=("red", "orange", "yellow", "green", "purple", "pink", "brown", "beige"),
    materials=("glass",),
    parts=("lid", "label"),
    properties=("can hold liquid", "stores things", "can be opened"),
)
def draw_jar(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width = rng.uniform(0.62, 0.85)
    cx, half, full = width / 2, width / 2, rng.uniform(0.28, 0.42)
    glass = mix(look.color, (232, 242, 246), 0.72)
    pen = make_pen(width)
    neck = half * 0.86
    outline = [
        (cx - neck, 0.16),
        (cx - neck, 0.2),
        *curve((cx - neck, 0.2), (cx - half, 0.22), (cx - half, 0.34), 4),
    ]
    outline += tub(cx, 0.34, 1.0, half, half * 0.97, 0.06)[1:-1]
    outline += [*curve((cx + half, 0.34), (cx + half, 0.22), (cx + neck, 0.2), 4), (cx + neck, 0.16)]
    pen.polygon(outline, glass)
    pen.polygon(tub(cx, full, 0.975, half * 0.92, half * 0.9, 0.05), look.color)
    pen.ellipse((cx - half * 0.92, full - 0.035, cx + half * 0.92, full + 0.035), tone(look.color, 0.22))
    if rng.random() < 0.5:
        pen.rectangle((cx - half * 0.62, 0.52, cx + half * 0.62, 0.82), CREAM, part="label", radius=0.04)
        for y in (0.61, 0.7):
            pen.line([(cx - half * 0.4, y), (cx + half * 0.4, y)], 0.03, look.dark, part="label")
    pen.shade("round")
    lid = tone(STEEL, 0.1) if rng.random() < 0.5 else look.color
    pen.rectangle((cx - neck - 0.03, 0.0, cx + neck + 0.03, 0.17), lid, part="lid", radius=0.04)
    pen.line([(cx - neck, 0.12), (cx + neck, 0.12)], 0.02, tone(lid, -0.3), part="lid")
    pen.line([(cx - half * 0.74, 0.36), (cx - half * 0.74, 0.84)], 0.05, (250, 252, 253))
    return pen


@kind(
    name="toaster",
    plural="toasters",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.26, 0.36),
    colors=PAINTED,
    materials=("metal", "plastic"),
    parts=("lever", "toast"),
)
def draw_toaster(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, toasted = rng.uniform(1.25, 1.6), rng.random() < 0.6
    top = 0.3 if toasted else 0.08
    right = aspect - 0.1
    pen = make_pen(aspect)
    if toasted:
        for x in (0.2, 0.28):
            width = right - 0.48
            pen.rectangle((x, 0.02 if x > 0.2 else 0.0, x + width, 0.6), (170, 108, 52), "toast", 0.1)
            pen.rectangle((x + 0.05, 0.05, x + width - 0.05, 0.6), (232, 190, 128), "toast", 0.07)
    pen.rectangle((0.08, 0.86, right - 0.08, 1.0), RUBBER, radius=0.03)
    pen.rectangle((0, top, right, 0.95), look.color, radius=0.16)
    pen.shade("round")
    pen.rectangle((0.14, top + 0.03, right - 0.14, top + 0.1), RUBBER, radius=0.03)
    pen.line([(0.06, 0.82), (right - 0.06, 0.82)], 0.05, tone(look.color, -0.35))
    gleam(pen, look, [(0.14, top + 0.22), (0.14, 0.74)], right / 2)
    drop = rng.uniform(0.42, 0.6)
    pen.rectangle((right - 0.02, drop, aspect, drop + 0.09), RUBBER, part="lever", radius=0.03)
    pen.ellipse((right - 0.3, 0.6, right - 0.16, 0.74), DARK_STEEL)
    return pen


@kind(
    name="rolling pin",
    plural="rolling pins",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.09, 0.13),
    colors=("brown", "beige", "red", "blue", "green", "pink", "white"),
    materials=("wood", "plastic"),
    parts=("handle",),
)
def draw_rolling_pin(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, grip = rng.uniform(4.6, 5.8), rng.uniform(0.75, 0.95)
    pen = make_pen(aspect)
    wood = tone(WOOD, 0.1) if look.material == "plastic" else tone(look.color, -0.25)
    for left, right in ((0.0, grip + 0.1), (aspect - grip - 0.1, aspect)):
        pen.rectangle((left, 0.26, right, 0.74), wood, part="handle", radius=0.2)
    pen.rectangle((grip, 0, aspect - grip, 1), look.color, radius=0.14)
    if look.material == "wood":
        pen.texture("wood", 0.14)
    pen.shade("vertical")
    pen.line([(grip + 0.2, 0.22), (aspect - grip - 0.3, 0.22)], 0.09, tone(look.color, 0.5))
    return pen
