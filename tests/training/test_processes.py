"""Two processes (gloo) under `accelerate launch` with the documented configurations have the losses of one at
the same global batch; after a kill in the middle of writing a checkpoint comes the very next loss."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from segue.training import atomic
from segue.training.run import train
from tests.training.test_run import losses, write_recipe

CONFIGS = Path(__file__).parents[2] / "docs" / "accelerate"
STEPS = 3

KILLED = """
import os, signal, sys
from segue.training import atomic
from segue.training.run import train
finish = atomic.finish
def cut(folder, target):
    if target.name == "checkpoint-2":  # written, but neither flushed nor in its place
        os.kill(os.getpid(), signal.SIGKILL)
    finish(folder, target)
atomic.finish = cut
train(sys.argv[1], output=sys.argv[2])
"""


def small_recipe(folder: Path, **changes) -> Path:
    """Few trained weights: FSDP's bookkeeping costs by the weight."""
    path = write_recipe(
        folder,
        sources={
            "scenes": {
                "kind": "scenes",
                "options": {"world": "small", "setting": "loose", "num_objects": [1, 2]},
            }
        },
        trained=["language_model", "point_head"],
        num_tokenizer_texts=100,
        report_to=[],
        save_steps=1,
        keep_checkpoints=3,
        **changes,
    )
    recipe = yaml.safe_load(path.read_text())
    recipe["stages"][0] |= {"steps": STEPS, "num_turns": 2, "losses": {"dense": 0.0}}
    recipe["model"]["text_config"]["num_hidden_layers"] = 1
    path.write_text(yaml.safe_dump(recipe))
    return path


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """One process that takes the batches of both, one after the other."""
    folder = tmp_path_factory.mktemp("alone")
    overrides = {"stages.0.gradient_accumulation": "2"}
    train(small_recipe(folder), output=folder / "run", overrides=overrides)
    return folder / "run"


def launch(config: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(CONFIGS / config)]
    command += ["--num_processes", "2", "--main_process_port", "0", *arguments]
    done = subprocess.run(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("config", ["ddp.yaml", "fsdp2.yaml"])
def test_two_processes_have_the_losses_of_one(config: str, alone: Path, tmp_path: Path):
    recipe = small_recipe(tmp_path)
    launch(config, "-m", "segue", "train", str(recipe), "--output", str(tmp_path / "run"))
    one, two = losses(alone), losses(tmp_path / "run")
    assert sorted(two) == list(range(1, STEPS + 1))
    for step in two:
        assert two[step] == pytest.approx(one[step], rel=1e-5), f"step {step}"
    names = {path.name for path in (tmp_path / "run" / "1-answer" / f"checkpoint-{STEPS}").iterdir()}
    # Every process has its own random state, as it has its own samples.
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= names
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()


def test_a_kill_while_a_checkpoint_is_written(alone: Path, tmp_path: Path):
    recipe, output = small_recipe(tmp_path), tmp_path / "run"
    overrides = {"stages.0.gradient_accumulation": "2"}
    text = yaml.safe_load(recipe.read_text())
    text["stages"][0]["gradient_accumulation"] = 2
    recipe.write_text(yaml.safe_dump(text))
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(recipe), str(output)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
    )
    assert done.returncode == -9
    place = output / "1-answer"
    assert list(atomic.checkpoints(place)) == [1]  # nothing half written counts
    assert (place / atomic.WRITING / "checkpoint-2").is_dir()
    train(recipe, output=output, overrides=overrides)
    assert losses(output) == pytest.approx(losses(alone), rel=1e-6)
    assert not (place / atomic.WRITING).exists()
    log = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log if "loss" in line].count(2) == 2  # the lost step was done again
