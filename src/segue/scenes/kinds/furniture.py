"""Big things that stand in a room: seats, tables, beds, shelves, wardrobes.

Coordinates are the pen's: x in [0, aspect], y in [0, 1] downwards.
"""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, pick, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

PAINTED = tuple(COLORS)
ROOM = ("indoor",)
WHITE, GOLD = (244, 244, 240), (214, 170, 60)
BOOKS = (
    (190, 50, 45),
    (40, 90, 160),
    (50, 130, 80),
    (225, 190, 70),
    (130, 70, 140),
    (230, 225, 210),
    (215, 120, 50),
)


@kind(
    name="chair",
    plural="chairs",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.26, 0.42),
    colors=PAINTED,
    materials=("wood", "metal", "plastic"),
    parts=("back", "seat", "leg"),
    properties=("can be sat on",),
)
def draw_chair(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A kitchen chair, from the front or from the side: always a back above a thin seat, never arms."""
    if chance(rng, 0.5):
        return _chair_from_side(make_pen, look, rng)
    a = vary(rng, 0.46, 0.62)
    pen = make_pen(a)
    seat_y, inset, leg = vary(rng, 0.5, 0.58), vary(rng, 0.05, 0.1), vary(rng, 0.045, 0.07)
    dark = tone(look.color, -0.25)
    for x in (inset + leg, a - inset - leg):
        pen.line([(x, seat_y), (x, 0.9)], leg * 0.9, tone(look.color, -0.4), part="leg")
    left, right = inset, a - inset
    style = pick(rng, ("slats", "bars", "panel", "round"))
    if style == "panel":
        pen.rectangle((left, 0, right, seat_y - 0.06), dark, part="back", radius=0.05)
    elif style == "round":
        pen.ellipse((left, 0, right, 0.48), dark, part="back")
        pen.erase_ellipse((left + 0.07, 0.08, right - 0.07, 0.39))
        pen.line([(a / 2, 0.05), (a / 2, seat_y)], 0.08, dark, part="back")
    else:
        if style == "slats":
            for y in np.linspace(0.06, seat_y - 0.18, 3):
                pen.rectangle((left, y, right, y + 0.07), look.color, part="back")
        else:
            for x in np.linspace(left, right, 5)[1:-1]:
                pen.line([(x, 0.05), (x, seat_y)], 0.03, look.color, part="back")
            pen.rectangle((left, 0.01, right, 0.11), look.color, part="back", radius=0.03)
    for x in (left + leg / 2, right - leg / 2):
        pen.line([(x, 0.03), (x, seat_y)], leg, dark, part="back")
    for x in (leg / 2, a - leg / 2):
        pen.line([(x, seat_y + 0.1), (x, 1 - leg / 2)], leg, look.color, part="leg")
    seat = [(inset, seat_y - 0.05), (a - inset, seat_y - 0.05), (a, seat_y + 0.08), (0, seat_y + 0.08)]
    pen.polygon(seat, tone(look.color, 0.22), part="seat")
    pen.rectangle((0, seat_y + 0.075, a, seat_y + 0.125), dark, part="seat")
    cover(pen, look, rng)
    pen.shade("flat")
    return pen


def _chair_from_side(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.5, 0.62)
    pen = make_pen(a)
    seat_y, w, lean = vary(rng, 0.52, 0.6), vary(rng, 0.05, 0.075), vary(rng, 0.0, 0.09)
    back_x = 0.06 + lean
    far = tone(look.color, -0.4)
    pen.line([(back_x + 0.12, seat_y - 0.02), (back_x + 0.1, 0.9)], w * 0.8, far, part="leg")
    pen.line([(a - 0.02 - w, seat_y), (a - 0.03 - w, 0.9)], w * 0.8, far, part="leg")
    depth = vary(rng, 0.07, 0.12)
    back = [(w / 2, w / 2), (w / 2 + depth, 0.05), (back_x + depth, seat_y - 0.07), (back_x, seat_y)]
    pen.polygon(back, tone(look.color, -0.15), part="back")
    pen.line([(w / 2, w / 2), (back_x, seat_y)], w, look.color, part="back")
    pen.line([(back_x, seat_y), (w / 2, 1 - w / 2)], w, look.color, part="leg")
    pen.line([(a - w, seat_y), (a - w / 2, 1 - w / 2)], w, look.color, part="leg")
    if chance(rng, 0.5):
        pen.line([(back_x - 0.02, 0.8), (a - w, 0.8)], w * 0.6, tone(look.color, -0.2), part="leg")
    top = [(back_x - 0.02, seat_y), (back_x + 0.12, seat_y - 0.07), (a - 0.01, seat_y - 0.06), (a, seat_y)]
    pen.polygon(top, tone(look.color, 0.22), part="seat")
    pen.rectangle(
        (back_x - 0.03, seat_y - 0.01, a, seat_y + 0.05), tone(look.color, -0.1), part="seat", radius=0.02
    )
    cover(pen, look, rng)
    pen.shade("flat")
    return pen


@kind(
    name="stool",
    plural="stools",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.16, 0.28),
    colors=PAINTED,
    materials=("wood", "metal", "plastic"),
    parts=("seat", "leg"),
    properties=("can be sat on",),
)
def draw_stool(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A round seat on three or four splayed legs, no back."""
    a = vary(rng, 0.55, 0.95)
    pen = make_pen(a)
    w, thick, rim = vary(rng, 0.06, 0.09), vary(rng, 0.07, 0.14), vary(rng, 0.16, 0.24)
    inner = vary(rng, 0.12, 0.2) * a
    pen.line([(a * 0.42, 0.2), (a * 0.38, 0.9)], w * 0.85, tone(look.color, -0.42), part="leg")
    if chance(rng, 0.6):
        pen.line([(a * 0.6, 0.2), (a * 0.64, 0.9)], w * 0.85, tone(look.color, -0.42), part="leg")
    rung = vary(rng, 0.6, 0.75)
    pen.line(
        [(inner * (1 - rung), rung), (a - inner * (1 - rung), rung)],
        w * 0.6,
        tone(look.color, -0.25),
        part="leg",
    )
    pen.line([(inner, 0.2), (w / 2, 1 - w / 2)], w, tone(look.color, -0.1), part="leg")
    pen.line([(a - inner, 0.2), (a - w / 2, 1 - w / 2)], w, tone(look.color, -0.1), part="leg")
    x0, x1 = 0.04 * a, 0.96 * a
    pen.ellipse((x0, thick, x1, thick + rim), tone(look.color, -0.25), part="seat")
    pen.rectangle((x0, rim / 2, x1, thick + rim / 2), tone(look.color, -0.25), part="seat")
    pen.ellipse((x0, 0, x1, rim), tone(look.color, 0.2), part="seat")
    cover(pen, look, rng)
    pen.shade("flat")
    return pen


def _upholstered(pen: Pen, look: Look, rng: np.random.Generator, a: float, arm: float, cushions: int) -> None:
    """The soft seat with arms that armchair and couch share; arm is the width of an arm."""
    high = vary(rng, 0.0, 0.06)
    arm_y, seat_y, foot = vary(rng, 0.3, 0.4), vary(rng, 0.5, 0.56), 0.92
    for x in (arm * 0.5, a - arm * 0.5):
        pen.line([(x, 0.88), (x, 0.985)], 0.035, (70, 48, 32), part="leg")
    pen.rectangle((arm * 0.55, high, a - arm * 0.55, 0.7), tone(look.color, -0.12), part="back", radius=0.1)
    width = (a - 2 * arm) / cushions
    for i in range(cushions):
        x = arm + i * width
        pen.rectangle(
            (x + 0.01, high + 0.06, x + width - 0.01, 0.56), tone(look.color, 0.08), part="back", radius=0.06
        )
    pen.rectangle((arm * 0.8, 0.66, a - arm * 0.8, foot), tone(look.color, -0.3), part="seat")
    for i in range(cushions):
        x = arm + i * width
        pen.rectangle((x, seat_y, x + width, 0.72), tone(look.color, 0.25), part="seat", radius=0.05)
        pen.line([(x, 0.72), (x + width, 0.72)], 0.015, tone(look.color, -0.4), part="seat")
    for x in (0.0, a - arm):
        pen.rectangle((x, arm_y, x + arm, foot), look.color, part="arm", radius=min(0.08, arm * 0.45))
        pen.ellipse((x, arm_y, x + arm, arm_y + arm * 0.8), tone(look.color, 0.15), part="arm")
    cover(pen, look, rng)
    if cushions > 1 and chance(rng, 0.5):
        x = pick(rng, (arm + 0.02, a - arm - 0.3))
        pen.polygon(
            [(x, 0.3), (x + 0.25, 0.25), (x + 0.28, 0.53), (x + 0.03, 0.55)], look.accent, part="pillow"
        )
    pen.shade("flat")


@kind(
    name="armchair",
    plural="armchairs",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.26, 0.4),
    colors=PAINTED,
    materials=("cloth", "leather"),
    parts=("back", "seat", "arm", "leg"),
    properties=("can be sat on",),
)
def draw_armchair(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A soft seat for one, with two thick arms."""
    a = vary(rng, 0.85, 1.05)
    pen = make_pen(a)
    _upholstered(pen, look, rng, a, vary(rng, 0.17, 0.23), 1)
    return pen


@kind(
    name="couch",
    plural="couches",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.22, 0.34),
    colors=PAINTED,
    materials=("cloth", "leather"),
    parts=("back", "seat", "arm", "leg", "pillow"),
    synonyms=("sofa",),
    properties=("can be sat on", "can be slept on"),
)
def draw_couch(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A soft seat for two or three."""
    cushions = int(rng.integers(2, 4))
    a = vary(rng, 1.75, 1.95) + 0.35 * (cushions - 2)
    pen = make_pen(a)
    _upholstered(pen, look, rng, a, vary(rng, 0.15, 0.24), cushions)
    return pen


@kind(
    name="dining table",
    plural="dining tables",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.2, 0.32),
    colors=PAINTED,
    materials=("wood", "metal", "glass", "plastic"),
    parts=("top", "leg", "base"),
    synonyms=("table",),
)
def draw_table(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A table seen a little from above: four legs, or one foot under a round top."""
    a = vary(rng, 1.2, 2.0)
    pen = make_pen(a)
    depth, w = vary(rng, 0.22, 0.34), vary(rng, 0.06, 0.1)
    if chance(rng, 0.35):
        pen.line([(a / 2, depth / 2), (a / 2, 0.9)], w * 1.5, tone(look.color, -0.3), part="base")
        pen.ellipse((a * 0.28, 0.84, a * 0.72, 1), tone(look.color, -0.2), part="base")
        pen.ellipse((0, 0.07, a, depth + 0.07), tone(look.color, -0.35), part="top")
        pen.ellipse((0, 0, a, depth), tone(look.color, 0.2), part="top")
    else:
        inset = vary(rng, 0.08, 0.2) * a
        for x in (inset + w, a - inset - w):
            pen.line([(x, depth), (x, 0.84)], w * 0.8, tone(look.color, -0.45), part="leg")
        for x in (w, a - w):
            pen.line([(x, depth), (x, 1 - w / 2)], w, tone(look.color, -0.15), part="leg")
        if chance(rng, 0.6):
            pen.rectangle((w / 2, depth, a - w / 2, depth + 0.16), tone(look.color, -0.3), part="top")
        pen.polygon([(inset, 0), (a - inset, 0), (a, depth), (0, depth)], tone(look.color, 0.2), part="top")
        pen.rectangle((0, depth, a, depth + 0.07), look.color, part="top")
    cover(pen, look, rng)
    pen.shade("flat")
    return pen


@kind(
    name="bed",
    plural="beds",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.2, 0.32),
    colors=PAINTED,
    materials=("cloth",),
    parts=("blanket", "pillow", "headboard", "leg"),
    properties=("can be slept on",),
)
def draw_bed(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A bed from the side: headboard, pillow, and the blanket that has the bed's colour."""
    a = vary(rng, 1.6, 2.1)
    pen = make_pen(a)
    wood = pick(rng, ((120, 78, 45), (84, 54, 36), (190, 150, 100), (90, 92, 98)))
    top, end = vary(rng, 0.34, 0.42), vary(rng, 0.3, 0.45)
    for x in (0.06, a - 0.06):
        pen.line([(x, 0.7), (x, 0.96)], 0.08, tone(wood, -0.3), part="leg")
    pen.rectangle((0, 0, 0.12, 0.9), wood, part="headboard", radius=0.05)
    pen.polygon([(0.1, 0.05), (0.32, 0.0), (0.32, top), (0.1, top + 0.1)], tone(wood, 0.15), part="headboard")
    pen.rectangle((0.08, 0.7, a - 0.03, 0.86), tone(wood, -0.15))
    pen.rectangle((0.1, top + 0.12, a - 0.06, 0.74), WHITE, radius=0.05)
    pen.polygon([(0.1, top + 0.16), (0.3, top), (a - 0.03, top), (a - 0.08, top + 0.16)], tone(WHITE, -0.06))
    pen.ellipse((0.13, top - 0.08, 0.52, top + 0.17), (250, 250, 250), part="pillow")
    fold, hem = vary(rng, 0.55, 0.72), vary(rng, 0.7, 0.84)
    pen.polygon(
        [(fold, top - 0.03), (a - 0.02, top - 0.02), (a - 0.07, top + 0.16), (fold - 0.12, top + 0.16)],
        tone(look.color, 0.15),
        part="blanket",
    )
    pen.rectangle((fold - 0.12, top + 0.14, a - 0.04, hem), look.color, part="blanket", radius=0.04)
    pen.line(
        [(fold - 0.1, top + 0.16), (fold - 0.1, hem - 0.03)], 0.05, tone(look.color, 0.45), part="blanket"
    )
    cover(pen, look, rng, "blanket")
    if chance(rng, 0.6):
        pen.rectangle((a - 0.1, 0.8 - end, a, 0.9), wood, radius=0.04)
    pen.shade("flat")
    return pen


@kind(
    name="bookshelf",
    plural="bookshelves",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.38, 0.6),
    colors=("brown", "white", "black", "grey", "beige", "blue", "green", "red"),
    materials=("wood",),
    parts=("shelf", "books"),
    synonyms=("bookcase",),
    properties=("stores things",),
)
def draw_bookshelf(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An open case with boards, filled with rows of many-coloured books."""
    a = vary(rng, 0.5, 0.85)
    pen = make_pen(a)
    edge, rows = 0.05, int(rng.integers(3, 5))
    pen.rectangle((0, 0, a, 1), look.color)
    tall = (1 - edge) / rows
    for row in range(rows):
        y0, y1 = edge + row * tall, (row + 1) * tall
        pen.rectangle((edge, y0, a - edge, y1), tone(look.color, -0.5))
        x = edge + 0.01
        stop = a - edge - (vary(rng, 0.05, 0.25) if chance(rng, 0.5) else 0.02)
        while x < stop - 0.06:
            w = vary(rng, 0.045, 0.085)
            high = vary(rng, 0.62, 0.92) * (y1 - y0)
            cover_color = tone(pick(rng, BOOKS), vary(rng, -0.2, 0.2))
            pen.rectangle((x, y1 - high, min(x + w, stop), y1), cover_color, part="books")
            x += w + 0.006
        pen.rectangle((0, y1, a, y1 + edge), tone(look.color, 0.1), part="shelf")
    pen.shade("flat")
    return pen


@kind(
    name="wardrobe",
    plural="wardrobes",
    group="furniture",
    settings=ROOM,
    rests_on="surface",
    height=(0.42, 0.62),
    colors=("brown", "white", "black", "grey", "beige", "blue", "green"),
    materials=("wood",),
    parts=("door", "handle", "drawer"),
    properties=("stores things", "can be opened with a handle"),
)
def draw_wardrobe(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A tall closed cupboard for clothes: two doors with handles, sometimes a drawer below."""
    a = vary(rng, 0.58, 0.78)
    pen = make_pen(a)
    line = tone(look.color, -0.5)
    pen.rectangle((0.04, 0.9, 0.12, 1), line)
    pen.rectangle((a - 0.12, 0.9, a - 0.04, 1), line)
    pen.rectangle((0.02, 0.03, a - 0.02, 0.95), tone(look.color, -0.25))
    pen.rectangle((0, 0, a, 0.06), tone(look.color, 0.1))
    low = 0.74 if chance(rng, 0.5) else 0.92
    mid = a / 2
    for x0, x1, knob in ((0.05, mid - 0.008, mid - 0.06), (mid + 0.008, a - 0.05, mid + 0.06)):
        pen.rectangle((x0, 0.09, x1, low), look.color, part="door")
        pen.rectangle((x0 + 0.04, 0.14, x1 - 0.04, low - 0.05), tone(look.color, 0.12), part="door")
        pen.line([(knob, low * 0.5), (knob, low * 0.5 + 0.1)], 0.03, GOLD, part="handle")
    if low < 0.8:
        pen.rectangle((0.05, 0.76, a - 0.05, 0.92), look.color, part="drawer")
        pen.line([(mid - 0.06, 0.84), (mid + 0.06, 0.84)], 0.03, GOLD, part="handle")
    cover(pen, look, rng)
    pen.shade("flat")
    return pen
