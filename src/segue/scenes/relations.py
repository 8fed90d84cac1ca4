"""How things in a scene stand to each other, as a person looking at the picture would say it.

Every predicate answers True (clearly so), False (clearly not), or None where people might disagree.  A
question may only rest on clear answers: "the mug left of the plate" needs True for its target and False for
every other mug.  Superlatives return the one object that wins by a clear margin, or None.  Pure functions
over `SceneObject`; distances are in pixels of the picture, y grows downwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from segue.scenes.scene import SceneObject

# Pairs of colour names that people mix up: never asserted to be the same nor to be different.
CONFUSABLE_COLORS = frozenset(
    frozenset(pair)
    for pair in (
        ("red", "orange"),
        ("orange", "yellow"),
        ("orange", "brown"),
        ("red", "brown"),
        ("red", "pink"),
        ("pink", "purple"),
        ("blue", "purple"),
        ("brown", "beige"),
        ("beige", "white"),
        ("beige", "yellow"),
        ("beige", "grey"),
        ("white", "grey"),
        ("grey", "black"),
        ("brown", "black"),
    )
)

# ---------------------------------------------------------------------------------------- in the picture


def left_of(a: SceneObject, b: SceneObject) -> bool | None:
    """`a` is to the left of `b`: beside it rather than above or below, and hardly overlapping sideways."""
    dx, dy = b.center[0] - a.center[0], abs(b.center[1] - a.center[1])
    if dx <= 0:
        return False
    beside = _overlap_x(a, b) <= 0.25 * min(a.box[2], b.box[2])
    return True if beside and dy <= 1.5 * dx and dx >= 0.04 * _picture(a)[1] else None


def right_of(a: SceneObject, b: SceneObject) -> bool | None:
    """`a` is to the right of `b`."""
    return left_of(b, a)


def above(a: SceneObject, b: SceneObject) -> bool | None:
    """`a` is higher than `b`.  Only for what hangs, flies, floats or stands on `b`: on the ground, higher in
    the picture means farther away, and people say "behind"."""
    dx, dy = abs(b.center[0] - a.center[0]), b.center[1] - a.center[1]
    if dy <= 0:
        return False
    if a.rests_on not in ("wall", "sky", "nothing") and a.holder != b.id:
        return None
    apart = _overlap_y(a, b) <= 0.2 * min(a.box[3], b.box[3])
    return True if apart and dx <= dy and dy >= 0.04 * _picture(a)[0] else None


def below(a: SceneObject, b: SceneObject) -> bool | None:
    """`a` is lower than `b`, see `above`."""
    return above(b, a)


def next_to(a: SceneObject, b: SceneObject) -> bool | None:
    """`a` and `b` stand side by side with little space between them, at about the same depth."""
    if a is b or on(a, b) or on(b, a):
        return False
    gap = _gap_x(a, b)
    reach = 0.5 * (a.box[2] + b.box[2])
    level = _overlap_y(a, b) >= 0.4 * min(a.box[3], b.box[3])
    if gap > 1.5 * reach or _gap_y(a, b) > 0.5 * min(a.box[3], b.box[3]):
        return False
    side_by_side = _overlap_x(a, b) <= 0.3 * min(a.box[2], b.box[2])
    return True if gap <= 0.5 * reach and level and side_by_side and abs(a.depth - b.depth) <= 0.2 else None


def between(a: SceneObject, b: SceneObject, c: SceneObject) -> bool | None:
    """`a` is between `b` and `c`, which stand left and right of it, on about one line."""
    left, right = (b, c) if b.center[0] <= c.center[0] else (c, b)
    if not left.center[0] < a.center[0] < right.center[0]:
        return False
    along = (a.center[0] - left.center[0]) / (right.center[0] - left.center[0])
    line_y = left.center[1] + along * (right.center[1] - left.center[1])
    off = abs(a.center[1] - line_y)
    slack = 0.5 * max(a.box[3], min(b.box[3], c.box[3]))
    clear = left_of(left, a) is True and left_of(a, right) is True and 0.2 <= along <= 0.8
    if off > 3 * slack:
        return False
    return True if clear and off <= slack else None


# ------------------------------------------------------------------------------------------- in the room


def in_front_of(a: SceneObject, b: SceneObject) -> bool | None:
    """`a` is nearer to the viewer and in line with `b`: it hides a part of it, or stands lower before it."""
    if a is b or a.depth >= b.depth or on(a, b) or on(b, a):
        return False
    if a.rests_on == "nothing":  # floating things show their order only where they touch
        return True if _touching(a, b) and _overlap_y(a, b) > 0 else None
    if b.rests_on in ("wall", "sky") or a.holder is not None or b.holder is not None:
        return None
    in_line = _overlap_x(a, b) >= 0.35 * min(a.box[2], b.box[2])
    lower = _bottom(a) > _bottom(b) + 0.02 * _picture(a)[0]
    near_enough = _gap_y(a, b) <= 0.5 * max(a.box[3], b.box[3])
    clear = in_line and lower and near_enough and b.depth - a.depth >= 0.05
    return True if clear else None


def behind(a: SceneObject, b: SceneObject) -> bool | None:
    """`a` is farther away than `b`, in line with it."""
    return in_front_of(b, a)


def on(a: SceneObject, b: SceneObject) -> bool:
    """`a` stands or lies on top of `b`.  The scene knows, so there is no doubt."""
    return a.holder is not None and a.holder == b.id


# ----------------------------------------------------------------------------------------------- likeness


def same_kind(a: SceneObject, b: SceneObject) -> bool:
    """Both are, for instance, mugs."""
    return a.kind == b.kind


def same_color(a: SceneObject, b: SceneObject) -> bool | None:
    """Both are, for instance, red.  None for colours that people mix up, such as red and orange."""
    if a.color == b.color:
        return True
    return None if frozenset((a.color, b.color)) in CONFUSABLE_COLORS else False


# ------------------------------------------------------------------------------------------- superlatives


def leftmost(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object farthest to the left: its middle and its left edge both come first."""
    return _first_by_both(objects, lambda o: o.center[0], lambda o: o.box[0], margin=0.06, axis=1)


