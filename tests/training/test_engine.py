"""What a run does when something is wrong, and what it measures on the way: parts that need no whole run."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from segue.data.native import Record
from segue.errors import DataError, SegueError
from segue.training import atomic
from segue.training.dataset import BrokenRecords, TrainingSet
from segue.training.ema import RunningMean
from segue.training.engine import StageTrainer, Step, Store, stage_arguments
from segue.training.objective import Losses
from segue.training.parts import choose_trained, expected_memory, factor_of, parameter_groups
from segue.training.recipe import Recipe


class Line(nn.Module):
    """y = a x: a model whose every number can be told."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([1.0]))

    def forward(self, x: torch.Tensor) -> Losses:
        loss = ((self.slope - 3) * x).square().mean()
        return Losses(loss, {"square": loss.detach()})


class Numbers:
    """A source of one number; it can be broken now and then."""

    def __init__(self, value: float, broken: float = 0.0):
        self.value, self.broken = value, broken

    def sample(self, rng: np.random.Generator):
        if rng.random() < self.broken:
            raise DataError(f"numbers.json, record {int(rng.integers(1000))}: no number")
        image = np.full((2, 2, 3), self.value)
        return image, Record(image="a.png", width=2, height=2, objects=[])


class Encoder:
    def encode(self, image, record, rng):
        return float(image[0, 0, 0])

    def collate(self, samples):
        return {"x": torch.tensor(samples)}


def recipe(**changes) -> Recipe:
    raw = {
        "name": "line",
        "sources": {"numbers": {"kind": "scenes"}},
        "stages": [{"name": "fit", "steps": 4, "batch_size": 2, "learning_rate": 0.1, "warmup_steps": 0}],
        "num_workers": 0,
        "save_steps": 2,
        "logging_steps": 1,
        "report_to": [],
    }
    return Recipe.model_validate(raw | changes)


def trainer(folder: Path, source: Numbers, settings: Recipe, **changes) -> StageTrainer:
    stage = settings.stages[0]
    line = Line()
    arguments = {
        "arguments": stage_arguments(settings, stage, folder),
        "data": TrainingSet([("numbers", source)], [1.0], encoder=Encoder(), length=8, seed=0),
        "recipe": settings,
        "store": Store.plain(frozenset(line.state_dict())),
        "factors": {},
        "broken": BrokenRecords(settings.max_broken_records, lambda message: None),
        "validate": None,
        "callbacks": [],
    }
    return StageTrainer(Step(line), **(arguments | changes))


def test_a_loss_that_is_no_number_names_its_batch(tmp_path: Path):
    with pytest.raises(SegueError, match=r"step 1: the loss is nan.*numbers \(a.png\).*learning rate"):
        trainer(tmp_path, Numbers(float("nan")), recipe()).train()


def test_broken_records_are_passed_over_up_to_a_number(tmp_path: Path):
    run = trainer(tmp_path / "a", Numbers(1.0, broken=0.3), recipe())
    run.train()
    assert run.state.global_step == 4
    assert 0 < len(run.broken.messages) < 10
    assert all(message.startswith("numbers: numbers.json, record") for message in run.broken.messages)
    with pytest.raises(SegueError, match=r"max_broken_records = 0 allows.*numbers\.json"):
        trainer(tmp_path / "b", Numbers(1.0, broken=0.3), recipe(max_broken_records=0)).train()
    with pytest.raises(DataError, match="20 records in a row are broken"):
        trainer(tmp_path / "c", Numbers(1.0, broken=1.0), recipe()).train()


def test_what_is_drawn_does_not_depend_on_who_asks(tmp_path: Path):
    def drawn(indices):
        data = TrainingSet(
            [("one", Numbers(1.0, broken=0.3)), ("two", Numbers(2.0))],
            [1.0, 1.0],
            encoder=Encoder(),
            length=40,
            seed=3,
        )
        return {index: (data[index].sample, data[index].origin) for index in indices}

    whole = drawn(range(40))
    assert drawn(reversed(range(40))) == whole
    # Two ranks of two workers each take every fourth: together all, none twice.
    parts = [drawn(range(start, 40, 4)) for start in range(4)]
    assert {k: v for part in parts for k, v in part.items()} == whole
    assert len({sample for sample, _ in whole.values()}) == 2


def test_a_batch_of_one_source():
    data = TrainingSet(
        [("one", Numbers(1.0)), ("two", Numbers(2.0))],
        [1.0, 1.0],
        encoder=Encoder(),
        length=40,
        seed=0,
        run=4,
    )
    batches = [{data[i].sample for i in range(first, first + 4)} for first in range(0, 40, 4)]
    assert all(len(batch) == 1 for batch in batches)
    assert set.union(*batches) == {1.0, 2.0}


