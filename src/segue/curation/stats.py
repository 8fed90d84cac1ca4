"""What a set is like, in the figures that MUSE is described by: targets per answer, words per description,
instances per category."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.curation.plan import MUSE_MAX, MUSE_MEAN
from segue.data.muse_json import record_of
from segue.data.native import Record, read_records
from segue.errors import DataError

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["PUBLISHED", "Figures", "count", "read_data", "table"]

PUBLISHED: dict[str, float] = {
    "pairs": 246_000,
    "targets": 910_000,
    "mean_targets": MUSE_MEAN,
    "most_targets": MUSE_MAX,
    "categories": 1000,
    "longest_description": 100,
}
"""What the paper says of MUSE (PixelLM, section 4): pairs and masks in round figures; more than 1000
categories; descriptions of more than 100 tokens."""

_WORDS = re.compile(r"\w+|[^\w\s]")


@dataclass(frozen=True)
class Figures:
    """Of one set. Targets are marked phrases with instances, each one mask; words count with punctuation, as
    tokenizers do at least."""

    pictures: int
    pairs: int
    targets_per_answer: dict[int, int]
    words_per_description: dict[int, int]
    instances_per_category: dict[str, int]
    kinds: dict[str, int]

    @property
    def targets(self) -> int:
        return sum(number * times for number, times in self.targets_per_answer.items())

    @property
    def mean_targets(self) -> float:
        """Of answers that have any."""
        answers = sum(times for number, times in self.targets_per_answer.items() if number)
        return self.targets / answers if answers else 0.0

    @property
    def mean_description(self) -> float:
        total = sum(self.words_per_description.values())
        words = sum(number * times for number, times in self.words_per_description.items())
        return words / total if total else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {
            "pictures": self.pictures,
            "pairs": self.pairs,
            "targets": self.targets,
            "mean_targets": round(self.mean_targets, 3),
            "most_targets": max(self.targets_per_answer, default=0),
            "categories": len(self.instances_per_category),
            "mean_description": round(self.mean_description, 2),
            "longest_description": max(self.words_per_description, default=0),
            "kinds": self.kinds,
            "targets_per_answer": self.targets_per_answer,
            "words_per_description": self.words_per_description,
            "instances_per_category": self.instances_per_category,
            "published": PUBLISHED,
        }


def count(records: Iterable[Record]) -> Figures:
    """The figures of a set of records with dialogues."""
    pictures: set[str] = set()
    targets: Counter[int] = Counter()
    words: Counter[int] = Counter()
    categories: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for record in records:
        pictures.add(record.image)
        objects = {entry.id: entry for entry in record.objects}
        for turn in record.dialogue:
            shown = [phrase for phrase in turn.phrases if phrase.ids]
            targets[len(shown)] += 1
            kinds[turn.type or "other"] += 1
            for phrase in shown:
                for id_ in phrase.ids:
                    categories[objects[id_].category] += 1
                    text = objects[id_].attributes.get("description")
                    if text:
                        words[len(_WORDS.findall(text))] += 1
    return Figures(
        pictures=len(pictures),
        pairs=sum(targets.values()),
        targets_per_answer=dict(sorted(targets.items())),
        words_per_description=dict(sorted(words.items())),
        instances_per_category=dict(categories.most_common()),
        kinds=dict(kinds.most_common()),
    )


def read_data(path: Path) -> Iterator[Record]:
    """The records of a curation's folder, of a native file, or of MUSE's JSON (a file, or a folder of files).

    Raises:
        DataError: there is nothing of that kind, or a record is broken.
    """
    if path.is_dir():
        files = sorted(path.glob("*.jsonl")) or sorted(path.glob("*.json"))
        files = [file for file in files if file.name not in ("rejected.jsonl", "summary.json")]
        if not files:
            raise DataError(f"{path}: holds no native files and no MUSE files")
    else:
        files = [path]
    for file in files:
        yield from read_records(file) if file.suffix == ".jsonl" else _muse_records(file)


def table(figures: Figures) -> Table:
    """The figures beside the published ones."""
    from rich.table import Table

    values = figures.to_dict()
    lines = {
        "pairs": ("question-answer pairs", f"{PUBLISHED['pairs']:,.0f}"),
        "targets": ("targets (masks)", f"{PUBLISHED['targets']:,.0f}"),
        "mean_targets": ("targets per answer, mean", f"{PUBLISHED['mean_targets']}"),
        "most_targets": ("targets per answer, most", f"{PUBLISHED['most_targets']}"),
        "categories": ("categories", "over 1,000"),
        "mean_description": ("words per description, mean", "-"),
        "longest_description": ("words per description, most", "over 100"),
    }
    grid = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    grid.add_column("")
    grid.add_column("this set", justify="right")
    grid.add_column("MUSE", justify="right")
    for name, (title, published) in lines.items():
        grid.add_row(title, f"{values[name]:,}", published)
    grid.add_section()
    for kind, times in figures.kinds.items():
        grid.add_row(kind, f"{times:,}", "")
    return grid


def _muse_records(path: Path) -> Iterator[Record]:
    try:
        entries = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(entries, list):
        raise DataError(f"{path}: not a MUSE file: it has to be a list of records")
    for number, entry in enumerate(entries):
        try:
            image = entry.get("file_name") or entry["coco_url"]
            yield record_of(entry, image=image, mismatched="compose").record
        except (DataError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"{path}, record {number}: {error}") from error
