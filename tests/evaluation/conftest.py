"""A model of ten lines: it gives prepared answers and counts how it was asked."""

from collections.abc import Callable

import numpy as np
import pytest

from segue.answer import Answer, Segment, Word
from segue.data.native import ObjectRecord, Phrase, Record, Turn, encode_mask, mask_box


class PreparedModel:
    """Answers by question, and remembers what it was asked."""

    def __init__(self, answers: Callable[[str], Answer]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.regions: list[tuple] = []

    def encode(self, image):
        return image

    def ask(self, image, question, region=None):
        self.asked.append(question)
        self.regions.append(region)
        return self.answers(question)


@pytest.fixture
def prepared_model():
    return PreparedModel


@pytest.fixture
def make_answer():
    """`make_answer("The cat.", {"cat": mask, "dog": None}, {"cat": (x, y)})`: None is a rejection."""

    def make(text: str, phrases: dict | None = None, points: dict | None = None, size=(8, 6)) -> Answer:
        width, height = size
        spans = {p: (text.index(p), text.index(p) + len(p)) for p in [*(phrases or {}), *(points or {})]}
        segments = [
            Segment(phrase, spans[phrase], rejected=True)
            if mask is None
            else Segment.from_mask(phrase, spans[phrase], mask)
            for phrase, mask in (phrases or {}).items()
        ]
        words = [Word(word, spans[word], point) for word, point in (points or {}).items()]
        return Answer(text, tuple(segments), tuple(words), width, height)

    return make


@pytest.fixture
def make_record():
    """A picture of 8 x 6 with one object per given mask, its name as category, ids from 1 on."""

    def make(masks: dict[str, np.ndarray], *, colors: dict[str, str] | None = None, **fields) -> Record:
        objects = [
            ObjectRecord(
                id=i,
                category=name.split("#")[0],
                segmentation=encode_mask(mask),
                bbox=mask_box(mask),
                attributes={"color": colors[name]} if colors and name in colors else {},
            )
            for i, (name, mask) in enumerate(masks.items(), start=1)
        ]
        fields = {"image": "a.jpg", "width": 8, "height": 6, **fields}
        return Record(objects=objects, dialogue=[], **fields)

    return make


@pytest.fixture
def make_turn():
    """`make_turn("Where?", "The cat.", {"cat": [1]})`."""

    def make(question: str, answer: str, phrases: dict[str, list[int]] | None = None, **fields) -> Turn:
        marks = [
            Phrase(span=(answer.index(words), answer.index(words) + len(words)), ids=ids)
            for words, ids in (phrases or {}).items()
        ]
        return Turn(question=question, answer=answer, phrases=marks, **fields)

    return make


@pytest.fixture
def box_mask():
    """A bool mask, 6 high and 8 wide, of a rectangle [x0, x1) x [y0, y1)."""

    def make(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
        mask = np.zeros((6, 8), bool)
        mask[y0:y1, x0:x1] = True
        return mask

    return make
