"""What a drawn scene holds: the picture, and exact labels for every object in it.

A scene is plain data.  Masks are what is visible of a thing after nearer things are drawn over it, so the
masks of two objects never overlap, and every mask lies inside the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One thing in a scene.  Objects are compared by identity, as their masks cannot be compared cheaply."""

    id: int
    """From 1, in the order of `Scene.objects`."""
    kind: str
    group: str
    color: str
    material: str | None
    size: str
    """`small`, `medium` or `large`, for a thing of its kind."""
    mask: np.ndarray
    """Visible pixels, bool, height x width."""
    parts: dict[str, np.ndarray]
    """Visible pixels of each named part, inside `mask`."""
    box: tuple[int, int, int, int]
    """x, y, width and height of the visible mask, in pixels."""
    anchor: tuple[int, int]
    """x and y of a pixel deep inside the visible mask."""
    depth: float
    """0 is nearest to the viewer, 1 is farthest (walls and the sky)."""
    rests_on: str = "surface"
    """`surface`, `ground`, `wall`, `sky`, `water`, or `nothing` where things float (loose scenes)."""
    holder: int | None = None
    """The id of the object it stands on, such as a table; None when it stands on the scene's own surface."""
    attributes: dict[str, str] = field(default_factory=dict)
    """Further facts, such as the colour of a person's shirt."""

    @property
    def area(self) -> int:
        """How many pixels are visible."""
        return int(np.count_nonzero(self.mask))

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the box."""
        x, y, width, height = self.box
        return x + width / 2, y + height / 2


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and everything that is in it."""

    image: np.ndarray
    """RGB, uint8, height x width x 3."""
    setting: str
    """`indoor`, `table-top`, `street`, `landscape`, or `loose`: things of any setting, neutrally set."""
    objects: tuple[SceneObject, ...]
    seed: int
    surface: str
    """What the things stand or lie on, in words: `wooden table`, `grass`."""
    world: frozenset[str] = frozenset()
    """The kinds that it could have held; empty: all that can be drawn."""

    @property
    def height(self) -> int:
        return int(self.image.shape[0])

    @property
    def width(self) -> int:
        return int(self.image.shape[1])
