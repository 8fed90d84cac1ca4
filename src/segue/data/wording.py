"""English for turns about photographs: nouns with articles and numbers, worded questions, marked answers.

The words are in `phrasings/`. An answer is written with its grounded phrases in square brackets: "The [dog]."
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from segue.data.native import Phrase

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_BRACKETS = re.compile(r"\[([^\[\]]+)\]")
_CHOICE = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Noun:
    """What one category is called; `one` of it cannot be counted when it is a mass or always plural."""

    one: str
    many: str
    countable: bool = True

    @property
    def is_plural(self) -> bool:
        """`jeans`: plural also when there is one."""
        return not self.countable and self.one.endswith("s")

    @property
    def indefinite(self) -> str:
        """`a dog`, `an apple`, `jeans`, `hair`."""
        return indefinite(self.one) if self.countable else self.one

    def verb(self, *, several: bool = False) -> str:
        return "are" if several or self.is_plural else "is"


def noun_of(category: str) -> Noun:
    """The forms of a category's name by `words.yaml`, else by the common rules."""
    words = phrasings("words.yaml")
    rest, _, head = category.rpartition(" ")
    if category in words["mass"] or category in words["plural_only"]:
        return Noun(category, category, countable=False)
    if head in words["plurals"]:
        plural = words["plurals"][head]
    elif head.endswith(("s", "x", "z", "ch", "sh")):
        plural = head + "es"
    elif head.endswith("y") and head[-2:-1] not in set("aeiou"):
        plural = head[:-1] + "ies"
    else:
        plural = head + "s"
    return Noun(category, f"{rest} {plural}".lstrip())


def indefinite(words: str) -> str:
    """The words behind "a" or "an"."""
    vowel = words[:1].lower() in tuple("aeiou") and not words.lower().startswith(("uni", "use", "one", "eu"))
    return f"{'an' if vowel else 'a'} {words}"


def number(count: int) -> str:
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def join_list(items: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def sentence(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def marked_answer(text: str, ids: Sequence[Sequence[int]]) -> tuple[str, list[Phrase]]:
    """The clean answer and its phrases, one for each bracket, with the ids in the same order."""
    spans = []
    for removed, match in enumerate(_BRACKETS.finditer(text)):
        start = match.start() - 2 * removed
        spans.append((start, start + len(match[1])))
    phrases = [Phrase(span=span, ids=list(group)) for span, group in zip(spans, ids, strict=True)]
    return sentence(_BRACKETS.sub(r"\1", text)), phrases


def ask(kind: str, rng: np.random.Generator, gaps: Mapping[str, str]) -> str:
    """A question of that kind in one of its many wordings."""
    pages = phrasings("questions.yaml")
    return worded(pick(pages[kind], rng), rng, gaps)


def worded(template: str, rng: np.random.Generator, gaps: Mapping[str, str]) -> str:
    """A template with its choices made and its gaps filled; at times typed in haste."""
    lists = phrasings("questions.yaml")["lists"]
    while "<" in template:
        template = _CHOICE.sub(lambda match: pick(lists[match[1]], rng), template)
    text = sentence(template.format_map(gaps))
    haste = rng.random()
    if haste < 0.15:
        text = text[:1].lower() + text[1:] if text[:2] not in ("I ", "I'") else text
    if haste < 0.08:
        text = text.rstrip("?.")
    return text


def pick(options: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of the options, all alike (`rng.choice` would turn them into an array first)."""
    return options[int(rng.integers(len(options)))]


@cache
def phrasings(name: str) -> Any:
    """A page of `phrasings/`."""
    return yaml.safe_load(files("segue.data").joinpath("phrasings", name).read_text(encoding="utf-8"))
