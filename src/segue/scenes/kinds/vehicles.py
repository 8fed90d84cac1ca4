"""Things on wheels, for roads and fields. Side views face right; cars and buses also come from the front."""

from __future__ import annotations

import math

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.kinds.strokes import chance, disc, pick, tone, vary
from segue.scenes.pen import COLORS, KEEP, Color, Look, Pen

PAINTED = tuple(name for name in COLORS if name != "beige")
ROAD = ("street", "landscape")
TYRE, HUB, STEEL = (34, 34, 38), (190, 192, 198), (150, 154, 160)
WINDOW, LAMP, BACK_LAMP = (172, 208, 226), (252, 240, 180), (180, 30, 30)


def wheel(pen: Pen, x: float, radius: float, *, base: float = 1.0, hub: Color = HUB) -> None:
    """A wheel that stands on y = base."""
    y = base - radius
    disc(pen, (x, y), radius, TYRE, "wheel")
    disc(pen, (x, y), radius * 0.55, hub, "wheel")
    disc(pen, (x, y), radius * 0.2, tone(hub, -0.5), "wheel")


@kind(
    name="car",
    plural="cars",
    group="vehicle",
    settings=ROAD,
    rests_on="ground",
    height=(0.14, 0.26),
    colors=PAINTED,
    parts=("wheel", "window", "door", "headlight"),
    properties=("can be driven", "can carry people", "can be locked"),
)
def draw_car(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    if chance(rng, 0.25):
        return _car_from_front(make_pen, look, rng)
    shape = pick(rng, ("saloon", "hatchback", "estate", "old"))
    a = vary(rng, 2.15, 2.75)
    pen = make_pen(a)
    radius, belt, sill = vary(rng, 0.19, 0.23), vary(rng, 0.4, 0.46), 0.86
    nose = vary(rng, 0.5, 0.58)
    # Cabin: foot and roof, as fractions of the length, from the back to the front.
    rear, roof0, roof1, front = {
        "saloon": (0.14, 0.27, 0.52, 0.72),
        "hatchback": (0.03, 0.12, 0.54, 0.74),
        "estate": (0.02, 0.06, 0.56, 0.72),
        "old": (0.12, 0.24, 0.5, 0.62),
    }[shape]
    cabin = [
        (a * rear, belt + 0.06),
        (a * roof0, 0.03),
        (a * (roof0 + 0.05), 0),
        (a * (roof1 - 0.03), 0),
        (a * roof1, 0.02),
        (a * front, belt + 0.06),
    ]
    pen.polygon(cabin, tone(look.color, -0.06))
    boot = belt if shape != "old" else belt + 0.06
    body = [
        (0.02, boot + 0.02),
        (a * 0.06, boot),
        (a * front, belt),
        (a * 0.95, nose),
        (a, nose + 0.08),
        (a, sill - 0.04),
        (a - 0.05, sill),
        (0.05, sill),
        (0, sill - 0.05),
    ]
    pen.polygon(body, look.color)
    pen.rectangle((0.03, sill - 0.08, a - 0.03, sill), tone(look.color, -0.3), radius=0.03)
    pen.shade("vertical")

    def glass(t: float, y: float) -> tuple[float, float]:
        """A point of the cabin inset for the glass: t runs from its back to its front at height y."""
        s = (belt - y) / belt
        left = rear + (roof0 - rear) * s
        right = front + (roof1 - front) * s
        return (a * (left + (right - left) * t), y)

    top, split = 0.06, vary(rng, 0.44, 0.54)
    pen.polygon(
        [glass(0.07, belt), glass(0.09, top), glass(split - 0.02, top), glass(split - 0.02, belt)],
        WINDOW,
        part="window",
    )
    pen.polygon(
        [glass(split + 0.02, belt), glass(split + 0.02, top), glass(0.92, top), glass(0.93, belt)],
        tone(WINDOW, -0.08),
        part="window",
    )
    x0, x1 = glass(split, belt)[0], glass(0.93, belt)[0]
    pen.rectangle((x0 + 0.01, belt + 0.02, x1, sill - 0.1), tone(look.color, 0.08), part="door")
    pen.rectangle(
        (x0 - (x1 - x0) * 0.9, belt + 0.02, x0 - 0.01, sill - 0.1), tone(look.color, 0.08), part="door"
    )
    for x in (x0 + 0.06, x0 - (x1 - x0) * 0.8):
        pen.line([(x, belt + 0.08), (x + 0.08, belt + 0.08)], 0.025, tone(look.color, -0.5), part="door")
    pen.ellipse((a - 0.13, nose + 0.05, a - 0.01, nose + 0.15), LAMP, part="headlight")
    pen.rectangle((0, boot + 0.07, 0.05, boot + 0.18), BACK_LAMP)
    for x in (a * 0.2, a * 0.8):
        disc(pen, (x, 1 - radius), radius + 0.03, tone(look.color, -0.65))
        pen.erase_polygon([(x - 0.3, sill + 0.001), (x + 0.3, sill + 0.001), (x + 0.3, 1.1), (x - 0.3, 1.1)])
        wheel(pen, x, radius)
    return pen


def _car_from_front(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 1.05, 1.25)
    pen = make_pen(a)
    c, roof, belt = a / 2, vary(rng, 0.26, 0.32), vary(rng, 0.4, 0.45)
    for x in (0.07, a - 0.25):
        pen.rectangle((x, 0.75, x + 0.18, 1), TYRE, part="wheel", radius=0.04)
    pen.polygon(
        [(0.1, belt + 0.05), (c - roof, 0.02), (c, 0), (c + roof, 0.02), (a - 0.1, belt + 0.05)], look.color
    )
    pen.rectangle((0, belt, a, 0.88), look.color, radius=0.12)
    pen.shade("vertical")
    pen.polygon(
        [(0.17, belt), (c - roof + 0.04, 0.07), (c + roof - 0.04, 0.07), (a - 0.17, belt)], WINDOW, "window"
    )
    for x in (0.0, a - 0.1):
        pen.ellipse((x, belt - 0.07, x + 0.1, belt + 0.02), tone(look.color, -0.3))
    for x in (0.06, a - 0.28):
        pen.ellipse((x, 0.54, x + 0.22, 0.68), LAMP, part="headlight")
    pen.rectangle((c - 0.24, 0.58, c + 0.24, 0.68), TYRE, radius=0.03)
    pen.rectangle((0.02, 0.76, a - 0.02, 0.86), tone(look.color, -0.35), radius=0.04)
    pen.rectangle((c - 0.15, 0.74, c + 0.15, 0.83), (245, 245, 240))
    return pen


@kind(
    name="bus",
    plural="buses",
    group="vehicle",
    settings=("street",),
    rests_on="ground",
    height=(0.24, 0.36),
    colors=PAINTED,
    parts=("wheel", "window", "door", "headlight"),
    properties=("can be driven", "can carry people"),
)
def draw_bus(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    if chance(rng, 0.25):
        return _bus_from_front(make_pen, look, rng)
    double = chance(rng, 0.25)
    a = vary(rng, 1.3, 1.6) if double else vary(rng, 2.1, 2.7)
    pen = make_pen(a)
    radius = 0.1 if double else vary(rng, 0.13, 0.16)
    sill = 1 - radius * 0.75
    pen.rectangle((0, 0, a, sill), look.color, radius=vary(rng, 0.05, 0.12))
    if chance(rng, 0.5):
        y = sill - vary(rng, 0.2, 0.3)
        pen.rectangle((0, y, a, y + 0.06), look.accent)
    pen.shade("vertical")
    door = 0.24 if not double else 0.18
    rows = ((0.08, 0.34), (0.46, 0.7)) if double else ((0.12, vary(rng, 0.46, 0.54)),)
    count = int(rng.integers(4, 7))
    for index, (top, low) in enumerate(rows):
        last = index == len(rows) - 1
        end = a - 0.1 - (door + 0.05 if last else 0)
        step = (end - 0.08) / count
        for i in range(count):
            x = 0.08 + i * step
            pen.rectangle((x, top, x + step - 0.04, low), WINDOW, part="window", radius=0.02)
        pen.rectangle((a - 0.1 + 0.02, top, a, low), tone(WINDOW, -0.1), part="window")
    top = rows[-1][0]
    pen.rectangle((a - 0.13 - door, top, a - 0.12, sill - 0.03), tone(look.color, -0.45), part="door")
    mid = a - 0.125 - door / 2
    for x in (a - 0.115 - door, mid + 0.01):
        pen.rectangle((x, top + 0.03, x + door / 2 - 0.025, sill - 0.1), tone(WINDOW, 0.15), part="door")
    pen.ellipse((a - 0.08, sill - 0.17, a - 0.01, sill - 0.08), LAMP, part="headlight")
    for x in (a * 0.2, a - door - 0.2 - radius):
        disc(pen, (x, 1 - radius), radius + 0.02, tone(look.color, -0.65))
        pen.erase_polygon([(x - 0.25, sill), (x + 0.25, sill), (x + 0.25, 1.1), (x - 0.25, 1.1)])
        wheel(pen, x, radius)
    return pen


def _bus_from_front(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 0.72, 0.85)
    pen = make_pen(a)
    for x in (0.05, a - 0.17):
        pen.rectangle((x, 0.82, x + 0.12, 1), TYRE, part="wheel", radius=0.03)
    pen.rectangle((0.03, 0, a - 0.03, 0.92), look.color, radius=0.08)
    pen.shade("vertical")
    pen.rectangle((0.12, 0.04, a - 0.12, 0.13), (30, 30, 34))
    pen.line([(0.2, 0.085), (a - 0.2, 0.085)], 0.035, (250, 190, 60))
    pen.rectangle((0.09, 0.17, a - 0.09, 0.56), WINDOW, part="window", radius=0.04)
    pen.line([(a / 2, 0.17), (a / 2, 0.56)], 0.015, tone(look.color, -0.5))
    for x in (0.0, a - 0.05):
        pen.rectangle((x, 0.2, x + 0.05, 0.36), TYRE, radius=0.02)
    for x in (0.08, a - 0.22):
        pen.ellipse((x, 0.68, x + 0.14, 0.79), LAMP, part="headlight")
    pen.rectangle((a / 2 - 0.12, 0.7, a / 2 + 0.12, 0.78), (245, 245, 240))
    pen.rectangle((0.03, 0.85, a - 0.03, 0.92), tone(look.color, -0.4), radius=0.02)
    return pen


@kind(
    name="truck",
    plural="trucks",
    group="vehicle",
    settings=ROAD,
    rests_on="ground",
    height=(0.22, 0.34),
    colors=PAINTED,
    parts=("wheel", "window", "door", "cab", "headlight"),
    properties=("can be driven", "can be locked"),
)
def draw_truck(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A cab in the truck's colour and, behind it, a box, an open bed of sand or logs, or a tank."""
    a = vary(rng, 1.75, 2.3)
    pen = make_pen(a)
    radius = vary(rng, 0.13, 0.16)
    cab, floor, load = vary(rng, 0.5, 0.62), 0.8, pick(rng, ("box", "box", "sand", "logs", "tank"))
    roof = 0.0 if load in ("sand", "logs") else vary(rng, 0.08, 0.16)
    back = a - cab - 0.05
    other = pick(rng, (look.color, tone(look.color, -0.2), tone(look.color, 0.35)))
    pen.rectangle((0.02, floor - 0.02, a - 0.1, floor + 0.08), (52, 52, 58))
    if load == "box":
        pen.rectangle((0, 0, back, floor), other, radius=0.02)
        pen.rectangle((0.06, 0.1, back - 0.06, floor - 0.12), tone(other, 0.1))
        if chance(rng, 0.5):
            pen.rectangle((0.06, 0.3, back - 0.06, 0.42), look.accent)
    elif load == "tank":
        pen.rectangle((0, 0.2, back, floor), other, radius=0.28)
        pen.rectangle((0.12, 0.44, back - 0.12, 0.52), tone(other, 0.3), radius=0.03)
        pen.rectangle((back * 0.45, 0.12, back * 0.6, 0.24), tone(other, -0.3))
    elif load == "sand":
        pen.polygon(
            [(0.1, 0.42), (back * 0.35, 0.18), (back * 0.6, 0.14), (back - 0.08, 0.42)], (206, 172, 110)
        )
        pen.polygon([(0, 0.36), (back, 0.36), (back, floor), (0.1, floor)], other)
        for x in np.linspace(0.2, back - 0.06, 4):
            pen.line([(x, 0.4), (x, floor - 0.04)], 0.03, tone(other, -0.3))
    else:
        for row, y in enumerate((floor - 0.1, floor - 0.28, floor - 0.44)):
            for i in range(3 - row):
                x = 0.16 + (i + row * 0.5) * 0.19
                pen.rectangle((x, y - 0.09, back - 0.06, y + 0.09), tone((130, 86, 50), 0.08 * (i - row)))
                disc(pen, (x, y), 0.09, (214, 170, 116))
        pen.line([(back - 0.04, 0.2), (back - 0.04, floor)], 0.05, (52, 52, 58))
    x0 = a - cab
    nose = chance(rng, 0.4)
    hood = a - 0.22 if nose else a
    shape = [(x0, roof), (hood - 0.1, roof), (hood - 0.01, 0.46), (a, 0.5), (a, 0.88), (x0, 0.88)]
    pen.polygon(shape, look.color, part="cab")
    pen.shade("vertical")
    pen.rectangle(
        (x0 + 0.06, roof + 0.32 if roof else 0.4, x0 + 0.27, 0.8), tone(look.color, 0.12), part="door"
    )
    pen.line([(x0 + 0.09, 0.55), (x0 + 0.15, 0.55)], 0.025, TYRE, part="door")
    pen.polygon(
        [(x0 + 0.07, roof + 0.08), (hood - 0.13, roof + 0.08), (hood - 0.07, 0.42), (x0 + 0.07, 0.42)],
        WINDOW,
        part="window",
    )
    pen.ellipse((a - 0.09, 0.62, a, 0.72), LAMP, part="headlight")
    pen.rectangle((a - 0.2, 0.84, a + 0.0, 0.9), (70, 70, 76))
    wheels = [a - cab * 0.5, back * 0.3]
    if a > 2.0:
        wheels.append(back * 0.3 + radius * 2.1)
    for x in wheels:
        wheel(pen, x, radius)
    return pen


@kind(
    name="tractor",
    plural="tractors",
    group="vehicle",
    settings=("landscape",),
    rests_on="ground",
    height=(0.2, 0.32),
    colors=("red", "green", "blue", "yellow", "orange"),
    parts=("wheel", "window", "hood", "exhaust"),
    properties=("can be driven",),
)
def draw_tractor(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """A farm tractor: a huge wheel behind, a small one in front, a cab and an upright exhaust."""
    a = vary(rng, 1.25, 1.5)
    pen = make_pen(a)
    big, small = vary(rng, 0.28, 0.33), vary(rng, 0.17, 0.2)
    rim = pick(rng, ((240, 210, 80), (230, 230, 226), (210, 60, 50)))
    pipe = a - vary(rng, 0.3, 0.4)
    pen.line([(pipe, 0.15), (pipe, 0.45)], 0.05, (60, 60, 64), part="exhaust")
    x0, x1 = 0.2, a * 0.52
    pen.rectangle((x0, 0.03, x1, 0.7), look.color)
    pen.rectangle((x0 + 0.06, 0.09, x1 - 0.06, 0.42), WINDOW, part="window")
    pen.rectangle((x0 - 0.06, 0, x1 + 0.06, 0.07), tone(look.color, -0.2), radius=0.03)
    pen.polygon(
        [(x1 - 0.02, 0.4), (a - 0.14, 0.43), (a - 0.06, 0.5), (a - 0.06, 0.78), (x1 - 0.02, 0.8)],
        look.color,
        part="hood",
    )
    for y in (0.53, 0.59, 0.65):
        pen.line([(a - 0.35, y), (a - 0.12, y)], 0.02, tone(look.color, -0.5), part="hood")
    pen.shade("vertical")
    pen.arc((0.0, 0.4, big * 2 + 0.14, 1.0), 190, 330, 0.07, tone(look.color, -0.25))
    wheel(pen, big + 0.02, big, hub=rim)
    wheel(pen, a - small - 0.02, small, hub=rim)
    return pen


def _spoked(
    pen: Pen, center: tuple[float, float], radius: float, width: float, spokes: int, rim: Color
) -> None:
    """A bicycle's wheel: one sees through it."""
    x, y = center
    for i in range(spokes):
        angle = i * math.pi / spokes
        dx, dy = radius * math.cos(angle), radius * math.sin(angle)
        pen.line([(x - dx, y - dy), (x + dx, y + dy)], 0.012, (160, 162, 168), part="wheel")
    pen.ring((x - radius, y - radius, x + radius, y + radius), width, rim, part="wheel")
    disc(pen, center, 0.035, (90, 92, 98), "wheel")


@kind(
    name="bicycle",
    plural="bicycles",
    group="vehicle",
    settings=("street", "landscape"),
    rests_on="ground",
    height=(0.2, 0.32),
    colors=PAINTED,
    parts=("wheel", "frame", "saddle", "handlebar", "basket"),
    synonyms=("bike",),
    properties=("can be ridden",),
)
def draw_bicycle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    a = vary(rng, 1.5, 1.75)
    pen = make_pen(a)
    radius, w = vary(rng, 0.31, 0.35), vary(rng, 0.055, 0.075)
    y = 1 - radius
    back, front = (radius, y), (a - radius, y)
    _spoked(pen, back, radius, 0.05, 5, TYRE)
    _spoked(pen, front, radius, 0.05, 5, TYRE)
    seat_x, head_x = a * 0.36, a * vary(rng, 0.66, 0.7)
    crank, seat, head = (a * 0.46, y + 0.03), (seat_x, 0.22), (head_x, 0.2)
    low = chance(rng, 0.35)
    tube = look.color
    pen.line([back, (seat_x + 0.02, 0.34)], w * 0.8, tube, part="frame")
    pen.line([back, crank], w * 0.8, tube, part="frame")
    pen.line([crank, seat], w, tube, part="frame")
    pen.line([crank, (head_x + 0.02, 0.36)], w, tube, part="frame")
    top = (a * 0.43, 0.52) if low else (seat_x + 0.02, 0.32)
    pen.line([top, (head_x, 0.28)], w, tube, part="frame")
    pen.line([head, front], w, tube, part="frame")
    pen.shade("flat")
    if chance(rng, 0.35):
        pen.polygon(
            [(head_x + 0.06, 0.16), (head_x + 0.34, 0.16), (head_x + 0.3, 0.36), (head_x + 0.1, 0.36)],
            (176, 128, 76),
            part="basket",
        )
    disc(pen, crank, 0.06, (70, 72, 78), KEEP)
    pen.line([crank, (crank[0] + 0.06, crank[1] + 0.12)], 0.03, (70, 72, 78))
    pen.line([(seat_x, 0.32), (seat_x - 0.01, 0.15)], 0.035, STEEL)
    pen.polygon(
        [(seat_x - 0.15, 0.09), (seat_x + 0.12, 0.13), (seat_x + 0.1, 0.17), (seat_x - 0.13, 0.18)],
        (40, 34, 32),
        part="saddle",
        smooth=True,
    )
    bar_x, bar_y = head_x - 0.02, vary(rng, 0.03, 0.08)
    pen.line([(head_x, 0.22), (bar_x, bar_y)], 0.04, STEEL, part="handlebar")
    end = (bar_x - 0.14, bar_y + 0.05) if chance(rng, 0.5) else (bar_x + 0.12, bar_y + 0.12)
    mid = ((bar_x + end[0]) / 2 + 0.04, bar_y)
    pen.line([(bar_x, bar_y), mid, end], 0.05, (40, 40, 44), part="handlebar", smooth=True)
    return pen


@kind(
    name="motorcycle",
    plural="motorcycles",
    group="vehicle",
    settings=("street", "landscape"),
    rests_on="ground",
    height=(0.18, 0.3),
    colors=PAINTED,
    materials=(),
    parts=("wheel", "seat", "tank", "handlebar", "headlight", "exhaust"),
    properties=("can be ridden",),
)
def draw_motorcycle(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    """Thick wheels, a big coloured tank, an engine and an exhaust where a bicycle is empty."""
    a = vary(rng, 1.55, 1.85)
    pen = make_pen(a)
    radius = vary(rng, 0.25, 0.29)
    y = 1 - radius
    back, front = (radius, y), (a - radius, y)
    for x, _ in (back, front):
        disc(pen, (x, y), radius, TYRE, "wheel")
        disc(pen, (x, y), radius * 0.62, (196, 198, 204), "wheel")
        disc(pen, (x, y), radius * 0.5, (80, 82, 88), "wheel")
        disc(pen, (x, y), radius * 0.18, (210, 212, 216), "wheel")
    head = (a * 0.73, 0.25)
    pen.line([head, front], 0.07, STEEL)
    pen.line([back, (a * 0.5, y)], 0.08, (60, 60, 66))
    pen.rectangle((a * 0.38, 0.5, a * 0.64, 0.86), (112, 114, 122), radius=0.06)
    for t in (0.56, 0.63, 0.7, 0.77):
        pen.line([(a * 0.41, t), (a * 0.61, t)], 0.02, (60, 60, 66))
    pen.line(
        [(a * 0.58, 0.78), (a * 0.48, 0.9), (0.1, vary(rng, 0.8, 0.9))],
        0.075,
        (206, 208, 214),
        part="exhaust",
    )
    pen.polygon(
        [(0.0, 0.42), (a * 0.16, 0.34), (a * 0.4, 0.45), (a * 0.42, 0.58), (a * 0.2, 0.54), (0.06, 0.5)],
        look.color,
    )
    pen.arc(
        (a - 2 * radius - 0.05, y - radius - 0.05, a + 0.05, y + radius + 0.05), 200, 320, 0.07, look.color
    )
    pen.polygon(
        [
            (a * 0.4, 0.36),
            (a * 0.5, 0.22),
            (a * 0.66, 0.2),
            (a * 0.74, 0.34),
            (a * 0.66, 0.52),
            (a * 0.42, 0.54),
        ],
        look.color,
        part="tank",
        smooth=True,
    )
    if chance(rng, 0.4):
        pen.polygon(
            [(a * 0.7, 0.16), (a * 0.78, 0.1), (a * 0.88, 0.3), (a * 0.82, 0.56), (a * 0.72, 0.5)], look.color
        )
    pen.shade("vertical")
    pen.polygon(
        [(a * 0.08, 0.32), (a * 0.2, 0.31), (a * 0.41, 0.35), (a * 0.43, 0.44), (a * 0.2, 0.42)],
        (36, 32, 32),
        part="seat",
        smooth=True,
    )
    pen.line([head, (a * 0.7, 0.05), (a * 0.6, 0.09)], 0.05, (40, 40, 44), part="handlebar")
    disc(pen, (a * 0.79, 0.26), 0.075, LAMP, "headlight")
    return pen
