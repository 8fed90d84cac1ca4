from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from segue.data.coco import caption_turn, expression_turn
from segue.data.native import ObjectRecord, Record, Turn
from segue.data.photograph_turns import MAKERS, MIXTURES, WEIGHTS, photograph_turns
from segue.data.photograph_view import View
from segue.data.wording import phrasings
from tests.data.pictures import HEIGHT, record, thing

LEFT, RIGHT, MIDDLE = (4, 10, 20, 40), (70, 12, 20, 40), (38, 10, 20, 30)


def marked(turn: Turn) -> str:
    """The answer with its phrases and their ids: `The [dog 1].`"""
    text, last = "", 0
    for phrase in turn.phrases:
        start, end = phrase.span
        ids = "".join(f" {id_}" for id_ in phrase.ids)
        text += f"{turn.answer[last:start]}[{turn.answer[start:end]}{ids}]"
        last = end
    return text + turn.answer[last:]


def turns_of(given: Record, kind: str, *, tries: int = 60, split: str = "train") -> dict[str, list[str]]:
    """All answers of one kind that many tries find, each with its questions."""
    view, rng = View(given, split), np.random.default_rng(0)
    found: dict[str, list[str]] = {}
    for _ in range(tries):
        turn = MAKERS[kind](view, rng)
        if turn is not None:
            found.setdefault(marked(turn), []).append(turn.question)
    return found


def answers(given: Record, kind: str) -> set[str]:
    return set(turns_of(given, kind))


def one_dog(**fields) -> Record:
    return record(thing(1, "dog", LEFT), **fields)


def two_dogs(**fields) -> Record:
    return record(thing(1, "dog", LEFT), thing(2, "dog", RIGHT), **fields)


def crowd_of_sheep() -> Record:
    return record(thing(1, "sheep", LEFT), thing(2, "sheep", RIGHT, iscrowd=1))


def components(count: int) -> Record:
    boxes = (LEFT, RIGHT)
    return record(
        *[thing(i + 1, "person", boxes[i], attributes={"source": "component"}) for i in range(count)]
    )


NO_CAT = "there is no [cat] in this image."
NO_SECOND = "There is no [second person] in this image."
CASES = [
    # (record, kind, all the answers that may be given)
    (one_dog(), "name", {"The [dog 1].", "The [dog 1] is on the left."}),
    (two_dogs(), "name", {"There are two dogs: the [left dog 1] and the [right dog 2]."}),
    (crowd_of_sheep(), "name", {"The [sheep 1 2]."}),  # a crowd cannot be counted, and belongs to them
    (components(2), "name", {"The [people 1 2]."}),  # a region may be several people
    (two_dogs(exhaustive=[]), "name", {"The [dogs 1 2]."}),  # there may be more that nobody labelled
    (two_dogs(exhaustive=["dog"]), "count", {"There are two dogs: the [left dog 1] and the [right dog 2]."}),
    (one_dog(exhaustive=["dog"]), "count", {"There is one dog: the [dog 1]."}),
    (components(2).model_copy(update={"exhaustive": ["person"]}), "count", set()),
    (crowd_of_sheep().model_copy(update={"exhaustive": ["sheep"]}), "count", set()),
    (two_dogs(), "relation", {"The [left dog 1].", "The [right dog 2]."}),
    (one_dog(), "relation", set()),
    (crowd_of_sheep(), "relation", set()),
    (one_dog(exhaustive=["dog", "cat"]), "absent", {"There is no [cat] in this image."}),
    (one_dog(exhaustive=[]), "absent", set()),
    (one_dog(exhaustive="all"), "absent", set()),  # no list of categories to choose from
    (one_dog(exhaustive=["dog", "jeans"]), "absent", {"There are no [jeans] in this image."}),
    (one_dog(exhaustive=["dog", "teddy bear"]), "absent", set()),  # a word that people mix up with dog
    (one_dog(exhaustive=["dog", "cat"]), "mixed", {"The [dog 1] is here, but there is no [cat]."}),
    (one_dog(exhaustive=["dog", "cat"]), "exist", {"Yes, there is a [dog 1].", f"No, {NO_CAT}"}),
    (crowd_of_sheep(), "multi", set()),
    (one_dog(), "broader", {"The [dog 1]."}),
    (one_dog(exhaustive=["dog"]), "broader", set()),  # other animals may be there
    (one_dog(), "everything", set()),  # too few categories are labelled to list what there is
    (one_dog(), "region", {"A [dog 1]."}),
    (components(1), "second_person", set()),
    (record(thing(1, "person", LEFT)), "second_person", {NO_SECOND, "No, there is only one [person 1]."}),
    (record(thing(1, "person", LEFT), thing(2, "person", RIGHT)), "second_person", set()),
    (one_dog(), "worn", set()),
    (one_dog(), "caption", set()),
    (one_dog(), "expression", set()),
    (record(), "name", set()),
]  # fmt: skip


