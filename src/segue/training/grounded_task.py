"""segue's own composition in a run: its tokenizer, its dense labels, its objective, its finished folder."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from segue.checkpoints.loading import checkpoint_folder, read_grounded_model
from segue.data.collation import Collator, DenseLabels
from segue.errors import SegueError
from segue.modeling.configuration import GroundedConfig
from segue.predictor import Predictor
from segue.processing import Processor
from segue.training.counted_words import counted_words
from segue.training.engine import Store
from segue.training.objective import GroundedObjective, LossWeights
from segue.training.parts import choose_trained
from segue.training.recipe import Recipe, Stage
from segue.training.sources import dense_labels, sample_texts
from segue.training.tokenizer import train_tokenizer

__all__ = ["GroundedTask"]


class GroundedTask:
    """The part of a run that is particular to the composition.

    Args:
        recipe: family "segue".
        folder: of the run; the tokenizer and the labels are kept in it.
        main: whether this process makes what is made once for a run; the others find it there.
    """

    batch_of_one_source = False
    decay_vectors = True

    def __init__(self, recipe: Recipe, folder: Path, *, main: bool):
        if recipe.lora is not None:
            raise SegueError("lora: segue's own models are small and are trained whole, or by `trained`")
        self.recipe = recipe
        start = None if recipe.init is None else checkpoint_folder(str(recipe.init))
        self.start = start
        self.config = (
            GroundedConfig(**recipe.model) if start is None else GroundedConfig.from_pretrained(start)
        )
        self.labels = dense_labels(recipe)
        if main:
            self._prepare(folder)
        self.folder = folder

    def _prepare(self, folder: Path) -> None:
        """The tokenizer and the names of the dense classes, made once for a run."""
        if self.start is not None:
            Processor.from_pretrained(self.start, self.config).save_pretrained(folder)
        elif not (folder / "tokenizer.json").is_file():
            texts = islice(sample_texts(self.recipe), self.recipe.num_tokenizer_texts)
            Processor(self.config, train_tokenizer(texts, self.config)).save_pretrained(folder)
        (folder / "labels.json").write_text(json.dumps(vars(self.labels), indent=1))

    @property
    def processor(self) -> Processor:
        """The run's, for the input size of the stage that was made last."""
        return Processor.from_pretrained(self.folder, self.config)

    def encoder(self, stage: Stage) -> Collator:
        """What makes samples and batches of records."""
        return Collator(
            self.processor,
            self.labels,
            max_masks=stage.max_masks,
            max_prompts=stage.max_prompts,
            max_tokens=stage.max_tokens,
        )

    def objective(self, stage: Stage) -> GroundedObjective:
        """Model and training heads of a stage, at their start."""
        self.config.vision_config.image_size = stage.image_size
        objective = self._objective(self.labels, stage)
        if self.start is not None:
            state = read_grounded_model(self.start).state_dict()
            self.take(objective, {f"model.{name}": value.float() for name, value in state.items()})
        trained = self.recipe.trained if stage.trained is None else stage.trained
        choose_trained(objective.model, trained)
        return objective

    def _objective(self, labels: DenseLabels, stage: Stage) -> GroundedObjective:
        tokenizer = self.processor.tokenizer

        def ids(names: Iterable[str]) -> list[list[int]]:
            # With the space before it, as a word stands in a sentence.
            return [tokenizer.encode(" " + name, add_special_tokens=False) for name in names]

        categories, colors = labels.categories[1:], labels.colors[1:]
        counted = counted_words(categories)

        return GroundedObjective(
            self.config,
            labels=labels,
            counted=counted,
            label_ids={
                "category": ids(categories),
                "color": ids(colors),
                "counted": ids(word.text for word in counted),
            },
            weights=replace(LossWeights(), **stage.losses),
        )

    def take(self, objective: GroundedObjective, state: dict[str, Tensor]) -> None:
        """Take over the model; heads that only training needs begin anew where their classes differ."""
        own = objective.state_dict()
        fitting = {
            name: value for name, value in state.items() if name in own and own[name].shape == value.shape
        }
        left = [name for name in own if name.startswith("model.") and name not in fitting]
        tied = set(objective._tied_weights_keys)
        assert not set(left) - tied, f"a stage left no weights for {left[:3]}"
        objective.load_state_dict(fitting, strict=False)

    def store(self, objective: GroundedObjective) -> Store:
        """Everything is kept; of tied weights one."""
        tied = set(objective._tied_weights_keys)
        return Store.plain(frozenset(name for name in objective.state_dict() if name not in tied))

    def predictor(self, objective: GroundedObjective) -> Predictor:
        """The model as users ask it."""
        return Predictor(objective.model, self.processor, name=self.recipe.name)

    def export(self, final: Path, stage: Stage, folder: Path) -> None:
        """The model alone, its parameters in bf16; running statistics and Fourier matrices stay exact."""
        self.config.vision_config.image_size = stage.image_size
        objective: Any = self._objective(self.labels, stage)
        self.take(objective, Store.plain(frozenset()).read(final))
        for parameter in objective.model.parameters():
            parameter.data = parameter.data.to(torch.bfloat16)
        objective.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)
