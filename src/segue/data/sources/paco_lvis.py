"""PACO-LVIS (Ramanathan et al., CVPR 2023): 75 kinds of objects and 456 of their parts on pictures of COCO
2017.

A COCO file with one category list for objects ("dog") and parts ("dog:ear"); `obj_ann_id` names the object
that a part belongs to. Which categories a picture has labelled wherever they occur is told as in LVIS.
"""

from __future__ import annotations

from pathlib import Path

from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_parts import PartRecords
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_files, check_split

_FROM = "https://github.com/facebookresearch/paco#dataset-setup"
_SPLITS = ("train", "val", "test")


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("paco_lvis", split, _SPLITS)
    return (
        SourceFile(f"vlpart/paco/annotations/paco_lvis_v1_{split}.json", "annotations", _FROM),
        coco_pictures("train2017"),
    )


def _open(root: Path, split: str) -> PartRecords:
    annotations, pictures = _files(split)
    check_files("paco_lvis", root, split, (annotations, pictures))
    folder = (
        root / coco_folder(root, "train2017")
    ).parent  # file names begin with "train2017/" or "val2017/"
    return PartRecords(root / annotations.path, folder=folder, source="paco_lvis", federated=True)


SOURCES = (DataSource(name="paco_lvis", title="PACO-LVIS", splits=_SPLITS, files=_files, open=_open),)
