"""What a pair must keep to, one small pure function for each rule: None, or the reason for refusing it.

`STRUCTURE` are the rules without which a pair cannot become a record; nobody can overrule them. A person may
accept what one of `QUALITY` refuses (`segue curate review`). What depends on other pairs is in `duplicates`,
what positions mean in `positions`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from segue.curation.plan import MUSE_MAX
from segue.curation.positions import misplaced
from segue.curation.replies import Mark, Pair, ReplyError, parse_marked
from segue.curation.scene import Scene
from segue.curation.targets import SEVERAL
from segue.data.wording import noun_of

__all__ = ["QUALITY", "STRUCTURE", "first_fault"]

Rule = Callable[[Pair, Scene], "str | None"]


def first_fault(pair: Pair, scene: Scene, rules: Sequence[Rule]) -> tuple[str, str] | None:
    """The name of the first rule that the pair breaks, and the reason."""
    for rule in rules:
        reason = rule(pair, scene)
        if reason is not None:
            return rule.__name__, reason
    return None


# -- structure -----------------------------------------------------------------------------------------------


def marks_are_readable(pair: Pair, scene: Scene) -> str | None:
    """Brackets in the answer are marks, and there is at least one; the question has none."""
    try:
        text, marks = parse_marked(pair.answer)
    except ReplyError as error:
        return str(error)
    if not text.strip():
        return "The answer is empty."
    if not pair.question.strip():
        return "The question is empty."
    if "](" in pair.question:
        return "The question has marks; they belong into the answer alone."
    return None if marks else "The answer marks nothing."


def instances_exist(pair: Pair, scene: Scene) -> str | None:
    """Every number is in the list."""
    named = {number for mark in _marks(pair) for number in mark.numbers}
    named |= {target.number for target in pair.targets}
    unknown = sorted(number for number in named if not 1 <= number <= len(scene.objects))
    return f"There are no objects {unknown} in the list." if unknown else None


def placeholders_match(pair: Pair, scene: Scene) -> str | None:
    """Each target is marked in the answer exactly once, and each marked number is a target."""
    marked = [number for mark in _marks(pair) for number in mark.numbers]
    listed = [target.number for target in pair.targets]
    if len(set(marked)) != len(marked):
        return f"The answer marks objects {_doubles(marked)} more than once."
    if len(set(listed)) != len(listed):
        return f"The targets {_doubles(listed)} are listed more than once."
    if set(marked) != set(listed):
        return f"The answer marks objects {sorted(set(marked))}, but the targets are {sorted(set(listed))}."
    return None


def not_too_many(pair: Pair, scene: Scene) -> str | None:
    """No more targets than MUSE has."""
    if len(pair.targets) > MUSE_MAX:
        return f"{len(pair.targets)} targets are too many."
    return None


# -- quality -------------------------------------------------------------------------------------------------


def kind_was_asked(pair: Pair, scene: Scene) -> str | None:
    """The kind is one that was asked for."""
    kinds = sorted({ask.kind for ask in scene.asks})
    return None if pair.kind in kinds else f"The kind {pair.kind!r} was not asked for ({', '.join(kinds)})."


def enough_targets(pair: Pair, scene: Scene) -> str | None:
    """At least two where several were asked for, one for a referring question, none for an absent thing."""
    count = len(pair.targets)
    if pair.kind in SEVERAL and count < 2:
        return f"A {pair.kind} question needs at least two targets, this has {count}."
    if pair.kind == "referring" and count != 1:
        return f"A referring question has one target, this has {count}."
    return None


def absence_agrees(pair: Pair, scene: Scene) -> str | None:
    """`[words](none)` stands in answers about absent things alone, and names one that is certainly absent."""
    text, marks = parse_marked(pair.answer)
    absent = [text[slice(*mark.span)] for mark in marks if not mark.numbers]
    if pair.kind != "absent":
        return f"Only absent things are marked (none), not {absent[0]!r}." if absent else None
    if pair.targets:
        return "An answer about an absent thing has no targets."
    for words in absent:
        if not any(_names(category).search(words) for category in scene.absent):
            return f"{words!r} is not one of the things that are certainly absent."
    return None if absent else "The absent thing is not marked (none)."


def chosen_are_named(pair: Pair, scene: Scene) -> str | None:
    """Where instances were chosen beforehand, the answer names those of one of the questions."""
    chosen = [set(ask.numbers) for ask in scene.asks if ask.kind == pair.kind and ask.numbers]
    named = {target.number for target in pair.targets}
    if chosen and named not in chosen:
        return f"The answer is about objects {sorted(named)}, not about those that were chosen."
    return None


def nothing_outside(pair: Pair, scene: Scene) -> str | None:
    """Answer and descriptions name no category of the data set that is not in the picture."""
    if pair.kind == "absent":
        return None
    pattern, categories = _any_of(scene.vocabulary | scene.present)
    own = " ".join(scene.present).lower()
    for text in (parse_marked(pair.answer)[0], *(target.description for target in pair.targets)):
        for match in pattern.finditer(text):
            category = categories[match[0].lower()]
            # "glass" may well be said of a wine glass, and "orange" is a colour as well.
            if category in scene.present or category in _ambiguous():
                continue
            if not re.search(rf"\b{re.escape(category)}\b", own):
                return f"It speaks of a {category}, which is not in the list."
    return None


def descriptions_fit(pair: Pair, scene: Scene) -> str | None:
    """Descriptions are there, and position words in them and in the answer's phrases agree with the boxes."""
    for target in pair.targets:
        if not target.description.strip():
            return f"Object {target.number} has no description."
        reason = misplaced(target.description, target.number - 1, scene)
        if reason:
            return f"The description of object {target.number} says {reason}."
    text, marks = parse_marked(pair.answer)
    for mark in marks:
        if len(mark.numbers) == 1:
            reason = misplaced(text[slice(*mark.span)], mark.numbers[0] - 1, scene)
            if reason:
                return f"The answer's words for object {mark.numbers[0]} say {reason}."
    return None


