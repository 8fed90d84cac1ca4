from __future__ import annotations

import numpy as np
import pytest

from segue.data.coco import caption_turn
from segue.data.native import Record
from segue.data.photograph_people import CALLED, name_person
from segue.data.photograph_turns import MAKERS
from segue.data.photograph_view import View
from tests.data.pictures import record, thing

LEFT, RIGHT = (4, 10, 20, 40), (70, 12, 20, 40)


def captioned(*captions: str, people: int = 1, **fields) -> Record:
    objects = [thing(i + 1, "person", box) for i, box in enumerate((LEFT, RIGHT)[:people])]
    return record(*objects, dialogue=[caption_turn(caption) for caption in captions], **fields)


def called(given: Record) -> list[str | None]:
    return [entry.attributes.get(CALLED) for entry in name_person(given).objects]


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        (["a man rides a wave", "a guy on a surfboard", "a surfer"], "man"),
        (["A woman's hat", "a lady sits", "a person sits"], "woman"),
        (["a man rides", "a boy rides", "a man on a board"], "man"),  # the more frequent of two that agree
        (["a man rides", "a person rides"], None),  # one voice is too few
        (["a man rides", "a man on a board", "a woman surfing"], None),  # they disagree
        (["a man rides", "a man on a board", "two women look on"], None),  # there are others
        (["a man rides", "a man before people"], None),
        (["a man sits", "a man at a desk", "businessmen at work"], None),
        (["a man sits", "a man on a bench", "ladies and a man"], None),
        (["a manual", "mankind"], None),
        ([], None),
    ],
)
def test_the_word_that_captions_agree_on(captions: list[str], expected: str | None):
    assert called(captioned(*captions)) == [expected]


def test_only_an_only_person_is_named():
    twice = ("a man sits", "a man in a chair")
    assert called(captioned(*twice, people=2)) == [None, None]
    assert called(captioned(*twice, people=0)) == []
    crowd = record(thing(1, "person", LEFT, iscrowd=1), dialogue=[caption_turn(text) for text in twice])
    assert called(crowd) == [None]
    kept = record(
        thing(1, "person", LEFT, attributes={"source": "box"}),
        dialogue=[caption_turn(text) for text in twice],
    )
    assert name_person(kept).objects[0].attributes == {"source": "box", CALLED: "man"}
    assert CALLED not in kept.objects[0].attributes  # the record given stays what it was


def said(given: Record, tries: int = 400) -> dict[str, set[tuple[str, int]]]:
    """Every answer about people with the ids of its phrases, by the type of its turn."""
    view, rng = View(given, "train"), np.random.default_rng(0)
    found: dict[str, set[tuple[str, int]]] = {}
    for _ in range(tries):
        turn = MAKERS["called"](view, rng)
        if turn is not None:
            assert turn.phrases[0].ids in ([], [1])
            found.setdefault(turn.type, set()).add((turn.answer, len(turn.phrases[0].ids)))
    return found


def test_the_person_is_asked_for_by_that_word_and_others_are_absent():
    found = said(name_person(captioned("a woman sits", "a woman in a chair")))
    assert found["name"] == {
        ("The woman.", 1),
        ("The woman is on the left.", 1),
        ("Yes, there is a woman.", 1),
    }
    absent = {f"There is no {word} in this image." for word in ("man", "boy", "baby")}
    absent |= {f"No, there is no {word} in this image." for word in ("man", "boy", "baby")}
    assert found["absent"] == {(answer, 0) for answer in absent}


def test_where_nobody_is_everybody_is_absent():
    found = said(record(thing(1, "dog", LEFT)), tries=4000)
    assert set(found) == {"absent"}
    words = {answer.split(" no ")[1].split()[0] for answer, _ in found["absent"]}
    assert words == {"man", "woman", "boy", "girl", "child", "baby"}


def test_where_nobody_is_people_are_seldom_asked_for():
    view, rng = View(record(thing(1, "dog", LEFT)), "train"), np.random.default_rng(0)
    assert 0.05 < np.mean([MAKERS["called"](view, rng) is not None for _ in range(1000)]) < 0.15


def test_nothing_is_said_where_people_are_not_known():
    assert said(captioned("a person sits", "a person in a chair")) == {}  # what to call them
    assert said(captioned("a man sits", "a man in a chair", people=2)) == {}
    assert said(record(thing(1, "dog", LEFT), exhaustive=["dog"])) == {}  # there may be people, unlabelled
    beside = name_person(captioned("a man sits", "a man in a chair", exhaustive=["dog"]))
    assert said(beside) == {}  # another man may be there
