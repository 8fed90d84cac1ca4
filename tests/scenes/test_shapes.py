"""Outlines and tones that the drawings are made of, and how materials show on them."""

import numpy as np
import pytest

from segue.scenes.kinds.finish import gleam, grain
from segue.scenes.kinds.shapes import arc, curve, mix, ribbon, tone, tub, turned
from segue.scenes.pen import Pen, make_look


def test_tones_run_from_black_to_white() -> None:
    assert tone((100, 50, 200), -1) == (0, 0, 0)
    assert tone((100, 50, 200), 0) == (100, 50, 200)
    assert tone((100, 50, 200), 1) == (255, 255, 255)
    assert mix((0, 0, 0), (200, 100, 50), 0.5) == (100, 50, 25)


def test_curves_and_arcs_end_where_they_should() -> None:
    path = curve((0.0, 0.0), (0.5, 1.0), (1.0, 0.0), 4)
    assert path[0] == (0.0, 0.0)
    assert path[2] == (0.5, 0.5)
    assert path[-1] == (1.0, 0.0)
    # 90 degrees points down
    assert arc(0.0, 0.0, 2.0, 1.0, 0, 90, 1)[-1] == pytest.approx((0.0, 1.0))


def test_turned_outline_is_its_own_mirror_image() -> None:
    outline = turned(0.5, [(0.0, 0.1), (0.4, 0.3), (1.0, 0.2)])
    assert {(round(1 - x, 9), y) for x, y in outline} == {(round(x, 9), y) for x, y in outline}


def test_tub_keeps_inside_its_box() -> None:
    xs, ys = zip(*tub(0.5, 0.1, 1.0, 0.5, 0.4, 0.1), strict=True)
    assert min(xs) == pytest.approx(0.0)
    assert max(xs) == pytest.approx(1.0)
    assert min(ys) == pytest.approx(0.1)
    assert max(ys) == pytest.approx(1.0)


def test_ribbon_has_the_asked_widths() -> None:
    outline = ribbon([(0.0, 0.0), (0.5, 0.0), (1.0, 0.0)], [0.2, 0.4])
    widths = [abs(a[1] - b[1]) for a, b in zip(outline[:3], outline[:2:-1], strict=True)]
    assert widths == pytest.approx([0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ("material", "grained", "gleaming"),
    [
        ("wood", True, False),
        ("metal", False, True),
        ("ceramic", False, True),
        ("plastic", False, True),
        ("paper", False, False),
        (None, False, True),
    ],
)
def test_materials_show(material: str | None, grained: bool, gleaming: bool) -> None:
    rng = np.random.default_rng(0)
    look = make_look("blue", rng, material=material)
    for draw, shows in (
        (lambda pen: grain(pen, look, (0.2, 0.0, 0.8, 1.0)), grained),
        (lambda pen: gleam(pen, look, [(0.3, 0.2), (0.3, 0.8)], 0.5), gleaming),
    ):
        pen = Pen(40, 1.0, rng)
        pen.rectangle((0, 0, 1, 1), look.color, part="body")
        draw(pen)
        sprite = pen.finish()
        assert bool((sprite.rgba[..., :3] != np.array(look.color)).any()) is shows
        assert sprite.parts["body"].all()  # what shows on a part stays the part
