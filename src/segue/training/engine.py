"""transformers' Trainer with what segue asks of a run: whole checkpoints, component losses, bounds on faults.

The Trainer stays the engine: devices, processes (DDP, FSDP, DeepSpeed under `accelerate launch`), mixed
precision, accumulation, schedules and resuming are its own. Here are only the places where it is told more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from accelerate.utils import (
    DistributedType,
    FullyShardedDataParallelPlugin,
    gather_object,
    parse_flag_from_env,
    send_to_device,
)
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments

from segue.errors import SegueError
from segue.training import atomic
from segue.training.dataset import BATCH_KEYS, BrokenRecords, TrainingSet
from segue.training.ema import RunningMean
from segue.training.parts import parameter_groups
from segue.training.recipe import Recipe, Stage

__all__ = ["JsonLog", "StageTrainer", "Step", "Store", "stage_arguments"]

PREFIX = "objective."
STATE = "segue_state.json"


class Step(nn.Module):
    """One objective as the module that is wrapped for many processes.

    Its outputs are a plain mapping: FSDP and DDP find the tensors in that, which they would not in our
    dataclasses. Anything else that needs the weights while they are spread over processes goes through `run`.
    """

    def __init__(self, objective: nn.Module):
        super().__init__()
        self.objective = objective
        self.same_parameters = False
        """Every process has to have gradients for the same weights (FSDP)."""

    def forward(
        self, batch: Mapping[str, Any] | None = None, run: Callable[[Any], Any] | None = None
    ) -> dict[str, Any]:
        """{"total": the loss, "terms": its unweighted parts}, or {"result": what `run` made}."""
        if run is not None:
            return {"result": run(self.objective)}
        assert batch is not None
        losses = self.objective(**batch)
        total = losses.total
        if self.same_parameters and torch.is_grad_enabled():
            total = total + self._of_others(total)
        return {"total": total, "terms": losses.terms}

    def _of_others(self, total: Tensor) -> Tensor:
        """A zero with gradients (of zero) for the weights that other processes use in this step and this one
        does not: a batch without masks leaves the decoder alone, and FSDP counts on equal numbers."""
        own = [p for p in self.parameters() if p.requires_grad and not hasattr(p, "device_mesh")]
        reached = _reached(total)
        here = torch.tensor([id(p) in reached for p in own], dtype=torch.uint8, device=total.device)
        anywhere = here.clone()
        torch.distributed.all_reduce(anywhere, op=torch.distributed.ReduceOp.MAX)
        lacking = (anywhere > here).tolist()
        zeros = [p.flatten()[:1].sum() * 0 for p, lacks in zip(own, lacking, strict=True) if lacks]
        return torch.stack(zeros).sum() if zeros else total.new_zeros(())


def _reached(total: Tensor) -> set[int]:
    """Identities of the weights that a loss depends on."""
    found, seen, waiting = set(), set(), [total.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(id(node.variable))
        waiting += [following for following, _ in node.next_functions]
    return found


@dataclass(frozen=True)
class Store:
    """How a stage's weights are kept in its checkpoints.

    Attributes:
        names: of the objective's tensors that a checkpoint must hold; the rest comes from the base weights.
        write, read: to and from a folder. `read` must give all of `names`.
    """

    names: frozenset[str]
    write: Callable[[Path, dict[str, Tensor]], None]
    read: Callable[[Path], dict[str, Tensor]]

    @classmethod
    def plain(cls, names: frozenset[str]) -> Store:
        """One file of tensors by the objective's own names."""
        return cls(names, lambda folder, state: save_file(state, folder / "model.safetensors"), _read_plain)


def _read_plain(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "model.safetensors")


