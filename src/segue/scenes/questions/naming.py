"""Things asked for by name or by what they look like: "the dog", "the sofa", "the animal", "the red chair".

Whether a description fits one thing, several or none is for the scene to say; it is worded the same for all.
"""

from __future__ import annotations

import numpy as np

from segue.data.native import Turn
from segue.scenes.answers import about_all, about_none, about_one, make_turn
from segue.scenes.grammar import Noun
from segue.scenes.kinds import KINDS
from segue.scenes.questions import Talk
from segue.scenes.relations import largest, smallest
from segue.scenes.scene import SceneObject
from segue.scenes.view import Expression, SceneView
from segue.scenes.wording import ask, chance, gaps_for, pick

ONE_FORMS = ("command", "command", "command", "bare", "bare", "where", "where", "exist")
"""Forms of question about one thing, as often as they come."""

STRANGE = 0.15
"""How often something that no scene of this world shows may be asked for."""


def by_name(talk: Talk) -> Turn | None:
    """One thing, or all of its name, by a word for it."""
    thing = pick(talk.rng, talk.view.things)
    word = any_word(talk.rng, talk.view, thing)
    expression = talk.view.by_word(word)
    return describe_turn(talk, "name", expression, brief=word not in own_words(talk.view, thing))


def by_look(talk: Talk) -> Turn | None:
    """One thing by colour, material or size beside its name."""
    view, rng = talk.view, talk.rng
    thing = pick(rng, _with_rivals(view) or view.things) if chance(rng, 0.6) else pick(rng, view.things)
    base = view.by_word(any_word(rng, view, thing))
    expression = _looking(view, rng, base, thing)
    return None if expression is None else describe_turn(talk, "attribute", expression)


def absent_name(talk: Talk) -> Turn | None:
    """A thing that is not there, preferably one that looks alike or could be expected."""
    noun = absent_noun(talk)
    return None if noun is None else _absent_turn(talk, noun)


def absent_look(talk: Talk) -> Turn | None:
    """Something that is there, but not in this colour or of this material."""
    noun = absent_looking(talk)
    return None if noun is None else _absent_turn(talk, noun)


# -------------------------------------------------------------------------------------------- for others too


def describe_turn(talk: Talk, kind: str, expression: Expression, *, brief: bool = False) -> Turn | None:
    """Ask for what the expression describes, and answer for what the scene has of it. `brief` answers with
    colour and name in place of the words of the question."""
    found = talk.view.resolve(expression)
    if not found:
        return None
    noun = expression.noun
    form = pick(talk.rng, ONE_FORMS)
    if len(found) == 1:
        question = ask(talk.rng, form, gaps_for(noun))
        called = talk.view.short(found[0]) if brief or form == "exist" else noun
        return make_turn(kind, question, about_one(talk.view, called, found[0], form=form))
    if noun.is_plural or noun.is_mass or talk.view.may_show_more(expression):
        return None
    question = ask(talk.rng, form, gaps_for(noun, several=form != "exist" and chance(talk.rng, 0.4)))
    return make_turn(kind, question, about_all(talk.view, noun, found, form=form))


def own_words(view: SceneView, thing: SceneObject) -> tuple[str, ...]:
    """The words that mean just this kind of thing: its name and synonyms."""
    return view.words.names[thing.kind]


def any_word(rng: np.random.Generator, view: SceneView, thing: SceneObject) -> str:
    """A word for the thing: mostly its name, at times a synonym or a broader word."""
    names, broader = own_words(view, thing), view.words.hypernyms[thing.kind]
    choice = rng.random()
    if choice < 0.15 and broader:
        return pick(rng, broader)
    return pick(rng, names) if choice < 0.4 else names[0]


def absent_noun(talk: Talk) -> Noun | None:
    """A noun for which the picture has nothing, not even something that could pass for it."""
    view = talk.view
    for _ in range(8):
        word = _tempting_word(talk)
        expression = view.by_word(word)
        if view.lacks(expression):
            return expression.noun
    return None


