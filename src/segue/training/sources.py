"""The data sources that recipes name, and what is read off them before training: class names and sample
texts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segue.data.augment import augment, load_photograph
from segue.data.collation import DenseLabels
from segue.data.native import Record, Turn
from segue.data.photograph_turns import MIXTURES, photograph_turns
from segue.data.photographs import PhotographRecords, Split, photograph_records
from segue.data.templates import TEMPLATES, make_dialogue
from segue.errors import DataError
from segue.evaluation.runner import Sample
from segue.scenes import make_scene
from segue.scenes.compose import MIN_SIDE
from segue.scenes.pen import COLORS
from segue.scenes.questions.reasoning import topics
from segue.scenes.worlds import world
from segue.training.dataset import Source
from segue.training.described import TRAINING_SEEDS, DescribedPhotographs, DescribedScenes
from segue.training.recipe import Recipe, SourceSpec, Stage
from segue.training.record_sources import OwnRecords, RecordSource, TurnedRecords, open_published, speaker

__all__ = [
    "TRAINING_SEEDS",
    "PhotographSource",
    "SceneSource",
    "build_sources",
    "dense_labels",
    "held_out_samples",
    "sample_texts",
]

logger = logging.getLogger(__name__)

MEASURING_SEED = 1 << 20
MOST_SILENT = 100
MEASURED_TURNS = 4
"""Questions of each held-out picture."""


class SceneSource:
    """Scenes made on the fly, in a random shape, with about `side` pixels along the longer side."""

    def __init__(
        self,
        *,
        side: int,
        num_turns: int,
        world: str = "core",
        setting: str | None = None,
        num_objects: tuple[int, int] | None = None,
        zoom: float | None = None,
        crowd: float | None = None,
        questions: str = "all",
        word_dropout: float = 0.0,
    ):
        self.side = max(side, MIN_SIDE)
        self.num_turns = num_turns
        self.options: dict[str, Any] = {
            "world": world,
            "setting": setting,
            "num_objects": None if num_objects is None else (num_objects[0], num_objects[1]),
            "zoom": zoom,
            "crowd": crowd,
            "questions": questions,
            "word_dropout": word_dropout,
        }

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """A scene between 3:4 and 4:3."""
        ratio = float(np.exp(rng.uniform(-0.29, 0.29)))
        short = max(MIN_SIDE, round(self.side * min(ratio, 1 / ratio)))
        size = (self.side, short) if ratio >= 1 else (short, self.side)
        seed = int(rng.integers(*TRAINING_SEEDS))
        return make_scene(seed, size=size, split="train", num_turns=self.num_turns, **self.options)


class PhotographSource:
    """The training photographs of some sets, augmented first and asked about after."""

    def __init__(
        self,
        records: Sequence[PhotographRecords | TurnedRecords],
        *,
        side: int,
        num_turns: int,
        questions: str = "all",
    ):
        if questions not in MIXTURES:
            raise DataError(f"no questions {questions!r}; there are {', '.join(MIXTURES)}")
        self.weights = MIXTURES[questions]
        self.records = list(records)
        self.ends = np.cumsum([len(r) for r in self.records])
        self.side = side
        self.num_turns = num_turns

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """One photograph, each as often as any other."""
        number = int(rng.integers(self.ends[-1]))
        group = int(np.searchsorted(self.ends, number, side="right"))
        records = self.records[group]
        record = records[number - int(self.ends[group]) + len(records)]
        image = load_photograph(records.folder / record.image, at_least=self.side)
        image, record = augment(image, record, rng, size=(self.side, self.side))
        # A dialogue of its own (curated, MUSE's) is what a record is there for; `augment` keeps what is
        # still true.
        turns = [turn for turn in record.dialogue if turn.type not in ("caption", "expression")]
        if turns and self.num_turns:
            chosen = rng.permutation(len(turns))[: self.num_turns]
            turns = [turns[index] for index in sorted(chosen)]
        else:
            turns = self._turns(record, rng, records.frequency)
        return image, record.model_copy(update={"dialogue": turns})

    def _turns(self, record: Record, rng: np.random.Generator, frequency: dict[str, float]) -> list[Turn]:
        if not self.num_turns:
            return []
        return photograph_turns(
            record, rng, num_turns=self.num_turns, weights=self.weights, frequency=frequency
        )


class SpokenSource:
    """Pictures of another source that have something to say in a family's form of dialogue."""

    def __init__(self, source: Source, family: str):
        self.source = source
        self.family = family

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """The first picture with a dialogue; DataError where a hundred in a row have none."""
        for _ in range(MOST_SILENT):
            image, record = self.source.sample(rng)
            spoken = make_dialogue(record, rng, family=self.family, kind="dialogue")
            if spoken.dialogue:
                return image, spoken
        raise DataError(f"{MOST_SILENT} pictures in a row have nothing to ask {self.family} about")


def build_sources(recipe: Recipe, names: Sequence[str], *, stage: Stage) -> list[tuple[str, Source]]:
    """The named sources, ready to draw from, in order.

    Raises:
        DataError: a folder is missing that the recipe does not call optional.
    """
    built: list[tuple[str, Source]] = []
    for name in names:
        if (source := _build(recipe, name, stage)) is not None:
            built.append((name, source))
    if not built:
        raise DataError(f"stage {stage.name}: none of the sources {', '.join(names)} is there")
    return built


