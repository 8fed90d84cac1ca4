"""Worlds: which kinds of things scenes are made of.

`full` is everything that can be drawn. `core` are the everyday things that photographs also show, and those
that reasoning questions need. `small` is a part of `core` that a CPU can learn in hours: fewer kinds, fewer
things in a picture, seen from nearer.
"""

from __future__ import annotations

from collections.abc import Mapping

from segue.errors import DataError
from segue.scenes.kinds import KINDS, Kind

__all__ = ["WORLDS", "num_objects_of", "world", "zoom_of"]

_CORE = {
    "animals": "dog, cat, chicken, duck, bird, fish, horse, cow, sheep, pig, elephant, giraffe, bear",
    "people": "man, woman, boy, girl",
    "food": "apple, banana, orange, carrot, pizza, cake, donut, ice cream cone",
    "furniture": "chair, couch, bed, dining table, lamp, clock",
    "kitchen": "mug, plate, bowl, knife, fork, spoon, bottle, teapot",
    "tools": "hammer, saw, scissors, broom, ladder",
    "clothes": "hat, shoe, umbrella, backpack",
    "buildings": "house, tent",
    "plants": "tree, flower, potted plant",
    "street": "traffic light, bench",
    "vehicles": "car, bus, truck, bicycle, train, boat, airplane",
    "toys and more": "ball, teddy bear, laptop, book",
}

_SMALL = (
    "dog, cat, horse, sheep, cow, bird, man, woman, car, bus, bicycle, apple, banana, mug, knife, bottle, "
    "chair, tree, house, umbrella, ball, book"
)

WORLDS: dict[str, tuple[str, ...]] = {
    "small": tuple(_SMALL.split(", ")),
    "core": tuple(name for line in _CORE.values() for name in line.split(", ")),
    "full": tuple(KINDS),
}


def world(name: str) -> Mapping[str, Kind]:
    """The kinds of a world by name; raises DataError naming the worlds there are."""
    if name not in WORLDS:
        raise DataError(f"no world {name!r}; there are {', '.join(WORLDS)}")
    return {kind: KINDS[kind] for kind in WORLDS[name] if kind in KINDS}


def num_objects_of(name: str) -> tuple[int, int]:
    """The fewest and the most things that a picture of this world tries to show."""
    return (1, 6) if name == "small" else (1, 12)


def zoom_of(name: str) -> float:
    """How close the camera is in this world, over the usual."""
    return 1.6 if name == "small" else 1.0
