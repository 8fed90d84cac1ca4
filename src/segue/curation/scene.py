"""What a pair is checked against: the picture as its rules see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from segue.curation.plan import RulePlan
from segue.curation.targets import Ask
from segue.data.native import ObjectRecord

__all__ = ["Scene"]


@dataclass(frozen=True)
class Scene:
    """What a pair is checked against.

    Attributes:
        width, height: of the picture, in pixels.
        objects: the listed instances; number n is entry n - 1.
        asks: what the endpoint was asked for.
        vocabulary: every category of the data set, to tell which other things an answer names.
        present: every category in the picture, listed or not.
        partly: categories with instances in the picture that are not in the list.
        split: "train", "val" or "test": the side of the picture.
        rules: the plan's bounds.
    """

    width: int
    height: int
    objects: Sequence[ObjectRecord]
    asks: Sequence[Ask]
    vocabulary: frozenset[str] = frozenset()
    present: frozenset[str] = frozenset()
    partly: frozenset[str] = frozenset()
    split: str = "train"
    rules: RulePlan = field(default_factory=RulePlan)

    @cached_property
    def absent(self) -> frozenset[str]:
        """Categories that may be asked for as absent."""
        return frozenset(name for ask in self.asks for name in ask.absent)
