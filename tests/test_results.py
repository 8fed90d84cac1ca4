"""docs/results.md is what its script makes of the papers' figures and of summaries."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest

from segue.cli.main import main
from segue.evaluation.benchmarks import get_benchmark
from segue.evaluation.published import all_published, published_tables

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "results.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_results", DOCS / "make_results.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_published_tables_are_those_of_the_file(script):
    assert script.replace_part(PAGE, script.PUBLISHED, script.published_part(published_tables())) == PAGE


def test_every_figure_is_on_the_page():
    for entry in all_published():
        for value in entry.figures.values():
            assert re.search(rf"\b{100 * value:.2f}".rstrip("0").rstrip(".") + r"0*\b", PAGE), entry


def test_summaries_become_tables(script, tmp_path, monkeypatch):
    group = {"num_turns": 3, "giou": 0.5, "giou_together": 0.25, "n_acc": None}
    summary = {
        "settings": {
            "benchmark": "scenes",
            "protocol": "free",
            "model": {"name": "segue/mini", "sha256": "0123456789abcdef"},
        },
        "num_samples": 7,
        "num_failed": 1,
        "figures": {"overall": group, "by_type": {"plain": group}},
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    page = tmp_path / "results.md"
    page.write_text(PAGE)
    monkeypatch.setattr(script, "PAGE", page)
    script.main([str(tmp_path / "summary.json")])
    text = page.read_text()
    assert "### segue/mini on scenes" in text
    assert "Protocol free, weights 0123456789ab, 7 pictures, 1 failed; shares as fractions." in text
    assert "| *by type* |" in text
    assert "| plain | 3 | 0.500 | - | 0.250 | - |" in text
    assert text.split("## Published")[1] == PAGE.split("## Published")[1]
    script.main([])  # nothing given: that part stays
    assert page.read_text() == text


def test_a_page_without_its_marks_is_refused(script):
    with pytest.raises(SystemExit, match="no part 'ours'"):
        script.replace_part("nothing", script.OURS, "")


_IN_TEXT = re.compile(r"`(segue .*?)`")
COMMANDS = sorted({command for table in published_tables() for command in _IN_TEXT.findall(table.reproduce)})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists_with_its_options(command):
    words = shlex.split(command)[1:]
    with pytest.raises(SystemExit) as exit_info:
        main([*words, "--help"])  # an unknown option is an error before help is given
    assert exit_info.value.code == 0


def test_options_of_benchmarks_in_commands_exist():
    for table in published_tables():
        given = re.findall(r"--set (\w+)=", table.reproduce)
        for name in table.benchmarks:
            assert set(given) <= set(get_benchmark(name).options), name
