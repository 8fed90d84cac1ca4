"""Position words of a description, checked against the boxes.

"On the left" may mean the picture's left, or the left one of several of a kind; "left of the bowl" means a
relation. Only what is plainly wrong is reported: words that fit either reading pass, and so do words about a
thing's own sides ("its left hand").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from segue.curation.scene import Scene
from segue.data.native import ObjectRecord
from segue.data.wording import noun_of

__all__ = ["misplaced"]

# Word -> axis (0: x, 1: y), and whether it means small coordinates (-1), large ones (1) or the middle (0).
_WORDS = {
    "left": (0, -1),
    "leftmost": (0, -1),
    "right": (0, 1),
    "rightmost": (0, 1),
    "top": (1, -1),
    "upper": (1, -1),
    "topmost": (1, -1),
    "bottom": (1, 1),
    "lower": (1, 1),
    "lowest": (1, 1),
}
_WORD = re.compile(rf"\b({'|'.join(sorted(_WORDS, key=len, reverse=True))})\b", re.IGNORECASE)
_RELATION = re.compile(
    r"\b(?:to the |on the |at the |just |directly )?(left|right)(?:[- ]hand)?(?: side)? of "
    r"(?:the |a |an |another )?([\w -]+)",
    re.IGNORECASE,
)
# The same words with another meaning.
_OTHER_MEANINGS = (
    # a thing's own sides and parts
    r"\b(?:its|his|her|their|whose|'s) (?:own )?(?:left|right|upper|lower|top|bottom)\b",
    r"\b(?:left|right|upper|lower)[- ](?:hand|arm|leg|foot|eye|ear|paw|wing|half|part|end|edge|shelf|deck|"
    r"body|lip)\b",
    r"\b(?:with|of) (?:a|an|the|its|his|her) [^,.;]*",
    # tops and bottoms of other things
    r"\bon top\b",
    r"\b(?:tank|crop) top\b|\btop[- ]hat\b",
    # counting: "third from the left"
    r"\bfrom (?:the )?(?:left|right|top|bottom)\b",
    # directions of looking
    r"\b(?:facing|turned|looking|leaning|pointing|heading|tilted|turning|moving)(?: to(?:wards?)?)?(?: the)? "
    r"(?:left|right)\b",
    # "right behind", "left over"
    r"\bright (?:next|beside|behind|in front|under|above|below|now|away|at|there|by)\b",
    r"\bleft (?:over|behind|alone|open)\b",
)
_OWN = re.compile("|".join(_OTHER_MEANINGS), re.IGNORECASE)
# "At the top of the picture" is a place in it; "of the shelf" is not.
_OF_PICTURE = re.compile(r" of (?:the|this) (?:picture|image|photo|photograph|scene|frame)\b", re.IGNORECASE)


def misplaced(text: str, index: int, scene: Scene) -> str | None:
    """What the words say about the place of object `index` that its box contradicts; None where it does
    not."""
    if not _WORD.search(text):
        return None
    entry = scene.objects[index]
    words = _OF_PICTURE.sub("", text)
    for match in _RELATION.finditer(words):
        others = _meant(match[2], scene.objects, index)
        if others and not any(_beside(entry, other, _WORDS[match[1].lower()][1]) for other in others):
            return f"{match[0].strip()!r}, but its box is not there"
    words = _OWN.sub(" ", _RELATION.sub(" ", words))
    for match in _WORD.finditer(words):
        axis, side = _WORDS[match[1].lower()]
        if not _on_side(entry, axis, side, scene) and not _among_its_kind(entry, axis, side, scene.objects):
            return f"{match[1].lower()!r}, but its box is not there"
    return None


def _on_side(entry: ObjectRecord, axis: int, side: int, scene: Scene) -> bool:
    """Whether the box's middle is not clearly on the other side of the picture."""
    extent = scene.width if axis == 0 else scene.height
    return side * (_middle(entry, axis) / extent - 0.5) > -0.05


def _among_its_kind(entry: ObjectRecord, axis: int, side: int, objects: Sequence[ObjectRecord]) -> bool:
    """Whether another of its category lies farther to the other side."""
    others = [other for other in objects if other.category == entry.category and other.id != entry.id]
    return any(side * (_middle(entry, axis) - _middle(other, axis)) > 0 for other in others)


def _beside(entry: ObjectRecord, other: ObjectRecord, side: int) -> bool:
    return side * (_middle(entry, 0) - _middle(other, 0)) > 0


def _meant(words: str, objects: Sequence[ObjectRecord], index: int) -> list[ObjectRecord]:
    """The listed objects that the beginning of these words may name."""
    return [
        other
        for place, other in enumerate(objects)
        if place != index
        and re.match(rf"(?:[\w-]+ ){{0,2}}{re.escape(noun_of(other.category).one)}\b", words, re.I)
    ]


def _middle(entry: ObjectRecord, axis: int) -> float:
    return entry.bbox[axis] + entry.bbox[axis + 2] / 2
