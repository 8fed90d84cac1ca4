"""A photograph's objects as a speaker sees them: by category, with words for one of several.

Here is what the annotations allow to be said: what may be asked for by name, what is known to be absent,
which instances were told apart and can be counted, ordered by place or ranked by size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from pycocotools import mask as coco_mask

from segue.data.native import ObjectRecord, Record
from segue.data.photograph_people import CALLED
from segue.data.wording import Noun, noun_of, phrasings, pick

# Shares of the picture: less is not asked for by name; less is not shown in a box.
MIN_ASKED, MIN_REGION = 0.003, 0.01
MAX_COUNTED = 6
RARE = 0.005
"""Added to a category's frequency where absent ones are drawn by it."""
ORDINALS = ("first", "second", "third", "fourth")
# An annotation with one of these sources may cover several things, or a piece of one.
NOT_INSTANCES = frozenset({"component", "group", "semantic"})


@dataclass(frozen=True)
class Reference:
    """Words for some objects, without article: "left dog"."""

    words: str
    ids: list[int]


@dataclass(frozen=True)
class Group:
    """All objects of one category in the picture."""

    noun: Noun
    objects: tuple[ObjectRecord, ...]
    areas: tuple[float, ...]

    @property
    def ids(self) -> list[int]:
        return [entry.id for entry in self.objects]

    @property
    def told_apart(self) -> bool:
        """Each object is one thing, and none is missing its own outline."""
        return self.noun.countable and all(is_instance(entry) for entry in self.objects)

    @property
    def several(self) -> bool:
        return len(self.objects) > 1 or self.objects[0].iscrowd == 1

    @property
    def verb(self) -> str:
        return self.noun.verb(several=self.several)

    @property
    def words(self) -> str:
        """`dog` or `dogs`, by how many there are."""
        return self.noun.many if self.several else self.noun.one

    @property
    def reference(self) -> Reference:
        return Reference(self.words, self.ids)


