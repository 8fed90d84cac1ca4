"""The mask vocabulary: tokens that are one id, and answers parsed into text, targets and words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from segue.errors import CheckpointError
from segue.mask_tokens import MaskVocabulary, decode_with_ends, find_phrase

FIRST = 0x110000  # ids below are characters, from here on mask tokens
LISA = MaskVocabulary(group=(FIRST,))
GSVA = MaskVocabulary(group=(FIRST,), reject=FIRST + 1)
PIXELLM = MaskVocabulary(group=tuple(range(FIRST + 10, FIRST + 16)), scales=2)
MINI = MaskVocabulary(
    group=tuple(range(FIRST + 20, FIRST + 24)),
    scales=2,
    reject=FIRST + 24,
    phrase_start=FIRST + 25,
    phrase_end=FIRST + 26,
)
TOKENS = {"[SEG]": FIRST, "[REJ]": FIRST + 1}
MINI_TOKENS = {"[REJ]": FIRST + 24, "<p>": FIRST + 25, "</p>": FIRST + 26}


def said(text: str, vocabulary: MaskVocabulary = GSVA) -> list[int]:
    """Ids of a text, one for each character; [M] is a whole group, [Mi] its token i."""
    tokens = MINI_TOKENS if vocabulary is MINI else TOKENS
    ids: list[int] = []
    for piece in re.split(r"(\[SEG\]|\[REJ\]|\[M\d?\]|</?p>)", text):
        if piece == "[M]":
            ids += vocabulary.group
        elif re.fullmatch(r"\[M\d\]", piece):
            ids.append(vocabulary.group[int(piece[2])])
        elif piece in tokens:
            ids.append(tokens[piece])
        else:
            ids += map(ord, piece)
    return ids


def characters(ids: list[int]) -> str:
    return "".join(map(chr, ids))


def parse(text: str, vocabulary: MaskVocabulary = GSVA):
    return vocabulary.parse(said(text, vocabulary), characters)


def phrases(parsed) -> list[str]:
    """Phrases in order, "!" behind the rejected ones."""
    return [target.phrase + "!" * target.rejected for target in parsed.targets]


# The shapes of answers that published models were trained on (specs of LISA, GSVA and PixelLM).
PUBLISHED = [
    # Nothing is named: the question knows what "it" is.
    ("[SEG].", LISA, "", [""]),
    ("It is [SEG].", LISA, "It is.", [""]),
    ("Sure, [SEG].", LISA, "Sure.", [""]),
    ("Sure, it is [SEG] .", LISA, "Sure, it is.", [""]),
    ("Sure, the segmentation result is [SEG].", LISA, "Sure, the segmentation result is.", [""]),
    ("It is [SEG]. It lies on the table.", LISA, "It is. It lies on the table.", [""]),
    ("They are [SEG], [SEG].", LISA, "They are.", ["", ""]),
    # GSVA's five templates.
    ("Sure,a man:[SEG], mug:[REJ].", GSVA, "Sure,a man, mug.", ["man", "mug!"]),
    ("Sure,a man: [SEG] , mug: [REJ]  .", GSVA, "Sure,a man, mug.", ["man", "mug!"]),
    (
        "The segmentation results are the man on the left [SEG], Woman in red [REJ].",
        GSVA,
        "The segmentation results are the man on the left, Woman in red.",
        ["man on the left", "Woman in red!"],
    ),
    (
        "Sure, they are dog wearing a hat:[SEG].",
        GSVA,
        "Sure, they are dog wearing a hat.",
        ["dog wearing a hat"],
    ),
    (
        "Sure, the mask of glass of water is [SEG], the mask of the man who is old is [REJ].",
        GSVA,
        "Sure, the mask of glass of water, the mask of the man who is old.",
        ["glass of water", "man who is old!"],
    ),
    ("Sure, the segmentation of cup is [SEG].", GSVA, "Sure, the segmentation of cup.", ["cup"]),
    ("Sure, the referred dog is [SEG].", GSVA, "Sure, the referred dog.", ["dog"]),
    # PixelLM: one by one, and lists.
    (
        "red cup is [M] , left apple is [M] and person is [M] .",
        PIXELLM,
        "red cup, left apple and person.",
        ["red cup", "left apple", "person"],
    ),
    ("Sure, dog and cat are [M] and [M], separately.", PIXELLM, "Sure, dog and cat.", ["dog", "cat"]),
    ("Sure, bed, cup and ox are [M], [M] and [M].", PIXELLM, "Sure, bed, cup and ox.", ["bed", "cup", "ox"]),
    # A list of another length than its masks: no guess which is which.
    ("Sure, dog and cat are [M], [M] and [M].", PIXELLM, "Sure, dog and cat.", ["dog and cat"] * 3),
    # Free text.
    ("What cuts bread is the knife [SEG].", LISA, "What cuts bread is the knife.", ["knife"]),
    (
        "In the picture, the mug is [SEG], not the cup.",
        LISA,
        "In the picture, the mug, not the cup.",
        ["mug"],
    ),
    ("The mug [SEG]; there is no cat [REJ].", GSVA, "The mug; there is no cat.", ["mug", "cat!"]),
    ("The mug ([SEG]) and the cup ([SEG]).", LISA, "The mug and the cup.", ["mug", "cup"]),
]


@pytest.mark.parametrize(("answer", "vocabulary", "text", "expected"), PUBLISHED)
def test_published_answer_styles(answer, vocabulary, text, expected):
    parsed = parse(answer, vocabulary)
    assert parsed.text == text
    assert phrases(parsed) == expected
    assert parsed.notes == ()
    assert all(parsed.text[slice(*target.span)] == target.phrase for target in parsed.targets)


def test_marked_phrases_are_taken_as_marked():
    parsed = parse("the<p> red mug</p>[M] and the spoon; there is no<p> fork</p>[REJ].", MINI)
    assert parsed.text == "the red mug and the spoon; there is no fork."
    assert [(t.phrase, t.span, t.rejected) for t in parsed.targets] == [
        ("red mug", (4, 11), False),
        ("fork", (39, 43), True),
    ]
    start = len("the") + 1 + len(" red mug") + 1
    assert parsed.targets[0].positions == tuple(range(start, start + 4))
    assert len(parsed.targets[1].positions) == 1


def test_two_targets_behind_one_marked_phrase_share_it():
    parsed = parse("<p>dogs</p>[M][M] over there[M]", MINI)
    assert [t.span for t in parsed.targets[:2]] == [(0, 4), (0, 4)]
    assert parsed.targets[2].phrase == "over there"


def test_text_is_left_as_it_is_where_phrases_are_marked():
    assert parse("the dog is[M] red", MINI).text == "the dog is red"


# What was said, what is remarked, and the phrases that must survive it.
FAULTS = [
    ("<p>dog</p>[M0][M1] and<p> cat</p>[M]", "an incomplete mask group (2 of 4 tokens)", ["cat"]),
    ("<p>dog</p>[M3] and<p> cat</p>[M]", "an incomplete mask group (1 of 4 tokens)", ["cat"]),
    ("<p>dog</p>[M0][M2][M1][M3]<p> cat</p>[M]", "an incomplete mask group (4 of 4 tokens)", ["cat"]),
    ("<p>dog</p>[M0][M1][M] x", "an incomplete mask group (2 of 4 tokens)", ["dog"]),
    ("<p>dog</p>[M0]a[M1]<p>cat</p>[M]", "an incomplete mask group (1 of 4 tokens)", ["cat"]),
    ("dog</p>[M]", "a phrase ended that had not begun", ["dog"]),
    ("<p>cat<p>dog</p>[M]", "a phrase began inside another", ["dog"]),
    ("<p>dog</p>[M] <p>cat", "a phrase began that did not end", ["dog"]),
    ("<p>dog</p> sits; a<p> cat</p>[M]", "the phrase 'dog' has neither a mask nor a rejection", ["cat"]),
]


@pytest.mark.parametrize(("answer", "note", "expected"), FAULTS)
def test_a_fault_is_reported_and_drops_nothing_else(answer, note, expected):
    parsed = parse(answer, MINI)
    assert phrases(parsed) == expected
    assert any(note in remark for remark in parsed.notes)


def test_a_group_cut_off_at_the_end_is_reported():
    parsed = parse("<p>dog</p>[M0][M1][M2]", MINI)
    assert parsed.targets == ()
    assert "an incomplete mask group (3 of 4 tokens) was left out" in parsed.notes


def test_words_have_no_punctuation_and_end_at_their_last_token():
    parsed = parse("  The dog's<p> red mug</p>[M], t-shirt (old)!", MINI)
    assert [word.text for word in parsed.words] == ["The", "dog's", "red", "mug", "t-shirt", "old"]
    ids = said("  The dog's<p> red mug</p>[M], t-shirt (old)!", MINI)
    for word in parsed.words:
        assert parsed.text[slice(*word.span)] == word.text
        assert chr(ids[word.position]) == word.text[-1]


def test_nothing_said():
    assert MINI.parse([], characters) == parse("", MINI)
    assert parse("", MINI).text == ""
    assert parse("   ", MINI).words == ()


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", ""),
        ("the mug", "mug"),
        ("There is a dog. The cat is ", "cat"),
        ("the theatre is", "theatre"),  # "the" and "is" within words
        ("this", ""),
        ("3.5 litres:", "3.5 litres"),
    ],
)
def test_find_phrase(text, phrase):
    assert text[slice(*find_phrase(text))] == phrase


# -- tokens and tokenizers -----------------------------------------------------


def byte_level_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes and a few merges; characters beyond ASCII are split over several ids."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["the red mug and the dog and the mug"] * 4, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


BYTES = byte_level_tokenizer()
BYTE_VOCABULARY = MaskVocabulary.add_to(BYTES, scales=2, tokens_per_scale=2, reject=True, phrase_marks=True)


def decode_bytes(ids: list[int]) -> str:
    return BYTES.decode(ids, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reject": True},
        {"scales": 2, "tokens_per_scale": 3},
        {"scales": 3, "reject": True, "phrase_marks": True},
    ],
)
def test_added_tokens_are_one_id_each(options):
    tokenizer = byte_level_tokenizer()
    before = len(tokenizer)
    vocabulary = MaskVocabulary.add_to(tokenizer, **options)
    names = MaskVocabulary.token_names(**options)
    assert len(tokenizer) == before + len(names)
    assert tokenizer.encode("".join(names)) == list(range(before, before + len(names)))
    assert vocabulary.ids == frozenset(range(before, before + len(names)))
    # A second time adds nothing.
    assert MaskVocabulary.add_to(tokenizer, **options) == vocabulary
    assert len(tokenizer) == before + len(names)


def test_token_names_are_the_published_ones():
    assert MaskVocabulary.token_names() == ["[SEG]"]
    assert MaskVocabulary.token_names(reject=True) == ["[SEG]", "[REJ]"]
    six = [f"[SEG{i}]" for i in range(6)]
    assert MaskVocabulary.token_names(scales=2, tokens_per_scale=3) == six


def test_a_tokenizer_without_the_tokens_is_refused():
    with pytest.raises(CheckpointError, match=r"no token \[SEG0\]"):
        MaskVocabulary.read_from(byte_level_tokenizer(), scales=2, tokens_per_scale=2)


class WordStartTokenizer:
    """As SentencePiece's slow tokenizers: a word-start piece before an added token, an id for the unknown."""

    unk_token_id = 0
    pieces = ("<unk>", "▁", "▁mug", "[SEG]")

    def convert_tokens_to_ids(self, token):
        return self.pieces.index(token) if token in self.pieces else 0

    def encode(self, text, add_special_tokens):
        assert not add_special_tokens
        return [1, self.pieces.index(text)]

    def decode(self, ids):
        return "".join(self.pieces[i] for i in ids).replace("▁", " ")


