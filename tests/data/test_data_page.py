"""docs/data.md: its examples are read, its commands exist, and no data set is missing."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segue.cli.main import main
from segue.data.own_data import open_own_data
from segue.data.sources import SOURCES
from tests.data.sources.writing import write_picture

PAGE = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(csv|json)\n(.*?)```", PAGE, flags=re.DOTALL)
COMMANDS = re.findall(r"^    (segue .*?)(?:\s+#.*)?$", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_data_set_is_named(name: str):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(("form", "example"), EXAMPLES)
def test_the_examples_of_own_data_are_read(form: str, example: str, tmp_path: Path):
    suffix = "jsonl" if example.startswith('{"image"') else form
    (tmp_path / f"1.{suffix}").write_text(example)
    for name in ("1.png", "photos/1.png"):
        write_picture(tmp_path, name)
    (tmp_path / "masks").mkdir()
    Image.fromarray(np.full((30, 40), 255, np.uint8)).save(tmp_path / "masks/1-cup.png")
    (record,) = open_own_data(tmp_path)
    assert len(record.expressions) == 2
    assert len(record.objects) == 1
    assert (tmp_path / record.image).is_file()
    if suffix == "json":
        assert json.loads(example)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_with_its_options(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as exit_info:
        main([*shlex.split(command)[1:], "--help"])
    assert exit_info.value.code == 0
    assert "Usage" in capsys.readouterr().out
