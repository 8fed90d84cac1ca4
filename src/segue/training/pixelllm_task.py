"""PixelLLM in a run: its bases or its start from nothing, what each stage trains, its finished folder."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from segue.checkpoints.adapters import build_base, load_adapter, read_adapter, write_adapter
from segue.checkpoints.bases import Built
from segue.checkpoints.pixelllm_folder import texts, write_pixelllm
from segue.checkpoints.pixelllm_fresh import fresh_config, fresh_pixelllm, take_tower, train_caption_tokenizer
from segue.data.joint_collation import JointCollator
from segue.data.pixelllm_collation import PixelLLMCollator
from segue.errors import SegueError
from segue.pixelllm_predictor import PixelLLMPredictor
from segue.training.engine import Store
from segue.training.family_objectives import PixelLLMObjective
from segue.training.family_task import MODEL, adapter_note, kept_names, trained_parts
from segue.training.parts import choose_trained, recompute_layers
from segue.training.recipe import Bases, Recipe, Stage
from segue.training.sources import sample_texts

__all__ = ["PixelLLMTask"]

TOKENIZER = "tokenizer.json"


class PixelLLMTask:
    """The part of a run that is particular to PixelLLM.

    Args:
        recipe: family "pixelllm"; its LoRA is a setting of the model (`lora_rank`, `lora_scale`). Without
            `init`, or with a vision tower alone, which is then taken over, the model begins from nothing,
            with a tokenizer of the recipe's texts.
        folder: of the run.
        main: whether this process makes what is made once for a run: that tokenizer.
    """

    batch_of_one_source = True
    decay_vectors = False

    def __init__(self, recipe: Recipe, folder: Path, *, main: bool):
        self.recipe = recipe
        self.folder = folder
        bases = recipe.init if isinstance(recipe.init, Bases) else None
        self.fresh = recipe.init is None or (bases is not None and bases.language_model is None)
        self.tower = bases.vision_tower if self.fresh and bases is not None else None
        self.note = adapter_note(recipe)
        self._text: Any = None
        self._config: Any = None
        if self.fresh and main and not (folder / TOKENIZER).is_file():
            config = fresh_config(recipe.model)
            told = islice(sample_texts(recipe), recipe.num_tokenizer_texts)
            tokenizer = train_caption_tokenizer(
                told, entries=config.text_config.vocab_size, lowercase=config.lowercase
            )
            tokenizer.save(str(folder / TOKENIZER))

    def objective(self, stage: Stage) -> PixelLLMObjective:
        """The model with its frozen and trained parts, at its start."""
        built = self._begin() if self.fresh else self._from_bases()
        model, self._text = built.model, built.processor
        self._set(model.config, stage)
        self._text = replace(
            self._text, length=model.config.max_text_length, context_length=model.config.max_context_length
        )
        self._config = model.config
        choose_trained(model, trained_parts(self.recipe, stage))
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.data = parameter.data.float()
        if self.recipe.precision.gradient_checkpointing:
            for stack in (model.captioner.encoder, model.captioner.decoder):
                recompute_layers(stack)
        objective: Any = PixelLLMObjective(model)
        objective.fresh = built.fresh
        return objective

    def _from_bases(self) -> Built:
        frozen = torch.float32 if self.recipe.precision.frozen == "float32" else torch.bfloat16
        built: Built = build_base(self.note, dtype=frozen, seed=self.recipe.seed)
        return built

    def _begin(self) -> Built:
        config = fresh_config(self.recipe.model)
        model = fresh_pixelllm(config, seed=self.recipe.seed)
        if self.tower is not None:
            take_tower(model, self.tower)
        return Built(model, texts(self.folder, config), frozenset(model.state_dict()))

    def encoder(self, stage: Stage) -> PixelLLMCollator | JointCollator:
        """What makes samples and batches of records; call it after `objective`."""
        if self.fresh:
            return JointCollator(self._config, self._text, masks=stage.masks)
        specs = [self.recipe.sources[name] for name in self.recipe.rates(stage)]
        prompts = max(int(spec.options.get("prompts", 1)) for spec in specs)
        return PixelLLMCollator(
            self._config,
            self._text,
            alignment=self._config.word_alignment,
            masks=stage.masks,
            prompts=prompts,
        )

    @staticmethod
    def _set(config: Any, stage: Stage) -> None:
        for name, value in stage.settings.items():
            if not hasattr(config, name):
                raise SegueError(f"stage {stage.name}: settings: PixelLLM has no {name!r}")
            setattr(config, name, value)

    def take(self, objective: Any, state: dict[str, Tensor]) -> None:
        """The weights of the stage before."""
        _, unexpected = objective.load_state_dict(state, strict=False)
        assert not unexpected, f"a stage left weights that this one does not have: {unexpected[:3]}"

    def store(self, objective: Any) -> Store:
        """What any stage trains, and what no base has, in an adapter folder; all of a model from nothing."""
        if self.fresh:
            return Store.plain(frozenset(objective.state_dict()))
        lists = [trained_parts(self.recipe, stage) for stage in self.recipe.stages]
        names = kept_names(objective.model, lists, objective.fresh)

        def write(folder: Path, state: dict[str, Tensor]) -> None:
            write_adapter(
                folder, {name.removeprefix(MODEL): value for name, value in state.items()}, self.note
            )

        def read(folder: Path) -> dict[str, Tensor]:
            return {MODEL + name: value for name, value in read_adapter(folder)[1].items()}

        return Store(frozenset(MODEL + name for name in names), write, read)

    def predictor(self, objective: Any) -> PixelLLMPredictor:
        """The model as users ask it."""
        return PixelLLMPredictor(objective.model, self._text, name=self.recipe.name)

    def export(self, final: Path, stage: Stage, folder: Path) -> None:
        """Everything in a folder that loads by itself; parameters in bf16, buffers exact."""
        if self.fresh:
            self._export_fresh(final, stage, folder)
            return
        model, text = load_adapter(final, dtype=torch.float32)
        for parameter in model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
        self._set(model.config, stage)
        with TemporaryDirectory() as place:
            tokenizer = Path(place) / "tokenizer.json"
            text.tokenizer.save(str(tokenizer))
            write_pixelllm(model, tokenizer, folder)

    def _export_fresh(self, final: Path, stage: Stage, folder: Path) -> None:
        model = self._begin().model
        objective: Any = PixelLLMObjective(model)
        objective.load_state_dict(Store.plain(frozenset()).read(final))
        self._set(model.config, stage)
        for parameter in model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
        write_pixelllm(model, self.folder / TOKENIZER, folder)
