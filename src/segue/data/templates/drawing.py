"""What the templates of all families share: their forms, drawing among targets, and writing an answer.

Originals draw as `numpy.random.choice(..., replace=False)` does, and keep everything, in order, where there
is less than they want. Letters in forms stand in braces and are replaced, not formatted: people's words may
hold braces of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

import numpy as np
import yaml

from segue.data.multi_referring import MASKS
from segue.data.native import ObjectRecord, Phrase, Record, Turn

__all__ = [
    "Target",
    "answered",
    "askable",
    "classes",
    "draw",
    "expressions",
    "fill",
    "forms",
    "pick",
    "plain",
    "single_annotations",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Target:
    """What one mask is asked for by: a name, and the objects whose union it is (none: absent)."""

    name: str
    ids: tuple[int, ...]


@cache
def forms(family: str) -> dict[str, Any]:
    """The family's published words."""
    path = files("segue.data") / "phrasings" / f"{family}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def pick(items: Sequence[T], rng: np.random.Generator) -> T:
    """One of them."""
    return items[int(rng.integers(len(items)))]


def draw(items: Sequence[T], most: int, rng: np.random.Generator) -> list[T]:
    """`most` of them without repetition in random order; all, in order, where there are fewer."""
    if len(items) < most:
        return list(items)
    return [items[int(number)] for number in rng.choice(len(items), most, replace=False)]


def fill(form: str, **words: str) -> str:
    """A form with its letters replaced."""
    for letter, text in words.items():
        form = form.replace("{" + letter + "}", text)
    return form


def plain(text: str) -> str:
    """People's words without what would be taken for a mask, and without the white space around them."""
    return text.replace(MASKS, "masks").strip()


def answered(question: str, answer: str, targets: Sequence[Sequence[int]], **fields: Any) -> Turn:
    """A turn in whose answer every `{masks}` is a phrase: the n-th is the n-th target's."""
    phrases, at = [], 0
    for ids in targets:
        start = answer.index(MASKS, at)
        at = start + len(MASKS)
        phrases.append(Phrase(span=(start, at), ids=list(ids)))
    assert MASKS not in answer[at:], answer
    return Turn(question=question, answer=answer, phrases=phrases, **fields)


def classes(record: Record) -> list[Target]:
    """Every class in the picture, all its objects together, by name (semantic segmentation sets).

    In order of first appearance. Objects of which only a box is known make no target.
    """
    found: dict[str, list[int]] = {}
    for entry in record.objects:
        if entry.segmentation:
            found.setdefault(_class_name(entry.category), []).append(entry.id)
    return [Target(plain(name), tuple(ids)) for name, ids in found.items()]


def askable(record: Record) -> list[Turn]:
    """The record's turns that a family without boxes can learn: about no region, every target with a mask."""
    masked = {entry.id for entry in record.objects if entry.segmentation}
    return [
        turn
        for turn in record.dialogue
        if turn.region is None and all(masked.issuperset(phrase.ids) for phrase in turn.phrases)
    ]


def single_annotations(record: Record, rng: np.random.Generator, most: int) -> list[Target]:
    """Some annotations, each for itself (part segmentation sets): "dog ear" or "the ear of the dog", half
    and half."""
    whole = {entry.id: entry for entry in record.objects}
    drawn = draw([entry for entry in record.objects if entry.segmentation], most, rng)
    return [Target(plain(_annotation_name(entry, whole, rng)), (entry.id,)) for entry in drawn]


def expressions(record: Record, *, absent: bool) -> list[Target]:
    """What the record's expressions name; those for nothing only with `absent`.

    One that names an object without a mask is left out. (Released loaders take an empty mask for it, and
    GSVA's then learns to reject what is there.)
    """
    masked = {entry.id for entry in record.objects if entry.segmentation}
    return [
        Target(plain(each.text), tuple(each.ids))
        for each in record.expressions
        if (each.ids or absent) and masked.issuperset(each.ids) and plain(each.text)
    ]


def _annotation_name(entry: ObjectRecord, objects: dict[int, ObjectRecord], rng: np.random.Generator) -> str:
    whole, _, part = entry.category.rpartition(":")
    if entry.part_of is not None:
        whole, part = objects[entry.part_of].category, part or entry.category
    whole, part = _class_name(whole), _class_name(part)
    if not whole:
        return part
    return f"{whole} {part}" if rng.random() < 0.5 else f"the {part} of the {whole}"


def _class_name(category: str) -> str:
    """LVIS tells senses of a word apart: "bowl_(vessel)" is asked for as "bowl"."""
    return category.split("_(")[0]
