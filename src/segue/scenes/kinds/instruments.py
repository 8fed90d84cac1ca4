"""Things that make music."""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, disc, pick, tone, vary
from segue.scenes.pen import COLORS, KEEP, Look, Pen

ALL = tuple(COLORS)
BRASS, DARK = (214, 168, 60), (36, 32, 32)


@kind(
    name="guitar",
    plural="guitars",
    group="instrument",
    settings=("indoor",),
    rests_on="surface",
    height=(0.3, 0.46),
    colors=("brown", "orange", "red", "black", "blue", "white", "yellow", "green", "purple", "pink", "beige"),
    materials=("wood",),
    parts=("neck", "head", "body"),
    properties=("makes music",),
)
def draw_guitar(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An acoustic guitar with a round hole, or an electric one with two horns, standing upright."""
    a = vary(rng, 0.36, 0.42)
    pen = make_pen(a)
    c = a / 2
    neck = (92, 62, 42) if look.color_name not in ("brown",) else (60, 42, 32)
    if chance(rng, 0.6):
        body = [
            (c, 0.5),
            (c + a * 0.34, 0.55),
            (c + a * 0.3, 0.68),
            (c + a * 0.5, 0.85),
            (c + a * 0.3, 0.99),
            (c, 1.0),
            (c - a * 0.3, 0.99),
            (c - a * 0.5, 0.85),
            (c - a * 0.3, 0.68),
            (c - a * 0.34, 0.55),
        ]
        pen.polygon(body, look.color, part="body", smooth=True)
        cover(pen, look, rng)
        pen.shade("round")
        disc(pen, (c, 0.69), 0.065, tone(look.color, -0.4), "body")
        disc(pen, (c, 0.69), 0.05, (34, 26, 22), "body")
    else:
        body = [
            (c - a * 0.42, 0.5),
            (c - a * 0.12, 0.63),
            (c + a * 0.12, 0.63),
            (c + a * 0.34, 0.52),
            (c + a * 0.34, 0.7),
            (c + a * 0.46, 0.88),
            (c + a * 0.28, 0.99),
            (c - a * 0.28, 0.99),
            (c - a * 0.48, 0.86),
            (c - a * 0.32, 0.7),
        ]
        pen.polygon(body, look.color, part="body", smooth=True)
        pen.shade("round")
        guard = (244, 242, 236) if look.color_name != "white" else DARK
        pen.polygon(
            [(c - 0.06, 0.66), (c + a * 0.26, 0.68), (c + a * 0.3, 0.84), (c, 0.84)],
            guard,
            part="body",
            smooth=True,
        )
        for y in (0.72, 0.79):
            pen.rectangle((c - 0.055, y, c + 0.055, y + 0.03), (50, 48, 50), part="body")
    pen.rectangle((c - 0.05, 0.86, c + 0.05, 0.89), DARK, part="body")
    pen.rectangle((c - 0.026, 0.1, c + 0.026, 0.64), neck, part="neck")
    for y in np.linspace(0.17, 0.56, 7):
        pen.line([(c - 0.026, y), (c + 0.026, y)], 0.008, (200, 196, 186), part="neck")
    pen.polygon(
        [(c - 0.05, 0), (c + 0.05, 0), (c + 0.03, 0.12), (c - 0.03, 0.12)], tone(neck, -0.15), part="head"
    )
    for y in (0.025, 0.06, 0.095):
        for side in (-1, 1):
            disc(pen, (c + side * 0.055, y), 0.013, (220, 216, 200), "head")
    for x in (-0.014, 0.0, 0.014):
        pen.line([(c + x, 0.08), (c + x, 0.87)], 0.005, (226, 222, 210), part=KEEP)
    return pen


@kind(
    name="drum",
    plural="drums",
    group="instrument",
    settings=("indoor",),
    rests_on="surface",
    height=(0.14, 0.26),
    colors=ALL,
    materials=("wood", "metal"),
    parts=("drumhead", "drumstick", "rim"),
    properties=("makes music",),
)
def draw_drum(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A drum laced with zigzag cords, its pale skin on top, often with two sticks."""
    a = vary(rng, 0.95, 1.4)
    pen = make_pen(a)
    sticks = chance(rng, 0.65)
    top, oval = (0.2, 0.26) if sticks else (0.02, 0.3)
    rim = pick(rng, (BRASS, (244, 242, 236), tone(look.color, -0.45)))
    pen.ellipse((0, 1 - oval, a, 1), tone(rim, -0.15), part="rim")
    pen.rectangle((0, top + oval / 2, a, 1 - oval / 2), look.color)
    pen.ellipse((0, 1 - oval - 0.07, a, 0.93), look.color)
    cover(pen, look, rng)
    pen.shade("round")
    cords = int(rng.integers(4, 6))
    for i in range(cords):
        x0, x1 = a * (i + 0.05) / cords, a * (i + 0.95) / cords
        sag0, sag1 = 0.1 * (1 - (2 * x0 / a - 1) ** 2), 0.1 * (1 - (2 * x1 / a - 1) ** 2)
        mid = (x0 + x1) / 2
        sag = 0.1 * (1 - (2 * mid / a - 1) ** 2)
        cord = [(x0, top + oval / 2 + 0.05 + sag0), (mid, 0.8 + sag), (x1, top + oval / 2 + 0.05 + sag1)]
        pen.line(cord, 0.03, (246, 240, 224))
    pen.ellipse((0, top + 0.05, a, top + oval + 0.05), rim, part="rim")
    pen.ellipse((0, top, a, top + oval), tone(rim, 0.15), part="rim")
    pen.ellipse((0.05, top + 0.03, a - 0.05, top + oval - 0.03), (244, 236, 216), part="drumhead")
    if sticks:
        for x0, x1 in ((0.08, a * 0.62), (a * 0.95, a * 0.4)):
            pen.line([(x0, 0.04), (x1, top + oval * 0.55)], 0.045, (204, 160, 100), part="drumstick")
            disc(pen, (x1, top + oval * 0.55), 0.045, (176, 130, 76), "drumstick")
    return pen


@kind(
    name="trumpet",
    plural="trumpets",
    group="instrument",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.1, 0.16),
    colors=("yellow", "grey", "orange"),
    materials=("metal",),
    parts=("bell", "valve", "mouthpiece"),
    properties=("makes music",),
)
def draw_trumpet(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 2.3, 2.8)
    pen = make_pen(a)
    w, y = 0.1, 0.36
    bell = vary(rng, 0.3, 0.36)
    pen.line(
        [
            (a * 0.3, y),
            (a * 0.2, y + 0.06),
            (a * 0.18, 0.7),
            (a * 0.24, 0.88),
            (a * 0.6, 0.88),
            (a * 0.67, 0.74),
            (a * 0.66, y + 0.06),
            (a * 0.56, y),
        ],
        w,
        tone(look.color, -0.18),
        smooth=True,
    )
    pen.line([(0.06, y), (a * 0.72, y)], w, look.color)
    flare = [
        (a * 0.6, y - w / 2),
        (a * 0.82, y - 0.1),
        (a * 0.94, y - bell),
        (a * 0.94, y + bell),
        (a * 0.82, y + 0.1),
        (a * 0.6, y + w / 2),
    ]
    pen.polygon(flare, look.color, part="bell")
    pen.shade("vertical")
    pen.ellipse((a * 0.9, y - bell, a, y + bell), tone(look.color, 0.3), part="bell")
    pen.ellipse((a * 0.92, y - bell * 0.75, a * 0.985, y + bell * 0.75), tone(look.color, -0.55), part="bell")
    for x in (0.36, 0.43, 0.5):
        pen.rectangle((a * x, 0.2, a * x + 0.13, 0.92), tone(look.color, 0.2), part="valve", radius=0.03)
        pen.line([(a * x + 0.065, 0.2), (a * x + 0.065, 0.08)], 0.05, (200, 202, 208), part="valve")
        pen.line([(a * x + 0.02, 0.05), (a * x + 0.11, 0.05)], 0.06, (236, 236, 232), part="valve")
    pen.polygon(
        [(0, y - 0.11), (0.12, y - 0.06), (0.12, y + 0.06), (0, y + 0.11)], (206, 208, 214), part="mouthpiece"
    )
    return pen


