"""Scenes made by hand: rectangles with names, for tests of what is said about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from segue.scenes.kinds import KINDS
from segue.scenes.scene import Scene, SceneObject

WIDTH, HEIGHT = 160, 120


def thing(
    kind: str,
    color: str,
    box: tuple[int, int, int, int],
    *,
    material: str | None = None,
    depth: float = 0.5,
    rests_on: str = "surface",
    holder: int | None = None,
    part: str | None = None,
) -> SceneObject:
    """A rectangle of a kind; with `part`, its left third is that part."""
    x, y, width, height = box
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + height, x : x + width] = True
    parts = {}
    if part is not None:
        parts[part] = mask.copy()
        parts[part][:, x + width // 3 :] = False
    return SceneObject(
        id=0,
        kind=kind,
        group=KINDS[kind].group,
        color=color,
        material=material,
        size="medium",
        mask=mask,
        parts=parts,
        box=box,
        anchor=(x + width // 2, y + height // 2),
        depth=depth,
        rests_on=rests_on,
        holder=holder,
    )


def scene_of(
    *things: SceneObject,
    setting: str = "table-top",
    surface: str = "wooden table",
    world: frozenset[str] = frozenset(),
) -> Scene:
    """A scene of these things, numbered from 1 in this order."""
    numbered = tuple(replace(one, id=number) for number, one in enumerate(things, start=1))
    return Scene(np.zeros((HEIGHT, WIDTH, 3), np.uint8), setting, numbered, 0, surface, world)


@pytest.fixture
def make_thing() -> Callable[..., SceneObject]:
    return thing


@pytest.fixture
def make_scene_of() -> Callable[..., Scene]:
    return scene_of
