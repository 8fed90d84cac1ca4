"""Things for school and desk, letters, and a key."""

from __future__ import annotations

import math

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import blob, chance, disc, pick, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

ALL = tuple(COLORS)
PAGE, STEEL = (246, 242, 230), (176, 180, 188)


@kind(
    name="book",
    plural="books",
    group="stationery",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.1, 0.18),
    colors=ALL,
    materials=("paper",),
    parts=("cover", "page", "spine"),
    properties=("can be read",),
)
def draw_book(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A book standing upright and turned a little, lying flat, or open."""
    form = pick(rng, ("standing", "standing", "lying", "open"))
    gold = (232, 200, 110) if look.color_name not in ("yellow", "beige", "white", "orange") else (110, 70, 50)
    if form == "standing":
        a = vary(rng, 0.7, 0.86)
        pen = make_pen(a)
        thick, lift = vary(rng, 0.12, 0.18), vary(rng, 0.05, 0.09)
        pen.polygon([(0, lift), (thick, 0), (a, lift * 0.6), (a - thick, lift * 1.6)], PAGE, part="page")
        pen.polygon(
            [(0, lift), (thick, lift * 1.5), (thick, 1), (0, 1 - lift)], tone(look.color, -0.3), part="spine"
        )
        pen.polygon(
            [(thick, lift * 1.5), (a, lift * 0.6), (a, 1 - lift), (thick, 1)], look.color, part="cover"
        )
        pen.shade("flat")
        for y in (0.2, 0.8):
            pen.line([(0.02, y - 0.02), (thick - 0.01, y)], 0.025, gold, part="spine")
        x0, x1 = thick + 0.1, a - 0.08
        pen.line([(x0, 0.27), (x1, 0.26)], 0.05, gold, part="cover")
        pen.line([(x0 + 0.06, 0.37), (x1 - 0.06, 0.365)], 0.035, gold, part="cover")
        if chance(rng, 0.6):
            pen.ellipse(((x0 + x1) / 2 - 0.12, 0.5, (x0 + x1) / 2 + 0.12, 0.74), gold, part="cover")
    elif form == "lying":
        a = vary(rng, 2.0, 2.6)
        pen = make_pen(a)
        top = vary(rng, 0.36, 0.46)
        pen.polygon([(a * 0.14, 0), (a * 0.94, 0), (a, top), (0.05, top)], look.color, part="cover")
        pen.polygon(
            [(a * 0.3, top * 0.35), (a * 0.76, top * 0.35), (a * 0.78, top * 0.62), (a * 0.27, top * 0.62)],
            gold,
            part="cover",
        )
        pen.rectangle((0.12, top, a - 0.05, 0.95), PAGE, part="page")
        for y in np.linspace(top + 0.14, 0.82, 4):
            pen.line([(0.2, y), (a - 0.07, y)], 0.02, (206, 200, 184), part="page")
        pen.rectangle((0, top - 0.03, a, top + 0.1), tone(look.color, -0.18), part="cover", radius=0.03)
        pen.rectangle((0, 0.88, a, 1), tone(look.color, -0.25), part="cover", radius=0.03)
        pen.rectangle((0, top, 0.16, 1), tone(look.color, -0.32), part="spine", radius=0.07)
        pen.shade("flat")
    else:
        a = vary(rng, 1.8, 2.2)
        pen = make_pen(a)
        c = a / 2
        pen.polygon(
            [(0, 0.24), (c, 0.2), (a, 0.24), (a, 0.98), (c, 1.0), (0, 0.98)], look.color, part="cover"
        )
        for side in (-1, 1):
            far = c + side * (c - 0.09)
            page = [
                (c, 0.14),
                (c + side * c * 0.4, 0.0),
                (far, 0.08),
                (far, 0.86),
                (c + side * c * 0.4, 0.8),
                (c, 0.92),
            ]
            pen.polygon(page, tone(PAGE, 0.1 if side > 0 else -0.05), part="page")
            for i, y in enumerate(np.linspace(0.24, 0.68, 4)):
                stop = far - side * (0.12 if i % 2 == 0 else 0.24)
                pen.line(
                    [(c + side * 0.13, y + 0.04), (c + side * c * 0.42, y - 0.04), (stop, y + 0.01)],
                    0.032,
                    (140, 136, 130),
                    part="page",
                )
        pen.line([(c, 0.15), (c, 0.92)], 0.03, (190, 182, 166), part="page")
        pen.shade("flat")
    return pen


@kind(
    name="pencil",
    plural="pencils",
    group="stationery",
    settings=("table-top",),
    rests_on="surface",
    height=(0.05, 0.12),
    colors=ALL,
    materials=("wood",),
    parts=("tip", "eraser"),
    properties=("can be written with",),
)
def draw_pencil(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A pencil that lies slanting, sharpened wood at one end and an eraser at the other."""
    a = vary(rng, 1.6, 3.2)
    pen = make_pen(a)
    length, w = math.hypot(a, 0.78), 0.0
    ux, uy = a / length, 0.78 / length
    w = min(0.26, 0.085 * length)
    up = pick(rng, (False, True))

    def at(t: float, across: float) -> tuple[float, float]:
        """t runs along the pencil from 0 to 1, across is in widths from its middle line."""
        x, y = t * a * 0.97 + 0.015 * a - uy * across * w, 0.11 + t * 0.78 + ux * across * w
        return (x, 1 - y) if up else (x, y)

    pen.polygon([at(0.1, -0.5), at(0.84, -0.5), at(0.84, 0.5), at(0.1, 0.5)], look.color)
    pen.polygon([at(0.1, -0.5), at(0.84, -0.5), at(0.84, -0.2), at(0.1, -0.2)], tone(look.color, 0.3))
    pen.polygon([at(0.1, 0.2), at(0.84, 0.2), at(0.84, 0.5), at(0.1, 0.5)], tone(look.color, -0.3))
    pen.polygon([at(0.84, -0.5), at(1.0, 0), at(0.84, 0.5)], (226, 186, 130), part="tip")
    lead = (50, 48, 50) if chance(rng, 0.5) else look.color
    pen.polygon([at(0.945, -0.19), at(1.0, 0), at(0.945, 0.19)], lead, part="tip")
    pen.polygon([at(0.06, -0.5), at(0.12, -0.5), at(0.12, 0.5), at(0.06, 0.5)], STEEL)
    pen.polygon(
        [at(0.0, -0.45), at(0.06, -0.5), at(0.06, 0.5), at(0.0, 0.45)], (234, 130, 140), part="eraser"
    )
    return pen


@kind(
    name="ruler",
    plural="rulers",
    group="stationery",
    settings=("table-top",),
    rests_on="surface",
    height=(0.07, 0.14),
    colors=("yellow", "beige", "white", "blue", "red", "green", "orange", "pink", "grey"),
    materials=("wood", "plastic", "metal"),
    parts=("mark",),
)
def draw_ruler(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A flat ruler with marks along one edge."""
    a = vary(rng, 2.4, 3.4)
    pen = make_pen(a)
    drop = vary(rng, 0.4, 0.62)
    w = 1 - drop
    sign = pick(rng, (1, -1))

    def at(t: float, across: float) -> tuple[float, float]:
        lean = drop * t if sign > 0 else drop * (1 - t)
        return (t * a, lean + across * w)

    pen.polygon([at(0, 0), at(1, 0), at(1, 1), at(0, 1)], look.color)
    if look.material == "wood":
        pen.texture("wood", 0.08)
    ink = tone(look.color, -0.75)
    for i, t in enumerate(np.linspace(0.03, 0.97, 21)):
        pen.line([at(t, 0.03), at(t, 0.5 if i % 5 == 0 else 0.3)], 0.035, ink, part="mark")
    disc(pen, at(0.95, 0.72), w * 0.11, tone(look.color, -0.5))
    return pen


@kind(
    name="envelope",
    plural="envelopes",
    group="stationery",
    settings=("table-top",),
    rests_on="surface",
    height=(0.09, 0.16),
    colors=("white", "beige", "brown", "red", "blue", "pink", "yellow", "green"),
    materials=("paper",),
    parts=("flap", "seal", "stamp"),
    properties=("can be opened",),
)
def draw_envelope(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """The back of an envelope with its flap and seal, or its front with a stamp."""
    a = vary(rng, 1.4, 1.8)
    pen = make_pen(a)
    line = tone(look.color, -0.28)
    pen.rectangle((0, 0, a, 1), line, radius=0.03)
    pen.rectangle((0.025, 0.025, a - 0.025, 0.975), look.color, radius=0.02)
    if chance(rng, 0.7):
        pen.line([(0.03, 0.96), (a * 0.4, 0.5)], 0.025, line)
        pen.line([(a - 0.03, 0.96), (a * 0.6, 0.5)], 0.025, line)
        low = vary(rng, 0.55, 0.68)
        pen.polygon([(0.01, 0.02), (a - 0.01, 0.02), (a / 2, low)], line, part="flap")
        pen.polygon(
            [(0.06, 0.025), (a - 0.06, 0.025), (a / 2, low - 0.05)], tone(look.color, -0.08), part="flap"
        )
        if chance(rng, 0.5):
            disc(
                pen,
                (a / 2, low - 0.04),
                0.1,
                (190, 40, 44) if look.color_name != "red" else (232, 200, 110),
                "seal",
            )
    else:
        stamp = pick(rng, ((200, 60, 60), (70, 120, 190), (90, 150, 90)))
        pen.rectangle((a - 0.36, 0.08, a - 0.09, 0.4), (252, 252, 250), part="stamp")
        pen.rectangle((a - 0.33, 0.11, a - 0.12, 0.37), stamp, part="stamp")
        for y, stop in ((0.55, 0.66), (0.68, 0.72), (0.81, 0.56)):
            pen.line([(a * 0.3, y), (a * stop, y)], 0.03, tone(look.color, -0.6))
    pen.shade("flat")
    return pen


@kind(
    name="globe",
    plural="globes",
    group="stationery",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.16, 0.28),
    colors=("blue",),
    materials=("plastic",),
    parts=("stand",),
)
def draw_globe(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """The earth, blue with green and brown land, tilted in a half ring on a foot."""
    a = vary(rng, 0.74, 0.82)
    pen = make_pen(a)
    metal = pick(rng, ((196, 156, 70), (120, 80, 50), (90, 92, 98)))
    c, y, r = a / 2, 0.41, 0.35
    pen.line([(c, 0.78), (c, 0.94)], 0.05, metal, part="stand")
    pen.ellipse((c - 0.22, 0.89, c + 0.22, 1), tone(metal, -0.2), part="stand")
    pen.arc((c - 0.4, y - 0.4, c + 0.4, y + 0.4), -60, 120, 0.045, metal, part="stand")
    disc(pen, (c, y), r, look.color)
    land = ((110, 160, 80), (176, 150, 96), (90, 148, 84))
    for i, (x, t, wide, tall) in enumerate(
        (
            (-0.18, -0.12, 0.13, 0.16),
            (0.12, -0.1, 0.16, 0.15),
            (0.1, 0.14, 0.11, 0.13),
            (-0.12, 0.16, 0.09, 0.12),
        )
    ):
        cx, cy = c + x + vary(rng, -0.03, 0.03), y + t + vary(rng, -0.03, 0.03)
        shape = blob(rng, (cx - wide, cy - tall, cx + wide, cy + tall), bumps=8, rough=0.45)
        pen.polygon(shape, land[i % 3], smooth=True)
    pen.shade("round")
    return pen


@kind(
    name="key",
    plural="keys",
    group="tool",
    settings=("table-top",),
    rests_on="surface",
    height=(0.06, 0.11),
    colors=("grey", "yellow", "orange", "brown", "black"),
    materials=("metal",),
    parts=("head", "tooth"),
    properties=("can lock or unlock",),
)
def draw_key(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An old-fashioned key: a ring to hold, a shaft, teeth; one sees through the ring."""
    a = vary(rng, 2.0, 2.6)
    pen = make_pen(a)
    y, w = 0.46, vary(rng, 0.14, 0.18)
    pen.line([(0.8, y), (a - 0.08, y)], w, look.color)
    bits = int(rng.integers(2, 4))
    for i in range(bits):
        x = a - 0.12 - i * 0.2
        pen.rectangle((x - 0.12, y, x, pick(rng, (0.82, 0.92, 1.0)) if i else 0.95), look.color, part="tooth")
    pen.rectangle((0.84, y - 0.15, 0.95, y + 0.15), tone(look.color, -0.15), radius=0.04)
    if chance(rng, 0.5):
        pen.ellipse((0, 0, 0.9, 0.92), look.color, part="head")
        pen.erase_ellipse((0.22, 0.22, 0.68, 0.7))
    else:
        for x, t in ((0.24, 0.24), (0.24, 0.68), (0.58, 0.46)):
            pen.ring((x - 0.24, t - 0.24, x + 0.24, t + 0.24), 0.14, look.color, part="head")
    pen.shade("round")
    return pen
