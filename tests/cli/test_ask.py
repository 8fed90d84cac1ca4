"""`segue ask` and `segue chat`: what is printed and what is written."""

import io
import json

import pytest
from PIL import Image

import segue
from segue.answer import Answer
from segue.cli.console import err, file_stem
from segue.errors import SegueError


def test_ask_prints_the_answer_and_says_what_it_wrote(cli, picture, tmp_path):
    result = cli("ask", picture, "Where is the cat?")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "The cat and no dog."
    assert "cat: 32 x 48 pixels at (0, 0), score 0.90" in lines[1]
    assert "dog: not in this picture" in lines[2]
    overlay, record = (tmp_path / name for name in lines[3].removeprefix("written: ").split(", "))
    assert overlay.name == "pet-where-is-the-cat.png"
    assert Image.open(overlay).width >= 64
    assert Answer.from_json(record).text == "The cat and no dog."


def test_out_names_the_folder(cli, picture, tmp_path):
    assert cli("ask", picture, "Where?", "--out", "here/there").code == 0
    assert sorted(path.name for path in (tmp_path / "here/there").iterdir()) == [
        "pet-where.json",
        "pet-where.png",
    ]


@pytest.mark.parametrize("command", [("ask", "Where?"), ("locate", "the cat"), ("caption",)])
def test_few_bits_are_asked_for_at_loading(cli, picture, monkeypatch, command):
    def load(name, **given):
        raise SegueError(f"{name} in {given['quantise']}, for the rest {given['dtype']}")

    monkeypatch.setattr(segue, "load", load)
    name, *words = command
    result = cli(name, picture, *words, "--model", "big", "--quantise", "4bit")
    assert result.code == 2
    assert "big in 4bit, for the rest None" in result.err


def test_json_is_alone_on_standard_output_and_writes_nothing(cli, picture, tmp_path):
    result = cli("ask", picture, "Where is the cat?", "--json")
    answer = json.loads(result.out)
    assert [segment["rejected"] for segment in answer["segments"]] == [False, True]
    assert answer["image"] == {"width": 64, "height": 48}
    assert list(tmp_path.iterdir()) == [picture]


def test_json_with_out_writes_too(cli, picture, tmp_path):
    result = cli("ask", picture, "Where?", "--json", "--out", "here")
    assert json.loads(result.out) == json.loads((tmp_path / "here/pet-where.json").read_text())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where is the cat?", "my photo-where-is-the-cat"),
        ("../../etc/passwd", "my photo-etc-passwd"),
        ("¿Dónde?", "my photo-d-nde"),
        ("???", "my photo"),
        ("a" * 300, "my photo-" + "a" * 60),
    ],
)
def test_file_stem(tmp_path, question, expected):
    assert file_stem(tmp_path / "my photo.jpg", question) == expected


def test_chat_answers_every_piped_line(cli, picture, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("Where is the cat?\n\nWhere is the dog?\n"))
    result = cli("chat", picture)
    assert result.code == 0
    assert result.out.count("The cat and no dog.") == 2
    assert "written" not in result.out


def test_chat_prints_a_line_of_json_per_question(cli, picture, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("One?\nTwo?\n"))
    lines = cli("chat", picture, "--json").out.splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["cat", "cat"]


def test_chat_keeps_history_when_asked_to(cli, picture, monkeypatch):
    for options, noted in (((), 0), (("--history",), 1)):
        monkeypatch.setattr("sys.stdin", io.StringIO("One?\nTwo?\n"))
        assert cli("chat", picture, *options).out.count("2 questions so far") == noted


def test_chat_goes_on_after_a_question_that_cannot_be_asked(cli, picture, monkeypatch, tmp_path):
    monkeypatch.setattr("sys.stdin", io.StringIO("Where is the cat?\nforbidden\nWhere is the dog?\n"))
    result = cli("chat", picture, "--out", "here")
    assert result.code == 2
    assert result.out.count("The cat and no dog.") == 2
    assert result.err == "segue: error: That cannot be asked.\n"
    assert len(list((tmp_path / "here").iterdir())) == 4


def test_chat_with_a_person_ends_at_an_empty_line(cli, picture, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    typed = iter(["Where is the cat?", "  "])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(err, "input", lambda prompt: next(typed))
    result = cli("chat", picture)
    assert result.code == 0
    assert result.out.count("The cat and no dog.") == 1
