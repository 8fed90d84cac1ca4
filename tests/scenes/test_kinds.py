"""Promises that every registered kind keeps, whoever drew it, and the rules for registering one."""

from __future__ import annotations

import importlib
import zlib

import numpy as np
import pytest

from segue.scenes import kinds
from segue.scenes.kinds import GROUPS, KINDS, MATERIALS, PROPERTIES, RESTS_ON, SETTINGS, Kind, kind
from segue.scenes.pen import COLORS, Sprite, make_look

ALL = pytest.mark.parametrize("kind_", KINDS.values(), ids=lambda kind_: kind_.name)
SEEDS = range(8)


def sprite_of(kind_: Kind, seed: int, *, height: int = 64, color: str | None = None) -> Sprite:
    rng = np.random.default_rng([zlib.crc32(kind_.name.encode()), seed])
    material = kind_.materials[seed % len(kind_.materials)] if kind_.materials else None
    look = make_look(color or kind_.colors[seed % len(kind_.colors)], rng, material=material)
    return kind_.sprite(height, look, rng)


def test_there_are_enough_kinds_for_a_varied_world():
    assert len(KINDS) >= 60
    assert {kind_.group for kind_ in KINDS.values()} >= {"animal", "person"}
    for setting in SETTINGS:
        assert sum(setting in kind_.settings for kind_ in KINDS.values()) >= 8


def test_every_group_file_of_the_animals_is_loaded():
    assert {"dog", "horse", "duck", "lion", "fish", "woman", "boy"} <= set(KINDS)


@ALL
def test_facts_are_in_the_vocabulary(kind_):
    assert kind_.name == kind_.name.strip().lower()
    assert kind_.group in GROUPS
    assert kind_.settings
    assert set(kind_.settings) <= set(SETTINGS)
    assert kind_.rests_on in RESTS_ON
    assert kind_.colors
    assert set(kind_.colors) <= set(COLORS)
    assert set(kind_.materials) <= set(MATERIALS)
    assert set(kind_.properties) <= set(PROPERTIES)
    low, high = kind_.height
    assert 0.03 <= low <= high <= 0.95
    for values in (kind_.settings, kind_.parts, kind_.synonyms, kind_.properties, kind_.materials):
        assert len(set(values)) == len(values), values


@ALL
def test_names_can_be_told_apart(kind_):
    assert kind_.plural
    assert kind_.plural[0] == kind_.name[0] or kind_.name == "person"
    rest = [other for other in KINDS.values() if other is not kind_]
    others = {word for other in rest for word in (other.name, *other.synonyms)}
    assert kind_.name not in others
    assert not set(kind_.synonyms) & others
    assert kind_.name not in kind_.synonyms
    assert kind_.name not in kind_.parts
    assert kind_.plural not in {other.plural for other in rest}


@ALL
@pytest.mark.parametrize("height", [14, 40, 97])
def test_sprites_fill_their_box_at_every_size(kind_, height):
    for seed in range(3):
        sprite = sprite_of(kind_, seed, height=height)
        assert sprite.rgba.dtype == np.uint8
        assert sprite.rgba.shape[0] == height
        assert sprite.rgba.shape[2] == 4
        assert 0.1 <= sprite.rgba.shape[1] / height <= 8
        alpha = sprite.rgba[..., 3]
        assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
        assert (alpha > 127).mean() > 0.04


@ALL
def test_parts_are_declared_visible_and_disjoint(kind_):
    seen: set[str] = set()
    for seed in SEEDS:
        sprite = sprite_of(kind_, seed)
        solid = sprite.rgba[..., 3] > 127
        assert set(sprite.parts) <= set(kind_.parts)
        covered = np.zeros(solid.shape, int)
        for name, mask in sprite.parts.items():
            assert mask.dtype == bool
            assert mask.any(), name
            assert not (mask & ~solid).any(), name
            covered += mask
        assert covered.max(initial=0) <= 1
        seen |= set(sprite.parts)
    assert 2 * len(seen) >= len(kind_.parts), set(kind_.parts) - seen


@ALL
def test_equal_seeds_give_equal_pixels_and_other_seeds_others(kind_):
    first, again = sprite_of(kind_, 3), sprite_of(kind_, 3)
    assert np.array_equal(first.rgba, again.rgba)
    assert first.parts.keys() == again.parts.keys()
    assert all(np.array_equal(first.parts[name], again.parts[name]) for name in first.parts)
    assert len({sprite_of(kind_, seed).rgba.tobytes() for seed in SEEDS}) > len(SEEDS) // 2


@ALL
def test_the_colour_is_what_one_sees(kind_):
    """Another colour changes a good part of the picture, so a question for the colour has an answer."""
    names = sorted(set(kind_.colors))
    if len(names) < 2:
        pytest.skip("comes in one colour only")
    shares = []
    for seed in range(4):
        first, second = (sprite_of(kind_, seed, color=name) for name in (names[0], names[-1]))
        if first.rgba.shape != second.rgba.shape:
            continue  # a drawing may choose its patterns by the colour
        solid = (first.rgba[..., 3] > 127) & (second.rgba[..., 3] > 127)
        changed = np.abs(first.rgba[..., :3].astype(int) - second.rgba[..., :3]).sum(-1) > 40
        shares.append(changed[solid].mean())
    assert not shares or max(shares) > 0.15, shares


# --- registering ---

PLAIN = {
    "name": "thing",
    "plural": "things",
    "group": "toy",
    "settings": ("indoor",),
    "rests_on": "surface",
    "height": (0.1, 0.2),
    "colors": ("red",),
}


def draw_square(make_pen, look, rng):
    pen = make_pen(1.0)
    pen.rectangle((0, 0, 1, 1), look.color)
    return pen


@pytest.mark.parametrize(
    "wrong",
    [
        {"group": "gadget"},
        {"settings": ("kitchen",)},
        {"rests_on": "ceiling"},
        {"colors": ("crimson",)},
        {"materials": ("gold",)},
        {"properties": ("is nice",)},
        {"name": "dog"},  # taken
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_kind_with_a_word_outside_the_vocabulary_is_refused(wrong):
    before = dict(KINDS)
    with pytest.raises(AssertionError, match=r"vocabulary|two kinds"):
        kind(**{**PLAIN, **wrong})(draw_square)
    assert before == KINDS


def test_a_kind_is_found_under_its_name_once_registered(monkeypatch):
    monkeypatch.setattr(kinds, "KINDS", {})
    kind(**PLAIN)(draw_square)
    sprite = kinds.KINDS["thing"].sprite(
        20, make_look("red", np.random.default_rng(0)), np.random.default_rng(0)
    )
    assert sprite.rgba.shape == (20, 20, 4)


def test_importing_again_registers_nothing_twice():
    before = list(KINDS)
    importlib.import_module("segue.scenes.kinds.animals")
    assert list(KINDS) == before