def absent_looking(talk: Talk) -> Noun | None:
    """A noun that fits something in the picture, with a colour or material that fits none of them."""
    view, rng = talk.view, talk.rng
    for _ in range(6):
        thing = pick(rng, view.things)
        kind = KINDS[thing.kind]
        base = view.by_word(any_word(rng, view, thing))
        if kind.materials and chance(rng, 0.2):
            expression = view.by_material(base, pick(rng, kind.materials))
        else:
            seen = [other.color for other in view.things if other.color in kind.colors]
            color = pick(rng, seen if seen and chance(rng, 0.5) else kind.colors)
            if base.noun.singular == color:
                continue
            expression = view.by_color(base, color, worn=thing.group == "person")
        if view.lacks(expression):
            return expression.noun
    return None


def expected_kind(talk: Talk) -> str:
    """A kind that could have been in such a picture. A word for what is never seen would give itself away as
    absent, so one from outside the scene's world comes but rarely."""
    view, rng = talk.view, talk.rng
    for _ in range(4):
        kind = pick(rng, view.expected_kinds)
        if kind in view.world or chance(rng, STRANGE):
            return kind
    return kind


def unique_expression(talk: Talk, thing: SceneObject, *, plain: bool = False) -> Expression | None:
    """A short description that fits this thing alone: its name, else (unless `plain`) with its colour."""
    view = talk.view
    names = own_words(view, thing)
    base = view.by_word(pick(talk.rng, names) if chance(talk.rng, 0.25) else names[0])
    if plain:
        return base if view.resolve(base) == (thing,) else None
    colored = _looking(view, talk.rng, base, thing, color_only=True)
    options = [base] if colored is None else [base, colored]
    if len(options) == 2 and chance(talk.rng, 0.35):
        options.reverse()
    return next((option for option in options if view.resolve(option) == (thing,)), None)


# --------------------------------------------------------------------------------------------------- inside


def _absent_turn(talk: Talk, noun: Noun) -> Turn:
    form = pick(talk.rng, ONE_FORMS)
    several = form != "exist" and chance(talk.rng, 0.1) and not noun.is_plural and not noun.is_mass
    question = ask(talk.rng, form, gaps_for(noun, several=several))
    return make_turn("absent", question, about_none(noun, form=form, several=several))


def _tempting_word(talk: Talk) -> str:
    """A word for something that looks like a thing in the picture, or that could be in such a place."""
    view, rng = talk.view, talk.rng
    choice = rng.random()
    if choice < 0.45:
        alike = view.words.alike.get(pick(rng, view.things).kind, ())
        known = [kind for kind in alike if kind in view.world or chance(rng, STRANGE)]
        if known:
            return _spoken(view, rng, pick(rng, known))
    if choice < 0.55:
        words = view.words
        return pick(
            rng, [word for word in words.tables["broader"] if view.world & words.certain.get(word, set())]
        )
    return _spoken(view, rng, expected_kind(talk))


def _spoken(view: SceneView, rng: np.random.Generator, kind: str) -> str:
    """The kind's name, at times a synonym."""
    names = view.words.names[kind]
    return pick(rng, names) if chance(rng, 0.25) else names[0]


def _with_rivals(view: SceneView) -> list[SceneObject]:
    """The things of which there are several, where looks matter most."""
    kinds = [thing.kind for thing in view.things]
    return [thing for thing in view.things if kinds.count(thing.kind) > 1]


def _looking(
    view: SceneView,
    rng: np.random.Generator,
    base: Expression,
    thing: SceneObject,
    *,
    color_only: bool = False,
) -> Expression | None:
    """The description with a word or two about how the thing looks."""
    choice = 1.0 if color_only else rng.random()
    if choice < 0.15:
        rivals = view.resolve(base) or ()
        best, words = (largest, ("big", "large")) if chance(rng, 0.5) else (smallest, ("small", "little"))
        if len(rivals) == 2 and best(rivals) is thing:
            return base.narrowed(lambda other: other is thing, before=pick(rng, words))
    plain = base
    if choice < 0.4 and thing.material is not None and thing.material not in base.noun.singular:
        base = view.by_material(base, thing.material)
    if base is not plain and choice < 0.33:
        return base
    if thing.color == plain.noun.singular:
        return None
    return view.by_color(base, thing.color, worn=thing.group == "person")
