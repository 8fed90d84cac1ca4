"""One run, from a recipe to a checkpoint that `segue.load` takes: stages, each through transformers' Trainer.

A run is resumable at any time: start it again with the same output folder. Data is drawn by index and the
Trainer keeps optimiser, schedule and random state, so the next loss is the one that would have come.
"""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from segue.checkpoints.loading import checkpoint_folder, read_grounded_model
from segue.data.collation import Collator, DenseLabels
from segue.data.mixture import Mixture
from segue.errors import SegueError
from segue.modeling.configuration import GroundedConfig
from segue.processing import Processor
from segue.training.objective import GroundedObjective, LossWeights
from segue.training.recipe import Recipe, Stage, load_recipe
from segue.training.sources import build_sources, dense_labels, sample_texts
from segue.training.tokenizer import train_tokenizer

__all__ = ["train"]

logger = logging.getLogger(__name__)


def train(
    recipe: str | Path,
    *,
    output: str | Path,
    resume: bool = True,
    overrides: dict[str, str] | None = None,
) -> Path:
    """Run every stage of a recipe; returns the folder of the finished model.

    Args:
        recipe: name of a recipe in the package, or a YAML file.
        output: folder of the run: `recipe.yaml`, `tokenizer.json`, `log.jsonl`, one folder for each stage,
        `model/`. resume: go on from what the folder holds; otherwise a folder that holds a run is refused.
        overrides: dotted names to YAML values.

    Raises:
        SegueError: a wrong recipe, missing data, or a folder with another run in it.
    """
    settings = load_recipe(recipe, overrides)
    folder = Path(output)
    _claim(folder, settings, resume=resume)
    set_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)

    # 1) Words: the tokenizer and the names of the dense classes, made once for a run.
    start = None if settings.init is None else checkpoint_folder(settings.init)
    config = GroundedConfig(**settings.model) if start is None else GroundedConfig.from_pretrained(start)
    labels = dense_labels(settings)
    processor = _processor(folder, settings, config, start)
    (folder / "labels.json").write_text(json.dumps(vars(labels), indent=1))

    # 2) Stages, each from the weights that the one before it left.
    state: dict[str, torch.Tensor] | None = None
    if start is not None:
        state = {
            f"model.{name}": value.float() for name, value in read_grounded_model(start).state_dict().items()
        }
    for number, stage in enumerate(settings.stages):
        state = _run_stage(folder, settings, stage, number, config, processor, labels, state)

    # 3) The model alone, its parameters in bf16; running statistics and Fourier matrices stay exact.
    config.vision_config.image_size = settings.stages[-1].image_size
    objective = _objective(config, processor, labels, settings.stages[-1])
    _continue_from(objective, state or {})
    final = folder / "model"
    for parameter in objective.model.parameters():
        parameter.data = parameter.data.to(torch.bfloat16)
    objective.model.save_pretrained(final)
    processor.save_pretrained(final)
    return final


def _run_stage(
    folder: Path,
    settings: Recipe,
    stage: Stage,
    number: int,
    config: GroundedConfig,
    processor: Processor,
    labels: DenseLabels,
    state: dict[str, torch.Tensor] | None,
) -> dict[str, torch.Tensor]:
    """Train one stage, or read its weights when it was finished before."""
    place = folder / f"{number + 1}-{stage.name}"
    finished = place / "final" / "model.safetensors"
    if finished.is_file():
        return load_file(finished)
    config.vision_config.image_size = stage.image_size
    objective = _objective(config, processor, labels, stage)
    if state is not None:
        _continue_from(objective, state)

    names = [name for name in settings.sources if stage.rates.get(name, settings.sources[name].rate) > 0]
    sources = build_sources(settings, names, stage=stage)
    dataset = Mixture(
        [source for _, source in sources],
        [stage.rates.get(name, settings.sources[name].rate) for name, _ in sources],
        collator=Collator(processor, labels, max_masks=stage.max_masks),
        length=stage.steps * stage.batch_size * stage.gradient_accumulation,
        seed=settings.seed * 1000 + number,
    )
    arguments = TrainingArguments(
        output_dir=str(place),
        max_steps=stage.steps,
        per_device_train_batch_size=stage.batch_size,
        gradient_accumulation_steps=stage.gradient_accumulation,
        learning_rate=stage.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": stage.min_learning_rate_ratio},
        warmup_steps=min(stage.warmup_steps, stage.steps),
        weight_decay=stage.weight_decay,
        adam_beta2=0.98,
        max_grad_norm=stage.max_grad_norm,
        bf16=settings.bf16,
        use_cpu=not torch.cuda.is_available() and not torch.backends.mps.is_available(),
        train_sampling_strategy="sequential",  # the mixture is random by index already
        dataloader_num_workers=settings.num_workers,
        dataloader_persistent_workers=settings.num_workers > 0,
        remove_unused_columns=False,
        label_names=["labels"],
        logging_steps=settings.logging_steps,
        save_steps=settings.save_steps,
        save_total_limit=2,
        seed=settings.seed,
        report_to=[],
        disable_tqdm=False,
    )
    trainer = _StageTrainer(
        model=objective,
        args=arguments,
        train_dataset=dataset,
        data_collator=dataset.collator.collate,
        callbacks=[_JsonLog(folder / "log.jsonl", stage.name)],
    )
    last = get_last_checkpoint(str(place)) if place.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    objective.save_pretrained(place / "final")
    return {name: value.detach().cpu() for name, value in objective.state_dict().items()}


