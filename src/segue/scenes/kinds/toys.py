"""Toys and things for sport and play."""

from __future__ import annotations

import math

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, disc, pick, regular, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

ALL = tuple(COLORS)
BRIGHT = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
DARK, STEEL = (36, 34, 36), (140, 144, 152)


@kind(
    name="ball",
    plural="balls",
    group="toy",
    settings=("indoor", "table-top", "street", "landscape"),
    rests_on="surface",
    height=(0.08, 0.16),
    colors=(*BRIGHT, "white", "brown", "black"),
    parts=(),
    properties=("can be thrown and caught", "can be kicked", "child plays with it"),
)
def draw_ball(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A beach ball, a ball with seams, a patched football, one with a star, or plain."""
    pen = make_pen(1.0)
    form = pick(rng, ("seams", "beach", "patches", "star", "band"))
    pen.ellipse((0, 0, 1, 1), look.color)
    other = (246, 246, 242) if look.color_name != "white" else look.accent
    if form == "beach":
        turn = vary(rng, 0, 1)
        hub = (0.5 + vary(rng, -0.15, 0.15), 0.5 + vary(rng, -0.15, 0.1))
        for i in range(3):
            rim = [turn + i * math.tau / 3 + t for t in np.linspace(0, 0.85, 6)]
            wedge = [hub, *[(0.5 + 0.497 * math.cos(t), 0.5 + 0.497 * math.sin(t)) for t in rim]]
            pen.polygon(wedge, other)
    elif form == "patches":
        spots = DARK if look.color_name != "black" else other
        pen.polygon(regular((0.33, 0.33, 0.67, 0.67), 5), spots)
        for i in range(5):
            t = -math.pi / 2 + i * math.tau / 5
            x, y = 0.5 + 0.43 * math.cos(t), 0.5 + 0.43 * math.sin(t)
            pen.line([(0.5 + 0.16 * math.cos(t), 0.5 + 0.16 * math.sin(t)), (x, y)], 0.025, spots)
            edge = [
                (0.5 + 0.495 * math.cos(t + d), 0.5 + 0.495 * math.sin(t + d))
                for d in (-0.28, -0.1, 0.1, 0.28)
            ]
            pen.polygon([*edge, (0.5 + 0.38 * math.cos(t), 0.5 + 0.38 * math.sin(t))], spots)
    elif form == "star":
        points = [
            (0.5 + r * math.sin(i * math.pi / 5), 0.5 - r * math.cos(i * math.pi / 5))
            for i, r in enumerate((0.32, 0.14) * 5)
        ]
        pen.polygon(
            points, (250, 214, 70) if look.color_name not in ("yellow", "orange") else (246, 246, 242)
        )
    elif form == "band":
        y = vary(rng, 0.4, 0.5)
        half = math.sqrt(0.25 - (0.5 - y) ** 2) - 0.004
        pen.polygon(
            [
                (0.5 - half, y - 0.01),
                (0.5, y + 0.07),
                (0.5 + half, y - 0.01),
                (0.5 + half, y + 0.12),
                (0.5, y + 0.22),
                (0.5 - half, y + 0.12),
            ],
            other,
        )
    else:
        seam = tone(look.color, -0.6) if look.color_name != "black" else STEEL
        pen.line([(0.5, 0.02), (0.5, 0.98)], 0.028, seam)
        pen.line([(0.02, 0.5), (0.98, 0.5)], 0.028, seam)
        pen.arc((-0.62, 0.05, 0.3, 0.95), -68, 68, 0.028, seam)
        pen.arc((0.7, 0.05, 1.62, 0.95), 112, 248, 0.028, seam)
    pen.erase_polygon([(-1, -1), (2, -1), (2, 2), (-1, 2), (-1, 0.5), *_rim(), (-1, 0.5)])
    pen.shade("round")
    return pen


def _rim() -> list[tuple[float, float]]:
    """Once round the ball's edge, from its left: what is outside is cut away."""
    return [(0.5 - 0.502 * math.cos(t), 0.5 + 0.502 * math.sin(t)) for t in np.linspace(0, math.tau, 49)]


@kind(
    name="teddy bear",
    plural="teddy bears",
    group="toy",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.16, 0.28),
    colors=("brown", "brown", "beige", "white", "grey", "pink", "blue"),
    parts=("head", "ear", "arm", "leg", "belly", "bow"),
    properties=("child plays with it",),
)
def draw_teddy(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A teddy bear that sits facing us."""
    a = vary(rng, 0.76, 0.86)
    pen = make_pen(a)
    c, head = a / 2, vary(rng, 0.225, 0.25)
    pale = tone(look.color, 0.42) if look.color_name not in ("white",) else tone(look.color, -0.12)
    pen.ellipse((c - 0.25, 0.4, c + 0.25, 0.95), look.color)
    for side in (-1, 1):
        pen.limb(
            [(c + side * 0.18, 0.5), (c + side * (a / 2 - 0.08), 0.68)],
            (0.14, 0.16),
            tone(look.color, 0.06),
            "arm",
        )
        disc(pen, (c + side * 0.19, 0.1), 0.1, look.color, "ear")
        disc(pen, (c + side * 0.19, 0.1), 0.055, pale, "ear")
    pen.ellipse((c - 0.15, 0.5, c + 0.15, 0.86), pale, part="belly")
    for side in (-1, 1):
        disc(pen, (c + side * 0.22, 0.865), 0.135, tone(look.color, 0.04), "leg")
        disc(pen, (c + side * 0.22, 0.875), 0.075, pale, "leg")
    pen.ellipse((c - head * 1.08, 0.02, c + head * 1.08, 0.48), look.color, part="head")
    pen.ellipse((c - 0.115, 0.25, c + 0.115, 0.44), pale, part="head")
    pen.texture("noise", 0.08)
    pen.shade("round")
    for side in (-1, 1):
        disc(pen, (c + side * 0.095, 0.2), 0.027, (24, 20, 20), "head")
    pen.ellipse((c - 0.045, 0.27, c + 0.045, 0.33), (30, 24, 24), part="head")
    pen.line([(c, 0.33), (c, 0.375), (c - 0.04, 0.395)], 0.014, (30, 24, 24), part="head")
    pen.line([(c, 0.375), (c + 0.04, 0.395)], 0.014, (30, 24, 24), part="head")
    if chance(rng, 0.5):
        bow = look.accent
        for side in (-1, 1):
            pen.polygon([(c, 0.49), (c + side * 0.12, 0.44), (c + side * 0.12, 0.55)], bow, part="bow")
        disc(pen, (c, 0.495), 0.03, tone(bow, -0.3), "bow")
    return pen


@kind(
    name="kite",
    plural="kites",
    group="toy",
    settings=("landscape",),
    rests_on="sky",
    height=(0.16, 0.28),
    colors=BRIGHT,
    materials=("paper", "cloth"),
    parts=("tail", "bow"),
    properties=("can fly", "child plays with it"),
)
def draw_kite(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A diamond of four fields with a tail of bows."""
    a = vary(rng, 0.5, 0.66)
    pen = make_pen(a)
    c, wing, low = a / 2, vary(rng, 0.2, 0.26), vary(rng, 0.56, 0.64)
    sway = vary(rng, 0.08, 0.16) * pick(rng, (-1, 1))
    tail = [(c, low), (c + sway, low + 0.12), (c - sway * 0.6, low + 0.24), (c + sway * 0.5, 0.985)]
    pen.line(tail, 0.02, (120, 110, 100), part="tail", smooth=True)
    for (x, y), fill in zip(tail[1:], (look.accent, tone(look.color, 0.2), look.accent), strict=True):
        y = min(y, 0.955)
        for side in (-1, 1):
            pen.polygon(
                [(x, y), (x + side * 0.075, y - 0.035), (x + side * 0.075, y + 0.035)], fill, part="bow"
            )
    top, left, right, bottom, middle = (c, 0.0), (0.0, wing), (a, wing), (c, low), (c, wing)
    other = pick(rng, (tone(look.color, 0.45), tone(look.color, -0.3), tone(look.color, 0.18)))
    for corner0, corner1, fill in (
        (top, left, look.color),
        (left, bottom, other),
        (bottom, right, look.color),
        (right, top, other),
    ):
        pen.polygon([middle, corner0, corner1], fill)
    pen.line([top, bottom], 0.018, tone(look.color, -0.55))
    pen.line([left, right], 0.018, tone(look.color, -0.55))
    pen.shade("flat")
    return pen


@kind(
    name="balloon",
    plural="balloons",
    group="toy",
    settings=("indoor", "street", "landscape"),
    rests_on="sky",
    height=(0.16, 0.28),
    colors=BRIGHT,
    parts=("string", "knot"),
    properties=("child plays with it",),
)
def draw_balloon(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A toy balloon with a string, and a gleam."""
    a = vary(rng, 0.4, 0.5)
    pen = make_pen(a)
    c, low = a / 2, vary(rng, 0.52, 0.58)
    sway = vary(rng, -0.08, 0.08)
    pen.line(
        [(c, low), (c + sway, 0.7), (c - sway, 0.85), (c, 0.99)],
        0.016,
        (110, 108, 112),
        part="string",
        smooth=True,
    )
    outline = [
        (c, 0),
        (a * 0.86, 0.07),
        (a, 0.24),
        (a * 0.86, 0.42),
        (c + 0.03, low - 0.01),
        (c - 0.03, low - 0.01),
        (a * 0.14, 0.42),
        (0, 0.24),
        (a * 0.14, 0.07),
    ]
    pen.polygon(outline, look.color, smooth=True)
    pen.shade("round")
    pen.ellipse((a * 0.2, 0.08, a * 0.36, 0.22), tone(look.color, 0.55), angle=25)
    pen.polygon(
        [(c, low - 0.03), (c + 0.04, low + 0.03), (c - 0.04, low + 0.03)],
        tone(look.color, -0.25),
        part="knot",
    )
    return pen


@kind(
    name="robot",
    plural="robots",
    group="toy",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.18, 0.3),
    colors=("grey", "red", "blue", "green", "orange", "yellow", "purple", "white"),
    materials=("metal", "plastic"),
    parts=("head", "eye", "antenna", "arm", "leg"),
    properties=("child plays with it",),
)
def draw_robot(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.6, 0.76)
    pen = make_pen(a)
    c, dark = a / 2, (70, 72, 80)
    half, head = vary(rng, 0.17, 0.21), vary(rng, 0.14, 0.18)
    pen.line([(c, 0.03), (c, 0.14)], 0.025, dark, part="antenna")
    disc(pen, (c, 0.035), 0.035, look.accent, "antenna")
    for side in (-1, 1):
        pen.line(
            [(c + side * half * 0.5, 0.74), (c + side * half * 0.5, 0.94)],
            0.1,
            tone(look.color, -0.25),
            part="leg",
        )
        pen.rectangle(
            (c + side * half * 0.55 - 0.09, 0.92, c + side * half * 0.55 + 0.09, 1),
            dark,
            part="leg",
            radius=0.03,
        )
        hand = (c + side * (a / 2 - 0.045), vary(rng, 0.5, 0.72))
        pen.line(
            [(c + side * half, 0.47), (c + side * (a / 2 - 0.05), 0.54), hand],
            0.065,
            tone(look.color, -0.15),
            part="arm",
        )
        disc(pen, hand, 0.045, dark, "arm")
    pen.rectangle((c - 0.06, 0.34, c + 0.06, 0.46), dark)
    pen.rectangle((c - half, 0.4, c + half, 0.8), look.color, radius=0.04)
    pen.rectangle((c - head, 0.12, c + head, 0.37), tone(look.color, 0.1), part="head", radius=0.05)
    pen.shade("round")
    for side in (-1, 1):
        disc(pen, (c + side * head * 0.45, 0.22), 0.042, (250, 248, 220), "eye")
        disc(pen, (c + side * head * 0.45, 0.22), 0.02, (30, 30, 36), "eye")
    pen.rectangle((c - head * 0.6, 0.3, c + head * 0.6, 0.335), dark, part="head")
    pen.rectangle((c - half * 0.65, 0.47, c + half * 0.65, 0.6), tone(look.color, 0.55), radius=0.02)
    for x, fill in zip((-0.4, 0.0, 0.4), ((220, 60, 50), (250, 210, 70), (80, 170, 90)), strict=True):
        disc(pen, (c + x * half, 0.7), 0.028, fill)
    return pen


@kind(
    name="skateboard",
    plural="skateboards",
    group="toy",
    settings=("indoor", "street"),
    rests_on="surface",
    height=(0.05, 0.09),
    colors=ALL,
    materials=("wood",),
    parts=("wheel", "deck"),
    properties=("can be ridden",),
)
def draw_skateboard(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A skateboard from the side, its ends bent up."""
    a = vary(rng, 3.2, 4.0)
    pen = make_pen(a)
    radius, wheel = (
        vary(rng, 0.2, 0.24),
        pick(rng, ((240, 236, 226), (250, 200, 70), (210, 60, 60), (60, 60, 66))),
    )
    for x in (a * 0.22, a * 0.78):
        pen.polygon([(x - 0.22, 0.42), (x + 0.22, 0.42), (x + 0.08, 0.75), (x - 0.08, 0.75)], STEEL)
    pen.line(
        [
            (0.12, 0.13),
            (a * 0.13, 0.36),
            (a * 0.25, 0.4),
            (a * 0.75, 0.4),
            (a * 0.87, 0.36),
            (a - 0.12, 0.13),
        ],
        0.24,
        look.color,
        part="deck",
    )
    pen.line(
        [
            (0.12, 0.05),
            (a * 0.13, 0.28),
            (a * 0.25, 0.32),
            (a * 0.75, 0.32),
            (a * 0.87, 0.28),
            (a - 0.12, 0.05),
        ],
        0.08,
        tone(look.color, -0.5),
        part="deck",
    )
    pen.shade("flat")
    for x in (a * 0.22, a * 0.78):
        disc(pen, (x, 1 - radius), radius, wheel, "wheel")
        disc(pen, (x, 1 - radius), radius * 0.4, tone(wheel, -0.5), "wheel")
    return pen


@kind(
    name="tennis racket",
    plural="tennis rackets",
    group="toy",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.12, 0.2),
    colors=ALL,
    parts=("handle", "string"),
)
def draw_racket(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A racket that lies slanting: a ring with strings, a throat and a wrapped handle."""
    a = vary(rng, 1.5, 2.0)
    pen = make_pen(a)
    slope = math.atan2(vary(rng, 0.3, 0.42), a)
    ux, uy = math.cos(slope), -math.sin(slope)
    cx, cy, rx, ry = a - 0.56, 0.38, 0.52, 0.36

    def at(along: float, across: float) -> tuple[float, float]:
        """A point in the head's own axes."""
        return (cx + ux * along - uy * across, cy + uy * along + ux * across)

    for t in np.linspace(-0.75, 0.75, 7):
        reach = math.sqrt(1 - t * t)
        pen.line([at(rx * t, -ry * reach), at(rx * t, ry * reach)], 0.014, (226, 224, 210), part="string")
        pen.line([at(-rx * reach, ry * t), at(rx * reach, ry * t)], 0.014, (226, 224, 210), part="string")
    ring = [at(rx * math.cos(t), ry * math.sin(t)) for t in np.linspace(0, math.tau, 25)]
    pen.line(ring, 0.075, look.color)
    for side in (-1, 1):
        pen.line([at(-rx * 0.85, side * ry * 0.45), at(-rx - 0.3, 0)], 0.055, look.color)
    pen.line([at(-rx - 0.26, 0), at(-rx - 0.4, 0)], 0.09, look.color)
    end = min(0.95, (cx - rx * ux) / ux - 0.06)
    pen.line(
        [at(-rx - 0.38, 0), at(-rx - end, 0)],
        0.11,
        DARK if look.color_name != "black" else (120, 80, 50),
        part="handle",
    )
    pen.shade("flat")
    return pen


@kind(
    name="toy block",
    plural="toy blocks",
    group="toy",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.08, 0.14),
    colors=BRIGHT,
    materials=("wood", "plastic"),
    parts=("top", "side"),
    properties=("child plays with it",),
)
def draw_block(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A cube with a letter or a shape on its face."""
    depth = vary(rng, 0.16, 0.26)
    a = 1.0
    pen = make_pen(a)
    s = 1 - depth
    pen.polygon([(0, depth), (depth, 0), (1, 0), (s, depth)], tone(look.color, 0.32), part="top")
    pen.polygon([(s, depth), (1, 0), (1, s), (s, 1)], tone(look.color, -0.32), part="side")
    pen.rectangle((0, depth, s, 1), look.color)
    if look.material == "wood":
        pen.texture("wood", 0.07)
    edge = 0.09
    face = (250, 244, 226)
    pen.rectangle((edge, depth + edge, s - edge, 1 - edge), face)
    x0, x1, y0, y1 = edge + 0.13, s - edge - 0.13, depth + edge + 0.1, 1 - edge - 0.1
    mid, ink = ((x0 + x1) / 2, (y0 + y1) / 2), tone(look.color, -0.1)
    form = pick(rng, ("A", "star", "heart", "H", "disc"))
    if form == "A":
        pen.line([(x0, y1), (mid[0], y0), (x1, y1)], 0.08, ink)
        pen.line([(x0 + 0.08, mid[1] + 0.06), (x1 - 0.08, mid[1] + 0.06)], 0.07, ink)
    elif form == "H":
        pen.line([(x0, y0), (x0, y1)], 0.08, ink)
        pen.line([(x1, y0), (x1, y1)], 0.08, ink)
        pen.line([(x0, mid[1]), (x1, mid[1])], 0.08, ink)
    elif form == "star":
        points = [
            (mid[0] + r * math.sin(i * math.pi / 5), mid[1] - r * math.cos(i * math.pi / 5))
            for i, r in enumerate((0.22, 0.09) * 5)
        ]
        pen.polygon(points, ink)
    elif form == "heart":
        pen.polygon(
            [
                (mid[0], y0 + 0.08),
                (x1 - 0.03, y0 - 0.02),
                (x1 + 0.03, mid[1] - 0.04),
                (mid[0], y1 + 0.03),
                (x0 - 0.03, mid[1] - 0.04),
                (x0 + 0.03, y0 - 0.02),
            ],
            ink,
        )
    else:
        disc(pen, mid, 0.17, ink)
    pen.shade("flat")
    return pen
