"""Compose a scene: plan it, set the stage, place things, paint them from far to near, light it, label it.

Everything follows from the seed: the same seed gives the same scene in every process.  What is labelled is
what can be seen: a thing that would hide too much of another, or be hidden itself, is moved or left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from segue.errors import DataError
from segue.scenes.backgrounds import make_stage
from segue.scenes.camera import expose, make_light
from segue.scenes.kinds import KINDS, Kind
from segue.scenes.painting import paint_shadow, paint_thing
from segue.scenes.placing import Thing, place_all
from segue.scenes.plan import CROWD, SETTINGS, make_plan
from segue.scenes.scene import Scene, SceneObject
from segue.scenes.textures import Array

MIN_SIDE, MAX_SIDE = 96, 640
_MIN_PART_PIXELS = 6


def compose_scene(
    seed: int,
    *,
    size: tuple[int, int] = (256, 192),
    setting: str | None = None,
    num_objects: tuple[int, int] = (1, 12),
    zoom: float = 1.0,
    crowd: float = CROWD,
    kinds: Mapping[str, Kind] | None = None,
) -> Scene:
    """The scene of this seed.

    `size` is (width, height) in pixels, each 96 to 640.  `setting` is one of `indoor`, `table-top`, `street`,
    `landscape`, `loose`, or None for any.  `num_objects` are the fewest and the most things to try for; a few
    may find no place.  `zoom` is how close the camera is, over the usual.  `crowd` is how often, from 0
    to 1, all things are of one kind.  `kinds` replaces the built-in kinds.
    """
    check_size(size)
    _check(seed, setting, num_objects, crowd)
    width, height = size
    rng = np.random.default_rng(seed)
    # 1. What is in it, and where it plays.
    chosen = KINDS if kinds is None else kinds
    plan = make_plan(rng, chosen, setting=setting, num_objects=num_objects, zoom=zoom, crowd=crowd)
    stage = make_stage(plan.setting, rng, width=width, height=height, needs=plan.needs)
    light = make_light(rng, sunny=stage.sunny)
    # 2. Find each thing a place where it can be seen and hides nobody.
    things = place_all(plan, stage, rng)
    # 3. Paint from far to near.
    things.sort(key=lambda thing: -thing.order)
    canvas = Image.fromarray(np.clip(stage.pixels, 0, 255).astype(np.uint8))
    for thing in things:
        paint_shadow(canvas, thing, light, sunny=stage.sunny)
        paint_thing(canvas, thing, stage.haze)
    image = expose(canvas, light, rng)
    # 4. Say what can be seen.
    world = frozenset(chosen)
    return Scene(image, plan.setting, _label(things, size), seed, stage.surface, world)


def check_size(size: tuple[int, int]) -> None:
    """Refuse a (width, height) that scenes cannot be drawn at."""
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in size):
        raise DataError(
            f"a scene of {size[0]} x {size[1]}: each side must be {MIN_SIDE} to {MAX_SIDE} pixels"
        )


def _check(seed: int, setting: str | None, num_objects: tuple[int, int], crowd: float) -> None:
    if seed < 0:
        raise DataError(f"seed is {seed}: it must not be negative")
    if setting not in (None, "loose", *SETTINGS):
        raise DataError(f"no setting is called {setting!r}; there are {', '.join((*SETTINGS, 'loose'))}")
    if not 1 <= num_objects[0] <= num_objects[1] <= 50:
        raise DataError(f"num_objects is {num_objects}; it must be (fewest, most), between 1 and 50")
    if not 0 <= crowd <= 1:
        raise DataError(f"crowd is {crowd}: it is a share of the scenes, from 0 to 1")


def _label(things: list[Thing], size: tuple[int, int]) -> tuple[SceneObject, ...]:
    ids = {id(thing): number for number, thing in enumerate(things, start=1)}
    return tuple(
        _scene_object(thing, ids[id(thing)], size, ids.get(id(thing.holder)) if thing.holder else None)
        for thing in things
    )


def _scene_object(thing: Thing, number: int, size: tuple[int, int], holder: int | None) -> SceneObject:
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


def _size_word(thing: Thing) -> str:
    """Small or large only where the thing both is and looks so."""
    if thing.wish.factor < 0.85 and thing.apparent < 0.9:
        return "small"
    return "large" if thing.wish.factor > 1.15 and thing.apparent > 1.1 else "medium"


def _full(window: Array, thing: Thing, size: tuple[int, int]) -> Array:
    mask = np.zeros((size[1], size[0]), bool)
    mask[thing.y : thing.y + window.shape[0], thing.x : thing.x + window.shape[1]] = window
    return mask


def _deepest(seen: Array) -> tuple[int, int]:
    """x and y of a pixel that is far from the edge: what is left when rims are peeled off, one by one.

    Large masks are looked at on a coarser grid.
    """
    stride = max(1, max(seen.shape) // 32)
    if not seen[::stride, ::stride].any():
        stride = 1
    coarse = seen[::stride, ::stride]
    left = np.zeros((coarse.shape[0] + 2, coarse.shape[1] + 2), bool)
    left[1:-1, 1:-1] = coarse
    while True:
        peeled = np.zeros_like(left)
        middle = left[1:-1, 1:-1]
        peeled[1:-1, 1:-1] = middle & left[:-2, 1:-1] & left[2:, 1:-1] & left[1:-1, :-2] & left[1:-1, 2:]
        if not peeled.any():
            break
        left = peeled
    rows, columns = np.nonzero(left)
    best = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
    return int(columns[best] - 1) * stride, int(rows[best] - 1) * stride
