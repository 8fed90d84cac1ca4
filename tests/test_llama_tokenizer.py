"""LLaMA's tokenizer under both rules, on a vocabulary that the test makes itself."""

from __future__ import annotations

import json
import struct

import pytest

from segue.checkpoints.sentencepiece_model import WORD_START, SentencePieceModel
from segue.errors import CheckpointError
from segue.llama_tokenizer import LlamaTokenizer

NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
WORDS = ["▁it", "▁is", "is", "it", "he", "▁the", "▁d", "og", "do", "▁dog", ".", ",", "▁", *"abcdefghiost"]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def model_file(*, kind: int = 2, extra_spaces: int = 0, words=WORDS) -> bytes:
    rows = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)]
    rows += [(f"<0x{value:02X}>", BYTE) for value in range(256)]
    rows += [(word, NORMAL) for word in words]
    pieces = b"".join(
        message(
            1,
            message(1, text.encode())
            + varint(2 << 3 | 5)
            + struct.pack("<f", -float(number))
            + varint(3 << 3)
            + varint(row),
        )
        for number, (text, row) in enumerate(rows)
    )
    trainer = varint(3 << 3) + varint(kind)
    normaliser = varint(3 << 3) + varint(1) + varint(4 << 3) + varint(extra_spaces)
    return pieces + message(2, trainer) + message(3, normaliser)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tokenizer.model").write_bytes(model_file())
    return tmp_path


def texts(tokenizer, ids) -> list[str]:
    names = {number: token for token, number in tokenizer.added.items()}
    return [names.get(i) or tokenizer.pieces.pieces[i] for i in ids]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("dog", ["▁dog"]),
        # The higher score first: "og" goes before "do", and "d" + "og" is no piece without a space.
        ("isdog", ["▁is", "d", "og"]),
        ("the it", ["▁", "t", "he", "▁it"]),
        (" it", ["▁", "▁it"]),
        # What is no piece is written in bytes.
        ("\n", ["▁", "<0x0A>"]),
        ("é", ["▁", "<0xC3>", "<0xA9>"]),
    ],
)
def test_byte_pairs(folder, text, pieces):
    model = SentencePieceModel.read(folder / "tokenizer.model")
    ids = model.encode(text)
    assert [model.pieces[i] for i in ids] == pieces
    assert model.decode(ids) == (" " + text if text else "")


@pytest.mark.parametrize(
    ("text", "strip", "pieces"),
    [
        ("it is [SEG].", True, ["▁it", "▁is", "[SEG]", "▁", "."]),
        ("it is [SEG].", False, ["▁it", "▁is", "▁", "[SEG]", "▁", "."]),
        ("[SEG] \n[SEG]", True, ["[SEG]", "[SEG]"]),
        ("[SEG] [SEG]", False, ["[SEG]", "▁", "▁", "[SEG]"]),
        # The tokens that were declared with flags keep the space beside them in either version.
        ("it </s>", True, ["▁it", "▁", "</s>"]),
        ("it </s>", False, ["▁it", "▁", "</s>"]),
    ],
)
def test_white_space_around_added_tokens(folder, text, strip, pieces):
    tokenizer = LlamaTokenizer.read(folder, new_tokens=["[SEG]"], strip=strip)
    assert texts(tokenizer, tokenizer.encode(text)) == ["<s>", *pieces]


def test_new_tokens_get_the_next_ids_and_old_ones_keep_theirs(folder):
    size = 3 + 256 + len(WORDS)
    (folder / "added_tokens.json").write_text(json.dumps({"[SEG]": size + 1, "<im_end>": size}))
    tokenizer = LlamaTokenizer.read(folder, new_tokens=["[SEG]", "<im_start>", "<im_end>"], strip=True)
    assert [tokenizer.added[t] for t in ("<im_end>", "[SEG]", "<im_start>")] == [size, size + 1, size + 2]
    assert len(tokenizer) == size + 3


def test_a_token_of_the_map_that_is_a_bare_string_strips(folder):
    (folder / "special_tokens_map.json").write_text(json.dumps({"eos_token": "</s>"}))
    tokenizer = LlamaTokenizer.read(folder, strip=True)
    assert texts(tokenizer, tokenizer.encode("it </s>")) == ["<s>", "▁it", "</s>"]


def test_saved_and_read_again(folder, tmp_path):
    tokenizer = LlamaTokenizer.read(folder, new_tokens=["[SEG]"], strip=True)
    again = tmp_path / "again"
    again.mkdir()
    tokenizer.save(again)
    assert LlamaTokenizer.read(again).encode("it is [SEG] .") == tokenizer.encode("it is [SEG] .")


def test_decoding_leaves_control_tokens_out(folder):
    tokenizer = LlamaTokenizer.read(folder, new_tokens=["[SEG]"], strip=False)
    assert tokenizer.decode(tokenizer.encode("the dog[SEG]")) == " the dog[SEG]"
    assert tokenizer.decode([tokenizer.pieces.encode("é")[1]]) == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not a SentencePiece model"),
        (b"\x00\x01nonsense", "not a SentencePiece model"),
        (model_file()[:500], "not a SentencePiece model"),
        (model_file(kind=1), "unigram"),
        (model_file(extra_spaces=1), "white space"),
    ],
)
def test_files_that_are_no_llama_tokenizer(tmp_path, content, problem):
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(CheckpointError, match=problem):
        LlamaTokenizer.read(tmp_path, strip=True)


def test_faults_of_a_folder(folder):
    with pytest.raises(CheckpointError, match="rules"):
        LlamaTokenizer.read(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"legacy": False}))
    with pytest.raises(CheckpointError, match="legacy"):
        LlamaTokenizer.read(folder, strip=True)
    (folder / "tokenizer_config.json").unlink()
    (folder / "added_tokens.json").write_text(json.dumps({"[SEG]": 2}))
    with pytest.raises(CheckpointError, match="share the id 2"):
        LlamaTokenizer.read(folder, strip=True)
    with pytest.raises(CheckpointError, match="No such file"):
        LlamaTokenizer.read(folder / "nowhere", strip=True)


def test_word_start_is_sentencepieces():
    assert WORD_START == "▁"