def rightmost(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object farthest to the right."""
    return _first_by_both(objects, lambda o: -o.center[0], lambda o: -_right(o), margin=0.06, axis=1)


def highest(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object highest up in the picture."""
    return _first_by_both(objects, lambda o: o.center[1], lambda o: o.box[1], margin=0.08, axis=0)


def lowest(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object lowest down in the picture."""
    return _first_by_both(objects, lambda o: -o.center[1], lambda o: -_bottom(o), margin=0.08, axis=0)


def largest(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object that looks largest in the picture, by what is visible of it and by its box."""
    return _first_by_ratio(objects, lambda o: o.area, lambda o: _box_area(o), ratio=1.5)


def smallest(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object that looks smallest in the picture."""
    return _first_by_ratio(objects, lambda o: 1 / o.area, lambda o: 1 / _box_area(o), ratio=1.5)


def tallest(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object that is highest from its foot to its top, as seen in the picture."""
    return _first_by_ratio(objects, lambda o: o.box[3], lambda o: o.box[3], ratio=1.25)


def nearest(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object nearest to the viewer; None where depth cannot be seen."""
    return _by_depth(objects, sign=1)


def farthest(objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object farthest from the viewer; None where depth cannot be seen."""
    return _by_depth(objects, sign=-1)


def nearest_to(other: SceneObject, objects: Sequence[SceneObject]) -> SceneObject | None:
    """The object in the picture closest to `other`, from edge to edge and from middle to middle."""
    rest = [o for o in objects if o is not other]
    width = _picture(other)[1]
    # A constant is added so that the ratio of two tiny gaps does not count as a clear difference.
    return _first_by_ratio(
        rest,
        lambda o: 1 / (0.05 * width + float(np.hypot(_gap_x(o, other), _gap_y(o, other)))),
        lambda o: 1 / (0.05 * width + _center_distance(o, other)),
        ratio=1.35,
    )


# ----------------------------------------------------------------------------------------------- geometry


def _picture(a: SceneObject) -> tuple[int, int]:
    return a.mask.shape[0], a.mask.shape[1]


def _right(a: SceneObject) -> int:
    return a.box[0] + a.box[2]


def _bottom(a: SceneObject) -> int:
    return a.box[1] + a.box[3]


def _box_area(a: SceneObject) -> int:
    return a.box[2] * a.box[3]


def _overlap_x(a: SceneObject, b: SceneObject) -> int:
    return max(0, min(_right(a), _right(b)) - max(a.box[0], b.box[0]))


def _overlap_y(a: SceneObject, b: SceneObject) -> int:
    return max(0, min(_bottom(a), _bottom(b)) - max(a.box[1], b.box[1]))


def _gap_x(a: SceneObject, b: SceneObject) -> int:
    return max(0, max(a.box[0], b.box[0]) - min(_right(a), _right(b)))


def _gap_y(a: SceneObject, b: SceneObject) -> int:
    return max(0, max(a.box[1], b.box[1]) - min(_bottom(a), _bottom(b)))


def _center_distance(a: SceneObject, b: SceneObject) -> float:
    return float(np.hypot(a.center[0] - b.center[0], a.center[1] - b.center[1]))


def _touching(a: SceneObject, b: SceneObject) -> bool:
    """Whether a visible pixel of `a` is next to one of `b`."""
    x0, y0 = max(a.box[0], b.box[0]) - 1, max(a.box[1], b.box[1]) - 1
    x1, y1 = min(_right(a), _right(b)) + 1, min(_bottom(a), _bottom(b)) + 1
    if x1 <= x0 or y1 <= y0:
        return False
    window = slice(max(0, y0), y1), slice(max(0, x0), x1)
    m, n = a.mask[window], b.mask[window]
    return bool((m[:, 1:] & n[:, :-1]).any() or (m[:, :-1] & n[:, 1:]).any()) or bool(
        (m[1:] & n[:-1]).any() or (m[:-1] & n[1:]).any()
    )


# -------------------------------------------------------------------------------------------- clear wins

Measure = Callable[[SceneObject], float]


def _first_by_both(
    objects: Sequence[SceneObject], center: Measure, edge: Measure, *, margin: float, axis: int
) -> SceneObject | None:
    """The object whose centre is least by `margin` of the picture's side and whose edge comes first too."""
    if len(objects) < 2:
        return None
    first, second = sorted(objects, key=center)[:2]
    clear = center(second) - center(first) >= margin * _picture(first)[axis]
    return first if clear and all(edge(first) < edge(o) for o in objects if o is not first) else None


def _first_by_ratio(
    objects: Sequence[SceneObject], one: Measure, two: Measure, *, ratio: float
) -> SceneObject | None:
    """The object that has `ratio` times as much as any other, by both measures."""
    if len(objects) < 2:
        return None
    first, second = sorted(objects, key=one, reverse=True)[:2]
    if one(first) < ratio * one(second):
        return None
    return first if all(two(first) >= ratio * two(o) for o in objects if o is not first) else None


def _by_depth(objects: Sequence[SceneObject], *, sign: int) -> SceneObject | None:
    if len(objects) < 2 or any(o.rests_on in ("nothing", "wall", "sky") for o in objects):
        return None
    first, second = sorted(objects, key=lambda o: sign * o.depth)[:2]
    far_apart = sign * (second.depth - first.depth) >= 0.1
    # The foot must agree with the depth in the picture; a thing cut off by the frame may not.
    lower = all(sign * (_bottom(first) - _bottom(o)) > 0 for o in objects if o is not first)
    return first if far_apart and lower else None