def test_a_word_start_piece_before_the_token_is_no_fault():
    assert MaskVocabulary.read_from(WordStartTokenizer()).group == (3,)
    with pytest.raises(CheckpointError, match="no token"):
        MaskVocabulary.read_from(WordStartTokenizer(), reject=True)


def test_a_token_that_is_split_is_refused():
    class Splitting(WordStartTokenizer):
        def encode(self, text, add_special_tokens):
            return [2, 3]

    with pytest.raises(CheckpointError, match="2 pieces"):
        MaskVocabulary.read_from(Splitting())


@pytest.mark.parametrize(
    "faulty",
    [
        {"group": ()},
        {"group": (1, 2, 3), "scales": 2},
        {"group": (1, 2), "scales": 0},
        {"group": (1, 1)},
        {"group": (1, 2), "reject": 2},
        {"group": (1,), "phrase_start": 5, "phrase_end": 5},
    ],
)
def test_a_vocabulary_that_cannot_be_is_refused(faulty):
    with pytest.raises(CheckpointError):
        MaskVocabulary(**faulty)


def test_forced_tokens_are_the_rest_of_a_group():
    assert MINI.forced_after(MINI.group[0]) == MINI.group[1:]
    assert MINI.forced_after(MINI.group[1]) == ()
    assert LISA.forced_after(LISA.group[0]) == ()


