"""Tables of corner cases, and the numbers of the original LISA and GSVA evaluation code."""

import json
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from segue.evaluation.metrics import (
    FREE,
    GREFCOCO,
    LISA,
    REF_ZOM,
    RELA,
    Tally,
    TargetScore,
    box_iou,
    iou,
    match_targets,
    overlap,
    point_inside,
    same_text,
    score_target,
)

GOLDEN = json.loads((Path(__file__).parent / "golden_metrics.json").read_text())


def picture(rows: str) -> np.ndarray:
    """`"##. / ?.."` as a mask: # is foreground, ? is the label 255."""
    codes = {"#": 1, ".": 0, "?": 255}
    return np.array([[codes[c] for c in row.strip()] for row in rows.split("/")], np.uint8)


def mask(rows: str) -> np.ndarray:
    return picture(rows) == 1


@pytest.mark.parametrize(
    ("predicted", "truth", "expected"),
    [
        ("##./...", "##./...", (2, 2)),  # the same
        (".../...", ".../...", (0, 0)),  # both empty
        ("#../...", ".../..#", (0, 2)),  # apart
        ("###/###", "##./...", (2, 6)),  # everything predicted
        (".../...", "##./...", (0, 2)),  # nothing predicted
        ("###/###", "#?./??.", (1, 3)),  # pixels of 255 leave the union
        ("###/###", "???/???", (0, 0)),  # everything ignored
    ],
)
def test_overlap(predicted, truth, expected):
    assert overlap(mask(predicted), picture(truth)) == expected


def test_no_mask_is_an_empty_mask():
    assert overlap(None, mask("##./...")) == (0, 2)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"\(1, 3\).*\(1, 2\)"):
        iou(mask("#.."), mask("#."))


@pytest.mark.parametrize(
    ("protocol", "predicted", "truth", "rejected", "expected"),
    [
        # --- a thing that is there ---
        (FREE, "##..", "###.", False, TargetScore(True, "mask", 2 / 3, 2, 3)),
        (FREE, None, "###.", False, TargetScore(True, "missing", 0.0, 0, 3)),  # no phrase for it
        (FREE, None, "###.", True, TargetScore(True, "rejected", 0.0, 0, 3)),  # false rejection
        (FREE, "##..", "###.", True, TargetScore(True, "rejected", 0.0, 0, 3)),  # its mask is not used
        (GREFCOCO, "##..", "###.", True, TargetScore(True, "rejected", 2 / 3, 2, 3)),  # GSVA: it is
        (FREE, "....", "###.", False, TargetScore(True, "mask", 0.0, 0, 3)),  # an empty mask
        # --- a thing that is not there ---
        (FREE, None, "....", True, TargetScore(False, "rejected", 1.0, 0, 0)),
        (FREE, None, "....", False, TargetScore(False, "missing", 0.0, 0, 0)),  # silence is no rejection
        (FREE, "##..", "....", False, TargetScore(False, "mask", 0.0, 0, 2)),
        (FREE, "....", "....", False, TargetScore(False, "mask", 0.0, 0, 0)),  # nor is an empty mask
        (GREFCOCO, "##..", "....", False, TargetScore(False, "mask", 0.0, 0, 2)),
        (REF_ZOM, "##..", "....", False, TargetScore(False, "mask", 0.0, 0, 0)),  # cIoU is left alone
        (LISA, "....", "....", False, TargetScore(False, "mask", 1.0, 0, 0)),  # LISA: empty union is right
        (LISA, "##..", "....", False, TargetScore(False, "mask", 0.0, 0, 2)),
        # --- gRefCOCO's authors: fewer than 50 pixels say "not there" ---
        (RELA, "#" * 50, "#" * 40 + "." * 10, False, TargetScore(True, "mask", 0.8, 40, 50)),
        (RELA, "#" * 49 + ".", "#" * 40 + "." * 10, False, TargetScore(True, "rejected", 0.0, 0, 49)),
        (RELA, "#" * 49 + ".", "." * 50, False, TargetScore(False, "rejected", 1.0, 0, 0)),
        (RELA, "#" * 50, "." * 50, False, TargetScore(False, "mask", 0.0, 0, 50)),
        (RELA, None, "." * 50, False, TargetScore(False, "rejected", 1.0, 0, 0)),  # no mask has no pixels
        (RELA, None, "#" * 50, False, TargetScore(True, "rejected", 0.0, 0, 50)),
        # --- nothing but ignored pixels ---
        (LISA, "##..", "????", False, TargetScore(False, "mask", 1.0, 0, 0)),
    ],
)
def test_score_target(protocol, predicted, truth, rejected, expected):
    predicted = None if predicted is None else mask(predicted)
    score = score_target(predicted, picture(truth), rejected=rejected, protocol=protocol)
    assert (score.present, score.answered) == (expected.present, expected.answered)
    assert score.iou == pytest.approx(expected.iou, abs=1e-5)
    assert (score.intersection, score.union) == (expected.intersection, expected.union)


