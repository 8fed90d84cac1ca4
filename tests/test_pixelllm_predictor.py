"""A PixelLLM asked: words with places on the picture, regions, objects, expressions; and its folder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import segue
from segue.animation import animate_words
from segue.answer import Answer, Word
from segue.checkpoints.pixelllm_folder import is_pixelllm, read_pixelllm, write_pixelllm
from segue.errors import CheckpointError, DataError, QuestionError
from segue.pixelllm_predictor import PixelLLMPredictor
from tests.modeling.speaking import assert_same
from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_text, tiny_tokenizer


@pytest.fixture(scope="module")
def predictor():
    model = tiny_pixelllm()
    return PixelLLMPredictor(model, tiny_text(model.config), name="tiny")


@pytest.fixture(scope="module")
def picture():
    values = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    return Image.fromarray(values)


def test_words_of_a_caption_lie_in_its_text_and_on_the_picture(predictor, picture):
    for answer in (predictor.caption(picture), predictor.caption(picture, box=(10, 10, 60, 50))):
        for word in answer.words:
            assert answer.text[slice(*word.span)] == word.text
            assert 0 <= word.point[0] < 90
            assert 0 <= word.point[1] < 60
            x0, y0, x1, y1 = word.extent
            assert word.point == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2))


def test_a_seen_picture_gives_the_same_answers(predictor, picture):
    seen = predictor.encode(picture)
    assert predictor.caption(seen) == predictor.caption(picture)
    assert predictor.locate(seen, "the red mug") == predictor.locate(picture, "the red mug")


def test_an_expression_gets_box_and_mask(predictor, picture):
    answer = predictor.locate(picture, "the woman in red?")
    (segment,) = answer.segments
    assert answer.text == segment.phrase == "the woman in red"
    assert segment.mask.shape == (60, 90)
    x0, y0, x1, y1 = segment.box
    assert 0 <= x0 <= x1 <= 90
    assert 0 <= y0 <= y1 <= 60


def test_everything_found_has_box_score_and_caption(predictor, picture):
    for answer in predictor.caption_dense(picture):
        (segment,) = answer.segments
        assert segment.phrase == answer.text
        assert 0 <= segment.score <= 1
        assert segment.mask is None


@pytest.mark.parametrize("expression", ["", "  ", "a " * 20, None])
def test_expressions_that_cannot_be_read(predictor, picture, expression):
    with pytest.raises(QuestionError):
        predictor.locate(picture, expression)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (0, 0, float("nan"), 3), (200, 0, 300, 20), "here"])
def test_boxes_that_are_none(predictor, picture, box):
    with pytest.raises(QuestionError, match="box"):
        predictor.caption(picture, box=box)


def test_a_folder_is_written_and_read(predictor, picture, tmp_path):
    tiny_tokenizer().save(str(tmp_path / "source.json"))
    folder = tmp_path / "model"
    write_pixelllm(predictor.model, tmp_path / "source.json", folder)
    assert is_pixelllm(folder)
    model, text = read_pixelllm(folder)
    again = PixelLLMPredictor(model, text, name="tiny")
    written, kept = model.state_dict(), predictor.model.state_dict()
    assert written.keys() == kept.keys()
    assert all(torch.equal(written[name], kept[name]) for name in kept)
    ours, theirs = (p.locate(picture, "the red mug") for p in (again, predictor))
    assert_same(ours, theirs)
    assert ours.segments[0].predicted_box == pytest.approx(theirs.segments[0].predicted_box, abs=1e-3)
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CheckpointError, match="damaged"):
        read_pixelllm(folder)


def test_spoken_words_know_their_tokens(predictor):
    text = predictor.text
    row = text.given("the red mug")
    said, words = text.spoken(row)
    assert said == "the red mug"
    assert [(word.text, word.positions) for word in words] == [("the", (1,)), ("red", (2,)), ("mug", (3,))]
    assert text.context("an object of ") == [*text._ids("an object of"), text.eos, 0, 0]


def test_a_trace_moves(tmp_path):
    words = tuple(Word(w, (i * 2, i * 2 + 1), point=(i * 9.0, 5.0)) for i, w in enumerate("abc"))
    answer = Answer("a b c", words=words, width=40, height=30, image=Image.new("RGB", (40, 30)))
    with Image.open(animate_words(answer, tmp_path / "trace.gif")) as moving:
        assert moving.n_frames == 3
    with pytest.raises(DataError, match="gif"):
        animate_words(answer, tmp_path / "trace.png")
    with pytest.raises(DataError, match="no word"):
        animate_words(Answer("a", width=4, height=4), tmp_path / "trace.gif")


def test_load_gives_this_family_too(predictor, picture, tmp_path):
    tiny_tokenizer().save(str(tmp_path / "source.json"))
    write_pixelllm(predictor.model, tmp_path / "source.json", tmp_path / "captions")
    loaded = segue.load(tmp_path / "captions", device="cpu")
    assert loaded.name == "captions"
    assert loaded.caption(picture).text == predictor.caption(picture).text
    assert loaded.chat(picture).ask("where is the mug").width == picture.width
