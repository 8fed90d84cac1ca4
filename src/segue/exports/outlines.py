"""Masks as polygons, in the two ways that other tools understand them.

`mask_polygons` follows the borders between pixels: rings with holes that enclose exactly the mask, for tools
that compute with areas (GeoJSON). `mask_outlines` goes through the middles of the border's pixels, as the
contours of OpenCV do: painted with their outline, as LabelMe and Ultralytics paint, they give the mask again,
but for its holes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["PixelPolygon", "fill_holes", "mask_outlines", "mask_polygons", "one_outline"]

Point = tuple[int, int]
Ring = list[Point]
Edge = tuple[Point, int]
"""A corner and the direction in which the border leaves it."""

# Directions of border edges: right, down, left, up; the mask is on the right-hand side of each.
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
# The pixel on the right-hand side of an edge that leaves a corner in that direction.
_INSIDE = ((0, 0), (-1, 0), (-1, -1), (0, -1))


@dataclass(frozen=True)
class PixelPolygon:
    """One part of a mask. Rings are (x, y) corners of pixels, not closed by repeating the first.

    Attributes:
        outer: clockwise on the screen.
        holes: counter-clockwise.
    """

    outer: Ring
    holes: tuple[Ring, ...] = ()


def mask_polygons(mask: np.ndarray) -> list[PixelPolygon]:
    """The parts of a bool mask (height, width); parts that touch at a corner are two.

    No ring passes a corner twice, so the polygons are valid ones for GIS tools, and their areas are the
    numbers of pixels.
    """
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    outers: dict[int, Ring] = {}
    holes: dict[int, list[Ring]] = {}
    for ring in _rings(mask, join=False):
        for loop in _loops(ring):
            x, y = _inside(loop[0])
            part = int(labels[y, x])
            corners = _corners([corner for corner, _ in loop])
            if _area(corners) > 0:
                outers[part] = corners
            else:
                holes.setdefault(part, []).append(corners)
    return [PixelPolygon(outer, tuple(holes.get(part, ()))) for part, outer in outers.items()]


def mask_outlines(mask: np.ndarray) -> list[Ring]:
    """The outer outlines of a bool mask's parts, largest first; parts that touch at a corner are one.

    Corners are (x, y) of pixels; a single pixel is one corner, a line of pixels goes there and back.
    """
    found = []
    for ring in _rings(mask, join=True):
        if _area([corner for corner, _ in ring]) < 0:
            continue  # a hole's border
        pixels = [_inside(edge) for edge in ring]
        thin = [pixel for number, pixel in enumerate(pixels) if pixel != pixels[number - 1]]
        found.append(_corners(thin) if len(thin) > 2 else thin or pixels[:1])
    return sorted(found, key=lambda outline: -abs(_area(outline)))


def one_outline(outlines: Sequence[Ring]) -> Ring:
    """Several outlines as one, for formats with one polygon for each object: joined by lines that go there
    and back between their nearest corners (they paint a pixel's width)."""
    joined = list(outlines[0])
    for outline in outlines[1:]:
        first, second = np.array(joined), np.array(outline)
        distance = ((first[:, None] - second[None]) ** 2).sum(-1)
        here, there = (int(index) for index in np.unravel_index(distance.argmin(), distance.shape))
        there_and_back = outline[there:] + outline[:there] + [outline[there], joined[here]]
        joined[here + 1 : here + 1] = there_and_back
    return joined


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """What outlines without holes enclose."""
    from scipy import ndimage

    return ndimage.binary_fill_holes(mask)


def _rings(mask: np.ndarray, *, join: bool) -> Iterator[list[Edge]]:
    """The closed borders of a mask; where pixels touch at a corner, `join` leads from one to the other."""
    padded = np.pad(np.asarray(mask, dtype=bool), 1)
    inner = padded[1:-1, 1:-1]
    leaves: dict[Point, list[int]] = {}
    # An edge starts at the corner of its pixel that is first clockwise.
    sides = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    for direction, (beyond, (dx, dy)) in enumerate(zip(sides, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True)):
        rows, columns = np.nonzero(inner & ~beyond)
        for corner in zip((columns + dx).tolist(), (rows + dy).tolist(), strict=True):
            leaves.setdefault(corner, []).append(direction)
    visited: set[Edge] = set()
    for start in ((corner, direction) for corner, directions in leaves.items() for direction in directions):
        if start in visited:
            continue
        ring: list[Edge] = []
        edge = start
        # Every edge has one before it and one after it: the way ends where it began.
        while edge not in visited:
            visited.add(edge)
            ring.append(edge)
            (x, y), direction = edge
            corner = (x + _STEPS[direction][0], y + _STEPS[direction][1])
            following = leaves[corner]
            # Left leads over to the other pixel, right stays at this one.
            turned = (direction + (3 if join else 1)) % 4
            edge = (corner, turned if len(following) > 1 else following[0])
        yield ring


def _loops(ring: list[Edge]) -> Iterator[list[Edge]]:
    """A ring cut apart where it passes a corner again."""
    path: list[Edge] = []
    place: dict[Point, int] = {}
    for edge in ring:
        if edge[0] in place:
            first = place[edge[0]]
            yield path[first:]
            for corner, _ in path[first:]:
                del place[corner]
            del path[first:]
        place[edge[0]] = len(path)
        path.append(edge)
    yield path


def _inside(edge: Edge) -> Point:
    """The pixel on the right-hand side of an edge."""
    (x, y), direction = edge
    dx, dy = _INSIDE[direction]
    return x + dx, y + dy


def _corners(ring: Sequence[Point]) -> Ring:
    """Without the points that lie on a straight way between their neighbours."""
    kept = []
    for number, (x, y) in enumerate(ring):
        (x0, y0), (x1, y1) = ring[number - 1], ring[(number + 1) % len(ring)]
        before, after = (x - x0, y - y0), (x1 - x, y1 - y)
        if before[0] * after[1] != before[1] * after[0] or before[0] * after[0] + before[1] * after[1] < 0:
            kept.append((x, y))
    return kept


def _area(ring: Sequence[Point]) -> float:
    """Positive where the ring is clockwise on the screen."""
    return sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(ring, [*ring[1:], ring[0]], strict=True)) / 2
