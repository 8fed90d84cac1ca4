"""Relations are only asserted where a person would agree; None is for what people might dispute."""

from __future__ import annotations

import numpy as np
import pytest

from segue.scenes import relations
from segue.scenes.scene import SceneObject

HEIGHT, WIDTH = 100, 200


def mock_object(
    box: tuple[int, int, int, int] = (50, 50, 20, 20),
    *,
    id: int = 1,
    kind: str = "mug",
    color: str = "red",
    depth: float | None = None,
    rests_on: str = "surface",
    holder: int | None = None,
) -> SceneObject:
    """A full box; its depth follows from its foot unless given."""
    x, y, width, height = box
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + height, x : x + width] = True
    return SceneObject(
        id=id,
        kind=kind,
        group="kitchenware",
        color=color,
        material=None,
        size="medium",
        mask=mask,
        parts={},
        box=box,
        anchor=(x + width // 2, y + height // 2),
        depth=1 - (y + height) / HEIGHT if depth is None else depth,
        rests_on=rests_on,
        holder=holder,
    )


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((20, 50, 20, 20), (100, 50, 20, 20), True),  # well to the left, at the same height
        ((100, 50, 20, 20), (20, 50, 20, 20), False),  # to the right
        ((50, 20, 20, 20), (50, 60, 20, 20), False),  # straight above is not left
        ((46, 10, 20, 20), (70, 70, 20, 20), None),  # a little left, but mostly above
        ((50, 50, 30, 20), (62, 50, 30, 20), None),  # left, but overlapping by more than half
        ((50, 50, 4, 4), (55, 50, 4, 4), None),  # too close together to speak of sides
    ],
)
def test_left_of(a, b, expected) -> None:
    first, second = mock_object(a), mock_object(b, id=2)
    assert relations.left_of(first, second) is expected
    assert relations.right_of(second, first) is expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (
            mock_object((50, 5, 20, 20), rests_on="wall"),
            mock_object((50, 60, 20, 20)),
            True,
        ),  # clock over table
        (
            mock_object((50, 5, 20, 20)),
            mock_object((50, 60, 20, 20)),
            None,
        ),  # on the ground: behind, not above
        (mock_object((50, 60, 20, 20)), mock_object((50, 5, 20, 20), rests_on="wall"), False),  # below it
        (mock_object((5, 10, 20, 20), rests_on="wall"), mock_object((150, 50, 20, 20)), None),  # mostly aside
        (mock_object((50, 40, 20, 12), holder=7), mock_object((40, 52, 40, 40), id=7), True),  # on the table
    ],
)
def test_above(a: SceneObject, b: SceneObject, expected) -> None:
    assert relations.above(a, b) is expected
    assert relations.below(b, a) is expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (mock_object((50, 60, 20, 20)), mock_object((45, 40, 30, 30)), True),  # hides its lower part
        (mock_object((45, 40, 30, 30)), mock_object((50, 60, 20, 20)), False),  # the other way round
        (mock_object((10, 60, 20, 20)), mock_object((150, 20, 20, 20)), None),  # nearer, but far aside
        (mock_object((50, 60, 20, 20)), mock_object((50, 59, 20, 20)), None),  # at nearly the same depth
        (
            mock_object((50, 60, 20, 20), depth=0.2, rests_on="nothing"),
            mock_object((60, 50, 20, 20), depth=0.4, rests_on="nothing"),
            True,
        ),  # floating things that overlap: the upper one is in front
        (
            mock_object((50, 60, 20, 20), depth=0.2, rests_on="nothing"),
            mock_object((120, 60, 20, 20), depth=0.4, rests_on="nothing"),
            None,
        ),  # floating things apart show no depth
        (
            mock_object((50, 40, 20, 12), holder=7, depth=0.1),
            mock_object((40, 52, 40, 40), id=7, depth=0.2),
            False,
        ),  # on it, not before it
    ],
)
def test_in_front_of(a: SceneObject, b: SceneObject, expected) -> None:
    assert relations.in_front_of(a, b) is expected
    assert relations.behind(b, a) is expected


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((40, 50, 20, 20), (64, 50, 20, 20), True),  # a small gap
        ((10, 50, 20, 20), (170, 50, 20, 20), False),  # the other end of the table
        ((40, 50, 20, 20), (74, 50, 20, 20), None),  # a gap as wide as most of a thing
        ((40, 10, 20, 20), (64, 70, 20, 20), False),  # far up and down
    ],
)
def test_next_to(a, b, expected) -> None:
    assert relations.next_to(mock_object(a), mock_object(b, id=2)) is expected


