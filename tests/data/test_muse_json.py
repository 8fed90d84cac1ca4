from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from segue.data.muse_json import COMPOSED, PUBLISHED, description, entry_of, record_of
from segue.data.native import Phrase, Record, Turn, decode_mask, encode_mask
from segue.errors import DataError
from tests.data.pictures import HEIGHT, WIDTH, record, rectangle, thing

IMAGE = "coco/train2017/000000000009.jpg"


def instance(name: str, x: int, **fields: Any) -> dict[str, Any]:
    """An annotation as MUSE has it: a square of 10 pixels as a polygon."""
    polygon = [x, 5, x + 10, 5, x + 10, 15, x, 15]
    return {
        "segmentation": [[float(value) for value in polygon]],
        "bbox": [float(x), 5.0, 10.0, 10.0],
        "category_id": 100 + x,
        "category_name": name,
        "rephrased_name": f"the {name} at {x}",
        **fields,
    }


CUP, SPOON, PLATE = instance("cup", 0), instance("spoon", 20), instance("plate", 40)


def entry(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "coco_url": "http://images.cocodataset.org/train2017/000000000009.jpg",
        "height": HEIGHT,
        "width": WIDTH,
        "ann_list": [CUP, SPOON, PLATE],
        "questions": ["What could I drink from and stir with?"],
        "answers": [[CUP, SPOON]],
        "text_answers": ["You can drink from the cup on the left {seg} and stir with a spoon {seg}."],
    }
    return {**copy.deepcopy(content), **changes}


def turn_of(**changes: Any) -> Turn:
    (turn,) = record_of(entry(**changes), image=IMAGE).record.dialogue
    return turn


def named(turn: Turn) -> list[tuple[str, list[int]]]:
    return [(turn.answer[slice(*phrase.span)], phrase.ids) for phrase in turn.phrases]


def test_a_published_sentence():
    converted = record_of(entry(), image=IMAGE)
    (turn,) = converted.record.dialogue
    assert turn.question == "What could I drink from and stir with?"
    assert turn.answer == "You can drink from the cup on the left and stir with a spoon."
    assert named(turn) == [("cup on the left", [1]), ("spoon", [2])]
    assert (turn.type, converted.left_out) == (PUBLISHED, ())
    assert [description(one) for one in converted.record.objects] == [
        "the cup at 0",
        "the spoon at 20",
        "the plate at 40",
    ]
    assert converted.record.objects[2].attributes["category_id"] == "140"


SENTENCES = [
    # the sentence of a file, its clean text, the words of its two phrases
    ("The cups {seg}, {seg} match.", "The cups, match.", ["cups", ","]),
    ("The cups {seg} and {seg} match.", "The cups and match.", ["cups", "and"]),
    ("The set {seg} {seg} matches.", "The set spoon matches.", ["set", "spoon"]),  # nothing between
    ("{seg} and a spoon {seg}.", "cup and a spoon.", ["cup", "spoon"]),  # nothing before
    ("A {cup} {seg}, a {spoon} {seg}.", "A {cup}, a {spoon}.", ["{cup}", "{spoon}"]),  # braces are text
    ("It is{seg}, or his spoon {seg}", "It is, or his spoon", ["is", "spoon"]),
    ("Take {0} {seg} and {seg!r} {seg}.", "Take {0} and {seg!r}.", ["Take {0}", "{seg!r}"]),
]


@pytest.mark.parametrize(("sentence", "text", "phrases"), SENTENCES)
def test_phrases_end_where_the_marks_stood(sentence: str, text: str, phrases: list[str]):
    turn = turn_of(text_answers=[sentence])
    assert turn.answer == text
    assert [words for words, _ in named(turn)] == phrases
    assert [ids for _, ids in named(turn)] == [[1], [2]]


