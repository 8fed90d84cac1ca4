"""The ablation's script: its questions, a whole run in miniature, and that nothing is trained twice."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "codebook_ablation.py"


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("ablation_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_turns_name_one_to_five_things(benchmark):
    single = {number: f"thing {number}" for number in range(1, 8)}
    turns = list(benchmark.make_turns(single, np.random.default_rng(0)))
    assert [len(turn.phrases) for turn in turns] == [1, 1, 2, 3, 4, 5]
    assert [turn.type for turn in turns] == ["1", "1", "2", "3+", "3+", "3+"]
    for turn in turns:
        said = [turn.answer[slice(*phrase.span)].lower() for phrase in turn.phrases]
        assert said == [f"the {single[phrase.ids[0]]}" for phrase in turn.phrases]
        assert all(name in turn.question for name in said)


def test_names_are_of_one_thing_alone(benchmark):
    found = [made for made in (benchmark.make_record(seed, None) for seed in range(6)) if made]
    assert found
    for _, record in found:
        for turn in record.dialogue:
            for phrase in turn.phrases:
                *color, kind = turn.answer[slice(*phrase.span)].split()[1:]
                like = [o for o in record.objects if o.category == kind]
                like = [o for o in like if not color or o.attributes["color"] == color[0]]
                assert [o.id for o in like] == phrase.ids


def test_variants_differ_in_one_choice_each(benchmark):
    base = vars(benchmark.VARIANTS[benchmark.BASE])
    for name, variant in benchmark.VARIANTS.items():
        differing = {key for key, value in vars(variant).items() if value != base[key]}
        assert len(differing) == 1 or name in (benchmark.BASE, "seg-1x1", "seg-shared")
    assert set(benchmark.MEANING) == set(benchmark.VARIANTS)


def test_a_whole_run_once(benchmark, tmp_path, monkeypatch, capsys):
    arguments = ["--out", str(tmp_path), "--steps", "1", "--see-steps", "1", "--pictures", "9"]
    arguments += ["--scenes", "2", "--only", "seg-shared:0"]

    def script(*more: str) -> None:
        monkeypatch.setattr(sys, "argv", ["ablation", *arguments, *more])
        benchmark.main()

    script()
    (line,) = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert (line["variant"], line["seed"], line["scenes"]) == ("seg-shared", 0, 2)
    assert line["forced"]["right_number"] == 1
    assert all(0 <= line[how][n] <= 1 for how in ("forced", "free") for n in (*benchmark.BY_TARGETS, "all"))
    script()  # it is there: nothing more
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == 1
    capsys.readouterr()
    script("--table", "--plot", str(tmp_path / "plot.png"))
    assert benchmark.MEANING["seg-shared"] in capsys.readouterr().out
    assert (tmp_path / "plot.png").stat().st_size > 5000
