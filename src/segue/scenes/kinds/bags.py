"""Bags, cases and the umbrella: what people carry along."""

from __future__ import annotations

import math

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, pick, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

ALL = tuple(COLORS)
METAL = (196, 184, 150)


@kind(
    name="umbrella",
    plural="umbrellas",
    group="clothing",
    settings=("indoor", "street", "landscape"),
    rests_on="surface",
    height=(0.24, 0.4),
    colors=ALL,
    materials=("cloth",),
    parts=("canopy", "handle", "stick"),
    properties=("keeps rain off",),
)
def draw_umbrella(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An open umbrella, upright, with a hooked handle."""
    a = vary(rng, 0.98, 1.2)
    pen = make_pen(a)
    c, low = a / 2, vary(rng, 0.42, 0.5)
    stick = pick(rng, ((110, 112, 118), (120, 82, 50), (50, 50, 54)))
    pen.line([(c, 0.02), (c, 0.88)], 0.026, stick, part="stick")
    handle = pick(rng, ((120, 80, 46), (40, 38, 40), tone(look.color, -0.3)))
    pen.line(
        [(c, 0.8), (c, 0.93), (c + 0.05, 0.975), (c + 0.1, 0.93)], 0.045, handle, part="handle", smooth=True
    )
    ribs = int(rng.integers(4, 6))
    other = pick(rng, (tone(look.color, -0.2), tone(look.color, 0.3), tone(look.color, -0.2)))
    edges = [c - c * math.cos(math.pi * i / ribs) for i in range(ribs + 1)]
    for i in range(ribs):
        x0, x1 = edges[i], edges[i + 1]
        rise = [
            (c + (x1 - c) * math.sin(t), low - (low - 0.05) * math.cos(t))
            for t in np.linspace(math.pi / 2, 0, 7)
        ]
        fall = [
            (c + (x0 - c) * math.sin(t), low - (low - 0.05) * math.cos(t))
            for t in np.linspace(0, math.pi / 2, 7)
        ]
        scallop = [(x0 + (x1 - x0) * t, low - 0.045 * math.sin(math.pi * t)) for t in (0.25, 0.5, 0.75)]
        pen.polygon([*rise, *fall, *scallop], look.color if i % 2 == 0 else other, part="canopy")
    pen.shade("round")
    return pen


@kind(
    name="backpack",
    plural="backpacks",
    group="bag",
    settings=("indoor", "street", "landscape"),
    rests_on="surface",
    height=(0.18, 0.28),
    colors=ALL,
    materials=("cloth", "leather"),
    parts=("pocket", "strap", "handle"),
    properties=("can carry luggage", "stores things"),
)
def draw_backpack(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.72, 0.86)
    pen = make_pen(a)
    dark, c = tone(look.color, -0.4), a / 2
    for side in (-1, 1):
        x = c + side * (a / 2 - 0.04)
        pen.line([(c + side * 0.2, 0.16), (x, 0.4), (x, 0.85)], 0.065, dark, part="strap", smooth=True)
    pen.arc((c - 0.11, 0.0, c + 0.11, 0.2), 180, 360, 0.04, dark, part="handle")
    pen.rectangle((0.07, 0.08, a - 0.07, 1), look.color, radius=0.22)
    pen.rectangle((0.07, 0.5, a - 0.07, 1), look.color, radius=0.09)
    cover(pen, look, rng)
    pen.shade("round")
    pocket = pick(rng, (tone(look.color, -0.18), tone(look.color, 0.2), look.accent))
    pen.rectangle((0.15, 0.56, a - 0.15, 0.93), pocket, part="pocket", radius=0.07)
    pen.line([(0.2, 0.63), (a - 0.2, 0.63)], 0.022, tone(pocket, -0.45), part="pocket")
    zip_y = vary(rng, 0.28, 0.34)
    pen.line([(0.14, zip_y + 0.1), (0.22, zip_y), (a - 0.22, zip_y), (a - 0.14, zip_y + 0.1)], 0.022, dark)
    pen.line([(a - 0.25, zip_y), (a - 0.25, zip_y + 0.08)], 0.03, METAL)
    return pen


@kind(
    name="handbag",
    plural="handbags",
    group="bag",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.16, 0.26),
    colors=ALL,
    materials=("leather", "cloth"),
    parts=("handle", "buckle", "flap"),
    properties=("stores things",),
)
def draw_handbag(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.95, 1.2)
    pen = make_pen(a)
    c, top = a / 2, vary(rng, 0.36, 0.44)
    dark, reach = tone(look.color, -0.35), vary(rng, 0.24, 0.32)
    pen.arc((c - reach, 0.0, c + reach, top * 2), 180, 360, 0.055, dark, part="handle")
    slope = vary(rng, 0.04, 0.14)
    pen.polygon([(slope, top), (a - slope, top), (a, 0.94), (a - 0.06, 1), (0.06, 1), (0, 0.94)], look.color)
    cover(pen, look, rng)
    if chance(rng, 0.6):
        flap = [
            (slope - 0.02, top - 0.02),
            (a - slope + 0.02, top - 0.02),
            (a * 0.86, top + 0.22),
            (c, top + 0.33),
            (a * 0.14, top + 0.22),
        ]
        pen.polygon(flap, tone(look.color, -0.14), part="flap")
        pen.shade("round")
        pen.rectangle(
            (c - 0.06, top + 0.25, c + 0.06, top + 0.38), (226, 190, 84), part="buckle", radius=0.02
        )
    else:
        pen.shade("round")
        pen.line([(slope, top + 0.02), (a - slope, top + 0.02)], 0.04, dark)
        for side in (-1, 1):
            x = c + side * reach * 0.95
            pen.rectangle(
                (x - 0.04, top - 0.04, x + 0.04, top + 0.12), (226, 190, 84), part="buckle", radius=0.02
            )
    return pen


@kind(
    name="suitcase",
    plural="suitcases",
    group="bag",
    settings=("indoor", "street"),
    rests_on="surface",
    height=(0.2, 0.32),
    colors=ALL,
    materials=("plastic", "leather", "cloth"),
    parts=("handle", "wheel", "lock", "strap"),
    properties=("can carry luggage", "stores things"),
)
def draw_suitcase(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An upright case with wheels and a long handle, or an old flat one with straps and locks."""
    dark = tone(look.color, -0.4)
    if chance(rng, 0.5):
        a = vary(rng, 0.52, 0.62)
        pen = make_pen(a)
        c = a / 2
        for side in (-1, 1):
            pen.line([(c + side * 0.12, 0.03), (c + side * 0.12, 0.3)], 0.028, (130, 132, 138), part="handle")
            pen.ellipse(
                (c + side * (a / 2 - 0.1) - 0.05, 0.92, c + side * (a / 2 - 0.1) + 0.05, 1.0),
                (40, 40, 44),
                part="wheel",
            )
        pen.line([(c - 0.12, 0.025), (c + 0.12, 0.025)], 0.045, (50, 50, 54), part="handle")
        pen.rectangle((0, 0.24, a, 0.96), look.color, radius=0.08)
        cover(pen, look, rng)
        for x in np.linspace(0.1, a - 0.1, 4):
            pen.line([(x, 0.32), (x, 0.88)], 0.02, tone(look.color, -0.22))
        pen.shade("round")
        pen.rectangle((c - 0.09, 0.24, c + 0.09, 0.29), (50, 50, 54), radius=0.02)
        return pen
    a = vary(rng, 1.2, 1.45)
    pen = make_pen(a)
    c = a / 2
    pen.arc((c - 0.18, 0.02, c + 0.18, 0.34), 180, 360, 0.065, (64, 46, 36), part="handle")
    pen.rectangle((0, 0.16, a, 1), look.color, radius=0.09)
    cover(pen, look, rng)
    pen.rectangle((0, 0.32, a, 0.37), dark)
    pen.shade("round")
    strap = (96, 64, 40) if look.color_name != "brown" else (206, 170, 110)
    for x in (a * 0.2, a * 0.8):
        pen.rectangle((x - 0.045, 0.16, x + 0.045, 1), strap, part="strap")
    for x in (a * 0.36, a * 0.64):
        pen.rectangle((x - 0.05, 0.29, x + 0.05, 0.43), (226, 200, 110), part="lock", radius=0.015)
    return pen
