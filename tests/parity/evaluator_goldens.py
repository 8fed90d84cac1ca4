"""What the original evaluators of PixelLM and PixelLLM gave, held against ours: once for the full set beside
the repository, once for the selection in `tests/golden`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from segue.data.native import decode_mask
from segue.evaluation.dense_captions import dense_map, match_detections, merge_regions
from segue.evaluation.locate import locate_metrics, score_located
from segue.evaluation.matching import assign, pair_costs, sampled_costs
from segue.evaluation.muse import MuseTally, ReleasedTally, match_question, released_tally, score_question
from segue.evaluation.trace import token_point_l1

SEED_OF_POINTS = 7
FOREGROUND = 1
FLOAT32 = 1e-5
"""The originals compute in float32 and divide by union + 1e-5; ours in float64, and exactly."""


def check_matching(arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """PixelLM's matcher and score, with costs over all pixels and over the original's random points."""
    questions, released, binarised = [], ReleasedTally(), ReleasedTally()
    for number, case in enumerate(facts["matching"]):
        logits, truths = arrays[f"match{number}/pred_logits"], arrays[f"match{number}/gt"].astype(bool)
        if case["K"] and case["G"]:
            _check_costs(arrays, case, number, logits, truths)
        pairs = match_question(logits, truths)
        assert len(pairs) == case["binarised"]["P"]
        questions.append(score_question(pairs))
        expected = case["binarised"]
        assert questions[-1].intersection == expected["intersection"][FOREGROUND]
        assert questions[-1].union == expected["union"][FOREGROUND]
        assert questions[-1].iou == pytest.approx(expected["acc_iou"][FOREGROUND], abs=FLOAT32)
        for tally, name in ((released_tally([(logits, truths)]), "official_raw_logits"),
                            (released_tally([(logits, truths)], binarise=True), "binarised")):  # fmt: skip
            expected = case[name]
            assert (tally.weight, tally.intersection, tally.union) == (
                expected["P"],
                expected["intersection"][FOREGROUND],
                expected["union"][FOREGROUND],
            ), name
            assert tally.iou_sum / tally.weight == pytest.approx(expected["acc_iou"][FOREGROUND], abs=1e-7)
        released += released_tally([(logits, truths)])
        binarised += released_tally([(logits, truths)], binarise=True)

    expected, ours = facts["aggregate_binarised"], MuseTally.of(questions).metrics()
    assert ours["giou"] == pytest.approx(expected["giou_mean_over_images"], abs=FLOAT32)
    assert ours["giou_instances"] == pytest.approx(expected["giou_official"], abs=FLOAT32)
    assert ours["ciou"] == pytest.approx(expected["ciou_official"], abs=FLOAT32)
    assert binarised.metrics()["giou"] == pytest.approx(expected["giou_official"], abs=1e-7)
    assert binarised.metrics()["ciou"] == pytest.approx(expected["ciou_official"], abs=1e-7)
    # The defect: unmatched predictions left as logits are nearly free.
    assert released.intersection == binarised.intersection
    assert released.union < binarised.union


def _check_costs(arrays, case, number: int, logits, truths) -> None:
    for costs, name, key in (
        (pair_costs(logits, truths), "full", "assign_full"),
        (sampled_costs(logits, truths, seed=SEED_OF_POINTS), "points", "assign_official"),
    ):
        for made, kind in ((costs.bce, "bce"), (costs.dice, "dice")):
            expected = arrays[f"match{number}/cost_{kind}_{name}"]
            np.testing.assert_allclose(
                made, expected, atol=FLOAT32, rtol=0, err_msg=f"{number} {kind} {name}"
            )
        assert [list(side) for side in zip(*assign(costs), strict=True)] == case[key], (number, name)


def check_dense_captions(facts: Mapping[str, Any]) -> None:
    """Merged regions and mAP, for both readings of regions without words; METEOR is the set's stand-in."""
    found, num_regions, num_undescribed = [], 0, 0
    for image in facts["densecap_data"]["images"]:
        own = [a for a in facts["densecap_data"]["annotations"] if a["image_id"] == image["id"]]
        regions = merge_regions([a["bbox"] for a in own], [a["caption"] for a in own])
        expected = facts["densecap_merged_gt"][str(image["id"])]
        assert [list(region.captions) for region in regions] == [one["captions"] for one in expected]
        np.testing.assert_allclose(
            [region.box for region in regions], [one["bbox"] for one in expected], atol=1e-4
        )
        said = [p for p in facts["densecap_predictions"] if p["image_id"] == image["id"]]
        columns = ([p[key] for p in said] for key in ("bbox", "score", "caption"))
        found += match_detections(*columns, regions)
        num_regions += len(regions)
        num_undescribed += sum(not region.described for region in regions)
    meteors = [_stand_in(one.caption, one.region.captions) if one.region else 0.0 for one in found]
    for undescribed_match in (True, False):
        figures = dense_map(
            found,
            meteors,
            num_regions=num_regions,
            num_undescribed=num_undescribed,
            undescribed_match=undescribed_match,
        )
        expected = facts[f"densecap_ignore_empty_{undescribed_match}"]
        assert figures.map == pytest.approx(expected["mAP"], abs=1e-6)
        assert figures.detection == pytest.approx(expected["mAP_detection"], abs=1e-6)
        for name, value in figures.by_threshold.items():
            iou, _, least = name.removeprefix("iou").partition(" meteor")
            key = f"mAP_iou{iou}_meteor{float(least):.2f}" if least else f"mAP_detection_iou{iou}"
            assert value == pytest.approx(expected[key], abs=1e-6), name