def test_characters_of_several_ids_are_whole():
    text = "un café, 🐶dog! ünï"
    ids = BYTES.encode(text)
    assert len(ids) > len(text)
    parsed = BYTE_VOCABULARY.parse(ids, decode_bytes)
    assert parsed.text == text
    assert [word.text for word in parsed.words] == ["un", "café", "dog", "ünï"]
    for word in parsed.words:  # the position is that of the id that completes the word
        assert decode_bytes(ids[: word.position + 1]) == text[: word.span[1]]


def test_a_character_split_by_a_mask_token_is_joined():
    ids = BYTES.encode("é")
    assert len(ids) == 2
    parsed = BYTE_VOCABULARY.parse([ids[0], *BYTE_VOCABULARY.group, ids[1]], decode_bytes)
    assert parsed.text == "é"
    assert len(parsed.targets) == 1


def test_word_starts_join_across_mask_tokens():
    pieces = ["▁left", "▁apple", "▁is", "▁and", "▁person", ".", "▁"]

    def decode(ids):
        text = "".join(pieces[i] for i in ids).replace("▁", " ")
        return text[1:] if text.startswith(" ") else text  # as Llama's decoder does

    vocabulary = MaskVocabulary(group=(7, 8), scales=2)
    parsed = vocabulary.parse([0, 1, 2, 7, 8, 3, 4, 2, 6, 7, 8, 6, 5], decode)
    assert parsed.text == "left apple and person."
    assert phrases(parsed) == ["left apple", "person"]
    assert [(word.text, word.position) for word in parsed.words] == [
        ("left", 0),
        ("apple", 1),
        ("and", 5),
        ("person", 6),
    ]


