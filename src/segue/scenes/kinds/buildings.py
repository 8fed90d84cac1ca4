"""Buildings, seen from the front, and a tent. The walls (of the tent: the cloth) give the colour."""

from __future__ import annotations

import itertools

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, pick, tone, vary
from segue.scenes.pen import Look, Pen

WALLS = ("white", "beige", "yellow", "red", "orange", "blue", "green", "grey", "brown", "pink", "purple")
ROOFS = ((150, 66, 50), (92, 70, 62), (80, 84, 96), (120, 50, 48), (60, 76, 92))
DOORS = ((110, 70, 42), (60, 90, 120), (50, 100, 70), (130, 40, 40), (60, 56, 56))
GLASS, CROSS = (150, 196, 220), (60, 50, 46)


def _window(pen: Pen, x0: float, y0: float, x1: float, y1: float, frame: tuple[int, int, int]) -> None:
    pen.rectangle((x0 - 0.015, y0 - 0.015, x1 + 0.015, y1 + 0.015), frame, part="window")
    pen.rectangle((x0, y0, x1, y1), GLASS, part="window")
    pen.line([((x0 + x1) / 2, y0), ((x0 + x1) / 2, y1)], 0.014, frame, part="window")
    pen.line([(x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2)], 0.014, frame, part="window")


