"""English for questions and answers."""

from __future__ import annotations

import pytest

from segue.scenes.grammar import Noun, article, join_list, marked, number, sentence


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("apple", "an"),
        ("red apple", "a"),
        ("orange car", "an"),
        ("umbrella", "an"),
        ("unicycle", "a"),  # begins with the sound of "you"
        ("uniform", "a"),
        ("one-way sign", "a"),  # begins with the sound of "won"
        ("hourglass", "an"),
        ("Elephant", "an"),
    ],
)
def test_the_article_follows_the_sound(words: str, expected: str) -> None:
    assert article(words) == expected


@pytest.mark.parametrize(
    ("noun", "indefinite", "verb", "any_form", "counted"),
    [
        (Noun("mug", "mugs"), "a mug", "is", "mugs", "mugs"),
        (Noun("sheep", "sheep"), "a sheep", "is", "sheep", "sheep"),
        (Noun("bread", "breads"), "some bread", "is", "bread", "breads"),
        (
            Noun("loaf of bread", "loaves of bread"),
            "a loaf of bread",
            "is",
            "loaves of bread",
            "loaves of bread",
        ),
        (Noun("scissors", "scissors"), "a pair of scissors", "are", "scissors", "pairs of scissors"),
        (Noun("grapes", "grapes"), "some grapes", "are", "grapes", "grapes"),
        (Noun("wine glass", "wine glasses"), "a wine glass", "is", "wine glasses", "wine glasses"),
    ],
)
def test_nouns_of_every_sort(noun: Noun, indefinite: str, verb: str, any_form: str, counted: str) -> None:
    assert (noun.indefinite, noun.verb, noun.any_form, noun.counted) == (indefinite, verb, any_form, counted)


def test_further_words_leave_the_head_of_a_noun() -> None:
    noun = Noun("scissors", "scissors").with_words("red", "to the left of the mug")
    assert noun.singular == "red scissors to the left of the mug"
    assert noun.verb == "are"
    assert noun.indefinite == "a pair of red scissors to the left of the mug"


def test_lists_and_numbers_are_written_out() -> None:
    assert join_list([]) == ""
    assert join_list(["a"]) == "a"
    assert join_list(["a", "b", "c"], "or") == "a, b or c"
    assert [number(count) for count in (0, 1, 12, 13)] == ["no", "one", "twelve", "13"]


def test_marked_phrases_become_spans() -> None:
    text, spans = marked(sentence("the [red mug] is here, but there is no [fork]."))
    assert text == "The red mug is here, but there is no fork."
    assert [text[start:end] for start, end in spans] == ["red mug", "fork"]
    assert sentence("[dogs] bark.") == "[Dogs] bark."