def test_decoding_stays_linear():
    ids = BYTES.encode("the red mug 🐶 " * 300)
    decoded = 0

    def counted(some):
        nonlocal decoded
        decoded += len(some)
        return decode_bytes(some)

    text, ends = decode_with_ends(ids, counted)
    assert len(ends) == len(ids)
    assert ends[-1] == len(text)
    assert decoded < 30 * len(ids)


def check(parsed, ids, vocabulary):
    for target in parsed.targets:
        assert 0 <= target.span[0] <= target.span[1] <= len(parsed.text)
        assert parsed.text[slice(*target.span)] == target.phrase == target.phrase.strip()
        tokens = tuple(ids[position] for position in target.positions)
        assert tokens == ((vocabulary.reject,) if target.rejected else vocabulary.group)
    assert parsed.text == parsed.text.strip()
    last = -1
    for word in parsed.words:
        assert parsed.text[slice(*word.span)] == word.text
        assert word.text
        assert word.span[0] >= last
        last = word.span[1]
        assert 0 <= word.position < len(ids)
        assert ids[word.position] not in vocabulary.ids
    positions = [word.position for word in parsed.words]
    assert positions == sorted(positions)


@given(st.lists(st.integers(0, len(BYTES) - 1) | st.sampled_from(sorted(BYTE_VOCABULARY.ids)), max_size=60))
@settings(deadline=None, max_examples=200)
def test_any_ids_parse(ids):
    parsed = BYTE_VOCABULARY.parse(ids, decode_bytes)
    check(parsed, ids, BYTE_VOCABULARY)
    assert len(parsed.targets) == _count(ids, BYTE_VOCABULARY)


WORDS = st.sampled_from(
    [
        "[SEG]",
        "[REJ]",
        "[M]",
        " is",
        " are",
        " and",
        ",",
        ":",
        ".",
        " the",
        " mug",
        "(",
        ")",
        " separately",
        "Sure",
        "\n",
        "é",
    ]
)


@given(st.lists(WORDS, max_size=25), st.sampled_from([GSVA, PIXELLM, MINI]))
@settings(deadline=None, max_examples=300)
def test_any_sentence_parses(pieces, vocabulary):
    ids = [i for i in said("".join(pieces), vocabulary) if i < FIRST or i in vocabulary.ids]
    parsed = vocabulary.parse(ids, characters)
    check(parsed, ids, vocabulary)
    assert len(parsed.targets) == _count(ids, vocabulary)


def _count(ids, vocabulary):
    """Targets by a plain reading: rejections, and whole groups from left to right."""
    names = "".join("r" if i == vocabulary.reject else chr(i % 50000 + 200) for i in ids)
    group = "".join(chr(i % 50000 + 200) for i in vocabulary.group)
    return names.count("r") + names.count(group)
