"""What words mean."""

from __future__ import annotations

import pytest

from segue.scenes.kinds import KINDS
from segue.scenes.lexicon import kinds_of, lexicon, pluralize, read_phrasings


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("mug", "mugs"),
        ("bus", "bus"),  # given with its own plural by the registry; as a rule an s stays
        ("glass", "glasses"),
        ("brush", "brushes"),
        ("berry", "berries"),
        ("toy", "toys"),
        ("soup ladle", "soup ladles"),
        ("leaf", "leaves"),
        ("grapes", "grapes"),
    ],
)
def test_plurals_by_rule(word: str, expected: str) -> None:
    assert pluralize(word) == expected


@pytest.mark.parametrize(
    ("word", "kind", "expected"),
    [
        ("dog", "dog", True),
        ("dog", "cat", False),
        ("animal", "cat", True),
        ("animal", "teddy bear", None),  # some would count it
        ("sofa", "couch", True),  # a synonym
        ("bird", "duck", True),  # a kind that is also a broader word
        ("chair", "armchair", True),
        ("chair", "stool", None),
        ("bear", "teddy bear", None),  # ends in the word
        ("bread", "loaf of bread", True),
        ("tool", "knife", None),
    ],
)
def test_words_cover_kinds_for_sure_or_perhaps(
    make_thing, word: str, kind: str, expected: bool | None
) -> None:
    assert lexicon().covers(word, make_thing(kind, KINDS[kind].colors[0], (0, 0, 9, 9))) is expected


def test_every_name_in_the_tables_is_a_kind_or_a_group() -> None:
    tables = read_phrasings("lexicon.yaml")
    for group in tables["alike"]:
        kinds_of(group)
    kinds_of(tables["materials"]["of_a_part"])
    words = lexicon().nouns
    for table in ("doubtful", "shown_in"):
        assert set(tables[table]) <= set(words)
    parts = {part for kind in KINDS.values() for part in kind.parts}
    assert set(tables["parts"]["never"]) <= parts


def test_an_unknown_kind_in_a_table_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="unicorn"):
        kinds_of(["dog", "unicorn"])


def test_parts_are_called_as_many_as_are_seen() -> None:
    words = lexicon()
    assert words.part_noun("wheel", 1).singular == "wheel"
    assert words.part_noun("wheel", 2).singular == "wheels"
    assert words.part_noun("leg", 1).verb == "are"
    assert words.part_noun("handle", 1).plural == "handles"
    assert words.part_noun("leaf", 3).singular == "leaves"
    assert words.part_noun("rim", 2).singular == "rim"  # cut in two by what stands before it
    assert words.part_noun("tines", 1).verb == "are"
