"""The README's examples, run as they stand with the embedded model."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from segue.answer import Answer
from segue.cli.main import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (segue .*?)(?:\s+#.*)?$", README, flags=re.MULTILINE)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder with the bundled pictures, where outputs may be written."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_ask_example(clone, capsys):
    [command] = [command for command in COMMANDS if command.startswith("segue ask")]
    with pytest.raises(SystemExit) as exit_info:
        main(shlex.split(command)[1:])
    assert exit_info.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    overlay, record = lines[-1].removeprefix("written: ").split(", ")
    answer = Answer.from_json(clone / record)
    assert lines[0] == answer.text
    [segment] = answer.segments  # the cat
    assert segment.area > 0.1 * answer.width * answer.height
    assert Image.open(clone / overlay).width >= answer.width


def test_the_python_example(clone):
    [code] = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    exec(code, names := {})
    assert names["answer"].segments
    assert (clone / "overlay.png").is_file()
    assert (clone / "answer.json").is_file()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_with_its_options(command):
    with pytest.raises(SystemExit) as exit_info:
        main([*shlex.split(command)[1:], "--help"])  # an unknown option is an error before help is given
    assert exit_info.value.code == 0
