"""A small vector pen: draws one object as a sprite, and remembers which pixels belong to which named part.

Coordinates are units of the sprite's height: x runs over [0, aspect], y over [0, 1] and points DOWN. Every
primitive goes to a colour image and, with its part's number, to a label image, so what is drawn later hides
parts drawn earlier. Everything happens at twice the size; `finish` crops to what was drawn and scales it to
exactly the asked height, so a sprite always touches the four edges of its box.

The pen knows nothing of kinds, scenes or backgrounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from segue.scenes.surfaces import TEXTURES, Shade, Texture

Color = tuple[int, ...]  # RGB, or RGBA where something is see-through
Point = tuple[float, float]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (208, 40, 42),
    "orange": (240, 132, 32),
    "yellow": (244, 208, 54),
    "green": (62, 152, 70),
    "blue": (44, 96, 200),
    "purple": (126, 66, 168),
    "pink": (240, 146, 184),
    "brown": (124, 78, 44),
    "black": (38, 37, 40),
    "white": (243, 243, 240),
    "grey": (142, 144, 148),
    "beige": (222, 200, 160),
}

KEEP = "keep"  # as a part: draw the colour, leave the parts below as they are (an eye on a head, a highlight)

_SUPERSAMPLING = 2
_MARGIN = 0.06  # units around the drawing, for curves and line ends that reach out of it
_MIN_ALPHA = 140  # see-through fills stay above half, so that "alpha > 127" is the object's mask everywhere


@dataclass(frozen=True)
class Look:
    """The colours one object is drawn with; `color` is the one that gives the object its colour name."""

    color: tuple[int, int, int]
    color_name: str
    material: str | None
    accent: tuple[int, int, int]
    dark: tuple[int, int, int]


@dataclass(frozen=True)
class Sprite:
    """rgba: uint8 (h, w, 4). parts: name -> bool (h, w), the pixels where that part is VISIBLE."""

    rgba: np.ndarray
    parts: dict[str, np.ndarray]


def make_look(color_name: str, rng: np.random.Generator, *, material: str | None = None) -> Look:
    """A look in a named colour, a little lighter, darker or warmer than the plain one."""
    base = np.array(COLORS[color_name], float)
    color = base * rng.uniform(0.93, 1.06) + rng.uniform(-6, 6, size=3)
    if color_name in ("black", "white", "grey"):  # a tint would turn these into another colour
        color = np.full(3, color.mean())
    names = [name for name in COLORS if name != color_name]
    accent = COLORS[names[int(rng.integers(len(names)))]]
    rgb = _clip(color)
    return Look(rgb, color_name, material, accent, darker(rgb, 0.55))


def mix(first: Color, second: Color, amount: float) -> tuple[int, int, int]:
    """`first` at amount 0, `second` at amount 1."""
    return _clip([a * (1 - amount) + b * amount for a, b in zip(first[:3], second[:3], strict=True)])


def darker(color: Color, factor: float = 0.75) -> tuple[int, int, int]:
    return _clip([value * factor for value in color[:3]])


def lighter(color: Color, amount: float = 0.3) -> tuple[int, int, int]:
    return mix(color, (255, 255, 255), amount)


class Pen:
    def __init__(self, height_px: int, aspect: float, rng: np.random.Generator) -> None:
        self.aspect = aspect
        self.rng = rng
        self._height_px = int(height_px)
        self._scale = self._height_px * _SUPERSAMPLING
        self._margin = round(_MARGIN * self._scale)
        size = (round(aspect * self._scale) + 2 * self._margin, self._scale + 2 * self._margin)
        self._image = Image.new("RGBA", size, (0, 0, 0, 0))
        self._labels = Image.new("L", size, 0)
        self._color_draw = ImageDraw.Draw(self._image)
        self._label_draw = ImageDraw.Draw(self._labels)
        self._part_numbers: dict[str, int] = {}
        self._surfaces: list[Texture | Shade] = []  # asked for, not yet put on
        self._outline: tuple[float, int] | None = None

    # --- settings ---

    def outline(self, strength: float = 0.3, width: float = 0.012) -> None:
        """From now on filled shapes get an edge in their own colour, darker by `strength` (0 = no edge)."""
        self._outline = (strength, max(1, round(width * self._scale))) if strength > 0 else None

    # --- primitives ---

    def polygon(
        self, points: Sequence[Point], fill: Color, part: str | None = None, smooth: bool = False
    ) -> None:
        """A filled polygon; `smooth` runs a closed curve through the points."""
        pixels = self._pixels(_closed_curve(points) if smooth else points)
        self._fill_polygon(pixels, fill, part)

    def ellipse(self, box: Box, fill: Color, part: str | None = None, angle: float = 0.0) -> None:
        """A filled ellipse, turned clockwise by `angle` degrees about its middle."""
        if angle:
            self._fill_polygon(self._pixels(_turned_ellipse(box, angle)), fill, part)
            return
        x0, y0, x1, y1 = self._box(box)
        fill = _opaque_enough(fill)
        edge, width = self._edge_of(fill)
        self._draw.ellipse((x0, y0, x1, y1), fill=fill, outline=edge, width=width)
        if part != KEEP:
            self._label_draw.ellipse((x0, y0, x1, y1), fill=self._number(part))

    def rectangle(self, box: Box, fill: Color, part: str | None = None, radius: float = 0.0) -> None:
        """A filled upright rectangle with corners rounded by `radius` units."""
        x0, y0, x1, y1 = self._box(box)
        fill = _opaque_enough(fill)
        edge, width = self._edge_of(fill)
        corner = min(radius * self._scale, (x1 - x0) / 2, (y1 - y0) / 2)
        if corner >= 1:
            self._draw.rounded_rectangle((x0, y0, x1, y1), corner, fill=fill, outline=edge, width=width)
        else:
            self._draw.rectangle((x0, y0, x1, y1), fill=fill, outline=edge, width=width)
        if part == KEEP:
            return
        if corner >= 1:
            self._label_draw.rounded_rectangle((x0, y0, x1, y1), corner, fill=self._number(part))
        else:
            self._label_draw.rectangle((x0, y0, x1, y1), fill=self._number(part))

    def line(
        self,
        points: Sequence[Point],
        width: float,
        fill: Color,
        part: str | None = None,
        smooth: bool = False,
    ) -> None:
        """A line through the points with round joints and ends."""
        self.limb(points, (width, width), fill, part, smooth=smooth)

    def limb(
        self,
        points: Sequence[Point],
        widths: tuple[float, float],
        fill: Color,
        part: str | None = None,
        smooth: bool = True,
    ) -> None:
        """A tube through the points whose width runs from the first to the second: a leg, a tail, a spout."""
        curved = smooth and len(points) > 2
        knots = np.asarray(points, float) * self._scale + self._margin
        path = _curve_matrix(len(points), closed=False) @ knots if curved else knots
        radii = np.linspace(widths[0], widths[1], len(path)) * self._scale / 2
        outline, self._outline = self._outline, None
        if outline and max(widths) * self._scale > 4 * outline[1]:
            self._tube(path, radii, _edge_color(fill, outline[0]), part, curved)
            self._tube(path, radii - outline[1], fill, KEEP, curved)
        else:
            self._tube(path, radii, fill, part, curved)
        self._outline = outline

    def arc(
        self, box: Box, start: float, end: float, width: float, fill: Color, part: str | None = None
    ) -> None:
        """Part of an ellipse's edge, from `start` to `end` degrees, clockwise from three o'clock."""
        pixels = self._box(box)
        thick = max(1, round(width * self._scale))
        self._draw.arc(pixels, start, end, fill=_opaque_enough(fill), width=thick)
        if part != KEEP:
            self._label_draw.arc(pixels, start, end, fill=self._number(part), width=thick)

    def ring(self, box: Box, width: float, fill: Color, part: str | None = None) -> None:
        """An ellipse's edge, drawn inwards; its middle stays as it was."""
        self.arc(box, 0, 360, width, fill, part)

    def erase_ellipse(self, box: Box) -> None:
        """A true hole: nothing of the object is left inside."""
        pixels = self._box(box)
        self._draw.ellipse(pixels, fill=(0, 0, 0, 0))
        self._label_draw.ellipse(pixels, fill=0)

    def erase_polygon(self, points: Sequence[Point], smooth: bool = False) -> None:
        pixels = self._pixels(_closed_curve(points) if smooth else points)
        self._draw.polygon(pixels, fill=(0, 0, 0, 0))
        self._label_draw.polygon(pixels, fill=0)

    # --- surfaces ---

    def texture(
        self,
        kind: str,
        strength: float = 0.15,
        *,
        color: Color | None = None,
        part: str | None = None,
        scale: float = 1.0,
    ) -> None:
        """A pattern over everything drawn so far, or over what is visible of one part.

        Without `color` the pattern makes the surface lighter and darker by up to `strength` (0..1). With
        `color` it paints that colour where the pattern is high ("spots", "stripes", "checks").
        """
        assert kind in TEXTURES, kind
        if kind == "none" or strength <= 0:
            return
        number = None if part is None else self._number(part)
        self._surfaces.append(Texture(kind, strength, color, number, scale))

    def shade(self, style: str = "round", light: tuple[float, float] = (-0.5, -0.8)) -> None:
        """Soft light on everything drawn so far. `light` is the direction towards the lamp (y down).

        round: every limb gets a lit and a dark side; vertical: light above, dark below; flat: less of it.
        """
        assert style in ("round", "vertical", "flat"), style
        self._surfaces.append(Shade(style, light))

    def mirror(self) -> None:
        """Turn what was drawn so far to face the other way. Call before `shade`, so that the light stays."""
        self._put_on_surfaces()
        self._image = self._image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        self._labels = self._labels.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        self._color_draw = ImageDraw.Draw(self._image)
        self._label_draw = ImageDraw.Draw(self._labels)

    # --- the end ---

    def finish(self) -> Sprite:
        """The sprite, `height_px` tall and as wide as what was drawn; parts nobody can see are left out."""
        box = self._image.getchannel("A").getbbox()
        assert box is not None, "nothing was drawn"
        height = self._height_px
        width = max(1, round(height * (box[2] - box[0]) / (box[3] - box[1])))
        image = self._image.resize((width, height), Image.Resampling.BOX, box=box)
        labels = self._labels.resize((width, height), Image.Resampling.NEAREST, box=box)
        # What was put on last is put on here, where there are fewer pixels.
        for surface in self._surfaces:
            image = surface.put_on(image, labels, height / (box[3] - box[1]) * self._scale, self.rng)
        rgba, numbers = np.array(image), np.asarray(labels)
        inside = rgba[..., 3] > 127
        parts = {name: (numbers == number) & inside for name, number in self._part_numbers.items()}
        return Sprite(rgba, {name: mask for name, mask in parts.items() if mask.any()})

    # --- below: pixels ---

    def _pixels(self, points: Sequence[Point] | np.ndarray) -> list[Point]:
        return [(x, y) for x, y in (np.asarray(points, float) * self._scale + self._margin).tolist()]

    def _box(self, box: Box) -> Box:
        x0, y0, x1, y1 = (value * self._scale + self._margin for value in box)
        return (min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))

    def _number(self, part: str | None) -> int:
        if part is None:
            return 0
        return self._part_numbers.setdefault(part, len(self._part_numbers) + 1)

    def _edge_of(self, fill: Color) -> tuple[Color | None, int]:
        if self._outline is None:
            return None, 1
        return _edge_color(fill, self._outline[0]) + tuple(fill[3:]), self._outline[1]

    def _fill_polygon(self, pixels: list[Point], fill: Color, part: str | None) -> None:
        fill = _opaque_enough(fill)
        self._draw.polygon(pixels, fill=fill)
        edge, width = self._edge_of(fill)
        if edge is not None:
            self._draw.line([*pixels, pixels[0]], fill=edge, width=width)
        if part != KEEP:
            self._label_draw.polygon(pixels, fill=self._number(part))

    def _tube(self, path: np.ndarray, radii: np.ndarray, fill: Color, part: str | None, curved: bool) -> None:
        """path (N, 2), radii (N,) in pixels. A quad per piece, a disc per end and per corner."""
        fill = _opaque_enough(fill)
        radii = np.maximum(radii, 0.5)
        ahead = np.empty_like(path)  # across a knot of a curve, so that neighbouring quads share an edge
        ahead[1:-1] = path[2:] - path[:-2]
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
        side = ahead[:, ::-1] * (radii / np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-6))[:, None]
        side[:, 0] *= -1
        if curved:
            left, right = path + side, path - side
            quads = np.concatenate([left[:-1], left[1:], right[1:], right[:-1]], 1).tolist()
        else:
            step = path[1:] - path[:-1]
            turned = step[:, ::-1] * (-1, 1) / np.maximum(np.hypot(step[:, 0], step[:, 1]), 1e-6)[:, None]
            near, far = turned * radii[:-1, None], turned * radii[1:, None]
            quads = np.concatenate([path[:-1] + near, path[1:] + far, path[1:] - far, path[:-1] - near], 1)
            quads = quads.tolist()
        round_at = (0, -1) if curved else range(len(path))
        discs = np.concatenate([path - radii[:, None], path + radii[:, None]], 1).tolist()
        targets: list[tuple[ImageDraw.ImageDraw, Any]] = [(self._draw, fill)]
        if part != KEEP:
            targets.append((self._label_draw, self._number(part)))
        for draw, value in targets:
            for quad in quads:
                draw.polygon(quad, fill=value)
            for index in round_at:
                draw.ellipse(discs[index], fill=value)

    @property
    def _draw(self) -> ImageDraw.ImageDraw:
        """Where colours go."""
        if self._surfaces:
            self._put_on_surfaces()
        return self._color_draw

    def _put_on_surfaces(self) -> None:
        """Put on the surfaces that wait: they must not cover what is drawn from now on."""
        for surface in self._surfaces:
            self._image = surface.put_on(self._image, self._labels, self._scale, self.rng)
        self._surfaces = []
        self._color_draw = ImageDraw.Draw(self._image)


