"""Small geometry for drawings: outlines of turned things, tapered strokes, curves, tones of a colour.

Everything is in a pen's unit coordinates (x to the right, y down, height 1) and returns lists of points.
"""

import math
from collections.abc import Sequence

Point = tuple[float, float]
Color = tuple[int, int, int]

STEEL: Color = (178, 184, 192)
DARK_STEEL: Color = (112, 118, 128)
WOOD: Color = (176, 124, 72)
RUBBER: Color = (52, 52, 56)
CREAM: Color = (246, 236, 212)


def tone(color: Sequence[int], amount: float) -> Color:
    """The colour moved towards white (amount up to 1) or towards black (down to -1)."""
    target = 255 if amount > 0 else 0
    return mix(color, (target, target, target), abs(amount))


def mix(first: Sequence[int], second: Sequence[int], amount: float) -> Color:
    """`amount` of the second colour in the first."""
    red, green, blue = (round(a + (b - a) * amount) for a, b in zip(first, second, strict=True))
    return red, green, blue


def arc(
    cx: float, cy: float, rx: float, ry: float, start: float, stop: float, steps: int = 12
) -> list[Point]:
    """Points on an ellipse; degrees, 0 to the right, 90 down."""
    angles = [math.radians(start + (stop - start) * i / steps) for i in range(steps + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


def curve(start: Point, control: Point, stop: Point, steps: int = 10) -> list[Point]:
    """A quadratic Bezier curve."""
    points = []
    for i in range(steps + 1):
        t = i / steps
        a, b, c = (1 - t) ** 2, 2 * t * (1 - t), t**2
        points.append(
            (a * start[0] + b * control[0] + c * stop[0], a * start[1] + b * control[1] + c * stop[1])
        )
    return points


def turned(cx: float, rows: Sequence[Point]) -> list[Point]:
    """The outline of a thing made on a lathe; rows of (y, radius) from top to bottom."""
    return [(cx - r, y) for y, r in rows] + [(cx + r, y) for y, r in reversed(rows)]


def tub(cx: float, top: float, bottom: float, r_top: float, r_bottom: float, bulge: float) -> list[Point]:
    """The outline of a cup seen from a little above: straight sides, a floor rounded by `bulge`."""
    return [(cx - r_top, top), *arc(cx, bottom - bulge, r_bottom, bulge, 180, 0), (cx + r_top, top)]


def ribbon(spine: Sequence[Point], widths: Sequence[float]) -> list[Point]:
    """The outline of a stroke along `spine`; `widths` are spread evenly over its length."""
    left, right = [], []
    last = len(spine) - 1
    for i, (x, y) in enumerate(spine):
        before, after = spine[max(i - 1, 0)], spine[min(i + 1, last)]
        dx, dy = after[0] - before[0], after[1] - before[1]
        norm = math.hypot(dx, dy) or 1.0
        place = i / last * (len(widths) - 1)
        k = min(int(place), len(widths) - 2)
        half = (widths[k] + (widths[k + 1] - widths[k]) * (place - k)) / 2
        left.append((x - dy / norm * half, y + dx / norm * half))
        right.append((x + dy / norm * half, y - dx / norm * half))
    return left + right[::-1]
