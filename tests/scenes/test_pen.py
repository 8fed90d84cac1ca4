"""The pen: what it draws where, which part each pixel belongs to, and that surfaces keep shape and hue."""

from __future__ import annotations

import numpy as np
import pytest

from segue.scenes.pen import COLORS, KEEP, Pen, darker, lighter, make_look, mix
from segue.scenes.surfaces import TEXTURES

RED, BLUE = COLORS["red"], COLORS["blue"]


def pen_of(height: int = 60, aspect: float = 1.0, seed: int = 0) -> Pen:
    return Pen(height, aspect, np.random.default_rng(seed))


def nearest_name(rgb) -> str:
    return min(COLORS, key=lambda name: float(np.abs(np.subtract(COLORS[name], rgb)).sum()))


@pytest.mark.parametrize("height", [12, 41, 160])
@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.2, 0.1, 0.7, 0.6), (-0.03, 0.5, 1.02, 1.03)])
def test_sprite_is_as_tall_as_asked_and_touches_its_four_edges(height, box):
    pen = pen_of(height)
    pen.ellipse(box, RED, "ball")
    rgba = pen.finish().rgba
    assert rgba.dtype == np.uint8
    assert rgba.shape[0] == height
    expected = height * (box[2] - box[0]) / (box[3] - box[1])
    assert rgba.shape[1] == pytest.approx(expected, abs=2 + 0.05 * height)
    alpha = rgba[..., 3]
    assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


def test_later_primitives_hide_earlier_parts_unless_they_keep_them():
    pen = pen_of()
    pen.rectangle((0, 0, 1, 1), RED, "body")
    pen.rectangle((0, 0, 0.5, 0.5), BLUE, "lid")
    pen.rectangle((0.5, 0, 1, 0.5), BLUE)
    pen.rectangle((0, 0.5, 0.5, 1), BLUE, KEEP)
    sprite = pen.finish()
    body, lid = sprite.parts["body"], sprite.parts["lid"]
    assert not (body & lid).any()
    assert lid[5:25, 5:25].all()
    assert not body[5:25, 35:55].any()  # hidden by what has no part
    assert body[35:55, 5:25].all()  # a mark on the body is still body
    assert nearest_name(sprite.rgba[45, 15, :3]) == "blue"


def test_parts_that_nobody_can_see_are_left_out():
    pen = pen_of()
    pen.ellipse((0.4, 0.4, 0.6, 0.6), RED, "engine")
    pen.rectangle((0, 0, 1, 1), RED, "hood")
    assert set(pen.finish().parts) == {"hood"}


@pytest.mark.parametrize(
    "erase",
    [
        lambda pen: pen.erase_ellipse((0.25, 0.25, 0.75, 0.75)),
        lambda pen: pen.erase_polygon([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]),
        lambda pen: pen.erase_polygon([(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)], smooth=True),
    ],
)
def test_erasing_leaves_a_true_hole(erase):
    pen = pen_of()
    pen.rectangle((0, 0, 1, 1), RED, "ring")
    erase(pen)
    pen.shade()
    sprite = pen.finish()
    assert sprite.rgba[30, 30, 3] == 0
    assert not sprite.parts["ring"][30, 30]
    assert sprite.parts["ring"][3, 30]


def test_a_see_through_fill_is_still_part_of_the_object():
    pen = pen_of()
    pen.rectangle((0, 0, 1, 1), (200, 220, 230, 10), "bowl")
    sprite = pen.finish()
    assert 127 < sprite.rgba[30, 30, 3] < 255
    assert sprite.parts["bowl"].all()


@pytest.mark.parametrize("outlined", [False, True])
@pytest.mark.parametrize("smooth", [False, True])
def test_lines_have_the_width_they_were_given(outlined, smooth):
    pen = pen_of(100)
    if outlined:
        pen.outline()
    pen.rectangle((0, 0, 1, 1), BLUE)
    pen.line([(0.1, 0.5), (0.5, 0.5), (0.9, 0.5)], 0.2, RED, "bar", smooth=smooth)
    bar = pen.finish().parts["bar"]
    assert bar[:, 50].sum() == pytest.approx(20, abs=2)
    assert bar.any(axis=0).sum() == pytest.approx(100, abs=3)  # the ends are round


def test_a_limb_gets_thinner():
    pen = pen_of(100)
    pen.rectangle((0, 0, 1, 1), BLUE)
    pen.limb([(0.1, 0.5), (0.5, 0.5), (0.9, 0.5)], (0.3, 0.1), RED, "tail")
    tail = pen.finish().parts["tail"]
    assert tail[:, 15].sum() > tail[:, 50].sum() > tail[:, 85].sum() >= 9


def test_corners_of_a_bent_line_have_no_gap():
    pen = pen_of(100)
    pen.line([(0.1, 0.1), (0.9, 0.1), (0.9, 0.9)], 0.1, RED, "pipe")
    alpha = pen.finish().rgba[..., 3]
    corner = alpha[:12, -12:]
    assert (corner > 127).mean() > 0.9


