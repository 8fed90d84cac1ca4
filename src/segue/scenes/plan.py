"""What is to be in a scene, before anything is drawn: the setting, and a list of wishes.

The lists are made to be worth asking about: several things of a kind, several of a colour, and things that
are nearly alike, so that a name alone often does not settle what is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from segue.scenes.kinds import Kind

SETTINGS = ("indoor", "table-top", "street", "landscape")

# Small things that lie rather than stand: they may be turned to any angle.
LYING = frozenset(
    {
        *("knife", "fork", "spoon", "spatula", "whisk", "ladle", "rolling pin", "banana", "carrot"),
        *("hammer", "saw", "screwdriver", "wrench", "pliers", "scissors", "axe", "shovel", "broom", "rake"),
        *("paintbrush", "magnifying glass", "flashlight", "key", "pencil", "ruler", "book", "envelope"),
        *("cell phone", "calculator", "tennis racket", "glove", "sock"),
    }
)
TABLES = frozenset({"dining table", "stool", "bookshelf", "wardrobe", "piano"})

# Bears writing, which a mirror would spoil.
ONE_WAY = frozenset({"stop sign", "clock", "calculator", "piano", "globe"})

CROWD = 0.1
"""Of all scenes, those that show a single kind."""
_LOOSE_SHARE = 0.3
_COUNTS = np.array([6, 10, 14, 15, 14, 12, 9, 7, 5, 4, 2, 2], float)  # weights of 1, 2, ... 12 things


@dataclass(frozen=True)
class Wish:
    """One thing to place.  `factor` is its size over the usual size of its kind."""

    kind: Kind
    color: str
    material: str | None
    factor: float
    held: bool = False
    """Meant to stand on another thing, such as a table."""


@dataclass(frozen=True)
class Plan:
    setting: str
    """One of `SETTINGS`, or `loose`."""
    wishes: tuple[Wish, ...]
    zoom: float
    """How close the camera is: a factor on all sizes."""

    @property
    def needs(self) -> frozenset[str]:
        """The zones that the background must offer."""
        return frozenset(wish.kind.rests_on for wish in self.wishes)


def make_plan(
    rng: np.random.Generator,
    kinds: Mapping[str, Kind],
    *,
    setting: str | None = None,
    num_objects: tuple[int, int] = (1, 12),
    zoom: float = 1.0,
    crowd: float = CROWD,
) -> Plan:
    """Choose a setting (unless given) and the things in it; `num_objects` are the fewest and the most, `zoom`
    multiplies how large everything looks, `crowd` is how often all are of one kind."""
    if setting is None:
        setting = _choose_setting(rng, kinds)
    pool = [kind for kind in kinds.values() if setting == "loose" or setting in kind.settings]
    assert pool, f"no kind is found in the setting {setting!r}"
    counts = np.arange(num_objects[0], num_objects[1] + 1)
    weights = _COUNTS[np.minimum(counts, len(_COUNTS)) - 1]
    count = int(rng.choice(counts, p=weights / weights.sum()))
    chosen = _choose_kinds(rng, pool, count, crowd)
    wishes: list[Wish] = []
    for kind in chosen:
        material = kind.materials[rng.integers(len(kind.materials))] if kind.materials else None
        wishes.append(Wish(kind, _choose_color(rng, kind, wishes), material, _choose_factor(rng)))
    if setting == "indoor":
        wishes += _things_to_hold(rng, kinds, wishes, most=num_objects[1] - count)
    closeness = rng.uniform(0.85, 1.7 if count <= 2 else 1.35 if count <= 5 else 1.1)
    return Plan(setting, tuple(wishes), zoom * closeness)


def _choose_setting(rng: np.random.Generator, kinds: Mapping[str, Kind]) -> str:
    """Loose, or a setting as often as it has kinds, so that all kinds are seen about equally often."""
    weights = np.zeros(len(SETTINGS))
    for kind in kinds.values():
        for found in kind.settings:
            weights[SETTINGS.index(found)] += 1 / len(kind.settings)
    if rng.random() < _LOOSE_SHARE or weights.sum() == 0:
        return "loose"
    return SETTINGS[rng.choice(len(SETTINGS), p=weights / weights.sum())]


def _choose_kinds(rng: np.random.Generator, pool: Sequence[Kind], count: int, crowd: float) -> list[Kind]:
    one_only = rng.random() < crowd
    repeat = rng.uniform(0.15, 0.7)
    alike = rng.uniform(0.0, 0.5)
    chosen: list[Kind] = []
    for _ in range(count):
        if chosen and (one_only or rng.random() < repeat):
            chosen.append(chosen[rng.integers(len(chosen))])
            continue
        options = list(pool)
        if chosen and rng.random() < alike:  # of the same group: easily taken for each other
            options = [kind for kind in pool if kind.group == chosen[-1].group]
        chosen.append(options[int(rng.integers(len(options)))])
    return chosen


def _choose_color(rng: np.random.Generator, kind: Kind, wishes: Sequence[Wish]) -> str:
    used = [wish.color for wish in wishes if wish.color in kind.colors]
    if used and rng.random() < 0.35:
        return used[rng.integers(len(used))]
    return kind.colors[rng.integers(len(kind.colors))]


def _choose_factor(rng: np.random.Generator) -> float:
    draw = rng.random()
    if draw < 0.25:
        return float(rng.uniform(0.6, 0.76))
    return float(rng.uniform(1.28, 1.5) if draw > 0.75 else rng.uniform(0.92, 1.08))


def _things_to_hold(
    rng: np.random.Generator, kinds: Mapping[str, Kind], wishes: Sequence[Wish], *, most: int
) -> list[Wish]:
    """Small things from the table-top to stand on the tables that are wished for."""
    tables = sum(wish.kind.name in TABLES for wish in wishes)
    small = [k for k in kinds.values() if "table-top" in k.settings and k.name not in LYING]
    if not tables or not small or rng.random() < 0.25:
        return []
    held: list[Wish] = []
    for _ in range(min(most, int(rng.integers(1, 1 + 2 * min(tables, 2))))):
        kind = held[-1].kind if held and rng.random() < 0.4 else small[rng.integers(len(small))]
        material = kind.materials[rng.integers(len(kind.materials))] if kind.materials else None
        color = _choose_color(rng, kind, [*wishes, *held])
        held.append(Wish(kind, color, material, _choose_factor(rng), held=True))
    return held
