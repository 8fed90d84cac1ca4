"""Referring boxes and masks, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segue.evaluation.locate import LocateScore, locate_metrics, score_located


def rectangle(x0, y0, x1, y1):
    mask = np.zeros((10, 10), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_a_box_of_half_the_area_is_not_right():
    assert score_located((0, 0, 10, 5), (0, 0, 10, 10)).box_iou == 0.5
    scores = [score_located(box, (0, 0, 10, 10)) for box in ((0, 0, 10, 5), (0, 0, 10, 5.01), None)]
    assert locate_metrics(scores)["box_accuracy"] == pytest.approx(1 / 3)
    assert locate_metrics(scores)["ciou"] is None


def test_masks():
    truth = rectangle(0, 0, 4, 4)
    perfect = score_located((0, 0, 4, 4), (0, 0, 4, 4), mask=truth, truth_mask=truth)
    assert perfect == LocateScore(1.0, 16, 16, 1.0)
    half = score_located((0, 0, 4, 4), (0, 0, 4, 4), mask=rectangle(0, 0, 4, 2), truth_mask=truth)
    assert (half.intersection, half.union, half.mask_box_iou) == (8, 16, 0.5)
    nothing = score_located(None, (0, 0, 4, 4), mask=None, truth_mask=truth)
    assert nothing == LocateScore(0.0, 0, 16, 0.0)
    assert locate_metrics([perfect, half, nothing]) == {
        "box_accuracy": pytest.approx(2 / 3),
        "ciou": pytest.approx(24 / 48),
        "giou": pytest.approx(0.5),
        "mask_accuracy": pytest.approx(1 / 3),
        "mask_box_accuracy": pytest.approx(1 / 3),
    }


def test_of_nothing():
    assert set(locate_metrics([]).values()) == {None}
