"""Questions about several things: listed one by one, all of a sort, some there and some not, or counted."""

from __future__ import annotations

from segue.data.native import Turn
from segue.scenes.answers import Said, about_all, about_list, about_none, make_turn
from segue.scenes.grammar import Noun
from segue.scenes.questions import Talk
from segue.scenes.questions.naming import absent_looking, absent_noun, any_word, unique_expression
from segue.scenes.questions.relating import absent_relating
from segue.scenes.scene import SceneObject
from segue.scenes.view import Expression
from segue.scenes.wording import ask, chance, gaps_for, gaps_for_list, pick


def by_list(talk: Talk) -> Turn | None:
    """Two or three things, each by a description of its own."""
    described = _describe_some(talk, 3 if chance(talk.rng, 0.25) else 2)
    if len(described) < 2:
        return None
    nouns = [expression.noun for expression, _ in described]
    question = ask(talk.rng, "list", gaps_for_list(nouns))
    present = [(expression.noun.singular, (thing.id,)) for expression, thing in described]
    return make_turn("multi", question, about_list(present, []))


def by_sort(talk: Talk) -> Turn | None:
    """All things of a kind, of a broader sort, or of a colour."""
    expression = _some_sort(talk)
    found = talk.view.resolve(expression)
    if not found or (len(found) == 1 and chance(talk.rng, 0.6)) or talk.view.may_show_more(expression):
        return None
    question = ask(talk.rng, "all", _gaps_for_all(talk, expression.noun))
    return make_turn("multi", question, about_all(talk.view, expression.noun, found, form="all"))


def by_count(talk: Talk) -> Turn | None:
    """How many there are; at times none."""
    noun: Noun | None
    if chance(talk.rng, 0.25):
        noun = absent_noun(talk) if chance(talk.rng, 0.6) else absent_looking(talk)
        found: tuple[SceneObject, ...] | None = ()
    else:
        expression = _some_sort(talk)
        noun, found = expression.noun, talk.view.resolve(expression)
        if talk.view.may_show_more(expression):
            return None
    if noun is None or found is None or noun.is_mass or noun.is_plural:
        return None
    question = ask(talk.rng, "count", gaps_for(noun))
    return make_turn("count", question, about_all(talk.view, noun, found, form="count"))


def by_mixed(talk: Talk) -> Turn | None:
    """Some things that are there and some that are not, in one question."""
    rng = talk.rng
    described = _describe_some(talk, 2 if chance(rng, 0.3) else 1)
    gone = list(dict.fromkeys(noun for noun in (_gone(talk), chance(rng, 0.2) and _gone(talk)) if noun))
    if not described or not gone:
        return None
    nouns = [expression.noun for expression, _ in described]
    order = [*nouns, *gone]
    rng.shuffle(order)
    question = ask(rng, "each" if chance(rng, 0.25) and len(order) == 2 else "list", gaps_for_list(order))
    present = [(expression.noun.singular, (thing.id,)) for expression, thing in sorted_as(described, order)]
    plural = len(present) > 1 or described[0][0].noun.is_plural
    gone = [noun for noun in order if noun not in nouns]
    return make_turn("mixed", question, about_list(present, gone, plural=plural))


def by_mixed_sorts(talk: Talk) -> Turn | None:
    """All things of two sorts, one of which is missing: "the apples and the bananas"."""
    expression, noun = _some_sort(talk), absent_noun(talk)
    found = talk.view.resolve(expression)
    if noun is None or noun.is_mass or noun.is_plural or not found or len(found) < 2:
        return None
    if talk.view.may_show_more(expression):
        return None
    both = [expression.noun, noun]
    talk.rng.shuffle(both)
    words = " and ".join(n.plural for n in both)
    gaps = {"all": f"all {words}", "any": words, "is": "are"}
    said = about_all(talk.view, expression.noun, found, form="all")
    text = f"{said.text.removesuffix('.')}, but there are no [{noun.plural}]."
    return make_turn("mixed", ask(talk.rng, "all", gaps), Said(text, (*said.ids, ())))


def absent_list(talk: Talk) -> Turn | None:
    """Two things, neither of which is there."""
    nouns = [noun for noun in (_gone(talk), _gone(talk)) if noun is not None]
    if len(nouns) < 2 or nouns[0].singular == nouns[1].singular:
        return None
    question = ask(talk.rng, "list", gaps_for_list(nouns))
    return make_turn("absent", question, about_list([], nouns))


def absent_sort(talk: Talk) -> Turn | None:
    """All things of a sort of which there is none."""
    noun = absent_noun(talk) if chance(talk.rng, 0.7) else absent_looking(talk)
    if noun is None or noun.is_mass or noun.is_plural:
        return None
    question = ask(talk.rng, "all", _gaps_for_all(talk, noun))
    return make_turn("absent", question, about_none(noun, form="all"))


def sorted_as(
    described: list[tuple[Expression, SceneObject]], order: list[Noun]
) -> list[tuple[Expression, SceneObject]]:
    """The described things in the order in which the question names them."""
    return sorted(described, key=lambda pair: order.index(pair[0].noun))


# --------------------------------------------------------------------------------------------------- inside


def _describe_some(talk: Talk, count: int) -> list[tuple[Expression, SceneObject]]:
    """Different things with a description that fits each alone; fewer than `count` where words fail."""
    described: list[tuple[Expression, SceneObject]] = []
    for _ in range(count + 3):
        thing = pick(talk.rng, talk.view.things)
        if any(thing is other for _, other in described):
            continue
        expression = unique_expression(talk, thing)
        if expression is not None:
            described.append((expression, thing))
        if len(described) == count:
            break
    return described


def _gone(talk: Talk) -> Noun | None:
    choice = talk.rng.random()
    if choice < 0.6:
        return absent_noun(talk)
    return absent_looking(talk) if choice < 0.9 else absent_relating(talk)


def _some_sort(talk: Talk) -> Expression:
    """A kind, a broader word, a colour, or a colour and a kind of something in the picture."""
    view, rng = talk.view, talk.rng
    thing = pick(rng, view.things)
    choice = rng.random()
    if choice < 0.12:
        things = Expression(Noun("thing", "things"), lambda other: None if other.group == "person" else True)
        return view.by_color(things, thing.color)
    broader = view.words.hypernyms[thing.kind]
    word = pick(rng, broader) if choice < 0.45 and broader else any_word(rng, view, thing)
    base = view.by_word(word)
    if choice > 0.85 and thing.color != word:
        return view.by_color(base, thing.color, worn=thing.group == "person")
    return base


def _gaps_for_all(talk: Talk, noun: Noun) -> dict[str, str]:
    """The words for "all apples"; with "each apple" the verb is singular."""
    words = pick(talk.rng, ("all", "all", "all the", "all the", "all of the", "every", "each", "the"))
    single = words in ("every", "each")
    gaps = gaps_for(noun, several=not single)
    return {**gaps, "all": f"{words} {noun.singular if single else noun.plural}"}
