"""English for questions and answers: articles, plurals, lists, numbers, and answers with marked phrases.

Pure functions on strings. An answer is written with its grounded phrases in square brackets, as in
"The [red mug] is on the left.", and `marked` turns that into clean text and spans.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NUMBERS = (
    *("no", "one", "two", "three", "four", "five", "six"),
    *("seven", "eight", "nine", "ten", "eleven", "twelve"),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")

# "some bread", never "a bread"; "bread is", never "breads are".
MASS_NOUNS = frozenset({"bread", "cheese", "broccoli", "watermelon", "food", "furniture", "clothing"})
# One of them is "a pair of", and they "are".
PAIR_NOUNS = frozenset(
    ["scissors", "pliers", "trousers", "pants", "jeans", "shorts", "glasses", "headphones", "tongs"]
)
# "some grapes", and they "are".
PLURAL_NOUNS = PAIR_NOUNS | {"grapes", "clothes"}

_BRACKETS = re.compile(r"\[([^\[\]]+)\]")
_AN = re.compile(r"(?!one\b|uni[^nm]|euro|ukulele)[aeiou]|hour|honest", re.IGNORECASE)


@dataclass(frozen=True)
class Noun:
    """A noun or noun phrase in both numbers; `head` is the word that governs it, by default the last."""

    singular: str
    plural: str
    head: str = ""
    always_plural: bool = False

    @property
    def kernel(self) -> str:
        """The head: `loaf` in "loaf of bread"."""
        return self.head or self.singular.partition(" of ")[0].rsplit(" ", 1)[-1]

    @property
    def is_plural(self) -> bool:
        """`scissors`: always plural."""
        return self.always_plural or self.kernel in PLURAL_NOUNS

    @property
    def is_mass(self) -> bool:
        """`bread`: takes no "a" and no plural."""
        return self.kernel in MASS_NOUNS

    @property
    def indefinite(self) -> str:
        """With "a", "an", "some" or "a pair of" before it."""
        if self.kernel in PAIR_NOUNS and not self.always_plural:
            return f"a pair of {self.singular}"
        return f"{'some' if self.is_mass or self.is_plural else article(self.singular)} {self.singular}"

    @property
    def verb(self) -> str:
        """`is` or `are`, for one of them."""
        return "are" if self.is_plural else "is"

    @property
    def any_form(self) -> str:
        """What follows "any" and "how many": the plural, or the mass noun itself."""
        return self.singular if self.is_mass or self.is_plural else self.plural

    @property
    def counted(self) -> str:
        """What follows a number above one: `mugs`, `pairs of scissors`."""
        return f"pairs of {self.singular}" if self.kernel in PAIR_NOUNS else self.plural

    def with_words(self, before: str = "", after: str = "") -> Noun:
        """The noun with adjectives before it and a further description behind it."""
        singular = " ".join(filter(None, (before, self.singular, after)))
        plural = " ".join(filter(None, (before, self.plural, after)))
        return Noun(singular, plural, self.kernel, self.always_plural)


def article(words: str) -> str:
    """`a` or `an`, by how the words begin."""
    return "an" if _AN.match(words) else "a"


def number(count: int) -> str:
    """The number as a word up to twelve, in digits above."""
    return NUMBERS[count] if count < len(NUMBERS) else str(count)


def join_list(items: Sequence[str], conjunction: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {conjunction} {items[-1]}"


def sentence(text: str) -> str:
    """The text with a capital first letter (a bracket before it is passed over)."""
    start = 1 if text.startswith("[") else 0
    return text[:start] + text[start : start + 1].upper() + text[start + 1 :]


def marked(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Clean text and the spans of its bracketed phrases: "The [dog]." gives ("The dog.", [(4, 7)])."""
    spans = []
    for removed, match in enumerate(_BRACKETS.finditer(text)):
        start = match.start() - 2 * removed
        spans.append((start, start + len(match.group(1))))
    return _BRACKETS.sub(r"\1", text), spans
