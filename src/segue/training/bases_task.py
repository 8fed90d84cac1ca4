"""The small bases of LISA and GSVA in a run: a tokenizer of LLaMA's kind, one LISA to train them in, three
folders at its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from segue.checkpoints.new_bases import new_config, new_parts, write_bases
from segue.checkpoints.sentencepiece_model import SentencePieceModel
from segue.data.bases_collation import BasesCollator
from segue.data.templates.drawing import forms
from segue.errors import SegueError
from segue.lisa_processing import LisaProcessor
from segue.llama_tokenizer import LlamaTokenizer
from segue.predictor import Predictor
from segue.training.bases_objective import BasesObjective
from segue.training.engine import Store
from segue.training.objective import LossWeights
from segue.training.parts import choose_trained
from segue.training.recipe import Recipe, Stage
from segue.training.sources import dense_labels, sample_texts
from segue.training.tokenizer import train_llama_pieces

__all__ = ["BasesTask"]

TOKENIZER = "tokenizer.model"
ROLES = ("USER:", "ASSISTANT:")


class BasesTask:
    """The part of a run that is particular to the bases.

    Args:
        recipe: family "bases", from nothing.
        folder: of the run; the tokenizer is kept in it.
        main: whether this process makes what is made once for a run; the others find it there.
    """

    batch_of_one_source = False
    decay_vectors = True

    def __init__(self, recipe: Recipe, folder: Path, *, main: bool):
        if recipe.init is not None or recipe.lora is not None:
            raise SegueError("bases are small and are trained whole, from nothing: no `init` and no `lora`")
        self.recipe = recipe
        self.config = new_config(recipe.model, template=recipe.prompt_template)
        if self.config.clip_fit != "pad":
            raise SegueError("model: bases learn from places that both views share: give `clip_fit: pad`")
        if main and not (folder / TOKENIZER).is_file():
            entries = self.config.text_config.vocab_size
            (folder / TOKENIZER).write_bytes(train_llama_pieces(texts(recipe), entries=entries, whole=ROLES))
        pieces = SentencePieceModel.read(folder / TOKENIZER)
        tokenizer = LlamaTokenizer.read(folder, new_tokens=self.config.new_tokens, strip=True)
        self.config.text_config.vocab_size = len(tokenizer)
        self.processor = LisaProcessor(self.config, tokenizer)
        self.labels = dense_labels(recipe)
        self.label_ids = {
            "category": [pieces.encode(name) for name in self.labels.categories[1:]],
            "color": [pieces.encode(name) for name in self.labels.colors[1:]],
        }

    def encoder(self, stage: Stage) -> BasesCollator:
        """What makes samples and batches of records."""
        return BasesCollator(
            self.processor,
            self.labels,
            max_objects=stage.max_masks,
            max_prompts=stage.max_prompts,
            max_tokens=stage.max_tokens,
        )

    def objective(self, stage: Stage) -> BasesObjective:
        """Model and training heads of a stage, at their start."""
        objective = BasesObjective(
            new_parts(self.config, seed=self.recipe.seed),
            labels=self.labels,
            label_ids=self.label_ids,
            weights=replace(LossWeights(), **stage.losses),
        )
        choose_trained(objective.model, self.recipe.trained if stage.trained is None else stage.trained)
        return objective

    def take(self, objective: BasesObjective, state: dict[str, Tensor]) -> None:
        """The weights of the stage before."""
        objective.load_state_dict(state)

    def store(self, objective: BasesObjective) -> Store:
        """Everything is kept."""
        return Store.plain(frozenset(objective.state_dict()))

    def predictor(self, objective: BasesObjective) -> Predictor:
        """The one LISA; it knows no masks yet."""
        return Predictor(objective.model, self.processor, name=self.recipe.name)

    def export(self, final: Path, stage: Stage, folder: Path) -> None:
        """`language_model/`, `vision_tower/` and `sam.safetensors`."""
        objective = self.objective(stage)
        self.take(objective, Store.plain(frozenset()).read(final))
        write_bases(objective.model, self.processor, folder, dtype=torch.bfloat16)


def texts(recipe: Recipe) -> Iterator[str]:
    """What the tokenizer is made of: the recipe's questions and answers, and the families' own words."""
    yield from islice(sample_texts(recipe), recipe.num_tokenizer_texts)
    lisa, gsva = forms("lisa"), forms("gsva")
    own = [*lisa["short"], *lisa["long"], *lisa["answers"], *gsva["several"]]
    for form in own * max(1, recipe.num_tokenizer_texts // 100):
        yield form.translate({ord("{"): " ", ord("}"): " "})
