"""Every rule on its own: rows of a pair and the reason that it is refused for."""

import pytest

from segue.curation import rules
from segue.curation.plan import RulePlan
from segue.curation.positions import misplaced
from segue.curation.replies import Pair, ReplyError, parse_marked
from segue.curation.rules import QUALITY, STRUCTURE, first_fault
from segue.curation.targets import Ask
from segue.data.native import ObjectRecord
from tests.curation.small import scene, thing


def pair(answer="Take the [left fork](2) and the [knife](4).", question="What would you eat with?", **fields):
    numbers = [int(n) for _, marks in [marked(answer)] for mark in marks for n in mark.numbers]
    targets = [
        {"number": n, "description": "A thing that lies on the table."} for n in dict.fromkeys(numbers)
    ]
    return Pair.model_validate(
        {"kind": "reasoning", "question": question, "answer": answer, "targets": targets, **fields}
    )


def marked(answer):
    try:
        return parse_marked(answer)
    except ReplyError:
        return answer, ()


def described(number, text, **fields):
    base = pair(**fields)
    targets = [
        {"number": t.number, "description": text if t.number == number else t.description}
        for t in base.targets
    ]
    return base.model_copy(
        update={"targets": tuple(Pair.model_validate({**base.model_dump(), "targets": targets}).targets)}
    )


def test_a_good_pair_passes_all():
    assert first_fault(pair(), scene(), (*STRUCTURE, *QUALITY)) is None


REFUSED = [
    # brackets that are no mark
    ("marks_are_readable", pair("Take the [left fork](2) and [this]."), "no mark"),
    # a number in round brackets that nothing is marked by
    ("marks_are_readable", pair("Take the [left fork](2) and the knife (4)."), "no mark"),
    # nothing marked
    ("marks_are_readable", pair("Take the fork."), "marks nothing"),
    # marks in the question
    ("marks_are_readable", pair(question="Where is the [fork](2)?"), "question has marks"),
    # numbers outside the list
    ("instances_exist", pair("Take the [fork](9) and the [knife](0)."), "[0, 9]"),
    # a target that the answer does not mark
    ("placeholders_match", pair(targets=[{"number": 2, "description": "x"}]), "[2, 4]"),
    # the same object twice
    ("placeholders_match", pair("The [fork](2), the [same](2) and the [knife](4)."), "more than once"),
    # a kind nobody asked for
    ("kind_was_asked", pair(kind="absent"), "not asked for"),
    # one target where several are wanted
    ("enough_targets", pair("Take the [left fork](2)."), "at least two"),
    # two where one is wanted
    ("enough_targets", pair(kind="referring"), "one target"),
    # an absent thing in an answer of another kind
    ("absence_agrees", pair("The [fork](2), the [knife](4), no [spoon](none)."), "'spoon'"),
    # a category of the data set that the picture lacks
    ("nothing_outside", pair("The [fork](2) and the [knife](4), beside the dogs."), "dog"),
    # in a description as well
    ("nothing_outside", described(4, "The knife near the cat."), "cat"),
    # an empty description
    ("descriptions_fit", described(4, " "), "no description"),
    # the knife is on the right, and no other knife is there
    ("descriptions_fit", described(4, "The knife on the left."), "'left'"),
    # the answer's own words are checked too
    ("descriptions_fit", pair("Take the [left knife](4) and the [fork](2)."), "'left'"),
    # the question names the answer
    ("question_keeps_secret", pair(question="Which knife would you take?"), "knife"),
    # or its phrase
    (
        "question_keeps_secret",
        pair("The [sharp thing](4) and the [pointed thing](2).", "Where is the pointed thing?"),
        "pointed thing",
    ),
    # numbers of the list in the words
    ("no_list_numbers", described(4, "It is object 4 of the list."), "object 4"),
    # MUSE's own mark
    ("no_list_numbers", pair("The [fork](2) {seg} and the [knife](4) {seg}."), "{seg}"),
    # more words than the plan allows
    ("lengths_fit", pair(question="Well " * 90 + "what is it?"), "more than 80"),
    # a single word
    ("lengths_fit", pair(question="What?"), "single word"),
    # another language
    (
        "language_fits",
        pair("Nimm die [linke Gabel](2) und das [Messer](4).", "Womit würdest du hier am Tisch essen?"),
        "'de'",
    ),
]


@pytest.mark.parametrize(("rule", "given", "reason"), REFUSED)
def test_refused(rule, given, reason):
    found = getattr(rules, rule)(given, scene())
    assert found is not None
    assert reason in found


