"""How a material shows on a drawing: grain along wood, the gleam of metal and of glaze.

Call these after `Pen.shade`, which would blur their contrast away; they leave the parts as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from segue.scenes.kinds.shapes import Point, tone
from segue.scenes.pen import KEEP, Box, Look, Pen


def grain(pen: Pen, look: Look, box: Box, lines: int = 3) -> None:
    """Dark lines along the longer side of a box, when the look is of wood."""
    if look.material != "wood":
        return
    x0, y0, x1, y1 = box
    upright = y1 - y0 > x1 - x0
    thick = 0.12 * min(x1 - x0, y1 - y0)
    color = tone(look.color, -0.32 if sum(look.color) > 180 else 0.16)
    for i in range(lines):
        place, start = (i + 0.7) / (lines + 0.4), 0.1 + 0.23 * (i % 2)
        stop = start + 0.6
        if upright:
            x = x0 + (x1 - x0) * place
            line = [(x, y0 + (y1 - y0) * start), (x, y0 + (y1 - y0) * stop)]
        else:
            y = y0 + (y1 - y0) * place
            line = [(x0 + (x1 - x0) * start, y), (x0 + (x1 - x0) * stop, y)]
        pen.line(line, thick, color, part=KEEP)


def gleam(pen: Pen, look: Look, path: Sequence[Point], middle: float) -> None:
    """Light along `path`, on the left of a body that is symmetric about x = `middle`.

    Metal gets hard bands of light and dark, glaze and glass one clear streak, plastic a faint one, wood none.
    """
    # side (1 the lit one, -1 its mirror image), how much nearer to the middle, width, tone
    bands: tuple[tuple[int, float, float, float], ...] = ((1, 1.0, 0.05, 0.55),)
    if look.material == "metal":
        bands = ((1, 1.0, 0.055, 0.65), (1, 0.74, 0.03, 0.4), (-1, 0.8, 0.04, 0.3), (-1, 1.0, 0.07, -0.35))
    elif look.material == "plastic":
        bands = ((1, 1.0, 0.04, 0.22),)
    elif look.material in ("wood", "paper"):
        bands = ()
    for side, nearness, width, amount in bands:
        shifted = [(middle + side * nearness * (x - middle), y) for x, y in path]
        pen.line(shifted, width, tone(look.color, amount), part=KEEP)