def question_keeps_secret(pair: Pair, scene: Scene) -> str | None:
    """A question that needs reasoning does not name what its answer is: no category, no phrase of it."""
    if pair.kind != "reasoning":
        return None
    question = _plain(pair.question)
    for category in sorted({scene.objects[target.number - 1].category for target in pair.targets}):
        if _names(category).search(pair.question):
            return f"The question gives the answer away: {category}."
    text, marks = parse_marked(pair.answer)
    for words in (text[slice(*mark.span)] for mark in marks):
        if len(words.split()) > 1 and _plain(words) in question:
            return f"The question gives the answer away: {words!r}."
    return None


def no_list_numbers(pair: Pair, scene: Scene) -> str | None:
    """Numbers and boxes of the list stay out of the words."""
    texts = [pair.question, parse_marked(pair.answer)[0], *(target.description for target in pair.targets)]
    for text in texts:
        found = re.search(r"\b(?:object|instance|item|number|no\.)\s*#?\d+|\[\s*\d+\s*,|\{seg\}", text, re.I)
        if found:
            return f"It speaks of the list itself: {found[0]!r}."
    return None


def lengths_fit(pair: Pair, scene: Scene) -> str | None:
    """Nothing is longer than the plan allows, and the question is at least two words."""
    rules = scene.rules
    bounds = [("question", pair.question, rules.max_question_words)]
    bounds += [("answer", pair.answer, rules.max_answer_words)]
    bounds += [("description", entry.description, rules.max_description_words) for entry in pair.targets]
    for what, text, most in bounds:
        if len(text.split()) > most:
            return f"The {what} has {len(text.split())} words, more than {most}."
    return "The question is a single word." if len(pair.question.split()) < 2 and _spaced(scene) else None


def language_fits(pair: Pair, scene: Scene) -> str | None:
    """Question, answer and descriptions are in the plan's language."""
    wanted = scene.rules.language
    if wanted is None:
        return None
    texts = [
        f"{pair.question} {parse_marked(pair.answer)[0]}",
        " ".join(target.description for target in pair.targets),
    ]
    for text in texts:
        found, certainty = _language(text)
        # Of a few words no detector can be sure: only a clear other language is one.
        if found != wanted and certainty > 0.9 and (len(text.split()) >= 6 or not text.isascii()):
            return f"It is written in {found!r}, not in {wanted!r}."
    return None


STRUCTURE: tuple[Rule, ...] = (marks_are_readable, instances_exist, placeholders_match, not_too_many)
QUALITY: tuple[Rule, ...] = (
    kind_was_asked,
    enough_targets,
    absence_agrees,
    chosen_are_named,
    nothing_outside,
    descriptions_fit,
    question_keeps_secret,
    no_list_numbers,
    lengths_fit,
    language_fits,
)


def _marks(pair: Pair) -> tuple[Mark, ...]:
    return parse_marked(pair.answer)[1]


def _doubles(numbers: Sequence[int]) -> list[int]:
    return sorted({number for number in numbers if numbers.count(number) > 1})


@cache
def _names(category: str) -> re.Pattern[str]:
    """Finds the category's name in a text, one or many."""
    noun = noun_of(category)
    return re.compile(rf"\b(?:{re.escape(noun.one)}|{re.escape(noun.many)})\b", re.IGNORECASE)


@cache
def _any_of(categories: frozenset[str]) -> tuple[re.Pattern[str], dict[str, str]]:
    """Finds any of these names, one or many, the longest first ("hot dog" is no dog); and whose name it
    is."""
    names: dict[str, str] = {}
    for category in sorted(categories):
        noun = noun_of(category)
        names |= {noun.one.lower(): category, noun.many.lower(): category}
    choices = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.compile(rf"\b(?:{choices or '(?!)'})\b", re.IGNORECASE), names


@cache
def _ambiguous() -> frozenset[str]:
    page = files("segue.curation").joinpath("phrasings", "ambiguous.yaml")
    return frozenset(yaml.safe_load(page.read_text(encoding="utf-8")))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def _spaced(scene: Scene) -> bool:
    """Whether the language puts spaces between words."""
    return scene.rules.language not in (None, "zh", "ja", "th")


@cache
def _identifier() -> Any:
    from segue.errors import MissingDependencyError

    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise MissingDependencyError(
            "checking the language needs py3langid: pip install 'segue[curate]', "
            "or set rules.language to null"
        ) from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _language(text: str) -> tuple[str, float]:
    language, certainty = _identifier().classify(text)
    return language, float(certainty)
