"""What the only person in a photograph is called: annotations say "person", captions say more.

A caption names nobody's mask, so this is known only where one person is labelled and there is no other.
"""

from __future__ import annotations

import re
from collections import Counter

from segue.data.native import Record
from segue.data.wording import noun_of, phrasings

__all__ = ["CALLED", "name_person"]

CALLED = "called"
"""The attribute of an object that holds the word."""
MIN_AGREEING = 2
"""Captions that must have the word: one may have mistaken a boy for a man."""

_WORD = re.compile(r"[a-z]+")


def name_person(record: Record) -> Record:
    """The record with `called` among the attributes of its only person, where its captions agree on a word;
    else the record itself."""
    people = [entry for entry in record.objects if entry.category == "person"]
    if len(people) != 1 or people[0].iscrowd:
        return record
    word = _agreed([turn.answer for turn in record.dialogue if turn.type == "caption"])
    if word is None:
        return record
    named = people[0].model_copy(update={"attributes": {**people[0].attributes, CALLED: word}})
    objects = [named if entry is people[0] else entry for entry in record.objects]
    return record.model_copy(update={"objects": objects})


def _agreed(captions: list[str]) -> str | None:
    """The word that most captions have, at least two; None where some contradict it or speak of several
    people."""
    kinds = phrasings("words.yaml")["people"]
    said = [set(_WORD.findall(caption.lower())) for caption in captions]
    several = {noun_of(word).many for kind in kinds.values() for word in kind["words"]} | {"people"}
    if any(words & several for words in said):
        return None
    counts = Counter(
        {name: sum(not words.isdisjoint(kind["words"]) for words in said) for name, kind in kinds.items()}
    )
    word, count = counts.most_common(1)[0]
    contradicted = any(counts[other] for other in kinds[word]["never"])
    return word if count >= MIN_AGREEING and not contradicted else None
