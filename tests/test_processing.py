"""The processor: questions to ids, training turns to ids, ids to answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from segue.data.native import Phrase, Turn, WordPoint
from segue.errors import CheckpointError, DataError, QuestionError
from segue.processing import ANSWER_ID, IMAGE_ID, REGION_ID, STOP_ID, USER_ID, Processor
from segue.training.tokenizer import train_tokenizer
from tests.modeling.tiny import TEXTS, tiny_config

CONFIG = tiny_config()
PROCESSOR = Processor(CONFIG, train_tokenizer(TEXTS, CONFIG))


def turn(answer: str, *, present=(), absent=(), points=(), **fields) -> Turn:
    """A turn whose phrases are the given words, where they first occur."""

    def span(words):
        return answer.index(words), answer.index(words) + len(words)

    phrases = [Phrase(span=span(words), ids=[1]) for words in present]
    phrases += [Phrase(span=span(words), ids=[]) for words in absent]
    phrases.sort(key=lambda phrase: phrase.span)
    words = [WordPoint(span=span(word), point=(2.0, 3.0)) for word in points]
    return Turn(question="Where is it?", answer=answer, phrases=phrases, points=words, **fields)


# -- questions -----------------------------------------------------------------


def test_a_question_stands_between_its_marks():
    ids = PROCESSOR.question_ids("Where is the dog?")
    assert (ids[0], ids[-1]) == (USER_ID, ANSWER_ID)
    assert PROCESSOR.tokenizer.decode(ids[1:-1]) == "where is the dog?"
    assert PROCESSOR.question_ids("Where is the dog?", has_region=True) == [USER_ID, REGION_ID, *ids[1:]]


def test_the_prompt_is_the_template():
    rendered = PROCESSOR.template.render([("where is it?", None)])
    one_image = [IMAGE_ID, *PROCESSOR.question_ids("where is it?")]
    assert PROCESSOR.tokenizer.encode(rendered, add_special_tokens=False) == one_image
    assert PROCESSOR.prefix_ids.count(IMAGE_ID) == PROCESSOR.num_image_tokens == 4


@pytest.mark.parametrize(
    "question",
    [
        "Wo ist der Hund? Äußerst groß",
        "狗在哪里？",
        "where is the 🐶👩‍👧?",
        "naïve café",
        "İstanbul",
        "\u200b",
        "\x00 \x07",
    ],
)
def test_any_language_can_be_asked(question):
    ids = PROCESSOR.question_ids(question)
    assert PROCESSOR.tokenizer.decode(ids[1:-1], clean_up_tokenization_spaces=False)


def test_white_space_does_not_matter():
    plain = PROCESSOR.question_ids("Where is the dog?")
    assert PROCESSOR.question_ids("\n  Where\tis \r\n the\u00a0dog? ") == plain


@pytest.mark.parametrize("question", ["", "   ", "\n\t", "\u00a0"])
def test_an_empty_question_is_refused(question):
    with pytest.raises(QuestionError, match="empty"):
        PROCESSOR.question_ids(question)


@pytest.mark.parametrize("token", [*PROCESSOR.control_tokens, "<USER>", "</P>", "<Image>"])
def test_control_tokens_in_a_question_are_refused(token):
    with pytest.raises(QuestionError, match="control token"):
        PROCESSOR.question_ids(f"Where is the {token} dog?")


def test_half_a_character_is_refused():
    with pytest.raises(QuestionError, match="surrogate"):
        PROCESSOR.question_ids("where is \ud83d?")


@pytest.mark.parametrize("question", [None, 3, b"where?", ["where?"]])
def test_a_question_that_is_no_text_is_refused(question):
    with pytest.raises(QuestionError, match="is text, not"):
        PROCESSOR.question_ids(question)


@pytest.mark.parametrize("question", ["dog " * 129, "q" * 5000, "w" * 10_000_000])
def test_an_overlong_question_is_refused(question):
    with pytest.raises(QuestionError, match="shorten it"):
        PROCESSOR.question_ids(question)


@given(st.text(max_size=80))
@settings(deadline=None, max_examples=150)
def test_a_question_is_asked_or_refused(question):
    try:
        ids = PROCESSOR.question_ids(question)
    except QuestionError:
        return
    assert len(ids) > 2
    assert all(i >= len(PROCESSOR.control_tokens) for i in ids[1:-1])


# -- training turns ------------------------------------------------------------


def test_a_turn_is_marked_and_closed():
    encoded = PROCESSOR.encode_turn(turn("The red mug; no cat.", present=["red mug"], absent=["cat"]))
    vocabulary = PROCESSOR.vocabulary
    answer = encoded.ids[encoded.answer_start :]
    assert encoded.ids[encoded.answer_start - 1] == ANSWER_ID
    assert answer[-1] == STOP_ID
    ((first, phrase),) = encoded.groups
    assert phrase == 0
    assert tuple(encoded.ids[first : first + 4]) == vocabulary.group
    assert encoded.ids[first - 1] == vocabulary.phrase_end
    assert answer.count(vocabulary.reject) == 1


# Answer, present, absent phrases: what is encoded comes back when parsed.
ROUND_TRIPS = [
    ("The red mug.", ["red mug"], []),
    ("The red mug and the spoon; there is no fork.", ["red mug", "spoon"], ["fork"]),
    ("Red mug, spoon.", ["Red mug", "spoon"], []),  # a phrase at the very beginning
    ("It is the mug", ["the mug"], []),  # and at the very end
    ("A big (old) mug! A cup? Yes.", ["(old)", "mug", "cup"], []),
    ("Der Hund läuft; 狗 🐶 läuft.", ["Hund", "狗", "🐶"], []),
    ("No.", [], ["No"]),
    ("mugmug", ["mug"], []),  # a phrase may end within a word
    ("Yes, there are three.", [], []),
]


@pytest.mark.parametrize(("answer", "present", "absent"), ROUND_TRIPS)
def test_what_is_encoded_is_parsed_again(answer, present, absent):
    source = turn(answer, present=present, absent=absent)
    encoded = PROCESSOR.encode_turn(source)
    parsed = PROCESSOR.parse(encoded.ids[encoded.answer_start : -1])
    assert parsed.text.lower() == answer.lower()
    assert [target.span for target in parsed.targets] == [phrase.span for phrase in source.phrases]
    assert [target.rejected for target in parsed.targets] == [not phrase.ids for phrase in source.phrases]
    assert all(target.phrase == parsed.text[slice(*target.span)] for target in parsed.targets)
    assert parsed.notes == ()
    starts = [target.positions[0] + encoded.answer_start for target in parsed.targets if not target.rejected]
    assert starts == [first for first, _ in encoded.groups]


def test_words_are_learned_where_they_are_read():
    """A word's state in training is the one that `parse` reads it from, punctuation or not."""
    answer = "A bird's nest, café 🐶 and the t-shirt."
    words = ["A", "bird's", "nest", "café", "and", "the", "t-shirt"]
    encoded = PROCESSOR.encode_turn(turn(answer, present=["nest"], points=words))
    parsed = PROCESSOR.parse(encoded.ids[encoded.answer_start : -1])
    read = [(word.text.lower(), word.position + encoded.answer_start) for word in parsed.words]
    assert read == [
        (word.lower(), position) for word, (position, _) in zip(words, encoded.words, strict=True)
    ]


