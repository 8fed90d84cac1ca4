"""A small run end to end: it learns, is killed, goes on with the very next loss, and its model answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from segue.errors import SegueError
from segue.training.counted_words import counted_words
from segue.training.recipe import load_recipe
from segue.training.run import train
from segue.training.tasks import make_task
from tests.modeling.tiny import tiny_config

STEPS = 12


def write_recipe(folder: Path, **changes) -> Path:
    sections = ("vision_config", "text_config", "decoder_config")
    config = tiny_config(
        text_config={"vocab_size": 640}, vision_config={"image_size": 64}, decoder_config={"hidden_size": 16}
    ).to_dict()
    recipe = {
        "name": "tiny",
        "model": {name: config[name] for name in sections},
        "sources": {"scenes": {"kind": "scenes", "options": {"world": "core"}}},
        "stages": [
            {
                "name": "answer",
                "steps": STEPS,
                "image_size": 64,
                "batch_size": 2,
                "learning_rate": 3e-3,
                "warmup_steps": 2,
                "num_turns": 3,
            }
        ],
        "save_steps": 4,
        "logging_steps": 1,
        "num_workers": 0,
        "num_tokenizer_texts": 400,
        **changes,
    }
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path


def losses(folder: Path) -> dict[int, float]:
    """Loss by step; of a step that was run twice, the later."""
    return logged(folder, "loss")


def logged(folder: Path, name: str) -> dict[int, float]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line[name] for line in lines if name in line}


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    model = train(write_recipe(folder), output=folder / "run")
    return folder / "run", model


def test_a_few_steps_reach_a_stated_loss(whole_run):
    by_step = losses(whole_run[0])
    first, last = by_step[1], sum(by_step[s] for s in (STEPS - 2, STEPS - 1, STEPS)) / 3
    # Text alone starts at log 640 = 6.5; twelve steps bring the sum of all terms to less than three quarters.
    assert first > 12
    assert last < 0.75 * first


def test_a_killed_run_goes_on_with_the_same_next_loss(whole_run, tmp_path):
    recipe, output = write_recipe(tmp_path), tmp_path / "run"
    code = f"from segue.training.run import train; train({str(recipe)!r}, output={str(output)!r})"
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 240
    while not (output / "1-answer" / "checkpoint-4" / "trainer_state.json").is_file():
        assert process.poll() is None, "the run ended before it was killed"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = losses(output)
    assert max(before) < STEPS
    train(recipe, output=output)
    resumed, whole = losses(output), losses(whole_run[0])
    assert sorted(resumed) == sorted(whole)
    for step in range(5, STEPS + 1):
        assert resumed[step] == pytest.approx(whole[step], rel=1e-5), f"step {step}"


def test_the_model_of_a_run_answers(whole_run):
    import numpy as np

    import segue

    predictor = segue.load(whole_run[1])
    answer = predictor.ask(np.full((60, 80, 3), 128, np.uint8), "Where is the dog?")
    assert (answer.width, answer.height) == (80, 60)


def test_counted_words_are_spelt_as_the_tokenizer_has_them(tmp_path):
    recipe = load_recipe(str(write_recipe(tmp_path)))
    (tmp_path / "run").mkdir()
    task = make_task(recipe, tmp_path / "run", main=True)
    objective = task.objective(recipe.stages[0])
    words = counted_words(task.labels.categories[1:])
    names = objective.counted_names
    spelt = [ids[share[:, 0] > 0] for ids, share in zip(names.ids, names.share, strict=True)]
    decode = task.processor.tokenizer.decode
    assert [decode(ids).strip() for ids in spelt] == [word.text for word in words]


def test_questions_without_room_are_counted(whole_run, tmp_path):
    assert set(logged(whole_run[0], "left_out").values()) == {0}
    path = write_recipe(tmp_path)
    recipe = yaml.safe_load(path.read_text())
    # A picture of 64 x 64 pixels is 16 tokens: room for nothing that is asked about it.
    recipe["stages"][0] |= {"max_tokens": 20, "steps": 1}
    path.write_text(yaml.safe_dump(recipe))
    train(path, output=tmp_path / "run")
    assert logged(tmp_path / "run", "left_out") == {1: 3}


def test_a_finished_run_is_not_run_again(whole_run):
    before = (whole_run[0] / "log.jsonl").read_text()
    train(whole_run[0].parent / "tiny.yaml", output=whole_run[0])
    assert (whole_run[0] / "log.jsonl").read_text() == before


def test_a_run_may_start_from_a_model(whole_run, tmp_path):
    recipe = yaml.safe_load(write_recipe(tmp_path).read_text())
    recipe |= {"init": str(whole_run[1]), "model": {}}
    recipe["stages"][0]["steps"] = 2
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(recipe))
    train(tmp_path / "more.yaml", output=tmp_path / "more")
    assert losses(tmp_path / "more")[1] < losses(whole_run[0])[1] * 0.9  # heads of training begin anew


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"stages.0.steps": "0"}, "stages.0.steps"),  # a value out of range
        ({"stages.7.steps": "5"}, "names nothing"),  # no such stage
        ({"sources.scenes.kind": "films"}, "sources.scenes.kind"),  # no such kind of source
        ({"speed": "fast"}, "speed"),  # a word that recipes do not have
    ],
)
def test_wrong_recipes_are_refused(tmp_path, overrides, message):
    with pytest.raises(SegueError, match=message):
        train(write_recipe(tmp_path), output=tmp_path / "run", overrides=overrides)


def test_a_folder_with_another_run_is_refused(whole_run, tmp_path):
    with pytest.raises(SegueError, match="another model or seed"):
        train(whole_run[0].parent / "tiny.yaml", output=whole_run[0], overrides={"seed": "9"})
    with pytest.raises(SegueError, match="holds a run already"):
        train(whole_run[0].parent / "tiny.yaml", output=whole_run[0], resume=False)


@pytest.mark.parametrize("name", ["mini", "mini-gpu"])
def test_the_packaged_recipes_are_valid(name):
    recipe = load_recipe(name)
    assert recipe.name == name


def test_an_unknown_recipe_names_those_there_are():
    with pytest.raises(SegueError, match="mini"):
        load_recipe("no-such-recipe")
