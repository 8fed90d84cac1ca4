"""Things with a plug or a battery: screens, cameras, radios, headphones."""

from __future__ import annotations

import math

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, disc, pick, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

CASES = ("black", "grey", "white", "red", "blue", "pink", "green", "orange", "yellow", "purple")
INK, STEEL = (30, 32, 38), (176, 180, 188)


def _picture(pen: Pen, box: tuple[float, float, float, float], rng: np.random.Generator, part: str) -> None:
    """What a screen shows: a view, a text, a chart, or nothing (dark, with a gleam)."""
    x0, y0, x1, y1 = box
    w, h = x1 - x0, y1 - y0
    form = pick(rng, ("dark", "view", "text", "chart"))
    if form == "dark":
        pen.rectangle(box, (36, 42, 54), part=part)
        pen.polygon(
            [(x0 + w * 0.1, y1), (x0 + w * 0.4, y0), (x0 + w * 0.6, y0), (x0 + w * 0.3, y1)],
            (58, 66, 80),
            part=part,
        )
    elif form == "view":
        pen.rectangle(box, (130, 190, 230), part=part)
        pen.rectangle(
            (x0, y0 + h * 0.62, x1, y1),
            pick(rng, ((96, 160, 84), (214, 186, 120), (64, 120, 180))),
            part=part,
        )
        pen.polygon(
            [(x0 + w * 0.2, y0 + h * 0.62), (x0 + w * 0.45, y0 + h * 0.25), (x0 + w * 0.7, y0 + h * 0.62)],
            (120, 110, 140),
            part=part,
        )
        pen.ellipse(
            (x1 - w * 0.22, y0 + h * 0.1, x1 - w * 0.22 + h * 0.18, y0 + h * 0.28), (252, 226, 110), part=part
        )
    elif form == "text":
        pen.rectangle(box, (236, 240, 246), part=part)
        for i, t in enumerate((0.2, 0.4, 0.6, 0.8)):
            stop = x0 + w * (0.86 if i % 2 else 0.66)
            pen.line([(x0 + w * 0.14, y0 + h * t), (stop, y0 + h * t)], h * 0.06, (90, 110, 160), part=part)
    else:
        pen.rectangle(box, (44, 58, 88), part=part)
        for i, t in enumerate((0.35, 0.6, 0.45, 0.78)):
            x = x0 + w * (0.14 + 0.2 * i)
            fill = ((240, 120, 90), (250, 200, 90), (110, 200, 150), (120, 180, 240))[i]
            pen.rectangle((x, y1 - h * t, x + w * 0.12, y1 - h * 0.1), fill, part=part)


