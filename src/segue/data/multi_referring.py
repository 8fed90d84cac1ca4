"""Several expressions in one question: how PixelLM builds and measures multi-referring segmentation.

From the referring sets' expressions of one picture: for training, up to 9 of them over up to 3 questions; for
measuring, all of them in order, 6, 5, 4, 6, 5, 4, ... a question, with the answer given (teacher forcing).
Questions and answers have the forms of the released code. `{masks}` in an answer is a target's group of mask
tokens.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ReferringPrompt", "distribute", "draw_prompt", "evaluation_prompts", "join_names"]

QUESTIONS = (
    "Can you segment the {names} in this image?",
    "Please segment the {names} in this image.",
    "What is the {names} in this image? Please respond with segmentation mask.",
    "What is the {names} in this image? Please output segmentation mask.",
)
EVALUATION_QUESTION = "What is {names} in this image? Please output segmentation mask."
SINGLE_ANSWERS = (
    "It is {masks}.",
    "Sure, {masks}.",
    "Sure, it is {masks}.",
    "Sure, the segmentation result is {masks}.",
    "{masks}.",
)
CLAUSES = ("{name} is {masks}", "The segmentation result of {name} is {masks}", "{masks}")
LISTS = (
    "{names} are {list}.",
    "Sure, {names} are {list}.",
    "Sure, {names} are {list}, separately.",
    "The segmentation result of {names} are {list}.",
    "They are {list}.",
    "{list}.",
)
MASKS = "{masks}"
CHUNKS = (6, 5, 4)


@dataclass(frozen=True)
class ReferringPrompt:
    """A question about several targets and its answer.

    Attributes:
        question: without the picture's placeholder.
        answer: `{masks}` once for each target, in the order of `targets`.
        targets: indices into the expressions that were given.
    """

    question: str
    answer: str
    targets: tuple[int, ...]

    def written(self, group: str) -> str:
        """The answer with the mask tokens of a vocabulary (`PixelLMProcessor.group_text`)."""
        return self.answer.replace(MASKS, group)


def join_names(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def draw_prompt(
    expressions: Sequence[str], rng: random.Random, *, targets: Sequence[int] | None = None
) -> ReferringPrompt:
    """One question about the expressions (or those of them that `targets` numbers), and its answer.

    A single target is answered by a short form; several by a clause each or by one list, half and half.
    """
    chosen = tuple(range(len(expressions)) if targets is None else targets)
    names = [_in_a_sentence(expressions[number]) for number in chosen]
    question = rng.choice(QUESTIONS).format(names=join_names(names))
    if len(names) == 1:
        return ReferringPrompt(question, rng.choice(SINGLE_ANSWERS), chosen)
    if rng.random() < 0.5:
        clause = rng.choice(CLAUSES)
        answer = join_names([clause.replace("{name}", name) for name in names]) + "."
    else:
        masks = join_names([MASKS] * len(names))
        answer = rng.choice(LISTS).replace("{list}", masks).replace("{names}", join_names(names))
    return ReferringPrompt(question, answer, chosen)


def distribute(count: int, rng: random.Random, *, questions: int = 3, most: int = 3) -> list[tuple[int, ...]]:
    """Which of `count` expressions go into which question, without repetition; no question is empty.

    At most `questions` of them, each of at most `most`; what is too many is left out.
    """
    drawn = rng.sample(range(count), min(count, questions * most))
    groups: list[list[int]] = [[number] for number in drawn[:questions]]
    for number in drawn[questions:]:
        rng.choice([group for group in groups if len(group) < most]).append(number)
    return [tuple(group) for group in groups]


def evaluation_prompts(expressions: Sequence[str]) -> list[ReferringPrompt]:
    """All expressions of a picture in order, 6, 5, 4, 6, ... a question, each answered by its group."""
    prompts, start = [], 0
    sizes = itertools.cycle(CHUNKS)
    while start < len(expressions):
        chosen = tuple(range(len(expressions))[start : start + next(sizes)])
        names = [_in_a_sentence(expressions[number]) for number in chosen]
        question = EVALUATION_QUESTION.format(names=join_names(names))
        answer = join_names([f"{name} is {MASKS}" for name in names]) + "."
        prompts.append(ReferringPrompt(question, answer, chosen))
        start += len(chosen)
    return prompts


def _in_a_sentence(expression: str) -> str:
    """An expression without the white space and full stop around it, and without braces."""
    return " ".join(expression.replace("{", "(").replace("}", ")").split()).rstrip(".")
