"""The published data sets, one file each: official files on disk in, native records out.

A source says which files it wants where, and opens one split of them as a sequence of `Record`s, each made
when it is taken, with masks as RLE and no dialogue: what the data set *says* stands in `objects`,
`expressions` and `captions`, and the questions are made of it later, in each family's words
(`segue.data.templates`). A source whose files are dialogues already (LLaVA-Instruct, MUSE) fills `dialogue`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segue.data.native import Record
from segue.errors import DataError

__all__ = ["SOURCES", "DataSource", "RecordSet", "SourceFile", "get_source", "locate", "missing_files"]


@dataclass(frozen=True)
class SourceFile:
    """A file, or a folder of pictures, that a source needs.

    Attributes:
        path: relative to the data root, as the original projects lay it out.
        what: one phrase for people ("instance annotations").
        where: the page or address that it is published at.
        also: other places, relative to the data root, where the same is looked for.
    """

    path: str
    what: str
    where: str
    also: tuple[str, ...] = ()


class RecordSet(Protocol):
    """The records of one split: a sequence that makes each when it is taken."""

    @property
    def folder(self) -> Path:
        """What `Record.image` is relative to."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Record:
        """Raises `DataError` with file and record where the record is broken; others stay readable."""
        ...


@dataclass(frozen=True)
class DataSource:
    """One published data set.

    Attributes:
        name: as recipes and commands say it ("refcocog").
        title: as its paper says it.
        splits: in the data set's own words ("umd/val").
        files: split -> what has to be on disk.
        open: (data root, split) -> records. Raises `DataError` for an unknown split or missing files.
    """

    name: str
    title: str
    splits: tuple[str, ...]
    files: Callable[[str], Sequence[SourceFile]]
    open: Callable[[Path, str], RecordSet]


SOURCES: dict[str, str] = {
    # name -> module in this package, which has `SOURCES: tuple[DataSource, ...]`
    "refclef": "refer",
    "refcoco": "refer",
    "refcoco+": "refer",
    "refcocog": "refer",
    "grefcoco": "grefcoco",
    "refzom": "refzom",
    "mdetr_refcoco": "mdetr_refcoco",
    "mdetr_refcoco_masks": "mdetr_refcoco",
    "uninext_refcoco": "uninext_refcoco",
    "ade20k": "ade20k",
    "cocostuff": "coco_stuff",
    "mapillary": "mapillary",
    "paco_lvis": "paco_lvis",
    "pascal_part": "pascal_part",
    "coco_captions": "coco_captions",
    "llava_instruct_150k": "llava_instruct",
    "llava_v1_5_mix665k": "llava_instruct",
    "localized_narratives": "localized_narratives",
    "muse": "muse",
    "reasonseg": "reasonseg",
    "visual_genome": "visual_genome",
}


def get_source(name: str) -> DataSource:
    """The source of that name.

    Raises:
        DataError: there is none; the message lists those there are.
    """
    if name not in SOURCES:
        raise DataError(f"{name}: no such data source; there are: {', '.join(sorted(SOURCES))}")
    module = importlib.import_module(f"{__name__}.{SOURCES[name]}")
    return next(source for source in module.SOURCES if source.name == name)


def missing_files(source: DataSource, root: Path, split: str) -> list[SourceFile]:
    """Those of the source's files that are not under `root`."""
    return [file for file in source.files(split) if locate(root, file) is None]


def locate(root: Path, file: SourceFile) -> str | None:
    """Where under `root` the file is, as a path relative to it; None where it is not."""
    return next((path for path in (file.path, *file.also) if (root / path).exists()), None)
