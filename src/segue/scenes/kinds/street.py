"""What stands along a street or a field path: lamps, lights, signs, benches, fences, boxes, hydrants."""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, disc, pick, regular, tone, vary
from segue.scenes.pen import Look, Pen

OUTSIDE = ("street", "landscape")
IRON, GLOW = (52, 54, 60), (253, 240, 178)


@kind(
    name="street lamp",
    plural="street lamps",
    group="street furniture",
    settings=("street",),
    rests_on="ground",
    height=(0.42, 0.62),
    colors=("black", "grey", "green", "blue", "white"),
    materials=("metal",),
    parts=("lamp", "pole", "base"),
    synonyms=("street light", "lamp post"),
    properties=("gives light", "a bird could perch on it"),
)
def draw_street_lamp(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An old lantern on a post, a globe, or a modern bent arm."""
    style = pick(rng, ("lantern", "globe", "arm"))
    a = vary(rng, 0.34, 0.42) if style == "arm" else vary(rng, 0.2, 0.26)
    pen = make_pen(a)
    w = vary(rng, 0.024, 0.036)
    x = w * 1.6 if style == "arm" else a / 2
    pen.rectangle((x - w * 1.6, 0.9, x + w * 1.6, 1), tone(look.color, -0.15), part="base", radius=0.01)
    if style == "arm":
        pen.line(
            [(x, 0.95), (x, 0.16), (x + 0.06, 0.04), (a - 0.1, 0.025)],
            w,
            look.color,
            part="pole",
            smooth=True,
        )
        pen.polygon([(a - 0.16, 0.0), (a, 0.015), (a, 0.05), (a - 0.16, 0.05)], look.color, part="lamp")
        pen.ellipse((a - 0.15, 0.03, a - 0.01, 0.08), GLOW, part="lamp")
        pen.shade("flat")
        return pen
    pen.line([(x, 0.95), (x, 0.2)], w, look.color, part="pole")
    pen.line([(x - 0.05, 0.24), (x + 0.05, 0.24)], w * 0.8, look.color, part="pole")
    if style == "globe":
        disc(pen, (x, 0.11), 0.1, GLOW, "lamp")
        pen.rectangle((x - 0.05, 0.2, x + 0.05, 0.23), look.color, part="lamp")
    else:
        pen.polygon(
            [(x - 0.09, 0.06), (x + 0.09, 0.06), (x + 0.055, 0.21), (x - 0.055, 0.21)], GLOW, part="lamp"
        )
        for side in (-1, 0, 1):
            pen.line([(x + side * 0.085, 0.06), (x + side * 0.05, 0.21)], 0.012, look.color, part="lamp")
        pen.polygon([(x - 0.1, 0.07), (x, 0), (x + 0.1, 0.07)], look.color, part="lamp")
    pen.shade("flat")
    return pen


@kind(
    name="traffic light",
    plural="traffic lights",
    group="street furniture",
    settings=("street",),
    rests_on="ground",
    height=(0.36, 0.56),
    colors=("black", "grey", "yellow"),
    materials=("metal",),
    parts=("light", "pole"),
    properties=("gives light", "stops traffic"),
)
def draw_traffic_light(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Three lamps in a box on a pole; one of them is lit."""
    a = vary(rng, 0.2, 0.25)
    pen = make_pen(a)
    c, low = a / 2, vary(rng, 0.44, 0.54)
    pen.line([(c, low), (c, 0.985)], vary(rng, 0.03, 0.045), (98, 100, 106), part="pole")
    pen.rectangle((c - 0.05, 0.96, c + 0.05, 1), (80, 82, 88), part="pole")
    pen.rectangle((0, 0, a, low), look.color, radius=0.03)
    pen.shade("flat")
    lit = int(rng.integers(3))
    colors = ((232, 44, 40), (250, 190, 40), (50, 200, 90))
    step = low / 3
    radius = min(step * 0.4, a * 0.36)
    for i, fill in enumerate(colors):
        y = (i + 0.5) * step
        disc(pen, (c, y), radius * 1.12, tone(look.color, -0.6))
        disc(pen, (c, y), radius, fill if i == lit else tone(fill, -0.62), "light")
    return pen


@kind(
    name="stop sign",
    plural="stop signs",
    group="street furniture",
    settings=("street",),
    rests_on="ground",
    height=(0.34, 0.5),
    colors=("red",),
    materials=("metal",),
    parts=("pole",),
    properties=("stops traffic", "can be read"),
)
def draw_stop_sign(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.38, 0.5)
    pen = make_pen(a)
    c = a / 2
    pen.line([(c, a * 0.9), (c, 0.985)], 0.04, (140, 142, 148), part="pole")
    turn = -np.pi / 2 + np.pi / 8
    pen.polygon(regular((0, 0, a, a), 8, turn=turn), (246, 246, 244))
    pen.polygon(regular((0.022, 0.022, a - 0.022, a - 0.022), 8, turn=turn), look.color)
    # The four letters, each a few strokes in a cell of its own.
    high, wide, gap = a * 0.28, a * 0.13, a * 0.055
    letters = (
        ([(1, 0), (0, 0), (0, 0.5), (1, 0.5), (1, 1), (0, 1)],),
        ([(0, 0), (1, 0)], [(0.5, 0), (0.5, 1)]),
        ([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)],),
        ([(0, 1), (0, 0), (1, 0), (1, 0.5), (0, 0.5)],),
    )
    left = c - (4 * wide + 3 * gap) / 2
    for i, strokes in enumerate(letters):
        for stroke in strokes:
            points = [(left + i * (wide + gap) + x * wide, c - high / 2 + y * high) for x, y in stroke]
            pen.line(points, 0.024, (250, 250, 248))
    pen.shade("flat")
    return pen


