"""A tokenizer of LLaMA's kind from a few sentences, read back by our own reader."""

from __future__ import annotations

import pytest

from segue.checkpoints.sentencepiece_model import SentencePieceModel
from segue.errors import SegueError
from segue.llama_tokenizer import LlamaTokenizer
from segue.training.tokenizer import train_llama_pieces

TEXTS = ["Where is the dog?", "The dog is on the left.", "There is no cat in this image."] * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pieces")
    data = train_llama_pieces(TEXTS, entries=320, whole=["USER:", "ASSISTANT:"])
    (folder / "tokenizer.model").write_bytes(data)
    return folder


def test_control_pieces_stand_where_llamas_do(folder):
    model = SentencePieceModel.read(folder / "tokenizer.model")
    assert model.pieces[:3] == ("<unk>", "<s>", "</s>")
    assert len(model.byte_values) == 256


def test_what_was_trained_on_is_short_and_anything_comes_back(folder):
    model = SentencePieceModel.read(folder / "tokenizer.model")
    assert len(model.encode("the dog")) == 2
    for text in ("the dog", "Zürich\n☂", "USER: a"):
        assert model.decode(model.encode(text)) == " " + text


def test_roles_are_one_piece(folder):
    tokenizer = LlamaTokenizer.read(folder, new_tokens=["[SEG]"], strip=True)
    ids = tokenizer.encode("USER: the dog ASSISTANT: [SEG]", add_special_tokens=False)
    pieces = [tokenizer.pieces.pieces[i] if i < len(tokenizer.pieces) else "[SEG]" for i in ids]
    assert pieces.count("USER:") == pieces.count("ASSISTANT:") == pieces.count("[SEG]") == 1


def test_too_few_texts_say_so():
    with pytest.raises(SegueError, match="no tokenizer of 5000 entries"):
        train_llama_pieces(TEXTS, entries=5000)