class View:
    """A record with its objects by category, and what is known to be absent."""

    def __init__(self, record: Record, split: str, frequency: Mapping[str, float] | None = None) -> None:
        self.frequency = frequency
        self.record = record
        self.split = split
        self.words = phrasings("words.yaml")
        self.pixels = record.width * record.height
        grouped: dict[str, list[ObjectRecord]] = {}
        for entry in record.objects:
            grouped.setdefault(entry.category, []).append(entry)
        self.present = set(grouped)
        self.groups = {
            category: group
            for category, entries in grouped.items()
            if category not in self.words["unasked"] and all(entry.segmentation for entry in entries)
            if sum((group := _group(category, entries)).areas) >= MIN_ASKED * self.pixels
        }
        self.exhaustive = set(record.exhaustive) if record.exhaustive != "all" else set()

    @cached_property
    def absent(self) -> list[str]:
        """Categories that are not in the picture, beyond people's differences over words."""
        absent = self.exhaustive - self.present - set(self.words["unasked"])
        for line in self.words["near"]:
            if self.present & set(line):
                absent -= set(line)
        return sorted(absent)

    def pick_absent(self, rng: np.random.Generator) -> str | None:
        """An absent category; mostly one that is easily taken for a thing that is there."""
        if not self.absent:
            return None
        if rng.random() < 0.6:
            lines = [line for line in self.words["alike"] if self.present & set(line)]
            alike = [category for line in lines for category in line if category in self.absent]
            if alike:
                return self._as_frequent(alike, rng)
        return self._as_frequent(self.absent, rng)

    def _as_frequent(self, categories: Sequence[str], rng: np.random.Generator) -> str:
        """One of the categories, as often as it occurs in the set; now and then one that hardly does."""
        if self.frequency is None:
            return str(pick(categories, rng))
        weights = np.array([self.frequency.get(category, 0.0) + RARE for category in categories])
        return str(categories[int(rng.choice(len(categories), p=weights / weights.sum()))])

    def pick_group(self, rng: np.random.Generator) -> Group | None:
        return pick(list(self.groups.values()), rng) if self.groups else None

    def pick_groups(self, rng: np.random.Generator, count: int) -> list[Group]:
        """That many different groups in any order, or none at all."""
        groups = list(self.groups.values())
        if len(groups) < count:
            return []
        return [groups[index] for index in rng.permutation(len(groups))[:count]]

    def placed(self, group: Group) -> list[Reference]:
        """Each of two to four instances by where it is; empty where their places are not clear."""
        count = len(group.objects)
        if not (2 <= count <= len(ORDINALS) and self.countable(group)):
            return []
        if min(group.areas) < MIN_ASKED * self.pixels:
            return []
        sides = _in_order(group.objects, axis=0, extent=self.record.width)
        places = {2: ("left", "right"), 3: ("left", "middle", "right")}.get(count, ORDINALS)
        if not sides and count == 2:
            sides = _in_order(group.objects, axis=1, extent=self.record.height)
            places = ("upper", "lower")
        return [
            Reference(f"{place} {group.noun.one}", [entry.id])
            for place, entry in zip(places, sides, strict=False)
        ]

    @cached_property
    def only_person(self) -> Group | None:
        """The person, where it is known that there is no other."""
        group = self.groups.get("person")
        if (
            group is None
            or "person" not in self.exhaustive
            or len(group.objects) != 1
            or not group.told_apart
        ):
            return None
        return group

    @cached_property
    def called(self) -> Group | None:
        """The only person by a word that says more than "person", where one is known."""
        word = self.only_person and self.only_person.objects[0].attributes.get(CALLED)
        return replace(self.only_person, noun=noun_of(word)) if self.only_person and word else None

    @cached_property
    def strangers(self) -> list[str]:
        """Words for people ("woman") of whom none is there; empty where that is not known."""
        kinds = self.words["people"]
        if self.called is not None:
            return list(kinds[self.called.noun.one]["never"])
        return list(kinds) if "person" in self.exhaustive - self.present else []

    def zone(self, group: Group) -> str:
        """Where the group's only object is in the picture, in the words used for scenes."""
        x, _, width, _ = group.objects[0].bbox
        place = (x + width / 2) / self.record.width
        return "on the left" if place < 0.38 else "on the right" if place > 0.62 else "in the middle"

    def countable(self, group: Group) -> bool:
        """Whether all of it is labelled, one by one, and few."""
        known = group.objects[0].category in self.exhaustive and group.told_apart
        return known and len(group.objects) <= MAX_COUNTED

    def ranked(self, group: Group) -> list[tuple[str, ObjectRecord]]:
        """The largest and the smallest of several instances, where they are clearly that."""
        if len(group.objects) < 2 or not self.countable(group):
            return []
        order = sorted(zip(group.areas, group.objects, strict=True), key=lambda pair: pair[0])
        found = []
        if order[-1][0] >= 1.5 * order[-2][0]:
            found += [("largest", order[-1][1]), ("biggest", order[-1][1])]
        if order[1][0] >= 1.5 * order[0][0] and order[0][0] >= MIN_ASKED * self.pixels:
            found.append(("smallest", order[0][1]))
        return found


def _group(category: str, entries: Sequence[ObjectRecord]) -> Group:
    return Group(noun_of(category), tuple(entries), tuple(_area(entry) for entry in entries))


def is_instance(entry: ObjectRecord) -> bool:
    """Whether the annotation is one thing, told apart from others of its kind."""
    return entry.iscrowd == 0 and entry.attributes.get("source") not in NOT_INSTANCES


def _area(entry: ObjectRecord) -> float:
    """The mask's pixels; for polygons by their corners."""
    if isinstance(entry.segmentation, dict):
        size = list(entry.segmentation["size"])
        return float(coco_mask.area({"size": size, "counts": entry.segmentation["counts"]}))
    area = 0.0
    for polygon in entry.segmentation:
        x, y = np.asarray(polygon[0::2]), np.asarray(polygon[1::2])
        area += abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
    return area


def _in_order(entries: Sequence[ObjectRecord], *, axis: int, extent: int) -> list[ObjectRecord]:
    """The objects from left to right (axis 0) or top to bottom (1); empty where that is not plain to see."""
    order = sorted(entries, key=lambda entry: entry.bbox[axis] + entry.bbox[axis + 2] / 2)
    for first, second in pairwise(order):
        (start, length), (next_start, next_length) = (
            (entry.bbox[axis], entry.bbox[axis + 2]) for entry in (first, second)
        )
        apart = next_start + next_length / 2 - start - length / 2
        overlap = min(start + length, next_start + next_length) - max(start, next_start)
        if apart < 0.1 * extent or overlap > 0.5 * min(length, next_length):
            return []
    return order
