"""Whether data is there and read rightly: what `segue data check` looks at, and `convert` writes.

A target is what people name: a published set ("refcoco:unc/val", "muse"), a recipe, or a path with data of
their own. It stands for one or more `Part`s, each of which opens to one set of records.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from PIL import Image

from segue.data.native import Record
from segue.data.own_data import open_own_data
from segue.data.preview import describe, draw_record
from segue.data.sources import SOURCES, RecordSet, SourceFile, get_source, locate
from segue.data.sources.tolerant import TolerantRecords
from segue.errors import DataError, SegueError
from segue.images import open_image

__all__ = ["Part", "Report", "Sample", "check_part", "converted", "parts_of"]

_COUNTED = ("objects", "expressions", "captions", "turns")


@dataclass(frozen=True)
class Part:
    """One set of records: its name for people, how it is opened, and the files that it wants under `root`
    (of own data none are known)."""

    name: str
    open: Callable[[], RecordSet]
    files: tuple[SourceFile, ...] = ()
    root: Path = Path()


@dataclass(frozen=True)
class Sample:
    """A drawn record with a line about it."""

    picture: Image.Image
    text: str


@dataclass
class Report:
    """What was found of one part.

    Attributes:
        files: each with the path where it was found, None where it is missing.
        num_records: None where it could not be opened.
        problem: why it could not.
        samples: some records, drawn.
        counts: objects, expressions, captions, turns; of the records that were read.
        broken: what is wrong, one text for each broken record that was met.
    """

    name: str
    files: list[tuple[SourceFile, str | None]]
    num_records: int | None = None
    problem: str = ""
    samples: list[Sample] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    num_read: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Everything is there and what was read is whole."""
        return self.num_records is not None and not self.broken and all(found for _, found in self.files)


def parts_of(
    target: str, *, root: Path | None = None, form: str | None = None, images: str | None = None
) -> list[Part]:
    """What a target stands for.

    Args:
        target: a published set, with or without a split; a recipe's name or file; a path of one's own data.
        root: where published sets lie; by default the recipe's `data_root`, else `dataset`.
        form, images: of own data, as in `segue.data.own_data`.

    Raises:
        SegueError: it is none of these; says what there is.
    """
    name, _, split = target.partition(":")
    if name in SOURCES:
        splits = [split] if split else get_source(name).splits
        return [_published(name, one, root or Path("dataset")) for one in splits]
    path = Path(target)
    if path.exists() and path.suffix not in (".yaml", ".yml"):
        return [Part(target, partial(open_own_data, path, form=form, images=images))]
    try:
        return _of_recipe(target, root)
    except SegueError as error:
        if "no such recipe" not in str(error):
            raise
        sets = ", ".join(sorted(SOURCES))
        raise DataError(
            f"{target}: no data set, recipe or path of that name; data sets are: {sets}. {error}"
        ) from None


def check_part(part: Part, *, num_samples: int, everything: bool = False) -> Report:
    """Look for a part's files, open it, and draw some of its records, spread evenly; none where files are
    missing, for these are mostly the pictures.

    Args:
        everything: read every record, not only the drawn ones.
    """
    report = Report(part.name, [(file, locate(part.root, file)) for file in part.files])
    try:
        records = part.open()
        report.num_records = len(records)
    except DataError as error:
        report.problem = str(error)
        return report
    tolerant = TolerantRecords(records, max_broken=len(records))
    if not all(found for _, found in report.files):
        num_samples = 0
    label = part.name if part.files else Path(part.name).name
    drawn = {len(records) * i // num_samples for i in range(min(num_samples, len(records)))}
    for index in range(len(records)) if everything else sorted(drawn):
        try:
            record = records[index]
            if index in drawn:
                image = open_image(records.folder / record.image)
                report.samples.append(Sample(draw_record(record, image), f"{label}: {describe(record)}"))
        except SegueError as error:
            tolerant.leave_out(index, error)
            continue
        report.num_read += 1
        counts = (len(record.objects), len(record.expressions), len(record.captions), len(record.dialogue))
        for kind, count in zip(_COUNTED, counts, strict=True):
            if count:
                report.counts[kind] = report.counts.get(kind, 0) + count
    report.broken = list(tolerant.broken.values())
    return report


def converted(records: TolerantRecords, out: Path) -> Iterator[Record]:
    """The readable records with pictures named as seen from the file `out`."""
    for _, record in records.readable():
        picture = os.path.relpath(records.folder / record.image, out.parent)
        yield record.model_copy(update={"image": Path(picture).as_posix()})


def _published(name: str, split: str, root: Path) -> Part:
    source = get_source(name)
    if split not in source.splits:
        raise DataError(f"{name}: no split {split!r}; there are: {', '.join(source.splits)}")
    return Part(f"{name}:{split}", partial(source.open, root, split), tuple(source.files(split)), root)


def _of_recipe(name: str, root: Path | None) -> list[Part]:
    from segue.training.recipe import load_recipe

    recipe = load_recipe(name)
    data_root = root or Path(recipe.data_root)
    parts: list[Part] = []
    for spec_name, spec in recipe.sources.items():
        for entry in spec.data:
            set_name, _, split = entry.partition(":")
            parts.append(_published(set_name, split, data_root))
        if spec.kind == "own":
            options: dict[str, str] = {
                key: spec.options[key] for key in ("form", "images") if key in spec.options
            }
            parts.append(_own_of_recipe(spec_name, Path(str(spec.path)), options))
        elif spec.kind == "photographs":
            for part in spec.options.get("sets", [""]):
                parts.append(_own_of_recipe(spec_name, Path(str(spec.path)) / part, {"form": "coco"}))
    if recipe.validation is not None and recipe.validation.split:
        set_name, _, split = recipe.validation.split.partition(":")
        parts.append(_published(set_name, split, data_root))
    return list({part.name: part for part in parts}.values())


def _own_of_recipe(source: str, path: Path, options: dict[str, str]) -> Part:
    return Part(f"{source} ({path})", partial(open_own_data, path, **options))
