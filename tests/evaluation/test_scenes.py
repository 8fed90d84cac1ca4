"""The protocol of scenes on hand-made records: what is right, what is wrong, and what is not judged."""

from functools import partial

import numpy as np
import pytest

from segue.answer import Answer, Segment, Word
from segue.evaluation.prediction import Prediction
from segue.evaluation.runner import run
from segue.evaluation.scenes import (
    ScenesBenchmark,
    object_masks,
    points_inside,
    summarise_turns,
    target_mask,
    turn_row,
)


@pytest.fixture
def cat(box_mask):
    return box_mask(0, 0, 4, 3)


@pytest.fixture
def dog(box_mask):
    return box_mask(4, 3, 8, 6)


@pytest.fixture
def record(make_record, cat, dog):
    return make_record({"cat": cat, "dog": dog}, colors={"cat": "black"})


def judge(turn, answer, record):
    return turn_row(turn, Prediction.from_answer(answer), record, object_masks(record))


def test_a_phrase_is_the_union_of_its_objects(record, cat, dog):
    masks = object_masks(record)
    assert (target_mask([1, 2], masks, (6, 8)) == (cat | dog)).all()
    assert not target_mask([], masks, (6, 8)).any()


def test_one_target(record, make_turn, make_answer, cat, box_mask):
    turn = make_turn("Where is the cat?", "The cat.", {"cat": [1]}, type="name")
    right = judge(turn, make_answer("The cat.", {"cat": cat}), record)
    assert (right["scores"][0]["iou"], right["same_text"], right["num_phrases"]) == (1.0, True, 1)
    half = judge(turn, make_answer("A  cat.", {"cat": box_mask(0, 0, 2, 3)}), record)
    assert (half["scores"][0]["iou"], half["same_text"]) == (0.5, False)


@pytest.mark.parametrize(
    ("phrases", "ious", "answered", "as_one"),
    [
        ({"cat": "cat", "dog": "dog"}, [1, 1], ["mask", "mask"], 1),
        ({"dog": "dog"}, [0, 1], ["missing", "mask"], 0.5),  # one forgotten: the other still counts
        ({}, [0, 0], ["missing", "missing"], 0),
        ({"cat": "cat", "dog": None}, [1, 0], ["mask", "rejected"], 0.5),  # a false rejection
        ({"cat": "dog", "dog": "cat"}, [0, 0], ["mask", "mask"], 1),  # swapped
        ({"cat": "cat", "and": "cat", "dog": "dog"}, [1, 1], ["mask", "mask"], 1),  # one too many
    ],
)
def test_several_targets(record, make_turn, make_answer, cat, dog, phrases, ious, answered, as_one):
    named = {"cat": cat, "dog": dog, None: None}
    turn = make_turn("What is there?", "The cat and the dog.", {"cat": [1], "dog": [2]}, type="multi")
    answer = make_answer("The cat and the dog.", {words: named[what] for words, what in phrases.items()})
    row = judge(turn, answer, record)
    assert [score["iou"] for score in row["scores"]] == ious
    assert [score["answered"] for score in row["scores"]] == answered
    assert row["together"] == as_one


def test_absent_things(record, make_turn, make_answer, cat):
    turn = make_turn("Where is the cow?", "There is no cow.", {"cow": []}, type="absent")
    rejected = judge(turn, make_answer("There is no cow.", {"cow": None}), record)
    invented = judge(turn, make_answer("The cow.", {"cow": cat}), record)
    silent = judge(turn, make_answer("No."), record)
    assert [summarise_turns([row])["n_acc"] for row in (rejected, invented, silent)] == [1, 0, 0]
    assert summarise_turns([rejected, invented])["n_acc"] == 0.5
    assert [row["together"] for row in (rejected, invented, silent)] == [1, 0, 1]


def test_captions_may_name_things_in_any_order(record, make_turn, make_answer, cat, dog):
    turn = make_turn("Describe.", "A cat and a dog.", {"cat": [1], "dog": [2]}, type="caption")
    row = judge(turn, make_answer("A dog and a cat.", {"dog": dog, "cat": cat}), record)
    assert [score["iou"] for score in row["scores"]] == [1, 1]
    summary = ScenesBenchmark().summarise([{"turns": [row]}])
    assert summary["overall"]["num_turns"] == 0
    assert summary["by_type"]["caption"]["giou"] == 1


def test_questions_by_how_many_things_are_there(record, make_turn, make_answer, cat, dog):
    both = make_turn("What is there?", "The cat, the dog, no cow.", {"cat": [1], "dog": [2], "cow": []})
    none = make_turn("Where is the cow?", "There is no cow.", {"cow": []}, type="absent")
    told = make_turn("Describe.", "A cat.", {"cat": [1]}, type="caption")
    whole = judge(
        both, make_answer("The cat, the dog, no cow.", {"cat": cat, "dog": dog, "cow": None}), record
    )
    short = judge(both, make_answer("The cat.", {"cat": cat}), record)
    rows = [whole, short, judge(none, make_answer("No."), record), judge(told, make_answer("A cat."), record)]
    many = whole | {"scores": [whole["scores"][0]] * 5, "shares": [0.5] * 5}
    groups = ScenesBenchmark().summarise([{"turns": [*rows, many]}])["by_targets"]
    assert {name: group["num_turns"] for name, group in groups.items()} == {"0": 1, "2": 2, "4 or more": 1}
    assert groups["2"]["exact_count"] == 0.5