@kind(
    name="house",
    plural="houses",
    group="building",
    settings=("street", "landscape"),
    rests_on="ground",
    height=(0.32, 0.55),
    colors=WALLS,
    parts=("roof", "window", "door", "chimney"),
    properties=("people live in it", "can be locked"),
)
def draw_house(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """One or two floors under a gable or a sloping roof, sometimes with a chimney."""
    floors = int(rng.integers(1, 3))
    a = vary(rng, 0.95, 1.5) if floors == 1 else vary(rng, 0.75, 1.1)
    pen = make_pen(a)
    roof, door = pick(rng, ROOFS), pick(rng, DOORS)
    trim = pick(rng, ((248, 248, 244), tone(look.color, -0.45), tone(door, -0.1)))
    eave, over = vary(rng, 0.34, 0.46) - 0.06 * (floors - 1), vary(rng, 0.03, 0.08)
    if chance(rng, 0.6):
        x = a * vary(rng, 0.66, 0.76)
        pen.rectangle((x, 0.03, x + 0.1, eave), tone((160, 80, 60), -0.1), part="chimney")
        pen.rectangle((x - 0.015, 0.01, x + 0.115, 0.06), tone((160, 80, 60), -0.3), part="chimney")
    pen.rectangle((over, eave - 0.02, a - over, 1), look.color)
    if chance(rng, 0.3):
        for y in np.arange(eave + 0.05, 0.98, 0.07):
            pen.line([(over, y), (a - over, y)], 0.008, tone(look.color, -0.18))
    if chance(rng, 0.5):
        pen.polygon([(over, eave), (a / 2, 0.06), (a - over, eave)], look.color)
        pen.line([(over * 0.6, eave), (a / 2, 0.05), (a - over * 0.6, eave)], 0.09, roof, part="roof")
    else:
        pen.polygon([(a * 0.16, 0.07), (a * 0.84, 0.07), (a, eave), (0, eave)], roof, part="roof")
        for t in (0.35, 0.68):
            y = 0.07 + (eave - 0.07) * t
            pen.line(
                [(a * 0.16 * (1 - t), y), (a - a * 0.16 * (1 - t), y)], 0.01, tone(roof, -0.25), part="roof"
            )
    pen.shade("vertical")
    count = 3 if a > 1.15 else 2
    width = (a - 2 * over) / count
    place = int(rng.integers(count))
    tall = (1 - eave) / floors
    for floor in range(floors):
        top = eave + floor * tall + tall * 0.2
        low = top + min(tall * 0.5, 0.24)
        for i in range(count):
            c = over + (i + 0.5) * width
            if floor == floors - 1 and i == place:
                pen.rectangle((c - 0.085, max(1 - 0.32, top), c + 0.085, 1), trim, part="door")
                pen.rectangle((c - 0.07, max(1 - 0.3, top + 0.015), c + 0.07, 1), door, part="door")
                pen.ellipse((c + 0.03, 0.85, c + 0.055, 0.875), (230, 200, 90), part="door")
            else:
                half = min(width * 0.3, 0.11)
                _window(pen, c - half, top, c + half, low, trim)
    return pen


@kind(
    name="barn",
    plural="barns",
    group="building",
    settings=("landscape",),
    rests_on="ground",
    height=(0.28, 0.45),
    colors=("red", "brown", "white", "grey", "green", "blue"),
    materials=("wood",),
    parts=("roof", "door", "window"),
    properties=("keeps animals in",),
)
def draw_barn(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """The bent roof of a barn, boards, and a wide door with a white cross."""
    a = vary(rng, 0.95, 1.25)
    pen = make_pen(a)
    c, knee, eave = a / 2, vary(rng, 0.17, 0.22), vary(rng, 0.4, 0.48)
    inner = a * vary(rng, 0.2, 0.25)
    outline = [(0.04, eave), (inner, knee), (c, 0.03), (a - inner, knee), (a - 0.04, eave)]
    pen.polygon([*outline, (a - 0.04, 1), (0.04, 1)], look.color)
    for x in np.linspace(0.1, a - 0.1, 11):
        pen.line([(x, eave), (x, 1)], 0.008, tone(look.color, -0.25))
    roof = pick(rng, ((88, 88, 96), (70, 60, 56), (150, 150, 154), (110, 74, 60)))
    pen.line([(0.03, eave + 0.02), *outline[1:4], (a - 0.03, eave + 0.02)], 0.07, roof, part="roof")
    pen.shade("vertical")
    trim = (246, 244, 236) if look.color_name != "white" else (150, 50, 44)
    half, top = vary(rng, 0.18, 0.24), vary(rng, 0.56, 0.62)
    pen.rectangle((c - half, top, c + half, 1), trim, part="door")
    for x0, x1 in ((c - half + 0.03, c - 0.012), (c + 0.012, c + half - 0.03)):
        pen.rectangle((x0, top + 0.03, x1, 0.98), tone(look.color, -0.15), part="door")
        pen.line([(x0, top + 0.03), (x1, 0.98)], 0.025, trim, part="door")
        pen.line([(x1, top + 0.03), (x0, 0.98)], 0.025, trim, part="door")
    pen.rectangle((c - 0.1, 0.25, c + 0.1, 0.43), trim, part="window")
    pen.rectangle((c - 0.075, 0.275, c + 0.075, 0.405), (52, 44, 42), part="window")
    return pen


@kind(
    name="church",
    plural="churches",
    group="building",
    settings=("street", "landscape"),
    rests_on="ground",
    height=(0.42, 0.62),
    colors=("white", "beige", "grey", "yellow", "brown", "pink"),
    materials=("stone",),
    parts=("tower", "roof", "window", "door", "cross"),
)
def draw_church(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A tower with a pointed roof and a cross beside or before a nave."""
    a = vary(rng, 0.75, 1.0)
    pen = make_pen(a)
    roof = pick(rng, ROOFS)
    wide = vary(rng, 0.24, 0.3)
    x0 = pick(rng, (0.02, a - wide - 0.02, a / 2 - wide / 2))
    x1, c = x0 + wide, x0 + wide / 2
    eave, top = vary(rng, 0.58, 0.64), vary(rng, 0.36, 0.44)
    pen.rectangle((0.03, eave, a - 0.03, 1), tone(look.color, -0.08))
    pen.polygon(
        [(0.1, eave - 0.17), (a - 0.1, eave - 0.17), (a, eave + 0.02), (0, eave + 0.02)], roof, part="roof"
    )
    pen.rectangle((x0, top, x1, 1), look.color, part="tower")
    pen.polygon([(x0 - 0.025, top), (c, 0.11), (x1 + 0.025, top)], tone(roof, 0.08), part="roof")
    cover(pen, look, rng)
    pen.shade("vertical")
    pen.line([(c, 0.01), (c, 0.13)], 0.022, CROSS, part="cross")
    pen.line([(c - 0.035, 0.045), (c + 0.035, 0.045)], 0.022, CROSS, part="cross")
    if chance(rng, 0.5):
        pen.ellipse((c - 0.06, top + 0.05, c + 0.06, top + 0.17), (250, 248, 240), part="tower")
        pen.line(
            [(c, top + 0.07), (c, top + 0.11), (c + 0.03, top + 0.11)], 0.012, (40, 40, 40), part="tower"
        )
    else:
        _arched(pen, c, top + 0.06, top + 0.18, 0.035, (70, 60, 56), "window")
    _arched(pen, c, 0.8, 1.0, 0.065, pick(rng, DOORS), "door")
    x = 0.1
    while x < a - 0.08:
        if not x0 - 0.06 < x < x1 + 0.06:
            _arched(pen, x, eave + 0.1, eave + 0.25, 0.035, (90, 130, 170), "window")
        x += 0.13
    return pen


def _arched(
    pen: Pen, c: float, y0: float, y1: float, half: float, fill: tuple[int, int, int], part: str
) -> None:
    """A door or window with a round top."""
    pen.ellipse((c - half, y0, c + half, y0 + 2 * half), fill, part=part)
    pen.rectangle((c - half, y0 + half, c + half, y1), fill, part=part)


@kind(
    name="tent",
    plural="tents",
    group="building",
    settings=("landscape",),
    rests_on="ground",
    height=(0.18, 0.3),
    colors=("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "white", "beige"),
    materials=("cloth",),
    parts=("entrance", "rope"),
    properties=("keeps rain off",),
)
def draw_tent(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A ridge tent from its open end, or a dome."""
    a = vary(rng, 1.3, 1.8)
    pen = make_pen(a)
    pen.line([(0.01, 0.97), (0.3, 0.3)], 0.02, (120, 104, 80), part="rope")
    pen.line([(a - 0.01, 0.97), (a - 0.3, 0.3)], 0.02, (120, 104, 80), part="rope")
    if chance(rng, 0.6):
        peak, end = a * vary(rng, 0.34, 0.42), a - 0.1
        left, right = 0.1, a * 0.68
        side = [(peak, 0.02), (end - 0.2, 0.06), (end, 0.97), (right, 0.99)]
        pen.polygon(side, tone(look.color, -0.2))
        pen.polygon([(peak, 0), (right, 1), (left, 1)], tone(look.color, 0.08))
        cover(pen, look, rng)
        half = vary(rng, 0.1, 0.2)
        pen.polygon(
            [(peak, 0.22), (peak + half, 1), (peak - half, 1)], tone(look.color, -0.72), part="entrance"
        )
        pen.polygon(
            [(peak, 0.22), (peak - half, 1), (peak - half - 0.1, 1)], tone(look.color, 0.35), part="entrance"
        )
    else:
        dome = [(0.1, 0.99), (0.2, 0.5), (a * 0.4, 0.06), (a * 0.6, 0.06), (a - 0.2, 0.5), (a - 0.1, 0.99)]
        pen.polygon([(0.1, 1), *dome, (a - 0.1, 1)], look.color, smooth=True)
        pen.rectangle((0.1, 0.9, a - 0.1, 1), look.color)
        cover(pen, look, rng)
        pen.line(
            [(a / 2, 0.04), (a * 0.32, 0.4), (a * 0.24, 0.98)], 0.03, tone(look.color, -0.35), smooth=True
        )
        pen.line(
            [(a / 2, 0.04), (a * 0.68, 0.4), (a * 0.76, 0.98)], 0.03, tone(look.color, -0.35), smooth=True
        )
        _arched(pen, a / 2, 0.34, 1.0, 0.2, tone(look.color, -0.7), "entrance")
    pen.shade("flat")
    return pen


@kind(
    name="windmill",
    plural="windmills",
    group="building",
    settings=("landscape",),
    rests_on="ground",
    height=(0.34, 0.52),
    colors=("white", "brown", "red", "grey", "beige", "blue", "green"),
    materials=("stone", "wood"),
    parts=("sails", "tower", "door", "window"),
)
def draw_windmill(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.8, 0.9)
    pen = make_pen(a)
    c, top = a / 2, vary(rng, 0.3, 0.34)
    base = vary(rng, 0.2, 0.25)
    pen.polygon([(c - 0.13, top), (c + 0.13, top), (c + base, 1), (c - base, 1)], look.color, part="tower")
    cover(pen, look, rng)
    pen.polygon(
        [(c - 0.16, top + 0.02), (c - 0.09, top - 0.12), (c + 0.09, top - 0.12), (c + 0.16, top + 0.02)],
        pick(rng, ROOFS),
        smooth=False,
    )
    pen.shade("round")
    _arched(pen, c, 0.8, 1, 0.06, pick(rng, DOORS), "door")
    pen.rectangle((c - 0.035, 0.56, c + 0.035, 0.65), (60, 70, 84), part="window")
    turn = vary(rng, 0.1, 1.4)
    hub = (c, top + 0.02)
    length = 0.37
    for i in range(4):
        angle = turn + i * np.pi / 2
        dx, dy = float(np.cos(angle)), float(np.sin(angle))
        wide = 0.085
        corner = [(0.25, 0.0), (0.25, wide), (1.0, wide), (1.0, 0.0)]
        blade = [(hub[0] + dx * t * length - dy * w, hub[1] + dy * t * length + dx * w) for t, w in corner]
        pen.polygon(blade, (240, 234, 216), part="sails")
        pen.line([hub, (hub[0] + dx * length, hub[1] + dy * length)], 0.028, (96, 68, 46), part="sails")
        pen.line([blade[1], blade[2]], 0.012, (96, 68, 46), part="sails")
    pen.ellipse((hub[0] - 0.035, hub[1] - 0.035, hub[0] + 0.035, hub[1] + 0.035), (60, 46, 36), part="sails")
    return pen


@kind(
    name="lighthouse",
    plural="lighthouses",
    group="building",
    settings=("landscape",),
    rests_on="ground",
    height=(0.4, 0.6),
    colors=("red", "blue", "black", "green", "orange"),
    materials=("stone",),
    parts=("lantern", "roof", "door", "window", "tower"),
    properties=("gives light",),
)
def draw_lighthouse(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A tall tower with broad coloured and white bands and a lamp room on top."""
    a = vary(rng, 0.36, 0.44)
    pen = make_pen(a)
    c, top, bottom = a / 2, 0.24, vary(rng, 0.14, a / 2 - 0.01)
    upper = vary(rng, 0.09, 0.11)
    bands = int(rng.integers(2, 4)) * 2 + 1
    edges = np.linspace(top, 1, bands + 1)

    def half(y: float) -> float:
        return upper + (bottom - upper) * (y - top) / (1 - top)

    for i, (y0, y1) in enumerate(itertools.pairwise(edges.tolist())):
        band = [(c - half(y0), y0), (c + half(y0), y0), (c + half(y1), y1), (c - half(y1), y1)]
        pen.polygon(band, look.color if i % 2 == 0 else (244, 242, 236), part="tower")
    pen.rectangle((c - 0.075, 0.1, c + 0.075, top), (250, 226, 130), part="lantern")
    for x in (-0.07, 0.0, 0.07):
        pen.line([(c + x, 0.1), (c + x, top)], 0.014, (60, 60, 66), part="lantern")
    pen.rectangle((c - upper - 0.03, top - 0.02, c + upper + 0.03, top + 0.025), (60, 60, 66))
    pen.polygon([(c - 0.1, 0.11), (c, 0), (c + 0.1, 0.11)], tone(look.color, -0.25), part="roof")
    pen.shade("round")
    for y in (0.4, 0.6):
        pen.rectangle((c - 0.022, y, c + 0.022, y + 0.06), (60, 70, 84), part="window")
    _arched(pen, c, 0.87, 1, 0.045, (80, 56, 40), "door")
    return pen


@kind(
    name="castle",
    plural="castles",
    group="building",
    settings=("landscape",),
    rests_on="ground",
    height=(0.34, 0.55),
    colors=("grey", "beige", "brown", "white", "pink"),
    materials=("stone",),
    parts=("tower", "gate", "window", "flag", "roof"),
)
def draw_castle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A wall with battlements between two round towers, a dark gate, flags."""
    a = vary(rng, 1.05, 1.4)
    pen = make_pen(a)
    wide, wall, top = vary(rng, 0.22, 0.28), vary(rng, 0.46, 0.54), vary(rng, 0.3, 0.38)
    roofed, flag = chance(rng, 0.6), tone(look.accent, 0.0)
    roof = pick(rng, ((70, 90, 150), (150, 60, 60), (90, 80, 110), (60, 110, 100)))

    def battlements(x0: float, x1: float, y: float, part: str | None, fill: tuple[int, int, int]) -> None:
        count = max(3, round((x1 - x0) / 0.09)) // 2 * 2 + 1
        step = (x1 - x0) / count
        for i in range(0, count, 2):
            pen.rectangle((x0 + i * step, y - 0.06, x0 + (i + 1) * step, y + 0.01), fill, part=part)

    pen.rectangle((wide * 0.7, wall, a - wide * 0.7, 1), tone(look.color, -0.1))
    battlements(wide, a - wide, wall, None, tone(look.color, -0.1))
    for x0 in (0.0, a - wide):
        c = x0 + wide / 2
        pen.line([(c, 0.02), (c, top)], 0.018, (70, 60, 50))
        pen.polygon([(c, 0.0), (c + 0.14, 0.04), (c, 0.09)], flag, part="flag")
        pen.rectangle((x0, top, x0 + wide, 1), look.color, part="tower")
        if roofed:
            pen.polygon([(x0 - 0.0, top + 0.01), (c, 0.1), (x0 + wide, top + 0.01)], roof, part="roof")
        else:
            battlements(x0, x0 + wide, top, "tower", look.color)
    cover(pen, look, rng)
    pen.shade("vertical")
    for x0 in (0.0, a - wide):
        _arched(pen, x0 + wide / 2, top + 0.12, top + 0.26, 0.03, (56, 50, 50), "window")
    _arched(pen, a / 2, 0.7, 1, 0.12, (70, 48, 34), "gate")
    for x in (-0.05, 0.0, 0.05):
        pen.line([(a / 2 + x, 0.74), (a / 2 + x, 0.99)], 0.014, (120, 90, 60), part="gate")
    return pen
