"""Things that carry people on rails, on water and in the air. Side views face right."""

from __future__ import annotations

import math

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, disc, pick, tone, vary
from segue.scenes.kinds.vehicles import LAMP, PAINTED, STEEL, TYRE, WINDOW, wheel
from segue.scenes.pen import Look, Pen


@kind(
    name="train",
    plural="trains",
    group="vehicle",
    settings=("landscape",),
    rests_on="ground",
    height=(0.16, 0.26),
    colors=PAINTED,
    parts=("wheel", "window", "door", "chimney"),
    properties=("can carry people", "runs on rails"),
)
def draw_train(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A steam engine with a carriage, or a modern railcar with a sloping nose."""
    if chance(rng, 0.5):
        return _railcar(make_pen, look, rng)
    a = vary(rng, 2.7, 3.3)
    pen = make_pen(a)
    gap = a * 0.42
    dark = tone(look.color, -0.5)
    pen.line([(gap - 0.1, 0.84), (gap + 0.15, 0.84)], 0.05, (50, 50, 56))
    pen.rectangle((0, 0.3, gap - 0.05, 0.86), tone(look.color, 0.1), radius=0.03)
    pen.rectangle((gap + 0.05, 0.14, gap + 0.52, 0.86), look.color)
    pen.rectangle((gap + 0.4, 0.38, a - 0.12, 0.8), look.color, radius=0.08)
    stack = a - vary(rng, 0.35, 0.45)
    pen.polygon(
        [(stack - 0.1, 0.02), (stack + 0.1, 0.02), (stack + 0.05, 0.42), (stack - 0.05, 0.42)],
        (48, 46, 50),
        part="chimney",
    )
    pen.ellipse(((gap + stack) / 2 + 0.06, 0.26, (gap + stack) / 2 + 0.28, 0.5), (214, 172, 70))
    pen.shade("vertical")
    pen.rectangle((-0.0, 0.24, gap - 0.03, 0.34), dark, radius=0.03)
    pen.rectangle((gap, 0.08, gap + 0.57, 0.18), dark, radius=0.03)
    for x in np.linspace(0.1, gap - 0.32, 4):
        pen.rectangle((x, 0.42, x + 0.17, 0.6), WINDOW, part="window", radius=0.02)
    pen.rectangle((gap + 0.13, 0.25, gap + 0.43, 0.48), WINDOW, part="window", radius=0.02)
    for x in np.linspace(gap + 0.7, a - 0.3, 3):
        pen.line([(x, 0.4), (x, 0.78)], 0.03, (220, 180, 80))
    disc(pen, (a - 0.12, 0.5), 0.06, LAMP)
    pen.polygon([(a - 0.22, 0.78), (a - 0.08, 0.78), (a, 0.98), (a - 0.22, 0.98)], (170, 50, 44))
    for x in (0.16, 0.36, gap - 0.36, gap - 0.16):
        wheel(pen, x, 0.09, hub=(150, 40, 36))
    for x in (gap + 0.25, gap + 0.58):
        wheel(pen, x, 0.17, hub=(190, 60, 50))
    for x in np.arange(gap + 0.88, a - 0.22, 0.25):
        wheel(pen, float(x), 0.11, hub=(190, 60, 50))
    pen.line([(gap + 0.25, 0.83), (a - 0.35, 0.87)], 0.035, (210, 212, 216))
    return pen


def _railcar(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 3.2, 4.2)
    pen = make_pen(a)
    cars = 2 if a < 3.8 else 3
    step = (a - 0.35) / cars
    low, top = 0.86, 0.1
    body = [
        (0, top),
        (a - 0.75, top),
        (a - 0.35, top + 0.1),
        (a - 0.05, 0.58),
        (a, low - 0.06),
        (a - 0.08, low),
        (0, low),
    ]
    pen.polygon(body, look.color)
    pen.rectangle((0, 0.6, a - 0.08, 0.7), pick(rng, ((240, 240, 236), look.accent)))
    pen.shade("vertical")
    for i in range(cars):
        x0 = i * step
        if i:
            pen.rectangle((x0 - 0.03, top - 0.02, x0 + 0.03, low), (60, 60, 66))
        windows = np.linspace(x0 + 0.1, x0 + step - (0.25 if i < cars - 1 else 0.6), 4)
        for j, x in enumerate(windows):
            wide = (windows[1] - windows[0]) - 0.06
            if j == 1:
                pen.rectangle(
                    (x + 0.02, 0.24, x + wide - 0.02, low - 0.03), tone(look.color, -0.3), part="door"
                )
                pen.rectangle((x + 0.05, 0.28, x + wide - 0.05, 0.52), WINDOW, part="door")
            else:
                pen.rectangle((x, 0.26, x + wide, 0.52), WINDOW, part="window", radius=0.03)
        for x in (x0 + 0.2, x0 + 0.42, x0 + step - 0.42, x0 + step - 0.2):
            wheel(pen, x, 0.085, hub=STEEL)
    pen.polygon(
        [(a - 0.52, 0.24), (a - 0.34, 0.26), (a - 0.15, 0.5), (a - 0.5, 0.5)], (40, 48, 58), part="window"
    )
    if chance(rng, 0.5):
        pen.line(
            [(a * 0.3, top), (a * 0.3 + 0.15, 0.05), (a * 0.3, 0.01), (a * 0.3 + 0.25, 0.01)],
            0.025,
            (70, 70, 76),
        )
    return pen


@kind(
    name="boat",
    plural="boats",
    group="vehicle",
    settings=("landscape",),
    rests_on="water",
    height=(0.13, 0.24),
    colors=PAINTED,
    materials=("wood", "metal", "plastic"),
    parts=("hull", "sail", "mast", "cabin", "window", "oar"),
    properties=("can carry people", "catches fish or floats"),
)
def draw_boat(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A sailing boat, a motor boat with a cabin, or a rowing boat; the hull gives the colour."""
    form = pick(rng, ("sail", "sail", "motor", "row"))
    if form == "sail":
        a = vary(rng, 0.8, 1.05)
        pen = make_pen(a)
        mast, deck = a * vary(rng, 0.45, 0.55), 0.76
        sail = pick(rng, ((244, 242, 234), (244, 242, 234), look.accent, (232, 214, 170)))
        pen.polygon(
            [(mast + 0.04, 0.04), (a - 0.06, deck - 0.08), (mast + 0.04, deck - 0.06)], sail, part="sail"
        )
        pen.polygon(
            [(mast - 0.03, vary(rng, 0.08, 0.2)), (mast - 0.03, deck - 0.06), (0.06, deck - 0.08)],
            tone(sail, -0.1),
            part="sail",
        )
        pen.line([(mast, 0.01), (mast, deck)], 0.03, (110, 78, 48), part="mast")
        hull = [(0, deck), (a, deck - 0.04), (a * 0.86, 0.98), (a * 0.16, 0.98)]
    elif form == "motor":
        a = vary(rng, 1.7, 2.2)
        pen = make_pen(a)
        deck = 0.5
        pen.rectangle((a * 0.2, 0.08, a * 0.58, deck + 0.06), (240, 240, 236), part="cabin", radius=0.04)
        for x in (0.25, 0.37, 0.48):
            pen.rectangle((a * x, 0.18, a * (x + 0.08), 0.36), (90, 140, 170), part="window", radius=0.02)
        pen.rectangle((a * 0.16, 0, a * 0.62, 0.09), tone(look.color, -0.2), radius=0.03)
        hull = [(0, deck), (a, deck - 0.08), (a * 0.86, 0.98), (0.06, 0.98)]
    else:
        a = vary(rng, 2.7, 3.2)
        pen = make_pen(a)
        deck = 0.34
        pen.line([(a * 0.5, 0.05), (a * 0.3, 0.7)], 0.05, (190, 150, 100))
        pen.ellipse((0.05, 0.18, a - 0.05, 0.52), tone(look.color, -0.5))
        hull = [
            (0, deck - 0.12),
            (a * 0.2, deck),
            (a * 0.8, deck),
            (a, deck - 0.14),
            (a * 0.86, 0.95),
            (a * 0.14, 0.98),
        ]
    pen.polygon(hull, look.color, part="hull")
    if look.material == "wood":
        for t in (0.35, 0.68):
            y = deck + (0.98 - deck) * t
            pen.line(
                [(a * (0.03 + 0.11 * t), y), (a * (0.97 - 0.1 * t), y)],
                0.02,
                tone(look.color, -0.35),
                part="hull",
            )
    pen.shade("flat")
    if form == "row":
        for x in (0.36, 0.64):
            pen.line([(a * x, 0.12), (a * x - 0.3, 0.66)], 0.045, (206, 166, 112), part="oar")
            pen.ellipse((a * x - 0.38, 0.6, a * x - 0.22, 0.84), (206, 166, 112), part="oar")
    else:
        rim = pick(rng, ((246, 246, 242), tone(look.color, -0.4)))
        pen.line([(0.03, deck + 0.015), (a - 0.03, hull[1][1] + 0.02)], 0.035, rim, part="hull")
    return pen


@kind(
    name="airplane",
    plural="airplanes",
    group="vehicle",
    settings=("landscape", "street"),
    rests_on="sky",
    height=(0.09, 0.18),
    colors=PAINTED,
    materials=("metal",),
    parts=("wing", "tail", "window", "propeller"),
    synonyms=("plane",),
    properties=("can fly", "can carry people"),
)
def draw_airplane(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A jet, or a small plane with a propeller, climbing or level."""
    small = chance(rng, 0.4)
    a = vary(rng, 1.7, 2.0) if small else vary(rng, 2.2, 2.6)
    pen = make_pen(a)
    y, half = 0.55, vary(rng, 0.13, 0.16) if not small else vary(rng, 0.16, 0.2)
    dark = tone(look.color, -0.25)
    pen.polygon(
        [(a * 0.5, y - 0.02), (a * 0.36, 0.14), (a * 0.42, 0.14), (a * 0.62, y - 0.02)], dark, part="wing"
    )
    body = [
        (0.02, y - 0.06),
        (a * 0.2, y - half * 0.8),
        (a * 0.55, y - half),
        (a * 0.85, y - half * 0.8),
        (a * 0.98, y - half * 0.1),
        (a * 0.97, y + half * 0.4),
        (a * 0.8, y + half),
        (a * 0.4, y + half),
        (a * 0.12, y + half * 0.4),
    ]
    pen.polygon(body, look.color, smooth=True)
    pen.polygon(
        [(a * 0.02, 0.04), (a * 0.09, 0.04), (a * 0.22, y - half * 0.6), (a * 0.03, y - 0.02)],
        dark,
        part="tail",
    )
    pen.shade("round")
    if small:
        pen.polygon(
            [
                (a * 0.55, y - half * 0.95),
                (a * 0.6, y - half * 1.5),
                (a * 0.72, y - half * 1.4),
                (a * 0.8, y - half * 0.7),
            ],
            WINDOW,
            part="window",
        )
        pen.line([(a * 0.98, y - 0.28), (a * 0.98, y + 0.3)], 0.04, (70, 70, 76), part="propeller")
        disc(pen, (a * 0.6, 0.92), 0.08, TYRE)
        pen.line([(a * 0.58, y + half), (a * 0.6, 0.9)], 0.04, STEEL)
    else:
        for x in np.linspace(a * 0.24, a * 0.8, 9):
            pen.ellipse((x, y - 0.07, x + 0.06, y + 0.01), (60, 80, 100), part="window")
        pen.polygon(
            [(a * 0.86, y - half * 0.5), (a * 0.93, y - half * 0.2), (a * 0.87, y - 0.01)],
            (60, 80, 100),
            part="window",
        )
        pen.rectangle((a * 0.46, y + half, a * 0.58, y + half + 0.12), STEEL, radius=0.05)
    span = 0.98 if not small else 0.86
    pen.polygon(
        [(a * 0.44, y + 0.05), (a * 0.62, y + 0.05), (a * 0.4, span), (a * 0.32, span)],
        tone(look.color, -0.12),
        part="wing",
    )
    pen.polygon(
        [(a * 0.06, y - 0.03), (a * 0.14, y - 0.03), (a * 0.06, y + 0.14), (0.01, y + 0.14)],
        dark,
        part="tail",
    )
    return pen


@kind(
    name="helicopter",
    plural="helicopters",
    group="vehicle",
    settings=("landscape", "street"),
    rests_on="sky",
    height=(0.1, 0.2),
    colors=PAINTED,
    parts=("rotor", "tail", "window", "skid"),
    properties=("can fly", "can carry people"),
)
def draw_helicopter(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 1.7, 2.1)
    pen = make_pen(a)
    cabin = a * vary(rng, 0.5, 0.56)
    pen.line([(cabin + 0.1, 0.84), (cabin + 0.06, 0.95)], 0.035, (60, 60, 66), part="skid")
    pen.line([(a - 0.35, 0.84), (a - 0.3, 0.95)], 0.035, (60, 60, 66), part="skid")
    pen.line([(cabin - 0.1, 0.97), (a - 0.15, 0.97), (a - 0.06, 0.9)], 0.045, (60, 60, 66), part="skid")
    pen.polygon(
        [(0.08, 0.36), (cabin + 0.2, 0.34), (cabin + 0.1, 0.66), (0.1, 0.48)],
        tone(look.color, -0.12),
        part="tail",
    )
    pen.polygon([(0.0, 0.16), (0.12, 0.16), (0.24, 0.42), (0.1, 0.54)], tone(look.color, -0.3), part="tail")
    pen.ellipse((cabin - 0.15, 0.22, a, 0.88), look.color)
    pen.shade("round")
    pen.polygon(
        [(a - 0.48, 0.32), (a - 0.3, 0.34), (a - 0.1, 0.48), (a - 0.05, 0.6), (a - 0.48, 0.6)],
        WINDOW,
        part="window",
    )
    pen.rectangle((a - 0.8, 0.34, a - 0.54, 0.58), WINDOW, part="window", radius=0.04)
    mast = (cabin + a) / 2 - 0.1
    pen.line([(mast, 0.06), (mast, 0.26)], 0.07, (70, 70, 76))
    pen.line([(a * vary(rng, 0.12, 0.3), 0.05), (a - 0.02, 0.05)], 0.045, (50, 50, 56), part="rotor")
    turn = vary(rng, 0, math.pi)
    dx, dy = 0.13 * math.cos(turn), 0.13 * math.sin(turn)
    pen.line([(0.1 - dx, 0.3 - dy), (0.1 + dx, 0.3 + dy)], 0.035, (50, 50, 56), part="rotor")
    return pen


@kind(
    name="hot-air balloon",
    plural="hot-air balloons",
    group="vehicle",
    settings=("landscape",),
    rests_on="sky",
    height=(0.18, 0.34),
    colors=("red", "orange", "yellow", "green", "blue", "purple", "pink", "white"),
    materials=("cloth",),
    parts=("canopy", "basket", "rope"),
    properties=("can fly", "can carry people"),
)
def draw_hot_air_balloon(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.66, 0.78)
    pen = make_pen(a)
    c, low, half = a / 2, 0.76, 0.1
    for x in (-1, -0.35, 0.35, 1):
        pen.line(
            [(c + x * half * 1.3, low - 0.04), (c + x * half * 0.9, 0.89)], 0.014, (80, 62, 44), part="rope"
        )

    def gore(scale: float) -> list[tuple[float, float]]:
        """The balloon's outline with its width scaled: a narrower one inside gives the stripes."""
        s = scale * c
        right = [
            (c + s * 0.55, 0.05),
            (c + s * 0.98, 0.25),
            (c + s * 0.92, 0.45),
            (c + s * 0.42, 0.68),
            (c + half * scale, low),
        ]
        return [(c, 0), *right, *[(2 * c - x, y) for x, y in reversed(right)]]

    other = pick(rng, (tone(look.color, 0.35), tone(look.color, -0.35), look.accent))
    stripes = chance(rng, 0.65)
    fills = (look.color, other, look.color) if stripes else (look.color,)
    for scale, fill in zip((1.0, 0.68, 0.34), fills, strict=False):
        pen.polygon(gore(scale), fill, part="canopy", smooth=True)
    if not stripes:
        pen.rectangle((0.02 * a, 0.32, a * 0.98, 0.4), other, part="canopy")
    pen.shade("round")
    pen.rectangle((c - half, 0.87, c + half, 1), (150, 104, 60), part="basket", radius=0.03)
    pen.rectangle((c - half - 0.01, 0.86, c + half + 0.01, 0.9), (104, 70, 42), part="basket", radius=0.015)
    return pen