@pytest.mark.parametrize(
    ("a", "expected"),
    [
        ((90, 50, 20, 20), True),  # in the middle
        ((180, 50, 15, 20), False),  # beyond the right one
        ((90, 2, 20, 6), False),  # far above the line
        ((28, 50, 20, 20), None),  # hard by the left one
    ],
)
def test_between(a, expected) -> None:
    left, right = mock_object((10, 50, 20, 20), id=2), mock_object((150, 50, 20, 20), id=3)
    assert relations.between(mock_object(a), left, right) is expected
    assert relations.between(mock_object(a), right, left) is expected


def test_on_is_what_the_scene_says() -> None:
    table = mock_object((40, 52, 40, 40), id=7)
    assert relations.on(mock_object((50, 40, 20, 12), holder=7), table)
    assert not relations.on(mock_object((50, 40, 20, 12)), table)
    assert not relations.on(table, table)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("red", "red", True),  # the same
        ("red", "blue", False),  # nobody would mix them up
        ("red", "orange", None),  # some would
        ("orange", "red", None),  # in either order
        ("beige", "white", None),  # a matter of light
    ],
)
def test_same_color(first: str, second: str, expected) -> None:
    assert relations.same_color(mock_object(color=first), mock_object(color=second)) is expected


@pytest.mark.parametrize(
    ("name", "boxes", "winner"),
    [
        ("leftmost", [(10, 50, 20, 20), (60, 50, 20, 20), (120, 50, 20, 20)], 0),
        ("leftmost", [(10, 50, 20, 20), (14, 20, 20, 20)], None),  # a hair apart
        ("leftmost", [(10, 50, 120, 20), (20, 20, 60, 20)], None),  # the middle and the edge disagree
        ("leftmost", [(10, 50, 20, 20)], None),  # nothing to compare with
        ("rightmost", [(10, 50, 20, 20), (60, 50, 20, 20), (120, 50, 20, 20)], 2),
        ("highest", [(10, 70, 20, 20), (60, 10, 20, 20)], 1),
        ("lowest", [(10, 70, 20, 20), (60, 10, 20, 20)], 0),
        ("largest", [(10, 10, 40, 40), (60, 10, 20, 20)], 0),
        ("largest", [(10, 10, 22, 22), (60, 10, 20, 20)], None),  # hardly larger
        ("smallest", [(10, 10, 40, 40), (60, 10, 20, 20), (120, 10, 40, 40)], 1),
        ("tallest", [(10, 10, 10, 60), (60, 10, 40, 40)], 0),
        ("tallest", [(10, 10, 10, 44), (60, 10, 40, 40)], None),  # hardly taller
        ("nearest", [(10, 60, 20, 20), (60, 20, 20, 20)], 0),
        ("nearest", [(10, 60, 20, 20), (60, 62, 20, 20)], None),  # side by side
        ("farthest", [(10, 60, 20, 20), (60, 20, 20, 20)], 1),
    ],
)  # fmt: skip
def test_superlatives_need_a_clear_margin(name: str, boxes: list, winner: int | None) -> None:
    objects = [mock_object(box, id=number) for number, box in enumerate(boxes, start=1)]
    expected = None if winner is None else objects[winner]
    assert getattr(relations, name)(objects) is expected


def test_floating_things_have_no_nearest() -> None:
    objects = [mock_object((10, 60, 20, 20), rests_on="nothing"), mock_object((60, 20, 20, 20), id=2)]
    assert relations.nearest(objects) is None


@pytest.mark.parametrize(
    ("boxes", "winner"),
    [
        ([(40, 50, 20, 20), (120, 50, 20, 20)], 0),  # one near, one far
        ([(40, 50, 20, 20), (160, 50, 20, 20)], None),  # as far on either side
    ],
)
def test_nearest_to(boxes: list, winner: int | None) -> None:
    other = mock_object((100 if winner is None else 70, 50, 20, 20), id=9)
    objects = [mock_object(box, id=number) for number, box in enumerate(boxes, start=1)]
    expected = None if winner is None else objects[winner]
    assert relations.nearest_to(other, [*objects, other]) is expected
