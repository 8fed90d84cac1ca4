"""gRefCOCO (Liu et al., GRES, CVPR 2023): expressions that mean one object, several, or none.

`grefs(unc).json` is REFER's list of refs as JSON, with lists of annotations, [-1] where nothing in the
picture fits; `instances.json` as in RefCOCO. An expression with several annotations means their union, one
without target has no ids. Some masks are run-length encodings with plain counts.
"""

from __future__ import annotations

from pathlib import Path

from segue.data.json_index import scan_json
from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_files, check_split
from segue.data.sources.refer import ReferRecords, belongs, slim

_PAGE = "https://github.com/henghuiding/gRefCOCO"
_REFS, _INSTANCES = "refer_seg/grefcoco/grefs(unc).json", "refer_seg/grefcoco/instances.json"
_SPLITS = ("unc/train", "unc/val", "unc/testA", "unc/testB")


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("grefcoco", split, _SPLITS)
    return (
        SourceFile(_REFS, "expressions", _PAGE),
        SourceFile(_INSTANCES, "annotations", _PAGE),
        coco_pictures("train2014"),
    )


def _open(root: Path, split: str) -> ReferRecords:
    check_files("grefcoco", root, split, _files(split))
    part = split.split("/")[1]
    # One after another, so that only this split's refs are ever held.
    refs = (slim(element.value) for element in scan_json(root / _REFS, ("",)) if belongs(element.value, part))
    return ReferRecords(
        root / _REFS,
        refs,
        instances=root / _INSTANCES,
        folder=root / coco_folder(root, "train2014"),
        source="grefcoco",
    )


SOURCES = (DataSource(name="grefcoco", title="gRefCOCO", splits=_SPLITS, files=_files, open=_open),)
