"""How questions are worded: a frame of `phrasings/questions.yaml`, filled with words for what is meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeVar

import numpy as np

from segue.scenes.grammar import Noun, join_list, sentence
from segue.scenes.lexicon import read_phrasings

T = TypeVar("T")

_GAP = re.compile(r"\{(\w+)\}")


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of the options, each as likely (`rng.choice` takes twenty times as long)."""
    return options[int(rng.random() * len(options))]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """True with that probability."""
    return bool(rng.random() < probability)


@cache
def frames() -> Mapping[str, tuple[str, ...]]:
    """Every frame, by the form of question it asks."""
    return {form: tuple(lines) for form, lines in read_phrasings("questions.yaml").items()}


def ask(rng: np.random.Generator, form: str, gaps: Mapping[str, str]) -> str:
    """A question of that form. The gaps that a frame leaves open are its verb and its ending."""
    every = frames()
    frame = pick(rng, every[form])

    def fill(match: re.Match[str]) -> str:
        gap = match.group(1)
        return gaps[gap] if gap in gaps else pick(rng, every[gap])

    text = _GAP.sub(fill, frame)
    # People often write short requests without a capital; what ends like a sentence begins like one.
    ends = text[-1] in ".?!"
    return sentence(text) if ends or chance(rng, 0.3) else text


def gaps_for(noun: Noun, *, several: bool = False) -> dict[str, str]:
    """The words that stand for one description: "the red mug", "a red mug", "red mugs", "is"."""
    plural = several or noun.is_plural
    words = noun.plural if several else noun.singular
    verb = "are" if plural else "is"
    return {
        "the": f"the {words}",
        "The": f"The {words}",
        "a": noun.any_form if several else noun.indefinite,
        "any": noun.any_form,
        "bare": words,
        "is": verb,
        "Is": verb.capitalize(),
        "does": "do" if plural else "does",
        "it": "them" if plural else "it",
    }


def gaps_for_list(nouns: Sequence[Noun]) -> dict[str, str]:
    """The words for several descriptions in a row: "the dog and the red mug"."""
    return {
        "the": join_list([f"the {noun.singular}" for noun in nouns]),
        "a": join_list([noun.indefinite for noun in nouns], "or"),
        "bare": join_list([noun.singular for noun in nouns]),
    }
