"""Things to wear on the body, hung on a wall, most of them from a hanger."""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, disc, pick, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

ALL = tuple(COLORS)
INSIDE = ("indoor",)
HANGER = (150, 112, 70)


def _hanger(pen: Pen, c: float, width: float, y: float) -> None:
    """The hook and the shoulders of a clothes hanger, drawn before the garment."""
    pen.line(
        [(c - 0.03, 0.03), (c, 0.008), (c + 0.02, 0.03), (c, 0.055), (c, y)],
        0.014,
        (120, 122, 128),
        part="hanger",
    )
    pen.line([(c - width, y + 0.06), (c, y), (c + width, y + 0.06)], 0.022, HANGER, part="hanger")


@kind(
    name="shirt",
    plural="shirts",
    group="clothing",
    settings=INSIDE,
    rests_on="wall",
    height=(0.22, 0.34),
    colors=ALL,
    materials=("cloth",),
    parts=("sleeve", "collar", "button", "hanger"),
    properties=("worn on body",),
)
def draw_shirt(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A T-shirt, or a shirt with long sleeves, collar and buttons, on a hanger."""
    long = chance(rng, 0.45)
    a = vary(rng, 0.95, 1.08)
    pen = make_pen(a)
    c, body, top = a / 2, vary(rng, 0.25, 0.29), 0.14
    _hanger(pen, c, body * 0.4, 0.11)
    end, cut = (0.72, 0.1) if long else (0.42, 0.13)
    for side in (-1, 1):
        far = c + side * (a / 2 - (0.05 if long else 0.0))
        sleeve = [
            (c + side * body * 0.75, top + 0.01),
            (c + side * body * 1.05, top + 0.08),
            (far, end),
            (far - side * cut, end + 0.06),
            (c + side * body * 0.9, 0.42),
        ]
        pen.polygon(sleeve, tone(look.color, -0.14), part="sleeve")
    pen.polygon(
        [
            (c - body * 0.45, top - 0.02),
            (c + body * 0.45, top - 0.02),
            (c + body, top + 0.06),
            (c + body, 0.98),
            (c, 1.0),
            (c - body, 0.98),
            (c - body, top + 0.06),
        ],
        look.color,
    )
    cover(pen, look, rng)
    if long:
        pen.line([(c, 0.2), (c, 0.98)], 0.012, tone(look.color, -0.3))
        for y in np.linspace(0.28, 0.9, 5):
            disc(
                pen, (c + 0.02, y), 0.017, tone(look.color, -0.55 if sum(look.color) > 300 else 0.6), "button"
            )
        for side in (-1, 1):
            pen.polygon(
                [
                    (c, 0.22),
                    (c + side * body * 0.55, top + 0.05),
                    (c + side * body * 0.42, top - 0.035),
                    (c, 0.14),
                ],
                tone(look.color, 0.25),
                part="collar",
            )
    else:
        pen.ellipse(
            (c - body * 0.48, top - 0.07, c + body * 0.48, top + 0.09), tone(look.color, -0.35), part="collar"
        )
        pen.ellipse(
            (c - body * 0.36, top - 0.08, c + body * 0.36, top + 0.05), tone(look.color, -0.6), part="collar"
        )
        if chance(rng, 0.4):
            disc(pen, (c, 0.48), 0.12, look.accent)
    pen.shade("round")
    return pen


@kind(
    name="dress",
    plural="dresses",
    group="clothing",
    settings=INSIDE,
    rests_on="wall",
    height=(0.32, 0.46),
    colors=ALL,
    materials=("cloth",),
    parts=("belt", "sleeve", "strap", "hanger"),
    properties=("worn on body",),
)
def draw_dress(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.56, 0.74)
    pen = make_pen(a)
    c, chest, waist = a / 2, 0.14, vary(rng, 0.095, 0.115)
    _hanger(pen, c, 0.07, 0.08)
    if chance(rng, 0.5):
        for side in (-1, 1):
            pen.polygon(
                [
                    (c + side * 0.09, 0.1),
                    (c + side * 0.17, 0.14),
                    (c + side * 0.22, 0.25),
                    (c + side * 0.13, 0.27),
                ],
                tone(look.color, -0.14),
                part="sleeve",
            )
        pen.polygon(
            [
                (c - 0.1, 0.1),
                (c + 0.1, 0.1),
                (c + chest, 0.16),
                (c + waist, 0.42),
                (c - waist, 0.42),
                (c - chest, 0.16),
            ],
            look.color,
        )
    else:
        for side in (-1, 1):
            pen.line([(c + side * 0.08, 0.09), (c + side * 0.1, 0.2)], 0.028, look.color, part="strap")
        pen.polygon(
            [(c - 0.13, 0.18), (c, 0.22), (c + 0.13, 0.18), (c + waist, 0.42), (c - waist, 0.42)], look.color
        )
    hem = [(c + x * a / 2, 0.97 + (0.03 if i % 2 else 0.0)) for i, x in enumerate(np.linspace(1, -1, 9))]
    pen.polygon([(c - waist, 0.41), (c + waist, 0.41), (a * 0.9, 0.8), *hem, (a * 0.1, 0.8)], look.color)
    for x in (-0.5, -0.15, 0.2, 0.55):
        pen.line([(c + x * waist, 0.5), (c + x * a * 0.45, 0.95)], 0.012, tone(look.color, -0.2))
    cover(pen, look, rng)
    pen.rectangle(
        (c - waist - 0.01, 0.39, c + waist + 0.01, 0.44),
        pick(rng, (look.accent, tone(look.color, -0.4))),
        part="belt",
    )
    pen.shade("round")
    return pen


@kind(
    name="skirt",
    plural="skirts",
    group="clothing",
    settings=INSIDE,
    rests_on="wall",
    height=(0.18, 0.28),
    colors=ALL,
    materials=("cloth",),
    parts=("waistband", "hanger"),
    properties=("worn on body",),
)
def draw_skirt(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.85, 1.15)
    pen = make_pen(a)
    c, waist = a / 2, vary(rng, 0.22, 0.28)
    pen.line(
        [(c - 0.04, 0.05), (c, 0.012), (c + 0.03, 0.05), (c, 0.09), (c, 0.15)],
        0.02,
        (120, 122, 128),
        part="hanger",
    )
    pen.line([(c - waist - 0.05, 0.16), (c + waist + 0.05, 0.16)], 0.03, HANGER, part="hanger")
    hem = [(c + x * a / 2, 0.96 + (0.035 if i % 2 else 0.0)) for i, x in enumerate(np.linspace(1, -1, 9))]
    pen.polygon([(c - waist, 0.2), (c + waist, 0.2), *hem], look.color)
    for x in np.linspace(-0.75, 0.75, 6):
        pen.line([(c + x * waist, 0.3), (c + x * a * 0.48, 0.94)], 0.018, tone(look.color, -0.22))
    cover(pen, look, rng)
    pen.rectangle(
        (c - waist - 0.01, 0.17, c + waist + 0.01, 0.28),
        tone(look.color, -0.35),
        part="waistband",
        radius=0.02,
    )
    pen.shade("round")
    return pen


@kind(
    name="pair of trousers",
    plural="pairs of trousers",
    group="clothing",
    settings=INSIDE,
    rests_on="wall",
    height=(0.28, 0.42),
    colors=("blue", "black", "grey", "brown", "beige", "green", "red", "white", "purple", "orange"),
    materials=("cloth",),
    parts=("leg", "belt", "pocket", "hanger"),
    synonyms=("pair of pants",),
    properties=("worn on body",),
)
def draw_trousers(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.5, 0.6)
    pen = make_pen(a)
    c, waist, crotch = a / 2, a * 0.34, vary(rng, 0.36, 0.42)
    low = vary(rng, 0.09, 0.13)
    pen.line(
        [(c - 0.03, 0.03), (c, 0.008), (c + 0.02, 0.03), (c, 0.05), (c, 0.09)],
        0.014,
        (120, 122, 128),
        part="hanger",
    )
    pen.line([(c - waist - 0.03, 0.095), (c + waist + 0.03, 0.095)], 0.02, HANGER, part="hanger")
    for side in (-1, 1):
        outer, foot = c + side * a * 0.42, c + side * a * 0.3
        leg = [
            (c, 0.3),
            (c + side * waist, 0.3),
            (outer, crotch),
            (foot + side * low, 1),
            (foot - side * low, 1),
            (c + side * 0.01, crotch),
        ]
        pen.polygon(leg, tone(look.color, 0.05 if side > 0 else -0.08), part="leg")
    pen.polygon(
        [(c - waist, 0.11), (c + waist, 0.11), (c + a * 0.42, crotch), (c - a * 0.42, crotch)], look.color
    )
    pen.line([(c, 0.16), (c, crotch)], 0.012, tone(look.color, -0.4))
    cover(pen, look, rng)
    for side in (-1, 1):
        pen.line(
            [(c + side * waist * 0.5, 0.17), (c + side * (waist + 0.02), 0.24)],
            0.016,
            tone(look.color, -0.45),
            part="pocket",
        )
    pen.rectangle(
        (c - waist - 0.005, 0.1, c + waist + 0.005, 0.155),
        pick(rng, ((90, 60, 38), (40, 38, 40), tone(look.color, -0.35))),
        part="belt",
    )
    pen.shade("round")
    return pen


@kind(
    name="scarf",
    plural="scarves",
    group="clothing",
    settings=INSIDE,
    rests_on="wall",
    height=(0.2, 0.32),
    colors=ALL,
    materials=("cloth",),
    parts=("fringe",),
    properties=("keeps warm",),
)
def draw_scarf(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A striped scarf laid round a peg: a loop on top, two ends with fringes below."""
    a = vary(rng, 0.52, 0.68)
    pen = make_pen(a)
    c, w = a / 2, vary(rng, 0.16, 0.2)
    other = pick(rng, (tone(look.color, 0.55), tone(look.color, -0.5), look.accent))
    ends = ((c - 0.1, vary(rng, 0.84, 0.92), -0.03), (c + 0.09, vary(rng, 0.7, 0.92), 0.06))
    for x, low, lean in ends:
        for i in range(5):
            fx = x + lean - w / 2 + (i + 0.5) * w / 5
            pen.line([(fx, low - 0.02), (fx, low + 0.07)], 0.02, tone(look.color, -0.15), part="fringe")
        quad = [(x - w / 2, 0.34), (x + w / 2, 0.34), (x + w / 2 + lean, low), (x - w / 2 + lean, low)]
        pen.polygon(quad, tone(look.color, -0.1 if lean > 0 else 0.04))
        for y in (low - 0.2, low - 0.09):
            t = (y - 0.34) / (low - 0.34)
            pen.polygon(
                [
                    (x - w / 2 + lean * t, y),
                    (x + w / 2 + lean * t, y),
                    (x + w / 2 + lean * t, y + 0.045),
                    (x - w / 2 + lean * t, y + 0.045),
                ],
                other,
            )
    pen.ring((c - a * 0.46, 0, c + a * 0.46, 0.46), w * 0.82, look.color)
    pen.ellipse((c - w * 0.75, 0.3, c + w * 0.75, 0.5), tone(look.color, -0.2))
    if chance(rng, 0.6):
        pen.texture("stripes", 0.08)
    pen.shade("round")
    return pen


@kind(
    name="tie",
    plural="ties",
    group="clothing",
    settings=INSIDE,
    rests_on="wall",
    height=(0.18, 0.3),
    colors=ALL,
    materials=("cloth",),
    parts=("knot",),
)
def draw_tie(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.26, 0.34)
    pen = make_pen(a)
    c, w = a / 2, a / 2
    pen.polygon([(c - w * 0.4, 0.1), (c + w * 0.4, 0.1), (c + w, 0.82), (c, 1.0), (c - w, 0.82)], look.color)
    pattern = pick(rng, ("stripes", "spots", "none"))
    if pattern == "stripes":
        stripe = pick(rng, (tone(look.color, 0.5), look.accent))
        for y in (0.3, 0.48, 0.66):
            half = w * (0.4 + 0.6 * (y - 0.1) / 0.72)
            pen.polygon(
                [
                    (c - half * 0.96, y),
                    (c + half * 1.02, y - 0.07),
                    (c + half * 1.05, y - 0.015),
                    (c - half, y + 0.055),
                ],
                stripe,
            )
    elif pattern == "spots":
        for y in (0.28, 0.42, 0.56, 0.7, 0.84):
            for x in (-0.3, 0.3):
                disc(pen, (c + x * w * (0.5 + y * 0.5), y + x * 0.08), 0.018, tone(look.color, 0.65))
    pen.polygon(
        [(c - w * 0.75, 0), (c + w * 0.75, 0), (c + w * 0.42, 0.13), (c - w * 0.42, 0.13)],
        tone(look.color, -0.25),
        part="knot",
    )
    pen.shade("round")
    return pen
