"""The families' published words and sampling, by hand-worked sets of all that can come out."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from segue.data.native import Caption, Expression, ObjectRecord, Phrase, Record, Turn, WordPoint
from segue.data.templates import KINDS, TEMPLATES, make_dialogue
from segue.errors import DataError

SQUARE = [[1.0, 1.0, 5.0, 1.0, 5.0, 5.0, 1.0, 5.0]]


def thing(number: int, category: str, *, mask: bool = True, **fields) -> ObjectRecord:
    return ObjectRecord(
        id=number, category=category, segmentation=SQUARE if mask else [], bbox=[1, 1, 4, 4], **fields
    )


def record(*objects: ObjectRecord, **fields) -> Record:
    return Record(image="a.png", width=20, height=10, objects=list(objects), **fields)


def said(given: Record, family: str, kind: str, *, seeds: int = 150, **options):
    """Every (question, answer, ids of its targets) that seeds give, counted; dialogues sorted by seed."""
    dialogues = [
        make_dialogue(given, np.random.default_rng(seed), family=family, kind=kind, options=options).dialogue
        for seed in range(seeds)
    ]
    for dialogue in dialogues:
        for turn in dialogue:
            for phrase in turn.phrases:
                assert turn.answer[slice(*phrase.span)] in ("{masks}", turn.answer)
    turns = Counter(
        (turn.question, turn.answer, tuple(tuple(p.ids) for p in turn.phrases))
        for d in dialogues
        for turn in d
    )
    return turns, dialogues


ANSWERS = {
    "It is {masks}.",
    "Sure, {masks}.",
    "Sure, it is {masks}.",
    "Sure, the segmentation result is {masks}.",
    "{masks}.",
}
SHORT = {
    "Can you segment the X in this image?",
    "Please segment the X in this image.",
    "What is X in this image? Please respond with segmentation mask.",
    "What is X in this image? Please output segmentation mask.",
}
FRUIT = record(thing(1, "Apple"), thing(2, "pear_(fruit)"), thing(3, "Apple"), thing(4, "box", mask=False))
PARTS = record(
    thing(1, "dog"), thing(2, "ear", part_of=1), thing(3, "bird:wing"), thing(4, "mug_(cup):handle")
)
REFERRED = record(
    thing(1, "dog"),
    thing(2, "cat"),
    thing(3, "toy", mask=False),
    expressions=[
        Expression(text=" The Dog ", ids=[1]),
        Expression(text="dog and cat.", ids=[1, 2]),
        Expression(text="a bus", ids=[]),
        Expression(text="the toy", ids=[3]),
    ],
)


def test_lisa_asks_for_classes_in_lower_case():
    turns, dialogues = said(FRUIT, "lisa", "semantic")
    assert {(q, a) for q, a, ids in turns if ids == ((1, 3),)} == {
        (q.replace("X", "apple"), a) for q in SHORT for a in ANSWERS
    }
    assert {ids for _, _, ids in turns} == {((1, 3),), ((2,),)}
    assert all("pear" in q and "fruit" not in q for q, _, ids in turns if ids == ((2,),))
    # Two classes are fewer than three: all of them, in order.
    assert all([turn.phrases[0].ids for turn in d] == [[1, 3], [2]] for d in dialogues)


def test_lisa_draws_without_repetition():
    many = record(*(thing(n, f"kind {n}") for n in range(1, 6)))
    _, dialogues = said(many, "lisa", "semantic")
    drawn = [tuple(turn.phrases[0].ids[0] for turn in d) for d in dialogues]
    assert all(len(set(ids)) == 3 for ids in drawn)
    assert len(set(drawn)) > 40  # of 60 ordered choices
    assert {len(d) for d in said(many, "lisa", "semantic", targets=5)[1]} == {5}


def test_parts_are_named_in_two_ways():
    turns, _ = said(PARTS, "lisa", "parts", targets=9)
    names = {
        q[len("Please segment the ") : -len(" in this image.")] for q, _, _ in turns if "Please segment" in q
    }
    assert names == {
        "dog", "dog ear", "the ear of the dog", "bird wing", "the wing of the bird", "mug handle",
        "the handle of the mug",
    }  # fmt: skip
    assert {ids for _, _, ids in turns} == {((1,),), ((2,),), ((3,),), ((4,),)}


def test_lisa_leaves_out_what_it_cannot_say():
    turns, dialogues = said(REFERRED, "lisa", "referring")
    assert {ids for _, _, ids in turns} == {((1,),), ((1, 2),)}
    assert {q for q, _, ids in turns if ids == ((1,),)} == {q.replace("X", "the dog") for q in SHORT}
    assert all(len(d) == 2 for d in dialogues)


REASONED = {
    "objects": [thing(7, "target")],
    "expressions": [
        Expression(text="What barks?", ids=[7], kind="long"),
        Expression(text="A Pet", ids=[7], kind="short"),
    ],
}


def test_reasoning_by_sentence_and_by_phrase():
    turns, _ = said(record(*REASONED["objects"], expressions=REASONED["expressions"]), "lisa", "reasoning")
    assert {q for q, _, _ in turns} == {q.replace("X", "a pet") for q in SHORT} | {
        "What barks? Please respond with segmentation mask.",
        "What barks? Please output segmentation mask.",
    }
    assert {a for _, a, _ in turns} == ANSWERS
    assert {ids for _, _, ids in turns} == {((7,),)}


@pytest.mark.parametrize(
    ("family", "last"), [("lisa", "explanation"), ("gsva", "explaination"), ("pixellm", "explanation")]
)
def test_explanations_come_alone_or_behind_the_mask(family, last):
    given = record(
        thing(7, "target"),
        expressions=[Expression(text="What barks?", ids=[7], kind="long")],
        captions=[Caption(text="A dog does.")],
    )
    turns, _ = said(given, family, "reasoning", seeds=1000)
    alone = {q: n for (q, a, ids), n in turns.items() if not ids and a == "A dog does."}
    assert set(alone) == {"What barks?"}
    assert 70 < sum(alone.values()) < 130  # one in ten
    both = Counter({(q, a): n for (q, a, ids), n in turns.items() if ids and a.endswith(" A dog does.")})
    assert {a for _, a in both} == {f"{a} A dog does." for a in ANSWERS}
    assert {q for q, _ in both} == {
        f"What barks? Please output segmentation mask and {end}."
        for end in ("explain why", "explain the reason", f"give some {last}")
    }
    assert 400 < sum(both.values()) < 500  # half of the rest
    never, _ = said(given, family, "reasoning", explanatory=-1)
    assert {a for _, a, _ in never} == ANSWERS


def test_gsva_asks_for_all_in_one_question_and_rejects():
    turns, dialogues = said(REFERRED, "gsva", "referring")
    assert all(len(d) == 1 for d in dialogues)
    names = "the dog, dog and cat, a bus"
    order = {((1,), (1, 2), ())}
    orders = {ids for _, _, ids in turns}
    assert orders > order  # three of three are drawn in any order
    own = [(q, a) for q, a, ids in turns if {ids} == order]
    assert {q for q, _ in own} <= {
        f"Can you segment {names} in this image?",
        f"Please segment {names} in this image.",
        f"What are {names} in this image? Please respond with segmentation masks.",
        f"What are {names} in this image? Please output segmentation masks.",
    }
    # Names keep their capitals in the answer; the full stop of an expression goes.
    assert {a for _, a in own} <= {
        "The segmentation results are The Dog {masks}, dog and cat {masks}, a bus {masks}.",
        "Sure, they are The Dog:{masks}, dog and cat:{masks}, a bus:{masks}.",
        "Sure, the mask of The Dog is {masks}, the mask of dog and cat is {masks}, "
        "the mask of a bus is {masks}.",
        "Sure, the segmentation of The Dog is {masks}, the segmentation of dog and cat is {masks}, "
        "the segmentation of a bus is {masks}.",
        "Sure, the referred The Dog is {masks}, the referred dog and cat is {masks}, "
        "the referred a bus is {masks}.",
    }
    assert len({a.split(" ")[0:3][-1] for _, a in own}) > 2


def test_gsva_joins_classes_without_a_space():
    turns, _ = said(FRUIT, "gsva", "semantic")
    assert {ids for _, _, ids in turns} == {((1, 3), (2,))}
    assert "Sure, they are Apple:{masks},pear:{masks}." in {a for _, a, _ in turns}
    assert {q for q, _, _ in turns} >= {"Please segment apple, pear in this image."}
    assert len(turns) == 4 * 5


def test_gsva_draws_again_where_all_is_absent():
    absent = record(thing(1, "dog"), expressions=[Expression(text="a bus", ids=[])])
    assert all(d == [] for d in said(absent, "gsva", "referring")[1])


def test_pixellm_deals_targets_to_questions():
    many = record(*(thing(n, f"kind {n}") for n in range(1, 13)))
    _, dialogues = said(many, "pixellm", "semantic")
    for dialogue in dialogues:
        ids = [phrase.ids[0] for turn in dialogue for phrase in turn.phrases]
        assert len(dialogue) == 3
        assert len(ids) == len(set(ids)) == 9
        assert all(len(turn.phrases) == 3 for turn in dialogue)
    _, four = said(record(*(thing(n, f"kind {n}") for n in range(1, 5))), "pixellm", "semantic")
    assert {tuple(sorted(len(t.phrases) for t in d)) for d in four} == {(1, 1, 2)}
    _, one = said(many, "pixellm", "semantic", questions=1, targets=2)
    assert {tuple(len(t.phrases) for t in d) for d in one} == {(2,)}


def test_pixellm_words():
    given = record(thing(1, "Table"), thing(2, "chair"), thing(3, "Car"))
    turns, _ = said(given, "pixellm", "semantic", questions=1, seeds=600)
    own = {(q, a) for q, a, ids in turns if ids == ((1,), (2,), (3,))}
    lists = "{masks}, {masks} and {masks}"
    assert {q for q, _ in own} == {q.replace("X", "table, chair and car") for q in SHORT}
    assert {a for _, a in own} == {
        "Table is {masks}, chair is {masks} and Car is {masks}.",
        "The segmentation result of Table is {masks}, The segmentation result of chair is {masks} and "
        "The segmentation result of Car is {masks}.",
        f"{lists}.",
        *(f"{start}{names} are {lists}{end}" for names in ("table, chair and car",)
          for start in ("", "Sure, ", "the segmentation result of ", "Sure, the segmentation result of ")
          for end in (".", ", separately.")),
        f"Sure, they are {lists}.",
        f"They are {lists}.",
    }  # fmt: skip
    clauses = sum(n for (_, a, _), n in turns.items() if " is " in a or a == f"{lists}.")
    assert clauses > 200
    single, _ = said(record(thing(1, "Table")), "pixellm", "semantic", more_questions=True, seeds=400)
    assert {a for _, a, _ in single} == ANSWERS
    assert len({q for q, _, _ in single}) == 4 + 14
    assert "Help me segment the table." in {q for q, _, _ in single}


MUSE = record(
    thing(1, "knife", attributes={"description": "the sharp Knife"}),
    thing(2, "bread"),
    dialogue=[
        Turn(
            question="Cut what?",
            answer="Use the knife.",
            phrases=[Phrase(span=(4, 13), ids=[1])],
            type="muse",
        ),
        Turn(
            question="And all?",
            answer="the sharp Knife and bread.",
            phrases=[Phrase(span=(0, 15), ids=[1]), Phrase(span=(20, 25), ids=[2])],
            type="muse composed",
        ),
    ],
)


def test_muse_words_only_what_has_no_sentence():
    rng = np.random.default_rng
    dialogues = [
        make_dialogue(MUSE, rng(seed), family="pixellm", kind="muse").dialogue for seed in range(500)
    ]
    assert {d[0].answer for d in dialogues} == {"Use the knife."}
    assert dialogues[0][0].phrases == MUSE.dialogue[0].phrases
    assert {d[0].question for d in dialogues} == {
        "Cut what? Please respond with segmentation mask.",
        "Cut what? Please output segmentation mask.",
    }
    answers = Counter(d[1].answer for d in dialogues)
    assert answers["the sharp Knife is {masks} and bread is {masks}."] in range(180, 270)  # 0.9 * 0.5
    assert answers["knife is {masks} and bread is {masks}."] in range(8, 50)
    listed = {a for a in answers if " are " in a and "sharp" in a}
    assert len(listed) == 8
    assert "Sure, the sharp knife, bread are {masks} and {masks}." in listed


def test_conversations_keep_their_rounds():
    talk = record(
        dialogue=[Turn(question="What?", answer="A dog."), Turn(question="Why?", answer="It barks.")]
    )
    for family in ("lisa", "gsva", "pixellm"):
        (dialogue,) = said(talk, family, "conversation", seeds=1)[1]
        assert [(t.question, t.answer, t.follows) for t in dialogue] == [
            ("What?", "A dog.", False),
            ("Why?", "It barks.", True),
        ]


def test_pixelllm_prompts():
    point = WordPoint(span=(0, 1), point=(3, 4), extent=[1, 2, 5, 6])
    given = record(
        thing(1, "dog"),
        captions=[
            Caption(text="A dog.", points=[point]),
            Caption(text="Dogs."),
            Caption(text="ear", region=[1, 1, 2, 2]),
        ],
        expressions=[Expression(text="the Dog", ids=[1]), Expression(text="a bus", ids=[])],
        dialogue=[Turn(question="What?", answer="A dog."), Turn(question="Why?", answer="It barks.")],
    )
    rng = np.random.default_rng

    def one(kind, seed=0, **options):
        return make_dialogue(given, rng(seed), family="pixelllm", kind=kind, options=options).dialogue

    assert len({one("trace", seed)[0].question for seed in range(200)}) == 11
    assert len({one("caption", seed)[0].question for seed in range(200)}) == 13
    assert one("trace") == [
        Turn(question=one("trace")[0].question, answer="A dog.", points=[point], type="trace")
    ]
    assert {one("caption", seed, prompts=1)[0].answer for seed in range(20)} == {"A dog.", "Dogs."}
    assert one("referring") == [
        Turn(
            question="where is the Dog",
            answer="the Dog",
            phrases=[Phrase(span=(0, 7), ids=[1])],
            type="refer",
        )
    ]
    assert one("region") == [Turn(question="an object of ", answer="ear", region=[1, 1, 2, 2], type="region")]
    asked = {tuple(t.question for t in one("conversation", seed)) for seed in range(20)}
    assert asked == {
        ("Question: What?Answer: ", "Question: Why?Answer: "),
        ("Question: Why?Answer: ", "Question: What?Answer: "),
    }
    assert {len(one("conversation", seed, prompts=1)) for seed in range(5)} == {1}


@pytest.mark.parametrize("family", ["lisa", "gsva", "pixellm", "pixelllm"])
def test_what_comes_out_depends_on_the_generator_alone(family):
    full = REFERRED.model_copy(
        update={
            "captions": [Caption(text="It is.", points=[WordPoint(span=(0, 2), point=(1, 1))])],
            "dialogue": MUSE.dialogue,
        }
    )
    for own, kind in TEMPLATES:
        if own == family:
            first, second = (
                make_dialogue(full, np.random.default_rng(3), family=family, kind=kind).dialogue
                for _ in range(2)
            )
            assert first == second
            assert kind in KINDS


def test_names_with_braces_stay_as_they_are():
    odd = record(thing(1, "x"), expressions=[Expression(text="{name} {masks} {", ids=[1])])
    turns, _ = said(odd, "lisa", "referring")
    assert "Please segment the {name} masks { in this image." in {q for q, _, _ in turns}


@pytest.mark.parametrize(
    ("family", "kind", "options", "message"),
    [
        ("lisa", "muse", {}, "no template for data of the kind 'muse'; it has: conversation"),
        ("mini", "muse", {}, "it has: none"),
        ("gsva", "semantic", {"classes": 3}, "no option 'classes'; they have: explanatory, targets"),
    ],
)
def test_unknown_templates_are_named(family, kind, options, message):
    with pytest.raises(DataError, match=message):
        make_dialogue(FRUIT, np.random.default_rng(0), family=family, kind=kind, options=options)


# -- dialogues that a record has already ----------------------------------------

TOLD = record(
    thing(1, "cat"),
    thing(2, "dog"),
    thing(3, "mug", mask=False),
    dialogue=[
        Turn(question="Where is the cat?", answer="The cat.", phrases=[Phrase(span=(4, 7), ids=[1])]),
        Turn(
            question="Find cat, dog and cow.",
            answer="The cat and the dog; no cow.",
            phrases=[
                Phrase(span=(4, 7), ids=[1]),
                Phrase(span=(16, 19), ids=[2]),
                Phrase(span=(24, 27), ids=[]),
            ],
        ),
        Turn(question="Is there a cow?", answer="No cow.", phrases=[Phrase(span=(3, 6), ids=[])]),
        Turn(question="What is here?", answer="A cat.", region=[0.0, 0.0, 9.0, 9.0]),
        Turn(question="The mug?", answer="The mug.", phrases=[Phrase(span=(4, 7), ids=[3])]),
        Turn(
            question="Describe it.",
            answer="A cat.",
            phrases=[Phrase(span=(2, 5), ids=[1])],
            type="caption",
        ),
    ],
)
"""One target; several with an absent one; an absent one alone; about a box; only boxed; a caption."""


def dialogue_of(family: str, seed: int = 0) -> list[Turn]:
    return make_dialogue(TOLD, np.random.default_rng(seed), family=family, kind="dialogue").dialogue


def test_lisa_answers_a_records_questions_with_one_mask_each():
    turns, _ = said(TOLD, "lisa", "dialogue")
    suffixes = {"", " Please respond with segmentation mask.", " Please output segmentation mask."}
    assert {answer for _, answer, ids in turns if ids} == ANSWERS
    assert {(question, ids) for question, _, ids in turns} == {
        *((f"Where is the cat?{suffix}", ((1,),)) for suffix in suffixes),
        *((f"Find cat, dog and cow.{suffix}", ((1, 2),)) for suffix in suffixes),
        ("Describe it.", ()),
    }


def test_gsva_keeps_every_phrase_and_rejects_what_is_absent():
    turns = dialogue_of("gsva")
    assert [turn.question for turn in turns] == [
        "Where is the cat?",
        "Find cat, dog and cow.",
        "Is there a cow?",
        "Describe it.",
    ]
    assert [[phrase.ids for phrase in turn.phrases] for turn in turns] == [[[1]], [[1], [2], []], [[]], [[1]]]


def test_small_bases_learn_the_words_alone():
    assert [turn.answer for turn in dialogue_of("bases")] == [turn.answer for turn in dialogue_of("gsva")]
    assert not any(turn.phrases for turn in dialogue_of("bases"))
