"""Dialogues about scenes: promises checked on random scenes, by means other than those that keep them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from segue.data.native import Phrase, Record, Turn, decode_mask
from segue.errors import DataError
from segue.scenes import make_scene
from segue.scenes.captions import by_caption, by_region
from segue.scenes.compose import compose_scene
from segue.scenes.dialogue import (
    MISSING,
    PRESENT,
    TYPES,
    all_texts,
    held_out_phrasings,
    scene_record,
    scene_turns,
)
from segue.scenes.kinds import KINDS
from segue.scenes.pen import COLORS
from segue.scenes.questions import Talk
from segue.scenes.questions.naming import by_name
from segue.scenes.questions.plain import by_plain
from segue.scenes.questions.reasoning import absent_reasoning, by_reasoning, topics
from segue.scenes.questions.relating import absent_relation, by_open_relation, by_relation
from segue.scenes.questions.several import by_count, by_mixed
from segue.scenes.scene import Scene
from segue.scenes.view import SceneView
from segue.scenes.worlds import world

NUM_SCENES = 40
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
WORDS = {word: kind.name for kind in KINDS.values() for word in (kind.name, kind.plural, *kind.synonyms)}


@pytest.fixture(scope="module")
def talks() -> list[tuple[Scene, Record]]:
    """Random scenes, each with a long dialogue."""
    scenes = [compose_scene(seed, size=(160, 120)) for seed in range(500, 500 + NUM_SCENES)]
    return [
        (scene, scene_record(scene, np.random.default_rng(scene.seed), image="x.png", num_turns=24))
        for scene in scenes
    ]


def spoken(talks: list[tuple[Scene, Record]], *types: str) -> Iterator[tuple[Scene, Record, Turn]]:
    for scene, record in talks:
        for turn in record.dialogue:
            if turn.type in types or not types:
                yield scene, record, turn


def words_of(turn: Turn, phrase: Phrase) -> str:
    return turn.answer[slice(*phrase.span)]


def matching(scene: Scene, text: str) -> list[int] | None:
    """The ids of what `red mug` or `mug` fits, read from the text alone; None for any other text."""
    first, _, rest = text.partition(" ")
    color, noun = (first, rest) if first in COLORS and rest else (None, text)
    if noun not in WORDS:
        return None
    named = [thing for thing in scene.objects if thing.kind == WORDS[noun]]
    return [thing.id for thing in named if color in (None, thing.color)]


# ---------------------------------------------------------------------------------------------- the format


def test_records_are_valid_and_ids_exist(talks) -> None:
    for scene, record in talks:
        again = Record.model_validate_json(record.model_dump_json())  # checks spans, ids and masks
        assert again.dialogue == record.dialogue
        for thing in scene.objects:
            entry = next(entry for entry in again.objects if entry.id == thing.id)
            assert entry.category == thing.kind
            assert (decode_mask(entry.segmentation, record.height, record.width) == thing.mask).all()
        for entry in again.objects[len(scene.objects) :]:
            owner = scene.objects[entry.part_of - 1]
            assert (
                decode_mask(entry.segmentation, record.height, record.width) == owner.parts[entry.category]
            ).all()


def test_every_type_is_spoken_and_no_other(talks) -> None:
    seen = Counter(turn.type for _, _, turn in spoken(talks))
    assert set(seen) == set(TYPES)


def test_about_a_third_asks_for_something_absent(talks) -> None:
    turns = [turn for _, _, turn in spoken(talks)]
    missing = sum(turn.type in ("absent", "mixed") for turn in turns)
    assert 0.27 <= missing / len(turns) <= 0.4


def test_asking_by_name_alone(talks) -> None:
    scenes = [scene for scene, _ in talks]
    turns = [
        turn
        for scene in scenes
        for turn in scene_turns(scene, np.random.default_rng(scene.seed), num_turns=8, questions="names")
    ]
    kinds = Counter(turn.type for turn in turns)
    assert set(kinds) <= {"name", "attribute", "multi", "count", "absent", "mixed"}
    assert 0.4 < (kinds["absent"] + kinds["mixed"]) / kinds.total() < 0.7
    with pytest.raises(DataError, match="there are all, names"):
        scene_turns(scenes[0], np.random.default_rng(0), questions="some")


def test_the_same_generator_gives_the_same_dialogue() -> None:
    scene = compose_scene(7, size=(160, 120))
    first, second = (scene_turns(scene, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert scene_turns(scene, np.random.default_rng(4)) != first
    (image, record), (same_image, same_record) = (make_scene(11, size=(128, 96)) for _ in range(2))
    assert (image == same_image).all()
    assert record == same_record
    assert (record.width, record.height) == (128, 96)


def test_questions_differ_and_answers_hardly_repeat(talks) -> None:
    for _, record in talks:
        asked = [(turn.question, tuple(turn.region or ())) for turn in record.dialogue]
        assert len(set(asked)) == len(asked)
        assert max(Counter(turn.answer for turn in record.dialogue).values()) <= 2


def test_a_scene_with_nothing_gets_no_questions(make_scene_of) -> None:
    assert scene_turns(make_scene_of(), np.random.default_rng(0)) == []


def test_a_scene_with_one_thing_fills_its_dialogue(make_scene_of, make_thing) -> None:
    scene = make_scene_of(make_thing("mug", "red", (60, 40, 40, 40)))
    assert len(scene_turns(scene, np.random.default_rng(0), num_turns=12)) == 12


# ---------------------------------------------------------------------------------------------- the English


def test_answers_are_sentences_and_nothing_is_left_unfilled(talks) -> None:
    for _, _, turn in spoken(talks):
        assert re.fullmatch(r"[A-Z][^\[\]{}]*\.", turn.answer), turn.answer
        for text in (turn.question, turn.answer):
            assert not re.search(r"[\[\]{}]|  | [.,?]|\.\.|\bthe the\b", text), text
            assert not re.search(
                r"\ba [aeio]|\ban [^aeiouh]|\ba pair of [a-z ]+ is\b", text, re.IGNORECASE
            ), text


def test_answers_are_short(talks) -> None:
    lengths = [len(turn.answer.split()) for _, _, turn in spoken(talks) if turn.type != "caption"]
    assert np.median(lengths) <= 9
    assert np.percentile(lengths, 90) <= 22


def test_questions_come_in_hundreds_of_wordings(make_scene_of, make_thing) -> None:
    scene = make_scene_of(
        make_thing("mug", "red", (60, 40, 40, 40)), make_thing("dog", "brown", (5, 40, 40, 40))
    )
    talk = Talk(SceneView.of(scene), np.random.default_rng(0))
    asked = {turn.question for turn in (by_name(talk) for _ in range(800)) if turn is not None}
    assert len(asked) > 400


# ------------------------------------------------------------------------------------------------ the truth


def test_what_is_asked_for_by_a_description_is_the_only_one_it_fits(talks) -> None:
    checked = 0
    for scene, _, turn in spoken(talks, "name", "attribute", "multi", "mixed"):
        if re.match(r"(Yes, there|There)\b", turn.answer):
            continue  # lists tell their members apart in another way, see below
        for phrase in turn.phrases:
            found = matching(scene, words_of(turn, phrase))
            if found is not None:
                checked += 1
                assert found == sorted(phrase.ids), (turn.question, turn.answer)
    assert checked > 150


def test_what_is_denied_is_not_there(talks) -> None:
    checked = 0
    for scene, _, turn in spoken(talks):
        for phrase in turn.phrases:
            if phrase.ids:
                continue
            found = matching(scene, words_of(turn, phrase))
            if found is not None and not re.search(r" ha(s|ve) no ", turn.answer):
                checked += 1
                assert found == [], (turn.question, turn.answer)
    assert checked > 150


def test_denied_places_are_really_elsewhere(talks) -> None:
    checked = 0
    for scene, _, turn in spoken(talks, "absent"):
        text = words_of(turn, turn.phrases[0]) if turn.phrases else ""
        match = re.fullmatch(r"(.+?) (?:to the|on the)? ?(left|right)(?: side)? of the (.+)", text)
        if match is None:
            continue
        ones, others = matching(scene, match.group(1)), matching(scene, match.group(3))
        for one in ones or ():
            for other in others or ():
                shift = scene.objects[one - 1].center[0] - scene.objects[other - 1].center[0]
                assert shift >= 0 if match.group(2) == "left" else shift <= 0, turn.answer
                checked += 1
    assert checked > 3


def test_lists_name_as_many_as_they_say_and_all_of_them(talks) -> None:
    checked = 0
    for scene, _, turn in spoken(talks, "name", "attribute", "multi", "count"):
        match = re.match(
            r"(?:Yes, there|There) (?:is|are) (one|two|three|four|five|six) ([a-z -]+?): ", turn.answer
        )
        if match is None:
            continue
        assert len(turn.phrases) == NUMBERS[match.group(1)]
        told = [words_of(turn, phrase) for phrase in turn.phrases]
        assert len(set(told)) == len(told), turn.answer
        every = matching(scene, match.group(2))
        if every is not None:
            checked += 1
            assert sorted(id_ for phrase in turn.phrases for id_ in phrase.ids) == sorted(every)
    assert checked > 40


def test_lists_run_from_left_to_right(talks) -> None:
    for scene, _, turn in spoken(talks, "count"):
        places = [
            scene.objects[phrase.ids[0] - 1].center[0] for phrase in turn.phrases if len(phrase.ids) == 1
        ]
        assert places == sorted(places)


def test_parts_belong_to_what_is_named(talks) -> None:
    for scene, record, turn in spoken(talks, "part"):
        (phrase,) = turn.phrases
        (entry,) = (entry for entry in record.objects if entry.id == phrase.ids[0])
        _, _, owner = words_of(turn, phrase).partition(" of the ")
        found = matching(scene, owner)
        assert found is None or found == [entry.part_of]


def test_mixed_answers_have_both(talks) -> None:
    for _, _, turn in spoken(talks, "mixed"):
        assert {bool(phrase.ids) for phrase in turn.phrases} == {True, False}


@pytest.mark.parametrize("maker", [*PRESENT, *MISSING])
def test_what_makers_make_is_of_their_kind(talks, maker: Callable[[Talk], Turn | None]) -> None:
    made = [maker(Talk(SceneView.of(scene), np.random.default_rng(i))) for i, (scene, _) in enumerate(talks)]
    turns = [turn for turn in made if turn is not None]
    assert len(turns) >= 5
    absent = [turn for turn in turns if any(not phrase.ids for phrase in turn.phrases)]
    if maker in MISSING:
        assert len(absent) == len(turns)
    elif maker not in (by_count, by_open_relation):  # "how many" and "what is" may find nothing
        assert not absent


# --------------------------------------------------------------------------------------------- by hand


def test_a_relation_settles_which_one_is_meant(make_scene_of, make_thing) -> None:
    scene = make_scene_of(
        make_thing("mug", "red", (5, 50, 20, 20)),
        make_thing("plate", "white", (60, 50, 30, 20)),
        make_thing("mug", "red", (120, 50, 20, 20)),
    )
    for seed in range(80):
        turn = by_relation(Talk(SceneView.of(scene), np.random.default_rng(seed)))
        if turn is not None and re.search(r"mug .*left.* of the (white )?plate", turn.question):
            assert turn.phrases[0].ids == [1]
            assert turn.answer == "The red mug."
            break
    else:
        pytest.fail("nobody asked for the mug left of the plate")


def test_a_false_relation_is_denied_in_the_words_of_the_question(make_scene_of, make_thing) -> None:
    scene = make_scene_of(
        make_thing("mug", "red", (5, 50, 20, 20)), make_thing("plate", "white", (90, 50, 30, 20))
    )
    answers = set()
    for seed in range(80):
        turn = absent_relation(Talk(SceneView.of(scene), np.random.default_rng(seed)))
        if turn is not None:
            answers.add(turn.answer)
    assert "There is no mug to the right of the plate in this image." in answers
    assert "There is no mug to the left of the plate in this image." not in answers


def test_plain_answers_say_how_it_is(make_scene_of, make_thing) -> None:
    scene = make_scene_of(
        make_thing("car", "red", (5, 60, 50, 30), rests_on="ground"),
        make_thing("dog", "brown", (100, 70, 20, 20), rests_on="ground"),
        setting="street",
        surface="pavement",
    )
    answers = set()
    for seed in range(300):
        turn = by_plain(Talk(SceneView.of(scene), np.random.default_rng(seed)))
        if turn is not None:
            answers.add(turn.answer)
            assert not ("car blue" in turn.question and turn.answer.startswith("Yes"))
    assert {
        "It is red.",
        "Yes, the car is red.",
        "The car is bigger.",
        "Yes, it is outdoors.",
        "It is on the pavement.",
        "Yes, the car is to the left of the dog.",
        "No, the car is to the left of the dog.",
    } <= answers


def test_mixed_answers_keep_the_order_of_the_question(make_scene_of, make_thing) -> None:
    scene = make_scene_of(
        make_thing("mug", "red", (5, 50, 20, 20)), make_thing("plate", "white", (90, 50, 30, 20))
    )
    for seed in range(60):
        turn = by_mixed(Talk(SceneView.of(scene), np.random.default_rng(seed)))
        if turn is not None and len(turn.phrases) == 3 and turn.phrases[1].ids:
            named = [words_of(turn, phrase) for phrase in turn.phrases[:2]]
            places = [turn.question.lower().index(name) for name in named]
            assert places == sorted(places)


# ---------------------------------------------------------------------------------------------- reasoning


def test_reasoning_has_enough_wordings_and_shares_none() -> None:
    training = {wording for topic in topics() for wording in topic.wordings["train"]}
    testing = {wording for lines in held_out_phrasings().values() for wording in lines}
    assert len(topics()) >= 100
    for topic in topics():
        assert len(set(topic.wordings["train"])) >= 6, topic.name
        assert len(set(topic.wordings["test"])) >= 3, topic.name
    assert not training & testing
    assert sum(len(topic.wordings["train"]) for topic in topics()) == len(training)  # one topic each


def test_each_split_asks_in_its_own_wordings(talks) -> None:
    training = {wording for topic in topics() for wording in topic.wordings["train"]}
    for _, _, turn in spoken(talks, "reasoning"):
        assert turn.question in training
    testing = {wording for lines in held_out_phrasings().values() for wording in lines}
    asked = [
        turn.question
        for scene, _ in talks[:15]
        for turn in scene_turns(scene, np.random.default_rng(1), split="test", num_turns=24)
        if turn.type in ("reasoning", "absent")
    ]
    assert not training & set(asked)
    assert len(testing & set(asked)) > 10


def test_words_are_left_out_of_questions_that_need_reasoning() -> None:
    wordings = {wording for topic in topics() for wording in topic.wordings["train"]}
    whole, worn = Counter(), Counter()
    absent = False
    for seed in range(40):
        talk = Talk(
            SceneView.of(compose_scene(seed, size=(128, 96))), np.random.default_rng(seed), "train", 0.3
        )
        for turn in (maker(talk) for maker in (by_reasoning, absent_reasoning) for _ in range(6)):
            if turn is not None:
                (whole if turn.question in wordings else worn)[turn.question] += 1
                absent |= turn.type == "absent" and turn.question not in wordings
    assert 0.75 < worn.total() / (whole.total() + worn.total()) < 1  # some lose no word
    assert absent  # or what loses words would be known to be there
    for question in worn:
        words = question.split()
        assert len(words) > 2
        assert any(_in_order(words, wording.split()) for wording in wordings), question
    _, with_all = make_scene(3, world="small", size=(128, 96))
    _, same = make_scene(3, world="small", size=(128, 96), word_dropout=0.0)
    assert with_all == same


def _in_order(few: list[str], many: list[str]) -> bool:
    """Whether the few words are among the many, in their order."""
    left = iter(many)
    return all(word in left for word in few)


def test_reasoning_finds_all_that_answer(make_scene_of, make_thing) -> None:
    scene = make_scene_of(
        make_thing("knife", "black", (5, 50, 10, 40)),
        make_thing("apple", "red", (60, 50, 20, 20)),
        make_thing("banana", "yellow", (100, 50, 30, 20)),
    )
    answers = {}
    for seed in range(200):
        turn = by_reasoning(Talk(SceneView.of(scene), np.random.default_rng(seed)))
        if turn is not None:
            answers[turn.answer] = [phrase.ids for phrase in turn.phrases]
    assert answers["You could cut bread with a knife."] == [[1]]  # no other kind could
    assert answers["You could eat the apple or the banana."] == [[2], [3]]


def test_the_one_thing_that_would_do_is_named_before_it_is_missed(make_scene_of, make_thing) -> None:
    scene = make_scene_of(make_thing("mug", "red", (5, 50, 20, 20)))
    answers = {}
    for seed in range(600):
        turn = absent_reasoning(Talk(SceneView.of(scene), np.random.default_rng(seed)))
        if turn is not None:
            answers[turn.answer] = turn
    turn = answers["You could cut bread with a knife, but there is none in this image."]
    assert [words_of(turn, phrase) for phrase in turn.phrases] == ["knife"]
    assert [phrase.ids for phrase in turn.phrases] == [[]]
    assert "There is nothing to eat in this image." in answers  # many kinds would do


def test_absent_topics_are_mostly_of_this_world() -> None:
    of_topic = {wording: topic for topic in topics() for wording in topic.wordings["train"]}
    asked = strange = 0
    for seed in range(30):
        view = SceneView.of(compose_scene(seed, size=(128, 96), kinds=world("small")))
        talk = Talk(view, np.random.default_rng(seed))
        for turn in filter(None, (absent_reasoning(talk) for _ in range(10))):
            asked += 1
            strange += not of_topic[turn.question].kinds & view.world
    assert asked > 200
    assert 0 < strange / asked < 0.25  # all topics alike it would be more than half


def test_no_topic_is_asked_where_something_might_answer_it(make_scene_of, make_thing) -> None:
    # One can sit on a bed, so "What could I sit on?" would have two right answers.
    scene = make_scene_of(
        make_thing("chair", "red", (5, 50, 30, 40)), make_thing("bed", "blue", (60, 50, 80, 40))
    )
    for seed in range(60):
        turn = by_reasoning(Talk(SceneView.of(scene), np.random.default_rng(seed)))
        assert turn is None or "sit on" not in turn.answer


# ----------------------------------------------------------------------------------------------- captions


def test_every_word_of_a_caption_has_a_point_on_what_it_names(talks) -> None:
    for index, (scene, _) in enumerate(talks):
        for maker in (by_caption, by_region):
            turn = maker(Talk(SceneView.of(scene), np.random.default_rng(index)))
            assert [turn.answer[slice(*point.span)] for point in turn.points] == turn.answer.split()
            for word in turn.points:
                x, y = word.point
                assert 0 <= x < scene.width
                assert 0 <= y < scene.height
                for phrase in turn.phrases:
                    if phrase.span[0] <= word.span[0] < phrase.span[1]:
                        assert scene.objects[phrase.ids[0] - 1].mask[int(y), int(x)]


def test_a_region_is_about_the_box_of_its_thing(talks) -> None:
    for scene, _, turn in spoken(talks, "region_caption"):
        thing = scene.objects[turn.phrases[0].ids[0] - 1]
        x, y, width, height = turn.region
        assert x >= 0
        assert y >= 0
        assert x + width <= scene.width + 0.1
        assert y + height <= scene.height + 0.1
        for side, true in ((x, thing.box[0]), (x + width, thing.box[0] + thing.box[2])):
            assert abs(side - true) <= thing.box[2] / 12 + 0.1
        for side, true in ((y, thing.box[1]), (y + height, thing.box[1] + thing.box[3])):
            assert abs(side - true) <= thing.box[3] / 12 + 0.1


# ------------------------------------------------------------------------------------------------- texts


def test_texts_for_a_tokenizer_hold_nothing_that_testing_keeps_back() -> None:
    texts = list(all_texts(3))
    held_out = {wording for lines in held_out_phrasings().values() for wording in lines}
    assert len(texts) > 700
    assert not held_out & set(texts)
