"""Compose a scene: plan it, set the stage, place things, paint them from far to near, light it, label it.

Everything follows from the seed: the same seed gives the same scene in every process.  What is labelled is
what can be seen: a thing that would hide too much of another, or be hidden itself, is moved or left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter
from scipy.ndimage import distance_transform_cdt

from segue.errors import DataError
from segue.scenes.backgrounds import Stage, make_stage
from segue.scenes.camera import Light, expose, make_light
from segue.scenes.kinds import KINDS, Kind
from segue.scenes.pen import Sprite, make_look
from segue.scenes.plan import LYING, ONE_WAY, SETTINGS, TABLES, Plan, Wish, make_plan
from segue.scenes.scene import Scene, SceneObject
from segue.scenes.textures import Array

MIN_SIDE, MAX_SIDE = 96, 640
MIN_VISIBLE_SHARE = 0.35
MIN_AREA = 0.0012  # of the picture; less is too small to see
_MIN_PART_PIXELS = 6
_HELD_SCALE = 0.4  # a mug on a table in a room against a mug on a table before you
_ROOM_SCALE = 0.75  # a shoe on the floor of a room against a shoe on a table before you


def compose_scene(
    seed: int,
    *,
    size: tuple[int, int] = (256, 192),
    setting: str | None = None,
    num_objects: tuple[int, int] = (1, 12),
    kinds: Mapping[str, Kind] | None = None,
) -> Scene:
    """The scene of this seed.

    `size` is (width, height) in pixels, each 96 to 640.  `setting` is one of `indoor`, `table-top`, `street`,
    `landscape`, `loose`, or None for any.  `num_objects` are the fewest and the most things to try for; a few
    may find no place.  `kinds` replaces the built-in kinds.
    """
    check_size(size)
    _check(setting, num_objects)
    width, height = size
    rng = np.random.default_rng(seed)
    # 1. What is in it, and where it plays.
    plan = make_plan(rng, KINDS if kinds is None else kinds, setting=setting, num_objects=num_objects)
    stage = make_stage(plan.setting, rng, width=width, height=height, needs=plan.needs)
    light = make_light(rng, sunny=stage.sunny)
    # 2. Find each thing a place where it can be seen and hides nobody.
    things = _place_all(plan, stage, rng)
    # 3. Paint from far to near.
    things.sort(key=lambda thing: -thing.order)
    canvas = Image.fromarray(np.clip(stage.pixels, 0, 255).astype(np.uint8))
    for thing in things:
        _paint_shadow(canvas, thing, light, sunny=stage.sunny)
        _paint_thing(canvas, thing, stage.haze)
    image = expose(canvas, light, rng)
    # 4. Say what can be seen.
    return Scene(image, plan.setting, _label(things, size), seed, stage.surface)


def check_size(size: tuple[int, int]) -> None:
    """Refuse a (width, height) that scenes cannot be drawn at."""
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise DataError(
            f"a scene of {size[0]} x {size[1]}: each side must be {MIN_SIDE} to {MAX_SIDE} pixels"
        )


def _check(setting: str | None, num_objects: tuple[int, int]) -> None:
    if setting not in (None, "loose", *SETTINGS):
        raise DataError(f"no setting is called {setting!r}; there are {', '.join((*SETTINGS, 'loose'))}")
    if not 1 <= num_objects[0] <= num_objects[1] <= 50:
        raise DataError(f"num_objects is {num_objects}; it must be (fewest, most), between 1 and 50")


# ------------------------------------------------------------------------------------------------ cutouts


@dataclass(frozen=True)
class _Cutout:
    """A sprite ready to be pasted, all arrays h x w."""

    rgba: Array
    """uint8 h x w x 4."""
    mask: Array
    labels: Array
    """uint8: 0, or one more than the index of the part."""
    parts: tuple[str, ...]

    def window(self, rows: slice, columns: slice) -> _Cutout:
        return _Cutout(
            self.rgba[rows, columns], self.mask[rows, columns], self.labels[rows, columns], self.parts
        )

    @property
    def alpha(self) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(self.rgba[..., 3]))


def _cut_out(sprite: Sprite, *, mirror: bool, angle: float, squash: float) -> _Cutout:
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
    cutout = _Cutout(rgba, mask, labels * mask, names)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if rows.size == 0:
        return cutout
    return cutout.window(slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))


# ------------------------------------------------------------------------------------------------ placing


@dataclass(eq=False)
class _Thing:
    """A thing in its place.  `x`, `y` is the top left of its cutout, which is cut to the picture."""

    wish: Wish
    cutout: _Cutout
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
    holder: _Thing | None = None

    @property
    def foot(self) -> int:
        return self.y + self.cutout.mask.shape[0]


def _place_all(plan: Plan, stage: Stage, rng: np.random.Generator) -> list[_Thing]:
    """Large things first, since small ones find a place more easily; then what stands on others."""
    typical = {id(wish): wish.factor * sum(wish.kind.height) / 2 for wish in plan.wishes}
    wishes = sorted(plan.wishes, key=lambda wish: (wish.held, -typical[id(wish)]))
    things: list[_Thing] = []
    for wish in wishes:
        thing = _place(wish, plan, stage, things, rng)
        if thing is not None:
            things.append(thing)
    return things


def _place(
    wish: Wish, plan: Plan, stage: Stage, things: list[_Thing], rng: np.random.Generator
) -> _Thing | None:
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
) -> _Cutout:
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
    return _cut_out(sprite, mirror=mirror, angle=angle, squash=squash)


def _at(wish: Wish, cutout: _Cutout, stage: Stage, spot: _Row, rng: np.random.Generator) -> _Thing | None:
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
    if rests_on == "ground" and stage.haze is None:
        rests_on = "surface"
    return _framed(
        wish, cutout, stage, x=x, y=y, depth=depth, rests_on=rests_on, scale=spot.scale, lying=lying
    )


def _framed(
    wish: Wish,
    cutout: _Cutout,
    stage: Stage,
    *,
    x: int,
    y: int,
    depth: float,
    rests_on: str,
    scale: float,
    lying: bool = False,
    holder: _Thing | None = None,
) -> _Thing | None:
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
    return _Thing(
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
    wish: Wish, cutout: _Cutout, stage: Stage, spot: _Row, things: list[_Thing], rng: np.random.Generator
) -> _Thing | None:
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


def _settle(new: _Thing, things: list[_Thing], stage: Stage, rng: np.random.Generator) -> bool:
    """Give the new thing its place if all things stay visible enough; update what is visible of each."""
    least = MIN_AREA * stage.pixels.shape[0] * stage.pixels.shape[1]
    changed: list[tuple[_Thing, Array]] = []
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


def _shared_window(a: _Thing, b: _Thing) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
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


# ----------------------------------------------------------------------------------------------- painting


def _paint_thing(canvas: Image.Image, thing: _Thing, haze: Array | None) -> None:
    sprite = Image.fromarray(np.ascontiguousarray(thing.cutout.rgba[..., :3]))
    if haze is not None:
        fade = 0.12 if thing.rests_on == "sky" else 0.3 * thing.depth**2
        sprite = Image.blend(sprite, Image.new("RGB", sprite.size, tuple(haze.astype(int).tolist())), fade)
    canvas.paste(sprite, (thing.x, thing.y), thing.cutout.alpha)


def _paint_shadow(canvas: Image.Image, thing: _Thing, light: Light, *, sunny: bool) -> None:
    if thing.rests_on == "sky":
        return
    height, h = canvas.height, thing.cutout.mask.shape[0]
    if thing.lying or thing.rests_on in ("wall", "nothing"):
        shift = max(1, round(0.012 * height))
        soft = thing.cutout.alpha.filter(ImageFilter.BoxBlur(max(0.7, 0.008 * height)))
        _darken(canvas, soft, thing.x - round(light.side * shift), thing.y + shift, light.shadow)
        return
    if sunny and thing.rests_on == "ground":
        _darken(canvas, *_long_shadow(thing, light), 0.8 * light.shadow)
    base = np.flatnonzero(thing.cutout.mask[-max(1, h // 8) :].any(0))
    if base.size == 0 or thing.foot >= height:
        return
    wide = max(3, round(1.15 * (base[-1] - base[0] + 1)))
    flat = max(2, round(min(0.28 * wide, 0.12 * height)))
    middle = thing.x + (base[0] + base[-1]) / 2 - light.side * 0.06 * wide
    soft = _soft_ellipse().resize((wide, flat), Image.Resampling.BILINEAR)
    place = round(middle - wide / 2), round(thing.foot - 0.55 * flat)
    _darken(canvas, soft, *place, min(1, 1.5 * light.shadow))


@lru_cache
def _soft_ellipse() -> Image.Image:
    y, x = np.mgrid[-1:1:24j, -1:1:48j]
    return Image.fromarray((255 * np.clip(1.25 * (1 - np.hypot(x, y)), 0, 1)).astype(np.uint8))


def _long_shadow(thing: _Thing, light: Light) -> tuple[Image.Image, int, int]:
    """The silhouette laid flat on the ground, away from the sun, with the place of its top left."""
    h, w = thing.cutout.mask.shape
    low = max(2, round(0.3 * h))
    lean = -light.side * 1.6
    wide = w + math.ceil(abs(lean) * low) + 1
    start = abs(lean) * low if lean < 0 else 0.0
    # Output (x, y) reads the cutout at (x - start - lean * (low - y), y * h / low).
    terms = (1, lean, -start - lean * low, 0, h / low, 0)
    flat = thing.cutout.alpha.transform((wide, low), Image.Transform.AFFINE, terms, Image.Resampling.BILINEAR)
    return flat.filter(ImageFilter.BoxBlur(0.7)), round(thing.x - start), thing.foot - low


def _darken(canvas: Image.Image, amount: Image.Image, x: int, y: int, strength: float) -> None:
    canvas.paste((0, 0, 0), (x, y), amount.point(_weaker(round(strength, 2))))


@lru_cache(256)
def _weaker(strength: float) -> list[int]:
    return [round(strength * level) for level in range(256)]


# ----------------------------------------------------------------------------------------------- labelling


def _label(things: list[_Thing], size: tuple[int, int]) -> tuple[SceneObject, ...]:
    ids = {id(thing): number for number, thing in enumerate(things, start=1)}
    return tuple(
        _scene_object(thing, ids[id(thing)], size, ids.get(id(thing.holder)) if thing.holder else None)
        for thing in things
    )


def _scene_object(thing: _Thing, number: int, size: tuple[int, int], holder: int | None) -> SceneObject:
    kind, seen = thing.wish.kind, thing.visible
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    top, left = int(rows[0]), int(columns[0])
    box = (thing.x + left, thing.y + top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1)
    x, y = _deepest(seen)
    parts = {}
    for index, name in enumerate(thing.cutout.parts, start=1):
        part = seen & (thing.cutout.labels == index)
        if np.count_nonzero(part) >= _MIN_PART_PIXELS:
            parts[name] = _full(part, thing, size)
    return SceneObject(
        id=number,
        kind=kind.name,
        group=kind.group,
        color=thing.wish.color,
        material=thing.wish.material,
        size=_size_word(thing),
        mask=_full(seen, thing, size),
        parts=parts,
        box=box,
        anchor=(thing.x + x, thing.y + y),
        depth=thing.depth,
        rests_on=thing.rests_on,
        holder=holder,
    )


def _size_word(thing: _Thing) -> str:
    """Small or large only where the thing both is and looks so."""
    if thing.wish.factor < 0.85 and thing.apparent < 0.9:
        return "small"
    return "large" if thing.wish.factor > 1.15 and thing.apparent > 1.1 else "medium"


def _full(window: Array, thing: _Thing, size: tuple[int, int]) -> Array:
    mask = np.zeros((size[1], size[0]), bool)
    mask[thing.y : thing.y + window.shape[0], thing.x : thing.x + window.shape[1]] = window
    return mask


def _deepest(seen: Array) -> tuple[int, int]:
    """x and y of a pixel that is farthest from the edge, looked for on a coarser grid in large masks."""
    step = max(1, max(seen.shape) // 32)
    for stride in (step, 1):
        coarse = seen[::stride, ::stride]
        framed = np.zeros((coarse.shape[0] + 2, coarse.shape[1] + 2), bool)
        framed[1:-1, 1:-1] = coarse
        if coarse.any():
            y, x = np.unravel_index(np.argmax(distance_transform_cdt(framed)), framed.shape)
            return int(x - 1) * stride, int(y - 1) * stride
    raise AssertionError("a thing with nothing to see was kept")
