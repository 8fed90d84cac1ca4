"""Sources of facts for PixelLLM without published sets: scenes with everything that can be said of them, and
photographs with their captions and the names of what is in them.

Facts become turns by the recipe's template for the source (`segue.data.templates.pixelllm`), as published
sets' do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segue.data.augment import augment, load_photograph
from segue.data.native import Caption, Expression, Record
from segue.data.photographs import PhotographRecords
from segue.data.templates import make_dialogue
from segue.errors import DataError
from segue.scenes.compose import MIN_SIDE
from segue.scenes.facts import make_described_scene
from segue.training.recipe import SourceSpec

__all__ = ["TRAINING_SEEDS", "DescribedPhotographs", "DescribedScenes", "photograph_facts"]

TRAINING_SEEDS = (1 << 31, 1 << 40)
"""Scenes for training have seeds in this range; smaller ones are for measuring and for show."""

TEMPLATE = "joint"
LEAST_SHARE = 0.01
"""Of the picture: smaller things of photographs are not described."""
_SCENE_OPTIONS = ("world", "setting", "num_objects", "zoom")
_TRIES = 20


class DescribedScenes:
    """Scenes made on the fly, in a random shape between 3:4 and 4:3, `side` pixels along the longer side."""

    def __init__(self, spec: SourceSpec, *, side: int):
        self.side = side
        self.template = spec.template or TEMPLATE
        own, self.options = _split(spec.options, _SCENE_OPTIONS)
        self.world = str(own.pop("world", "small"))
        if own.get("num_objects") is not None:
            own["num_objects"] = tuple(own["num_objects"])
        self.scene = own

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """A scene that the template has something to say of."""
        ratio = float(np.exp(rng.uniform(-0.29, 0.29)))
        short = max(MIN_SIDE, round(self.side * min(ratio, 1 / ratio)))
        size = (self.side, short) if ratio >= 1 else (short, self.side)
        for _ in range(_TRIES):
            seed = int(rng.integers(*TRAINING_SEEDS))
            image, record = make_described_scene(seed, size=size, world_name=self.world, **self.scene)
            record = _speak(record, rng, self.template, self.options)
            if record.dialogue:
                return image, record
        raise DataError(f"{_TRIES} scenes in a row have nothing for the template {self.template!r}")


class DescribedPhotographs:
    """The training photographs of some sets, augmented first and described after."""

    def __init__(self, records: Sequence[PhotographRecords], spec: SourceSpec, *, side: int):
        self.records = list(records)
        self.ends = np.cumsum([len(own) for own in self.records])
        self.side = side
        self.template = spec.template or TEMPLATE
        _, self.options = _split(spec.options, ("sets",))

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """One photograph, each as often as any other; those of which nothing can be said are drawn past."""
        for _ in range(_TRIES):
            number = int(rng.integers(self.ends[-1]))
            group = int(np.searchsorted(self.ends, number, side="right"))
            records = self.records[group]
            record = records[number - int(self.ends[group]) + len(records)]
            image = load_photograph(records.folder / record.image, at_least=self.side)
            image, record = augment(image, record, rng, size=(self.side, self.side))
            record = _speak(photograph_facts(record), rng, self.template, self.options)
            if record.dialogue:
                return image, record
        raise DataError(f"{_TRIES} photographs in a row have nothing for the template {self.template!r}")


def photograph_facts(record: Record) -> Record:
    """What people wrote of a photograph, and what its labels say: "a dog" of a thing in its box, "the dog"
    where it is the only one of its name. Its dialogue is left behind."""
    total = record.width * record.height
    things = [entry for entry in record.objects if entry.part_of is None and not entry.iscrowd]
    large = [entry for entry in things if entry.bbox[2] * entry.bbox[3] >= LEAST_SHARE * total]
    count = Counter(entry.category for entry in record.objects if entry.part_of is None)
    masked = {entry.id for entry in record.objects if entry.segmentation}
    captions = [Caption(text=turn.answer) for turn in record.dialogue if turn.type == "caption"]
    captions += [Caption(text=_named(entry.category), region=entry.bbox) for entry in large]
    expressions = [
        Expression(text=f"the {turn.answer[slice(*turn.phrases[0].span)]}", ids=turn.phrases[0].ids)
        for turn in record.dialogue
        if turn.type == "expression" and turn.phrases and turn.phrases[0].ids
        if masked.issuperset(turn.phrases[0].ids)
    ]
    expressions += [
        Expression(text=f"the {entry.category}", ids=[entry.id])
        for entry in large
        if count[entry.category] == 1 and entry.id in masked
    ]
    return record.model_copy(update={"dialogue": [], "captions": captions, "expressions": expressions})


def _named(category: str) -> str:
    return f"{'an' if category[0].lower() in 'aeiou' else 'a'} {category}"


def _speak(record: Record, rng: np.random.Generator, template: str, options: Mapping[str, Any]) -> Record:
    return make_dialogue(record, rng, family="pixelllm", kind=template, options=options)


def _split(options: Mapping[str, Any], own: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of the source itself, and those of its template."""
    return (
        {name: value for name, value in options.items() if name in own},
        {name: value for name, value in options.items() if name not in own},
    )