# --- geometry and colour ---


def _clip(color: Sequence[float] | np.ndarray) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(float(value)))) for value in color)
    return (red, green, blue)


def _edge_color(fill: Color, strength: float) -> tuple[int, int, int]:
    """Darker than the fill, but lighter than black, where a darker edge would not show."""
    return lighter(fill, strength / 2) if max(fill[:3]) < 70 else darker(fill, 1 - strength)


def _opaque_enough(fill: Color) -> Color:
    return fill if len(fill) == 3 else (*fill[:3], max(fill[3], _MIN_ALPHA))


@lru_cache(maxsize=64)
def _curve_matrix(count: int, closed: bool) -> np.ndarray:
    """(M, count): times the (count, 2) knots it gives M points of a Catmull-Rom curve through them."""
    steps = 6 if closed else 4
    t = np.arange(steps) / steps
    powers = np.stack([np.ones_like(t), t, t**2, t**3], 1)
    basis = np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]]) / 2
    weights = powers @ basis  # of the four knots around a piece
    pieces = count if closed else count - 1
    matrix = np.zeros((pieces * steps + (0 if closed else 1), count))
    for piece in range(pieces):
        rows = slice(piece * steps, (piece + 1) * steps)
        for offset in range(4):
            knot = piece + offset - 1
            if closed or 0 <= knot < count:
                matrix[rows, knot % count] += weights[:, offset]
            else:  # the curve goes straight on before the first knot and after the last
                end, inner = (0, 1) if knot < 0 else (count - 1, count - 2)
                matrix[rows, end] += 2 * weights[:, offset]
                matrix[rows, inner] -= weights[:, offset]
    if not closed:
        matrix[-1, -1] = 1
    return matrix


def _closed_curve(points: Sequence[Point]) -> np.ndarray:
    return _curve_matrix(len(points), closed=True) @ np.asarray(points, float)


def _turned_ellipse(box: Box, angle: float, count: int = 28) -> np.ndarray:
    x0, y0, x1, y1 = box
    turn = np.linspace(0, 2 * math.pi, count, endpoint=False)
    x, y = (x1 - x0) / 2 * np.cos(turn), (y1 - y0) / 2 * np.sin(turn)
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.stack([(x0 + x1) / 2 + c * x - s * y, (y0 + y1) / 2 + s * x + c * y], 1)
