"""Things asked for by their place among others: "the mug to the left of the plate", "the largest animal",
"what is behind the car", "the fruit of the same colour as the mug"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from segue.data.native import Turn
from segue.scenes import relations
from segue.scenes.answers import NOTHING, Said, about_all, about_none, about_one, make_turn
from segue.scenes.grammar import Noun
from segue.scenes.questions import Talk
from segue.scenes.questions.naming import any_word, expected_kind, own_words, unique_expression
from segue.scenes.scene import SceneObject
from segue.scenes.view import Expression, Judge
from segue.scenes.wording import ask, chance, gaps_for, pick

Relation = Callable[[SceneObject, SceneObject], bool | None]
Rank = Callable[[Sequence[SceneObject]], SceneObject | None]

RELATIONS: dict[str, tuple[Relation, tuple[str, ...]]] = {
    "left": (relations.left_of, ("to the left of", "left of", "on the left of", "on the left side of")),
    "right": (relations.right_of, ("to the right of", "right of", "on the right of", "on the right side of")),
    "behind": (relations.behind, ("behind", "in back of")),
    "front": (relations.in_front_of, ("in front of",)),
    "beside": (relations.next_to, ("next to", "beside", "right next to")),
    "on": (relations.on, ("on", "on top of")),
    "above": (relations.above, ("above", "over")),
    "below": (relations.below, ("below", "under")),
}
OPPOSITE = {
    "left": "right",
    "right": "left",
    "behind": "front",
    "front": "behind",
    "above": "below",
    "below": "above",
}
OFTEN_FALSE = (
    "left",
    "right",
    "left",
    "right",
    "behind",
    "front",
    "behind",
    "front",
    "beside",
    "on",
    "above",
    "below",
)

SUPERLATIVES: dict[Rank, tuple[tuple[str, ...], tuple[str, ...]]] = {
    relations.leftmost: (("leftmost",), ("on the far left", "farthest to the left", "most to the left")),
    relations.rightmost: (("rightmost",), ("on the far right", "farthest to the right", "most to the right")),
    relations.highest: (("highest", "topmost"), ("at the very top", "farthest up")),
    relations.lowest: (("lowest",), ("at the very bottom", "farthest down")),
    relations.largest: (("largest", "biggest"), ()),
    relations.smallest: (("smallest",), ()),
    relations.tallest: (("tallest",), ()),
    relations.nearest: (
        ("nearest", "closest"),
        ("nearest to the viewer", "closest to us", "in the foreground"),
    ),
    relations.farthest: (("farthest", "most distant"), ("farthest from the viewer", "farthest away")),
}
OF_TWO: dict[Rank, tuple[tuple[str, ...], tuple[str, ...]]] = {
    relations.leftmost: (("left",), ("on the left", "to the left")),
    relations.rightmost: (("right",), ("on the right", "to the right")),
    relations.largest: (("larger", "bigger"), ()),
    relations.smallest: (("smaller",), ()),
    relations.tallest: (("taller",), ()),
}
ANYTHING = Expression(Noun("thing", "things"), lambda thing: True)
FORMS = ("command", "command", "bare", "bare", "which")


def by_relation(talk: Talk) -> Turn | None:
    """One thing by where it stands, by its rank, or by what it has in common with another."""
    make = pick(talk.rng, (_by_landmark, _by_landmark, _by_landmark, _by_rank, _by_rank, _by_rank, _by_color))
    expression = make(talk)
    return None if expression is None else _turn(talk, expression)


def by_open_relation(talk: Talk) -> Turn | None:
    """ "What is to the left of the plate?": any thing may be the answer, or nothing."""
    view, rng = talk.view, talk.rng
    landmark = pick(rng, view.things)
    name = pick(rng, tuple(RELATIONS))
    judge, said = _place(talk, name, landmark) or (None, "")
    if judge is None:
        return None
    anything = Expression(Noun("thing", "things"), judge)
    found = view.resolve(anything)
    if found is None or len(found) > 4:
        return None
    question = ask(rng, "what_relation", {"relation": said})
    if not found:
        return make_turn("absent", question, Said(f"there is [nothing] {said}.", (NOTHING,)))
    if any(thing.group == "person" for thing in found):
        return None
    if len(found) > 1:
        return make_turn("relation", question, about_all(view, anything.noun, found, form="command"))
    return make_turn("relation", question, about_one(view, view.short(found[0]), found[0], form="command"))


def absent_relation(talk: Talk) -> Turn | None:
    """Something that is there, but not where the question says, or not beside something that is not there."""
    noun = absent_relating(talk)
    if noun is None:
        return None
    form = pick(talk.rng, ("command", "command", "bare", "bare", "exist"))
    return make_turn("absent", ask(talk.rng, form, gaps_for(noun)), about_none(noun, form=form))


def absent_relating(talk: Talk) -> Noun | None:
    """A description by relation that nothing in the picture fits."""
    view, rng = talk.view, talk.rng
    for _ in range(6):
        thing = pick(rng, view.things)
        base = view.by_word(any_word(rng, view, thing))
        name = pick(rng, OFTEN_FALSE)
        if chance(rng, 0.2):  # nothing is left of what is not there
            word = expected_kind(talk)
            gone = view.by_word(word)
            if name in OPPOSITE and view.lacks(gone) and not view.may_show_more(base):
                said = f"{pick(rng, RELATIONS[name][1])} the {gone.noun.singular}"
                return base.noun.with_words(after=said)
            continue
        if len(view.things) < 2:
            continue
        landmark = pick(rng, view.things)
        placed = None if landmark is thing else _place(talk, name, landmark)
        if placed is None:
            continue
        expression = base.narrowed(placed[0], after=placed[1])
        if view.lacks(expression):
            return expression.noun
    return None


# --------------------------------------------------------------------------------------------------- inside


def _turn(talk: Talk, expression: Expression) -> Turn | None:
    found = talk.view.resolve(expression)
    if found is None or len(found) != 1:
        return None
    form = pick(talk.rng, FORMS)
    question = ask(talk.rng, form, gaps_for(expression.noun))
    return make_turn(
        "relation", question, about_one(talk.view, talk.view.short(found[0]), found[0], form="command")
    )


def _by_landmark(talk: Talk) -> Expression | None:
    """A noun and a relation to another thing, for instance where that settles which one is meant."""
    view, rng = talk.view, talk.rng
    if len(view.things) < 2:
        return None
    for _ in range(6):
        thing, landmark = pick(rng, view.things), pick(rng, view.things)
        if thing is landmark:
            continue
        holding = [name for name, (relation, _) in RELATIONS.items() if relation(thing, landmark)]
        if not holding:
            continue
        placed = _place(talk, pick(rng, holding), landmark)
        if placed is None:
            continue
        word = "thing" if chance(rng, 0.1) and thing.group != "person" else any_word(rng, view, thing)
        base = ANYTHING if word == "thing" else view.by_word(word)
        expression = base.narrowed(placed[0], after=placed[1])
        if view.resolve(expression) == (thing,):
            return expression
    return None


def _place(talk: Talk, name: str, landmark: SceneObject) -> tuple[Judge, str] | None:
    """Whether a thing stands in a relation to the landmark, and the words for that."""
    relation, wordings = RELATIONS[name]
    about = unique_expression(talk, landmark)
    if about is None:
        return None
    return (
        lambda thing: False if thing is landmark else relation(thing, landmark),
        f"{pick(talk.rng, wordings)} the {about.noun.singular}",
    )


def _by_rank(talk: Talk) -> Expression | None:
    """The first by place or size of those that a word covers."""
    view, rng = talk.view, talk.rng
    for _ in range(6):
        thing = pick(rng, view.things)
        broad = chance(rng, 0.4) and view.words.hypernyms[thing.kind]
        word = pick(rng, broad or own_words(view, thing))
        base = view.by_word(word)
        rivals = view.resolve(base)
        if rivals is None or len(rivals) < 2 or base.noun.is_mass or base.noun.is_plural:
            continue
        rank = pick(rng, tuple(SUPERLATIVES))
        best = rank(rivals)
        if best is None:
            continue
        use_two = len(rivals) == 2 and rank in OF_TWO and chance(rng, 0.6)
        before, after = (OF_TWO if use_two else SUPERLATIVES)[rank]
        return (
            _only(base, best, after=pick(rng, after))
            if after and chance(rng, 0.5)
            else _only(base, best, before=pick(rng, before))
        )
    return None


def _by_color(talk: Talk) -> Expression | None:
    """The thing that has another's colour."""
    view, rng = talk.view, talk.rng
    for _ in range(4):
        model = pick(rng, view.things)
        alike = [other for other in view.things if other is not model and other.color == model.color]
        if not alike or model.group == "person":
            continue
        about = unique_expression(talk, model)
        if about is None or model.color in about.noun.singular:
            continue
        thing = pick(rng, alike)
        base = ANYTHING if chance(rng, 0.4) else view.by_word(any_word(rng, view, thing))
        wordings = (
            f"of the same colour as the {about.noun.singular}",
            f"with the same color as the {about.noun.singular}",
            f"that has the colour of the {about.noun.singular}",
            f"that has the same colour as the {about.noun.singular}",
        )
        expression = base.narrowed(_shares_color_with(model), after=pick(rng, wordings))
        if view.resolve(expression) == (thing,):
            return expression
    return None


def _only(base: Expression, best: SceneObject, *, before: str = "", after: str = "") -> Expression:
    """What fits the one thing that came first."""
    return base.narrowed(lambda thing: thing is best, before=before, after=after)


def _shares_color_with(model: SceneObject) -> Judge:
    def judge(thing: SceneObject) -> bool | None:
        if thing is model:
            return False
        return None if thing.group == "person" else relations.same_color(thing, model)

    return judge
