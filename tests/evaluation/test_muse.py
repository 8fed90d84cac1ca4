"""MUSE's three variants on cases worked by hand. The picture has 4 x 4 pixels, targets are rows of it."""

from __future__ import annotations

import numpy as np
import pytest

from segue.evaluation.muse import (
    MuseTally,
    Pair,
    ReleasedTally,
    Replacement,
    match_question,
    object_list,
    released_tally,
    rewrite,
    score_question,
)


def rows(*numbers: int) -> np.ndarray:
    mask = np.zeros((4, 4), bool)
    mask[list(numbers)] = True
    return mask


NOTHING = rows()


def test_matched_whatever_the_order():
    pairs = match_question([rows(2, 3), rows(0)], [rows(0), rows(2)])
    assert pairs == [Pair(0, 1, 4, 8), Pair(1, 0, 4, 4)]
    score = score_question(pairs)
    assert (score.num_pairs, score.iou, score.intersection, score.union) == (2, 0.75, 8, 12)


def test_logits_are_cut_at_zero():
    logits = np.where(rows(0), 0.1, -0.1)
    logits[1] = 0.0
    assert match_question([logits], [rows(0)]) == [Pair(0, 0, 4, 4)]


@pytest.mark.parametrize(
    ("predictions", "truths", "iou", "union"),
    [
        # what matches scores 1
        ([rows(0), rows(1)], [rows(1), rows(0)], 1.0, 8),
        # one too many: the question has two pairs, and the stray one's pixels are in the union
        ([rows(0), rows(1)], [rows(0)], 0.5, 8),
        # one too few
        ([rows(0)], [rows(0), rows(1)], 0.5, 8),
        # an empty answer scores 0
        ([], [rows(0), rows(1)], 0.0, 8),
        # nothing wanted, something given
        ([rows(0)], [], 0.0, 4),
        # nothing wanted, nothing given
        ([], [], 1.0, 0),
        # a target without pixels: right when it is matched with a mask without pixels ...
        ([NOTHING, rows(0)], [rows(0), NOTHING], 1.0, 4),
        # ... and not when there is no mask for it
        ([rows(0)], [rows(0), NOTHING], 0.5, 4),
        # a mask without pixels beside all targets
        ([rows(0), NOTHING], [rows(0)], 0.5, 4),
    ],
)
def test_masks_only(predictions, truths, iou, union):
    score = score_question(match_question(predictions, truths))
    assert (score.iou, score.union) == (iou, union)


def test_the_judge_takes_intersections_away():
    pairs = match_question([rows(0), rows(1), rows(2)], [rows(0), rows(1), rows(2)])
    score = score_question(pairs, [1.0, 0.5, 0.51])  # the threshold itself is not enough
    assert score.intersection == 8
    assert score.union == 12
    assert score.iou == pytest.approx(2 / 3)


def test_tallies_of_parts_add_up():
    scores = [
        score_question(match_question([rows(0)], [rows(0)])),
        score_question(match_question([rows(0)], [rows(0), rows(1), rows(2)])),
    ]
    whole = MuseTally.of(scores)
    assert MuseTally.of(scores[:1]) + MuseTally.of(scores[1:]) == whole
    assert whole.metrics() == {
        "giou": pytest.approx((1 + 1 / 3) / 2),
        "giou_instances": pytest.approx(2 / 4),
        "ciou": pytest.approx(8 / 16),
    }
    assert MuseTally().metrics() == {"giou": None, "giou_instances": None, "ciou": None}


def test_released_divides_by_the_totals_of_the_picture():
    # Two questions: one mask too many, and one too few. Per question P is 2 and 2, in total max(3, 3) = 3.
    questions = [([rows(0), rows(1)], [rows(0)]), ([rows(2)], [rows(2), rows(3)])]
    tally = released_tally(questions, binarise=True)
    assert tally.weight == 3
    assert tally.metrics()["giou"] == pytest.approx(2 / 3, abs=1e-5)
    assert tally.metrics()["ciou"] == 8 / 16


def test_released_hardly_sees_what_nothing_matched():
    stray = np.where(rows(1), 8.0, -8.0)
    stray[1, 0] = 0.75  # the only pixel that falls into the histogram's second half
    wanted = np.where(rows(0), 8.0, -8.0)
    assert released_tally([([wanted, stray], [rows(0)])]).union == 4 + 1
    assert released_tally([([wanted, stray], [rows(0)])], binarise=True).union == 4 + 4
    assert released_tally([([rows(0), rows(1)], [rows(0)])]).union == 4 + 4  # no logits, no defect


def test_released_counts_pairs_without_pixels():
    tally = released_tally([([], [rows(0), NOTHING])])
    assert tally == ReleasedTally(weight=2, iou_sum=1.0, intersection=0, union=4)
    assert released_tally([([], [])]).metrics() == {"giou": None, "ciou": None}


def test_rewrite():
    text = "The cup and the spoon; nothing else."
    assert (
        rewrite(
            text,
            [
                Replacement(text.index(";")),
                Replacement(len("The cup"), "a blue cup", (1.4, 2, 30.6, 40)),
            ],
        )
        == "The cup (a blue cup [1, 2, 31, 40]) and the spoon (None []); nothing else."
    )
    assert rewrite("It.", []) == "It."


def test_object_list_numbers_what_has_one_name():
    objects = [("cup", (0, 0, 5, 5)), ("spoon", (1, 1, 2, 9)), ("cup", (6, 0, 9, 5))]
    assert object_list(objects, width=20, height=10) == (
        "height 10, width 20; cup 1 at [0, 0, 5, 5]; spoon at [1, 1, 2, 9]; cup 2 at [6, 0, 9, 5]"
    )
