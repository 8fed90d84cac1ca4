"""A composed scene follows from its seed, and its labels are what can be seen."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256

import numpy as np
import pytest

from segue.errors import DataError
from segue.scenes.compose import MAX_SIDE, compose_scene
from segue.scenes.kinds import KINDS, Kind
from segue.scenes.pen import Pen
from segue.scenes.placing import MIN_AREA
from segue.scenes.plan import LYING, ONE_WAY, SETTINGS, TABLES
from segue.scenes.scene import Scene

HASH = """
from hashlib import sha256
from segue.scenes.compose import compose_scene
print(sha256(b"".join(compose_scene(s).image.tobytes() for s in range(4))).hexdigest())
"""


def draw_cup(make_pen, look, rng) -> Pen:
    pen = make_pen(0.8)
    pen.rectangle((0, 0, 0.6, 1), look.color, part="body")
    pen.ring((0.5, 0.2, 0.8, 0.7), 0.08, look.dark, part="handle")
    return pen


def mock_kind(name: str = "cup", *, rests_on: str = "surface", height=(0.2, 0.3)) -> Kind:
    return Kind(
        name=name,
        plural=f"{name}s",
        group="kitchenware",
        settings=SETTINGS,
        rests_on=rests_on,
        height=height,
        colors=("red", "blue"),
        draw=draw_cup,
        materials=("ceramic",),
        parts=("body", "handle"),
    )


def mock_kinds(*kinds: Kind) -> dict[str, Kind]:
    kinds = kinds or (mock_kind(), mock_kind("dining table", height=(0.4, 0.5)))
    return {kind.name: kind for kind in kinds}


def check_labels(scene: Scene, width: int, height: int) -> None:
    """Everything that must hold for every scene."""
    assert scene.image.shape == (height, width, 3)
    assert scene.image.dtype == np.uint8
    assert [thing.id for thing in scene.objects] == list(range(1, len(scene.objects) + 1))
    covered = np.zeros((height, width), bool)
    for thing in scene.objects:
        assert thing.mask.shape == (height, width)
        assert thing.area >= MIN_AREA * width * height
        assert not (covered & thing.mask).any(), "two masks overlap"
        covered |= thing.mask
        rows, columns = np.flatnonzero(thing.mask.any(1)), np.flatnonzero(thing.mask.any(0))
        left, top = int(columns[0]), int(rows[0])
        assert thing.box == (left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
        assert thing.mask[thing.anchor[1], thing.anchor[0]]
        assert all(part.any() and not (part & ~thing.mask).any() for part in thing.parts.values())
        assert 0 <= thing.depth <= 1
        assert thing.size in ("small", "medium", "large")
        if thing.holder is not None:
            holder = next(other for other in scene.objects if other.id == thing.holder)
            assert holder.id != thing.id


@pytest.mark.parametrize("setting", [*SETTINGS, "loose", None])
def test_labels_fit_the_picture(setting: str | None) -> None:
    for seed in range(8):
        check_labels(compose_scene(seed, setting=setting), 256, 192)


@pytest.mark.parametrize("rests_on", ["surface", "ground", "wall", "sky", "water"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_any_kind_finds_a_place_in_any_setting(setting: str, rests_on: str) -> None:
    kinds = mock_kinds(mock_kind(rests_on=rests_on))
    scenes = [compose_scene(seed, size=(128, 128), setting=setting, kinds=kinds) for seed in range(6)]
    assert all(scene.objects for scene in scenes)
    assert all(scene.setting == setting for scene in scenes)


@pytest.mark.parametrize(
    ("width", "height"),
    [
        (96, 96),  # the smallest
        (192, 192),  # the square that models see
        (320, 96),  # very wide
        (96, 400),  # very tall
        (MAX_SIDE, 480),  # large
    ],
)
def test_sizes(width: int, height: int) -> None:
    for seed in range(3):
        check_labels(compose_scene(seed, size=(width, height)), width, height)


def test_same_seed_same_scene_in_every_process() -> None:
    here = sha256(b"".join(compose_scene(seed).image.tobytes() for seed in range(4))).hexdigest()
    there = subprocess.run([sys.executable, "-c", HASH], capture_output=True, text=True, check=True)
    assert there.stdout.strip() == here
    assert not np.array_equal(compose_scene(0).image, compose_scene(1).image)


def test_kinds_and_numbers_can_be_chosen() -> None:
    kinds = mock_kinds()
    counts = [len(compose_scene(seed, num_objects=(3, 5), kinds=kinds).objects) for seed in range(12)]
    assert max(counts) <= 5
    assert np.mean(counts) >= 2.5  # a few find no place
    names = {thing.kind for seed in range(12) for thing in compose_scene(seed, kinds=kinds).objects}
    assert names == set(kinds)


def test_a_crowd_is_of_one_kind() -> None:
    def kinds_of(**options: float) -> list[int]:
        scenes = [compose_scene(seed, size=(128, 96), num_objects=(3, 5), **options) for seed in range(24)]
        # What stands on a table is no part of the crowd of tables.
        return [len({thing.kind for thing in scene.objects if thing.holder is None}) for scene in scenes]

    assert set(kinds_of(crowd=1.0)) == {1}
    assert kinds_of(crowd=0.0).count(1) < kinds_of(crowd=0.6).count(1) < 24


def test_lists_of_kinds_name_real_kinds() -> None:
    assert set(KINDS) >= LYING | ONE_WAY | TABLES


def test_small_things_stand_on_tables() -> None:
    scenes = [compose_scene(seed, setting="indoor", kinds=mock_kinds()) for seed in range(30)]
    held = [(scene, thing) for scene in scenes for thing in scene.objects if thing.holder is not None]
    assert held
    for scene, thing in held:
        table = next(other for other in scene.objects if other.id == thing.holder)
        assert table.kind == "dining table"
        foot = thing.box[1] + thing.box[3]
        assert foot <= table.box[1] + 0.5 * table.box[3]


def test_scenes_vary() -> None:
    scenes = [compose_scene(seed, size=(128, 96)) for seed in range(120)]
    assert {scene.setting for scene in scenes} == {*SETTINGS, "loose"}
    assert 0.15 <= np.mean([scene.setting == "loose" for scene in scenes]) <= 0.45
    assert len({thing.kind for scene in scenes for thing in scene.objects}) >= 60
    assert {thing.size for scene in scenes for thing in scene.objects} == {"small", "medium", "large"}
    several = [len({t.kind for t in s.objects}) < len(s.objects) for s in scenes if len(s.objects) > 2]
    assert np.mean(several) >= 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": (64, 192)}, "64 x 192"),  # too narrow
        ({"size": (256, 4000)}, "256 x 4000"),  # too tall
        ({"setting": "kitchen"}, "kitchen"),  # unknown setting
        ({"seed": -1}, "seed"),  # a negative seed
        ({"num_objects": (0, 3)}, "num_objects"),  # an empty scene
        ({"num_objects": (5, 3)}, "num_objects"),  # the wrong way round
        ({"crowd": 1.5}, "crowd"),  # more than all of them
    ],
)
def test_bad_input(arguments: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        compose_scene(**{"seed": 0, **arguments})