def test_targets_by_the_share_of_the_picture_that_they_cover(record, make_turn, make_answer, cat, dog):
    turn = make_turn("What is there?", "The cat, the dog, no cow.", {"cat": [1], "dog": [2], "cow": []})
    row = judge(turn, make_answer("The cat, no dog.", {"cat": cat, "dog": None}), record)
    assert row["shares"] == [pytest.approx(mask.mean(), abs=1e-6) for mask in (cat, dog, cat & dog)]

    def figures(*shares: float) -> dict[str, tuple]:
        sizes = ScenesBenchmark().summarise([{"turns": [row | {"shares": list(shares)}]}])["by_size"]
        return {
            size: (group["num_turns"], group["giou_present"], group["t_acc"]) for size, group in sizes.items()
        }

    nothing = (0, None, None)
    assert figures(0.5, 0.06, 0.0) == {"small": nothing, "medium": (1, 0, 0), "large": (1, 1, 1)}
    assert figures(1 / 16, 1 / 64, 0.0) == {"small": nothing, "medium": (1, 0, 0), "large": (1, 1, 1)}
    assert figures(0.015, 0.0, 0.0) == {"small": (1, 0.5, 0.5), "medium": nothing, "large": nothing}


@pytest.mark.parametrize(
    ("text", "phrases", "points", "expected"),
    [
        ("A cat and a dog.", ["cat", "dog"], {"cat": (1, 1), "dog": (5, 5)}, (2, 2)),
        ("A dog and a cat.", ["dog", "cat"], {"dog": (5, 5), "cat": (5, 5)}, (1, 2)),  # any order
        ("A black cat.", ["black cat"], {"black": (1, 1), "cat": (2, 1)}, (2, 2)),  # every word of a phrase
        ("A furry cat.", ["furry cat"], {"furry": (1, 1), "cat": (2, 1)}, (2, 2)),  # as the dialogue calls it
        ("A white cat.", ["white cat"], {"white": (1, 1), "cat": (2, 1)}, (0, 2)),  # there is none
        ("A cat and a cow.", ["cat", "cow"], {"cat": (1, 1), "cow": (5, 5)}, (1, 2)),  # nor a cow
        ("A cat on grass.", ["cat"], {"cat": (1, 1), "on": (9, 9), "grass": (0, 5)}, (1, 1)),  # no phrase
        ("A cat.", ["cat"], {"cat": (-3, 99)}, (0, 1)),  # outside the picture
        ("A cat.", ["cat"], {"cat": None}, (0, 0)),  # the model gave no point
    ],
)
def test_word_points(record, make_turn, make_answer, cat, text, phrases, points, expected):
    furry = make_turn("What is on the left?", "The furry cat.", {"furry cat": [1]})
    record = record.model_copy(update={"dialogue": [furry]})
    answer = make_answer(text, dict.fromkeys(phrases, cat), points)
    assert points_inside(Prediction.from_answer(answer), record, object_masks(record)) == expected


def test_nothing_measured_has_no_figure():
    summary = summarise_turns([])
    assert summary["num_turns"] == 0
    assert {summary[key] for key in ("giou", "exact_count", "same_text", "words_inside")} == {None}


def test_samples_are_named_by_their_seeds():
    benchmark = ScenesBenchmark(num=3, seed=5)
    assert benchmark.names() == ["5", "6", "7"]
    assert "num" not in benchmark.settings  # so that a run can be made longer


class Oracle:
    """Answers with the references themselves."""

    def __init__(self, samples):
        self.turns = {}
        for sample in samples:
            masks = object_masks(sample.record)
            for turn in sample.turns:
                region = None if turn.region is None else tuple(turn.region)
                self.turns[sample.image.tobytes(), turn.question, region] = (turn, masks, sample.record)

    def ask(self, image, question, region=None):
        if region is not None:
            x0, y0, x1, y1 = region
            region = next(
                key[2] for key in self.turns if key[2] and np.allclose(key[2], (x0, y0, x1 - x0, y1 - y0))
            )
        turn, masks, record = self.turns[image.tobytes(), question, region]
        segments = []
        for phrase in turn.phrases:
            words = turn.answer[slice(*phrase.span)]
            if phrase.ids:
                mask = target_mask(phrase.ids, masks, (record.height, record.width))
                segments.append(Segment.from_mask(words, phrase.span, mask))
            else:
                segments.append(Segment(words, phrase.span, rejected=True))
        words = [Word(turn.answer[slice(*mark.span)], mark.span, mark.point) for mark in turn.points]
        return Answer(turn.answer, segments, words, record.width, record.height)

    def encode(self, image):
        return image


def test_an_oracle_is_perfect_on_real_scenes(tmp_path):
    benchmark = ScenesBenchmark(num=3, seed=1_000_000, size=(128, 96))
    oracle = Oracle(map(benchmark.sample, benchmark.names()))
    predict = partial(benchmark.predict, oracle, batch_size=8)
    figures = run(benchmark, predict, model={}, output=tmp_path)["figures"]
    for group in [figures["overall"], *figures["by_type"].values()]:
        for key in ("giou", "giou_together", "n_acc", "t_acc", "exact_count", "same_text", "words_inside"):
            assert group[key] in (1.0, None), key
    assert figures["overall"]["num_present"] > 10
    sizes = figures["by_size"].values()
    assert sum(group["num_present"] for group in sizes) == figures["overall"]["num_present"]
    assert {group["giou"] for group in sizes} <= {1.0, None}
