"""Ref-ZOM (Hu et al., Beyond One-to-One, ICCV 2023): expressions for zero, one or many objects.

`Ref_ZOM.p` is REFER's pickled list of refs with lists of annotations ([] for no target) and a mark of its
own, `source` ("zero", "one", "many"), which is the expressions' kind; "zero" means no target whatever the
list says, as in the published code. The pictures are COCO's of 2014, each in the folder that its name
tells.
"""

from __future__ import annotations

from pathlib import Path

from segue.data.pickles import read_plain_pickle
from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_files, check_split
from segue.data.sources.refer import ReferRecords, belongs, slim
from segue.errors import DataError

_PAGE = "https://github.com/toggle1995/RIS-DMMI"
_REFS, _INSTANCES = "refer_seg/refzom/Ref_ZOM.p", "refer_seg/refzom/instances.json"
_SPLITS = ("train", "test")


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("refzom", split, _SPLITS)
    return (
        SourceFile(_REFS, "expressions", _PAGE),
        SourceFile(_INSTANCES, "annotations", _PAGE),
        coco_pictures("train2014"),
    )


def _open(root: Path, split: str) -> ReferRecords:
    check_files("refzom", root, split, _files(split))
    refs = read_plain_pickle(root / _REFS)
    if not isinstance(refs, list):
        raise DataError(f"{root / _REFS}: holds a {type(refs).__name__} instead of a list of refs")
    return ReferRecords(
        root / _REFS,
        (slim(ref) for ref in refs if belongs(ref, split)),
        instances=root / _INSTANCES,
        folder=root / coco_folder(root, "train2014"),
        by_year=True,
        source="refzom",
    )


SOURCES = (DataSource(name="refzom", title="Ref-ZOM", splits=_SPLITS, files=_files, open=_open),)