def test_smooth_polygons_run_through_their_points():
    knots = [(0.1, 0.5), (0.5, 0.1), (0.9, 0.5), (0.5, 0.9)]
    pen = pen_of(100)
    pen.rectangle((0, 0, 1, 1), BLUE)
    pen.polygon(knots, RED, "leaf", smooth=True)
    leaf = pen.finish().parts["leaf"]
    for x, y in knots:
        inside, outside = (
            (round(50 + 100 * (y - 0.5) * reach), round(50 + 100 * (x - 0.5) * reach))
            for reach in (0.94, 1.1)
        )
        assert leaf[inside]
        assert not leaf[outside]


def test_ring_and_arc_leave_the_middle():
    pen = pen_of(100)
    pen.ring((0, 0, 1, 1), 0.1, RED, "rim")
    sprite = pen.finish()
    assert sprite.rgba[50, 50, 3] == 0
    assert sprite.parts["rim"][50, 4]
    pen = pen_of(100)
    pen.rectangle((0, 0, 1, 1), BLUE)
    pen.arc((0, 0, 1, 1), 0, 180, 0.1, RED, "smile")
    smile = pen.finish().parts["smile"]
    assert smile[60:].any()
    assert not smile[:45].any()


def test_mirror_turns_picture_and_parts():
    pen = pen_of()
    pen.rectangle((0, 0, 1, 1), BLUE, "wall")
    pen.rectangle((0, 0, 0.25, 1), RED, "door")
    pen.mirror()
    pen.rectangle((0, 0, 0.25, 0.25), RED, "lamp")  # what comes later is not turned
    parts = pen.finish().parts
    assert parts["door"][30, 55]
    assert not parts["door"][30, 5]
    assert parts["lamp"][5, 5]


@pytest.mark.parametrize("kind", TEXTURES)
def test_textures_change_colours_and_never_the_shape(kind):
    sprites = []
    for strength in (0.0, 0.3):
        pen = pen_of(80, 1.3)
        pen.ellipse((0, 0, 1.3, 1), COLORS["grey"], "stone")
        pen.texture(kind, strength)
        sprites.append(pen.finish())
    plain, textured = sprites
    assert np.array_equal(plain.rgba[..., 3], textured.rgba[..., 3])
    assert np.array_equal(plain.parts["stone"], textured.parts["stone"])
    assert (plain.rgba != textured.rgba).any() == (kind != "none")


def test_a_texture_covers_its_part_and_nothing_that_is_drawn_later():
    pen = pen_of(80)
    pen.rectangle((0, 0, 1, 0.5), RED, "top")
    pen.rectangle((0, 0.5, 1, 1), RED, "low")
    pen.texture("checks", 1.0, color=BLUE, part="low")
    pen.rectangle((0, 0.75, 1, 1), RED, "foot")
    sprite = pen.finish()
    blue = np.abs(sprite.rgba[..., :3].astype(int) - BLUE).sum(-1) < 60
    assert blue[sprite.parts["low"]].any()
    assert not blue[2:38].any()
    assert not blue[64:].any()


@pytest.mark.parametrize("style", ["round", "vertical", "flat"])
@pytest.mark.parametrize("name", COLORS)
def test_shading_keeps_shape_and_the_name_of_the_colour(style, name):
    pen = pen_of(80)
    pen.ellipse((0, 0, 1, 1), COLORS[name], "ball")
    pen.shade(style)
    sprite = pen.finish()
    names = [nearest_name(rgb) for rgb in sprite.rgba[sprite.parts["ball"]][::41, :3]]
    assert names.count(name) > 0.75 * len(names)


def test_round_shading_is_brighter_towards_the_light():
    pen = pen_of(80)
    pen.ellipse((0, 0, 1, 1), COLORS["grey"])
    pen.shade("round", (-1, 0))
    rgb = pen.finish().rgba[..., :3].astype(int)
    assert rgb[40, 8].sum() > rgb[40, 40].sum() > rgb[40, 71].sum()


@pytest.mark.parametrize("name", COLORS)
def test_every_look_is_still_called_by_its_colour(name):
    for seed in range(40):
        look = make_look(name, np.random.default_rng(seed), material="wood")
        assert nearest_name(look.color) == name
        assert look.color_name == name
        assert look.material == "wood"
        assert look.accent in COLORS.values()
        assert look.accent != COLORS[name]
        assert sum(look.dark) < sum(look.color)


def test_colours_mix_and_stay_in_range():
    assert mix((0, 0, 0), (200, 100, 50), 0.5) == (100, 50, 25)
    assert darker((200, 100, 50), 0.5) == (100, 50, 25)
    assert lighter((255, 250, 0), 1.0) == (255, 255, 255)
    assert darker((200, 100, 50), 2.0) == (255, 200, 100)


def test_nothing_drawn_is_our_own_mistake():
    with pytest.raises(AssertionError, match="nothing was drawn"):
        pen_of().finish()
