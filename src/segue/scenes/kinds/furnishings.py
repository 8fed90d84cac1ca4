"""What makes a room complete: lamps, clocks, vases, candles, paintings, a fire extinguisher.

Coordinates are the pen's: x in [0, aspect], y in [0, 1] downwards.
"""

from __future__ import annotations

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, cover, pick, regular, tone, vary
from segue.scenes.pen import COLORS, Look, Pen

PAINTED = tuple(COLORS)
ROOM = ("indoor",)
CREAM, GOLD, STEEL = (240, 228, 200), (214, 170, 60), (150, 154, 160)
PAINTS = ((190, 50, 45), (40, 90, 160), (50, 130, 80), (225, 190, 70), (130, 70, 140))


@kind(
    name="lamp",
    plural="lamps",
    group="furniture",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.2, 0.42),
    colors=("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "beige"),
    materials=("cloth", "metal", "paper"),
    parts=("shade", "stand", "base"),
    properties=("gives light",),
)
def draw_lamp(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A lamp on a stand; its coloured shade is most of what one sees."""
    a = vary(rng, 0.5, 0.72)
    pen = make_pen(a)
    metal = pick(rng, ((60, 60, 64), GOLD, (110, 76, 48), (170, 172, 178)))
    low, c = vary(rng, 0.42, 0.55), a / 2
    if chance(rng, 0.4):
        pen.ellipse((c - 0.13, low, c + 0.13, 0.93), metal, part="stand")
    pen.line([(c, low - 0.05), (c, 0.94)], vary(rng, 0.03, 0.05), metal, part="stand")
    half = vary(rng, 0.14, a / 2 - 0.04)
    pen.ellipse((c - half, 0.88, c + half, 1), metal, part="base")
    top = vary(rng, 0.1, 0.2)
    shade = [(c - top, 0.02), (c + top, 0.02), (a, low), (0, low)]
    if chance(rng, 0.3):
        shade = [(c - top, 0), (c + top, 0), (a - 0.03, low * 0.5), (a, low), (0, low), (0.03, low * 0.5)]
    pen.polygon(shade, look.color, part="shade")
    pen.ellipse((0, low - 0.05, a, low + 0.05), tone(look.color, 0.5), part="shade")
    pen.polygon(
        [(c - top * 0.4, 0.02), (c + top * 0.3, 0.02), (c + 0.1, low), (c - 0.12, low)],
        tone(look.color, 0.25),
        part="shade",
    )
    pen.shade("flat")
    return pen


@kind(
    name="clock",
    plural="clocks",
    group="furniture",
    settings=ROOM,
    rests_on="wall",
    height=(0.12, 0.22),
    colors=PAINTED,
    materials=("wood", "metal", "plastic"),
    parts=("face", "hand"),
    properties=("tells the time",),
)
def draw_clock(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A wall clock, round or square: a coloured rim round a pale face with two hands."""
    pen = make_pen(1.0)
    rim = vary(rng, 0.09, 0.15)
    if chance(rng, 0.7):
        pen.ellipse((0, 0, 1, 1), look.color)
        pen.shade("round")
        pen.ellipse((rim, rim, 1 - rim, 1 - rim), (248, 246, 238), part="face")
    else:
        pen.rectangle((0, 0, 1, 1), look.color, radius=vary(rng, 0.03, 0.2))
        pen.shade("flat")
        pen.rectangle((rim, rim, 1 - rim, 1 - rim), (248, 246, 238), part="face", radius=0.05)
    reach = 0.5 - rim - 0.07
    for hour in range(12):
        x, y = np.sin(hour * np.pi / 6), -np.cos(hour * np.pi / 6)
        start = 0.75 if hour % 3 == 0 else 0.88
        pen.line(
            [(0.5 + x * reach * start, 0.5 + y * reach * start), (0.5 + x * reach, 0.5 + y * reach)],
            0.03,
            (60, 60, 60),
            part="face",
        )
    for length, width in ((0.5, 0.055), (0.8, 0.035)):
        angle = vary(rng, 0, 2 * np.pi)
        tip = (0.5 + np.sin(angle) * reach * length, 0.5 - np.cos(angle) * reach * length)
        pen.line([(0.5, 0.5), tip], width, (25, 25, 28), part="hand")
    pen.ellipse((0.46, 0.46, 0.54, 0.54), (25, 25, 28), part="hand")
    return pen


@kind(
    name="vase",
    plural="vases",
    group="furniture",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.16, 0.3),
    colors=PAINTED,
    materials=("ceramic", "glass", "metal"),
    parts=("neck", "body"),
    properties=("can hold liquid",),
)
def draw_vase(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """An empty vase: a narrow neck that opens above a belly."""
    a = vary(rng, 0.45, 0.7)
    pen = make_pen(a)
    c, neck, lip, foot = a / 2, vary(rng, 0.2, 0.4), vary(rng, 0.5, 0.85), vary(rng, 0.4, 0.6)
    waist, belly = vary(rng, 0.2, 0.34), vary(rng, 0.5, 0.7)
    profile = [
        (lip, 0.03),
        (neck, waist * 0.6),
        (neck * 1.1, waist),
        (0.98, belly),
        (0.8, 0.85),
        (foot, 0.98),
    ]
    ys = np.linspace(0.03, 0.98, 24)
    half = np.interp(ys, [y for _, y in profile], [w for w, _ in profile])
    half = np.convolve(np.pad(half, 2, mode="edge"), np.ones(5) / 5, mode="valid") * c
    outline = [(c + w, y) for w, y in zip(half, ys, strict=True)]
    outline += [(c - w, y) for w, y in zip(half[::-1], ys[::-1], strict=True)]
    pen.polygon(outline, look.color, part="body")
    split = int(np.searchsorted(ys, waist + 0.06))
    upper = [(c + half[i], ys[i]) for i in range(split)] + [
        (c - half[i], ys[i]) for i in range(split - 1, -1, -1)
    ]
    pen.polygon(upper, look.color, part="neck")
    if chance(rng, 0.5):
        i = int(np.searchsorted(ys, belly))
        pen.rectangle((c - half[i], belly - 0.05, c + half[i], belly + 0.05), look.accent, part="body")
    cover(pen, look, rng)
    pen.shade("round")
    pen.ellipse((c - half[0], 0, c + half[0], 0.07), tone(look.color, -0.45), part="neck")
    return pen


@kind(
    name="candle",
    plural="candles",
    group="furniture",
    settings=("indoor", "table-top"),
    rests_on="surface",
    height=(0.14, 0.26),
    colors=("white", "red", "green", "blue", "purple", "pink", "yellow", "orange", "beige"),
    materials=(),
    parts=("flame", "wax", "holder"),
    properties=("gives light",),
)
def draw_candle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A burning candle, bare or in a holder."""
    a = vary(rng, 0.3, 0.48)
    pen = make_pen(a)
    c, half = a / 2, a * vary(rng, 0.26, 0.42)
    low = 0.98
    if chance(rng, 0.5):
        low = 0.86
        pen.ellipse((0, 0.84, a, 1), GOLD, part="holder")
        pen.ellipse((0.03, 0.84, a - 0.03, 0.96), tone(GOLD, -0.3), part="holder")
    top = vary(rng, 0.3, 0.42)
    pen.ellipse((c - half, low - 0.08, c + half, low + 0.02), look.color, part="wax")
    pen.rectangle((c - half, top, c + half, low - 0.03), look.color, part="wax")
    drip = c + half * vary(rng, -0.6, 0.6)
    pen.line(
        [(drip, top + 0.03), (drip, top + vary(rng, 0.1, 0.25))], 0.05, tone(look.color, 0.35), part="wax"
    )
    pen.ellipse((c - half, top - 0.04, c + half, top + 0.04), tone(look.color, 0.45), part="wax")
    pen.shade("flat")
    pen.line([(c, top), (c, top - 0.07)], 0.02, (40, 36, 30))
    pen.polygon(
        [
            (c, 0),
            (c + 0.08, top * 0.55),
            (c + 0.05, top - 0.05),
            (c - 0.05, top - 0.05),
            (c - 0.08, top * 0.55),
        ],
        (250, 160, 40),
        part="flame",
    )
    pen.ellipse((c - 0.035, top * 0.5, c + 0.035, top - 0.05), (255, 238, 150), part="flame")
    return pen


@kind(
    name="painting",
    plural="paintings",
    group="furniture",
    settings=ROOM,
    rests_on="wall",
    height=(0.16, 0.3),
    colors=("brown", "black", "white", "yellow", "grey", "red", "blue", "green"),
    materials=("wood",),
    parts=("frame",),
)
def draw_painting(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A framed landscape or pattern on a wall; the frame gives the colour."""
    a = vary(rng, 0.75, 1.5)
    pen = make_pen(a)
    w = vary(rng, 0.1, 0.16)
    pen.rectangle((0, 0, a, 1), look.color, part="frame")
    cover(pen, look, rng)
    pen.rectangle((w * 0.75, w * 0.75, a - w * 0.75, 1 - w * 0.75), tone(look.color, -0.45), part="frame")
    if chance(rng, 0.6):
        horizon = vary(rng, 0.45, 0.7)
        pen.rectangle((w, w, a - w, 1 - w), (160, 205, 235))
        pen.rectangle(
            (w, horizon, a - w, 1 - w), pick(rng, ((110, 165, 90), (70, 120, 170), (220, 190, 120)))
        )
        peak = vary(rng, w + 0.2, a - w - 0.2)
        pen.polygon(
            [(peak, w + 0.1), (min(peak + 0.3, a - w), horizon), (max(peak - 0.3, w), horizon)],
            (120, 110, 130),
        )
        x = vary(rng, w + 0.02, a - w - 0.2)
        pen.ellipse((x, w + 0.03, x + 0.15, w + 0.18), (250, 220, 100))
    else:
        pen.rectangle((w, w, a - w, 1 - w), CREAM)
        for _ in range(4):
            x, y, r = vary(rng, w, a - w - 0.25), vary(rng, w, 0.75 - w), vary(rng, 0.15, 0.25)
            pen.polygon(regular((x, y, x + r, y + r), int(rng.integers(3, 9))), pick(rng, PAINTS))
    return pen


@kind(
    name="fire extinguisher",
    plural="fire extinguishers",
    group="tool",
    settings=("indoor", "street"),
    rests_on="surface",
    height=(0.16, 0.26),
    colors=("red",),
    materials=("metal",),
    parts=("handle", "hose", "body"),
    properties=("puts out fires",),
)
def draw_extinguisher(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A red bottle with a black handle and hose and a pale label."""
    a = vary(rng, 0.46, 0.58)
    pen = make_pen(a)
    x0, x1, top = 0.1, a - 0.06, vary(rng, 0.24, 0.32)
    c = (x0 + x1) / 2
    pen.rectangle((c - 0.05, 0.1, c + 0.05, top + 0.1), STEEL)
    pen.rectangle((x0, top, x1, 1), look.color, part="body", radius=0.12)
    pen.shade("round")
    pen.rectangle((x0 + 0.04, 0.5, x1 - 0.04, 0.72), (240, 236, 226), part="body")
    pen.rectangle((x0, 0.93, x1, 0.98), tone(look.color, -0.4), part="body")
    pen.line(
        [(c - 0.04, 0.13), (0.04, 0.25), (0.035, vary(rng, 0.6, 0.8))],
        0.05,
        (30, 30, 32),
        part="hose",
        smooth=True,
    )
    pen.line([(c - 0.05, 0.13), (a - 0.03, 0.17)], 0.05, (30, 30, 32), part="handle")
    pen.line([(c - 0.05, 0.1), (a - 0.03, 0.03)], 0.05, (30, 30, 32), part="handle")
    return pen
