"""The protocol `free`: the model generates its own answers, many questions at a time.

Pictures are seen once and shared by all their questions; questions of one kind and of like length go
together, so that little is padded and rows finish together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segue.evaluation.prediction import EMPTY, Prediction

if TYPE_CHECKING:
    from segue.answer import Answer
    from segue.evaluation.runner import Sample
    from segue.predictor import Predictor

__all__ = ["MAX_NEW_TOKENS", "ask_all", "locate_all", "see_all"]

MAX_NEW_TOKENS = 160
"""An answer longer than that is cut, as by `Predictor.ask`."""

Box = tuple[float, float, float, float]


def ask_all(
    predictor: Predictor,
    samples: Sequence[Sample],
    batch_size: int,
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> list[list[Prediction]]:
    """The answers to every sample's turns; `batch_size` questions are asked together.

    Questions about a box are answered with nothing where the family takes none (LISA, GSVA, PixelLM).
    """
    seen = see_all(predictor, samples)
    boxes = getattr(getattr(predictor, "model", None), "region_encoder", True) is not None
    places = [
        (s, t)
        for s, sample in enumerate(samples)
        for t, turn in enumerate(sample.turns)
        if boxes or turn.region is None
    ]

    def likeness(place: tuple[int, int]) -> tuple[str, int]:
        turn = samples[place[0]].turns[place[1]]
        return turn.type, len(turn.question)

    places.sort(key=likeness)
    answers: dict[tuple[int, int], Prediction] = {}
    for first in range(0, len(places), batch_size):
        chunk = places[first : first + batch_size]
        turns = [samples[s].turns[t] for s, t in chunk]
        asked = [
            (seen[s], turn.question, None if turn.region is None else _corners(turn.region))
            for (s, _), turn in zip(chunk, turns, strict=True)
        ]
        said = _answers(predictor, asked, max_new_tokens)
        answers.update(zip(chunk, map(Prediction.from_answer, said), strict=True))
    return [
        [answers.get((s, t), EMPTY) for t in range(len(sample.turns))] for s, sample in enumerate(samples)
    ]


def locate_all(predictor: Predictor, samples: Sequence[Sample]) -> list[list[Prediction]]:
    """Every turn's question taken as a referring expression: what the PixelLLM family is given."""
    seen = see_all(predictor, samples)
    return [
        [Prediction.from_answer(predictor.locate(picture, turn.question)) for turn in sample.turns]
        for picture, sample in zip(seen, samples, strict=True)
    ]


def see_all(predictor: Predictor, samples: Sequence[Sample]) -> Sequence[Any]:
    """The samples' pictures, each encoded once."""
    images = [sample.image for sample in samples]
    if hasattr(predictor, "encode_batch"):
        return predictor.encode_batch(images)
    return [predictor.encode(image) for image in images]  # PixelLLM sees one at a time


def _answers(
    predictor: Predictor, asked: Sequence[tuple[Any, str, Box | None]], max_new_tokens: int
) -> Sequence[Answer]:
    from segue.predictor import Predictor
    from segue.query import Query

    if not isinstance(predictor, Predictor):  # PixelLLM, whose answers are as long as its text decoder
        return [predictor.ask(picture, question, region=region) for picture, question, region in asked]
    replies = predictor.reply([Query(*query, max_new_tokens) for query in asked])
    answers = [reply.answer for reply in replies if reply.answer is not None]
    assert len(answers) == len(asked), "nobody watches, so nothing is dropped"
    return answers


def _corners(box: Sequence[float]) -> Box:
    """COCO's x, y, width, height to corners."""
    x, y, width, height = box
    return x, y, x + width, y + height
