"""GSVA's dialogues: all targets of a picture in one question, `[SEG]` for each in its answer, `[REJ]` for
what is not there.

Sampling is the released code's (`data/*_dataset.py`). A picture of which only absent things were drawn gives
no turns, as there (draw another). ReasonSeg and conversations are asked as LISA asks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segue.data.native import Record, Turn
from segue.data.templates import lisa
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
    single_annotations,
)
from segue.data.templates.lisa import Options, conversation

__all__ = [
    "Options",
    "conversation",
    "dialogue",
    "parts",
    "reasoning",
    "referring",
    "semantic",
    "words_alone",
]


def semantic(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Classes of a semantic segmentation set."""
    return _one_turn(draw(classes(record), options.targets, rng), rng, between=",")


def parts(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Annotations of a part segmentation set."""
    return _one_turn(single_annotations(record, rng, options.targets), rng, between=",")


def referring(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Expressions of a referring set, present and absent (gRefCOCO, Ref-ZOM)."""
    drawn = draw(expressions(record, absent=True), options.targets, rng)
    named = [Target(each.name.strip("."), each.ids) for each in drawn]
    return _one_turn(named, rng, between=", ")


def reasoning(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """ReasonSeg, as LISA asks for it."""
    words = forms("lisa")
    return lisa.worded_reasoning(
        record,
        rng,
        options=options,
        short=words["short"],
        long=words["long"],
        explanatory=forms("gsva")["explanatory"],
        answers=words["answers"],
    )


def dialogue(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """A record's own questions and answers as they are: `[SEG]` or `[REJ]` behind every phrase."""
    return askable(record)


def words_alone(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """The same without mask tokens: what the small bases' language model learns to say (LLaVA's part)."""
    return [turn.model_copy(update={"phrases": [], "points": []}) for turn in askable(record)]


def _one_turn(targets: Sequence[Target], rng: np.random.Generator, *, between: str) -> list[Turn]:
    """Names in lower case in the question, as they are in the answer."""
    if not any(target.ids for target in targets):
        return []
    words = forms("gsva")
    form = pick(words["answers"], rng)
    names = ", ".join(target.name for target in targets).lower()
    clauses = [fill(form["each"], name=target.name) for target in targets]
    return [
        answered(
            fill(pick(words["several"], rng), names=names),
            form["start"] + between.join(clauses) + ".",
            [target.ids for target in targets],
        )
    ]
