"""Hand tools.

Most are drawn upright; the composer lays them down at any angle.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.finish import gleam, grain
from segue.scenes.kinds.shapes import (
    DARK_STEEL,
    RUBBER,
    STEEL,
    arc,
    curve,
    ribbon,
    tone,
    turned,
)
from segue.scenes.pen import Look, Pen

PAINTED = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white", "grey")
GRIPS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black")
SHAFTS = (*GRIPS, "brown")

ON_TABLE: dict[str, Any] = {"group": "tool", "settings": ("table-top",), "rests_on": "surface"}


@kind(
    name="hammer",
    plural="hammers",
    height=(0.3, 0.44),
    colors=SHAFTS,
    materials=("wood", "plastic"),
    parts=("head", "handle"),
    properties=("can hit a nail",),
    **ON_TABLE,
)
def draw_hammer(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A claw hammer: the claw curves down to one side, the round face looks to the other."""
    aspect, shaft, deep = rng.uniform(0.52, 0.62), rng.uniform(0.05, 0.06), rng.uniform(0.15, 0.19)
    cx = aspect * 0.56
    pen = make_pen(aspect)
    rows = [
        (0.04, shaft),
        (0.5, shaft * 0.9),
        (0.62, shaft * 1.35),
        (0.9, shaft * 1.3),
        (0.98, shaft * 1.6),
        (1, shaft),
    ]
    pen.polygon(turned(cx, rows), look.color, part="handle")
    pen.shade("round")
    grain(pen, look, (cx - shaft, 0.2, cx + shaft, 1.0))
    claw = [(cx + 0.06, 0.03), *curve((cx - 0.05, 0.02), (cx - 0.22, 0.0), (0.0, deep + 0.1), 8)]
    claw += [
        *curve((0.03, deep + 0.1), (cx - 0.18, deep - 0.04), (cx - 0.07, deep + 0.01), 6),
        (cx + 0.06, deep),
    ]
    pen.polygon(claw, tone(STEEL, -0.15), part="head")
    pen.rectangle((cx - 0.075, 0.0, cx + 0.075, deep + 0.04), DARK_STEEL, part="head", radius=0.02)
    pen.rectangle((cx + 0.07, 0.045, aspect - 0.07, deep - 0.02), tone(STEEL, -0.25), part="head")
    pen.rectangle((aspect - 0.09, 0.01, aspect, deep + 0.015), STEEL, part="head", radius=0.02)
    pen.line([(cx - 0.05, 0.035), (cx + 0.05, 0.035)], 0.025, tone(STEEL, 0.4), part="head")
    return pen