@pytest.mark.parametrize("changes", [{"text_answers": [None]}, {"text_answers": []}, {"text_answers": None}])
def test_without_a_sentence_the_instances_are_named(changes: dict[str, Any]):
    turn = turn_of(**changes)
    assert (turn.answer, turn.type) == ("the cup at 0 and the spoon at 20.", COMPOSED)
    assert named(turn) == [("the cup at 0", [1]), ("the spoon at 20", [2])]


def test_an_instance_without_description_goes_by_its_category():
    bare = {key: value for key, value in PLATE.items() if key != "rephrased_name"}
    turn = turn_of(ann_list=[bare], answers=[[bare]], text_answers=[None])
    assert turn.answer == "plate."


def test_a_sentence_with_the_wrong_number_of_marks():
    two = entry(
        questions=["What is this?", "What could I drink from?"],
        answers=[[CUP, SPOON], [CUP]],
        text_answers=["The cup {seg}.", "The cup {seg}."],
    )
    left_out = record_of(two, image=IMAGE)
    assert [turn.question for turn in left_out.record.dialogue] == ["What could I drink from?"]
    assert left_out.left_out == ("question 0: 1 {seg} for 2 instances",)
    kept = record_of(two, image=IMAGE, mismatched="compose")
    assert [turn.type for turn in kept.record.dialogue] == [COMPOSED, PUBLISHED]
    assert len(kept.record.dialogue[0].phrases) == 2
    assert kept.left_out == ()


def test_an_instance_described_anew_is_an_object_of_its_own():
    again = {**CUP, "rephrased_name": "something to drink from"}
    converted = record_of(entry(answers=[[again, SPOON]]), image=IMAGE).record
    assert [one.id for one in converted.objects] == [1, 2, 3, 4]
    assert converted.objects[3].attributes["origin"] == "answer"
    assert named(converted.dialogue[0])[0][1] == [4]


def test_several_polygons_are_one_mask():
    square = CUP["segmentation"][0]
    overlapping = {**CUP, "segmentation": [square, [value + 3 for value in square]]}
    (one,) = record_of(
        entry(ann_list=[overlapping], answers=[[overlapping]], text_answers=["A cup {seg}."]), image=IMAGE
    ).record.objects
    mask = decode_mask(one.segmentation, HEIGHT, WIDTH)
    assert mask.dtype == bool
    assert mask[10, 5]
    assert mask[16, 11]


BROKEN = [
    ({"questions": ["What?"], "answers": []}, "1 questions but 0 answers"),
    ({"ann_list": []}, "ann_list is empty"),
    ({"text_answers": ["The cup {seg}."]}, "none of its questions can be used (question 0: 1 {seg}"),
    ({"questions": [], "answers": [], "text_answers": []}, "there is none"),
    ({"answers": [[]], "text_answers": [None]}, "neither a sentence nor an instance"),
    ({"ann_list": [{**CUP, "segmentation": []}]}, "'cup' has no mask"),
]


@pytest.mark.parametrize(("changes", "words"), BROKEN)
def test_unusable_entries(changes: dict[str, Any], words: str):
    with pytest.raises(DataError) as error:
        record_of(entry(**changes), image=IMAGE)
    assert words in str(error.value)


def test_an_entry_without_questions_is_unusable():
    content = entry()
    del content["questions"]
    with pytest.raises(DataError, match="no questions"):
        record_of(content, image=IMAGE)


def test_a_question_without_target_is_answered_in_words():
    turn = turn_of(answers=[[]], text_answers=["Nothing here does."])
    assert (turn.answer, turn.phrases) == ("Nothing here does.", [])


ENTRIES = [
    entry(),
    entry(text_answers=[one[0] for one in SENTENCES[:2]], questions=["a", "b"], answers=[[CUP, SPOON]] * 2),
    entry(answers=[[{**CUP, "rephrased_name": "it"}, SPOON]]),
    entry(questions=["a", "b"], answers=[[CUP, SPOON], [PLATE]], text_answers=[None, "The plate {seg}."]),
    {key: value for key, value in entry().items() if key != "text_answers"},
    {**{k: v for k, v in entry().items() if k != "coco_url"}, "file_name": "COCO_train2014_000000000009.jpg"},
]  # fmt: skip