@kind(
    name="laptop",
    plural="laptops",
    group="electronics",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.16, 0.28),
    colors=CASES,
    materials=("metal", "plastic"),
    parts=("screen", "keyboard", "touchpad"),
    properties=("shows pictures or text",),
)
def draw_laptop(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An open laptop from the front: the lid upright, the keyboard lying before it."""
    a = vary(rng, 1.25, 1.5)
    pen = make_pen(a)
    inset, fold = vary(rng, 0.06, 0.12), vary(rng, 0.64, 0.7)
    edge = 0.05
    pen.rectangle((inset, 0, a - inset, fold), look.color, radius=0.04)
    _picture(pen, (inset + edge, edge, a - inset - edge, fold - 0.08), rng, "screen")
    pen.polygon([(inset, fold), (a - inset, fold), (a, 0.95), (0, 0.95)], tone(look.color, 0.14))
    pen.rectangle((0, 0.94, a, 1), tone(look.color, -0.3), radius=0.02)
    keys = tone(look.color, -0.6) if sum(look.color) > 150 else (96, 98, 104)
    low = fold + 0.17
    pen.polygon(
        [(inset + 0.04, fold + 0.03), (a - inset - 0.04, fold + 0.03), (a - inset, low), (inset, low)],
        keys,
        part="keyboard",
    )
    for t in (0.35, 0.68):
        y = fold + 0.03 + (low - fold - 0.03) * t
        pen.line([(inset + 0.05, y), (a - inset - 0.05, y)], 0.01, tone(keys, 0.35), part="keyboard")
    for x in np.linspace(inset + 0.14, a - inset - 0.14, 9):
        pen.line(
            [(x, fold + 0.04), (x + (x - a / 2) * 0.04, low - 0.01)], 0.008, tone(keys, 0.35), part="keyboard"
        )
    pen.polygon(
        [
            (a / 2 - 0.13, low + 0.025),
            (a / 2 + 0.13, low + 0.025),
            (a / 2 + 0.14, 0.93),
            (a / 2 - 0.14, 0.93),
        ],
        tone(look.color, -0.16),
        part="touchpad",
    )
    pen.shade("flat")
    return pen


@kind(
    name="cell phone",
    plural="cell phones",
    group="electronics",
    settings=("table-top",),
    rests_on="surface",
    height=(0.12, 0.2),
    colors=CASES,
    materials=("metal", "plastic"),
    parts=("screen", "button"),
    synonyms=("mobile phone",),
    properties=("can make a call", "shows pictures or text", "takes pictures"),
)
def draw_phone(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A phone with a large screen, from the front."""
    a = vary(rng, 0.48, 0.58)
    pen = make_pen(a)
    edge = vary(rng, 0.035, 0.05)
    pen.rectangle((0, 0, a, 1), look.color, radius=0.08)
    chin = chance(rng, 0.5)
    low = 0.86 if chin else 0.94
    top = 0.09 if chin else 0.06
    if chance(rng, 0.5):
        pen.rectangle((edge, top, a - edge, low), (60, 90, 160), part="screen", radius=0.02)
        fills = (
            (240, 90, 80),
            (250, 200, 80),
            (90, 190, 120),
            (240, 240, 244),
            (120, 190, 250),
            (230, 140, 210),
        )
        for row in range(4):
            for column in range(3):
                x = edge + 0.045 + column * (a - 2 * edge - 0.05) / 3
                y = top + 0.06 + row * 0.17
                size = (a - 2 * edge) / 3 - 0.07
                pen.rectangle(
                    (x, y, x + size, y + size), fills[(row * 2 + column) % 6], part="screen", radius=0.02
                )
    else:
        _picture(pen, (edge, top, a - edge, low), rng, "screen")
    ink = (200, 202, 206) if sum(look.color) < 300 else (90, 92, 98)
    pen.line([(a / 2 - 0.06, top / 2), (a / 2 + 0.06, top / 2)], 0.02, ink)
    if chin:
        disc(pen, (a / 2, 0.93), 0.038, ink, "button")
    pen.shade("flat")
    return pen


@kind(
    name="tv",
    plural="tvs",
    group="electronics",
    settings=("indoor",),
    rests_on="surface",
    height=(0.22, 0.34),
    colors=("black", "grey", "white", "brown", "red", "blue"),
    materials=("plastic",),
    parts=("screen", "stand", "antenna", "knob"),
    synonyms=("television",),
    properties=("shows pictures or text",),
)
def draw_tv(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A flat screen on feet, or an old set with knobs and an antenna."""
    if chance(rng, 0.6):
        a = vary(rng, 1.35, 1.6)
        pen = make_pen(a)
        low, edge = vary(rng, 0.84, 0.88), 0.045
        if chance(rng, 0.5):
            pen.rectangle(
                (a / 2 - 0.07, low - 0.02, a / 2 + 0.07, 0.96), tone(look.color, -0.3), part="stand"
            )
            pen.rectangle(
                (a / 2 - 0.3, 0.94, a / 2 + 0.3, 1), tone(look.color, -0.15), part="stand", radius=0.02
            )
        else:
            for x in (0.25, a - 0.25):
                pen.line([(x, low), (x - 0.08, 0.98)], 0.04, tone(look.color, -0.2), part="stand")
                pen.line([(x, low), (x + 0.08, 0.98)], 0.04, tone(look.color, -0.2), part="stand")
        pen.rectangle((0, 0, a, low), look.color, radius=0.02)
        _picture(pen, (edge, edge, a - edge, low - edge), rng, "screen")
        pen.shade("flat")
        return pen
    a = vary(rng, 1.05, 1.2)
    pen = make_pen(a)
    for side in (-1, 1):
        pen.line(
            [(a / 2, 0.27), (a / 2 + side * vary(rng, 0.2, 0.34), 0.02)],
            0.025,
            (120, 122, 128),
            part="antenna",
        )
        pen.line(
            [(a / 2 + side * 0.3, 0.9), (a / 2 + side * 0.36, 0.985)],
            0.05,
            tone(look.color, -0.5),
            part="stand",
        )
    pen.rectangle((0, 0.25, a, 0.93), look.color, radius=0.07)
    cover(pen, look, rng)
    pen.shade("round")
    pen.rectangle((0.07, 0.31, a - 0.29, 0.87), tone(look.color, -0.5), radius=0.08)
    _picture(pen, (0.1, 0.34, a - 0.32, 0.84), rng, "screen")
    for y in (0.4, 0.55):
        disc(pen, (a - 0.14, y), 0.06, (214, 210, 200), "knob")
        pen.line([(a - 0.14, y), (a - 0.14, y - 0.05)], 0.015, INK, part="knob")
    for y in (0.68, 0.74, 0.8):
        pen.line([(a - 0.21, y), (a - 0.07, y)], 0.02, tone(look.color, -0.55))
    return pen


@kind(
    name="camera",
    plural="cameras",
    group="electronics",
    settings=("table-top",),
    rests_on="surface",
    height=(0.12, 0.2),
    colors=CASES,
    materials=("metal", "plastic"),
    parts=("lens", "button", "flash"),
    properties=("takes pictures",),
)
def draw_camera(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A camera from the front, a big round lens in its middle."""
    a = vary(rng, 1.25, 1.5)
    pen = make_pen(a)
    top, c = 0.17, a / 2 + vary(rng, -0.08, 0.08)
    pen.rectangle(
        (0.12, 0.08, 0.32, top + 0.05),
        (200, 60, 54) if look.color_name != "red" else STEEL,
        part="button",
        radius=0.03,
    )
    pen.polygon(
        [(c - 0.28, top + 0.02), (c - 0.18, 0), (c + 0.18, 0), (c + 0.28, top + 0.02)],
        tone(look.color, -0.12),
    )
    pen.rectangle((0, top, a, 1), look.color, radius=0.09)
    grip = (60, 56, 56) if sum(look.color) > 200 else (92, 92, 98)
    pen.rectangle((0, 0.38, a, 0.86), grip)
    pen.shade("round")
    pen.rectangle((a - 0.27, 0.22, a - 0.08, 0.34), (250, 246, 220), part="flash", radius=0.02)
    radius = vary(rng, 0.32, 0.37)
    y = 0.6
    for r, fill in (
        (1.0, (196, 200, 206)),
        (0.86, (40, 42, 48)),
        (0.62, (62, 84, 122)),
        (0.36, (24, 30, 44)),
    ):
        disc(pen, (c, y), radius * r, fill, "lens")
    disc(pen, (c - radius * 0.28, y - radius * 0.3), radius * 0.13, (226, 236, 246), "lens")
    return pen


@kind(
    name="radio",
    plural="radios",
    group="electronics",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.14, 0.24),
    colors=tuple(COLORS),
    materials=("wood", "plastic"),
    parts=("speaker", "knob", "antenna", "handle", "dial"),
    properties=("makes music",),
)
def draw_radio(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A portable radio: round speaker, dial, knobs, antenna and handle."""
    a = vary(rng, 1.3, 1.6)
    pen = make_pen(a)
    top = 0.3
    pen.line(
        [(a - 0.12, top + 0.04), (a - vary(rng, -0.0, 0.35) - 0.03, 0.02)],
        0.028,
        (150, 152, 158),
        part="antenna",
    )
    pen.line(
        [(0.16, top + 0.03), (0.16, 0.17), (a - 0.45, 0.17), (a - 0.45, top + 0.03)],
        0.055,
        tone(look.color, -0.45),
        part="handle",
    )
    pen.rectangle((0, top, a, 1), look.color, radius=0.08)
    cover(pen, look, rng)
    pen.shade("round")
    y, r = 0.65, 0.25
    disc(pen, (0.36, y), r, (58, 54, 54), "speaker")
    disc(pen, (0.36, y), r * 0.8, (96, 92, 90), "speaker")
    for i in range(4):
        t = 0.36 - r * 0.55 + i * r * 0.37
        reach = math.sqrt(max(0.0, (r * 0.72) ** 2 - (t - 0.36) ** 2))
        pen.line([(t, y - reach), (t, y + reach)], 0.022, (44, 40, 40), part="speaker")
    pen.rectangle((0.7, 0.42, a - 0.1, 0.6), (246, 236, 200), part="dial", radius=0.02)
    for x in np.linspace(0.76, a - 0.16, 6):
        pen.line([(x, 0.46), (x, 0.52)], 0.014, (90, 80, 70), part="dial")
    pen.line([(vary(rng, 0.8, a - 0.2), 0.43), (vary(rng, 0.8, 0.8), 0.59)], 0.02, (210, 50, 44), part="dial")
    for x in (0.82, a - 0.22):
        disc(pen, (x, 0.78), 0.085, (220, 216, 204), "knob")
        pen.line([(x, 0.78), (x + 0.04, 0.73)], 0.022, INK, part="knob")
    return pen


@kind(
    name="pair of headphones",
    plural="pairs of headphones",
    group="electronics",
    settings=("table-top",),
    rests_on="surface",
    height=(0.14, 0.24),
    colors=CASES,
    materials=("plastic",),
    parts=("headband", "cushion"),
    properties=("worn on head",),
)
def draw_headphones(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.9, 1.05)
    pen = make_pen(a)
    w, pad = vary(rng, 0.07, 0.1), vary(rng, 0.2, 0.26)
    pen.arc((0.07, 0.0, a - 0.07, 1.2), 180, 360, w, look.color, part="headband")
    pen.arc((0.07 + w, w, a - 0.07 - w, 1.2 - w), 215, 325, w * 0.6, tone(look.color, -0.45), part="headband")
    dark = (48, 48, 54) if sum(look.color) > 200 else (110, 110, 116)
    for side in (-1, 1):
        x = a / 2 + side * (a / 2 - pad * 0.55)
        inner = x - side * pad * 0.32
        pen.ellipse((inner - pad * 0.42, 0.54, inner + pad * 0.42, 0.98), dark, part="cushion")
        pen.rectangle((x - pad * 0.5, 0.52, x + pad * 0.5, 1.0), look.color, radius=0.11)
        pen.rectangle((x - pad * 0.2, 0.64, x + pad * 0.2, 0.88), tone(look.color, 0.3), radius=0.05)
    pen.shade("round")
    return pen


@kind(
    name="calculator",
    plural="calculators",
    group="electronics",
    settings=("table-top",),
    rests_on="surface",
    height=(0.12, 0.2),
    colors=CASES,
    materials=("plastic",),
    parts=("screen", "button"),
)
def draw_calculator(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.62, 0.75)
    pen = make_pen(a)
    pen.rectangle((0, 0, a, 1), look.color, radius=0.06)
    pen.shade("flat")
    pen.rectangle((0.07, 0.07, a - 0.07, 0.28), (190, 208, 178), part="screen", radius=0.02)
    for i in range(3):
        x = a - 0.14 - i * 0.09
        pen.rectangle((x - 0.05, 0.12, x, 0.23), (44, 56, 48), part="screen")
        pen.rectangle((x - 0.035, 0.135, x - 0.015, 0.165), (190, 208, 178), part="screen")
        pen.rectangle((x - 0.035, 0.185, x - 0.015, 0.215), (190, 208, 178), part="screen")
    keys = (240, 240, 236) if sum(look.color) < 480 else (70, 72, 80)
    for row in range(4):
        for column in range(4):
            w = (a - 0.14) / 4
            x, y = 0.07 + column * w, 0.36 + row * 0.15
            fill = (240, 140, 50) if column == 3 and look.color_name != "orange" else keys
            pen.rectangle((x + 0.012, y, x + w - 0.012, y + 0.115), fill, part="button", radius=0.02)
    return pen
