"""The kinds of things that a scene can hold: one registry, filled by the group files beside this page.

A kind is a drawing plus the facts that questions are made from. To add one, write a function in a group file:

    @kind(name="mug", plural="mugs", group="kitchenware", settings=("table-top",), rests_on="surface",
          height=(0.15, 0.25), colors=MANY_COLORS, parts=("handle",), properties=("can hold liquid",))
    def mug(make_pen, look, rng):
        pen = make_pen(0.9)                       # width / height of the drawing
        pen.rectangle((0, 0, 0.6, 1), look.color)
        ...
        return pen

Importing this package imports every group file, so `KINDS` is complete.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from segue.scenes.pen import COLORS, Look, Pen, Sprite

PenMaker = Callable[[float], Pen]
Draw = Callable[[PenMaker, Look, np.random.Generator], Pen]

SETTINGS = ("indoor", "table-top", "street", "landscape")
RESTS_ON = ("surface", "ground", "wall", "sky", "water")
MATERIALS = ("wood", "metal", "plastic", "glass", "ceramic", "leather", "cloth", "stone", "paper")
GROUPS = (
    "animal",
    "person",
    "vehicle",
    "tool",
    "kitchenware",
    "furniture",
    "plant",
    "clothing",
    "building",
    "food",
    "toy",
    "instrument",
    "electronics",
    "street furniture",
    "stationery",
    "bag",
)
MANY_COLORS = tuple(name for name in COLORS if name not in ("beige", "grey"))

# Facts for questions such as "Which of these could cut bread?". A fact must hold for every thing of the kind.
PROPERTIES = (
    "can cut",
    "can hold liquid",
    "can be sat on",
    "can be ridden",
    "can be driven",
    "can be eaten",
    "sweet to eat",
    "can carry people",
    "can carry luggage",
    "gives light",
    "tells the time",
    "makes music",
    "keeps rain off",
    "keeps warm",
    "worn on feet",
    "worn on head",
    "worn on body",
    "worn on hands",
    "can fly",
    "can swim",
    "can jump far",
    "can talk",
    "lives on a farm",
    "lives in the wild",
    "is a pet",
    "gives milk",
    "gives wool",
    "lays eggs",
    "can be opened with a handle",
    "can be opened",
    "can be written with",
    "can be read",
    "can be slept on",
    "a bird could perch on it",
    "can hit a nail",
    "can turn a screw",
    "can tighten a nut",
    "can dig",
    "can be climbed",
    "can be used to eat soup",
    "can pick up food",
    "can cook food",
    "can boil water",
    "can be thrown and caught",
    "can be kicked",
    "people live in it",
    "shows pictures or text",
    "takes pictures",
    "can make a call",
    "stores things",
    "sweeps the floor",
    "gives shade",
    "grows fruit",
    "has petals",
    "puts out fires",
    "catches fish or floats",
    "child plays with it",
    "cleans",
    "can be locked",
    "can lock or unlock",
    "runs on rails",
    "stops traffic",
    "keeps animals in",
)


@dataclass(frozen=True)
class Kind:
    """One kind of thing: how it is drawn, what it is called, where it is found, what is true of it."""

    name: str  # singular noun as people say it: "mug", "fire truck"
    plural: str
    group: str  # its hypernym, one of GROUPS
    settings: tuple[str, ...]  # where it is found, out of SETTINGS
    rests_on: str  # one of RESTS_ON
    height: tuple[float, float]  # drawn height over the picture's height, in its setting, at medium distance
    colors: tuple[str, ...]  # allowed names of pen.COLORS
    draw: Draw
    materials: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()  # every part that the drawing may label
    synonyms: tuple[str, ...] = ()  # other words that are right for every thing of the kind
    properties: tuple[str, ...] = ()  # out of PROPERTIES

    def sprite(self, height_px: int, look: Look, rng: np.random.Generator) -> Sprite:
        """One drawing of the kind, `height_px` tall; equal arguments give equal pixels."""
        return self.draw(lambda aspect: Pen(height_px, aspect, rng), look, rng).finish()


KINDS: dict[str, Kind] = {}


def kind(
    *,
    name: str,
    plural: str,
    group: str,
    settings: tuple[str, ...],
    rests_on: str,
    height: tuple[float, float],
    colors: tuple[str, ...],
    materials: tuple[str, ...] = (),
    parts: tuple[str, ...] = (),
    synonyms: tuple[str, ...] = (),
    properties: tuple[str, ...] = (),
) -> Callable[[Draw], Draw]:
    """Register a drawing function `draw(make_pen, look, rng) -> Pen` as a kind. The fields are Kind's."""
    facts = dict(locals())
    assert set(facts) == {field.name for field in fields(Kind)} - {"draw"}

    def register(draw: Draw) -> Draw:
        assert name not in KINDS, f"two kinds are called {name!r}"
        unknown = [
            *(set(settings) - set(SETTINGS)),
            *({rests_on} - set(RESTS_ON)),
            *({group} - set(GROUPS)),
            *(set(colors) - set(COLORS)),
            *(set(materials) - set(MATERIALS)),
            *(set(properties) - set(PROPERTIES)),
        ]
        assert not unknown, f"{name}: not in the vocabulary of kinds: {unknown}"
        KINDS[name] = Kind(draw=draw, **facts)
        return draw

    return register


for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
