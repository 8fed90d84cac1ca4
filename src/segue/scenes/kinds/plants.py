"""Trees, bushes, flowers, plants in pots, cacti, mushrooms. Leaves, petals or caps give the colour.

No other kind shows a blossom, so that a picture without a "flower" has none.
"""

from __future__ import annotations

import math

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import blob, chance, disc, pick, tone, vary
from segue.scenes.pen import Color, Look, Pen, Point

BARK: tuple[Color, ...] = ((104, 72, 46), (84, 62, 46), (126, 96, 68))
LEAF: tuple[Color, ...] = ((58, 130, 62), (84, 150, 60), (44, 108, 62), (104, 156, 74))


def _crown(
    pen: Pen, rng: np.random.Generator, box: tuple[float, float, float, float], color: Color, part: str
) -> None:
    """A mass of leaves: an uneven outline with darker and lighter tufts in it."""
    x0, y0, x1, y1 = box
    pen.polygon(blob(rng, box, bumps=11, rough=0.2), tone(color, -0.12), part=part, smooth=True)
    width, height = x1 - x0, y1 - y0
    for i in range(7):
        angle, reach = vary(rng, 0, math.tau), vary(rng, 0.1, 0.32)
        cx, cy = x0 + width * (0.5 + reach * math.cos(angle)), y0 + height * (0.48 + reach * math.sin(angle))
        rx, ry = width * vary(rng, 0.1, 0.2), height * vary(rng, 0.08, 0.16)
        shift = 0.14 - 0.5 * (cy - y0 - 0.4 * height) / height + 0.03 * (i % 2)
        tuft = blob(rng, (cx - rx, cy - ry, cx + rx, cy + ry), bumps=6, rough=0.3)
        pen.polygon(tuft, tone(color, max(-0.25, min(0.25, shift))), part=part, smooth=True)


