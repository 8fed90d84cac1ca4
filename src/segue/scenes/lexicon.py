"""What words mean: which kinds a noun covers for sure, which it might, and how kinds and parts are called.

Judgements have three values, as in `relations`: True, False, or None where people might disagree. A question
rests on clear judgements alone. Built once from the registry of kinds and `phrasings/lexicon.yaml`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from segue.scenes.grammar import Noun
from segue.scenes.kinds import GROUPS, KINDS
from segue.scenes.scene import SceneObject

IRREGULAR_PLURALS = {"man": "men", "woman": "women", "child": "children", "knife": "knives", "leaf": "leaves"}


@dataclass(frozen=True, eq=False)
class Lexicon:
    """The words that scenes are spoken about with."""

    nouns: Mapping[str, Noun]
    """Every word for things, by its singular."""
    certain: Mapping[str, frozenset[str]]
    """The kinds that a word covers."""
    doubtful: Mapping[str, frozenset[str]]
    """The kinds that a word might cover."""
    shown_in: Mapping[str, frozenset[str]]
    """The kinds that may hold or show what the word names: a bookshelf, books."""
    shown_on_stage: Mapping[str, frozenset[str]]
    """The words for what a setting itself may show."""
    names: Mapping[str, tuple[str, ...]]
    """For a kind: its name and synonyms."""
    hypernyms: Mapping[str, tuple[str, ...]]
    """For a kind: the broader words that cover it."""
    alike: Mapping[str, tuple[str, ...]]
    """For a kind: those that a hasty eye takes for it."""
    tables: Mapping[str, Any]
    """The rest of lexicon.yaml: parts, materials, what the stage shows."""

    def covers(self, word: str, thing: SceneObject) -> bool | None:
        """Whether `word` names the thing: yes, no, or people might disagree."""
        if thing.kind in self.certain[word]:
            return True
        return None if thing.kind in self.doubtful[word] else False

    def own_noun(self, thing: SceneObject) -> Noun:
        """What the thing itself is called."""
        return self.nouns[thing.kind]

    def part_noun(self, part: str, pieces: int) -> Noun:
        """What a part is called; `pieces` is how many separate pieces of it are seen."""
        table = self.tables["parts"]
        if part.endswith("s") and not part.endswith("ss"):
            return Noun(part, part, always_plural=True)
        plural = pluralize(part, table["irregular"])
        several = part in table["always_plural"] or (pieces > 1 and part in table["may_be_plural"])
        return Noun(plural, plural, always_plural=True) if several else Noun(part, plural)

    def same_material(self, material: str, thing: SceneObject) -> bool | None:
        """Whether the thing is made of `material`, as far as eyes can tell."""
        if thing.kind in self.tables["materials"]["of_a_part"]:
            return None
        if thing.material is None:
            return None if KINDS[thing.kind].materials else False
        if thing.material == material:
            return True
        pair = {thing.material, material}
        return None if any(pair == set(known) for known in self.tables["materials"]["confusable"]) else False


@cache
def lexicon() -> Lexicon:
    """The one lexicon, made on first use."""
    tables = _tables()
    certain: dict[str, set[str]] = defaultdict(set)
    doubtful: dict[str, set[str]] = defaultdict(set)
    nouns: dict[str, Noun] = {}

    # 1) names and synonyms; "truck" might mean a fire truck
    for kind in KINDS.values():
        nouns[kind.name] = Noun(kind.name, kind.plural)
        certain[kind.name].add(kind.name)
        for word in kind.synonyms:
            nouns.setdefault(word, Noun(word, pluralize(word)))
            certain[word].add(kind.name)
    for word, name in tables["short_names"].items():
        nouns.setdefault(word, Noun(word, pluralize(word)))
        certain[word].add(name)
    for word in tuple(certain):
        doubtful[word] |= {name for name in KINDS if name.endswith(f" {word}")}

    # 2) broader words; a kind may be one too: a duck is a bird
    for word, facts in tables["broader"].items():
        members = kinds_of(facts["kinds"])
        unsure = kinds_of(facts.get("doubtful", ())) - {word}
        nouns.setdefault(word, Noun(facts.get("one", word), facts["plural"]))
        certain[word] |= members - unsure
        doubtful[word] |= unsure

    # 3) what passes for one, and what may show one; said of a name, it holds for its synonyms
    names = {kind.name: (kind.name, *kind.synonyms) for kind in KINDS.values()}
    for word, name in tables["short_names"].items():
        names[name] = (*names[name], word)
    for word, unsure in tables["doubtful"].items():
        for other in names.get(word, (word,)):
            doubtful[other] |= kinds_of(unsure)
    shown_in = {
        other: kinds_of(holders)
        for word, holders in tables["shown_in"].items()
        for other in names.get(word, (word,))
    }
    stage = {
        setting: frozenset(other for word in words for other in names.get(word, (word,)))
        for setting, words in tables["shown_on_stage"].items()
    }
    return Lexicon(
        nouns=nouns,
        certain={word: frozenset(kinds) for word, kinds in certain.items()},
        doubtful={word: frozenset(doubtful[word] - certain[word]) for word in certain},
        shown_in=shown_in,
        shown_on_stage=stage,
        names=names,
        hypernyms={
            name: tuple(
                word for word in tables["broader"] if name in certain[word] and word not in names[name]
            )
            for name in KINDS
        },
        alike=_neighbours(tables["alike"]),
        tables=tables,
    )


def kinds_of(names: Iterable[str]) -> frozenset[str]:
    """The kinds that names of kinds or of whole groups stand for."""
    wanted = set(names)
    assert wanted <= KINDS.keys() | set(GROUPS), f"no kind or group: {sorted(wanted - KINDS.keys())}"
    return frozenset(kind.name for kind in KINDS.values() if kind.name in wanted or kind.group in wanted)


def pluralize(word: str, irregular: Mapping[str, str] = IRREGULAR_PLURALS) -> str:
    """The plural of a word by the common rules; its last word is the head."""
    rest, _, head = word.rpartition(" ")
    if head in irregular:
        head = irregular[head]
    elif head.endswith("s") and not head.endswith("ss"):
        pass
    elif head.endswith(("s", "x", "z", "ch", "sh")):
        head += "es"
    elif head.endswith("y") and head[-2:-1] not in "aeiou":
        head = head[:-1] + "ies"
    else:
        head += "s"
    return f"{rest} {head}".lstrip()


def read_phrasings(name: str) -> Any:
    """A page of `phrasings/`, parsed."""
    text = files("segue.scenes").joinpath("phrasings", name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def _tables() -> Mapping[str, Any]:
    return read_phrasings("lexicon.yaml")


def _neighbours(groups: Iterable[Iterable[str]]) -> dict[str, tuple[str, ...]]:
    alike: dict[str, dict[str, None]] = defaultdict(dict)
    for group in groups:
        members = [name for name in group if name in KINDS]
        for name in members:
            alike[name].update(dict.fromkeys(other for other in members if other != name))
    return {name: tuple(others) for name, others in alike.items()}
