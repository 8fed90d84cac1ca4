"""One run, from a recipe to a checkpoint that `segue.load` takes: stages, each through transformers' Trainer.

A run is resumable at any time: start it again with the same output folder. Data is drawn by index and the
Trainer keeps optimiser, schedule and random state, so the next loss is the one that would have come. Started
by `accelerate launch` it is spread over processes; nothing else changes.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from transformers import set_seed

from segue.errors import SegueError
from segue.training import atomic
from segue.training.dataset import BrokenRecords, TrainingSet
from segue.training.engine import JsonLog, StageTrainer, Step, Store, stage_arguments
from segue.training.parts import expected_memory
from segue.training.processes import Processes
from segue.training.recipe import Recipe, Stage, load_recipe
from segue.training.sources import build_sources, held_out_samples
from segue.training.tasks import make_task
from segue.training.validation import Validation

__all__ = ["train"]

logger = logging.getLogger(__name__)

LEAST_SPACE = 1e9
MOST_SHOWN = 10


def train(
    recipe: str | Path | Recipe,
    *,
    output: str | Path,
    resume: bool = True,
    overrides: dict[str, str] | None = None,
    say: Callable[[str], None] = logger.info,
) -> Path:
    """Run every stage of a recipe; returns the folder of the finished model.

    Args:
        recipe: name of a recipe in the package, a YAML file, or a recipe.
        output: folder of the run: `recipe.yaml`, `tokenizer.json`, `log.jsonl`, one folder for each stage,
        `model/`, and `model-STAGE/` of other stages that nothing goes on from.
        resume: go on from what the folder holds; otherwise a folder that holds a run is refused.
        overrides: dotted names to YAML values.
        say: called with what a person wants to know on the way, by the main process.

    Raises:
        SegueError: a wrong recipe, missing data, a folder with another run in it, too many broken records, or
            a loss that is not a number.
    """
    settings = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    folder = Path(output)
    processes = Processes()
    tell = say if processes.main else _silent
    with processes.main_first():
        if processes.main:
            _claim(folder, settings, resume=resume)
    set_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)

    with processes.main_first():
        task = make_task(settings, folder, main=processes.main)
    broken = BrokenRecords(settings.max_broken_records, logger.warning)
    # Stages, each from the weights that the one it follows left.
    for number, stage in enumerate(settings.stages):
        _run_stage(folder, settings, stage, number, task, processes, broken, tell)
    if processes.main:
        _export(folder, settings, task)
    processes.wait()
    _report_broken(folder, processes.gather(broken.messages), tell)
    return folder / "model"


def _run_stage(
    folder: Path,
    settings: Recipe,
    stage: Stage,
    number: int,
    task: Any,
    processes: Processes,
    broken: BrokenRecords,
    tell: Callable[[str], None],
) -> None:
    """Train one stage, unless it was finished before."""
    place = _place(folder, settings, number)
    if (place / "final").is_dir():
        return
    # 1) The model where it begins.
    objective = task.objective(stage)
    store: Store = task.store(objective)
    before = _before(settings, number)
    if before is not None:
        task.take(objective, store.read(_place(folder, settings, before) / "final"))

    # 2) The data.
    rates = settings.rates(stage)
    sources = build_sources(settings, list(rates), stage=stage)
    arguments = stage_arguments(settings, stage, place)
    data = TrainingSet(
        sources,
        [rates[name] for name, _ in sources],
        encoder=task.encoder(stage),
        length=stage.steps * stage.batch_size * stage.gradient_accumulation * processes.count,
        seed=settings.seed * 1000 + number,
        run=stage.batch_size if task.batch_of_one_source else 1,
    )
    validation = None
    if settings.validation is not None and stage.measured:
        validation = Validation(
            held_out_samples(settings, stage),
            how=settings.validation.how,
            pictures=settings.validation.pictures,
            folder=place / "panels",
        )

    # 3) The run.
    trainer = StageTrainer(
        Step(objective),
        arguments=arguments,
        data=data,
        recipe=settings,
        store=store,
        factors=stage.learning_rates or settings.learning_rates,
        broken=broken,
        validate=None if validation is None else _measure(validation, task, processes),
        callbacks=[JsonLog(folder / "log.jsonl", stage.name)],
        decay_vectors=task.decay_vectors,
    )
    if validation is not None:
        validation.show = trainer.show
    tell(f"stage {stage.name}: expected memory {_memory(objective, settings, stage, trainer)}")
    if processes.main:
        atomic.clear_unfinished(place)
    processes.wait()
    last = atomic.latest(place)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))

    # 4) What it leaves: the best weights where they were measured, else the last.
    state = trainer.kept_weights()
    if processes.main:
        unfinished = place / atomic.WRITING / "final"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        store.write(unfinished, state)
        atomic.finish(unfinished, place / "final")
        atomic.clear_unfinished(place)
    processes.wait()


def _measure(
    validation: Validation, task: Any, processes: Processes
) -> Callable[[Any, int, bool], dict[str, float]]:
    def measure(objective: Any, step: int, whole: bool) -> dict[str, float]:
        predictor = task.predictor(objective)
        return validation.measure(predictor, step=step, processes=processes, whole=whole)

    return measure


def _export(folder: Path, settings: Recipe, task: Any) -> None:
    """The finished model, and that of every other stage that nothing goes on from."""
    followed = {_before(settings, number) for number in range(len(settings.stages))}
    for number, stage in enumerate(settings.stages):
        last = number == len(settings.stages) - 1
        if number in followed:
            continue
        target = folder / ("model" if last else f"model-{stage.name}")
        if target.is_dir():
            continue
        unfinished = folder / atomic.WRITING / target.name
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        task.export(_place(folder, settings, number) / "final", stage, unfinished)
        atomic.finish(unfinished, target)
    atomic.clear_unfinished(folder)


def _place(folder: Path, settings: Recipe, number: int) -> Path:
    return folder / f"{number + 1}-{settings.stages[number].name}"


def _before(settings: Recipe, number: int) -> int | None:
    """The stage that a stage goes on from."""
    after = settings.stages[number].after
    if after is None:
        return number - 1 if number else None
    return [stage.name for stage in settings.stages].index(after)


def _memory(objective: Any, recipe: Recipe, stage: Stage, trainer: StageTrainer) -> str:
    """What a step will need, for people."""
    tokens = stage.batch_size * stage.max_tokens
    memory = expected_memory(
        objective.model,
        tokens=tokens,
        checkpointing=recipe.precision.gradient_checkpointing,
        autocast=recipe.bf16 or recipe.precision.autocast,
        ema=recipe.ema is not None,
        shards=trainer.args.world_size if trainer.is_fsdp_enabled else 1,
    )
    return f"{memory}, at {tokens} tokens a pass"


def _report_broken(folder: Path, messages: list[str], tell: Callable[[str], None]) -> None:
    """List what was passed over."""
    if not messages:
        return
    path = folder / "broken.txt"
    path.write_text("\n".join(dict.fromkeys(messages)) + "\n", encoding="utf-8")
    tell(f"{len(set(messages))} broken records were passed over; they are listed in {path}")
    for message in list(dict.fromkeys(messages))[:MOST_SHOWN]:
        tell(f"  {message}")


def _silent(message: str) -> None:
    """Other processes leave speaking to the main one."""


def _claim(folder: Path, settings: Recipe, *, resume: bool) -> None:
    """Make the run's folder, or check that it is this recipe's."""
    note = folder / "recipe.yaml"
    text = yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False)
    if note.is_file() and not resume:
        raise SegueError(f"{folder}: holds a run already; resume it or give another folder")
    if note.is_file():
        held = yaml.safe_load(note.read_text())
        if any(held[name] != yaml.safe_load(text)[name] for name in ("model", "seed")):
            raise SegueError(f"{folder}: holds a run of another model or seed; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(text)
    if shutil.disk_usage(folder).free < LEAST_SPACE:
        raise SegueError(f"{folder}: less than 1 GB is free; checkpoints would fail")
