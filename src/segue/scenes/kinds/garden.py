"""Larger tools that stand about the house, the yard and the garden."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.finish import gleam, grain
from segue.scenes.kinds.shapes import (
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
)
from segue.scenes.pen import KEEP, Look, Pen

PAINTED = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white", "grey")
GRIPS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")
SHAFTS = (*GRIPS, "brown")

IN_GARDEN: dict[str, Any] = {"group": "tool", "settings": ("street", "landscape"), "rests_on": "ground"}
ABOUT_HOUSE: dict[str, Any] = {
    "group": "tool",
    "settings": ("indoor", "street", "landscape"),
    "rests_on": "surface",
}


@kind(
    name="shovel",
    plural="shovels",
    height=(0.26, 0.42),
    colors=(*GRIPS, "grey"),
    materials=("metal", "plastic"),
    parts=("blade", "handle"),
    properties=("can dig",),
    **IN_GARDEN,
)
def draw_shovel(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A wooden shaft with a D grip on top, a coloured blade below."""
    aspect, blade = rng.uniform(0.24, 0.32), rng.uniform(0.32, 0.38)
    cx, half, top = aspect / 2, aspect / 2, 1 - blade
    pen = make_pen(aspect)
    pen.rectangle((cx - 0.022, 0.1, cx + 0.022, top + 0.06), WOOD, part="handle")
    pen.texture("wood", 0.1)
    grip = [
        (cx, 0.16),
        (cx - 0.08, 0.09),
        (cx - 0.08, 0.025),
        (cx + 0.08, 0.025),
        (cx + 0.08, 0.09),
        (cx, 0.16),
    ]
    pen.line(grip, 0.035, look.color, part="handle")
    square = rng.random() < 0.4
    low = (
        [(cx + half * 0.92, 0.98), (cx - half * 0.92, 0.98)]
        if square
        else [
            *curve((cx + half, top + blade * 0.5), (cx + half * 0.9, 0.9), (cx, 1.0), 6),
            *curve((cx, 1.0), (cx - half * 0.9, 0.9), (cx - half, top + blade * 0.5), 6),
        ]
    )
    pen.polygon(
        [(cx - half, top + 0.03), (cx - 0.04, top), (cx + 0.04, top), (cx + half, top + 0.03), *low],
        look.color,
        "blade",
    )
    pen.shade("round")
    pen.line([(cx, top - 0.05), (cx, top + blade * 0.45)], 0.045, tone(look.color, -0.25), part="blade")
    for x in (cx - half * 0.55, cx + half * 0.55):
        pen.line([(x, top + 0.08), (x, top + blade * 0.55)], 0.014, tone(look.color, 0.35), part="blade")
    return pen