def _stand_in(caption: str, references: tuple[str, ...]) -> float:
    """0.4 x the best F1 of the two word sets."""

    def f1(other: str) -> float:
        said, given = set(caption.split()), set(other.split())
        return 2 * len(said & given) / (len(said) + len(given)) if said and given else 0.0

    return 0.4 * max(map(f1, references))


def check_referring(facts: Mapping[str, Any]) -> None:
    """Boxes in network pixels and low-resolution mask logits, taken back to the pictures, then scored."""
    annotations = {one["refexp_id"][0]: one for one in facts["refcoco_annotations"]["annotations"]}
    scores = []
    for call in facts["refcoco_calls"]:
        target, said = call["target"], call["prediction"]
        (valid_height, valid_width), (height, width) = target["size"], target["orig_size"]
        for box, low, number in zip(
            said["detection_boxes"], said["detection_masks"], target["refexp_ids"], strict=True
        ):
            if number not in annotations:  # padding
                continue
            back = np.array([width / valid_width, height / valid_height] * 2)
            corners = np.clip(np.array(box) * back, 0, [width, height] * 2)
            logits = torch.tensor(low)
            scale = len(logits) / target["padded_size"][0]
            logits = logits[: int(valid_height * scale), : int(valid_width * scale)]
            mask = interpolate(logits[None, None], (height, width), mode="bilinear")[0, 0] > 0
            truth = annotations[number]
            x, y, w, h = truth["bbox"]
            true_mask = decode_mask(truth["segmentation"], height, width)
            scores.append(
                score_located(corners.tolist(), (x, y, x + w, y + h), mask=mask.numpy(), truth_mask=true_mask)
            )
    expected, ours = facts["refcoco_metrics"], locate_metrics(scores)
    for name, key in (
        ("box_accuracy", "box_Precision@1"),
        ("mask_box_accuracy", "seg_box_Precision@1"),
        ("ciou", "seg_cIoU"),
        ("giou", "seg_gIoU"),
        ("mask_accuracy", "seg_AP"),
    ):
        assert ours[name] == pytest.approx(expected[key], abs=1e-7), name


def check_trace(facts: Mapping[str, Any]) -> None:
    """The mean over pictures of the distance of forced words to their trace."""
    distances = []
    for call in facts["trace_calls"]:
        height, width = call["size"]
        relative = np.array([width, height], float)
        for points, corners, text in zip(
            call["point_coords"], call["points"], call["text_tokens"], strict=True
        ):
            points, corners = (np.array(one, float).squeeze() / relative for one in (points, corners))
            distances.append(token_point_l1(points, corners, np.array(text).squeeze()))
    assert np.mean(distances) == pytest.approx(facts["trace_point_l1"], abs=1e-6)
