"""How answers are worded. They are short and vary little: the form of the question and the picture decide
every word, so that a small model can learn to write them. Grounded phrases stand in square brackets, see
`grammar.marked`.

    Segment the mug.            The [mug].                       There is no [mug] in this image.
    Where is the mug?           The [mug] is on the left.        There is no [mug] in this image.
    Is there a mug?             Yes, there is a [red mug].       No, there is no [mug] in this image.
    How many mugs are there?    There are two mugs: the [red mug] and the [blue mug].
    The mug and the cat.        The [mug] is here, but there is no [cat].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segue.data.native import Phrase, Turn
from segue.scenes.grammar import Noun, join_list, marked, number, sentence
from segue.scenes.scene import SceneObject
from segue.scenes.view import MAX_LISTED, SceneView

Ids = tuple[int, ...]
NOTHING: Ids = ()


@dataclass(frozen=True)
class Said:
    """A text with bracketed phrases, and for each phrase the ids that it covers, none for what is absent."""

    text: str
    ids: tuple[Ids, ...] = ()


def make_turn(kind: str, question: str, said: Said, region: Sequence[float] | None = None) -> Turn:
    """The turn in the native format."""
    answer, spans = marked(sentence(said.text))
    phrases = [Phrase(span=span, ids=list(ids)) for span, ids in zip(spans, said.ids, strict=True)]
    box = None if region is None else [float(value) for value in region]
    return Turn(question=question, answer=answer, phrases=phrases, region=box, type=kind)


def about_one(view: SceneView, noun: Noun, thing: SceneObject, *, form: str) -> Said:
    """The one thing that was asked for, called `noun`."""
    if form == "where":
        text = f"the [{noun.singular}] {noun.verb} {view.zone(thing)}."
    elif form == "exist":
        text = f"yes, there {noun.verb} {with_article(noun)}."
    else:
        text = f"the [{noun.singular}]."
    return Said(text, ((thing.id,),))


def about_all(view: SceneView, noun: Noun, things: Sequence[SceneObject], *, form: str) -> Said:
    """All the things that `noun` describes, counted and listed from left to right."""
    if not things:
        return about_none(noun, form=form)
    yes = "yes, " if form == "exist" else ""
    count = len(things)
    if count > MAX_LISTED:
        together = tuple(thing.id for thing in things)
        return Said(f"{yes}there are {number(count)} [{noun.counted}].", (together,))
    if count == 1:
        own = view.words.own_noun(things[0])
        name = view.short(things[0]).singular if own.singular == noun.singular else own.singular
        one = noun.indefinite if noun.is_plural or noun.is_mass else f"one {noun.singular}"
        return Said(f"{yes}there is {one}: the [{name}].", ((things[0].id,),))
    listed, ids = listing(view, things)
    return Said(f"{yes}there are {number(count)} {noun.counted}: {listed}.", ids)


def about_none(noun: Noun, *, form: str, several: bool = False) -> Said:
    """Nothing in the picture is what was asked for, in the number in which it was asked for."""
    no = "no, " if form == "exist" else ""
    if several or form in ("all", "count"):
        return Said(f"{no}there are no [{noun.plural}] in this image.", (NOTHING,))
    return Said(f"{no}there {noun.verb} no [{noun.singular}] in this image.", (NOTHING,))


def about_list(
    present: Sequence[tuple[str, Ids]], absent: Sequence[Noun], *, plural: bool | None = None
) -> Said:
    """Things asked for one by one: those that are there, and those that are not."""
    here = join_list([f"the [{words}]" for words, _ in present])
    verb = "are" if (len(present) > 1 if plural is None else plural) else "is"
    gone = join_list([f"no [{noun.singular}]" for noun in absent])
    ids = tuple(ids for _, ids in present) + (NOTHING,) * len(absent)
    if not absent:
        return Said(f"{here}.", ids)
    gone_verb = "are" if absent[0].is_plural else "is"
    if not present:
        return Said(f"there {gone_verb} {gone} in this image.", ids)
    return Said(f"{here} {verb} here, but there {gone_verb} {gone}.", ids)


def listing(
    view: SceneView, things: Sequence[SceneObject], conjunction: str = "and"
) -> tuple[str, tuple[Ids, ...]]:
    """The things one by one, with a phrase for each: "the [dog] and the [cat]"."""
    names = view.tell_apart(things)
    return join_list([f"the [{name}]" for name in names], conjunction), tuple((thing.id,) for thing in things)


def with_article(noun: Noun) -> str:
    """ "a [red mug]": the indefinite article stays outside the phrase."""
    return noun.indefinite.removesuffix(noun.singular) + f"[{noun.singular}]"