@kind(
    name="rake",
    plural="rakes",
    height=(0.28, 0.44),
    colors=SHAFTS,
    materials=("wood", "plastic"),
    parts=("tines", "handle"),
    **IN_GARDEN,
)
def draw_rake(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A garden rake: a bar with teeth, straight under the shaft or held by a bow."""
    aspect, top = rng.uniform(0.42, 0.54), rng.uniform(0.84, 0.88)
    cx, teeth = aspect / 2, int(rng.integers(7, 10))
    pen = make_pen(aspect)
    pen.rectangle((cx - 0.028, 0.0, cx + 0.028, top + 0.02), look.color, part="handle", radius=0.02)
    pen.shade("round")
    grain(pen, look, (cx - 0.028, 0.0, cx + 0.028, top), 1)
    if rng.random() < 0.5:
        for x in (cx - aspect * 0.36, cx + aspect * 0.36):
            pen.line(curve((cx, top - 0.14), (x, top - 0.13), (x, top)), 0.026, DARK_STEEL, part="tines")
    pen.rectangle((0, top, aspect, top + 0.045), DARK_STEEL, part="tines")
    for i in range(teeth):
        x = 0.017 + (aspect - 0.034) * i / (teeth - 1)
        pen.line([(x, top + 0.02), (x, 0.985)], 0.026, DARK_STEEL, part="tines")
    return pen


@kind(
    name="broom",
    plural="brooms",
    height=(0.34, 0.52),
    colors=SHAFTS,
    materials=("wood", "plastic"),
    parts=("bristles", "handle"),
    properties=("sweeps the floor", "cleans"),
    **ABOUT_HOUSE,
)
def draw_broom(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, head = rng.uniform(0.26, 0.36), rng.uniform(0.24, 0.32)
    cx, half, top = aspect / 2, aspect / 2, 1 - head
    straw = (222, 184, 96) if rng.random() < 0.75 else tone(look.color, 0.25)
    pen = make_pen(aspect)
    pen.rectangle((cx - 0.022, 0, cx + 0.022, top + 0.02), look.color, part="handle", radius=0.02)
    narrow = rng.uniform(0.4, 0.8) * half
    pen.polygon(
        [(cx - narrow, top), (cx + narrow, top), (cx + half, 0.98), (cx, 1.0), (cx - half, 0.98)],
        straw,
        "bristles",
    )
    pen.shade("round")
    grain(pen, look, (cx - 0.022, 0, cx + 0.022, top), 1)
    for i in range(9):
        t = (i - 4) / 4
        pen.line(
            [(cx + t * narrow, top), (cx + t * half * 0.97, 0.99)], 0.009, tone(straw, -0.35), part="bristles"
        )
    pen.line(
        [(cx - narrow * 1.15, top + head * 0.34), (cx + narrow * 1.15, top + head * 0.34)],
        0.02,
        look.color,
        "bristles",
    )
    cap = narrow + 0.01
    pen.polygon(
        [(cx - 0.035, top - 0.06), (cx + 0.035, top - 0.06), (cx + cap, top + 0.03), (cx - cap, top + 0.03)],
        look.color,
    )
    return pen


@kind(
    name="bucket",
    plural="buckets",
    height=(0.12, 0.22),
    colors=PAINTED,
    materials=("metal", "plastic"),
    parts=("handle", "rim"),
    synonyms=("pail",),
    properties=("can hold liquid",),
    **ABOUT_HOUSE,
)
def draw_bucket(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """The bail stands up behind the rim, or hangs down in front."""
    up = rng.random() < 0.6
    aspect, top = rng.uniform(0.78, 0.95), 0.36 if up else 0.0
    if not up:
        aspect += 0.2
    cx, half, rim = aspect / 2, aspect / 2, rng.uniform(0.08, 0.12)
    pen = make_pen(aspect)
    pen.polygon(tub(cx, top + rim, 1.0, half, half * rng.uniform(0.66, 0.76), rim * 0.8), look.color)
    pen.shade("round")
    gleam(pen, look, [(half * 0.3, top + rim + 0.14), (half * 0.42, 0.84)], cx)
    for y in (0.3, 0.8):
        level = top + rim + (1 - top - rim) * y
        reach = half * (1 - 0.3 * y)
        pen.line(arc(cx, level - rim * 0.6, reach, rim * 0.8, 172, 8, 10), 0.022, tone(look.color, -0.25))
    pen.ellipse((0, top, aspect, top + 2 * rim), tone(look.color, 0.3), part="rim")
    pen.ellipse((0.04, top + 0.025, aspect - 0.04, top + 2 * rim - 0.012), tone(look.color, -0.45))
    if up:
        bail = arc(cx, top + rim, half - 0.02, top + rim - 0.03, 180, 360, 14)
    else:
        bail = arc(cx, top + rim, half - 0.02, 0.5, 180, 0, 14)
    pen.line(bail, 0.035, DARK_STEEL, part="handle")
    pen.line(bail[6:9], 0.075, tone(look.color, -0.45), part="handle")
    for x in (0.03, aspect - 0.03):
        pen.ellipse((x - 0.03, top + rim - 0.04, x + 0.03, top + rim + 0.04), DARK_STEEL)
    return pen


@kind(
    name="ladder",
    plural="ladders",
    height=(0.4, 0.66),
    colors=("brown", "beige", "grey", "red", "orange", "yellow", "green", "blue"),
    materials=("wood", "metal"),
    parts=("rung",),
    properties=("can be climbed",),
    **ABOUT_HOUSE,
)
def draw_ladder(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A straight ladder, or a stepladder with its back legs spread."""
    step = rng.random() < 0.5
    aspect = rng.uniform(0.5, 0.62) if step else rng.uniform(0.3, 0.4)
    rungs, rail = int(rng.integers(5, 8)), rng.uniform(0.04, 0.055)
    pen = make_pen(aspect)
    if step:
        right, left_top, right_top = aspect * 0.66, aspect * 0.3, aspect * 0.56
        for x0, x1 in ((left_top + 0.06, aspect * 0.3), (right_top, aspect - rail / 2)):
            pen.line([(x0, 0.04), (x1 + 0.0, 0.97)], rail * 0.8, tone(look.color, -0.35))
        low = (aspect * 0.38 + 0.04, aspect * 0.9)
        pen.line([(low[0], 0.7), (low[1], 0.7)], rail * 0.6, tone(look.color, -0.35))
    else:
        right, narrow = aspect - rail / 2, rng.uniform(0.0, 0.04)
        left_top, right_top = rail / 2 + narrow, aspect - rail / 2 - narrow
    left = rail / 2
    for i in range(rungs):
        t = (i + 0.6) / rungs
        x0, x1 = left_top + (left - left_top) * t, right_top + (right - right_top) * t
        pen.line([(x0, t), (x1, t)], rail * (1.1 if step else 0.85), tone(look.color, -0.14), part="rung")
    for x0, x1 in ((left_top, left), (right_top, right)):
        pen.line([(x0, rail / 2), (x1, 1 - rail / 2)], rail, look.color)
    if look.material == "wood":
        pen.texture("wood", 0.1)
    pen.shade("flat")
    if step:
        pen.rectangle(
            (left_top - 0.04, 0.0, right_top + 0.06, 0.06), tone(look.color, 0.2), part="rung", radius=0.015
        )
    return pen


@kind(
    name="watering can",
    plural="watering cans",
    height=(0.14, 0.24),
    colors=PAINTED,
    materials=("metal", "plastic"),
    parts=("spout", "handle"),
    properties=("can hold liquid",),
    **IN_GARDEN,
)
def draw_watering_can(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    body, spout, grip = rng.uniform(0.72, 0.9), rng.uniform(0.55, 0.7), rng.uniform(0.22, 0.3)
    aspect, top = grip + body + spout, rng.uniform(0.3, 0.36)
    cx, half = grip + body / 2, body / 2
    pen = make_pen(aspect)
    pen.arc((0, top - 0.02, 2 * grip + 0.1, 0.92), 90, 290, 0.08, tone(look.color, -0.3), part="handle")
    over = arc(cx - 0.05, top + 0.06, half * 0.85, top + 0.02, 180, 330, 10)
    pen.line(over, 0.07, tone(look.color, -0.3), part="handle")
    rose = (aspect - 0.12, rng.uniform(0.14, 0.22))
    pen.polygon(
        ribbon([(cx + half * 0.7, 0.86), rose], [0.24, 0.12, 0.09]), tone(look.color, -0.12), part="spout"
    )
    pen.polygon(
        [
            (rose[0] - 0.05, rose[1] + 0.03),
            (rose[0] - 0.04, rose[1] - 0.14),
            (aspect, rose[1] + 0.1),
            (rose[0] + 0.02, rose[1] + 0.09),
        ],
        tone(look.color, 0.1),
        part="spout",
    )
    pen.polygon(tub(cx, top + 0.06, 1.0, half * 0.9, half, 0.06), look.color)
    pen.shade("round")
    gleam(pen, look, [(cx - half * 0.66, top + 0.22), (cx - half * 0.7, 0.86)], cx)
    pen.ellipse((cx - half * 0.9, top, cx + half * 0.9, top + 0.14), tone(look.color, 0.28))
    pen.ellipse((cx - half * 0.8, top + 0.025, cx + half * 0.8, top + 0.13), tone(look.color, -0.45))
    return pen


@kind(
    name="wheelbarrow",
    plural="wheelbarrows",
    height=(0.18, 0.28),
    colors=PAINTED,
    materials=("metal", "plastic"),
    parts=("wheel", "handle"),
    **IN_GARDEN,
)
def draw_wheelbarrow(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, wheel = rng.uniform(1.7, 2.0), rng.uniform(0.2, 0.24)
    pen = make_pen(aspect)
    hub = (aspect - wheel - 0.02, 1 - wheel)
    beam = mix(WOOD, (90, 60, 34), 0.4)
    pen.line(
        [(aspect * 0.34, 0.56), (aspect * 0.3, 0.97), (aspect * 0.42, 0.97), (aspect * 0.5, 0.6)],
        0.06,
        DARK_STEEL,
    )
    pen.line([(0.06, 0.34), (aspect * 0.36, 0.56), hub], 0.08, beam)
    pen.line([(0.06, 0.34), (0.34, 0.46)], 0.1, RUBBER, part="handle")
    for radius, color in ((wheel, RUBBER), (wheel * 0.62, tone(STEEL, 0.1)), (wheel * 0.2, DARK_STEEL)):
        x, y = hub
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), color, part="wheel")
    for i in range(3):
        a = math.radians(i * 60 + 15)
        dx, dy = wheel * 0.58 * math.cos(a), wheel * 0.58 * math.sin(a)
        pen.line([(hub[0] - dx, hub[1] - dy), (hub[0] + dx, hub[1] + dy)], 0.02, DARK_STEEL, part="wheel")
    left, right, low = aspect * 0.22, aspect * rng.uniform(0.88, 0.96), rng.uniform(0.58, 0.66)
    pen.polygon(
        [(left, 0.1), (right, 0.0), (aspect * 0.72, low + 0.02), (aspect * 0.36, low)], look.color, part=None
    )
    pen.shade("round")
    pen.line([(left, 0.1), (right, 0.03)], 0.055, tone(look.color, 0.25), part=KEEP)
    return pen
