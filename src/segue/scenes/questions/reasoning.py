"""Questions that name a purpose or a fact and not the thing: "What would cut bread?", "Who gives milk?".

Topics, wordings and answers are in `phrasings/reasoning.yaml`. The wordings for training and for testing
differ in every topic, so that a test asks for understanding and not for a remembered sentence.

Where a single kind of the world answers, the answer names it before it says whether it is there: "You could
cut bread with a knife", masked, or "..., but there is none in this image". So a model can think of the thing
first and look for it then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from segue.data.native import Turn
from segue.scenes.answers import NOTHING, Said, listing, make_turn, with_article
from segue.scenes.grammar import Noun
from segue.scenes.kinds import KINDS
from segue.scenes.lexicon import kinds_of, read_phrasings
from segue.scenes.questions import Split, Talk
from segue.scenes.questions.naming import STRANGE
from segue.scenes.scene import SceneObject
from segue.scenes.view import MAX_LISTED
from segue.scenes.wording import chance, pick


@dataclass(frozen=True)
class Topic:
    """A purpose or a fact, the kinds it is true of, how it is asked for, and how it is answered."""

    name: str
    kinds: frozenset[str]
    doubtful: frozenset[str]
    """Kinds that it might be true of: no question where one of them is."""
    wordings: Mapping[Split, tuple[str, ...]]
    one: str
    """The answer for one thing, with {it} for "the [knife]"."""
    many: str
    conjunction: str
    nothing: str
    """What there is none of: "nothing to cut bread with"."""


@cache
def topics() -> tuple[Topic, ...]:
    """Every topic that some kind answers."""
    made = (_topic(name, facts) for name, facts in read_phrasings("reasoning.yaml").items())
    return tuple(topic for topic in made if topic.kinds)


@cache
def topics_by_kind() -> Mapping[str, tuple[Topic, ...]]:
    """For each kind, the topics that it answers."""
    return {name: tuple(topic for topic in topics() if name in topic.kinds) for name in KINDS}


def by_reasoning(talk: Talk) -> Turn | None:
    """A topic that something in the picture answers."""
    view, rng = talk.view, talk.rng
    options = topics_by_kind()[pick(rng, view.things).kind]
    if not options:
        return None
    topic = pick(rng, options)
    found = [thing for thing in view.things if thing.kind in topic.kinds]
    if view.kinds & topic.doubtful or len(found) > MAX_LISTED:
        return None
    return make_turn("reasoning", _wording(talk, topic), _answer(talk, topic, found))


def absent_reasoning(talk: Talk) -> Turn | None:
    """A topic that nothing in the picture answers, mostly one whose things may be there: were it often one
    that nothing in this world answers, a question not understood would be taken for such a one."""
    view, rng = talk.view, talk.rng
    expected = view.world & set(view.expected_kinds)
    strange = chance(rng, STRANGE)
    options = [
        topic
        for topic in topics()
        if not view.kinds & (topic.kinds | topic.doubtful) and strange is not bool(topic.kinds & expected)
    ]
    if not options:
        return None
    topic = pick(rng, options)
    text = f"there is [{topic.nothing}] in this image."
    if (only := _only(talk, topic)) is not None:
        text = f"{_with_one(topic, only).removesuffix('.')}, but there is none in this image."
    return make_turn("absent", _wording(talk, topic), Said(text, (NOTHING,)))


def _wording(talk: Talk, topic: Topic) -> str:
    """One of the topic's, with some words missing where the talk wants that."""
    rng = talk.rng
    text = pick(rng, topic.wordings[talk.split])
    if not talk.word_dropout:
        return text
    words = text.split()
    left = [word for word in words if not chance(rng, talk.word_dropout)]
    return " ".join(left) if len(left) > 2 else text


def _answer(talk: Talk, topic: Topic, found: list[SceneObject]) -> Said:
    only = _only(talk, topic)
    if only is not None and len(found) == 1:
        return Said(_with_one(topic, only), ((found[0].id,),))
    listed, ids = listing(talk.view, found, topic.conjunction)
    # "the scissors cut" even when there is one pair
    plural = len(found) > 1 or talk.view.words.own_noun(found[0]).is_plural
    return Said((topic.many if plural else topic.one).replace("{it}", listed), ids)


def _only(talk: Talk, topic: Topic) -> Noun | None:
    """What the one kind is called that answers in this world; None where several do."""
    known = topic.kinds & talk.view.world
    return talk.view.words.nouns[next(iter(known))] if len(known) == 1 else None


def _with_one(topic: Topic, noun: Noun) -> str:
    plural = noun.is_plural and not noun.indefinite.startswith("a pair")
    return (topic.many if plural else topic.one).replace("{it}", with_article(noun))


def _topic(name: str, facts: Mapping[str, object]) -> Topic:
    def names(key: str) -> frozenset[str]:
        listed = facts.get(key, ())
        return kinds_of(listed if isinstance(listed, list) else ())

    doubtful = names("doubtful")
    answer = str(facts["answer"])
    return Topic(
        name=name,
        kinds=(names("kinds") | {k.name for k in KINDS.values() if facts.get("property") in k.properties})
        - doubtful,
        doubtful=doubtful,
        wordings={"train": _lines(facts["train"]), "test": _lines(facts["test"])},
        one=answer,
        many=str(facts.get("many", answer)),
        conjunction=str(facts.get("join", "or" if "could" in answer else "and")),
        nothing=str(facts["nothing"]),
    )


def _lines(value: object) -> tuple[str, ...]:
    assert isinstance(value, list), value
    return tuple(value)
