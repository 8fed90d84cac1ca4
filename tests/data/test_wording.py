from __future__ import annotations

import re
from string import Formatter

import numpy as np
import pytest

from segue.data.wording import ask, indefinite, join_list, marked_answer, noun_of, phrasings, worded

GAPS = {
    "the": "the dog",
    "bare": "dog",
    "is": "is",
    "it": "it",
    "they": "it",
    "a": "a dog",
    "plural": "dogs",
    "how": "the largest",
    "group": "animal",
    "groups": "animals",
    "a_group": "an animal",
    "where": "on the head",
}
KINDS = sorted(set(phrasings("questions.yaml")) - {"lists"})


@pytest.mark.parametrize(
    ("category", "plural"),
    [
        ("dog", "dogs"),
        ("bus", "buses"),
        ("couch", "couches"),
        ("toothbrush", "toothbrushes"),
        ("person", "people"),
        ("sheep", "sheep"),
        ("knife", "knives"),
        ("wine glass", "wine glasses"),
        ("teddy bear", "teddy bears"),
        ("potted plant", "potted plants"),
        ("pony", "ponies"),
        ("monkey", "monkeys"),
    ],
)
def test_plurals(category: str, plural: str):
    assert noun_of(category).many == plural
    assert noun_of(category).countable


@pytest.mark.parametrize(
    ("category", "verb", "said"),
    [("jeans", "are", "jeans"), ("hair", "is", "hair"), ("apple", "is", "an apple")],
)
def test_what_is_not_counted(category: str, verb: str, said: str):
    noun = noun_of(category)
    assert (noun.verb(), noun.indefinite) == (verb, said)


def test_articles_and_lists():
    assert [indefinite(word) for word in ("umbrella", "uniform", "horse", "eagle")] == [
        "an umbrella",
        "a uniform",
        "a horse",
        "an eagle",
    ]
    assert [join_list(list(items)) for items in ("a", "ab", "abc")] == ["a", "a and b", "a, b and c"]


def test_brackets_become_spans():
    text, phrases = marked_answer("the [left dog] and the [cat].", [[1], [2, 3]])
    assert text == "The left dog and the cat."
    assert [(text[slice(*phrase.span)], phrase.ids) for phrase in phrases] == [
        ("left dog", [1]),
        ("cat", [2, 3]),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_wording_can_be_said(kind: str):
    """No list is missing, no gap is unknown, no double space or bracket is left."""
    rng = np.random.default_rng(0)
    for template in phrasings("questions.yaml")[kind]:
        assert {name for _, name, _, _ in Formatter().parse(template) if name} <= set(GAPS)
        for _ in range(5):
            text = worded(template, rng, GAPS)
            assert re.fullmatch(r"[A-Za-z'][^<>{}\[\]]*", text), text
            assert "  " not in text
            assert text == text.strip()


def test_there_are_hundreds_of_wordings():
    rng = np.random.default_rng(0)
    for kind in ("command", "where", "exist", "count"):
        assert len({ask(kind, rng, GAPS) for _ in range(2000)}) > 200


def test_reasoning_is_worded_six_times_and_none_twice():
    entries = phrasings("reasoning.yaml")
    train = [question for entry in entries for question in entry["train"]]
    test = [question for entry in entries for question in entry["test"]]
    assert len(set(train + test)) == len(train + test)
    assert all(len(entry["train"]) >= 6 and len(entry["test"]) >= 2 for entry in entries)
    assert all(not set(entry["covers"]) & set(entry.get("unless", ())) for entry in entries)


def test_categories_of_the_word_lists_are_known():
    """A misspelt category in one list would silently never match."""
    words = phrasings("words.yaml")
    listed = {name for lines in (words["near"], words["alike"]) for line in lines for name in line}
    used = {
        name for entry in phrasings("reasoning.yaml") for name in (*entry["covers"], *entry.get("unless", ()))
    }
    used |= {name for members in words["broader"].values() for name in members}
    used |= {name for members in words["worn"].values() for name in members}
    others = {"toilet", "hair", "person", "refrigerator", "sink", "toaster"}
    assert used <= listed | others
