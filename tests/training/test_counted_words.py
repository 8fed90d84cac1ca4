"""Words that mean things of one or several categories, and how many of them a picture's labels show."""

from __future__ import annotations

import torch

from segue.training.counted_words import CountedWord, WordCounts, counted_words

CATEGORIES = ("cow", "dog", "jeans", "man", "person", "sheep", "woman")


def by_text() -> dict[str, CountedWord]:
    return {word.text: word for word in counted_words(CATEGORIES)}


def test_names_plurals_and_broader_words_are_counted():
    words = by_text()
    assert {"dog", "dogs", "men", "people", "animals", "sheep", "jeans"} <= words.keys()
    assert words["dogs"].covers == {"dog"}
    assert words["animals"].covers == {"cow", "dog", "sheep"}
    assert words["people"].covers == {"man", "person", "woman"}
    assert words["people"].own == "person"
    assert words["farm animals"].doubtful == {"dog"}


def test_each_text_comes_once_and_means_something():
    words = counted_words(CATEGORIES)
    assert len({word.text for word in words}) == len(words)
    assert all(word.covers for word in words)
    assert not any(" of " in word.text for word in words)


def test_a_name_of_several_words_has_no_plural_made_up():
    words = {word.text for word in counted_words(("apple", "head of broccoli", "hot dog"))}
    assert {"apple", "apples", "fruit", "head of broccoli", "hot dogs"} <= words
    assert not {"heads of broccoli", "head of broccolis", "piece of fruit", "pieces of fruit"} & words


def numbers(things: dict[str, int], labelled: set[str]) -> dict[str, int | None]:
    """What each word counts in a picture of one cell; None where that is not known."""
    words = counted_words(CATEGORIES)
    there = torch.tensor([[[float(things.get(name, 0))] for name in CATEGORIES]])
    known = torch.tensor([[name in labelled for name in CATEGORIES]])
    counts, whole = WordCounts(words, CATEGORIES)(there, known)
    assert counts.shape == (1, len(words), 1)
    told = zip(words, counts[0, :, 0].tolist(), whole[0].tolist(), strict=True)
    return {word.text: int(count) if sure else None for word, count, sure in told}


def test_a_word_counts_the_things_of_all_its_categories():
    told = numbers({"man": 2, "woman": 1}, set(CATEGORIES))
    assert (told["men"], told["people"], told["person"], told["dog"]) == (2, 3, 3, 0)
    assert numbers({"cow": 3, "dog": 1}, set(CATEGORIES))["animals"] == 4


def test_where_a_category_is_not_labelled_a_word_for_it_is_not_known():
    told = numbers({"cow": 1}, {"cow", "dog"})
    assert told["cows"] == 1
    assert told["animals"] is None


def test_people_are_counted_where_they_are_labelled_as_people_only():
    told = numbers({"person": 2}, {"person"})
    assert told["people"] == 2
    assert told["men"] is None


def test_nothing_is_known_where_a_thing_is_in_doubt():
    told = numbers({"cow": 1, "dog": 1}, set(CATEGORIES))
    assert told["farm animals"] is None
    assert told["cows"] == 1
