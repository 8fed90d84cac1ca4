"""Sources made of records on disk: the published sets under their official files, and one's own pictures.

Facts become dialogue when a sample is drawn, in the family's words (`segue.data.templates`); a record with
nothing for the wanted kind is drawn past.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from segue.data.coco import caption_turn, expression_turn
from segue.data.native import Record
from segue.data.photograph_turns import photograph_turns
from segue.data.sources import RecordSet, get_source, missing_files
from segue.data.templates import make_dialogue
from segue.errors import DataError
from segue.images import open_image
from segue.training.recipe import Recipe, SourceSpec, Stage

__all__ = [
    "OwnRecords",
    "RecordSource",
    "Speak",
    "TurnedRecords",
    "open_published",
    "speaker",
    "split_records",
]

Speak = Callable[[Record, np.random.Generator], Record]
"""Facts to a dialogue, empty where there is nothing to say."""

MOST_COUNTED = 500
"""So many records tell how often each category occurs."""
HELD_OUT = 0.1
MOST_SILENT = 1000
"""So many records in a row with nothing to ask about, and the source has none that fits."""


class RecordSource:
    """Draws a record of one of several sets, each set as often as any other, and lets it speak.

    Args:
        sets: records on disk.
        speak: makes the dialogue.
        indices: for each set the records that may be drawn; None: all.
    """

    def __init__(
        self, sets: Sequence[RecordSet], speak: Speak, *, indices: Sequence[Sequence[int]] | None = None
    ):
        self.sets = list(sets)
        self.speak = speak
        self.indices = [range(len(s)) for s in self.sets] if indices is None else list(indices)
        if not any(len(own) for own in self.indices):
            raise DataError("a source has no records")

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """A picture (H, W, 3) uint8 and its record with a dialogue.

        Raises:
            DataError, ImageError: the record or its picture is broken.
        """
        filled = [number for number, own in enumerate(self.indices) if len(own)]
        for _ in range(MOST_SILENT):
            number = filled[int(rng.integers(len(filled)))]
            records, own = self.sets[number], self.indices[number]
            record = self.speak(records[own[int(rng.integers(len(own)))]], rng)
            if record.dialogue:
                return np.asarray(open_image(records.folder / record.image)), record
        raise DataError(f"{MOST_SILENT} records in a row have nothing that this source's template asks about")

    def first(self, count: int, seed: int) -> list[tuple[Path, Record]]:
        """Up to `count` records with dialogues, spread over all, always the same ones; broken ones are passed
        over, what is wrong with them is said where they are trained on."""
        found: list[tuple[Path, Record]] = []
        for number, (records, own) in enumerate(zip(self.sets, self.indices, strict=True)):
            wanted = max(1, count // len(self.sets))
            step = max(1, len(own) // wanted)
            for place in range(0, len(own), step):
                if len(found) >= count:
                    break
                rng = np.random.default_rng([seed, number, place])
                try:
                    record = self.speak(records[own[place]], rng)
                except DataError:
                    continue
                if any(turn.phrases for turn in record.dialogue):
                    found.append((records.folder / record.image, record))
        return found


class OwnRecords:
    """One's own pictures: a part to train on, a part held out (`options.held_out`, a tenth by default)."""

    def __init__(self, spec: SourceSpec):
        from segue.data.own_data import open_own_data

        options = dict(spec.options)
        share = float(options.pop("held_out", HELD_OUT))
        self.records: RecordSet = open_own_data(Path(str(spec.path)), **options)
        self.trained, self.held_out = split_records(self.records, share)

    @property
    def categories(self) -> list[str]:
        """The names of all things in the part to train on."""
        found: set[str] = set()
        for index in self.trained:
            try:
                found |= {item.category for item in self.records[index].objects if item.part_of is None}
            except DataError:
                continue  # it is named when it is drawn
        return sorted(found)


class TurnedRecords:
    """Records whose expressions and captions have become turns, as segue's own photographs have them."""

    @cached_property
    def frequency(self) -> dict[str, float]:
        """For each category the share of the records that show it, counted over some of them."""
        shown: Counter[str] = Counter()
        some = range(0, len(self), 1 + len(self) // MOST_COUNTED)
        for number in some:
            try:
                shown.update({entry.category for entry in self.records[self.indices[number]].objects})
            except DataError:
                continue  # it is named when it is drawn
        return {name: count / len(some) for name, count in shown.items()}

    def __init__(self, records: RecordSet, indices: Sequence[int]):
        self.records, self.indices, self.folder = records, indices, records.folder

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, number: int) -> Record:
        return turned(self.records[self.indices[number]])


def turned(record: Record) -> Record:
    """The record with a turn for each of its expressions and captions behind its own dialogue."""
    turns = [expression_turn(each.text, each.ids) for each in record.expressions]
    turns += [caption_turn(each.text) for each in record.captions if each.region is None]
    return record.model_copy(update={"dialogue": [*record.dialogue, *turns]})


def speaker(recipe: Recipe, spec: SourceSpec, stage: Stage) -> Speak:
    """What makes a source's records speak in the recipe's family's words.

    Without a template a record's own dialogue stands; without that its expressions are asked for, or else
    its objects by their names.
    """
    options = {name: value for name, value in spec.options.items() if spec.kind == "published"}

    def speak(record: Record, rng: np.random.Generator) -> Record:
        if recipe.family == "segue":
            own = turned(record)
            turns = own.dialogue or photograph_turns(own, rng, num_turns=max(stage.num_turns, 1))
            return record.model_copy(update={"dialogue": turns})
        kind = spec.template
        if kind is None and record.dialogue:
            return record
        if kind is None:
            kind = "referring" if record.expressions else "semantic"
        return make_dialogue(record, rng, family=recipe.family, kind=kind, options=options)

    return speak


def open_published(entries: Sequence[str], root: Path) -> list[RecordSet]:
    """The sets of `name:split` entries under a data root.

    Raises:
        DataError: no such set or split, or files are missing; says which, and where they are published.
    """
    opened = []
    for entry in entries:
        name, _, split = entry.partition(":")
        source = get_source(name)
        if split not in source.splits:
            raise DataError(f"{name} has no split {split!r}; it has: {', '.join(source.splits)}")
        if missing := missing_files(source, root, split):
            first = missing[0]
            raise DataError(
                f"{entry}: {len(missing)} of its files are not under {root}, such as {first.path}"
                f" ({first.what}; {first.where}). `segue data check` lists all"
            )
        opened.append(source.open(root, split))
    return opened


def split_records(records: RecordSet, share: float) -> tuple[list[int], list[int]]:
    """Records to train on, and those held out: by the names of their pictures, so that a record stays on its
    side when others come or go. One is held out at least, if there are two."""
    names = [_name(records, index) for index in range(len(records))]
    held = [index for index, name in enumerate(names) if crc32(name.encode()) % 10_000 < share * 10_000]
    if share and not held and len(names) > 1:
        held = [len(names) - 1]
    rest = sorted(set(range(len(names))) - set(held))
    return rest or held, held


def _name(records: Any, index: int) -> str:
    try:
        return str(records[index].image)
    except DataError:  # broken: it is named when it is drawn
        return f"record {index}"
