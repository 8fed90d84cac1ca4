"""What is laid on a table to eat and drink with; what one cooks with is in kitchen.py.

Long things (knife, fork, spoon) are drawn upright; the composer lays them down at any angle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.finish import gleam, grain
from segue.scenes.kinds.shapes import (
    CREAM,
    STEEL,
    Point,
    arc,
    curve,
    mix,
    ribbon,
    tone,
    tub,
    turned,
)
from segue.scenes.pen import COLORS, KEEP, Look, Pen

PAINTED = tuple(COLORS)
HANDLES = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black")
GLASS = ("red", "yellow", "green", "blue", "purple", "pink", "brown", "white")


@kind(
    name="mug",
    plural="mugs",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.18, 0.32),
    colors=PAINTED,
    materials=("ceramic", "metal", "plastic"),
    parts=("handle", "rim"),
    synonyms=("cup",),
    properties=("can hold liquid",),
)
def draw_mug(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, grip = rng.uniform(0.66, 0.95), rng.uniform(0.2, 0.32)
    rim, taper = rng.uniform(0.07, 0.13), rng.uniform(-0.02, 0.1)
    aspect = width + grip
    right = rng.random() < 0.5
    cx = width / 2 if right else grip + width / 2
    pen = make_pen(aspect)
    edge = cx + (width / 2 - 0.03) * (1 if right else -1)
    pen.ring((edge - grip, 0.25, edge + grip + 0.02, 0.8), 0.1, tone(look.color, -0.12), part="handle")
    pen.polygon(tub(cx, rim, 1.0, width / 2, width / 2 - taper, rim), look.color)
    if rng.random() < 0.3:
        low = rng.uniform(0.5, 0.7)
        pen.polygon(
            [
                *arc(cx, low, width / 2 - taper / 2, rim, 180, 0),
                *arc(cx, low + 0.1, width / 2 - taper / 2, rim, 0, 180),
            ],
            look.accent,
        )
    pen.shade("round")
    lit = cx - width * 0.36
    gleam(pen, look, [(lit, 0.3), (lit + taper * 0.5, 0.82)], cx)
    pen.ellipse((cx - width / 2, 0, cx + width / 2, 2 * rim), tone(look.color, 0.3), part="rim")
    inside = tone(look.color, -0.45)
    if rng.random() < 0.5:
        inside = ((70, 44, 28), (150, 100, 60), (160, 84, 30))[int(rng.integers(3))]
    pen.ellipse((cx - width / 2 + 0.045, 0.035, cx + width / 2 - 0.045, 2 * rim - 0.02), inside)
    return pen


@kind(
    name="plate",
    plural="plates",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.14, 0.26),
    colors=PAINTED,
    materials=("ceramic", "metal", "plastic", "wood", "paper"),
    parts=("rim",),
)
def draw_plate(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(1.3, 2.4)
    deep = rng.uniform(0.05, 0.1)
    pen = make_pen(aspect)
    pen.ellipse((0, deep, aspect, 1), tone(look.color, -0.4))
    top = 1 - deep
    pen.ellipse((0, 0, aspect, top), look.color, part="rim")
    if rng.random() < 0.35:
        pen.ring((aspect * 0.03, 0.03, aspect * 0.97, top - 0.03), 0.04, look.accent, part="rim")
    if look.material == "wood":
        pen.texture("wood", 0.14)
    inset = rng.uniform(0.14, 0.2)
    well = (aspect * inset, top * inset, aspect * (1 - inset), top * (1 - inset))
    pen.ellipse(well, tone(look.color, -0.22))
    pen.ellipse((well[0], well[1] + 0.045, well[2], well[3] + 0.01), tone(look.color, 0.14))
    pen.shade("flat")
    if look.material in ("metal", "ceramic"):
        pen.arc(
            (aspect * 0.06, 0.06, aspect * 0.94, top - 0.06), 195, 250, 0.04, tone(look.color, 0.6), part=KEEP
        )
    if look.material == "metal":
        pen.arc(
            (aspect * 0.06, 0.06, aspect * 0.94, top - 0.06), 15, 70, 0.04, tone(look.color, 0.45), part=KEEP
        )
    return pen


@kind(
    name="bowl",
    plural="bowls",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.16, 0.26),
    colors=PAINTED,
    materials=("ceramic", "metal", "plastic", "wood"),
    parts=("rim", "foot"),
    properties=("can hold liquid",),
)
def draw_bowl(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect = rng.uniform(1.4, 2.0)
    rim, base = rng.uniform(0.13, 0.24), rng.uniform(0.2, 0.28) * aspect
    cx, half = aspect / 2, aspect / 2
    pen = make_pen(aspect)
    pen.polygon(tub(cx, 0.84, 1.0, base, base * 1.06, 0.05), tone(look.color, -0.25), part="foot")
    pen.polygon(arc(cx, rim, half, 0.92 - rim, 0, 180, 20), look.color)
    if rng.random() < 0.3:
        band = rng.uniform(0.05, 0.12)
        pen.polygon(
            arc(cx, rim + band, half * 0.985, rim, 0, 180)
            + arc(cx, rim + band + 0.09, half * 0.96, rim, 180, 0),
            look.accent,
        )
    if look.material == "wood":
        pen.texture("wood", 0.14)
    pen.shade("round")
    if look.material != "wood":
        gleam(pen, look, curve((half * 0.3, rim + 0.26), (half * 0.42, 0.66), (half * 0.62, 0.8), 5), cx)
    pen.ellipse((0, 0, aspect, 2 * rim), tone(look.color, 0.28), part="rim")
    pen.ellipse((0.05, 0.035, aspect - 0.05, 2 * rim - 0.015), tone(look.color, -0.35))
    pen.ellipse((0.16, 0.1, aspect - 0.16, 2 * rim - 0.015), tone(look.color, -0.2))
    return pen


@kind(
    name="knife",
    plural="knives",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.32, 0.46),
    colors=HANDLES,
    materials=("wood", "plastic"),
    parts=("blade", "handle"),
    properties=("can cut",),
)
def draw_knife(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, neck = rng.uniform(0.14, 0.2), rng.uniform(0.55, 0.62)
    pen = make_pen(width)
    grip = width * 0.74
    handle = [
        (0.0, neck),
        (grip, neck),
        (grip * 0.88, neck + 0.1),
        (grip * 0.94, 0.86),
        (grip * 1.08, 0.985),
        (grip * 0.5, 1.0),
        (0.0, 0.98),
    ]
    pen.polygon(handle, look.color, part="handle")
    pen.shade("round")
    grain(pen, look, (0.0, neck, grip, 1.0))
    for y in (neck + 0.08, neck + 0.2, neck + 0.32):
        r = width * 0.1
        pen.ellipse((grip / 2 - r, y - r, grip / 2 + r, y + r), tone(STEEL, 0.3), part="handle")
    shape = rng.integers(3)
    if shape == 0:  # a cook's knife: deep heel, belly up to the point
        blade = [(0.0, 0.02), *curve((0.0, 0.0), (width, 0.18), (width, neck - 0.01))]
    elif shape == 1:  # a table knife: round tip
        blade = [
            (0.0, 0.04),
            *curve((0.02, 0.0), (width * 0.9, 0.0), (width * 0.86, 0.16)),
            (width * 0.8, neck),
        ]
    else:  # a bread knife: teeth
        teeth = [(width * (0.9 if i % 2 else 0.76), 0.1 + i * (neck - 0.1) / 14) for i in range(15)]
        blade = [(0.0, 0.02), (width * 0.5, 0.0), *teeth]
    pen.polygon([*blade, (0.0, neck)], STEEL, part="blade")
    pen.polygon(
        [(0.0, 0.05), (width * 0.34, 0.12), (width * 0.34, neck), (0.0, neck)], tone(STEEL, 0.42), "blade"
    )
    return pen


CUTLERY: dict[str, Any] = {
    "group": "kitchenware",
    "settings": ("table-top",),
    "rests_on": "surface",
    "height": (0.28, 0.42),
    "colors": PAINTED,
}


@kind(
    name="fork",
    plural="forks",
    materials=("metal", "plastic", "wood"),
    parts=("tines", "handle"),
    properties=("can pick up food",),
    **CUTLERY,
)
def draw_fork(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width = rng.uniform(0.22, 0.27)
    cx, tines = width / 2, 3 if rng.random() < 0.7 else 4
    root, neck, end = rng.uniform(0.22, 0.28), rng.uniform(0.4, 0.46), rng.uniform(0.28, 0.36)
    pen = make_pen(width)
    color = look.color
    pen.polygon(
        turned(cx, [(neck - 0.04, 0.028), (0.6, 0.03), (0.9, width * end), (0.97, width * end), (1.0, 0.03)]),
        color,
        part="handle",
    )
    pen.polygon(
        [
            (0, root - 0.03),
            (width, root - 0.03),
            *curve((width, root + 0.02), (width, neck), (cx + 0.03, neck)),
            *curve((cx - 0.03, neck), (0, neck), (0, root + 0.02)),
        ],
        color,
    )
    thick = width / (2 * tines - 1)
    for i in range(tines):
        x = 2 * i * thick
        pen.polygon(
            [(x, root), (x + thick * 0.2, 0.0), (x + thick * 0.8, 0.0), (x + thick, root)],
            color,
            part="tines",
        )
    pen.shade("round")
    grain(pen, look, (cx - 0.04, neck, cx + 0.04, 1.0), 2)
    if look.material == "metal":
        pen.line([(cx - 0.01, neck + 0.04), (cx - 0.01, 0.95)], 0.02, tone(color, 0.6), part=KEEP)
        pen.line([(width * 0.14, root + 0.06), (width * 0.4, neck - 0.04)], 0.02, tone(color, 0.5), part=KEEP)
    return pen


@kind(
    name="spoon",
    plural="spoons",
    materials=("metal", "plastic", "wood"),
    parts=("head", "handle"),
    properties=("can be used to eat soup", "can pick up food"),
    **CUTLERY,
)
def draw_spoon(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, head = rng.uniform(0.26, 0.32), rng.uniform(0.36, 0.42)
    cx, end = width / 2, rng.uniform(0.04, 0.075)
    pen = make_pen(width)
    pen.polygon(
        turned(cx, [(head - 0.04, 0.035), (0.6, 0.032), (0.9, end), (0.97, end), (1.0, 0.03)]),
        look.color,
        "handle",
    )
    pen.ellipse((0, 0, width, head), look.color, part="head")
    pen.shade("round")
    grain(pen, look, (cx - 0.05, head, cx + 0.05, 1.0), 2)
    pen.ellipse((width * 0.13, head * 0.1, width * 0.87, head * 0.93), tone(look.color, -0.3), part="head")
    pen.ellipse((width * 0.2, head * 0.3, width * 0.84, head * 0.92), tone(look.color, 0.05), part="head")
    if look.material != "wood":
        pen.ellipse(
            (width * 0.28, head * 0.16, width * 0.48, head * 0.42), tone(look.color, 0.65), part="head"
        )
    if look.material == "metal":
        pen.line([(cx - 0.01, head + 0.05), (cx - 0.01, 0.95)], 0.02, tone(look.color, 0.6), part="handle")
    return pen


@kind(
    name="bottle",
    plural="bottles",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.34, 0.5),
    colors=GLASS,
    materials=("glass", "plastic"),
    parts=("neck", "cap", "label"),
    properties=("can hold liquid", "can be opened"),
)
def draw_bottle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, slim = rng.uniform(0.27, 0.38), rng.uniform(0.045, 0.06)
    low, high = rng.uniform(0.26, 0.34), rng.uniform(0.4, 0.5)
    cx, half = width / 2, width / 2
    body = mix(look.color, (255, 255, 255), 0.12) if look.material == "glass" else look.color
    pen = make_pen(width)
    pen.polygon([(cx - half, high), *tub(cx, high, 1.0, half, half, 0.035)[1:-1], (cx + half, high)], body)
    pen.polygon(
        curve((cx - half, high + 0.01), (cx - half, low + 0.04), (cx - slim, low))
        + curve((cx + slim, low), (cx + half, low + 0.04), (cx + half, high + 0.01)),
        body,
    )
    pen.rectangle((cx - slim, 0.06, cx + slim, low + 0.02), tone(body, 0.06), part="neck")
    if rng.random() < 0.7:
        a, b = rng.uniform(0.52, 0.6), rng.uniform(0.76, 0.86)
        pen.rectangle((cx - half, a, cx + half, b), CREAM, part="label")
        pen.rectangle((cx - half, a + 0.06, cx + half, a + 0.11), look.accent, part="label")
    pen.shade("round")
    pen.rectangle((cx - slim - 0.015, 0.0, cx + slim + 0.015, 0.09), look.dark, part="cap", radius=0.015)
    shine = tone(body, 0.6)
    pen.line([(cx - half * 0.62, high + 0.04), (cx - half * 0.62, 0.52)], 0.03, shine)
    pen.line([(cx - half * 0.62, 0.89), (cx - half * 0.62, 0.93)], 0.03, shine)
    return pen


@kind(
    name="wine glass",
    plural="wine glasses",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.28, 0.42),
    colors=("red", "yellow", "green", "blue", "purple", "pink", "white"),
    materials=("glass",),
    parts=("stem", "foot", "rim"),
    synonyms=("wineglass",),
    properties=("can hold liquid",),
)
def draw_wine_glass(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    width, bowl = rng.uniform(0.38, 0.5), rng.uniform(0.48, 0.6)
    cx, half = width / 2, width / 2
    mouth, rim = half * rng.uniform(0.72, 0.98), 0.05
    pale = mix(look.color, (214, 226, 234), 0.66)
    pen = make_pen(width)
    pen.ellipse((cx - half * 0.85, 0.91, cx + half * 0.85, 1.0), tone(pale, -0.12), part="foot")
    pen.ellipse((cx - half * 0.6, 0.915, cx + half * 0.6, 0.97), tone(pale, 0.4), part="foot")
    pen.polygon(
        turned(cx, [(bowl - 0.03, 0.045), (bowl + 0.06, 0.02), (0.88, 0.02), (0.95, 0.05)]),
        tone(pale, -0.2),
        part="stem",
    )

    def side(sign: float) -> list[Point]:
        upper = curve(
            (cx + sign * mouth, rim), (cx + sign * half * 1.1, bowl * 0.45), (cx + sign * half * 0.94, 0.3), 6
        )
        return upper + curve(upper[-1], (cx + sign * half * 0.8, bowl), (cx, bowl), 6)

    left = side(-1)
    outline = left + side(1)[::-1]
    pen.polygon(outline, pale)
    level = rng.uniform(0.2, 0.3)
    wine = [p for p in outline if p[1] >= level]
    inner = [(cx + (x - cx) * 0.9, min(y, bowl - 0.025)) for x, y in wine]
    if rng.random() < 0.7:
        pen.polygon(inner, look.color)
        xs = [x for x, _ in inner]
        pen.ellipse((min(xs), inner[0][1] - 0.035, max(xs), inner[0][1] + 0.035), tone(look.color, 0.25))
    pen.ring((cx - mouth, 0, cx + mouth, 2 * rim), 0.018, tone(pale, -0.25), part="rim")
    pen.line([(cx - half * 0.6, 0.13), (cx - half * 0.66, bowl * 0.62)], 0.03, (252, 253, 255))
    return pen


@kind(
    name="teapot",
    plural="teapots",
    group="kitchenware",
    settings=("table-top",),
    rests_on="surface",
    height=(0.22, 0.34),
    colors=PAINTED,
    materials=("ceramic", "metal"),
    parts=("lid", "spout", "handle"),
    properties=("can hold liquid",),
)
def draw_teapot(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    body, spout, grip = rng.uniform(0.85, 1.05), rng.uniform(0.26, 0.36), rng.uniform(0.2, 0.28)
    aspect, top = body + spout + grip, rng.uniform(0.22, 0.3)
    cx = grip + body / 2
    pen = make_pen(aspect)
    pen.ring((0, 0.28, 2 * grip, 0.82), 0.085, tone(look.color, -0.15), part="handle")
    tip = (aspect - 0.06, rng.uniform(0.22, 0.32))
    spine = curve((cx + body * 0.3, 0.78), (aspect - spout * 0.75, 0.72), (aspect - spout * 0.4, 0.5), 6)
    spine += curve(spine[-1], (aspect - spout * 0.3, tip[1] + 0.04), tip, 4)[1:]
    pen.polygon(ribbon(spine, [0.3, 0.2, 0.12, 0.1]), tone(look.color, -0.08), part="spout")
    pen.rectangle((cx - body * 0.28, 0.92, cx + body * 0.28, 1.0), tone(look.color, -0.3), radius=0.03)
    pen.ellipse((cx - body / 2, top - 0.02, cx + body / 2, 0.98), look.color)
    if rng.random() < 0.35:
        r = rng.uniform(0.08, 0.13)
        for dx in (-0.26, 0.0, 0.26):
            pen.ellipse((cx + dx - r, 0.62 - r, cx + dx + r, 0.62 + r), look.accent)
    pen.shade("round")
    lit = arc(cx, 0.6, body * 0.36, 0.24, 165, 235, 6)
    gleam(pen, look, lit, cx)
    lid = body * 0.27
    pen.polygon(arc(cx, top + 0.06, lid, 0.17, 180, 360, 12), tone(look.color, -0.22), part="lid")
    pen.polygon(arc(cx, top + 0.06, lid * 0.88, 0.14, 180, 360, 12), tone(look.color, 0.18), part="lid")
    pen.ellipse((cx - 0.06, 0, cx + 0.06, 0.12), tone(look.color, -0.2), part="lid")
    return pen