class _StageTrainer(Trainer):
    """The Trainer with the objective's own loss, and its terms in the log."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self._terms: dict[str, list[torch.Tensor]] = {}
        self.model_accepts_loss_kwargs = False  # the objective normalises its own terms

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        """The weighted sum; the terms are remembered until the next line of the log."""
        losses = model(**inputs)
        for name, term in losses.terms.items():
            self._terms.setdefault(name, []).append(term)
        return (losses.total, losses) if return_outputs else losses.total

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the mean of every term since the last line."""
        if "loss" in logs:
            logs |= {
                name: round(torch.stack(values).mean().item(), 5) for name, values in self._terms.items()
            }
            self._terms = {}
        super().log(logs, *args, **kwargs)


class _JsonLog(TrainerCallback):
    """One JSON line for each line of the log."""

    def __init__(self, path: Path, stage: str):
        self.path = path
        self.stage = stage

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Append; a resumed run goes on in the same file."""
        with self.path.open("a") as file:
            file.write(json.dumps({"stage": self.stage, "step": state.global_step, **(logs or {})}) + "\n")


def _objective(
    config: GroundedConfig, processor: Processor, labels: DenseLabels, stage: Stage
) -> GroundedObjective:
    def ids(names: tuple[str, ...]) -> list[list[int]]:
        # With the space before it, as a word stands in a sentence.
        return [processor.tokenizer.encode(" " + name, add_special_tokens=False) for name in names[1:]]

    return GroundedObjective(
        config,
        labels=labels,
        label_ids={"category": ids(labels.categories), "color": ids(labels.colors)},
        weights=replace(LossWeights(), **stage.losses),
    )


def _continue_from(objective: GroundedObjective, state: dict[str, torch.Tensor]) -> None:
    """Take over the model; heads that only training needs begin anew where their classes differ."""
    own = objective.state_dict()
    fitting = {name: value for name, value in state.items() if name in own and own[name].shape == value.shape}
    left = [name for name in own if name.startswith("model.") and name not in fitting]
    tied = set(objective._tied_weights_keys)
    assert not set(left) - tied, f"a stage left no weights for {left[:3]}"
    objective.load_state_dict(fitting, strict=False)


def _processor(folder: Path, settings: Recipe, config: GroundedConfig, start: Path | None) -> Processor:
    if start is not None:
        Processor.from_pretrained(start, config).save_pretrained(folder)
    elif not (folder / "tokenizer.json").is_file():
        tokenizer = train_tokenizer(islice(sample_texts(settings), settings.num_tokenizer_texts), config)
        Processor(config, tokenizer).save_pretrained(folder)
    return Processor.from_pretrained(folder, config)


def _claim(folder: Path, settings: Recipe, *, resume: bool) -> None:
    """Make the run's folder, or check that it is this recipe's."""
    note = folder / "recipe.yaml"
    text = yaml.safe_dump(settings.model_dump(), sort_keys=False)
    if note.is_file() and not resume:
        raise SegueError(f"{folder}: holds a run already; resume it or give another folder")
    if note.is_file():
        held = yaml.safe_load(note.read_text())
        if held["model"] != settings.model or held["seed"] != settings.seed:
            raise SegueError(f"{folder}: holds a run of another model or seed; give another folder")
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(text)
    if shutil.disk_usage(folder).free < 1e9:
        raise SegueError(f"{folder}: less than 1 GB is free; checkpoints would fail")
