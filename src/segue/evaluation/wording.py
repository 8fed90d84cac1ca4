"""How each family is asked about an expression, in its published evaluation and for a free answer.

The strings are those of the released evaluation codes, to the letter: the space at their beginning stands
after a line break, and GSVA's question really lacks one before "in". `{masks}` in an answer is written as the
family's mask tokens (`segue.evaluation.forced`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from segue.data.multi_referring import evaluation_prompts, join_names
from segue.data.native import Expression, Phrase, Turn

__all__ = ["FAMILIES", "family_of", "multi_referring_turns", "reasoning_turn", "referring_turns"]

FAMILIES = ("segue", "lisa", "gsva", "pixellm", "pixelllm")
"""The last one has no prompts for these tasks: it is given the bare expression (`Predictor.locate`)."""

MASKS = "{masks}"

_MODEL_TYPES = {
    "GroundedModel": "segue",
    "LisaModel": "lisa",
    "GsvaModel": "gsva",
    "PixelLMModel": "pixellm",
    "PixelLLM": "pixelllm",
}


def family_of(predictor: Any) -> str:
    """One of `FAMILIES`, by the class of the model."""
    names = [kind.__name__ for kind in type(getattr(predictor, "model", None)).__mro__]
    return next((_MODEL_TYPES[name] for name in names if name in _MODEL_TYPES), "segue")


def referring_turns(expressions: Sequence[Expression], *, family: str, protocol: str) -> list[Turn]:
    """Each expression asked for, every phrase of the answer one of them, in order.

    GSVA's published evaluation asks for all of a picture's expressions in one question; all others, and free
    answers of all, take one at a time.
    """
    names = [_tidy(expression.text) for expression in expressions]
    if family == "gsva" and protocol == "paper":
        if not names:
            return []
        question = f" What are {', '.join(names)}in this image? Please output segmentation masks."
        answer = "Sure," + ", ".join(f"{name}:{MASKS}" for name in names) + "."
        return [_turn(question, answer, [MASKS] * len(names), expressions)]
    return [_single(name, expression, family) for name, expression in zip(names, expressions, strict=True)]


def _single(name: str, expression: Expression, family: str) -> Turn:
    if family in ("lisa", "pixellm"):
        question = f" What is {name} in this image? Please output segmentation mask."
        return _turn(question, f"{MASKS}.", [MASKS], [expression])
    if family == "gsva":
        question = f" What are {name} in this image? Please output segmentation masks."
        return _turn(question, f"Sure,{name}:{MASKS}.", [MASKS], [expression])
    if family == "pixelllm":
        return _turn(name, f"{name}.", [name], [expression])
    # What the answer says does not tell whether the thing is there, as in GSVA's.
    return _turn(f"Where is {name}?", f"{name}.", [name], [expression])


def reasoning_turn(expression: Expression, *, family: str) -> Turn:
    """A question that needs reasoning (`kind` "long": a sentence of its own) or a phrase ("short")."""
    text = expression.text.strip()
    sentence = expression.kind != "short"
    if family in ("lisa", "pixellm", "gsva"):
        words = text if sentence else f"What is {text} in this image?"
        answer = MASKS if family == "gsva" else f"{MASKS}."
        return _turn(f" {words} Please output segmentation mask.", answer, [MASKS], [expression])
    if family == "pixelllm":
        return _turn(text, "It.", ["It"], [expression])
    return _turn(text if sentence else f"Where is {_tidy(text)}?", "It.", ["It"], [expression])


def multi_referring_turns(expressions: Sequence[Expression], *, family: str) -> list[Turn]:
    """PixelLM's multi-referring evaluation: all expressions in order, 6, 5, 4, 6, ... a question."""
    turns = []
    for prompt in evaluation_prompts([expression.text for expression in expressions]):
        chosen = [expressions[number] for number in prompt.targets]
        names = [_tidy(expression.text) for expression in chosen]
        if family in ("lisa", "pixellm"):
            turns.append(_turn(f" {prompt.question}", prompt.answer, [MASKS] * len(chosen), chosen))
        elif family == "gsva":
            question = f" What are {', '.join(names)}in this image? Please output segmentation masks."
            answer = "Sure," + ", ".join(f"{name}:{MASKS}" for name in names) + "."
            turns.append(_turn(question, answer, [MASKS] * len(names), chosen))
        else:
            verb = "is" if len(names) == 1 else "are"
            turns.append(_turn(f"Where {verb} {join_names(names)}?", f"{join_names(names)}.", names, chosen))
    return turns


def _turn(question: str, answer: str, marks: Sequence[str], expressions: Sequence[Expression]) -> Turn:
    """A turn whose phrases are `marks`, found in the answer one after the other."""
    phrases, end = [], 0
    for mark, expression in zip(marks, expressions, strict=True):
        start = answer.index(mark, end)
        end = start + len(mark)
        phrases.append(Phrase(span=(start, end), ids=expression.ids))
    kind = expressions[0].kind if len({expression.kind for expression in expressions}) == 1 else "several"
    return Turn(question=question, answer=answer, phrases=phrases, type=kind)


def _tidy(text: str) -> str:
    """As the released loaders pass an expression on: lower case, no spaces and dots around it."""
    return " ".join(text.lower().split()).strip(" .")
