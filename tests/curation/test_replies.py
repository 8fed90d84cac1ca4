"""Reading replies: good JSON, JSON that can be mended, and what is refused."""

import json

import pytest

from segue.curation.replies import (
    PairsReply,
    ReplyError,
    ScoresReply,
    parse_marked,
    read_reply,
    reply_schema,
)
from segue.curation.steps import read_pairs

PAIR = {
    "kind": "several",
    "question": "Where?",
    "answer": "The [cup](1).",
    "targets": [{"number": 1, "description": "A {small} cup."}],
}
GOOD = json.dumps({"pairs": [PAIR]})

MENDED = [
    # as demanded
    GOOD,
    # in a code fence, with remarks around it
    f"Sure!\n```json\n{GOOD}\n```\nAnything else?",
    # a trailing comma
    GOOD[:-2] + ",]}",
    # single quotes
    GOOD.replace('"', "'"),
    # a field that nobody asked for
    json.dumps({"pairs": [{**PAIR, "mood": "good"}], "note": 1}),
]


@pytest.mark.parametrize("text", MENDED)
def test_mended(text):
    (pair,) = read_reply(text, PairsReply).pairs
    assert pair.question == "Where?"
    assert pair.targets[0].description == "A {small} cup."


REFUSED = [
    ("", "empty"),
    ("  \n", "empty"),
    ("I am sorry.", "not JSON"),
    ("[1, 2]", "form that was asked for"),
    ("{}", "pairs: Field required"),
    ('{"pairs": []}', "at least 1 item"),
    ('{"pairs": [{"kind": "several", "question": "Where?"}]}', "answer: Field required"),
    ('{"pairs": [{"kind": "several", "question": 3, "answer": "x"}]}', "valid string"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_refused(text, reason):
    with pytest.raises(ReplyError, match=reason):
        read_reply(text, PairsReply)


def test_of_a_reply_that_was_cut_the_last_pair_is_left_out():
    two = json.dumps({"pairs": [PAIR, {**PAIR, "question": "Where else?"}]})
    assert len(read_pairs(two, "stop")) == 2
    # the server says so, though the JSON is whole
    assert [pair.question for pair in read_pairs(two, "length")] == ["Where?"]
    # the server says nothing, but the JSON ends too early
    assert [pair.question for pair in read_pairs(two[:-9], "stop")] == ["Where?"]
    with pytest.raises(ReplyError, match="cut off"):
        read_pairs(GOOD[:-20], "length")


MARKED = [
    ("The [cup](1).", "The cup.", [((4, 7), (1,))]),
    # white space, several numbers, an absent thing
    (
        " Both  [cups](1,  2) and no [fork] (None). ",
        "Both cups and no fork.",
        [((5, 9), (1, 2)), ((17, 21), ())],
    ),
    # braces and percent signs are text
    ("The {x} [100% cup](3)", "The {x} 100% cup", [((8, 16), (3,))]),
]


@pytest.mark.parametrize(("answer", "text", "marks"), MARKED)
def test_marks(answer, text, marks):
    clean, found = parse_marked(answer)
    assert clean == text
    assert [(mark.span, mark.numbers) for mark in found] == marks


@pytest.mark.parametrize(
    "answer", ["The [cup].", "The cup](1).", "The [ ](1).", "The cup (2)", "[a [b](1)](2)"]
)
def test_marks_that_are_none(answer):
    with pytest.raises(ReplyError):
        parse_marked(answer)


def test_the_schema_is_strict():
    """What structured outputs demand: everything required, nothing beyond, no references."""

    def walk(schema):
        if schema.get("type") == "object":
            assert schema["additionalProperties"] is False
            assert schema["required"] == list(schema["properties"])
        for value in schema.values():
            for entry in value if isinstance(value, list) else [value]:
                if isinstance(entry, dict):
                    walk(entry)

    for form in (PairsReply, ScoresReply):
        schema = reply_schema(form)
        assert "$ref" not in json.dumps(schema)
        walk(schema)
    target = reply_schema(PairsReply)["properties"]["pairs"]["items"]["properties"]["targets"]["items"]
    assert target["properties"]["number"] == {"type": "integer"}
