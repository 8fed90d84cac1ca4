"""ADE20K in the form of the scene parsing challenge (Zhou et al., CVPR 2017): 150 classes in label maps.

Value 0 is "other": those pixels are ignored, as LISA does; value k is the k-th class. The names are LISA's.
"""

from __future__ import annotations

from pathlib import Path

from segue.data.sources import DataSource, SourceFile
from segue.data.sources.label_maps import LabelMapRecords, LabelTable, read_names
from segue.data.sources.official_files import check_files, check_split

_FROM = "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip"
_SPLITS = ("training", "validation")


def table() -> LabelTable:
    """What the values of the maps mean."""
    names = read_names("ade20k.txt")
    return LabelTable(names=dict(enumerate(names, start=1)), ignored=frozenset({0}), exhaustive=tuple(names))


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("ade20k", split, _SPLITS)
    return (
        SourceFile(f"ade20k/images/{split}", "pictures", _FROM),
        SourceFile(f"ade20k/annotations/{split}", "label maps", _FROM),
    )


def _open(root: Path, split: str) -> LabelMapRecords:
    pictures, labels = _files(split)
    check_files("ade20k", root, split, (pictures, labels))
    return LabelMapRecords(root / pictures.path, root / labels.path, table=table(), source="ade20k")


SOURCES = (
    DataSource(name="ade20k", title="ADE20K (scene parsing)", splits=_SPLITS, files=_files, open=_open),
)
