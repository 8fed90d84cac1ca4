"""Give every thing of a plan a drawing and a place where it can be seen and hides nobody.

A thing's size follows from its kind and from the row that its foot stands on: nearer is lower and larger.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from segue.scenes.backgrounds import Stage
from segue.scenes.kinds import Kind
from segue.scenes.pen import Sprite, make_look
from segue.scenes.plan import LYING, ONE_WAY, TABLES, Plan, Wish
from segue.scenes.textures import Array

MIN_VISIBLE_SHARE = 0.35
MIN_AREA = 0.0012  # of the picture; less is too small to see
_HELD_SCALE = 0.4  # a mug on a table in a room against a mug on a table before you
_ROOM_SCALE = 0.75  # a shoe on the floor of a room against a shoe on a table before you


@dataclass(frozen=True)
class Cutout:
    """A sprite ready to be pasted, all arrays h x w."""

    rgba: Array
    """uint8 h x w x 4."""
    mask: Array
    labels: Array
    """uint8: 0, or one more than the index of the part."""
    parts: tuple[str, ...]

    def window(self, rows: slice, columns: slice) -> Cutout:
        return Cutout(
            self.rgba[rows, columns], self.mask[rows, columns], self.labels[rows, columns], self.parts
        )

    @property
    def alpha(self) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(self.rgba[..., 3]))


def cut_out(sprite: Sprite, *, mirror: bool, angle: float, squash: float) -> Cutout:
    """Turn a sprite by `angle` degrees, flatten it by `squash`, trim it to what is opaque."""
    names = tuple(sprite.parts)
    labels = np.zeros(sprite.rgba.shape[:2], np.uint8)
    for number, name in enumerate(names, start=1):
        np.copyto(labels, number, where=sprite.parts[name])
    rgba = sprite.rgba
    if mirror:
        rgba, labels = rgba[:, ::-1], labels[:, ::-1]
    if angle or squash != 1:
        picture = Image.fromarray(np.ascontiguousarray(rgba))
        areas = Image.fromarray(np.ascontiguousarray(labels))
        picture = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True)
        areas = areas.rotate(angle, Image.Resampling.NEAREST, expand=True)
        flat = (picture.width, max(1, round(picture.height * squash)))
        rgba = np.asarray(picture.resize(flat, Image.Resampling.BILINEAR))
        labels = np.asarray(areas.resize(flat, Image.Resampling.NEAREST))
    mask = rgba[..., 3] > 127
    cutout = Cutout(rgba, mask, labels * mask, names)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return cutout
    return cutout.window(slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))


@dataclass(eq=False)
class Thing:
    """A thing in its place.  `x`, `y` is the top left of its cutout, which is cut to the picture."""

    wish: Wish
    cutout: Cutout
    x: int
    y: int
    whole: int
    """Pixels of the mask before it was cut to the picture."""
    depth: float
    order: float
    """Painted from high to low; the depth, but a thing on a table comes just after the table."""
    rests_on: str
    apparent: float
    """How large it looks for its kind: its factor times the perspective."""
    visible: Array
    """The part of the mask that no nearer thing hides."""
    lying: bool = False
    holder: Thing | None = None

    @property
    def foot(self) -> int:
        return self.y + self.cutout.mask.shape[0]


def place_all(plan: Plan, stage: Stage, rng: np.random.Generator) -> list[Thing]:
    """Large things first, since small ones find a place more easily; then what stands on others."""
    typical = {id(wish): wish.factor * sum(wish.kind.height) / 2 for wish in plan.wishes}
    wishes = sorted(plan.wishes, key=lambda wish: (wish.held, -typical[id(wish)]))
    things: list[Thing] = []
    for wish in wishes:
        thing = _place(wish, plan, stage, things, rng)
        if thing is not None:
            things.append(thing)
    return things


def _place(
    wish: Wish, plan: Plan, stage: Stage, things: list[Thing], rng: np.random.Generator
) -> Thing | None:
    """Try several rows, and several columns in each; None when there is no room."""
    drawing = int(rng.integers(2**63))  # the same drawing at whatever size it is tried
    mirror = bool(rng.random() < 0.5) and wish.kind.name not in ONE_WAY
    angle = _choose_angle(wish, plan, stage, rng)
    for _ in range(3):
        spot = _choose_row(wish, plan, stage, rng)
        if wish.held:
            spot = _Row("surface", 0.0, 1.0, _HELD_SCALE)
        cutout = _draw(wish, plan, stage, spot, drawing=drawing, mirror=mirror, angle=angle)
        for _ in range(4):
            if wish.held:
                thing = _on_a_table(wish, cutout, stage, spot, things, rng)
            else:
                thing = _at(wish, cutout, stage, spot, rng)
            if thing is not None and _settle(thing, things, stage, rng):
                return thing
    return None


@dataclass(frozen=True)
class _Row:
    """A row to stand on (or to hang at, for the middle), with its depth and the scale of things there."""

    zone: str
    row: float
    depth: float
    scale: float


def _choose_row(wish: Wish, plan: Plan, stage: Stage, rng: np.random.Generator) -> _Row:
    if plan.setting == "loose":
        crowding = 0.75 / math.sqrt(len(plan.wishes))
        usual = sum(wish.kind.height) / 2
        size = np.clip(crowding * rng.uniform(0.7, 1.3), 0.12, 0.62) * (0.6 + 0.4 * min(usual / 0.3, 1.5))
        return _Row("nothing", rng.uniform(0, 1), float(rng.random()), float(size / usual / plan.zoom))
    zone = _choose_zone(wish.kind, stage, rng)
    low, high = stage.zones[zone]
    row = rng.uniform(low, high)
    if zone == "wall":
        return _Row(zone, row, 0.95, 0.9)
    if zone == "sky":
        return _Row(zone, row, 1.0, float(rng.uniform(0.6, 1.1)))
    scale = (row - stage.horizon) / (stage.reference - stage.horizon)
    if plan.setting == "indoor" and "table-top" in wish.kind.settings:
        scale *= _ROOM_SCALE
    floor = min(first for name, (first, _) in stage.zones.items() if name not in ("wall", "sky"))
    return _Row(zone, row, 0.9 * float(np.clip((1.05 - row) / (1.05 - floor), 0, 1)), float(scale))


def _choose_zone(kind: Kind, stage: Stage, rng: np.random.Generator) -> str:
    if kind.rests_on in ("wall", "sky", "water") and kind.rests_on in stage.zones:
        return kind.rests_on
    if kind.rests_on == "sky" and "wall" in stage.zones:  # a balloon in a room
        return "wall"
    if kind.group == "vehicle" and "road" in stage.zones:
        return "road"
    if "far" in stage.zones and (kind.group == "building" or ("road" in stage.zones and rng.random() < 0.3)):
        return "far"
    return "ground"


def _choose_angle(wish: Wish, plan: Plan, stage: Stage, rng: np.random.Generator) -> float:
    small = "table-top" in wish.kind.settings
    if wish.kind.name in LYING and wish.kind.rests_on in ("surface", "ground") and not wish.held:
        return float(rng.uniform(-180, 180))
    if plan.setting == "loose" or (stage.top_down and small):
        return float(rng.normal(0, 9)) if rng.random() < 0.5 else 0.0
    return float(rng.normal(0, 2)) if small and rng.random() < 0.3 else 0.0


def _draw(
    wish: Wish, plan: Plan, stage: Stage, spot: _Row, *, drawing: int, mirror: bool, angle: float
) -> Cutout:
    height, width = stage.pixels.shape[:2]
    rng = np.random.default_rng(drawing)
    look = make_look(wish.color, rng, material=wish.material)
    tall = rng.uniform(*wish.kind.height) * wish.factor * plan.zoom * spot.scale * height
    sprite_seed = int(rng.integers(2**63))
    squash = 1.0
    if angle and wish.kind.name in LYING and not stage.top_down:
        squash = 0.62 if plan.setting == "table-top" else 0.45
    room = 0.9 if len(plan.wishes) == 1 else 0.66
    for _ in range(2):
        pixels = max(6, min(round(tall), round(0.92 * height)))
        sprite = wish.kind.sprite(pixels, look, np.random.default_rng(sprite_seed))
        wide = sprite.rgba.shape[1]
        if wide <= room * width:
            break
        tall = pixels * room * width / wide * 0.98
    return cut_out(sprite, mirror=mirror, angle=angle, squash=squash)


def _at(wish: Wish, cutout: Cutout, stage: Stage, spot: _Row, rng: np.random.Generator) -> Thing | None:
    height, width = stage.pixels.shape[:2]
    h, w = cutout.mask.shape
    lying = wish.kind.name in LYING
    over = 0.3 if rng.random() < 0.12 else 0.0  # some are cut off by the frame
    x = int(rng.uniform(-over * w, max(1.0, width - w + over * w)))
    depth = spot.depth
    if spot.zone == "nothing":
        y = int(rng.uniform(-over * h, max(1.0, height - h + over * h)))
    elif spot.zone in ("wall", "sky"):
        y = max(0, round(spot.row * height - h / 2))
    else:
        foot = min(spot.row * height, height + 0.12 * h) if over or spot.row > 1 else spot.row * height
        y = round(foot) - h
        y = max(y, -round(0.1 * h))
        if lying:  # what stands on the rows that it covers is in front of its upper half only
            depth = min(0.9, depth + 0.45 * h / height)
    rests_on = {"far": "ground", "road": "ground"}.get(spot.zone, spot.zone)
    if wish.kind.rests_on == "sky" and rests_on == "wall":
        rests_on = "sky"
    if rests_on == "ground" and stage.haze is None:
        rests_on = "surface"
    return _framed(
        wish, cutout, stage, x=x, y=y, depth=depth, rests_on=rests_on, scale=spot.scale, lying=lying
    )


def _framed(
    wish: Wish,
    cutout: Cutout,
    stage: Stage,
    *,
    x: int,
    y: int,
    depth: float,
    rests_on: str,
    scale: float,
    lying: bool = False,
    holder: Thing | None = None,
) -> Thing | None:
    """The thing with its cutout cut to the picture; None when nothing is left."""
    height, width = stage.pixels.shape[:2]
    h, w = cutout.mask.shape
    rows, columns = slice(max(0, -y), min(h, height - y)), slice(max(0, -x), min(w, width - x))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    inside = cutout.window(rows, columns)
    order = depth if holder is None else holder.order - 1e-4 * (1 + y / height)
    fixed = rests_on in ("nothing", "wall", "sky") or holder is not None
    apparent = wish.factor if fixed else wish.factor * scale
    return Thing(
        wish,
        inside,
        max(0, x),
        max(0, y),
        whole=int(np.count_nonzero(cutout.mask)),
        depth=depth,
        order=order,
        rests_on=rests_on,
        apparent=apparent,
        visible=inside.mask.copy(),
        lying=lying,
        holder=holder,
    )


def _on_a_table(
    wish: Wish, cutout: Cutout, stage: Stage, spot: _Row, things: list[Thing], rng: np.random.Generator
) -> Thing | None:
    """Stand on the flat top of a table that is already there."""
    tables = [thing for thing in things if thing.wish.kind.name in TABLES]
    if not tables:
        return None
    table = tables[rng.integers(len(tables))]
    h, w = cutout.mask.shape
    mask = table.cutout.mask
    base = max(2, round(0.7 * w))
    if mask.shape[1] <= base + 2 or h > 1.6 * mask.shape[0]:
        return None
    top = np.where(mask.any(0), mask.argmax(0), len(mask))
    left = int(rng.integers(1, mask.shape[1] - base))
    under = top[left : left + base]
    if under.max() - under.min() > 0.1 * len(mask) or under.max() > 0.3 * len(mask):
        return None
    x = table.x + left - (w - base) // 2
    y = table.y + int(under.max()) + max(1, round(0.03 * len(mask))) - h
    if y < 0:
        return None
    return _framed(
        wish, cutout, stage, x=x, y=y, depth=table.depth, rests_on="surface", scale=spot.scale, holder=table
    )


def _settle(new: Thing, things: list[Thing], stage: Stage, rng: np.random.Generator) -> bool:
    """Give the new thing its place if all things stay visible enough; update what is visible of each."""
    least = MIN_AREA * stage.pixels.shape[0] * stage.pixels.shape[1]
    changed: list[tuple[Thing, Array]] = []
    for other in things:
        window = _shared_window(new, other)
        if window is None:
            continue
        mine, theirs = window
        front, back, front_at, back_at = (
            (new, other, mine, theirs) if new.order < other.order else (other, new, theirs, mine)
        )
        if not (front.cutout.mask[front_at] & back.cutout.mask[back_at]).any():
            continue
        seen = back.visible if back is new else back.visible.copy()
        seen[back_at] &= ~front.cutout.mask[front_at]
        if back is not new:
            changed.append((back, seen))
    shares = [(new, new.visible), *changed]
    for thing, seen in shares:
        pixels = int(np.count_nonzero(seen))
        share = pixels / thing.whole
        if pixels < least or share < MIN_VISIBLE_SHARE or (share < 0.8 and rng.random() < 0.6):
            return False
    for thing, seen in changed:
        thing.visible = seen
    return True


def _shared_window(a: Thing, b: Thing) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Where two cutouts overlap, as windows of each."""
    top, left = max(a.y, b.y), max(a.x, b.x)
    bottom = min(a.y + a.cutout.mask.shape[0], b.y + b.cutout.mask.shape[0])
    right = min(a.x + a.cutout.mask.shape[1], b.x + b.cutout.mask.shape[1])
    if bottom <= top or right <= left:
        return None
    return (
        (slice(top - a.y, bottom - a.y), slice(left - a.x, right - a.x)),
        (slice(top - b.y, bottom - b.y), slice(left - b.x, right - b.x)),
    )
