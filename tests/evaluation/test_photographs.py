"""Questions about categories, the two baselines, and what counts as absent."""

import numpy as np
import pytest

from segue.data.native import encode_mask
from segue.evaluation.metrics import iou
from segue.evaluation.photographs import (
    PhotographsBenchmark,
    category_truth,
    category_turns,
    centred_ellipse,
    mean_sizes,
)
from segue.evaluation.prediction import Prediction


@pytest.fixture
def dog(box_mask):
    return box_mask(0, 0, 4, 3)


def kinds(record, num_absent=9):
    return [turn.type for turn in category_turns(record, num_absent=num_absent)]


def test_one_several_and_absent(make_record, dog, box_mask):
    masks = {"dog": dog, "person#1": box_mask(5, 0, 6, 6), "person#2": box_mask(7, 0, 8, 6), "chair": dog}
    record = make_record(masks, exhaustive=["dog", "person", "cat", "chair", "cow"])
    turns = {turn.type: turn for turn in category_turns(record, num_absent=9)}
    assert set(turns) == {
        "dog/one",
        "person/several",
        "cat/absent",
        "cow/absent",
    }  # a chair is never asked for
    assert "the dog" in turns["dog/one"].question
    assert "the people" in turns["person/several"].question
    assert turns["person/several"].phrases[0].ids == [2, 3]
    assert turns["cat/absent"].phrases[0].ids == []


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ["dog/one"]),  # nothing is labelled exhaustively: nothing counts as absent
        ({"exhaustive": ["dog", "bottle"]}, ["dog/one"]),
        ({"exhaustive": ["dog", "horse"]}, ["dog/one", "horse/absent"]),
    ],
)
def test_absent_only_where_the_set_says_so(make_record, dog, fields, expected):
    assert kinds(make_record({"dog": dog}, **fields)) == expected


def test_as_many_absent_as_wanted_and_always_the_same(make_record, dog):
    record = make_record({"dog": dog}, exhaustive="all")
    assert len(kinds(record, 3)) == 4
    assert kinds(record, 3) == kinds(record, 3)
    assert set(kinds(record, 2)) < set(kinds(record, 3))


def test_crowds_are_several(make_record, dog):
    record = make_record({"sheep": dog})
    crowd = record.model_copy(update={"objects": [record.objects[0].model_copy(update={"iscrowd": 1})]})
    assert kinds(crowd) == ["sheep/several"]


def test_objects_without_masks_are_not_asked_for(make_record, dog):
    record = make_record({"person": dog})
    boxed = record.model_copy(update={"objects": [record.objects[0].model_copy(update={"segmentation": []})]})
    assert kinds(boxed) == []


def test_truth_joins_the_category_and_leaves_the_border_out(make_record, box_mask):
    masks = {"dog#1": box_mask(0, 0, 2, 2), "dog#2": box_mask(3, 0, 4, 2), "cat": box_mask(6, 0, 8, 2)}
    record = make_record(masks, ignore=encode_mask(box_mask(2, 0, 3, 6)))
    truth = category_truth(record, "dog")
    assert truth[0].tolist() == [1, 1, 255, 1, 0, 0, 0, 0]
    assert iou(box_mask(0, 0, 4, 2), truth) == 1.0


def test_mean_sizes_are_of_the_box_around_all(make_record, box_mask):
    one = make_record({"dog": box_mask(0, 0, 4, 3)})
    two = make_record({"dog#1": box_mask(0, 0, 2, 6), "dog#2": box_mask(6, 0, 8, 6)})
    assert mean_sizes([one, two]) == {"dog": (0.75, 0.75)}


def test_centred_ellipse():
    mask = centred_ellipse((100, 200), (0.5, 1.0))
    assert mask.mean() == pytest.approx(np.pi / 4 * 0.5, abs=0.01)
    assert mask[50, 100]
    assert mask[1, 100]
    assert not mask[50, 40]
    assert (mask == mask[::-1, ::-1]).all()


def test_rows_and_summary(make_record, make_answer, dog, box_mask, tmp_path):
    record = make_record({"dog": dog}, exhaustive=["dog", "cat"], source="pets")
    benchmark = PhotographsBenchmark(tmp_path, held_out=[record], training=[record])
    sample = benchmark.sample(*benchmark.names())
    answers = {
        "dog/one": make_answer("Two dogs.", {"Two": box_mask(0, 0, 2, 3), "dogs": box_mask(2, 0, 4, 3)}),
        "cat/absent": make_answer("No cat.", {"cat": None}),
    }
    row = benchmark.score(sample, [Prediction.from_answer(answers[turn.type]) for turn in sample.turns])
    figures = benchmark.summarise([row])
    assert figures["by_category"]["dog"]["giou_present"] == 1.0  # the masks of an answer are joined
    assert figures["by_category"]["dog"]["whole_image"] == 0.25
    assert 0 < figures["by_category"]["dog"]["ellipse"] < 0.5
    assert figures["by_category"]["cat"]["n_acc"] == 1.0
    assert figures["by_category"]["cat"]["ellipse"] is None
    assert figures["overall"]["giou"] == 1.0
    assert set(figures["by_kind"]) == {"one", "absent"}
    assert figures["by_set"]["pets"]["num_turns"] == 2
    assert sample.image == tmp_path / "pets" / "a.jpg"


def test_a_sample_of_the_photographs_is_part_of_a_larger_one(make_record, dog, tmp_path):
    records = [make_record({"dog": dog}, image=f"{i}.jpg", source="pets") for i in range(20)]

    def names(num):
        return PhotographsBenchmark(tmp_path, held_out=records, training=[], num=num).names()

    assert names(5) == names(10)[:5]
    assert sorted(names(None)) == sorted(f"pets/{i}.jpg" for i in range(20))
    assert names(5) != [f"pets/{i}.jpg" for i in range(5)]
