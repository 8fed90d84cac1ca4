"""PixelLM's dialogues: several questions about a picture, each for several targets.

Up to `questions` x `targets` classes, annotations or expressions are drawn and dealt to the questions
(multi-referring segmentation, where they are expressions); MUSE's questions come with their own answers.
Sampling is the released code's (`utils/*_dataset.py`), with the defaults of its README.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.data.multi_referring import MASKS, distribute, join_names
from segue.data.native import Phrase, Record, Turn
from segue.data.templates import lisa
from segue.data.templates.drawing import (
    Target,
    answered,
    classes,
    draw,
    expressions,
    fill,
    forms,
    pick,
    plain,
    single_annotations,
)
from segue.data.templates.lisa import conversation

__all__ = ["Options", "conversation", "muse", "parts", "reasoning", "referring", "semantic"]

COMPOSED = "muse composed"
"""The type of a MUSE turn whose answer has no sentence of its own (`segue.data.muse_json`)."""


@dataclass(frozen=True)
class Options:
    """How much is asked about a picture.

    `questions` (`num_classes_per_sample`) with `targets` each (`num_classes_per_question`) at most;
    `more_questions`: the longer lists of its option `use_expand_question_list`; `explanatory`: as LISA's.
    """

    questions: int = 3
    targets: int = 3
    more_questions: bool = False
    explanatory: float = 0.1


def semantic(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Classes of a semantic segmentation set."""
    return _dealt(draw(classes(record), options.questions * options.targets, rng), rng, options)


def parts(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Annotations of a part segmentation set."""
    return _dealt(single_annotations(record, rng, options.questions * options.targets), rng, options)


def referring(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Several expressions in one question; two of them may name one object."""
    drawn = draw(expressions(record, absent=False), options.questions * options.targets, rng)
    return _dealt(drawn, rng, options)


def reasoning(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """ReasonSeg, at most `questions` of its sentences."""
    words = forms("lisa")
    return lisa.worded_reasoning(
        record,
        rng,
        options=lisa.Options(targets=options.questions, explanatory=options.explanatory),
        short=_short(options),
        long=_long(options),
        explanatory=words["explanatory"],
        answers=words["answers"],
    )


def muse(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """All of MUSE's questions about a picture, asked for masks; answers without a sentence are worded here.

    They name an instance by its description nine times out of ten, else by its category.
    """
    turns = []
    for turn in record.dialogue:
        question = fill(pick(_long(options), rng), sentence=plain(turn.question))
        if turn.type == COMPOSED:
            targets = [_described(record, phrase, rng) for phrase in turn.phrases]
            answer = _answer(targets, rng, clauses="muse_clauses", lists="muse_lists", between=", ")
            turns.append(answered(question, answer, [target.ids for target in targets], type="muse"))
        else:
            turns.append(turn.model_copy(update={"question": question}))
    return turns


def _dealt(targets: Sequence[Target], rng: np.random.Generator, options: Options) -> list[Turn]:
    turns = []
    for numbers in distribute(len(targets), rng, questions=options.questions, most=options.targets):
        own = [targets[number] for number in numbers]
        names = join_names([target.name for target in own]).lower()
        question = fill(pick(_short(options), rng), name=names)
        if len(own) == 1:
            answer = pick(forms("lisa")["answers"], rng)
        else:
            answer = _answer(own, rng, clauses="clauses", lists="lists", between=None)
        turns.append(answered(question, answer, [target.ids for target in own]))
    return turns


def _answer(
    targets: Sequence[Target],
    rng: np.random.Generator,
    *,
    clauses: str,
    lists: str,
    between: str | None,
) -> str:
    """A clause for each target or one list of all, half and half; `between` the names of a list, where it is
    not "a, b and c"."""
    words, names = forms("pixellm"), [target.name for target in targets]
    if rng.random() < 0.5:
        clause = pick(words[clauses], rng)
        return join_names([fill(clause, name=name) for name in names]) + "."
    joined = join_names(names) if between is None else between.join(names)
    masks = join_names([MASKS] * len(names))
    return fill(pick(words[lists], rng), list=masks, names=joined.lower())


def _described(record: Record, phrase: Phrase, rng: np.random.Generator) -> Target:
    """What a phrase's first object is called."""
    thing = next(entry for entry in record.objects if entry.id == phrase.ids[0])
    name = thing.attributes.get("description", "")
    if not name or rng.random() <= 0.1:
        name = thing.category
    return Target(plain(name), tuple(phrase.ids))


def _short(options: Options) -> list[str]:
    return forms("lisa")["short"] + (forms("pixellm")["more_short"] if options.more_questions else [])


def _long(options: Options) -> list[str]:
    return forms("lisa")["long"] + (forms("pixellm")["more_long"] if options.more_questions else [])
