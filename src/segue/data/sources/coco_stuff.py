"""COCO-Stuff (Caesar et al., CVPR 2018): the pictures of COCO 2017 with things and stuff in label maps.

Values are positions in the set's `labels.txt` without its first line ("unlabeled"), 255 is unlabelled. As
in LISA, the classes with a dash in their names ("wall-brick", "building-other") are not asked about: their
pixels are ignored like unlabelled ones. Eleven things of the list were never annotated; no pixel has them,
and that says nothing about the picture.
"""

from __future__ import annotations

from pathlib import Path

from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.label_maps import LabelMapRecords, LabelTable, read_names
from segue.data.sources.official_files import check_files, check_split

_FROM = "https://github.com/nightrome/cocostuff#downloads (stuffthingmaps_trainval2017.zip)"
_SPLITS = ("train2017", "val2017")
NEVER_ANNOTATED = frozenset(
    (
        "street sign",
        "hat",
        "shoe",
        "eye glasses",
        "plate",
        "mirror",
        "window",
        "desk",
        "door",
        "blender",
        "hair brush",
    )
)


def table() -> LabelTable:
    """What the values of the maps mean."""
    names = dict(enumerate(read_names("coco_stuff.txt")))
    asked = {value: name for value, name in names.items() if "-" not in name}
    return LabelTable(
        names=asked,
        ignored=frozenset(names.keys() - asked.keys()) | {255},
        exhaustive=tuple(name for name in asked.values() if name not in NEVER_ANNOTATED),
    )


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("cocostuff", split, _SPLITS)
    return (
        coco_pictures(split),
        SourceFile(f"cocostuff/{split}", "label maps", _FROM),
    )


def _open(root: Path, split: str) -> LabelMapRecords:
    pictures, labels = _files(split)
    check_files("cocostuff", root, split, (pictures, labels))
    return LabelMapRecords(
        root / coco_folder(root, split), root / labels.path, table=table(), source="cocostuff"
    )


SOURCES = (DataSource(name="cocostuff", title="COCO-Stuff", splits=_SPLITS, files=_files, open=_open),)