PASSES = [
    # several numbers in one mark are so many targets
    ("enough_targets", pair("Take [both forks](2, 3).")),
    # one target is enough for one thing
    ("enough_targets", pair("The [left fork](2).", kind="referring")),
    # a wine glass is a glass; "glass" alone is no other category of this picture
    ("nothing_outside", pair("The [fork](2) and the [knife](4); people eat here.")),
    # the second fork is the right one of two
    ("descriptions_fit", pair("The [left fork](2) and the [right fork](3).")),
    # a kind that names things may say what it asks for
    ("question_keeps_secret", pair(question="Where are the fork and the knife?", kind="several")),
    # too little text to tell a language
    ("language_fits", pair("Die [Gabel](2).", "Wo?", targets=[{"number": 2, "description": "Links."}])),
]


@pytest.mark.parametrize(("rule", "given"), PASSES)
def test_passes(rule, given):
    assert getattr(rules, rule)(given, scene()) is None


def test_any_language_passes_where_the_plan_says_so():
    german = pair("Nimm die [linke Gabel](2) und das [Messer](4).", "Womit würdest du hier am Tisch essen?")
    assert rules.language_fits(german, scene(rules=RulePlan(language=None))) is None


ABSENT = [
    # what was offered, also in the plural
    ("There is no [wine glass](none).", None),
    ("I see no [wine glasses](none) here.", None),
    # something that may well be there
    ("There is no [spoon](none).", "certainly absent"),
    # a thing that is there, named as well
    ("There is no [wine glass](none), but a [cup](1).", "no targets"),
]


@pytest.mark.parametrize(("answer", "reason"), ABSENT)
def test_absent_things_are_certainly_absent(answer, reason):
    where = scene(Ask("absent", 0, absent=("wine glass", "dog")))
    found = rules.absence_agrees(pair(answer, kind="absent"), where)
    assert found is None if reason is None else reason in found


def test_absent_answers_must_mark_it():
    where = scene(Ask("absent", 0, absent=("dog",)))
    given = Pair(kind="absent", question="Where is the dog?", answer="There is no dog.")
    assert "not marked" in rules.absence_agrees(given, where)


def test_the_caption_pipelines_choice_is_kept():
    where = scene(Ask("reasoning", 2, numbers=(2, 3)))
    assert "not about those" in rules.chosen_are_named(pair(), where)
    assert rules.chosen_are_named(pair("Take [both forks](2, 3)."), where) is None


def test_too_many_targets():
    things = [thing(n, "cup", (n, 5, 3, 3)) for n in range(1, 41)]
    given = pair(f"All [cups]({', '.join(str(n) for n in range(1, 41))}).")
    assert "too many" in rules.not_too_many(given, scene(objects=things))


POSITIONS = [
    # plain positions, number 1 is the cup in the middle, 2 the left fork, 3 the right one, 4 the knife
    ("the fork on the left side", 2, True),
    ("the fork on the right side", 2, False),
    # it is the right one of two, and on the right
    ("the right fork", 3, True),
    # left of the other fork although right of the middle would not be "left"
    ("the leftmost fork", 3, False),
    # relations to a listed thing
    ("the cup to the left of the knife", 1, True),
    ("the cup to the right of the knife", 1, False),
    ("the fork to the left of the cup", 3, False),
    # a relation to a thing that is not listed says nothing
    ("the cup to the left of the candle", 1, True),
    # near the middle both sides pass
    ("the cup on the right", 1, True),
    # rows: all are in the middle of the height
    ("the knife at the top of the picture", 4, True),
    # other meanings of the words
    ("the person's left hand holds the knife", 4, True),
    ("the knife with its left side in the light", 4, True),
    ("the second fork from the left", 3, True),
    ("the cup right beside the fork", 1, True),
    ("the knife left over from lunch", 4, True),
    ("the knife, facing left", 4, True),
    ("the knife on top of the cloth", 4, True),
]


@pytest.mark.parametrize(("text", "number", "right"), POSITIONS)
def test_position_words(text, number, right):
    assert (misplaced(text, number - 1, scene()) is None) == right


def test_rows_are_checked():
    high: tuple[ObjectRecord, ...] = (thing(1, "cup", (90, 5, 20, 20)), thing(2, "dog", (90, 70, 20, 20)))
    where = scene(objects=high)
    assert misplaced("the cup at the bottom of the picture", 0, where)
    assert misplaced("the cup in the upper part", 0, where) is None
    assert misplaced("the cup in the lower right of the image", 0, where)
    assert misplaced("the dog in the lower middle", 1, where) is None