@kind(
    name="bench",
    plural="benches",
    group="street furniture",
    settings=OUTSIDE,
    rests_on="ground",
    height=(0.16, 0.26),
    colors=("brown", "green", "red", "blue", "white", "grey", "yellow", "orange"),
    materials=("wood", "metal"),
    parts=("back", "seat", "leg"),
    properties=("can be sat on", "a bird could perch on it"),
)
def draw_bench(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A park bench: boards for back and seat on iron feet."""
    a = vary(rng, 1.6, 2.3)
    pen = make_pen(a)
    seat, planks = vary(rng, 0.52, 0.6), int(rng.integers(2, 4))
    iron = pick(rng, (IRON, (96, 98, 104), tone(look.color, -0.5)))
    for x in (0.2, a - 0.2):
        pen.line([(x, 0.04), (x, seat)], 0.06, iron, part="back")
        pen.line([(x, seat), (x + 0.02, 0.9)], 0.06, tone(iron, -0.2), part="leg")
    tall = (seat - 0.12) / planks
    for i in range(planks):
        y = i * tall
        pen.rectangle((0.03, y, a - 0.03, y + tall * 0.72), tone(look.color, -0.08), part="back", radius=0.03)
    shadow = [(0.09, seat + 0.02), (a - 0.09, seat + 0.02), (a - 0.02, seat + 0.2), (0.02, seat + 0.2)]
    pen.polygon(shadow, tone(look.color, -0.35), part="seat")
    for i, inset in enumerate((0.07, 0.03, 0.0)):
        y = seat + i * 0.075
        pen.rectangle(
            (inset, y, a - inset, y + 0.062), tone(look.color, 0.2 - 0.06 * i), part="seat", radius=0.02
        )
    cover(pen, look, rng)
    for x in (0.12, a - 0.12):
        pen.line([(x, seat + 0.23), (x, 0.96)], 0.075, iron, part="leg")
        pen.line([(x - 0.07, 0.97), (x + 0.07, 0.97)], 0.055, iron, part="leg")
    pen.shade("flat")
    return pen


@kind(
    name="fence",
    plural="fences",
    group="street furniture",
    settings=OUTSIDE,
    rests_on="ground",
    height=(0.13, 0.22),
    colors=("white", "brown", "green", "blue", "red", "grey", "black", "beige"),
    materials=("wood", "metal"),
    parts=("post", "rail"),
    properties=("keeps animals in", "a bird could perch on it"),
)
def draw_fence(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Pickets with pointed tops, or posts with rails: one sees through it."""
    if chance(rng, 0.55):
        count = int(rng.integers(6, 11))
        wide, step = 0.16, vary(rng, 0.24, 0.3)
        pen = make_pen(count * step)
        for y in (0.3, 0.72):
            pen.rectangle((0, y, (count - 1) * step + wide, y + 0.11), tone(look.color, -0.22), part="rail")
        for i in range(count):
            x = i * step
            pen.polygon(
                [(x, 1), (x, 0.13), (x + wide / 2, 0), (x + wide, 0.13), (x + wide, 1)],
                look.color,
                part="post",
            )
    else:
        count, step, wide = int(rng.integers(3, 5)), vary(rng, 0.75, 0.95), 0.15
        pen = make_pen((count - 1) * step + wide)
        rails = pick(rng, ((0.15, 0.55), (0.1, 0.4, 0.7)))
        for y in rails:
            pen.rectangle(
                (0.04, y, (count - 1) * step + wide - 0.04, y + 0.13), tone(look.color, -0.15), part="rail"
            )
        for i in range(count):
            x = i * step
            pen.rectangle((x, 0, x + wide, 1), look.color, part="post", radius=0.03)
    cover(pen, look, rng)
    pen.shade("flat")
    return pen


@kind(
    name="mailbox",
    plural="mailboxes",
    group="street furniture",
    settings=("street",),
    rests_on="ground",
    height=(0.2, 0.32),
    colors=("red", "blue", "yellow", "green", "black", "grey", "white"),
    materials=("metal",),
    parts=("slot", "flag", "post"),
)
def draw_mailbox(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A letter box: a box with a round top on a post, or one that stands on its own feet."""
    paper, dark = (248, 246, 238), (30, 30, 34)
    if chance(rng, 0.5):
        a = vary(rng, 0.72, 0.9)
        pen = make_pen(a)
        pen.rectangle((a / 2 - 0.06, 0.4, a / 2 + 0.06, 1), (134, 96, 62), part="post")
        pen.rectangle((0, 0, a, 0.44), tone(look.color, -0.08), radius=0.2)
        pen.rectangle((0, 0.2, a, 0.46), tone(look.color, -0.08))
        pen.rectangle((0, 0.02, 0.34, 0.46), tone(look.color, 0.15), radius=0.17)
        pen.rectangle((0, 0.2, 0.34, 0.46), tone(look.color, 0.15))
        pen.shade("flat")
        pen.ellipse((0.13, 0.13, 0.21, 0.21), dark)
        flag = (210, 50, 44) if look.color_name != "red" else (244, 210, 60)
        x = a * 0.68
        pen.line([(x, 0.3), (x, 0.05)], 0.035, flag, part="flag")
        pen.rectangle((x, 0.03, x + 0.16, 0.14), flag, part="flag")
        return pen
    a = vary(rng, 0.52, 0.62)
    pen = make_pen(a)
    for x in (0.06, a - 0.06):
        pen.line([(x, 0.85), (x, 0.98)], 0.05, tone(look.color, -0.5), part="post")
    pen.ellipse((0, 0, a, a * 0.9), look.color)
    pen.rectangle((0, a * 0.42, a, 0.9), look.color)
    pen.shade("vertical")
    pen.rectangle((0.09, 0.3, a - 0.09, 0.36), dark, part="slot")
    pen.rectangle((0.07, 0.24, a - 0.07, 0.3), tone(look.color, 0.3), part="slot")
    pen.rectangle((a / 2 - 0.12, 0.5, a / 2 + 0.12, 0.66), paper)
    pen.line([(a / 2 - 0.12, 0.5), (a / 2, 0.59), (a / 2 + 0.12, 0.5)], 0.018, dark)
    return pen


@kind(
    name="fire hydrant",
    plural="fire hydrants",
    group="street furniture",
    settings=("street",),
    rests_on="ground",
    height=(0.16, 0.26),
    colors=("red", "yellow", "blue", "orange", "green", "white"),
    materials=("metal",),
    parts=("cap", "nozzle"),
)
def draw_fire_hydrant(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.56, 0.68)
    pen = make_pen(a)
    c, half = a / 2, a * vary(rng, 0.27, 0.31)
    other = pick(rng, (tone(look.color, -0.3), (214, 216, 220), tone(look.color, 0.25)))
    y = vary(rng, 0.4, 0.46)
    pen.rectangle((0, y, a, y + 0.17), tone(look.color, -0.18), part="nozzle", radius=0.03)
    for x in (0.0, a - 0.07):
        pen.rectangle((x, y - 0.03, x + 0.07, y + 0.2), other, part="nozzle", radius=0.02)
    pen.rectangle((c - half, 0.22, c + half, 0.94), look.color)
    pen.ellipse((c - half, 0.06, c + half, 0.4), look.color, part="cap")
    pen.rectangle((c - 0.05, 0, c + 0.05, 0.1), other, part="cap", radius=0.02)
    pen.rectangle(
        (c - half - 0.04, 0.23, c + half + 0.04, 0.3), tone(look.color, -0.25), part="cap", radius=0.02
    )
    pen.rectangle((c - half - 0.07, 0.9, c + half + 0.07, 1), tone(look.color, -0.3), radius=0.02)
    pen.shade("round")
    disc(pen, (c, y + 0.085), half * 0.62, tone(look.color, -0.35), "nozzle")
    disc(pen, (c, y + 0.085), half * 0.48, other, "nozzle")
    return pen
