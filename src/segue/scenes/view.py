"""A scene as a speaker sees it: what each thing is called, how it differs from the others, where it is.

One `SceneView` serves all turns of a scene. Here is what descriptions mean; questions only choose among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segue.scenes.grammar import ORDINALS, Noun
from segue.scenes.kinds import KINDS
from segue.scenes.lexicon import Lexicon, lexicon
from segue.scenes.relations import CONFUSABLE_COLORS
from segue.scenes.scene import Scene, SceneObject

Judge = Callable[[SceneObject], bool | None]
"""Whether a description fits a thing: yes, no, or people might disagree."""

MIN_PART_PIXELS = 12
MAX_LISTED = 6
"""More things than this are answered with one phrase for all."""


@dataclass(frozen=True, eq=False)
class Part:
    """A visible part of a thing, such as the handle of a mug; `id` is its id in the record."""

    id: int
    owner: SceneObject
    name: str
    mask: np.ndarray


@dataclass(frozen=True, eq=False)
class Expression:
    """A description of things, and its meaning: `noun` is all of it but the article, `word` its main word."""

    noun: Noun
    fits: Judge
    word: str = ""

    def narrowed(self, judge: Judge, *, before: str = "", after: str = "") -> Expression:
        """The description with more words, which fits where both do."""

        def fits(thing: SceneObject) -> bool | None:
            first = self.fits(thing)
            if first is False:
                return False
            second = judge(thing)
            return second if second is False or first is True else None

        return Expression(self.noun.with_words(before, after), fits, self.word)


@dataclass(frozen=True, eq=False)
class SceneView:
    """A scene with the words for it."""

    scene: Scene
    words: Lexicon

    @classmethod
    def of(cls, scene: Scene) -> SceneView:
        """The view of a scene."""
        return cls(scene, lexicon())

    @cached_property
    def things(self) -> tuple[SceneObject, ...]:
        """The objects from left to right, the order in which answers name them."""
        return tuple(sorted(self.scene.objects, key=lambda thing: (thing.center[0], thing.id)))

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """Every visible part, with ids that follow those of the objects."""
        first = max((thing.id for thing in self.scene.objects), default=0) + 1
        owned = [(thing, name, mask) for thing in self.scene.objects for name, mask in thing.parts.items()]
        return tuple(
            Part(first + index, thing, name, mask)
            for index, (thing, name, mask) in enumerate(owned)
            if mask.any()
        )

    @cached_property
    def clear_parts(self) -> tuple[Part, ...]:
        """The parts that are large enough to ask about."""
        return tuple(part for part in self.parts if np.count_nonzero(part.mask) >= MIN_PART_PIXELS)

    def part_noun(self, part: Part) -> Noun:
        """What a part is called: `handle`, or `wheels` where more than one is seen."""
        return self.words.part_noun(part.name, _pieces(part.mask, part.owner))

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds that are there."""
        return frozenset(thing.kind for thing in self.scene.objects)

    @cached_property
    def world(self) -> frozenset[str]:
        """The kinds that the scene could have held."""
        return self.scene.world or frozenset(KINDS)

    @cached_property
    def expected_kinds(self) -> tuple[str, ...]:
        """The kinds found in such a place, of this world or not; all of them where anything may be."""
        found = tuple(kind.name for kind in KINDS.values() if self.scene.setting in kind.settings)
        return found or tuple(KINDS)

    # ------------------------------------------------------------------------------- meaning of words

    def by_word(self, word: str) -> Expression:
        """The description that is just a noun."""
        return Expression(self.words.nouns[word], lambda thing: self.words.covers(word, thing), word)

    def by_color(self, base: Expression, color: str, *, worn: bool = False) -> Expression:
        """`base` of a colour; people are not red but "in red", which `worn` says."""
        words = {"after": f"in {color}"} if worn else {"before": color}
        return base.narrowed(lambda thing: color_of(thing, color), **words)

    def by_material(self, base: Expression, material: str) -> Expression:
        """`base` made of a material."""
        adjective = self.words.tables["materials"]["adjective"][material]
        return base.narrowed(lambda thing: self.words.same_material(material, thing), before=adjective)

    def resolve(self, expression: Expression) -> tuple[SceneObject, ...] | None:
        """The things that the description fits, from left to right; None when any of them is doubtful."""
        found = []
        for thing in self.things:
            fits = expression.fits(thing)
            if fits is None:
                return None
            if fits:
                found.append(thing)
        return tuple(found)

    def may_show_more(self, expression: Expression) -> bool:
        """Whether other things or the stage may show what the word names: books in a bookshelf, far houses.
        Then nobody should say that there is none, or how many there are."""
        word = expression.word
        on_stage = self.words.shown_on_stage.get(self.scene.setting, ())
        return word in on_stage or bool(self.kinds & self.words.shown_in.get(word, frozenset()))

    def lacks(self, expression: Expression) -> bool:
        """Whether there is certainly nothing in the picture that the description fits."""
        return self.resolve(expression) == () and not self.may_show_more(expression)

    # ------------------------------------------------------------------------------------ descriptions

    def short(self, thing: SceneObject) -> Noun:
        """Colour and name, the everyday short description: `red mug`, `woman in the blue dress`."""
        noun = self.words.own_noun(thing)
        if thing.group == "person":
            return noun.with_words(after=f"in {thing.color}")
        return noun if thing.color == thing.kind else noun.with_words(before=thing.color)

    def tell_apart(self, things: Sequence[SceneObject]) -> list[str]:
        """A description for each, different from the others'; `things` are ordered from left to right.

        The name where there is one of it, else colour and name, else the place among its like: "left apple".
        """
        names = [self.words.own_noun(thing).singular for thing in things]
        described = []
        for name, thing in zip(names, things, strict=True):
            rivals = [other for other, its_name in zip(things, names, strict=True) if its_name == name]
            shorts = {self.short(rival).singular for rival in rivals}
            if len(rivals) == 1:
                described.append(name)
            elif len(shorts) == len(rivals) and _colors_differ(rivals):
                described.append(self.short(thing).singular)
            else:
                # "left" is among those listed; where there are more of the name, a shared colour says which
                more = len(rivals) < sum(other.kind == thing.kind for other in self.things)
                base = self.short(thing) if more and len(shorts) == 1 else self.words.own_noun(thing)
                described.append(_in_row(base.singular, rivals.index(thing), len(rivals)))
        return described

    def zone(self, thing: SceneObject) -> str:
        """Where it is in the picture, in words: `on the left`, `in the middle`, `on the right`."""
        place = thing.center[0] / self.scene.width
        return "on the left" if place < 0.38 else "on the right" if place > 0.62 else "in the middle"

    def place(self, thing: SceneObject) -> str:
        """What it stands on, hangs on or floats in: `on the wooden table`, `in the sky`; else its zone."""
        holder = next((other for other in self.scene.objects if other.id == thing.holder), None)
        if holder is not None:
            return f"on the {self.words.own_noun(holder).singular}"
        by_rest = {"sky": "in the sky", "wall": "on the wall", "water": "on the water"}
        if self.scene.setting == "loose":
            return self.zone(thing)
        return by_rest.get(thing.rests_on) or f"on the {self.scene.surface}"


def color_of(thing: SceneObject, color: str) -> bool | None:
    """Whether the thing is of that colour (a person: dressed in it); None for colours that look alike."""
    if thing.color == color:
        return True
    return None if frozenset((thing.color, color)) in CONFUSABLE_COLORS else False


def _colors_differ(things: Sequence[SceneObject]) -> bool:
    """Whether everybody would tell the things apart by colour."""
    colors = {thing.color for thing in things}
    return not any(frozenset((a, b)) in CONFUSABLE_COLORS for a in colors for b in colors if a != b)


def _in_row(words: str, index: int, count: int) -> str:
    """The `index`-th of several that look alike, from the left."""
    places = {2: ("left", "right"), 3: ("left", "middle", "right")}.get(count, ORDINALS)
    return f"{places[index]} {words}"


def _pieces(mask: np.ndarray, owner: SceneObject) -> int:
    """How many separate pieces of some size a part's mask has."""
    from scipy.ndimage import label

    x, y, width, height = owner.box
    labels, count = label(mask[y : y + height, x : x + width])
    if count < 2:
        return count
    sizes = np.bincount(labels.ravel())[1:]
    return int((sizes >= max(3, 0.25 * sizes.max())).sum())