def present(iou: float, answered: str = "mask", inter: int = 0, union: int = 10) -> TargetScore:
    return TargetScore(True, answered, iou, inter, union)


REJECTED = TargetScore(False, "rejected", 1.0, 0, 0)
INVENTED = TargetScore(False, "mask", 0.0, 0, 5)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        # nothing measured: no figure, and no division by zero
        (
            [],
            {"giou": None, "giou_present": None, "ciou": None, "n_acc": None, "t_acc": None, "precision": {}},
        ),
        # only real targets: N-acc does not exist
        ([present(1.0), present(0.5)], {"giou": 0.75, "n_acc": None, "t_acc": 1.0}),
        # only absent ones: T-acc, precision and the present ones' gIoU do not exist
        (
            [REJECTED, INVENTED],
            {"giou": 0.5, "giou_present": None, "n_acc": 0.5, "t_acc": None, "precision": {}, "ciou": 0.0},
        ),
        # gIoU counts a right rejection as 1, gIoU over the present does not
        ([present(0.4), REJECTED], {"giou": 0.7, "giou_present": 0.4, "n_acc": 1.0, "t_acc": 1.0}),
        # rejected and missing are both wrong for T-acc
        ([present(0.0, "rejected"), present(0.0, "missing"), present(1.0), present(1.0)], {"t_acc": 0.5}),
        # a threshold is reached at equality
        (
            [present(0.5), present(0.9), present(0.79)],
            {"precision": {"P@0.5": 1.0, "P@0.6": 2 / 3, "P@0.7": 2 / 3, "P@0.8": 1 / 3, "P@0.9": 1 / 3}},
        ),
        # cIoU weighs by size
        ([present(1.0, inter=90, union=90), present(0.0, inter=0, union=10)], {"ciou": 0.9, "giou": 0.5}),
    ],
)
def test_metrics(scores, expected):
    figures = Tally.of(scores).metrics().to_dict()
    for name, value in expected.items():
        assert figures[name] == (pytest.approx(value) if value else value), name


scores = st.builds(
    TargetScore,
    st.booleans(),
    st.sampled_from(["mask", "rejected", "missing"]),
    st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    st.integers(0, 9),
    st.integers(9, 99),
)


@given(st.lists(scores), st.lists(scores))
def test_parts_add_up_to_the_whole(first, second):
    assert Tally.of(first) + Tally.of(second) == Tally.of(first + second)


@given(hnp.arrays(bool, (3, 4)), hnp.arrays(bool, (3, 4)))
def test_iou_is_symmetric_and_bounded(a, b):
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1
    assert (iou(a, b) == 1) == (a == b).all()


@given(hnp.arrays(bool, (5, 7)), hnp.arrays(bool, (5, 7)))
def test_iou_is_that_of_pycocotools(a, b):
    first, second = (coco_mask.encode(np.asfortranarray(m, dtype=np.uint8)) for m in (a, b))
    if (a | b).any():  # it has no answer for two empty masks
        assert iou(a, b) == pytest.approx(coco_mask.iou([first], [second], [0])[0, 0], abs=1e-12)


boxes = st.tuples(*[st.integers(0, 9)] * 2, *[st.integers(1, 9)] * 2)


