"""Caption metrics: which implementation runs is always said, and never another."""

from __future__ import annotations

import math

import pytest

from segue.errors import MissingDependencyError, SegueError
from segue.evaluation import caption_scores
from segue.evaluation.caption_scores import CocoScorer, PythonScorer, open_scorer, word_f1, words

CAPTIONS = ["A red mug, on the table!", "a dog runs", "", "The two cats sleep."]
REFERENCES = [
    ["a red mug on the table"],
    ["A cat sits.", "the dog is running"],
    ["a thing"],
    ["the two cats sleep"],
]


@pytest.fixture(scope="module")
def coco():
    pytest.importorskip("pycocoevalcap", reason="needs the extra `captions`")
    if not caption_scores.java_available():
        pytest.skip("METEOR and the PTB tokeniser need Java")
    return CocoScorer()


@pytest.fixture(scope="module")
def python():
    pytest.importorskip("pycocoevalcap", reason="needs the extra `captions`")
    pytest.importorskip("nltk", reason="needs the extra `captions`")
    return PythonScorer()


def test_coco_caption(coco, python):
    """METEOR 1.5 itself: its process starts once (some ten seconds) for both calls."""
    figures = coco.corpus(CAPTIONS, REFERENCES)
    assert figures["meteor"] == pytest.approx(0.48256, abs=1e-5)
    # CIDEr and BLEU agree with the other implementation, whose words are the same on these lines.
    others = python.corpus(CAPTIONS, REFERENCES)
    for name in ("cider", "bleu4", "rouge_l"):
        assert figures[name] == pytest.approx(others[f"{name}_python"])
    # Each by itself; the figure of a set is not their mean. Bars are METEOR's own separator.
    each = coco.meteors([*CAPTIONS, "a ||| b"], [*REFERENCES, ["a b"]])
    assert each == pytest.approx([1.0, 0.22664, 0.0, 1.0, 1.0], abs=1e-5)


def test_coco_caption_of_nothing(coco):
    assert coco.corpus([], []) == {"meteor": None, "cider": None, "bleu4": None, "rouge_l": None}
    assert coco.meteors([], []) == []
    assert coco.settings["captions"] == "coco"


def test_python_meteor_by_hand(python):
    """Of "a dog runs" and "the dog is running" one word is the same and one has the same stem: 2 of 3 and of
    4 words, in two chunks. F = 10 P R / (R + 9 P), times 1 - 0.5 (2 / 2)^3."""
    precision, recall = 2 / 3, 2 / 4
    expected = 10 * precision * recall / (recall + 9 * precision) * 0.5
    assert python.meteors(["a dog runs"], [["the dog is running"]]) == pytest.approx([expected])


def test_python_figures_bear_their_name(python):
    figures = python.corpus(CAPTIONS, REFERENCES)
    assert sorted(figures) == ["bleu4_python", "cider_python", "meteor_python", "rouge_l_python"]
    assert figures["meteor_python"] == pytest.approx(sum(python.meteors(CAPTIONS, REFERENCES)) / 4)
    assert set(python.corpus([], []).values()) == {None}
    assert python.settings["captions"] == "python"


def test_cider_by_hand(python):
    """Two pictures, one perfect caption: each n-gram vector points the right way (1 of 10 per order up to the
    caption's length), the other caption shares nothing."""
    figures = python.corpus(["red cup here now", "x"], [["red cup here now"], ["blue dog"]])
    assert figures["cider_python"] == pytest.approx((10 + 0) / 2)


def test_captions_and_references_must_pair(python):
    with pytest.raises(ValueError, match="as many lists of references"):
        python.meteors(["a"], [])
    with pytest.raises(ValueError, match="as many lists of references"):
        python.meteors(["a"], [[]])


def test_no_java_is_said_and_nothing_takes_its_place(monkeypatch, python):
    monkeypatch.setattr(caption_scores.shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"no `java` is on the path.*captions=python"):
        open_scorer({})


def test_options(python):
    assert open_scorer({"captions": "none"}) is None
    assert isinstance(open_scorer({"captions": "python"}), PythonScorer)
    with pytest.raises(SegueError, match="coco, python or none"):
        open_scorer({"captions": "meteor"})


@pytest.mark.parametrize(
    ("caption", "references", "f1"),
    [
        ("A red mug", ["the red mug!"], 2 / 3),
        ("a a a", ["a"], 2 / 4),  # repetition does not help
        ("dog", ["a cat", "the dog"], 2 / 3),  # the best reference counts
        ("", ["a cat"], 0.0),
        ("", [""], 1.0),
    ],
)
def test_word_f1(caption, references, f1):
    assert math.isclose(word_f1(caption, references), f1)


def test_words():
    assert words("The dog's 2 BOWLS, half-full") == ["the", "dog's", "2", "bowls", "half", "full"]
