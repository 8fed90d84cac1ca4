"""What users hold: asking, batches, chats, regions, scores, and everything that cannot be asked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from segue import grounding
from segue import predictor as predictor_module
from segue.answer import Answer
from segue.data.native import Phrase, Turn
from segue.errors import CapabilityError, DataError, ImageError, QuestionError
from segue.predictor import Predictor
from segue.query import Query
from tests.modeling.speaking import (
    LEARNED,
    assert_same,
    learned_turn,
    picture,
    speaking_predictor,
    train_speaker,
)
from tests.modeling.tiny import tiny_model

MUG_AND_SPOON = "Where are the mug and the spoon?"


@pytest.fixture(scope="module")
def model() -> Predictor:
    return speaking_predictor()


@pytest.fixture
def encodings(model, monkeypatch):
    """How many pictures were encoded by each call of the vision encoder."""
    counts = []
    encode = model.model.encode_images

    def counted(pixels):
        counts.append(len(pixels))
        return encode(pixels)

    monkeypatch.setattr(model.model, "encode_images", counted)
    return counts


# -- answers -------------------------------------------------------------------


@pytest.mark.parametrize("learned", [row for row in LEARNED if not row[4]], ids=lambda row: row[0])
def test_an_answer_says_what_was_learned(model, learned):
    question, text, present, absent, _ = learned
    answer = model.ask(picture(7), question)
    assert answer.text == text
    assert {s.phrase for s in answer.segments if not s.rejected} == set(present)
    assert {s.phrase for s in answer.segments if s.rejected} == set(absent)
    assert answer.notes == ()
    assert (answer.width, answer.height, answer.model) == (48, 40, "speaking")


def test_an_answer_is_complete(model):
    answer = model.ask(picture(7, width=30, height=50), MUG_AND_SPOON)
    mug, spoon, cat = answer.segments
    for segment in (mug, spoon):
        assert segment.mask.shape == (50, 30)
        assert segment.mask.any()
        assert 0.5 < segment.score <= 1
    assert not np.array_equal(mug.mask, spoon.mask)
    assert cat.rejected
    assert cat.score > 0.5
    assert [word.text for word in answer.words] == answer.text.replace(",", "").replace(";", "")[:-1].split()
    pointing = [word for word in answer.words if word.point is not None]
    assert all(0 <= word.point[0] <= 29 and 0 <= word.point[1] <= 49 for word in pointing)
    # What is not in the picture is nowhere in it.
    nowhere = [word.span for word in answer.words if word.point is None]
    assert nowhere
    assert all(cat.span[0] <= start and end <= cat.span[1] for start, end in nowhere)
    assert all(word.extent is None for word in answer.words)
    assert set(answer.timing_ms) == {"encode", "generate", "decode", "total"}
    assert Answer.from_json(answer.to_json()).to_dict() == answer.to_dict()
    json.dumps(answer.to_coco())
    assert answer.draw().width >= 30


def test_every_kind_of_picture_can_be_asked(model, tmp_path):
    image = picture(3)
    path = tmp_path / "photo.png"
    image.save(path)
    expected = model.ask(image, MUG_AND_SPOON)
    for source in (path, str(path), path.read_bytes(), np.asarray(image), model.encode(path)):
        assert_same(model.ask(source, MUG_AND_SPOON), expected)


@pytest.mark.parametrize("size", [(1, 1), (500, 2), (3, 300)])
def test_pictures_of_any_shape(model, size):
    answer = model.ask(picture(1, width=size[0], height=size[1]), MUG_AND_SPOON)
    assert answer.segments[0].mask.shape == size[::-1]


def test_white_space_and_case_of_a_question_do_not_matter(model):
    assert_same(model.ask(picture(), "  where IS\nthe dog? "), model.ask(picture(), "Where is the dog?"))


def test_a_long_answer_is_cut_and_says_so(model):
    answer = model.ask(picture(), MUG_AND_SPOON, max_new_tokens=5)
    assert "the answer was cut after 5 tokens" in answer.notes
    whole = model.ask(picture(), MUG_AND_SPOON, max_new_tokens=200)
    assert whole.notes == ()
    assert whole.text.startswith(answer.text)


def test_an_empty_answer_is_an_answer(model):
    answer = model.ask(picture(), "Silence")
    assert (answer.text, answer.segments, answer.words, answer.notes) == ("", (), (), ())


# -- many at once --------------------------------------------------------------


def test_a_batch_equals_one_by_one(model):
    pictures = [picture(1), picture(2, width=64, height=20), picture(3, width=9, height=9)]
    questions = [row[0] for row in LEARNED if not row[4]]
    pairs = [(pictures[i % 3], question) for i, question in enumerate(questions * 2)]
    answers = model.ask_batch(pairs)
    assert len(answers) == len(pairs)
    for (image, question), answer in zip(pairs, answers, strict=True):
        assert_same(answer, model.ask(image, question))
        assert answer.image.size == image.size


def test_a_batch_in_parts_equals_one_by_one(model, monkeypatch):
    for name in ("MOST_PICTURES", "MOST_QUESTIONS"):
        monkeypatch.setattr(predictor_module, name, 2)
    monkeypatch.setattr(grounding, "MOST_TARGETS", 2)
    pairs = [(picture(seed), question) for seed in range(3) for question in (MUG_AND_SPOON, "How many?")]
    for (image, question), answer in zip(pairs, model.ask_batch(pairs), strict=True):
        assert_same(answer, model.ask(image, question))


def test_a_batch_encodes_every_picture_once(model, encodings, tmp_path):
    image, other = picture(1), picture(2)
    path = tmp_path / "photo.png"
    image.save(path)
    sources = [image, other, image, path, str(path), path, path.read_bytes(), path.read_bytes(), other]
    model.ask_batch([(source, "How many?") for source in sources])
    assert encodings == [5]  # two objects, a Path, a string, bytes


def test_nothing_asked_is_nothing_answered(model):
    assert model.ask_batch([]) == []


def test_replies_equal_single_answers_and_count_tokens(model):
    queries = [
        Query(picture(1), MUG_AND_SPOON),
        Query(picture(2), "Describe this region.", region=(2, 3, 20, 30)),
        model.caption_query(picture(3)),
        model.locate_query(picture(4), "the red mug?"),
        Query(picture(1), MUG_AND_SPOON, max_new_tokens=5),  # one row has a limit of its own
    ]
    told: dict[int, list[int]] = {}
    replies = model.reply(queries, watch=lambda row, ids: told.update({row: list(ids)}) or True)
    assert_same(replies[0].answer, model.ask(picture(1), MUG_AND_SPOON))
    assert_same(replies[1].answer, model.caption(picture(2), box=(2, 3, 20, 30)))
    assert_same(replies[2].answer, model.caption(picture(3)))
    assert_same(replies[3].answer, model.locate(picture(4), "the red mug"))
    assert_same(replies[4].answer, model.ask(picture(1), MUG_AND_SPOON, max_new_tokens=5))
    assert [reply.finished for reply in replies] == [True, True, True, True, False]
    assert [reply.answer_tokens for reply in replies] == [len(told[row]) for row in range(5)]
    asked = model.processor.question_ids(MUG_AND_SPOON)
    assert replies[0].prompt_tokens == len(model.processor.prefix_ids) + len(asked)


def test_a_dropped_query_has_no_answer_and_changes_no_other(model, monkeypatch):
    monkeypatch.setattr(predictor_module, "MOST_QUESTIONS", 2)  # row numbers are those of the whole
    queries = [Query(picture(seed), MUG_AND_SPOON) for seed in range(4)]
    calls: list[int] = []

    def watch(row, ids):
        calls.append(row)
        return row != 2

    replies = model.reply(queries, watch=watch)
    assert calls.count(2) == 1
    assert [reply.answer is None for reply in replies] == [False, False, True, False]
    assert not replies[2].finished
    for seed in (0, 1, 3):
        assert_same(replies[seed].answer, model.ask(picture(seed), MUG_AND_SPOON))


def test_a_chat_encodes_its_picture_once(model, encodings):
    chat = model.chat(picture(4))
    answers = [chat.ask(question) for question in ("Where is the dog?", MUG_AND_SPOON, "How many?")]
    assert chat.ask("Describe this region.", region=(0, 0, 5, 5)).text == "The dog."
    assert encodings == [1]
    for answer, question in zip(answers, ("Where is the dog?", MUG_AND_SPOON, "How many?"), strict=True):
        assert_same(answer, model.ask(picture(4), question))


def test_a_chat_with_history_reads_what_was_said(model, encodings):
    chat = model.chat(picture(4), history=True)
    first = chat.ask("Describe this region.", region=(0, 0, 5, 5), max_new_tokens=20)
    assert_same(first, model.ask(picture(4), "Describe this region.", region=(0, 0, 5, 5), max_new_tokens=20))
    encodings.clear()
    chat.ask(MUG_AND_SPOON, max_new_tokens=20)
    assert encodings == []
    one, two = chat.rounds
    assert one.region == (0, 0, 5, 5)
    assert model.processor.parse(list(one.ids)).text == "The dog."
    # Its ids are the greedy ones of the whole conversation, read at once and without a cache.
    processor = model.processor
    ids = processor.prefix_ids + processor.question_ids(one.question, has_region=True)
    ids += [*one.ids, processor.stop_id, *processor.question_ids(two.question)]
    start = len(ids)
    ids = torch.tensor([ids + list(two.ids)])
    boxes = model._boxes(chat.image, Query(None, "", one.region))
    with torch.no_grad():
        states = model.model(ids, image_tokens=chat.image.features.tokens, regions=boxes)
        said = model.model.lm_head(states[0, start - 1 : -1]).argmax(-1).tolist()
    forced = [k for k, token in enumerate(two.ids) if token in processor.vocabulary.group[1:]]
    assert two.ids
    assert [t for k, t in enumerate(said) if k not in forced] == [
        t for k, t in enumerate(two.ids) if k not in forced
    ]


def test_a_conversation_that_is_too_long_forgets_its_beginning(model, monkeypatch):
    chat = model.chat(picture(4), history=True)
    chat.ask("How many?", max_new_tokens=20)
    room = len(model.processor.prefix_ids) + len(model._prompt(Query(None, "Where is the dog?"))) + 20
    monkeypatch.setattr(model.model.config.text_config, "max_position_embeddings", room)
    answer = chat.ask("Where is the dog?", max_new_tokens=20)
    assert "1 of its first questions were left out" in answer.notes[-1]
    assert answer.text == model.ask(picture(4), "Where is the dog?", max_new_tokens=20).text


def test_asking_leaves_nothing_behind(model):
    """The same question before and after others, with one encoding: features are a value."""
    seen = model.encode(picture(6))
    before = model.ask(seen, MUG_AND_SPOON)
    model.ask_batch([(seen, "How many?"), (picture(1), "Where is the dog?")])
    assert model.ask(seen, MUG_AND_SPOON) == before


# -- captions, regions, expressions --------------------------------------------


def test_captions(model):
    assert model.caption(picture()).text == "A red mug stands on a wooden table. A dog."
    assert model.caption(picture(), box=(2, 3, 20, 30)).text == "The dog."
    assert_same(
        model.caption(picture(), box=(2, 3, 20, 30)),
        model.ask(picture(), "Describe this region.", region=[2, 3, 20, 30]),
    )


@pytest.mark.parametrize(
    "box",
    [
        (5, 5, 5, 9),  # no width
        (9, 0, 2, 5),  # the wrong way round
        (0, 0, 5),
        (0, 0, 5, float("nan")),
        (0, 0, float("inf"), 5),
        (48, 0, 60, 5),  # outside a picture of 48 x 40
        (-9, -9, 0, 0),
        ((0, 0), (5, 5)),
        "0 0 5 5",
        "all",
        7,
        [],
        [None, 0, 1, 1],
    ],
)
def test_a_box_that_cannot_be_is_refused(model, box):
    with pytest.raises(QuestionError, match="the box"):
        model.caption(picture(), box=box)


def test_a_box_may_reach_over_the_edge(model):
    inside = model.caption(picture(), box=(0, 0, 48, 40))
    assert_same(model.caption(picture(), box=(-5, -5, 100, 100)), inside)


def test_the_box_reaches_the_language_model(model):
    seen = model.encode(picture())
    boxes = [model._box(seen, box) for box in ((0, 0, 24, 20), np.array([0, 0, 24, 20]))]
    assert torch.equal(*boxes)
    assert boxes[0].tolist() == [[0, 0, 0.5, 0.5]]


@pytest.mark.parametrize("expression", ["the red mug", " the red mug. ", "the red mug?"])
def test_locate(model, expression):
    answer = model.locate(picture(), expression)
    assert answer.text == "A red mug."
    assert answer.segments[0].box is not None


@pytest.mark.parametrize("expression", ["", "  ", "?", " .. ", None])
def test_an_empty_expression_is_refused(model, expression):
    with pytest.raises(QuestionError, match="expression is empty"):
        model.locate(picture(), expression)


def test_dense_captions_name_the_family_that_has_them(model):
    with pytest.raises(CapabilityError, match="PixelLLM"):
        model.caption_dense(picture())


def test_two_points_for_a_word_are_its_extent():
    predictor = train_speaker(points_per_word=2)
    answer = predictor.ask(picture(), "Where is the dog?")
    for word in answer.words:
        x0, y0, x1, y1 = word.extent
        assert 0 <= x0 <= x1 <= 47
        assert 0 <= y0 <= y1 <= 39
        assert word.point == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2))


# -- scores --------------------------------------------------------------------


def test_a_score_has_the_stated_shapes(model):
    turn = learned_turn(*LEARNED[1])
    score = model.score(picture(), turn.question, turn)
    encoded = model.processor.encode_turn(turn)
    assert score.input_ids.tolist() == [model.processor.prefix_ids + encoded.ids]
    assert score.logits.shape == (1, score.input_ids.shape[1], model.model.config.text_config.vocab_size)
    assert score.logits.dtype == torch.float32
    assert score.mask_logits.shape == (2, 40, 48)  # the absent cat has none
    assert 0 < score.loss < 0.5


def test_a_score_sees_what_generation_saw(model):
    for question in ("Where is the dog?", MUG_AND_SPOON):
        answer = model.ask(picture(5), question)
        score = model.score(picture(5), question, answer)
        masks = [segment.mask for segment in answer.segments if not segment.rejected]
        assert len(masks) == len(score.mask_logits)
        for mask, logits in zip(masks, score.mask_logits.numpy(), strict=True):
            assert ((logits > 0) != mask).sum() <= 2


def test_a_right_answer_scores_better(model):
    right = model.score(picture(), "How many?", "Two.").loss
    assert right < model.score(picture(), "How many?", "A red mug.").loss
    assert model.score(picture(), "How many?", "Two.").mask_logits.shape == (0, 40, 48)


def test_a_score_of_a_region_caption(model):
    turn = learned_turn(*LEARNED[6])
    assert turn.region is not None
    seen = model.encode(picture())
    assert model.score(seen, turn.question, turn).mask_logits.shape == (1, 40, 48)


@pytest.mark.parametrize(
    ("question", "answer", "error"),
    [
        ("How many?", "", QuestionError),
        ("", "Two.", QuestionError),
        ("How many?", "It is [SEG0].", DataError),
        ("How many?", None, QuestionError),
    ],
)
def test_what_cannot_be_scored(model, question, answer, error):
    with pytest.raises(error):
        model.score(picture(), question, answer)


def test_phrases_of_a_scored_answer_are_checked(model):
    turn = Turn(question="?", answer="Two.", phrases=[Phrase(span=(0, 3), ids=[])])
    assert model.score(picture(), "How many?", turn).mask_logits.shape == (0, 40, 48)


# -- what cannot be asked ------------------------------------------------------


def test_bad_questions_cost_no_encoding(model, encodings):
    for question in ("", "<p>", "dog " * 500):
        with pytest.raises(QuestionError):
            model.ask(picture(), question)
        with pytest.raises(QuestionError):
            model.ask_batch([(picture(), "How many?"), (picture(), question)])
    assert encodings == []


def test_bad_pictures_are_refused(model, tmp_path):
    for source in (tmp_path / "missing.png", b"", b"no image", 5, np.zeros((2, 2, 7), np.uint8)):
        with pytest.raises(ImageError):
            model.ask(source, "How many?")


@pytest.mark.parametrize("limit", [0, -3])
def test_an_answer_needs_room(model, limit):
    with pytest.raises(QuestionError, match="max_new_tokens"):
        model.ask(picture(), "How many?", max_new_tokens=limit)


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_babbles_still_answers(seed):
    """Random weights say random tokens, half characters and broken groups: an answer all the same."""
    network, processor = tiny_model(seed=seed)
    with torch.no_grad():  # make mask tokens likely
        network.language_model.lm_head.weight[: len(processor.control_tokens)].mul_(1.5)
    babbling = Predictor(network, processor, name="babbling")
    answers = babbling.ask_batch([(picture(seed), f"question {number}") for number in range(6)])
    for answer in answers:
        assert Answer.from_json(answer.to_json()).to_dict() == answer.to_dict()
