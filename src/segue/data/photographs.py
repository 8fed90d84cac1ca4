"""Photographs with annotations, as records with dialogues: the five sets that the embedded model learns from.

Each set is a folder with `annotations.json` (COCO instances) and `images/`. What is asked about them is in
`photograph_turns`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np

from segue.data.coco import CocoRecords
from segue.data.native import Record
from segue.data.photograph_people import name_person
from segue.data.photograph_turns import photograph_turns
from segue.data.wording import phrasings

HELD_OUT_SHARE = 0.1
SETS = ("voc_animals", "ccp_clothing", "coco_small", "coco_people", "refcocos_boxes")

Split = Literal["train", "held_out", "all"]


class PhotographRecords(Sequence[Record]):
    """The records of one split of a set, each made when it is taken; `folder` is what their images lie in."""

    def __init__(
        self, coco: CocoRecords, indices: Sequence[int], *, seed: int | None, num_turns: int, split: Split
    ):
        self.folder = coco.folder
        self._coco, self._indices = coco, indices
        self._seed, self._num_turns, self._split = seed, num_turns, split

    @property
    def categories(self) -> list[str]:
        """The names of the set's categories."""
        return self._coco.categories

    @cached_property
    def frequency(self) -> dict[str, float]:
        """For each category the share of the set's photographs, of all splits, that show it."""
        return self._coco.frequency()

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        record = name_person(self._coco[self._indices[index]])
        if self._seed is None:
            return record
        rng = np.random.default_rng([self._seed, _hash(record.image)])
        wording: Literal["train", "test"] = "test" if self._split == "held_out" else "train"
        turns = photograph_turns(
            record, rng, num_turns=self._num_turns, split=wording, frequency=self.frequency
        )
        return record.model_copy(update={"dialogue": turns})


def photograph_records(
    folder: str | Path, *, split: Split = "train", seed: int | None = None, num_turns: int = 8
) -> PhotographRecords:
    """The records of the photographs in `folder` that belong to `split`.

    With a seed each has a dialogue of up to `num_turns`, the same for the same seed. Without one the dialogue
    holds only what people wrote (captions, referring expressions): augment first, then `photograph_turns`.
    """
    folder = Path(folder)
    names = phrasings("words.yaml")["everyday"]
    coco = CocoRecords(folder / "annotations.json", names=names, source=folder.name)
    indices = [
        index
        for index, name in enumerate(coco.file_names())
        if split == "all" or is_held_out(name) == (split == "held_out")
    ]
    return PhotographRecords(coco, indices, seed=seed, num_turns=num_turns, split=split)


def is_held_out(file_name: str) -> bool:
    """Whether a photograph is set aside for measuring: by its name alone, so that it is so in every set."""
    return _hash(Path(file_name).name) < HELD_OUT_SHARE * 2**32


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
