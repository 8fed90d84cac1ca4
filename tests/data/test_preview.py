from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from segue.data.native import Caption, Expression, Phrase, Turn, WordPoint, encode_mask
from segue.data.preview import describe, draw_record
from segue.errors import DataError
from segue.visualize import palette
from tests.data.pictures import HEIGHT, WIDTH, record, rectangle, thing

DOG, CAT = thing(1, "dog", (4, 4, 20, 30)), thing(2, "cat", (60, 10, 20, 30))
BOXED = thing(3, "sheep", (30, 40, 20, 15)).model_copy(update={"segmentation": []})
GREY = Image.new("RGB", (WIDTH, HEIGHT), (90, 90, 90))


def changed_at(drawn: Image.Image, x: int, y: int) -> bool:
    """Whether the drawn picture differs there from the plain one; coordinates of the plain one."""
    scale = drawn.width / WIDTH
    return drawn.getpixel((int(x * scale), int(y * scale))) != (90, 90, 90)


TURN = Turn(question="Who?", answer="The dog, no cat.", phrases=[Phrase(span=(4, 7), ids=[1])])
ABSENT = Turn(question="Any horse?", answer="No horse.", phrases=[Phrase(span=(3, 8), ids=[])])
RECORDS: list[tuple[dict[str, Any], set[str], str]] = [
    # fields of the record, which things are to be seen, what is said of it
    ({}, {"dog", "cat", "sheep"}, "3 objects"),
    ({"dialogue": [TURN]}, {"dog"}, "3 objects, 1 turn: Who?"),
    ({"dialogue": [ABSENT, TURN]}, {"dog"}, "3 objects, 2 turns: Who?"),
    ({"dialogue": [ABSENT]}, set(), "3 objects, 1 turn: Any horse?"),
    (
        {"expressions": [Expression(text="it", ids=[1, 2]), Expression(text="a horse", ids=[])]},
        {"dog", "cat"},
        "3 objects, 2 expressions: it",
    ),
    (
        {"captions": [Caption(text="a cat", region=[60, 10, 20, 30])]},
        {"cat"},
        "3 objects, 1 caption: a cat",
    ),
]


@pytest.mark.parametrize(("fields", "seen", "said"), RECORDS)
def test_what_is_drawn(fields: dict[str, Any], seen: set[str], said: str):
    one = record(DOG, CAT, BOXED, **fields)
    drawn = draw_record(one, GREY)
    # Left borders of the three.
    borders = {"dog": (4, 30), "cat": (60, 36), "sheep": (30, 52)}
    assert {name for name, place in borders.items() if changed_at(drawn, *place)} == seen
    assert describe(one) == said


def test_a_trace_is_drawn_with_its_words():
    told = Caption(
        text="A dog and a cat",
        points=[WordPoint(span=(2, 5), point=(14, 20)), WordPoint(span=(12, 15), point=(70, 20))],
    )
    drawn = draw_record(record(DOG, captions=[told]), GREY)
    assert changed_at(drawn, 40, 20)  # the line between the two
    assert not changed_at(drawn, 6, 33)  # no object


def test_what_is_ignored_is_grey():
    white = Image.new("RGB", (WIDTH, HEIGHT), "white")
    drawn = draw_record(record(ignore=encode_mask(rectangle(10, 10, 20, 20))), white)
    scale = drawn.width / WIDTH
    assert drawn.getpixel((int(20 * scale), int(20 * scale))) == (128, 128, 128)
    assert drawn.getpixel((int(60 * scale), int(20 * scale))) == (255, 255, 255)


def test_masks_have_the_first_colours():
    drawn = np.asarray(draw_record(record(DOG), GREY))
    assert (drawn == palette(0)).all(axis=2).any()


def test_an_empty_record_and_a_wrong_picture():
    assert describe(record()) == "nothing"
    assert draw_record(record(), GREY).width >= WIDTH
    with pytest.raises(
        DataError, match=r"images/a.png is 64 x 96, its annotations are for a picture of 96 x 64"
    ):
        draw_record(record(), GREY.rotate(90, expand=True))
