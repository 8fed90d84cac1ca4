"""Questions that are answered in words: colour, material, yes or no, indoors or outdoors, what stands where.

Where the answer names a thing again, that phrase is grounded; some answers ("It is red.") name nothing.
"""

from __future__ import annotations

from segue.data.native import Turn
from segue.scenes.answers import Said, about_none, about_one, make_turn
from segue.scenes.kinds import KINDS
from segue.scenes.questions import Talk
from segue.scenes.questions.naming import absent_noun, unique_expression
from segue.scenes.questions.relating import OPPOSITE, RELATIONS
from segue.scenes.relations import CONFUSABLE_COLORS, largest, leftmost, rightmost
from segue.scenes.scene import SceneObject
from segue.scenes.wording import ask, chance, gaps_for, pick

INDOORS = {"indoor": True, "street": False, "landscape": False}


def by_plain(talk: Talk) -> Turn | None:
    """One of the plain questions that this scene allows."""
    common = (_color, _is_color, _is_where, _side)
    return pick(talk.rng, (*common, *common, _material, _bigger, _surface, _place))(talk)


def absent_plain(talk: Talk) -> Turn | None:
    """ "What colour is the car?", where there is no car."""
    noun = absent_noun(talk)
    if noun is None:
        return None
    form = pick(talk.rng, ("color", "color", "material"))
    return make_turn("absent", ask(talk.rng, form, gaps_for(noun)), about_none(noun, form="command"))


def _color(talk: Talk) -> Turn | None:
    thing = pick(talk.rng, talk.view.things)
    gaps = _name(talk, thing)
    if gaps is None or thing.group == "person":
        return None
    it = "they are" if gaps["is"] == "are" else "it is"
    if chance(talk.rng, 0.25):
        other = pick(talk.rng, KINDS[thing.kind].colors)
        if other == thing.color or frozenset((other, thing.color)) in CONFUSABLE_COLORS:
            return None
        first, second = (thing.color, other) if chance(talk.rng, 0.5) else (other, thing.color)
        question = ask(talk.rng, "color_or", gaps | {"color": first, "other": second})
        return make_turn("plain", question, Said(f"{it} {thing.color}."))
    return make_turn("plain", ask(talk.rng, "color", gaps), Said(f"{it} {thing.color}."))


def _is_color(talk: Talk) -> Turn | None:
    thing = pick(talk.rng, talk.view.things)
    gaps = _name(talk, thing)
    colors = KINDS[thing.kind].colors
    asked = thing.color if chance(talk.rng, 0.5) else pick(talk.rng, colors)
    if gaps is None or thing.group == "person" or len(set(colors)) == 1:
        return None
    if asked != thing.color and frozenset((asked, thing.color)) in CONFUSABLE_COLORS:
        return None
    yes = "yes" if asked == thing.color else "no"
    said = Said(f"{yes}, the [{gaps['bare']}] {gaps['is']} {thing.color}.", ((thing.id,),))
    return make_turn("plain", ask(talk.rng, "is_color", gaps | {"color": asked}), said)


def _material(talk: Talk) -> Turn | None:
    view = talk.view
    thing = pick(talk.rng, view.things)
    gaps = _name(talk, thing)
    if gaps is None or thing.material is None or view.words.same_material(thing.material, thing) is not True:
        return None
    it = "they are" if gaps["is"] == "are" else "it is"
    return make_turn("plain", ask(talk.rng, "material", gaps), Said(f"{it} made of {thing.material}."))


def _is_where(talk: Talk) -> Turn | None:
    """Whether one thing stands in a relation to another; the answer says how it really is."""
    if len(talk.view.things) < 2:
        return None
    for _ in range(4):
        thing, landmark = pick(talk.rng, talk.view.things), pick(talk.rng, talk.view.things)
        name = pick(talk.rng, ("left", "right", "left", "right", "behind", "front"))
        if thing is landmark or RELATIONS[name][0](thing, landmark) is not True:
            continue
        gaps, other = _name(talk, thing), _name(talk, landmark)
        if gaps is None or other is None:
            continue
        true = chance(talk.rng, 0.5)
        asked = f"{pick(talk.rng, RELATIONS[name if true else OPPOSITE[name]][1])} {other['the']}"
        real = f"{RELATIONS[name][1][0]} the [{other['bare']}]"
        said = f"{'yes' if true else 'no'}, the [{gaps['bare']}] {gaps['is']} {real}."
        question = ask(talk.rng, "is_where", gaps | {"relation": asked})
        return make_turn("plain", question, Said(said, ((thing.id,), (landmark.id,))))
    return None


def _bigger(talk: Talk) -> Turn | None:
    if len(talk.view.things) < 2:
        return None
    one, two = pick(talk.rng, talk.view.things), pick(talk.rng, talk.view.things)
    winner = largest([one, two]) if one is not two else None
    names = {id(thing): _name(talk, thing) for thing in (one, two)}
    first, second = names[id(one)], names[id(two)]
    if winner is None or first is None or second is None:
        return None
    best = names[id(winner)]
    assert best is not None
    both = {case: f"{first[case]} or {second['the']}" for case in ("the", "The")}
    return make_turn(
        "plain",
        ask(talk.rng, "bigger", both),
        Said(f"the [{best['bare']}] {best['is']} bigger.", ((winner.id,),)),
    )


def _surface(talk: Talk) -> Turn | None:
    thing = pick(talk.rng, talk.view.things)
    gaps = _name(talk, thing)
    if gaps is None or thing.rests_on not in ("surface", "ground") or "background" in talk.view.scene.surface:
        return None
    it = "they are" if gaps["is"] == "are" else "it is"
    if thing.holder is None:
        said = Said(f"{it} on the {talk.view.scene.surface}.")
        return make_turn("plain", ask(talk.rng, "surface", gaps), said)
    holder = next(other for other in talk.view.things if other.id == thing.holder)
    said = Said(f"{it} on the [{talk.view.words.own_noun(holder).singular}].", ((holder.id,),))
    return make_turn("plain", ask(talk.rng, "surface", gaps), said)


def _side(talk: Talk) -> Turn | None:
    first, side = (leftmost, "on the left") if chance(talk.rng, 0.5) else (rightmost, "on the right")
    thing = first(talk.view.things)
    if thing is None or thing.group == "person":
        return None
    question = ask(talk.rng, "side", {"side": side})
    return make_turn("plain", question, about_one(talk.view, talk.view.short(thing), thing, form="command"))


def _place(talk: Talk) -> Turn | None:
    """Questions about the whole scene; nothing is grounded."""
    scene = talk.view.scene
    grounded = all(
        thing.rests_on in ("surface", "ground") and thing.holder is None for thing in scene.objects
    )
    if grounded and "background" not in scene.surface and chance(talk.rng, 0.3):
        return make_turn("plain", ask(talk.rng, "ground", {}), Said(f"everything is on the {scene.surface}."))
    inside = INDOORS.get(scene.setting)
    if inside is None:
        return None
    form = pick(talk.rng, ("indoors", "outdoors", "in_or_out"))
    where = "indoors" if inside else "outdoors"
    start = {"in_or_out": "it", where: "yes, it"}.get(form, "no, it")
    return make_turn("plain", ask(talk.rng, form, {}), Said(f"{start} is {where}."))


def _name(talk: Talk, thing: SceneObject) -> dict[str, str] | None:
    """The words for a thing by a short description that settles it, without giving its colour away."""
    expression = unique_expression(talk, thing, plain=True)
    return None if expression is None else gaps_for(expression.noun)