@kind(
    name="piano",
    plural="pianos",
    group="instrument",
    settings=("indoor",),
    rests_on="surface",
    height=(0.3, 0.44),
    colors=("black", "brown", "white", "red", "blue"),
    materials=("wood",),
    parts=("keyboard", "leg", "pedal"),
    properties=("makes music",),
)
def draw_piano(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An upright piano from the front, with white and black keys."""
    a = vary(rng, 1.15, 1.4)
    pen = make_pen(a)
    y, dark = vary(rng, 0.48, 0.54), tone(look.color, -0.35)
    pen.rectangle((0.05, 0.03, a - 0.05, 0.97), tone(look.color, -0.15))
    pen.rectangle((0.02, 0, a - 0.02, 0.06), tone(look.color, 0.12), radius=0.02)
    pen.rectangle((0.12, 0.11, a - 0.12, y - 0.07), tone(look.color, 0.06))
    pen.rectangle((0.14, y + 0.24, a - 0.14, 0.92), tone(look.color, 0.04))
    cover(pen, look, rng)
    pen.shade("vertical")
    sheet = chance(rng, 0.5)
    if sheet:
        pen.polygon(
            [(a / 2 - 0.16, 0.18), (a / 2 + 0.16, 0.18), (a / 2 + 0.18, y - 0.05), (a / 2 - 0.18, y - 0.05)],
            (250, 248, 240),
        )
        for t in (0.26, 0.32, 0.38):
            pen.line([(a / 2 - 0.12, t), (a / 2 + 0.12, t)], 0.01, (90, 88, 90))
    for x in (0.0, a - 0.09):
        pen.rectangle((x, y - 0.05, x + 0.09, y + 0.2), look.color)
        pen.rectangle((x + 0.01, y + 0.2, x + 0.07, 1), dark, part="leg")
    pen.rectangle((0.08, y + 0.14, a - 0.08, y + 0.22), look.color)
    pen.rectangle((0.09, y - 0.02, a - 0.09, y + 0.14), (248, 246, 240), part="keyboard")
    count = int(rng.integers(14, 19))
    step = (a - 0.18) / count
    for i in range(1, count):
        pen.line(
            [(0.09 + i * step, y - 0.02), (0.09 + i * step, y + 0.14)],
            0.007,
            (150, 146, 142),
            part="keyboard",
        )
        if i % 7 not in (3, 0):
            pen.rectangle(
                (0.09 + (i - 0.3) * step, y - 0.02, 0.09 + (i + 0.3) * step, y + 0.075),
                (26, 24, 26),
                part="keyboard",
            )
    for x in (-0.07, 0.0, 0.07):
        pen.rectangle((a / 2 + x - 0.02, 0.93, a / 2 + x + 0.02, 0.985), BRASS, part="pedal")
    pen.rectangle((0.0, 0.96, 0.16, 1), dark)
    pen.rectangle((a - 0.16, 0.96, a, 1), dark)
    return pen


@kind(
    name="violin",
    plural="violins",
    group="instrument",
    settings=("indoor",),
    rests_on="wall",
    height=(0.22, 0.34),
    colors=("brown", "orange", "red", "black"),
    materials=("wood",),
    parts=("neck", "body", "bow"),
    properties=("makes music",),
)
def draw_violin(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A violin hung up by its scroll, with its bow beside it; two f-holes, a deep waist."""
    a = vary(rng, 0.5, 0.56)
    pen = make_pen(a)
    c, half = a * 0.42, a * 0.4
    pen.line([(a - 0.02, 0.06), (a - 0.03, 0.5), (a - 0.015, 0.96)], 0.022, (104, 66, 40), part="bow")
    pen.line([(a - 0.05, 0.09), (a - 0.05, 0.93)], 0.012, (240, 236, 224), part="bow")
    body = [
        (c, 0.4),
        (c + half * 0.72, 0.42),
        (c + half * 0.76, 0.53),
        (c + half * 0.48, 0.61),
        (c + half * 0.48, 0.71),
        (c + half * 0.92, 0.79),
        (c + half * 0.9, 0.93),
        (c, 0.995),
        (c - half * 0.9, 0.93),
        (c - half * 0.92, 0.79),
        (c - half * 0.48, 0.71),
        (c - half * 0.48, 0.61),
        (c - half * 0.76, 0.53),
        (c - half * 0.72, 0.42),
    ]
    pen.polygon(body, look.color, part="body", smooth=True)
    cover(pen, look, rng)
    pen.shade("round")
    ink = (30, 24, 22) if look.color_name != "black" else (150, 146, 140)
    for side in (-1, 1):
        x = c + side * half * 0.42
        pen.line(
            [(x + side * 0.015, 0.62), (x, 0.66), (x + 0.0, 0.71), (x - side * 0.015, 0.75)],
            0.014,
            ink,
            part="body",
            smooth=True,
        )
    pen.polygon(
        [(c - 0.03, 0.83), (c + 0.03, 0.83), (c + 0.045, 0.95), (c - 0.045, 0.95)], (28, 24, 24), part="body"
    )
    pen.polygon(
        [(c - 0.02, 0.12), (c + 0.02, 0.12), (c + 0.032, 0.62), (c - 0.032, 0.62)], (34, 28, 28), part="neck"
    )
    pen.rectangle((c - 0.026, 0.03, c + 0.026, 0.14), tone(look.color, -0.3), part="neck", radius=0.02)
    disc(pen, (c, 0.03), 0.03, tone(look.color, -0.2), "neck")
    for y in (0.07, 0.11):
        pen.line([(c - 0.06, y), (c + 0.06, y)], 0.016, (34, 28, 28), part="neck")
    for x in (-0.012, 0.012):
        pen.line([(c + x, 0.13), (c + x, 0.84)], 0.006, (230, 226, 216), part=KEEP)
    return pen