@kind(
    name="tree",
    plural="trees",
    group="plant",
    settings=("street", "landscape"),
    rests_on="ground",
    height=(0.38, 0.66),
    colors=("green", "green", "green", "orange", "yellow", "red", "brown"),
    parts=("trunk", "crown"),
    properties=("gives shade", "a bird could perch on it"),
)
def draw_tree(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A round tree, one of several tufts, a poplar, or (when green) a fir or a palm."""
    forms = ("round", "tufts", "poplar")
    form = pick(rng, (*forms, "fir", "fir", "palm") if look.color_name == "green" else forms)
    bark = pick(rng, BARK)
    if form == "fir":
        return _fir(make_pen, look, rng, bark)
    if form == "palm":
        return _palm(make_pen, look, rng, bark)
    a = vary(rng, 0.32, 0.4) if form == "poplar" else vary(rng, 0.6, 0.88)
    pen = make_pen(a)
    c, w = a / 2 + vary(rng, -0.02, 0.02), vary(rng, 0.045, 0.075)
    low = vary(rng, 0.62, 0.74) if form != "poplar" else vary(rng, 0.82, 0.88)
    trunk = [
        (c - w, 1),
        (c - w * 0.6, 0.8),
        (c - w * 0.5, 0.4),
        (c + w * 0.5, 0.4),
        (c + w * 0.6, 0.8),
        (c + w, 1),
    ]
    pen.polygon(trunk, bark, part="trunk")
    if form != "poplar":
        for side in (-1, 1):
            tip = (c + side * a * 0.26, low - vary(rng, 0.12, 0.2))
            pen.limb([(c, low + 0.06), tip], (w * 0.9, w * 0.5), bark, part="trunk")
    if form == "tufts":
        spread = ((0.22, 0.5), (0.78, 0.46), (0.5, 0.24), (0.36, 0.34), (0.66, 0.36))
        for x, y in spread:
            r = vary(rng, 0.19, 0.24)
            x = min(max(x * a, r * 0.95), a - r * 0.95)
            fill = tone(look.color, vary(rng, -0.15, 0.15))
            box = (x - r, y - r * 0.85, x + r, y + r * 0.85)
            pen.polygon(blob(rng, box, bumps=9, rough=0.18), fill, part="crown", smooth=True)
    else:
        _crown(pen, rng, (0, 0, a, low), look.color, "crown")
    pen.texture("noise", 0.1, part="crown")
    pen.shade("round")
    return pen


def _fir(make_pen: PenMaker, look: Look, rng: np.random.Generator, bark: Color) -> Pen:
    a = vary(rng, 0.42, 0.62)
    pen = make_pen(a)
    c, tiers = a / 2, int(rng.integers(3, 6))
    pen.rectangle((c - 0.035, 0.8, c + 0.035, 1), bark, part="trunk")
    for i in reversed(range(tiers)):
        top, low = i * 0.86 / tiers * 0.9, (i + 1) * 0.86 / tiers + 0.04
        half = (a / 2) * (0.42 + 0.58 * (i + 1) / tiers)
        fill = tone(look.color, -0.22 + 0.07 * (i % 2))
        points = [
            (c, top),
            (c + half, low),
            (c + half * 0.4, low - 0.025),
            (c, low + 0.015),
            (c - half * 0.4, low - 0.025),
            (c - half, low),
        ]
        pen.polygon(points, fill, part="crown")
    pen.texture("noise", 0.08, part="crown")
    pen.shade("round")
    return pen


def _palm(make_pen: PenMaker, look: Look, rng: np.random.Generator, bark: Color) -> Pen:
    a = vary(rng, 0.72, 0.9)
    pen = make_pen(a)
    c, top, lean = a / 2, vary(rng, 0.2, 0.26), vary(rng, -0.12, 0.12)
    pen.limb([(c + lean, 0.98), (c + lean * 0.4, 0.6), (c, top)], (0.075, 0.045), bark, part="trunk")
    for i, angle in enumerate(np.linspace(-205, 25, 8)):
        turn = math.radians(angle + vary(rng, -8, 8))
        reach = a * vary(rng, 0.4, 0.5)
        tip = (c + reach * math.cos(turn), top + reach * 0.55 * math.sin(turn) + 0.17)
        mid = (c + reach * 0.6 * math.cos(turn), top + reach * 0.62 * math.sin(turn) - 0.02)
        under = (mid[0], mid[1] + 0.085)
        fill = tone(look.color, 0.12 if i % 2 else -0.14)
        pen.polygon([(c, top - 0.02), mid, tip, under, (c, top + 0.02)], fill, part="crown", smooth=True)
    pen.shade("flat")
    return pen


@kind(
    name="bush",
    plural="bushes",
    group="plant",
    settings=("street", "landscape"),
    rests_on="ground",
    height=(0.14, 0.26),
    colors=("green",),
    parts=("leaf", "berry"),
    synonyms=("shrub",),
    properties=("a bird could perch on it",),
)
def draw_bush(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Low and wide, leaves down to the ground; sometimes with berries."""
    a = vary(rng, 1.2, 1.8)
    pen = make_pen(a)
    count = int(rng.integers(3, 6))
    for i in rng.permutation(count):
        x = a * (i + 0.5) / count
        r = a / count * vary(rng, 0.7, 0.85)
        x = min(max(x, r), a - r)
        high = vary(rng, 0.0, 0.25) if i not in (0, count - 1) else vary(rng, 0.25, 0.45)
        fill = tone(look.color, vary(rng, -0.2, 0.12))
        pen.polygon(
            blob(rng, (x - r, high, x + r, 1.15), bumps=10, rough=0.14), fill, part="leaf", smooth=True
        )
    _crown(pen, rng, (a * 0.15, 0.15, a * 0.85, 0.98), look.color, "leaf")
    pen.texture("noise", 0.12)
    pen.shade("round")
    if chance(rng, 0.4):
        dots = pick(rng, ((214, 44, 52), (70, 60, 130), (240, 130, 50)))
        for _ in range(int(rng.integers(8, 14))):
            disc(pen, (vary(rng, 0.15 * a, 0.85 * a), vary(rng, 0.3, 0.9)), 0.045, dots, "berry")
    pen.erase_polygon([(-1, 0.995), (a + 1, 0.995), (a + 1, 1.3), (-1, 1.3)])
    return pen


def _leaf(pen: Pen, foot: Point, tip: Point, width: float, fill: Color, part: str = "leaf") -> None:
    """A pointed leaf from foot to tip with a paler vein."""
    dx, dy = tip[0] - foot[0], tip[1] - foot[1]
    mx, my = foot[0] + dx * 0.45, foot[1] + dy * 0.45
    norm = math.hypot(dx, dy) or 1.0
    nx, ny = -dy / norm * width, dx / norm * width
    pen.polygon([foot, (mx + nx, my + ny), tip, (mx - nx, my - ny)], fill, part=part, smooth=True)
    pen.line([foot, (foot[0] + dx * 0.8, foot[1] + dy * 0.8)], 0.012, tone(fill, 0.25), part=part)


def _blossom(pen: Pen, center: Point, radius: float, color: Color, rng: np.random.Generator) -> None:
    """A flower's head: petals round a middle, or a tulip's cup."""
    x, y = center
    form = pick(rng, ("daisy", "round", "tulip"))
    if form == "tulip":
        r = radius * 0.75
        cup = [
            (x - r, y - r * 1.1),
            (x - r * 0.45, y - r * 0.5),
            (x, y - r * 1.3),
            (x + r * 0.45, y - r * 0.5),
            (x + r, y - r * 1.1),
            (x + r * 0.9, y + r * 0.4),
            (x, y + r),
            (x - r * 0.9, y + r * 0.4),
        ]
        pen.polygon(cup, color, part="petal")
        pen.polygon(
            [(x, y - r * 1.3), (x + r * 0.5, y), (x, y + r), (x - r * 0.5, y)],
            tone(color, 0.2),
            part="petal",
            smooth=True,
        )
        return
    petals, wide = (int(rng.integers(8, 13)), 0.24) if form == "daisy" else (int(rng.integers(5, 7)), 0.46)
    turn = vary(rng, 0, 1)
    for i in range(petals):
        angle = turn + i * math.tau / petals
        length = radius * (0.5 if form == "daisy" else 0.42)
        cx, cy = x + math.cos(angle) * (radius - length), y + math.sin(angle) * (radius - length)
        box = (cx - length, cy - radius * wide, cx + length, cy + radius * wide)
        pen.ellipse(box, tone(color, 0.12 if i % 2 else -0.06), part="petal", angle=math.degrees(angle))
    middle = (
        (244, 196, 60)
        if max(abs(a - b) for a, b in zip(color, (244, 208, 54), strict=True)) > 60
        else (120, 74, 40)
    )
    disc(pen, center, radius * 0.3, middle, "center")


@kind(
    name="flower",
    plural="flowers",
    group="plant",
    settings=("landscape",),
    rests_on="ground",
    height=(0.16, 0.3),
    colors=("red", "orange", "yellow", "blue", "purple", "pink", "white"),
    parts=("petal", "center", "stem", "leaf"),
    properties=("has petals",),
)
def draw_flower(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """One big flower on a stem with two or three leaves."""
    a = vary(rng, 0.42, 0.6)
    pen = make_pen(a)
    radius = vary(rng, 0.2, a / 2)
    c, green = a / 2, pick(rng, LEAF)
    lean = vary(rng, -0.06, 0.06)
    for side in (-1, 1):
        y = vary(rng, 0.78, 0.94)
        _leaf(pen, (c, y), (c + side * a * 0.44, y - vary(rng, 0.1, 0.22)), 0.05, tone(green, 0.05 * side))
    pen.line(
        [(c, radius), (c + lean, 0.65), (c, 0.985)], vary(rng, 0.03, 0.045), green, part="stem", smooth=True
    )
    _blossom(pen, (c, radius), radius, look.color, rng)
    pen.shade("flat")
    return pen


@kind(
    name="potted plant",
    plural="potted plants",
    group="plant",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.2, 0.4),
    colors=("green",),
    parts=("leaf", "pot", "stem"),
)
def draw_potted_plant(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Long leaves, broad leaves or a bushy ball, growing from a pot."""
    a = vary(rng, 0.6, 0.85)
    pen = make_pen(a)
    c, top = a / 2, vary(rng, 0.6, 0.7)
    form = pick(rng, ("blades", "broad", "broad", "ball"))
    if form == "ball":
        pen.line([(c, 0.3), (c, top + 0.05)], 0.04, BARK[0], part="stem")
        _crown(pen, rng, (c - 0.28, 0, c + 0.28, vary(rng, 0.48, top)), look.color, "leaf")
        pen.texture("noise", 0.08, part="leaf")
    else:
        count = int(rng.integers(7, 11)) if form == "blades" else int(rng.integers(5, 8))
        wide = 0.035 if form == "blades" else vary(rng, 0.07, 0.1)
        order = rng.permutation(count)
        for i in order:
            angle = math.radians(-90 + (i / (count - 1) - 0.5) * 150 + vary(rng, -6, 6))
            length = top * vary(rng, 0.82, 1.0)
            tip = (c + math.cos(angle) * min(length, a * 0.52), top + math.sin(angle) * length)
            _leaf(pen, (c, top + 0.03), tip, wide, tone(look.color, vary(rng, -0.2, 0.18)))
    pot = pick(
        rng, ((188, 96, 60), (188, 96, 60), (236, 234, 228), (70, 100, 150), (60, 60, 66), look.accent)
    )
    upper, lower = vary(rng, 0.2, 0.26), vary(rng, 0.13, 0.18)
    pen.polygon([(c - upper, top), (c + upper, top), (c + lower, 1), (c - lower, 1)], pot, part="pot")
    pen.rectangle(
        (c - upper - 0.03, top - 0.02, c + upper + 0.03, top + 0.08),
        tone(pot, -0.14),
        part="pot",
        radius=0.015,
    )
    pen.shade("flat")
    return pen


@kind(
    name="cactus",
    plural="cacti",
    group="plant",
    settings=("landscape",),
    rests_on="ground",
    height=(0.22, 0.4),
    colors=("green",),
    parts=("arm",),
)
def draw_cactus(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """The tall desert cactus with one to three arms, ribs and spines."""
    a = vary(rng, 0.6, 0.8)
    pen = make_pen(a)
    c, w = a / 2, vary(rng, 0.17, 0.22)
    arm = w * 0.72
    sides = pick(rng, ((-1,), (1,), (-1, 1), (-1, 1)))
    for side in sides:
        y, rise = vary(rng, 0.5, 0.66), vary(rng, 0.18, 0.3)
        x = c + side * (a / 2 - arm / 2)
        path = [(c, y), (c + side * (a / 2 - arm), y), (x, y - 0.08), (x, y - rise)]
        pen.line(path, arm, tone(look.color, -0.1), part="arm", smooth=True)
    pen.line([(c, w / 2), (c, 0.98)], w, look.color)
    for shift in (-0.28, 0.0, 0.28):
        pen.line([(c + shift * w, w * 0.4), (c + shift * w, 0.97)], 0.012, tone(look.color, -0.35))
    for _ in range(16):
        x, y = c + vary(rng, -0.45, 0.45) * w, vary(rng, 0.08, 0.95)
        pen.line([(x, y), (x + 0.025, y - 0.015)], 0.012, (236, 236, 200))
    pen.shade("round")
    pen.erase_polygon([(0, 0.995), (a, 0.995), (a, 1.2), (0, 1.2)])
    return pen


@kind(
    name="mushroom",
    plural="mushrooms",
    group="plant",
    settings=("landscape",),
    rests_on="ground",
    height=(0.1, 0.18),
    colors=("red", "brown", "white", "orange", "beige"),
    parts=("cap", "stem"),
)
def draw_mushroom(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A cap, with white spots when it is red or orange, on a pale stem."""
    a = vary(rng, 0.8, 1.15)
    pen = make_pen(a)
    c, rim, w = a / 2, vary(rng, 0.42, 0.52), vary(rng, 0.11, 0.18)
    stem = (238, 230, 208)
    pen.polygon(
        [
            (c - w * 0.8, rim - 0.02),
            (c + w * 0.8, rim - 0.02),
            (c + w * 1.1, 0.9),
            (c + w * 0.9, 1),
            (c - w * 0.9, 1),
            (c - w * 1.1, 0.9),
        ],
        stem,
        part="stem",
    )
    if chance(rng, 0.5):
        pen.ellipse((c - w * 1.3, rim + 0.12, c + w * 1.3, rim + 0.22), tone(stem, -0.08), part="stem")
    pen.ellipse((0.03, rim - 0.1, a - 0.03, rim + 0.1), tone(look.color, -0.45), part="cap")
    dome = [
        (0, rim),
        (a * 0.06, rim * 0.6),
        (a * 0.25, rim * 0.15),
        (c, 0.0),
        (a * 0.75, rim * 0.15),
        (a * 0.94, rim * 0.6),
        (a, rim),
        (a * 0.75, rim + 0.05),
        (c, rim + 0.065),
        (a * 0.25, rim + 0.05),
    ]
    pen.polygon(dome, look.color, part="cap", smooth=True)
    pen.shade("round")
    if look.color_name in ("red", "orange"):
        for x, y, r in (
            (0.5, 0.3, 0.075),
            (0.26, 0.55, 0.06),
            (0.74, 0.6, 0.065),
            (0.42, 0.75, 0.045),
            (0.65, 0.25, 0.04),
        ):
            disc(
                pen,
                (a * x + vary(rng, -0.03, 0.03), rim * y + vary(rng, -0.02, 0.02)),
                r,
                (250, 246, 236),
                "cap",
            )
    return pen
