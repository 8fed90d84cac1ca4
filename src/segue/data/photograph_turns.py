"""Questions and answers about one annotated photograph, made from what its annotations say for sure.

A picture's objects are taken category by category. What may be said depends on what the annotations are good
for: an absent thing needs a category that is labelled wherever it occurs, counting and "the dog on the left"
need instances that were told apart, and a category is asked for by name as the union of all its objects, with
crowds. Every kind of question is a function in `MAKERS`; it gives None where it does not fit the picture.

Answers are worded as those about scenes are: the form of the question and the picture decide every word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from math import ceil
from typing import Literal

import numpy as np

from segue.data.native import Record, Turn
from segue.data.photograph_view import MIN_REGION, Group, Reference, View
from segue.data.wording import (
    Noun,
    ask,
    indefinite,
    join_list,
    marked_answer,
    noun_of,
    number,
    phrasings,
    pick,
    worded,
)

MAX_LISTED = 4
# Of a dialogue, so that pictures of one thing are not mostly about what is not there; and of one answer.
MAX_ABSENT, MAX_ALIKE = 0.45, 3
# Few captions call somebody a man and many pictures show nobody, yet "the man" must not mostly be absent.
ASKED_OF_NOBODY = 0.1

WEIGHTS: Mapping[str, float] = {
    "name": 3.0,
    "relation": 2.0,
    "multi": 2.0,
    "absent": 3.5,
    "mixed": 1.5,
    "exist": 2.0,
    "count": 1.0,
    "broader": 1.5,
    "reasoning": 1.5,
    "everything": 0.7,
    "worn": 2.0,
    "called": 3.0,
    "second_person": 0.7,
    "region": 0.7,
    "expression": 1.5,
    "caption": 0.7,
}

MIXTURES: Mapping[str, Mapping[str, float]] = {
    "all": WEIGHTS,
    # By name alone, as in `segue.scenes.dialogue`.
    "names": {"name": 2.5, "multi": 1.0, "absent": 4.0, "mixed": 1.5, "exist": 3.0},
}


def photograph_turns(
    record: Record,
    rng: np.random.Generator,
    *,
    num_turns: int,
    split: Literal["train", "test"] = "train",
    weights: Mapping[str, float] = WEIGHTS,
    frequency: Mapping[str, float] | None = None,
) -> list[Turn]:
    """Up to `num_turns` different turns about the record's objects; its own dialogue gives captions and
    expressions. `split` chooses the wordings of reasoning questions, `weights` the mixture of kinds.

    `frequency` says how often each category occurs in the set; an absent one is asked for accordingly, so
    that a question alone does not tell whether the thing is there. Without it all are asked for as often.
    """
    view = View(record, split, frequency)
    kinds = [kind for kind in MAKERS if weights.get(kind, 0) > 0]
    chances = np.array([weights[kind] for kind in kinds], dtype=float)
    chances /= chances.sum()
    turns: dict[str, Turn] = {}
    answers: Counter[str] = Counter()
    most_absent = ceil(MAX_ABSENT * num_turns)
    for choice in rng.choice(len(kinds), size=8 * num_turns, p=chances):
        turn = MAKERS[kinds[choice]](view, rng)
        if turn is None or turn.question in turns or answers[turn.answer] >= MAX_ALIKE:
            continue
        if turn.type == "absent":
            if most_absent == 0:
                continue
            most_absent -= 1
        turns[turn.question] = turn
        answers[turn.answer] += 1
        if len(turns) == num_turns:
            break
    return list(turns.values())


# -- kinds of question ---------------------------------------------------------------------------------------


def _name(view: View, rng: np.random.Generator) -> Turn | None:
    """All of a category."""
    group = view.pick_group(rng)
    return None if group is None else _shown(view, group, rng)


def _shown(view: View, group: Group, rng: np.random.Generator) -> Turn:
    """The group, asked for by its name."""
    if group.several:
        every = pick(("the ", "the ", "all ", "all the "), rng)
        question = _show(rng, f"{every}{group.words}", verb="are")
        text, ids = _all_of(view, group) or _listed([group.reference])
        return _turn(question, "multi" if len(ids) > 1 else "name", text, ids)
    if rng.random() < 0.7:
        question = _show(rng, f"the {group.words}", verb=group.verb, form="command")
        return _turn(question, "name", *_listed([group.reference]))
    question = _show(rng, f"the {group.words}", verb=group.verb, form="where")
    answer = f"The [{group.words}] {group.verb} {view.zone(group)}."
    return _turn(question, "name", answer, [group.ids])


def _relation(view: View, rng: np.random.Generator) -> Turn | None:
    """One of several of a category, by place or size."""
    groups = [group for group in view.groups.values() if len(group.objects) > 1]
    if not groups:
        return None
    group = pick(groups, rng)
    placed, ranked = view.placed(group), view.ranked(group)
    if ranked and (not placed or rng.random() < 0.4):
        rank, entry = pick(ranked, rng)
        asked, how = f"{rank} {group.noun.one}", f"the {rank}"
        called = next((known for known in placed if known.ids == [entry.id]), Reference(asked, [entry.id]))
    elif placed:
        called = pick(placed, rng)
        side = called.words.removesuffix(f" {group.noun.one}")
        how = view.words["sides"].get(side, "")
        asked = called.words if not how or rng.random() < 0.4 else f"{group.noun.one} {how}"
    else:
        return None
    if how and rng.random() < 0.3:
        question = ask("which", rng, {"bare": group.noun.one, "plural": group.noun.many, "how": how})
    else:
        question = _show(rng, f"the {asked}", verb="is", form="command")
    return _turn(question, "relation", *_listed([called]))


def _multi(view: View, rng: np.random.Generator) -> Turn | None:
    """Two or three categories together."""
    groups = view.pick_groups(rng, 2 if rng.random() < 0.75 else 3)
    if not groups:
        return None
    question = _show(rng, join_list([f"the {group.words}" for group in groups]), verb="are")
    return _turn(question, "multi", *_listed([group.reference for group in groups]))


def _absent(view: View, rng: np.random.Generator) -> Turn | None:
    """A thing that is not there."""
    category = view.pick_absent(rng)
    return None if category is None else _missed(category, rng)


def _missed(category: str, rng: np.random.Generator) -> Turn:
    """A category that is not there, asked for by its name."""
    noun = noun_of(category)
    question = _show(rng, f"the {noun.one}", verb=noun.verb())
    return _turn(question, "absent", f"{_none(noun)} in this image.", [[]])


def _mixed(view: View, rng: np.random.Generator) -> Turn | None:
    """Things that are there and one that is not."""
    category = view.pick_absent(rng)
    groups = view.pick_groups(rng, 1 if rng.random() < 0.7 else 2)
    if category is None or not groups:
        return None
    noun = noun_of(category)
    asked = [f"the {group.words}" for group in groups]
    asked.insert(int(rng.integers(len(asked) + 1)), f"the {noun.one}")
    text, ids = _listed([group.reference for group in groups])
    verb = groups[0].verb if len(groups) == 1 else "are"
    question = _show(rng, join_list(asked), verb="are")
    return _turn(question, "mixed", f"{text[:-1]} {verb} here, but {_none(noun)}.", [*ids, []])


def _exist(view: View, rng: np.random.Generator) -> Turn | None:
    """Yes or no."""
    group = view.pick_group(rng)
    category = view.pick_absent(rng)
    if group is not None and (category is None or rng.random() < 0.5):
        return _affirmed(view, group, rng)
    return None if category is None else _denied(category, rng)


def _affirmed(view: View, group: Group, rng: np.random.Generator) -> Turn:
    """Whether the group is there: yes."""
    answer, ids = _all_of(view, group) or (f"there {group.verb} {_some(group)}.", [group.ids])
    kind = "multi" if len(ids) > 1 else "name"
    return _turn(_whether(group.noun, rng), kind, f"Yes, {answer}", ids)


def _denied(category: str, rng: np.random.Generator) -> Turn:
    """Whether there is one of a category that is not there: no."""
    noun = noun_of(category)
    return _turn(_whether(noun, rng), "absent", f"No, {_none(noun)} in this image.", [[]])


def _count(view: View, rng: np.random.Generator) -> Turn | None:
    """How many of what can be counted, at times none."""
    groups = [group for group in view.groups.values() if view.countable(group)]
    category = view.pick_absent(rng)
    noun = noun_of(category) if category is not None else None
    if noun is not None and noun.countable and rng.random() < 0.2:
        question = ask("count", rng, {"plural": noun.many})
        return _turn(question, "absent", f"There are no [{noun.many}] in this image.", [[]])
    if not groups:
        return None
    group = pick(groups, rng)
    question = ask("count", rng, {"plural": group.noun.many})
    one = group.noun.one
    text, ids = _all_of(view, group) or (f"there is one {one}: the [{one}].", [group.ids])
    return _turn(question, "count", text, ids)


def _broader(view: View, rng: np.random.Generator) -> Turn | None:
    """By a broader word: "which animals", answered with what they are."""
    names = [
        name
        for name, members in view.words["broader"].items()
        if len(view.exhaustive & set(members)) >= 3 and view.present & set(members)
        if view.present & set(members) <= set(view.groups)
    ]
    if not names:
        return None
    name = pick(names, rng)
    groups = [group for category, group in view.groups.items() if category in view.words["broader"][name]]
    if len(groups) > MAX_LISTED:
        return None
    gaps = {
        "group": name,
        "groups": view.words["broader_plurals"].get(name, f"{name}s"),
        "a_group": indefinite(name),
    }
    if len(groups) > 1:
        text, ids = _listed([group.reference for group in groups])
        if not any(group.several for group in groups):
            text = f"there are {number(len(groups))} {gaps['groups']}: {text}"
        return _turn(ask("broader", rng, gaps), "multi", text, ids)
    one = not groups[0].several and rng.random() < 0.7
    return _turn(ask("broader_one" if one else "broader", rng, gaps), "name", *_listed([groups[0].reference]))


def _reasoning(view: View, rng: np.random.Generator) -> Turn | None:
    """What a thing is for, or is known for."""
    fitting = [
        entry
        for entry in phrasings("reasoning.yaml")
        if view.present & set(entry["covers"]) and not view.present & set(entry.get("unless", ()))
        # Every other thing that would fit must be known to be absent, and every one there be worth showing.
        if set(entry["covers"]) & view.exhaustive and view.present & set(entry["covers"]) <= set(view.groups)
    ]
    if not fitting:
        return None
    entry = pick(fitting, rng)
    groups = [group for category, group in view.groups.items() if category in entry["covers"]]
    question = worded(pick(entry[view.split], rng), rng, {})
    return _turn(question, "reasoning", *_listed([group.reference for group in groups]))


def _everything(view: View, rng: np.random.Generator) -> Turn | None:
    """A list of all that is labelled, where that is short and complete."""
    groups = list(view.groups.values())
    if not 1 <= len(groups) <= MAX_LISTED or len(view.exhaustive) < 10 or view.present - set(view.groups):
        return None
    if any(entry.attributes.get("source") == "semantic" for group in groups for entry in group.objects):
        return None
    items = [
        f"{number(len(group.objects))} {_some(group)}"
        if group.several and view.countable(group)
        else _some(group)
        for group in groups
    ]
    answer = f"{join_list(items)}."
    kind = "multi" if len(groups) > 1 else "name"
    return _turn(ask("everything", rng, {}), kind, answer, [group.ids for group in groups])


def _worn(view: View, rng: np.random.Generator) -> Turn | None:
    """Parts of a dressed person."""
    body = view.words["body"]
    if not any(entry.attributes.get("source") == "semantic" for entry in view.record.objects):
        return None
    clothes = {category: group for category, group in view.groups.items() if category not in body}
    places = [place for place, members in view.words["worn"].items() if set(members) & set(clothes)]
    choice = rng.random()
    if choice < 0.4 and places:
        place = pick(places, rng)
        worn = [group for category, group in clothes.items() if category in view.words["worn"][place]]
        question = ask("worn", rng, {"where": place})
        return _turn(question, "part", *_listed([group.reference for group in worn]))
    if choice < 0.55 and 1 <= len(clothes) <= 5:
        question = ask("worn_things", rng, {})
        return _turn(question, "multi", *_listed([group.reference for group in clothes.values()]))
    owned = [group for category, group in view.groups.items() if category != "person"]
    if not owned:
        return None
    group = pick(owned, rng)
    gaps = {"the": f"the {group.words}", "bare": group.words, "is": group.verb}
    return _turn(ask("owned", rng, gaps), "part", *_listed([group.reference]))


def _called(view: View, rng: np.random.Generator) -> Turn | None:
    """The only person by what captions call them, or people whom that word, or an empty picture, excludes."""
    if view.called is not None and (not view.strangers or rng.random() < 0.6):
        return (_shown if rng.random() < 0.6 else _affirmed)(view, view.called, rng)
    if not view.strangers or (view.called is None and rng.random() > ASKED_OF_NOBODY):
        return None
    return (_missed if rng.random() < 0.6 else _denied)(pick(view.strangers, rng), rng)


def _second_person(view: View, rng: np.random.Generator) -> Turn | None:
    """Another person, where the only one there is known."""
    group = view.only_person
    if group is None:
        return None
    if rng.random() < 0.6:
        answer = "There is no [second person] in this image."
        return _turn(ask("second_person", rng, {}), "absent", answer, [[]])
    question = ask("second_person_exist", rng, {})
    return _turn(question, "count", "No, there is only one [person].", [group.ids])


def _region(view: View, rng: np.random.Generator) -> Turn | None:
    """What is in a box."""
    choices = [
        (group, entry)
        for group in view.groups.values()
        for entry, area in zip(group.objects, group.areas, strict=True)
        if area >= MIN_REGION * view.pixels and not entry.iscrowd
    ]
    if not choices:
        return None
    group, entry = pick(choices, rng)
    alone = Group(group.noun, (entry,), (0.0,))
    turn = _turn(ask("region", rng, {}), "region_caption", f"{_some(alone)}.", [[entry.id]])
    return turn.model_copy(update={"region": list(entry.bbox)})


def _expression(view: View, rng: np.random.Generator) -> Turn | None:
    """What a person wrote about one thing in the picture, or about one that is not there."""
    masked = {entry.id: entry for entry in view.record.objects if entry.segmentation}
    turns = [
        turn
        for turn in view.record.dialogue
        if turn.type == "expression" and all(id_ in masked for id_ in turn.phrases[0].ids)
    ]
    if not turns:
        return None
    turn = pick(turns, rng)
    phrase = turn.phrases[0]
    words = turn.answer[slice(*phrase.span)]
    question = _show(rng, f"the {words}", verb="is")
    # The answer names the thing in one word: a small model need not copy a long sentence to point.
    if phrase.ids:
        category = masked[phrase.ids[0]].category
        return _turn(question, "expression", f"The [{category}].", [phrase.ids])
    return _turn(question, "expression", f"There is no such [{_head_word(words)}] in this image.", [[]])


def _caption(view: View, rng: np.random.Generator) -> Turn | None:
    """What a person wrote about the whole picture."""
    turns = [turn for turn in view.record.dialogue if turn.type == "caption"]
    if not turns:
        return None
    return Turn(question=ask("caption", rng, {}), answer=pick(turns, rng).answer, type="caption")


MAKERS: Mapping[str, Callable[[View, np.random.Generator], Turn | None]] = {
    "name": _name,
    "relation": _relation,
    "multi": _multi,
    "absent": _absent,
    "mixed": _mixed,
    "exist": _exist,
    "count": _count,
    "broader": _broader,
    "reasoning": _reasoning,
    "everything": _everything,
    "worn": _worn,
    "called": _called,
    "second_person": _second_person,
    "region": _region,
    "expression": _expression,
    "caption": _caption,
}


# -- words ---------------------------------------------------------------------------------------------------


def _turn(question: str, kind: str, answer: str, ids: Sequence[Sequence[int]]) -> Turn:
    """A turn whose answer has its phrases in brackets, with the ids of each."""
    text, phrases = marked_answer(answer, ids)
    return Turn(question=question, answer=text, phrases=phrases, type=kind)


def _listed(references: Sequence[Reference]) -> tuple[str, list[list[int]]]:
    """`the [dog] and the [cat].` and the ids of each."""
    text = join_list([f"the [{reference.words}]" for reference in references])
    return f"{text}.", [reference.ids for reference in references]


def _all_of(view: View, group: Group) -> tuple[str, list[list[int]]] | None:
    """`there are two dogs: the [left dog] and the [right dog].` or `there are five [dogs].`; None where they
    cannot be counted or where there is only one."""
    if len(group.objects) == 1 or not view.countable(group):
        return None
    placed = view.placed(group)
    opening = f"there are {number(len(group.objects))}"
    if not placed:
        return f"{opening} [{group.noun.many}].", [group.ids]
    text, ids = _listed(placed)
    return f"{opening} {group.noun.many}: {text}", ids


def _none(noun: Noun) -> str:
    """`there is no [cat]`, `there are no [jeans]`."""
    return f"there {noun.verb()} no [{noun.one}]"


def _some(group: Group) -> str:
    """`a [dog]`, `[dogs]`, `[jeans]`."""
    if group.several:
        return f"[{group.noun.many}]"
    return group.noun.indefinite.removesuffix(group.noun.one) + f"[{group.noun.one}]"


def _show(rng: np.random.Generator, the: str, *, verb: str, form: str = "") -> str:
    """A question for the place of `the`: "the dog", "all dogs", "the dog and the cat"."""
    gaps = {
        "the": the,
        "bare": the.removeprefix("the ").replace(" and the ", " and ").replace(", the ", ", "),
        "is": verb,
        "it": "it" if verb == "is" else "them",
        "they": "it" if verb == "is" else "they",
    }
    return ask(form or ("command" if rng.random() < 0.6 else "where"), rng, gaps)


def _whether(noun: Noun, rng: np.random.Generator) -> str:
    """A question for there being one."""
    kind = "exist" if noun.countable else "exist_uncounted"
    return ask(kind, rng, {"a": noun.indefinite, "plural": noun.many, "is": noun.verb()})


def _head_word(expression: str) -> str:
    """The first word in it that names a category: what a person's expression is about."""
    nouns = _head_words()
    return next((word for word in expression.lower().split() if word in nouns), "thing")


@cache
def _head_words() -> frozenset[str]:
    words = phrasings("words.yaml")
    listed = [*words["broader"].values(), *words["near"], *words["alike"], list(words["plurals"])]
    return frozenset(category for line in listed for category in line if " " not in category)
