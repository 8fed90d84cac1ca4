"""PixelLLM's prompts: a turn is a visual prompt with its text prompt and the text that it is answered by.

`question` is the text prompt (the language model's context), `answer` what is said, `region` the box prompt
where it is not the whole picture, `points` the places of words, and a phrase over the whole answer the object
whose box or mask an expression means. Sampling is that of the released configurations: one narrative or up
to `prompts` captions, expressions or pairs, shuffled; of regions the first `prompts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.data.native import Phrase, Record, Turn
from segue.data.templates.drawing import fill, forms, pick

__all__ = ["Options", "caption", "joint", "question", "referring", "region", "trace"]


@dataclass(frozen=True)
class Options:
    """Attributes:
    prompts: how many texts of a picture are learned at once: 1 in the trace stage, 16 in the others, 100 for
        dense captions. `joint`: so many expressions, and so many regions.
    places: `joint` alone: False takes narratives without the places of their words.
    paraphrases: `joint` alone: False takes the first wording of a text prompt, which is asked with, always.
    """

    prompts: int = 16
    places: bool = True
    paraphrases: bool = True


def trace(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Narratives with a place for every word (Localized Narratives)."""
    told = [each for each in record.captions if each.region is None and each.points]
    return [
        Turn(
            question=pick(forms("pixelllm")["trace"], rng),
            answer=told[int(number)].text,
            points=told[int(number)].points,
            type="trace",
        )
        for number in rng.permutation(len(told))[: options.prompts]
    ]


def caption(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Short captions of the picture (COCO captions)."""
    told = [each for each in record.captions if each.region is None]
    return [
        Turn(question=pick(forms("pixelllm")["caption"], rng), answer=told[int(number)].text, type="caption")
        for number in rng.permutation(len(told))[: options.prompts]
    ]


def referring(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Expressions whose box is learned, each read by the language model as it is located."""
    boxed = [each for each in record.expressions if each.ids]
    turns = []
    for number in rng.permutation(len(boxed))[: options.prompts]:
        each = boxed[int(number)]
        turns.append(
            Turn(
                question=fill(forms("pixelllm")["locate"][0], name=each.text),
                answer=each.text,
                phrases=[Phrase(span=(0, len(each.text)), ids=each.ids)],
                type="refer",
            )
        )
    return turns


def region(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Boxes with what they show (Visual Genome), for dense and location-conditioned captions."""
    boxed = [each for each in record.captions if each.region is not None]
    return [
        Turn(
            question=forms("pixelllm")["region"][0],
            answer=each.text,
            region=each.region,
            type="region",
        )
        for each in boxed[: options.prompts]
    ]


def joint(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """All that is known of a picture together: one narrative and one caption, expressions and regions.

    For `segue.data.joint_collation`, which the published stages do without: their sets have one kind of label
    each.
    """
    one = Options(prompts=1)
    told = trace(record, rng, options=one)
    if not options.places:
        told = [turn.model_copy(update={"points": [], "type": "caption"}) for turn in told]
    plain = [each for each in record.captions if each.region is None and not each.points]
    if plain:
        told += caption(record.model_copy(update={"captions": plain}), rng, options=one)
    if not options.paraphrases:
        told = [turn.model_copy(update={"question": _first_wording(turn.question)}) for turn in told]
    boxed = [each for each in record.captions if each.region is not None]
    order = [boxed[int(number)] for number in rng.permutation(len(boxed))]
    regions = region(record.model_copy(update={"captions": order}), rng, options=options)
    return [*told, *referring(record, rng, options=options), *regions]


def _first_wording(question: str) -> str:
    """That of the group which a text prompt belongs to."""
    return next(own[0] for own in forms("pixelllm").values() if question in own)


def question(record: Record, rng: np.random.Generator, *, options: Options) -> list[Turn]:
    """Rounds of conversations, each for itself (LLaVA-Instruct, ShareGPT4V)."""
    form = forms("pixelllm")["question"][0]
    return [
        Turn(
            question=fill(form, sentence=record.dialogue[int(number)].question),
            answer=record.dialogue[int(number)].answer,
            type="question",
        )
        for number in rng.permutation(len(record.dialogue))[: options.prompts]
    ]