def test_the_best_is_kept_and_the_rest_pruned(tmp_path: Path):
    measured = {1: 0.1, 2: 0.8, 3: 0.2, 4: 0.3}

    def validate(objective, step, whole):
        return {"giou": measured[step]}

    settings = recipe(
        keep_checkpoints=1, validation={"source": "numbers", "every": 1, "samples": 1}, save_steps=100
    )
    run = trainer(tmp_path, Numbers(1.0), settings, validate=validate)
    run.train()
    assert list(atomic.checkpoints(tmp_path)) == [2, 4]  # the best, and the last
    slope_at_2 = Store.plain(frozenset()).read(tmp_path / "checkpoint-2")["slope"]
    assert torch.equal(run.kept_weights()["slope"], slope_at_2)
    state = json.loads((tmp_path / "checkpoint-4" / "trainer_state.json").read_text())
    assert (state["best_metric"], state["best_global_step"]) == (0.8, 2)
    assert not (tmp_path / atomic.WRITING).exists() or not any((tmp_path / atomic.WRITING).iterdir())


def test_another_global_batch_is_refused(tmp_path: Path):
    trainer(tmp_path, Numbers(1.0), recipe()).train()
    raw = recipe().model_dump()
    raw["stages"][0]["batch_size"] = 4
    with pytest.raises(SegueError, match="written at 2 pictures a step; now there are 4"):
        trainer(tmp_path, Numbers(1.0), Recipe.model_validate(raw)).train(
            resume_from_checkpoint=str(tmp_path / "checkpoint-2")
        )


def test_a_running_mean_is_measured_kept_and_resumed(tmp_path: Path):
    seen = []

    def validate(objective, step, whole):
        seen.append(objective.slope.item())
        return {"giou": 0.0}

    settings = recipe(ema=0.5, validation={"source": "numbers", "every": 2, "samples": 1})
    run = trainer(tmp_path, Numbers(1.0), settings, validate=validate)
    run.train()
    last = run.model.objective.slope.item()
    mean = run.mean.mean["objective.slope"].item()
    assert seen[-1] == pytest.approx(mean)
    assert 1 < mean < last  # it lags behind
    again = RunningMean(Step(Line()), 0.5)
    again.load(tmp_path / "checkpoint-4", Step(Line()))
    assert again.mean["objective.slope"].item() == pytest.approx(mean)


def test_half_written_folders_are_no_checkpoints(tmp_path: Path):
    for step in (2, 10, 4):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / atomic.WRITING / "checkpoint-12").mkdir(parents=True)
    (tmp_path / "checkpoint-14").write_text("a file")
    assert list(atomic.checkpoints(tmp_path)) == [2, 4, 10]
    assert atomic.latest(tmp_path) == tmp_path / "checkpoint-10"
    assert atomic.latest(tmp_path / "nowhere") is None
    atomic.prune(tmp_path, keep=1, always={2})
    assert list(atomic.checkpoints(tmp_path)) == [2, 10]
    fresh = tmp_path / atomic.WRITING / "checkpoint-10"
    fresh.mkdir()
    (fresh / "new").write_text("")
    atomic.finish(fresh, tmp_path / "checkpoint-10")
    assert (tmp_path / "checkpoint-10" / "new").is_file()


class Parts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 2)
        self.body = nn.ModuleDict({"a": nn.Linear(2, 2), "ab": nn.Linear(2, 2)})
        self.config = SimpleNamespace(hidden_size=2, num_hidden_layers=1, vocab_size=4)


def test_parts_are_whole_words_of_names():
    model = Parts()
    choose_trained(model, ["body.a"])
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained == ["body.a.weight", "body.a.bias"]
    with pytest.raises(SegueError, match="no part 'bod'; it has body, head"):
        choose_trained(model, ["bod"])


def test_rates_by_part():
    factors = {"body": 0.1, "body.ab": 10.0}
    assert factor_of("body.a.weight", factors) == 0.1
    assert factor_of("body.ab.weight", factors) == 10.0
    assert factor_of("head.bias", factors) == 1.0
    groups = parameter_groups(
        Parts().named_parameters(),
        learning_rate=2.0,
        weight_decay=0.5,
        decayed={"head.weight", "body.a.weight", "body.ab.weight"},
        factors=factors,
    )
    rates = [(group["lr"], group["weight_decay"], len(group["params"])) for group in groups]
    assert rates == [
        (2.0, 0.5, 1),
        (2.0, 0.0, 1),
        (0.2, 0.5, 1),
        (0.2, 0.0, 1),
        (20.0, 0.5, 1),
        (20.0, 0.0, 1),
    ]


def test_memory_counts_what_is_held():
    model = Parts()
    choose_trained(model, ["head"])
    memory = expected_memory(model, tokens=10, checkpointing=True, autocast=False)
    assert (memory.weights, memory.gradients, memory.optimizer) == (18 * 4, 6 * 4, 6 * 8)
    spread = expected_memory(model, tokens=10, checkpointing=True, autocast=False, ema=True, shards=2)
    assert spread.weights == (18 * 4 + 6 * 4) // 2
    assert memory.activations == 10 * (2 * (1 + 34) * 4 + 4 * 8)