@pytest.mark.parametrize(("given", "kind", "expected"), CASES)
def test_what_each_kind_may_say(given: Record, kind: str, expected: set[str]):
    assert answers(given, kind) == expected


def test_several_categories_at_once():
    given = record(thing(1, "dog", LEFT), thing(2, "cat", RIGHT))
    assert answers(given, "multi") == {"The [dog 1] and the [cat 2].", "The [cat 2] and the [dog 1]."}
    assert answers(given, "broader") == {"There are two animals: the [dog 1] and the [cat 2]."}
    names = [*given.exhaustive, "bird", "bus", "train", "boat", "bottle"]
    listed = given.model_copy(update={"exhaustive": names})
    assert answers(listed, "everything") == {"A [dog 1] and a [cat 2]."}


def test_order_and_size_of_several():
    three = record(thing(1, "dog", RIGHT), thing(2, "dog", LEFT), thing(3, "dog", MIDDLE))
    assert answers(three, "name") == {
        "There are three dogs: the [left dog 2], the [middle dog 3] and the [right dog 1]."
    }
    over = record(thing(1, "dog", (10, 40, 50, 20)), thing(2, "dog", (12, 4, 50, 20)))
    assert answers(over, "name") == {"There are two dogs: the [upper dog 2] and the [lower dog 1]."}
    touching = record(thing(1, "dog", (10, 10, 40, 40)), thing(2, "dog", (16, 14, 30, 20)))
    assert answers(touching, "name") == {"There are two [dogs 1 2]."}
    ranked = turns_of(touching, "relation")
    assert set(ranked) == {"The [largest dog 1].", "The [biggest dog 1].", "The [smallest dog 2]."}
    assert all("biggest" in question.lower() for question in ranked["The [biggest dog 1]."])


def test_small_things_are_known_but_not_asked_for():
    given = record(thing(1, "dog", (4, 4, 2, 2)), thing(2, "cat", LEFT))
    assert answers(given, "name") == {"The [cat 2].", "The [cat 2] is on the left."}
    assert not any("dog" in answer for answer in answers(given, "absent"))


def test_clothes_of_a_person():
    source = {"source": "semantic"}
    given = record(
        thing(1, "person", (30, 0, 30, HEIGHT), attributes=source),
        thing(2, "hat", (38, 0, 12, 8), attributes=source),
        thing(3, "shoes", (34, 56, 20, 8), attributes=source),
        exhaustive=["person", "hat", "shoes", "sneakers", "belt"],
    )
    said = turns_of(given, "worn", tries=200)
    assert set(said) == {"The [hat 2].", "The [shoes 3].", "The [hat 2] and the [shoes 3]."}
    assert any("on the feet" in question for question in said["The [shoes 3]."])
    assert answers(given, "count") == {"There are no [belts] in this image."}  # one label may be two hats
    assert answers(given, "absent") == {"There is no [belt] in this image."}  # sneakers are shoes
    assert answers(given, "second_person") == set()


