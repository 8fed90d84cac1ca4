"""LISA's dialogues: one question and one `[SEG]` for each target, all about one picture.

Its kinds of data and their sampling are those of the released code (`utils/*_dataset.py`): at most
`targets` classes, annotations or sentences of a picture; short questions for names, long ones for sentences;
explanations for those ReasonSeg pictures that have one. A picture with nothing to ask about gives no turns:
draw another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segue.data.native import Record, Turn
from segue.data.templates.drawing import (
    Target,
    answered,
    askable,
    classes,
    draw,
    expressions,
    fill,
    forms,
    pick,
    plain,
    single_annotations,
)

__all__ = [
    "Options",
    "conversation",
    "dialogue",
    "parts",
    "reasoning",
    "referring",
    "semantic",
    "worded_reasoning",
]


@dataclass(frozen=True)
class Options:
    """How much is asked about a picture.

    `targets`: at most so many (`num_classes_per_sample`). `explanatory`: how often a picture with an
    explanation is only explained, without a mask; -1: explanations are not used.
    """

    targets: int = 3
    explanatory: float = 0.1


def semantic(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Classes of a semantic segmentation set (ADE20K, COCO-Stuff, Mapillary)."""
    return _name_turns(draw(classes(record), options.targets, rng), rng)


def parts(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Annotations of a part segmentation set (PACO-LVIS, PASCAL-Part), each a target."""
    return _name_turns(single_annotations(record, rng, options.targets), rng)


def referring(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Expressions of a referring set; those for nothing are left out, LISA has no word for them."""
    return _name_turns(draw(expressions(record, absent=False), options.targets, rng), rng)


def reasoning(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """ReasonSeg's questions and phrases; its explanation is the record's caption."""
    words = forms("lisa")
    return worded_reasoning(
        record,
        rng,
        options=options,
        short=words["short"],
        long=words["long"],
        explanatory=words["explanatory"],
        answers=words["answers"],
    )


def worded_reasoning(
    record: Record,
    rng: np.random.Generator,
    *,
    options: Options,
    short: Sequence[str],
    long: Sequence[str],
    explanatory: Sequence[str],
    answers: Sequence[str],
) -> list[Turn]:
    """`reasoning` in a family's own words.

    One draw for the picture decides whether it is explained in words alone, answered, or answered and
    explained.
    """
    explanation = next((plain(c.text) for c in record.captions if c.region is None), "")
    manner = "answer"
    if explanation and options.explanatory != -1:
        alone = rng.random() < options.explanatory
        manner = "words" if alone else pick(["answer", "both"], rng)
    masked = {entry.id for entry in record.objects if entry.segmentation}
    asked = [each for each in record.expressions if each.ids and masked.issuperset(each.ids)]
    turns = []
    for each in draw(asked, options.targets, rng):
        text = plain(each.text)
        if manner == "words":
            turns.append(Turn(question=text, answer=explanation, type="reasoning"))
            continue
        answer = pick(answers, rng)
        if manner == "both":
            question, answer = fill(pick(explanatory, rng), sentence=text), f"{answer} {explanation}"
        elif each.kind == "short":
            question = fill(pick(short, rng), name=text.lower())
        else:
            question = fill(pick(long, rng), sentence=text)
        turns.append(answered(question, answer, [each.ids], type="reasoning"))
    return turns


def conversation(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """A conversation in words alone (LLaVA-Instruct), all of its rounds."""
    return [
        Turn(question=turn.question, answer=turn.answer, type=turn.type, follows=number > 0)
        for number, turn in enumerate(record.dialogue)
    ]


def dialogue(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """A record's own questions, half of them with LISA's words behind; one `[SEG]` for all that each means.

    Questions about what is absent are left out, as in `referring`; of a mixed one the present things count.
    Captions stay words alone.
    """
    words = forms("lisa")
    turns = []
    for turn in askable(record):
        ids = tuple(dict.fromkeys(number for phrase in turn.phrases for number in phrase.ids))
        if not turn.phrases or turn.type == "caption":
            turns.append(turn.model_copy(update={"phrases": [], "points": []}))
        elif ids:
            long = rng.random() < 0.5
            question = fill(pick(words["long"], rng), sentence=turn.question) if long else turn.question
            turns.append(answered(question, pick(words["answers"], rng), [ids], type=turn.type))
    return turns


def _name_turns(targets: Sequence[Target], rng: np.random.Generator) -> list[Turn]:
    words = forms("lisa")
    return [
        answered(
            fill(pick(words["short"], rng), name=target.name.lower()),
            pick(words["answers"], rng),
            [target.ids],
        )
        for target in targets
    ]
