"""Parts of things: "the handle of the mug", "the wheels of the red car"."""

from __future__ import annotations

from segue.data.native import Turn
from segue.scenes.answers import NOTHING, Said, about_none, make_turn
from segue.scenes.grammar import Noun
from segue.scenes.kinds import KINDS
from segue.scenes.questions import Talk
from segue.scenes.questions.naming import absent_looking, absent_noun, unique_expression
from segue.scenes.wording import ask, chance, gaps_for, pick

FORMS = ("command", "command", "command", "bare", "bare")


def by_part(talk: Talk) -> Turn | None:
    """A part that can be seen, of a thing that the question settles."""
    view, rng = talk.view, talk.rng
    if not view.clear_parts:
        return None
    part = pick(rng, view.clear_parts)
    owner = unique_expression(talk, part.owner)
    if owner is None:
        return None
    noun = _part_of(view.part_noun(part), owner.noun)
    question = ask(rng, pick(rng, FORMS), gaps_for(_asked(talk, part.name, noun, owner.noun)))
    return make_turn("part", question, Said(f"the [{noun.singular}].", ((part.id,),)))


def absent_part(talk: Talk) -> Turn | None:
    """A part of a thing that is not there, or that things of its kind never have."""
    view, rng = talk.view, talk.rng
    if chance(rng, 0.2):
        return _missing_part(talk)
    owner = absent_noun(talk) if chance(rng, 0.6) else absent_looking(talk)
    if owner is None:
        return None
    kinds = [kind for kind in KINDS.values() if owner.singular.endswith(kind.name) and kind.parts]
    if not kinds:
        return None
    name = pick(rng, max(kinds, key=lambda kind: len(kind.name)).parts)
    noun = _part_of(view.words.part_noun(name, 1 + chance(rng, 0.5)), owner)
    question = ask(rng, pick(rng, FORMS), gaps_for(_asked(talk, name, noun, owner)))
    return make_turn("absent", question, about_none(owner, form="command"))


def _missing_part(talk: Talk) -> Turn | None:
    view, rng = talk.view, talk.rng
    thing = pick(rng, view.things)
    never = view.words.tables["parts"]["never"]
    names = [name for name, groups in never.items() if thing.group in groups]
    names = [name for name in names if not any(name in part for part in KINDS[thing.kind].parts)]
    owner = unique_expression(talk, thing)
    if not names or owner is None:
        return None
    part = view.words.part_noun(pick(rng, names), 2)
    question = ask(rng, pick(rng, FORMS), gaps_for(_part_of(part, owner.noun)))
    has = "have" if owner.noun.is_plural else "has"
    said = Said(f"the {owner.noun.singular} {has} no [{part.plural}].", (NOTHING,))
    return make_turn("absent", question, said)


def _part_of(part: Noun, owner: Noun) -> Noun:
    words = f"{part.singular} of the {owner.singular}"
    return Noun(words, words, part.kernel, part.is_plural)


def _asked(talk: Talk, name: str, noun: Noun, owner: Noun) -> Noun:
    """The way a person may ask for it: "the handle of the mug" or "the mug's handle"."""
    if owner.is_plural or chance(talk.rng, 0.7):
        return noun
    words = f"{owner.singular}'s {noun.singular.partition(' of the ')[0]}"
    return Noun(words, words, noun.kernel, noun.is_plural)