def stage_arguments(recipe: Recipe, stage: Stage, place: Path) -> TrainingArguments:
    """A stage's settings in the Trainer's words."""
    checked = recipe.validation is not None and stage.measured
    cpu = not torch.cuda.is_available() and not torch.backends.mps.is_available()
    cosine = stage.schedule == "cosine"
    return TrainingArguments(
        output_dir=str(place),
        max_steps=stage.steps,
        per_device_train_batch_size=stage.batch_size,
        gradient_accumulation_steps=stage.gradient_accumulation,
        learning_rate=stage.learning_rate,
        lr_scheduler_type="cosine_with_min_lr" if cosine else "linear",
        lr_scheduler_kwargs={"min_lr_rate": stage.min_learning_rate_ratio} if cosine else {},
        warmup_steps=min(stage.warmup_steps, stage.steps),
        weight_decay=stage.weight_decay,
        adam_beta1=stage.betas[0],
        adam_beta2=stage.betas[1],
        max_grad_norm=stage.max_grad_norm,
        bf16=recipe.bf16 or recipe.precision.autocast,
        use_cpu=cpu,
        ddp_find_unused_parameters=True,  # a batch without masks leaves the decoder alone
        train_sampling_strategy="sequential",  # the mixture is random by index already
        dataloader_num_workers=recipe.num_workers,
        dataloader_persistent_workers=recipe.num_workers > 0,
        dataloader_pin_memory=not cpu,
        remove_unused_columns=False,
        label_names=["labels"],
        logging_steps=recipe.logging_steps,
        logging_nan_inf_filter=False,
        save_steps=recipe.save_steps,
        save_total_limit=None,  # `StageTrainer` prunes, after the new one is whole
        eval_strategy="steps" if checked else "no",
        eval_steps=recipe.validation.every if checked and recipe.validation else None,
        metric_for_best_model="giou" if checked else None,
        greater_is_better=True if checked else None,
        seed=recipe.seed,
        report_to=list(recipe.report_to),
        run_name=f"{recipe.name}-{stage.name}",
        disable_tqdm=False,
    )


