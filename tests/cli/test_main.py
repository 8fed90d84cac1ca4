"""What all commands promise: help with an example, one line for an error, no torch before it is needed."""

import subprocess
import sys

import pytest

import segue

COMMANDS = [
    [],
    ["ask"],
    ["chat"],
    ["scenes"],
    ["train"],
    ["eval"],
    ["eval", "scenes"],
    ["eval", "photographs"],
    ["models"],
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example(cli, command):
    result = cli(*command, "--help")
    assert result.code == 0
    assert "Example: segue " + " ".join(command) in " ".join(result.out.split())
    assert result.err == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["ask", "a.png"], "Missing argument 'question'"),
        (["ask", "a.png", "Where?", "--colour"], "No such option: --colour"),
        (["ask", "nowhere.png", "Where?"], "nowhere.png"),
        (["ask", ".", "Where?"], "folder"),
        (["ask", "notes.txt", "Where?"], "notes.txt"),
        (["ask", "short.png", "Where?"], "short.png"),
        (["ask", "pet.png", " "], "The question is empty."),
        (["ask", "pet.png", "Where?", "--out", "notes.txt"], "notes.txt"),
        (["chat", "nowhere.png"], "nowhere.png"),
        (["scenes", "out", "--num", "0"], "--num"),
        (["scenes", "out", "--size", "huge"], "--size wants WIDTHxHEIGHT"),
        (["train", "nothing", "--output", "out"], "nothing: no such recipe"),
        (["train", "mini"], "give --output"),
        (["eval", "photographs", "--data", "nowhere"], "nowhere holds none of the sets"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(cli, picture, arguments, expected):
    picture.with_name("notes.txt").write_text("not a picture [at all]")
    picture.with_name("short.png").write_bytes(picture.read_bytes()[:60])
    result = cli(*arguments)
    assert result.code == 2
    assert result.err.startswith("segue: error: ")
    assert expected in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""


def test_no_command_shows_the_help_and_is_an_error(cli):
    result = cli()
    assert result.code == 2
    assert "Commands" in result.out + result.err


def test_version(cli):
    assert cli("--version").out == f"segue {segue.__version__}\n"


def test_interruption(cli, monkeypatch, picture):
    def interrupted(name, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(segue, "load", interrupted)
    result = cli("ask", picture, "Where?")
    assert result.code == 130
    assert "Traceback" not in result.err


def test_a_bug_of_ours_keeps_its_traceback(monkeypatch, picture):
    from segue.cli.main import main

    def broken(name, **_):
        raise AssertionError("ours")

    monkeypatch.setattr(segue, "load", broken, raising=False)
    with pytest.raises(AssertionError, match="ours"):
        main(["ask", str(picture), "Where?"])


@pytest.mark.parametrize("code", ["import segue", "import segue.cli.main"])
def test_imports_are_light(code):
    heavy = "{'torch', 'transformers', 'numpy', 'scipy', 'PIL', 'pydantic'}"
    check = f"import sys; {code}; loaded = {heavy} & set(sys.modules); sys.exit(str(loaded) if loaded else 0)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_the_public_names():
    from segue.answer import Answer

    assert segue.Answer is Answer
    assert {"load", "Answer", "Segment", "Word"} <= set(dir(segue))
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        segue.lode  # noqa: B018


def test_loading_a_model_leaves_the_collector_on():
    """It stands still while torch is imported, and what was imported is never gone through again."""
    code = """
import gc, sys
from segue.cli.console import load_model
from segue.errors import SegueError
try:
    load_model("/nowhere", None)
except SegueError:
    pass
assert "torch" in sys.modules
assert gc.isenabled()
assert gc.get_freeze_count() > 100_000, gc.get_freeze_count()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
