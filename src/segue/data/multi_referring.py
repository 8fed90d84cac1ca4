"""Several expressions in one question: how PixelLM deals and measures multi-referring segmentation.

From the referring sets' expressions of one picture: for training, up to 9 of them over up to 3 questions
(worded by `segue.data.templates.pixellm`); for measuring, all of them in order, 6, 5, 4, 6, 5, 4, ... a
question, with the answer given (teacher forcing). `{masks}` in an answer is a target's group of mask tokens.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["MASKS", "ReferringPrompt", "distribute", "evaluation_prompts", "join_names"]

EVALUATION_QUESTION = "What is {names} in this image? Please output segmentation mask."
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


def distribute(
    count: int, rng: np.random.Generator, *, questions: int = 3, most: int = 3
) -> list[tuple[int, ...]]:
    """Which of `count` targets go into which question, without repetition; no question is empty.

    At most `questions` of them, each of at most `most`; what is too many is left out.
    """
    drawn = rng.permutation(count)[: questions * most].tolist()
    groups: list[list[int]] = [[number] for number in drawn[:questions]]
    for number in drawn[questions:]:
        free = [group for group in groups if len(group) < most]
        free[int(rng.integers(len(free)))].append(number)
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