@given(boxes, boxes)
def test_box_iou_is_that_of_pycocotools(a, b):
    first, second = ((x, y, x + width, y + height) for x, y, width, height in (a, b))
    expected = coco_mask.iou(np.array([a], float), np.array([b], float), [0])[0, 0]
    assert box_iou(first, second) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("second", [None, (5, 5, 5, 9), (4, 0, 9, 4)], ids=["none", "no area", "beside"])
def test_boxes_that_share_nothing(second):
    assert box_iou((0, 0, 4, 4), second) == 0
    assert box_iou(second, (0, 0, 4, 4)) == 0


A, B, C, NOTHING = mask("##..../......"), mask("..##../......"), mask("....##/......"), mask("....../......")


@pytest.mark.parametrize(
    ("phrases", "truths", "expected"),
    [
        ([], [A], [None]),  # no phrase
        ([A], [], []),  # no target
        ([A, B], [A, B], [0, 1]),
        ([B, A], [A, B], [0, 1]),  # as many phrases as targets: order decides, even to one's loss
        ([C, B, A], [A, B], [2, 1]),  # one phrase too many: best assignment
        ([B], [A, B], [None, 0]),  # one too few
        ([C], [A, B], [None, None]),  # overlaps neither
        ([None, B, A], [A, NOTHING], [2, 0]),  # a rejection fits what is not there
        ([None], [A, B], [None, None]),  # and nothing else
    ],
)
def test_match_targets(phrases, truths, expected):
    assert match_targets(phrases, truths) == expected


def test_the_best_assignment_may_be_asked_for():
    assert match_targets([B, A], [A, B], in_order=False) == [1, 0]


@pytest.mark.parametrize(
    ("point", "expected"),
    [((0.0, 0.0), True), ((1.99, 0.5), True), ((2.0, 0.5), False), ((-0.1, 0.0), False), ((0.0, 7.0), False)],
)
def test_point_inside(point, expected):
    assert point_inside(point, A) is expected


@pytest.mark.parametrize(
    ("text", "reference", "expected"),
    [
        ("The cat.", " The  cat.\n", True),
        ("the cat.", "The cat.", False),
        ("The cat", "The cat.", False),
        ("", "", True),
    ],
)
def test_same_text(text, reference, expected):
    assert same_text(text, reference) is expected


# ---------------------------------------------------------------- the original implementations' numbers


def decode(item: dict) -> tuple[np.ndarray, np.ndarray]:
    truth = coco_mask.decode(item["truth"])
    if "ignore" in item:
        truth[coco_mask.decode(item["ignore"]) == 1] = 255
    return coco_mask.decode(item["predicted"]) == 1, truth


def tally(items: Iterable[dict], protocol) -> Tally:
    decoded = ((*decode(item), item.get("rejected", False)) for item in items)
    return Tally.of(score_target(m, t, rejected=rejected, protocol=protocol) for m, t, rejected in decoded)


@pytest.mark.parametrize("index", range(len(GOLDEN["lisa"]["items"])))
def test_lisa_numbers(index):
    items = GOLDEN["lisa"]["items"]
    single = tally(items[index], LISA).metrics(LISA)
    assert [single.giou, single.ciou or 0.0] == pytest.approx(GOLDEN["lisa"]["single"][index], abs=1e-6)
    cumulative = tally(chain.from_iterable(items[: index + 1]), LISA).metrics(LISA)
    assert [cumulative.giou, cumulative.ciou] == pytest.approx(GOLDEN["lisa"]["cumulative"][index], abs=1e-6)


@pytest.mark.parametrize(
    ("protocol", "rows"), [(GREFCOCO, "grefcoco_cumulative"), (REF_ZOM, "refzom_cumulative")]
)
def test_gsva_numbers(protocol, rows):
    items = GOLDEN["gsva"]["items"]
    for end, expected in enumerate(GOLDEN["gsva"][rows], start=1):
        figures = tally(chain.from_iterable(items[:end]), protocol).metrics(protocol)
        if expected is None:  # without an absent target the original divides by zero
            assert figures.n_acc is None
            continue
        assert [figures.giou, figures.ciou, figures.n_acc, figures.t_acc] == pytest.approx(expected, abs=1e-6)
