"""Descriptions of a whole scene or of a region, with the place of every word, as in Localized Narratives.

Somebody describes the picture and points along: the words for a thing are spoken on it, and between two
things the pointer moves in a straight line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from segue.data.native import Turn, WordPoint
from segue.scenes.answers import Said, make_turn, with_article
from segue.scenes.grammar import join_list
from segue.scenes.questions import Talk
from segue.scenes.relations import behind, in_front_of, left_of, next_to, on, right_of
from segue.scenes.scene import SceneObject
from segue.scenes.wording import ask, pick

MAX_CAPTIONED = 6
_WORD = re.compile(r"\S+")
_RELATIONS = (
    (on, "on"),
    (left_of, "to the left of"),
    (right_of, "to the right of"),
    (in_front_of, "in front of"),
    (behind, "behind"),
    (next_to, "next to"),
)

Point = tuple[float, float]


def by_caption(talk: Talk) -> Turn | None:
    """The whole scene in one sentence: what catches the eye first, from left to right, or just two things."""
    form = pick(talk.rng, ("caption", "caption", "caption", "caption_order", "caption_short"))
    turn, chosen = describe(talk, form)
    return turn.model_copy(update={"points": trace(talk, turn, chosen)})


def describe(talk: Talk, form: str) -> tuple[Turn, list[SceneObject]]:
    """The sentence in the given form ("caption", "caption_order" or "caption_short"), without points, and the
    things that it names, in its order."""
    view = talk.view
    if form == "caption_short":
        chosen, text = _two_things(talk)
    else:
        salient = sorted(view.things, key=lambda thing: -thing.area)[:MAX_CAPTIONED]
        chosen = [thing for thing in view.things if any(thing is other for other in salient)]
        if form == "caption":
            chosen = sorted(chosen, key=lambda thing: -thing.area)
        listed = join_list([with_article(view.short(thing)) for thing in chosen])
        text = f"{listed}{_surface(talk, chosen)}." if form == "caption" else f"from left to right: {listed}."
    said = Said(text, tuple((thing.id,) for thing in chosen))
    return make_turn("caption", ask(talk.rng, form, {}), said), chosen


def by_region(talk: Talk) -> Turn | None:
    """What is in a box around one thing, and where that stands."""
    view = talk.view
    thing = pick(talk.rng, view.things)
    text = f"{with_article(view.short(thing))} {view.place(thing)}."
    said, box = Said(text, ((thing.id,),)), _loose_box(talk, thing)
    turn = make_turn("region_caption", ask(talk.rng, "region", {}), said, region=box)
    return turn.model_copy(update={"points": trace(talk, turn, [thing])})


def trace(talk: Talk, turn: Turn, things: Sequence[SceneObject]) -> list[WordPoint]:
    """A point for every word of the answer: inside a phrase on its thing, between them on the way."""
    words = [match.span() for match in _WORD.finditer(turn.answer)]
    points: list[Point | None] = [None] * len(words)
    for phrase, thing in zip(turn.phrases, things, strict=True):
        start, end = phrase.span
        inside = [i for i, word in enumerate(words) if word[0] < end and word[1] > start]
        if inside[0] > 0 and turn.answer[slice(*words[inside[0] - 1])].lower() in ("a", "an", "some"):
            inside.insert(0, inside[0] - 1)
        for index, point in zip(inside, _points_on(talk.rng, thing, len(inside)), strict=True):
            points[index] = point
    if points[-1] is None:
        points[-1] = _below(talk, things[-1])
    placed = _fill_between(points)
    return [WordPoint(span=span, point=point) for span, point in zip(words, placed, strict=True)]


def _two_things(talk: Talk) -> tuple[list[SceneObject], str]:
    """The largest thing, and how it stands to the next largest where that is clear."""
    view = talk.view
    ranked = sorted(view.things, key=lambda thing: -thing.area)
    first = ranked[0]
    for second in ranked[1:4]:
        for relation, words in _RELATIONS:
            if relation(first, second):
                text = f"{with_article(view.short(first))} {words} {with_article(view.short(second))}."
                return [first, second], text
    return [first], f"{with_article(view.short(first))}{_surface(talk, [first])}."


def _surface(talk: Talk, things: Sequence[SceneObject]) -> str:
    """Where it all stands, when it all stands there."""
    surface = talk.view.scene.surface
    standing = all(thing.rests_on in ("surface", "ground") and thing.holder is None for thing in things)
    return f" on the {surface}" if standing and "background" not in surface else ""


def _loose_box(talk: Talk, thing: SceneObject) -> tuple[float, float, float, float]:
    """The thing's box as a hand would draw it: up to a twelfth too large or too small on each side."""
    x, y, width, height = thing.box
    slack = talk.rng.uniform(-1 / 12, 1 / 12, size=4) * (width, height, width, height)
    x0, y0 = max(0.0, x + slack[0]), max(0.0, y + slack[1])
    x1 = min(float(talk.view.scene.width), x + width + slack[2])
    y1 = min(float(talk.view.scene.height), y + height + slack[3])
    return round(x0, 1), round(y0, 1), round(x1 - x0, 1), round(y1 - y0, 1)


def _points_on(rng: np.random.Generator, thing: SceneObject, count: int) -> list[Point]:
    """`count` pixels of the thing: around its anchor where these are on it, else the anchor itself."""
    x, y, width, height = thing.box
    steps = rng.normal(scale=0.12, size=(count, 2)) * (width, height)
    points = []
    for dx, dy in steps:
        px, py = round(thing.anchor[0] + dx), round(thing.anchor[1] + dy)
        hit = x <= px < x + width and y <= py < y + height and thing.mask[py, px]
        points.append((float(px), float(py)) if hit else (float(thing.anchor[0]), float(thing.anchor[1])))
    return points


def _below(talk: Talk, thing: SceneObject) -> Point:
    """A place on the ground under the thing, where the last words about the surface are spoken."""
    x, y, width, height = thing.box
    foot = min(talk.view.scene.height - 1, y + height + 2)
    return float(round(x + width * talk.rng.random())), float(foot)


def _fill_between(points: list[Point | None]) -> list[Point]:
    """Points in a straight line between those that are known; before the first, the first."""
    known = [index for index, point in enumerate(points) if point is not None]
    xs, ys = zip(*(point for point in points if point is not None), strict=True)
    every = range(len(points))
    return [
        (round(float(px), 1), round(float(py), 1))
        for px, py in zip(np.interp(every, known, xs), np.interp(every, known, ys), strict=True)
    ]