@kind(
    name="axe",
    plural="axes",
    height=(0.32, 0.48),
    colors=SHAFTS,
    materials=("wood", "plastic"),
    parts=("blade", "handle"),
    properties=("can cut",),
    **ON_TABLE,
)
def draw_axe(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A broad blade that widens to its edge, on a long bent shaft."""
    aspect, drop = rng.uniform(0.42, 0.52), rng.uniform(0.3, 0.38)
    pen = make_pen(aspect)
    right = aspect - 0.08
    spine = curve((right, 0.02), (right + rng.uniform(-0.02, 0.04), 0.6), (right - 0.02, 1.0), 8)
    pen.polygon(ribbon(spine, [0.075, 0.075, 0.08, 0.11]), look.color, part="handle")
    pen.shade("round")
    grain(pen, look, (right - 0.035, 0.3, right + 0.035, 1.0), 2)
    upper, lower = rng.uniform(0.0, 0.03), drop + 0.02
    edge = curve((0.05, upper), (-0.05, drop / 2), (0.05, lower), 8)
    back = right + 0.075
    head = [(back, 0.08), *curve((right - 0.06, 0.08), (0.15, 0.09), (0.05, upper), 6), *edge]
    head += [*curve((0.05, lower), (0.17, drop - 0.09), (right - 0.06, drop - 0.13), 6), (back, drop - 0.13)]
    pen.polygon(head, DARK_STEEL, part="blade")
    bevel = [(x + 0.085, y) for x, y in edge[1:-1]]
    pen.polygon([*edge, *bevel[::-1]], tone(STEEL, 0.35), part="blade")
    return pen


@kind(
    name="saw",
    plural="saws",
    height=(0.14, 0.22),
    colors=(*GRIPS, "brown"),
    materials=("wood", "plastic"),
    parts=("blade", "handle"),
    properties=("can cut",),
    **ON_TABLE,
)
def draw_saw(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, grip = rng.uniform(2.9, 3.5), rng.uniform(0.8, 0.95)
    pen = make_pen(aspect)
    body = [(0, 0.18), (0.22, 0.04), (grip * 0.7, 0.0), (grip, 0.16), (grip * 1.06, 0.5), (grip * 0.96, 0.82)]
    body += [(grip * 0.68, 1.0), (0.32, 0.97), (0.1, 0.8), (0.16, 0.5)]
    pen.polygon(body, look.color, part="handle", smooth=True)
    if look.material == "wood":
        pen.texture("wood", 0.12)
    pen.shade("round")
    hole = [
        (0.36, 0.26),
        (grip * 0.62, 0.22),
        (grip * 0.68, 0.5),
        (grip * 0.58, 0.76),
        (0.4, 0.74),
        (0.37, 0.5),
    ]
    pen.erase_polygon(hole, smooth=True)
    tip = rng.uniform(0.3, 0.42)
    count = 22
    left, right = grip * 0.92, aspect
    teeth = [
        (left + (right - left) * i / count, 0.86 - (0.86 - tip - 0.22) * i / count + (0.09 if i % 2 else 0))
        for i in range(count + 1)
    ]
    pen.polygon([(left, 0.12), (right, tip - 0.05), *teeth[::-1]], STEEL, part="blade")
    pen.line([(left + 0.05, 0.17), (right - 0.1, tip)], 0.04, tone(STEEL, 0.45), part="blade")
    for x, y in ((grip * 0.86, 0.3), (grip * 0.88, 0.68)):
        pen.ellipse((x - 0.05, y - 0.05, x + 0.05, y + 0.05), (214, 178, 96), part="handle")
    return pen


@kind(
    name="screwdriver",
    plural="screwdrivers",
    height=(0.28, 0.42),
    colors=GRIPS,
    materials=("plastic", "wood"),
    parts=("shaft", "handle"),
    properties=("can turn a screw",),
    **ON_TABLE,
)
def draw_screwdriver(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, grip = rng.uniform(0.15, 0.2), rng.uniform(0.54, 0.62)
    cx, half = aspect / 2, aspect / 2
    pen = make_pen(aspect)
    rows = [
        (grip, half * 0.55),
        (grip + 0.03, half * 0.8),
        (grip + 0.08, half * 0.6),
        (grip + 0.14, half),
        (0.9, half),
    ]
    pen.polygon(turned(cx, [*rows, (0.97, half * 0.85), (1.0, half * 0.5)]), look.color, part="handle")
    pen.shade("round")
    grain(pen, look, (cx - half, grip + 0.1, cx + half, 1.0))
    for dx in (-0.5, 0.0, 0.5) if look.material == "plastic" else ():
        x = cx + dx * half
        pen.line([(x, grip + 0.16), (x, 0.93)], 0.016, tone(look.color, -0.35), part="handle")
    pen.rectangle((cx - 0.022, 0.05, cx + 0.022, grip + 0.01), STEEL, part="shaft")
    pen.rectangle((cx - 0.022, 0.05, cx - 0.002, grip + 0.01), tone(STEEL, 0.45), part="shaft")
    wide = rng.uniform(0.03, 0.045)
    pen.polygon(
        [(cx - wide, 0.0), (cx + wide, 0.0), (cx + 0.032, 0.07), (cx - 0.032, 0.07)], DARK_STEEL, "shaft"
    )
    return pen


@kind(
    name="wrench",
    plural="wrenches",
    height=(0.28, 0.42),
    colors=("grey", "red", "orange", "blue", "green", "black", "yellow"),
    materials=("metal",),
    parts=("jaw", "handle"),
    synonyms=("spanner",),
    properties=("can tighten a nut",),
    **ON_TABLE,
)
def draw_wrench(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An open jaw on top; below, a ring or a second open jaw."""
    aspect = rng.uniform(0.26, 0.32)
    cx, half, stem = aspect / 2, aspect / 2, rng.uniform(0.045, 0.055)
    pen = make_pen(aspect)
    pen.polygon(
        turned(cx, [(0.2, stem * 1.3), (0.3, stem), (0.75, stem), (0.84, stem * 1.2)]), look.color, "handle"
    )
    pen.ellipse((0, 0, aspect, 0.29), look.color, part="jaw")
    small = half * 0.78
    pen.ellipse((cx - small, 0.8, cx + small, 1.0), look.color, part="jaw")
    pen.shade("round")
    pen.line(
        [(cx - stem * 0.3, 0.36), (cx - stem * 0.3, 0.7)], stem * 0.5, tone(look.color, 0.4), part="handle"
    )
    mouth, lean = half * 0.46, rng.uniform(-0.05, 0.05)
    pen.erase_polygon(
        [
            (cx - mouth + lean, -0.02),
            (cx + mouth + lean, -0.02),
            (cx + mouth, 0.13),
            (cx, 0.18),
            (cx - mouth, 0.13),
        ]
    )
    if rng.random() < 0.5:
        pen.erase_polygon(arc(cx, 0.9, small * 0.55, 0.055, 0, 360, 6))
    else:
        bite = small * 0.48
        pen.erase_polygon(
            [(cx - bite, 1.02), (cx + bite, 1.02), (cx + bite, 0.92), (cx, 0.89), (cx - bite, 0.92)]
        )
    return pen


@kind(
    name="pliers",
    plural="pliers",
    height=(0.26, 0.38),
    colors=GRIPS,
    materials=("plastic",),
    parts=("jaw", "handle"),
    **ON_TABLE,
)
def draw_pliers(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    spread = rng.uniform(0.15, 0.25)
    aspect = 2 * spread + 0.14
    cx, pivot, gap = aspect / 2, rng.uniform(0.34, 0.4), rng.uniform(0.0, 0.05)
    pen = make_pen(aspect)
    for sign in (-1, 1):
        grip = curve(
            (cx + sign * 0.05, pivot + 0.05), (cx + sign * spread * 1.5, 0.62), (cx + sign * spread, 0.99), 8
        )
        pen.polygon(ribbon(grip, [0.09, 0.12, 0.11, 0.09]), look.color, part="handle")
    pen.shade("round")
    for sign in (-1, 1):
        jaw = [(cx + sign * gap * 0.4, pivot), (cx + sign * gap, 0.0), (cx + sign * (gap + 0.05), 0.0)]
        jaw += [
            *curve(
                (cx + sign * (gap + 0.06), 0.03), (cx + sign * 0.16, 0.2), (cx + sign * 0.12, pivot + 0.06), 6
            )
        ]
        pen.polygon([*jaw, (cx, pivot + 0.14)], tone(STEEL, -0.1 if sign > 0 else 0.08), part="jaw")
    pen.line([(cx, 0.05), (cx, pivot - 0.1)], 0.012, tone(DARK_STEEL, -0.4), part="jaw")
    pen.ellipse((cx - 0.11, pivot - 0.07, cx + 0.11, pivot + 0.13), tone(STEEL, -0.2), part="jaw")
    pen.ellipse((cx - 0.045, pivot - 0.015, cx + 0.045, pivot + 0.075), tone(STEEL, 0.4), part="jaw")
    return pen


@kind(
    name="scissors",
    plural="scissors",
    height=(0.26, 0.4),
    colors=GRIPS,
    materials=("plastic",),
    parts=("blade", "handle"),
    properties=("can cut",),
    **ON_TABLE,
)
def draw_scissors(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    ring, opening = rng.uniform(0.15, 0.18), rng.uniform(0.02, 0.15)
    aspect = 4 * ring + 0.06
    cx, pivot = aspect / 2, rng.uniform(0.52, 0.58)
    long = 0.34
    pen = make_pen(aspect)
    for sign in (-1, 1):
        center = (cx + sign * (ring + 0.02), 1 - long / 2)
        pen.line(
            [(cx + sign * 0.01, pivot), (cx + sign * ring * 0.7, 1 - long * 0.8)], 0.075, look.color, "handle"
        )
        x, y = center
        pen.ring((x - ring, y - long / 2, x + ring, y + long / 2), 0.068, look.color, part="handle")
    pen.shade("round")
    for sign, shade in ((-1, -0.12), (1, 0.12)):
        tip = (cx + sign * opening, 0.0)
        outer = curve((cx + sign * 0.045, pivot), (cx + sign * (opening + 0.1), 0.2), tip, 6)
        pen.polygon(
            [
                (cx - sign * 0.05, pivot + 0.08),
                (cx - sign * 0.01, pivot - 0.06),
                tip,
                *outer[::-1],
                (cx + sign * 0.02, pivot + 0.06),
            ],
            tone(STEEL, shade),
            part="blade",
        )
    pen.ellipse((cx - 0.035, pivot - 0.035, cx + 0.035, pivot + 0.035), tone(DARK_STEEL, -0.2), part="blade")
    return pen


@kind(
    name="paintbrush",
    plural="paintbrushes",
    height=(0.26, 0.38),
    colors=(*GRIPS, "white", "brown"),
    materials=("wood",),
    parts=("bristles", "handle"),
    **ON_TABLE,
)
def draw_paintbrush(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A flat brush for walls: its handle and the paint on its tip share the colour."""
    aspect = rng.uniform(0.3, 0.4)
    cx, half, band = aspect / 2, aspect / 2, rng.uniform(0.34, 0.4)
    pen = make_pen(aspect)
    rows = [
        (band + 0.12, half * 0.9),
        (band + 0.2, half * 0.4),
        (0.75, half * 0.28),
        (0.92, half * 0.42),
        (1, half * 0.22),
    ]
    pen.polygon(turned(cx, rows), look.color, part="handle")
    pen.shade("round")
    grain(pen, look, (cx - half * 0.4, band + 0.12, cx + half * 0.4, 1.0))
    pen.polygon(
        turned(cx, [(0.0, half * 0.8), (0.06, half * 0.86), (band, half)]), (206, 170, 112), part="bristles"
    )
    pen.polygon(
        [
            (cx - half * 0.8, 0.0),
            (cx + half * 0.8, 0.0),
            (cx + half * 0.92, 0.16),
            (cx + half * 0.4, 0.13),
            (cx, 0.2),
            (cx - half * 0.5, 0.14),
            (cx - half * 0.92, 0.18),
        ],
        look.color,
        part="bristles",
    )
    for dx in (-0.6, -0.25, 0.1, 0.45, 0.75):
        pen.line(
            [(cx + dx * half * 0.8, 0.02), (cx + dx * half, band)], 0.008, (150, 116, 70), part="bristles"
        )
    pen.rectangle((cx - half, band - 0.02, cx + half, band + 0.13), STEEL)
    pen.line([(cx - half * 0.9, band + 0.02), (cx + half * 0.9, band + 0.02)], 0.02, tone(STEEL, 0.5))
    return pen


@kind(
    name="magnifying glass",
    plural="magnifying glasses",
    height=(0.26, 0.38),
    colors=SHAFTS,
    materials=("wood", "plastic"),
    parts=("lens", "handle"),
    **ON_TABLE,
)
def draw_magnifying_glass(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, thick = rng.uniform(0.5, 0.58), rng.uniform(0.055, 0.075)
    cx = aspect / 2
    pen = make_pen(aspect)
    pen.polygon(
        turned(cx, [(aspect, 0.035), (aspect + 0.08, 0.06), (0.94, 0.07), (1.0, 0.045)]), look.color, "handle"
    )
    pen.shade("round")
    grain(pen, look, (cx - 0.06, aspect, cx + 0.06, 1.0))
    pen.rectangle((cx - 0.03, aspect - 0.04, cx + 0.03, aspect + 0.06), DARK_STEEL)
    pen.ellipse((0, 0, aspect, aspect), look.color)
    inner = (thick, thick, aspect - thick, aspect - thick)
    pen.ellipse(inner, (206, 228, 238), part="lens")
    pen.line(
        [(aspect * 0.3, aspect * 0.56), (aspect * 0.56, aspect * 0.26)], 0.045, (250, 253, 255), part="lens"
    )
    pen.line(
        [(aspect * 0.46, aspect * 0.64), (aspect * 0.62, aspect * 0.45)], 0.03, (238, 246, 250), part="lens"
    )
    return pen


@kind(
    name="flashlight",
    plural="flashlights",
    height=(0.11, 0.17),
    colors=(*GRIPS, "grey"),
    materials=("plastic", "metal"),
    parts=("lens", "switch"),
    properties=("gives light",),
    **ON_TABLE,
)
def draw_flashlight(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, head = rng.uniform(2.4, 3.0), rng.uniform(0.5, 0.66)
    pen = make_pen(aspect)
    left = aspect - head - 0.3
    pen.rectangle((0.0, 0.24, left + 0.1, 0.76), look.color, radius=0.1)
    pen.polygon(
        [
            (left, 0.24),
            (left + 0.3, 0.0),
            (aspect - 0.13, 0.0),
            (aspect - 0.13, 1.0),
            (left + 0.3, 1.0),
            (left, 0.76),
        ],
        look.color,
    )
    pen.shade("round")
    if look.material == "metal":
        pen.line([(0.1, 0.34), (left, 0.34), (left + 0.3, 0.14)], 0.06, tone(look.color, 0.6))
        pen.line([(0.1, 0.66), (left, 0.66)], 0.05, tone(look.color, -0.4))
    for i in range(4):
        x = 0.28 + i * 0.13
        pen.line([(x, 0.3), (x, 0.7)], 0.04, tone(look.color, -0.3))
    pen.line([(left + 0.32, 0.06), (left + 0.32, 0.94)], 0.06, tone(look.color, -0.35))
    pen.ellipse((aspect - 0.28, 0.0, aspect, 1.0), DARK_STEEL)
    pen.ellipse((aspect - 0.23, 0.1, aspect - 0.03, 0.9), (255, 244, 178), part="lens")
    button = left * rng.uniform(0.62, 0.8)
    pen.rectangle((button, 0.17, button + 0.3, 0.34), look.accent, part="switch", radius=0.06)
    return pen


@kind(
    name="toolbox",
    plural="toolboxes",
    height=(0.22, 0.32),
    colors=PAINTED,
    materials=("metal", "plastic"),
    parts=("lid", "handle", "latch"),
    properties=("stores things", "can be opened"),
    **ON_TABLE,
)
def draw_toolbox(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    aspect, seam, top = rng.uniform(1.4, 1.8), rng.uniform(0.46, 0.54), 0.24
    cx, slope = aspect / 2, rng.uniform(0.06, 0.16)
    pen = make_pen(aspect)
    grip = aspect * rng.uniform(0.2, 0.26)
    pen.line(
        [(cx - grip, top + 0.05), (cx - grip, 0.06), (cx + grip, 0.06), (cx + grip, top + 0.05)],
        0.1,
        RUBBER,
        "handle",
    )
    pen.rectangle((0.02, seam, aspect - 0.02, 1.0), look.color, radius=0.05)
    pen.polygon(
        [(0, seam), (slope, top), (aspect - slope, top), (aspect, seam)], tone(look.color, 0.1), part="lid"
    )
    pen.shade("vertical")
    gleam(pen, look, [(0.1, seam + 0.12), (0.1, 0.9)], cx)
    pen.line([(0.02, seam), (aspect - 0.02, seam)], 0.035, tone(look.color, -0.5))
    for x in (aspect * 0.22, aspect * 0.78):
        pen.rectangle((x - 0.07, seam - 0.09, x + 0.07, seam + 0.15), STEEL, part="latch", radius=0.02)
        pen.line([(x - 0.04, seam + 0.03), (x + 0.04, seam + 0.03)], 0.03, DARK_STEEL, part="latch")
    pen.rectangle((cx - 0.2, seam + 0.22, cx + 0.2, seam + 0.34), tone(look.color, 0.35), radius=0.02)
    return pen