def test_spans_hold_where_lower_case_is_longer():
    assert len("İ".lower()) == 2
    encoded = PROCESSOR.encode_turn(turn("İİİ and the mug", present=["mug"]))
    parsed = PROCESSOR.parse(encoded.ids[encoded.answer_start : -1])
    assert parsed.targets[0].span == (12, 15)


def test_answers_are_shown_in_sentence_case():
    encoded = PROCESSOR.encode_turn(turn("the mug. a dog! élan? 3.5 m. straße."))
    assert (
        PROCESSOR.parse(encoded.ids[encoded.answer_start : -1]).text == "The mug. A dog! Élan? 3.5 m. Straße."
    )


def test_a_model_that_writes_capitals_keeps_them():
    config = tiny_config(lowercase=False)
    processor = Processor(config, train_tokenizer(TEXTS, config))
    encoded = processor.encode_turn(turn("the Red mug", present=["Red mug"]))
    parsed = processor.parse(encoded.ids[encoded.answer_start : -1])
    assert (parsed.text, parsed.targets[0].phrase) == ("the Red mug", "Red mug")


def test_control_tokens_in_an_answer_are_refused():
    with pytest.raises(DataError, match=r"control token \[SEG0\]"):
        PROCESSOR.encode_turn(turn("It is [SEG0]."))
    with pytest.raises(DataError, match="control token <image>"):
        PROCESSOR.encode_turn(turn("an <IMAGE>"))


@given(st.lists(st.integers(0, len(PROCESSOR.tokenizer) - 1), max_size=50))
@settings(deadline=None, max_examples=150)
def test_any_generated_ids_parse(ids):
    parsed = PROCESSOR.parse(ids)
    for target in parsed.targets:
        assert parsed.text[slice(*target.span)] == target.phrase
    for word in parsed.words:
        assert parsed.text[slice(*word.span)] == word.text
        assert 0 <= word.position < len(ids)


# -- pictures and files --------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (300, 7), (32, 32)])
def test_a_picture_of_any_shape_becomes_the_input_square(size):
    pixels, geometry = PROCESSOR.image(Image.new("RGB", size, "red"))
    assert pixels.shape == (32, 32, 3)
    assert pixels.dtype == np.uint8
    assert geometry.original == (size[1], size[0])


def test_saved_and_read_again(tmp_path):
    PROCESSOR.save_pretrained(tmp_path)
    again = Processor.from_pretrained(tmp_path, CONFIG)
    assert again.vocabulary == PROCESSOR.vocabulary
    question = "Where is the red mug? 🐶"
    assert again.question_ids(question) == PROCESSOR.question_ids(question)


def test_a_damaged_tokenizer_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json"):
        Processor.from_pretrained(tmp_path, CONFIG)
    for content in ("", "{", "[]", json.dumps({"version": "1.0"})):
        (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(CheckpointError, match=r"tokenizer\.json: not readable"):
            Processor.from_pretrained(tmp_path, CONFIG)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    other = tiny_config(mask_token_config={"scales": 3})
    PROCESSOR.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"no token \[SEG4\]"):
        Processor.from_pretrained(tmp_path, other)
