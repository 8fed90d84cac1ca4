"""Small things to wear, laid down: on the head, the hands and the feet."""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, disc, pick, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

ALL = tuple(COLORS)
ANYWHERE_IN = ("indoor", "table-top")
SOLE = (236, 232, 224)


@kind(
    name="hat",
    plural="hats",
    group="clothing",
    settings=ANYWHERE_IN,
    rests_on="surface",
    height=(0.1, 0.2),
    colors=ALL,
    materials=("cloth", "leather"),
    parts=("brim", "band"),
    properties=("worn on head",),
)
def draw_hat(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A hat with a brim, a top hat, a cap with a peak, or a knitted one with a bobble."""
    form = pick(rng, ("brim", "brim", "top", "cap", "knit"))
    band = look.accent
    if form == "brim":
        a = vary(rng, 1.7, 2.2)
        pen = make_pen(a)
        c, half = a / 2, a * vary(rng, 0.24, 0.29)
        pen.ellipse((0, 0.56, a, 1), tone(look.color, -0.12), part="brim")
        crown = [
            (c - half, 0.78),
            (c - half * 0.9, 0.25),
            (c - half * 0.5, 0.02),
            (c, 0.09),
            (c + half * 0.5, 0.02),
            (c + half * 0.9, 0.25),
            (c + half, 0.78),
            (c, 0.86),
        ]
        pen.polygon(crown, look.color, smooth=True)
        cover(pen, look, rng)
        pen.shade("round")
        ribbon = [
            (c - half * 1.0, 0.62),
            (c, 0.7),
            (c + half * 1.0, 0.62),
            (c + half, 0.77),
            (c, 0.85),
            (c - half, 0.77),
        ]
        pen.polygon(ribbon, band, part="band")
    elif form == "top":
        a = vary(rng, 1.1, 1.35)
        pen = make_pen(a)
        c, half = a / 2, a * 0.29
        pen.ellipse((0, 0.72, a, 1), tone(look.color, -0.1), part="brim")
        pen.polygon(
            [(c - half * 1.1, 0.08), (c + half * 1.1, 0.08), (c + half, 0.85), (c - half, 0.85)], look.color
        )
        pen.ellipse((c - half, 0.78, c + half, 0.92), look.color)
        pen.shade("round")
        pen.ellipse((c - half * 1.1, 0, c + half * 1.1, 0.16), tone(look.color, 0.15))
        pen.polygon(
            [(c - half, 0.64), (c + half, 0.64), (c + half, 0.82), (c, 0.88), (c - half, 0.82)],
            band,
            part="band",
        )
    elif form == "cap":
        a = vary(rng, 1.5, 1.8)
        pen = make_pen(a)
        pen.polygon(
            [(a * 0.5, 0.72), (a * 0.8, 0.7), (a, 0.86), (a * 0.97, 0.96), (a * 0.6, 0.98), (a * 0.42, 0.9)],
            tone(look.color, -0.25),
            part="brim",
            smooth=True,
        )
        pen.polygon(
            [
                (0.0, 0.92),
                (0.02, 0.5),
                (a * 0.2, 0.12),
                (a * 0.38, 0.05),
                (a * 0.58, 0.16),
                (a * 0.69, 0.55),
                (a * 0.7, 0.86),
                (a * 0.35, 0.99),
            ],
            look.color,
            smooth=True,
        )
        cover(pen, look, rng)
        pen.line(
            [(a * 0.38, 0.06), (a * 0.32, 0.5), (a * 0.34, 0.96)], 0.02, tone(look.color, -0.3), smooth=True
        )
        pen.shade("round")
        pen.ellipse((a * 0.33, 0.0, a * 0.43, 0.09), tone(look.color, -0.3))
    else:
        a = vary(rng, 0.95, 1.15)
        pen = make_pen(a)
        disc(pen, (a / 2, 0.14), 0.14, tone(band, 0.1))
        pen.polygon(
            [
                (0.06, 0.8),
                (0.08, 0.5),
                (a * 0.26, 0.24),
                (a / 2, 0.17),
                (a * 0.74, 0.24),
                (a - 0.08, 0.5),
                (a - 0.06, 0.8),
            ],
            look.color,
            smooth=True,
        )
        pen.texture("stripes", 0.08)
        pen.rectangle((0, 0.7, a, 1), tone(look.color, -0.2), part="band", radius=0.08)
        for x in np.linspace(0.1, a - 0.1, 9):
            pen.line([(x, 0.74), (x, 0.96)], 0.02, tone(look.color, -0.35), part="band")
        pen.shade("round")
    return pen


@kind(
    name="shoe",
    plural="shoes",
    group="clothing",
    settings=ANYWHERE_IN,
    rests_on="surface",
    height=(0.1, 0.18),
    colors=ALL,
    materials=("leather", "cloth"),
    parts=("sole", "lace", "heel"),
    properties=("worn on feet",),
)
def draw_shoe(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A trainer with laces and a pale sole, or a woman's shoe with a high heel."""
    if chance(rng, 0.3):
        a = vary(rng, 1.25, 1.45)
        pen = make_pen(a)
        pen.polygon([(0.05, 0.3), (0.2, 0.4), (0.13, 1), (0.05, 1)], tone(look.color, -0.35), part="heel")
        pen.polygon(
            [
                (0.0, 0.06),
                (0.1, 0.02),
                (0.26, 0.3),
                (a * 0.45, 0.55),
                (a * 0.66, 0.62),
                (a * 0.9, 0.8),
                (a, 0.95),
                (a * 0.95, 0.99),
                (a * 0.6, 0.98),
                (a * 0.42, 0.82),
                (0.25, 0.52),
                (0.06, 0.42),
            ],
            look.color,
            smooth=True,
        )
        pen.polygon(
            [(0.26, 0.3), (a * 0.45, 0.53), (a * 0.66, 0.62), (a * 0.5, 0.66), (0.3, 0.42)],
            tone(look.color, -0.5),
        )
        pen.shade("round")
        return pen
    a = vary(rng, 1.7, 2.1)
    pen = make_pen(a)
    high = vary(rng, 0.0, 0.12)
    upper = [
        (0.04, 0.86),
        (0.05, 0.4),
        (0.03, high + 0.05),
        (0.14, high),
        (0.3, high + 0.12),
        (a * 0.32, high + 0.06),
        (a * 0.4, high),
        (a * 0.52, 0.3),
        (a * 0.72, 0.48),
        (a * 0.93, 0.6),
        (a * 0.99, 0.86),
    ]
    pen.polygon(upper, look.color)
    cover(pen, look, rng)
    pen.polygon(
        [(a * 0.72, 0.48), (a * 0.93, 0.6), (a * 0.99, 0.86), (a * 0.76, 0.86)], tone(look.color, -0.18)
    )
    pen.shade("round")
    sole = pick(rng, (SOLE, SOLE, (60, 50, 44), tone(look.accent, 0.2)))
    pen.polygon(
        [(0, 0.82), (a * 0.98, 0.8), (a, 0.92), (a * 0.96, 1), (0.04, 1), (0, 0.94)], sole, part="sole"
    )
    if chance(rng, 0.5):
        pen.line([(a * 0.2, 0.75), (a * 0.36, 0.5), (a * 0.46, 0.72)], 0.06, tone(look.accent, 0.1))
    lace = (244, 244, 240) if look.color_name not in ("white", "beige", "yellow") else (70, 70, 76)
    for t in (0.0, 0.35, 0.7):
        x, y = a * (0.4 + 0.2 * t), 0.1 + 0.34 * t + high * 0.5
        pen.line([(x - 0.12, y + 0.05), (x + 0.08, y)], 0.045, lace, part="lace")
    return pen


@kind(
    name="boot",
    plural="boots",
    group="clothing",
    settings=ANYWHERE_IN,
    rests_on="surface",
    height=(0.16, 0.26),
    colors=ALL,
    materials=("leather", "plastic"),
    parts=("sole", "cuff"),
    properties=("worn on feet",),
)
def draw_boot(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.72, 0.9)
    pen = make_pen(a)
    leg = vary(rng, 0.38, 0.46)
    shape = [
        (0.03, 0),
        (leg, 0),
        (leg - 0.02, 0.55),
        (a * 0.72, 0.66),
        (a * 0.95, 0.74),
        (a, 0.92),
        (0.04, 0.92),
        (0.06, 0.5),
    ]
    pen.polygon(shape, look.color)
    pen.polygon([(a * 0.6, 0.62), (a * 0.95, 0.74), (a, 0.92), (a * 0.6, 0.92)], look.color, smooth=True)
    cover(pen, look, rng)
    pen.shade("round")
    pen.rectangle(
        (0, 0, leg + 0.03, 0.1),
        pick(rng, (tone(look.color, 0.35), tone(look.color, -0.4), look.accent)),
        part="cuff",
        radius=0.02,
    )
    dark = pick(rng, ((48, 40, 36), SOLE, tone(look.color, -0.5)))
    pen.rectangle((0.02, 0.9, a, 0.96), dark, part="sole", radius=0.02)
    pen.rectangle((0.02, 0.92, 0.28, 1), dark, part="sole", radius=0.01)
    pen.rectangle((a * 0.55, 0.92, a * 0.97, 1), dark, part="sole", radius=0.02)
    return pen


@kind(
    name="sock",
    plural="socks",
    group="clothing",
    settings=ANYWHERE_IN,
    rests_on="surface",
    height=(0.12, 0.2),
    colors=ALL,
    materials=("cloth",),
    parts=("cuff", "heel", "toe"),
    properties=("worn on feet", "keeps warm"),
)
def draw_sock(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Soft and without a sole; cuff, heel and toe in another tone."""
    a = vary(rng, 0.72, 0.85)
    pen = make_pen(a)
    other = pick(rng, (tone(look.color, 0.5), tone(look.color, -0.4), look.accent))
    leg = 0.34
    shape = [
        (0.04, 0.02),
        (leg, 0.02),
        (leg, 0.5),
        (a * 0.7, 0.66),
        (a * 0.97, 0.76),
        (a * 0.97, 0.94),
        (a * 0.7, 1.0),
        (0.3, 0.93),
        (0.06, 0.76),
        (0.02, 0.5),
    ]
    pen.polygon(shape, look.color, smooth=True)
    if chance(rng, 0.5):
        for y in (0.24, 0.38):
            pen.polygon([(0.015, y), (leg + 0.01, y), (leg + 0.01, y + 0.06), (0.015, y + 0.06)], other)
    pen.ellipse((a * 0.76, 0.72, a, 0.99), other, part="toe")
    pen.ellipse((0.03, 0.64, 0.27, 0.88), other, part="heel")
    pen.rectangle((0.02, 0, leg + 0.02, 0.15), other, part="cuff", radius=0.03)
    for x in np.linspace(0.07, leg - 0.02, 5):
        pen.line([(x, 0.03), (x, 0.12)], 0.015, tone(other, -0.2), part="cuff")
    pen.shade("round")
    return pen


@kind(
    name="glove",
    plural="gloves",
    group="clothing",
    settings=ANYWHERE_IN,
    rests_on="surface",
    height=(0.12, 0.2),
    colors=ALL,
    materials=("cloth", "leather"),
    parts=("fingers", "thumb", "cuff"),
    properties=("worn on hands", "keeps warm"),
)
def draw_glove(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.68, 0.78)
    pen = make_pen(a)
    w = a * 0.15
    palm0, palm1 = a * 0.26, a * 0.94
    roots = np.linspace(palm0 + w / 2, palm1 - w / 2, 4)
    for x, top in zip(roots, (0.14, 0.06, 0.08, 0.2), strict=True):
        spread = (x - (palm0 + palm1) / 2) * 0.22
        pen.line([(x + spread, top), (x, 0.55)], w * 1.05, tone(look.color, 0.06), part="fingers")
    pen.limb([(0.07, 0.42), (palm0 + 0.05, 0.66)], (w * 1.0, w * 1.3), tone(look.color, 0.06), part="thumb")
    pen.rectangle((palm0, 0.45, palm1, 0.85), look.color, radius=0.08)
    cover(pen, look, rng)
    pen.rectangle(
        (palm0 + 0.03, 0.79, palm1 - 0.03, 1),
        pick(rng, (tone(look.color, -0.3), look.accent)),
        part="cuff",
        radius=0.04,
    )
    pen.shade("round")
    return pen


@kind(
    name="pair of glasses",
    plural="pairs of glasses",
    group="clothing",
    settings=("table-top",),
    rests_on="surface",
    height=(0.06, 0.11),
    colors=("black", "red", "blue", "brown", "green", "purple", "pink", "orange"),
    materials=("plastic", "metal"),
    parts=("lens",),
    synonyms=("pair of spectacles",),
)
def draw_glasses(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Glasses from the front, with the arms folded back behind."""
    a = vary(rng, 2.2, 2.6)
    pen = make_pen(a)
    lens = pick(rng, ((206, 226, 236), (206, 226, 236), (70, 74, 80), (120, 96, 70)))
    wide, round_ones, w = a * 0.43, chance(rng, 0.5), vary(rng, 0.1, 0.15)
    pen.line([(0.08, 0.3), (a * 0.5, 0.12), (a - 0.08, 0.3)], 0.08, tone(look.color, -0.3))
    for x in (0.0, a - wide):
        if round_ones:
            pen.ellipse((x, 0.02, x + wide, 1), look.color)
            pen.ellipse((x + w, 0.02 + w, x + wide - w, 1 - w), lens, part="lens")
        else:
            pen.rectangle((x, 0.06, x + wide, 1), look.color, radius=0.25)
            pen.rectangle((x + w, 0.06 + w, x + wide - w, 1 - w), lens, part="lens", radius=0.18)
        pen.line([(x + wide * 0.3, 0.7), (x + wide * 0.5, 0.3)], 0.06, tone(lens, 0.5), part="lens")
    pen.arc((wide - w * 0.6, 0.26, a - wide + w * 0.6, 0.8), 200, 340, w * 0.9, look.color)
    return pen