def test_reasoning_asks_only_where_one_answer_is_right():
    found = turns_of(one_dog(), "reasoning")
    assert set(found) == {"The [dog 1]."}
    toy = one_dog().objects[0].model_copy(update={"id": 2, "category": "teddy bear"})
    both = one_dog().model_copy(update={"objects": [*one_dog().objects, toy]})
    assert answers(both, "reasoning") == set()
    held_out = turns_of(one_dog(), "reasoning", split="test")
    trained = {q.lower().rstrip("?.") for q in found["The [dog 1]."]}
    assert trained.isdisjoint(q.lower().rstrip("?.") for q in held_out["The [dog 1]."])


def test_what_people_wrote():
    boxed = ObjectRecord(id=9, category="bird", segmentation=[], bbox=[1, 1, 5, 5])
    dialogue = [
        caption_turn("two dogs play"),
        expression_turn("the dog on the left", [1]),
        expression_turn("person in a red hat", []),
        expression_turn("small bird", [9]),  # only its box is known
    ]
    given = record(*two_dogs().objects, boxed, dialogue=dialogue)
    found = turns_of(given, "expression")
    assert set(found) == {"The [dog 1].", "There is no such [person] in this image."}
    assert all("dog on the left" in question.lower() for question in found["The [dog 1]."])
    assert answers(given, "caption") == {"Two dogs play."}
    assert not any("bird" in answer for answer in answers(given, "name"))


def test_the_region_is_the_things_box():
    turn = MAKERS["region"](View(one_dog(), "train"), np.random.default_rng(0))
    assert turn is not None
    assert turn.region == list(map(float, LEFT))
    assert turn.type == "region_caption"


def test_a_dialogue_is_varied_and_repeatable():
    given = record(thing(1, "dog", LEFT), thing(2, "dog", RIGHT), thing(3, "person", MIDDLE))
    first, second = (photograph_turns(given, np.random.default_rng(3), num_turns=12) for _ in range(2))
    assert first == second
    assert len(first) == 12
    assert len({turn.question for turn in first}) == 12
    assert max(Counter(turn.answer for turn in first).values()) <= 3
    assert sum(turn.type == "absent" for turn in first) <= 5
    Record.model_validate(given.model_copy(update={"dialogue": first}).model_dump())


def test_kinds_can_be_chosen():
    turns = photograph_turns(two_dogs(), np.random.default_rng(0), num_turns=6, weights={"count": 1.0})
    assert {turn.type for turn in turns} <= {"count", "absent"}
    assert photograph_turns(record(exhaustive=[]), np.random.default_rng(0), num_turns=4) == []
    assert set(WEIGHTS) == set(MAKERS)


def test_questions_never_name_what_is_unasked():
    given = record(
        thing(1, "accessories", LEFT), thing(2, "hat", RIGHT), exhaustive=["accessories", "bra", "hat"]
    )
    turns = photograph_turns(given, np.random.default_rng(0), num_turns=20)
    unasked = phrasings("words.yaml")["unasked"]
    assert turns
    assert not any(word in turn.question + turn.answer for turn in turns for word in unasked)


def test_absent_things_are_asked_for_as_often_as_they_occur():
    given = record(thing(1, "dog", LEFT), exhaustive=["dog", "cat", "horse", "bird"])
    often = {"dog": 0.5, "cat": 0.5, "horse": 0.1, "bird": 0.0}
    rng = np.random.default_rng(0)
    drawn = Counter(View(given, "train", often).pick_absent(rng) for _ in range(600))
    assert set(drawn) == {"cat", "horse", "bird"}
    assert drawn["cat"] > 3 * drawn["horse"] > 6 * drawn["bird"]
    even = Counter(View(given, "train").pick_absent(rng) for _ in range(600))
    assert min(even.values()) > 150


def test_asking_by_name_alone_asks_for_what_is_not_there_half_of_the_time():
    given = record(
        thing(1, "dog", LEFT), thing(2, "person", RIGHT), exhaustive=["dog", "cat", "horse", "person"]
    )
    kinds: Counter[str] = Counter()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        turns = photograph_turns(given, rng, num_turns=6, weights=MIXTURES["names"])
        kinds.update(turn.type for turn in turns)
    assert set(kinds) == {"name", "multi", "absent", "mixed"}
    assert 0.3 < kinds["absent"] / kinds.total() < 0.6