class StageTrainer(Trainer):
    """The Trainer of one stage.

    Args:
        step: the objective, wrapped.
        arguments: of `stage_arguments`.
        data: what is drawn.
        store: how weights are kept.
        factors: on the learning rate, by part.
        broken: counts what the data set passes over.
        validate: measures the objective and says gIoU among others, given the step and whether every process
            has to do all of it; None: nothing is measured.
        decay_vectors: weight decay for vectors that are neither biases nor norms (transformers' rule).
    """

    def __init__(
        self,
        step: Step,
        *,
        arguments: TrainingArguments,
        data: TrainingSet,
        recipe: Recipe,
        store: Store,
        factors: Mapping[str, float],
        broken: BrokenRecords,
        validate: Callable[[Any, int, bool], dict[str, float]] | None,
        callbacks: list[TrainerCallback],
        decay_vectors: bool = True,
    ):
        self.mean = None if recipe.ema is None else RunningMean(step, recipe.ema)
        super().__init__(
            model=step,
            args=arguments,
            train_dataset=data,
            eval_dataset=[] if validate is not None else None,
            data_collator=data.collate,
            callbacks=[*callbacks, *([] if self.mean is None else [self.mean])],
        )
        self.recipe, self.store, self.broken = recipe, store, broken
        self._factors, self._validate, self._decay_vectors = dict(factors), validate, decay_vectors
        self._terms: dict[str, list[Tensor]] = {}
        self._writing = False
        self.model_accepts_loss_kwargs = False  # the objective normalises its own terms
        self.place = Path(str(arguments.output_dir))
        step.same_parameters = self.is_fsdp_enabled
        self._scalars = _widen_scalars(step) if self.is_fsdp_enabled else frozenset()

    def create_accelerator_and_postprocess(self) -> None:
        """As the Trainer does, and FSDP on CPUs where the launcher asks for it.

        accelerate (1.15) turns FSDP on for GPUs and their like alone, though gloo manages it: whoever has no
        GPU can so try out, and test, what several will do.
        """
        super().create_accelerator_and_postprocess()
        state = self.accelerator.state
        if state.distributed_type == DistributedType.MULTI_CPU and parse_flag_from_env("ACCELERATE_USE_FSDP"):
            state.fsdp_plugin = FullyShardedDataParallelPlugin()
            state.distributed_type = DistributedType.FSDP
            PartialState().distributed_type = DistributedType.FSDP
            self.is_fsdp_enabled = True

    # -- a step ------------------------------------------------------------------

    def _prepare_inputs(self, inputs: Any) -> Any:
        """To the device; named tuples stay what they are, which the Trainer's own way does not manage."""
        return send_to_device(inputs, self.args.device)

    def compute_loss(  # type: ignore[override]
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, **kwargs: Any
    ) -> Any:
        """The weighted sum; the terms are remembered until the next line of the log.

        Raises:
            SegueError: the loss is not a finite number; says which records were in the batch.
        """
        batch = {name: value for name, value in inputs.items() if name not in BATCH_KEYS}
        self.broken.add(inputs.get("broken", []))
        outputs = model(batch)
        if not torch.isfinite(outputs["total"]):
            terms = ", ".join(f"{name} {value.item():.4g}" for name, value in outputs["terms"].items())
            raise SegueError(
                f"step {self.state.global_step + 1}: the loss is {outputs['total'].item()} ({terms}). In the "
                f"batch: {'; '.join(inputs.get('origin', ['unknown']))}. The run stops; its last checkpoint "
                f"is whole. Look at these records, or lower the learning rate"
            )
        if "left_out" in inputs:
            self._terms.setdefault("left_out", []).append(inputs["left_out"].mean())
        for name, term in outputs["terms"].items():
            self._terms.setdefault(name, []).append(term.detach())
        return (outputs["total"], outputs) if return_outputs else outputs["total"]

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW with a group for each rate and decay."""
        if self.optimizer is None:
            step: Any = self.model if model is None else model
            decayed = set(self.get_decay_parameter_names(step))
            named = [(name.removeprefix(PREFIX), p) for name, p in step.named_parameters()]
            decayed = {
                name.removeprefix(PREFIX)
                for name, p in step.named_parameters()
                if name in decayed and (self._decay_vectors or p.ndim > 1)
            }
            groups = parameter_groups(
                [(_inner(name), p) for name, p in named],
                learning_rate=self.args.learning_rate,
                weight_decay=self.args.weight_decay,
                decayed={_inner(name) for name in decayed},
                factors=self._factors,
            )
            kind, settings = self.get_optimizer_cls_and_kwargs(self.args, step)
            self.optimizer = kind(groups, **settings)
        return self.optimizer

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Add the mean of every term since the last line, over all processes."""
        if "loss" in logs:
            own = {
                name: (torch.stack(values).sum().item(), len(values)) for name, values in self._terms.items()
            }
            self._terms = {}
            sums: dict[str, list[float]] = {}
            for terms in gather_object([own]):
                for name, (total, count) in terms.items():
                    entry = sums.setdefault(name, [0.0, 0.0])
                    entry[0] += total
                    entry[1] += count
            logs |= {name: round(total / count, 5) for name, (total, count) in sums.items()}
        super().log(logs, *args, **kwargs)

    # -- measuring ---------------------------------------------------------------

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """gIoU of the validation set, by every process together."""
        measure, step = self._validate, self.state.global_step
        assert measure is not None
        measured = self.through(lambda objective: measure(objective, step, self.is_fsdp_enabled))
        metrics = {f"eval_{name}": value for name, value in measured.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    @torch.no_grad()
    def through(self, run: Callable[[Any], Any]) -> Any:
        """What `run` makes of the objective in eval mode, with the running mean for its weights if there is
        one. All processes call this together."""
        model: Any = self.model_wrapped if self.is_fsdp_enabled else self.model
        was_training = model.training
        model.eval()
        try:
            if self.mean is None:
                return model(run=run)["result"]
            with self.mean.in_place_of(self.model):
                return model(run=run)["result"]
        finally:
            model.train(was_training)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        best = super()._determine_best_metric(metrics, trial)
        if best:  # what is best has to be kept, whatever save_steps says
            self.control.should_save = True
        return best

    def show(self, picture: Image.Image, step: int) -> None:
        """A picture to where the log goes."""
        for callback in self.callback_handler.callbacks:
            writer = getattr(callback, "tb_writer", None)
            if writer is not None:
                writer.add_image("answers", np.asarray(picture), step, dataformats="HWC")
        if "wandb" in self.recipe.report_to and self.args.should_save:
            import wandb

            wandb.log({"answers": wandb.Image(picture)}, commit=False)

    # -- checkpoints -------------------------------------------------------------

    def weights(self) -> dict[str, Tensor]:
        """The kept tensors on the CPU, by the objective's names; all of them on the main process."""
        if self.is_fsdp_enabled:
            state = self.accelerator.get_state_dict(self.model)
        else:
            state = self.accelerator.unwrap_model(self.model).state_dict()
        return self._kept(state)

    def _kept(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        kept = {name.removeprefix(PREFIX): value for name, value in state.items()}
        return {
            name: (value.reshape(()) if name in self._scalars else value).detach().cpu().contiguous()
            for name, value in kept.items()
            if name in self.store.names
        }

    def kept_weights(self) -> dict[str, Tensor]:
        """What a stage leaves: the weights that were measured as the best, else the last ones."""
        best = atomic.checkpoints(self.place).get(self.state.best_global_step or -1)
        if best is not None and self.state.best_global_step != self.state.global_step:
            self._load_from_checkpoint(str(best), self.model_wrapped)
        if self.mean is None:
            return self.weights()
        with torch.no_grad(), self.mean.in_place_of(self.model):
            return self.weights()

    def _get_output_dir(self, trial: Any) -> str:
        return str(self.place / atomic.WRITING) if self._writing else str(self.place)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Written beside its place, flushed, renamed; then the old ones go."""
        name = f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            atomic.clear_unfinished(self.place)
            (self.place / atomic.WRITING / name).mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        self._writing = True
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self._writing = False
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            folder = self.place / atomic.WRITING / name
            note = {"global_batch": self.global_batch, "processes": self.args.world_size}
            (folder / STATE).write_text(json.dumps(note))
            atomic.finish(folder, self.place / name)
            best = self.state.best_global_step
            atomic.prune(self.place, keep=self.recipe.keep_checkpoints, always={best} if best else set())
        self.accelerator.wait_for_everyone()

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        if not self.args.should_save:
            return
        model: Any = self.model
        state = model.state_dict() if state_dict is None else state_dict
        self.store.write(Path(str(output_dir)), self._kept(state))

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.mean is not None:
            self.mean.save(Path(output_dir), main=self.args.should_save)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        folder = Path(resume_from_checkpoint)
        note = json.loads((folder / STATE).read_text())
        if note["global_batch"] != self.global_batch:
            raise SegueError(
                f"{folder}: written at {note['global_batch']} pictures a step; now there are"
                f" {self.global_batch}, and the place in the data would be another."
                " Change batch_size or gradient_accumulation so that the product stays"
            )
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        else:
            state = {PREFIX + name: value for name, value in self.store.read(folder).items()}
            own: Any = self.model
            missing, unexpected = own.load_state_dict(state, strict=False)
            lacking = self.store.names & {name.removeprefix(PREFIX) for name in missing}
            if lacking or unexpected:
                raise SegueError(f"{folder}: not a checkpoint of this run ({[*lacking, *unexpected][:3]})")
        if self.mean is not None:
            self.mean.load(folder, self.model)

    @property
    def global_batch(self) -> int:
        """Pictures of one step, over all processes."""
        args = self.args
        return args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size


def _widen_scalars(step: Step) -> frozenset[str]:
    """Numbers that are parameters become vectors of one, which FSDP can spread; their names, unprefixed."""
    found = []
    for place, module in step.named_modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.ndim == 0:
                setattr(module, name, nn.Parameter(parameter.detach().reshape(1), parameter.requires_grad))
                found.append(f"{place}.{name}".removeprefix(PREFIX))
    return frozenset(found)


def _inner(name: str) -> str:
    """A parameter's name within the model: objectives hold the model as `model`."""
    return name.removeprefix("model.")


class JsonLog(TrainerCallback):
    """One JSON line for each line of the log."""

    def __init__(self, path: Path, stage: str):
        self.path = path
        self.stage = stage

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        """Append; a resumed run goes on in the same file."""
        if state.is_world_process_zero:
            with self.path.open("a") as file:
                file.write(
                    json.dumps({"stage": self.stage, "step": state.global_step, **(logs or {})}) + "\n"
                )
