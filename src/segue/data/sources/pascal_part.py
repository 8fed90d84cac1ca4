"""PASCAL-Part (Chen et al., CVPR 2014) in the form that VLPart's scripts bring it to: parts of VOC 2010's
objects.

A COCO file of parts alone ("dog:head"), a mask for each; the objects that they belong to are not in it. The
boxes are the file's, whose width and height are one pixel short of the mask's.
"""

from __future__ import annotations

from pathlib import Path

from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_parts import PartRecords
from segue.data.sources.official_files import check_files, check_split

_FROM = "https://github.com/facebookresearch/VLPart/tree/main/datasets#pascal-part"
_PICTURES = "vlpart/pascal_part/VOCdevkit/VOC2010/JPEGImages"
_SPLITS = ("train", "val")


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("pascal_part", split, _SPLITS)
    return (
        SourceFile(f"vlpart/pascal_part/{split}.json", "annotations", _FROM),
        SourceFile(_PICTURES, "pictures", "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/"),
    )


def _open(root: Path, split: str) -> PartRecords:
    annotations, pictures = _files(split)
    check_files("pascal_part", root, split, (annotations, pictures))
    return PartRecords(
        root / annotations.path, folder=root / pictures.path, source="pascal_part", federated=False
    )


SOURCES = (DataSource(name="pascal_part", title="PASCAL-Part", splits=_SPLITS, files=_files, open=_open),)