@pytest.mark.parametrize("content", ENTRIES)
def test_an_entry_comes_back_from_its_record(content: dict[str, Any]):
    folder = "coco/train2017" if "coco_url" in content else "refer_seg/images/mscoco/images/train2014"
    name = content.get("file_name") or content["coco_url"].split("/")[-1]
    assert entry_of(record_of(content, image=f"{folder}/{name}").record) == content


def curated(**fields: Any) -> Record:
    """A record as curation makes them: ids and phrase starts of its own, masks as run lengths."""
    turn = Turn(
        question="Who could pull a sleigh?",
        answer="A big brown dog, or the horse.",
        phrases=[Phrase(span=(2, 15), ids=[30]), Phrase(span=(20, 29), ids=[10])],
        type=PUBLISHED,
    )
    described = thing(30, "dog", (0, 0, 9, 9), attributes={"description": "the dog", "category_id": "0"})
    horse = thing(10, "horse", (20, 10, 9, 9), attributes={"category_id": "3"})
    return record(described, horse, **{"dialogue": [turn], "exhaustive": [], "source": "muse", **fields})


@pytest.mark.parametrize("image", ["images/a.png", IMAGE, "x/val2017/1.jpg"])
def test_a_record_comes_back_from_its_entry(image: str):
    original = curated(image=image)
    written = json.loads(json.dumps(entry_of(original)))
    assert record_of(written, image=image).record == original
    assert ("file_name" in written) == (image == "images/a.png")


def test_the_published_loader_can_draw_what_is_written():
    original = curated()
    (annotation,) = entry_of(original)["answers"][0][:1]
    drawn = coco_mask.decode(coco_mask.frPyObjects(annotation["segmentation"], HEIGHT, WIDTH))
    assert np.array_equal(drawn.astype(bool), rectangle(0, 0, 9, 9))


def test_numbers_of_categories_may_be_given():
    plain = thing(1, "dog", (0, 0, 9, 9))
    turn = Turn(question="Who?", answer="The dog.", phrases=[Phrase(span=(4, 7), ids=[1])])
    written = entry_of(record(plain, dialogue=[turn]), category_ids={"dog": 7})
    assert [one["category_id"] for one in written["ann_list"]] == [7]
    assert written["text_answers"] == ["The dog {seg}."]


def test_a_phrase_over_two_objects_is_one_instance():
    turn = Turn(question="Who?", answer="The animals.", phrases=[Phrase(span=(4, 11), ids=[1, 2])])
    both = record(thing(1, "dog", (0, 0, 9, 9)), thing(2, "cat", (20, 10, 9, 9)), dialogue=[turn])
    ((merged,),) = entry_of(both)["answers"]
    mask = rectangle(0, 0, 9, 9) | rectangle(20, 10, 9, 9)
    runs = merged["segmentation"]["counts"]
    assert sum(runs[1::2]) == mask.sum()
    assert merged["bbox"] == [0.0, 0.0, 29.0, 19.0]
    assert record_of(entry_of(both), image="a").record.objects[2].segmentation == encode_mask(mask)


CANNOT_BE_SAID = [
    (Phrase(span=(4, 7), ids=[]), "The cat.", {}, "'cat' is absent"),
    (Phrase(span=(4, 7), ids=[1]), "The dog {seg}.", {}, "MUSE's own mark"),
    (Phrase(span=(4, 7), ids=[1]), "The dog.", {"segmentation": []}, "has no mask"),
]


@pytest.mark.parametrize(("phrase", "answer", "update", "words"), CANNOT_BE_SAID)
def test_what_muse_cannot_say(phrase: Phrase, answer: str, update: dict[str, Any], words: str):
    one = thing(1, "dog", (0, 0, 9, 9)).model_copy(update=update)
    turn = Turn(question="Who?", answer=answer, phrases=[phrase])
    with pytest.raises(DataError, match=words):
        entry_of(record(one, dialogue=[turn]))