def _build(recipe: Recipe, name: str, stage: Stage) -> Source | None:
    """One source; None where it is optional and not there."""
    spec = recipe.sources[name]
    if recipe.family == "pixelllm" and spec.kind in ("scenes", "photographs"):
        side = int(recipe.model.get("image_size", stage.image_size))
        if spec.kind == "scenes":
            return DescribedScenes(spec, side=max(side, MIN_SIDE))
        found = _photographs(name, spec)
        return DescribedPhotographs(found, spec, side=side) if found else None
    if spec.kind == "scenes":
        options = {"side": stage.image_size, **spec.options}
        scenes = SceneSource(num_turns=stage.num_turns, questions=stage.questions, **options)
        return _spoken(scenes, recipe, stage)
    if spec.kind == "published":
        try:
            sets = open_published(spec.data, Path(recipe.data_root))
        except DataError as error:
            if not spec.optional:
                raise
            logger.warning("source %s is left out: %s", name, error)
            return None
        indices: list[Sequence[int]] = [range(len(one)) for one in sets]
    elif spec.kind == "own":
        own = OwnRecords(spec)
        sets, indices = [own.records], [own.trained]
    if spec.kind in ("published", "own"):
        if recipe.family != "segue":
            return RecordSource(sets, speaker(recipe, spec, stage), indices=indices)
        turned = [TurnedRecords(*pair) for pair in zip(sets, indices, strict=True)]
        return PhotographSource(
            turned, side=stage.image_size, num_turns=stage.num_turns, questions=stage.questions
        )
    if records := _photographs(name, spec):
        side = int(spec.options.get("side", stage.image_size))
        source = PhotographSource(records, side=side, num_turns=stage.num_turns, questions=stage.questions)
        return _spoken(source, recipe, stage)
    return None


def _spoken(source: Source, recipe: Recipe, stage: Stage) -> Source:
    """With its dialogues in the family's form, where the family has one of its own."""
    if not stage.num_turns or (recipe.family, "dialogue") not in TEMPLATES:
        return source
    return SpokenSource(source, recipe.family)


def dense_labels(recipe: Recipe) -> DenseLabels:
    """Every category, part and colour that the recipe's sources label, background first."""
    categories: set[str] = set()
    parts: set[str] = set()
    for name, spec in recipe.sources.items():
        if spec.kind == "scenes":
            kinds = world(spec.options.get("world", "core"))
            categories |= set(kinds)
            parts |= {part for kind in kinds.values() for part in kind.parts}
        elif spec.kind == "own":
            categories |= set(OwnRecords(spec).categories)
        elif spec.kind == "photographs":
            for records in _photographs(name, spec):
                categories |= set(records.categories)
    background = ("background",)
    return DenseLabels(
        categories=background + tuple(sorted(categories)),
        parts=background + tuple(sorted(parts)),
        colors=background + tuple(COLORS),
    )


def sample_texts(recipe: Recipe) -> Iterator[str]:
    """Questions and answers from every source in turn, endless, for training a tokenizer."""
    asked = recipe.family != "pixelllm"  # which is told of scenes, not asked
    if asked and any(spec.kind == "scenes" for spec in recipe.sources.values()):
        for topic in topics():
            yield from topic.wordings["train"]
    stage = Stage(name="texts", steps=1, learning_rate=1.0, image_size=128, num_turns=12)
    rng = np.random.default_rng(recipe.seed)
    sources = [source for _, source in build_sources(recipe, list(recipe.sources), stage=stage)]
    while True:
        for source in sources:
            _, record = source.sample(rng)
            for turn in record.dialogue:
                yield turn.question
                yield turn.answer


def _photographs(
    name: str, spec: SourceSpec, *, split: Split = "train", seed: int | None = None
) -> list[PhotographRecords]:
    """The sets of one source; `options.sets` names sub-folders of its path."""
    if spec.path is None:
        raise DataError(f"source {name}: photographs need a path")
    found = []
    for part in spec.options.get("sets", [""]):
        folder = Path(spec.path) / part
        if (folder / "annotations.json").is_file():
            found.append(photograph_records(folder, split=split, seed=seed))
        elif spec.optional:
            logger.warning("source %s: %s is missing and left out", name, folder)
        else:
            raise DataError(
                f"source {name}: no annotations.json in {folder}; get the data or drop the source"
            )
    return found


def held_out_samples(recipe: Recipe, stage: Stage) -> list[Sample]:
    """What a run's validation is measured on: pictures that it does not train on, always the same ones.

    Raises:
        DataError: nothing is held out, or nothing of it has a target.
    """
    wanted = recipe.validation
    assert wanted is not None
    spec = recipe.sources[wanted.source]
    found: list[tuple[Path | np.ndarray, Record]] = []
    if spec.kind == "scenes":
        options = {name: value for name, value in spec.options.items() if name != "world"}
        world_name = spec.options.get("world", "core")
        size = (max(stage.image_size, MIN_SIDE),) * 2
        for number in range(wanted.samples):
            found.append(
                make_scene(
                    MEASURING_SEED + number,
                    size=size,
                    split="test",
                    num_turns=MEASURED_TURNS,
                    world=world_name,
                    **options,
                )
            )
    elif spec.kind == "photographs":
        for records in _photographs(wanted.source, spec, split="held_out", seed=recipe.seed):
            found += [(records.folder / record.image, record) for record in records]
    elif spec.kind == "own":
        own = OwnRecords(spec)
        speak = speaker(recipe, spec, stage)
        found += RecordSource([own.records], speak, indices=[own.held_out]).first(wanted.samples, recipe.seed)
    else:
        sets = open_published([wanted.split] if wanted.split else spec.data, Path(recipe.data_root))
        found += RecordSource(sets, speaker(recipe, spec, stage)).first(wanted.samples, recipe.seed)
    samples = []
    for image, record in found[:: max(1, len(found) // wanted.samples)][: wanted.samples]:
        turns = [turn for turn in record.dialogue if turn.phrases][:MEASURED_TURNS]
        if turns:
            samples.append(Sample(record.image, image, record, turns))
    if not samples:
        raise DataError(f"validation: source {wanted.source} has nothing held out with a target to find")
    return samples
