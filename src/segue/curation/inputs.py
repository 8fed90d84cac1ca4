"""Annotated pictures for curation: COCO, LVIS and native files, all as native records.

LVIS is COCO's layout with two differences: pictures are named by `coco_url`, and which categories are
labelled completely is known for each picture apart (`neg_category_ids` were looked for and are not there,
`not_exhaustive_category_ids` are not labelled completely)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.curation.plan import DataPlan
from segue.data.coco import CocoRecords
from segue.data.native import Record, read_records
from segue.errors import DataError

__all__ = ["Pictures", "open_pictures"]


@dataclass(frozen=True)
class Pictures:
    """Annotated pictures.

    Attributes:
        records: with their facts; made when they are taken.
        folder: what the records' `image` is relative to.
        category_ids: the data set's own number of every category it has; 0 where it has none.
    """

    records: Sequence[Record]
    folder: Path
    category_ids: dict[str, int]


def open_pictures(data: DataPlan) -> Pictures:
    """The records of a plan's data.

    Raises:
        DataError: a file is missing or broken; two records have the same picture.
    """
    path = Path(data.path)
    if path.suffix == ".jsonl":
        records: Sequence[Record] = list(read_records(path))
        if data.exhaustive is not None:
            records = [record.model_copy(update={"exhaustive": data.exhaustive}) for record in records]
        names = [record.image for record in records]
        numbers = {thing.category: 0 for record in records for thing in record.objects}
    else:
        coco = LvisRecords(
            path,
            images=data.images,
            captions=data.captions,
            exhaustive=data.exhaustive,
            source=path.parent.name or path.stem,
        )
        records, names = coco, coco.file_names()
        numbers = {name: id_ for id_, name in coco._names.items()}
    doubles = [name for name, count in Counter(names).items() if count > 1]
    if doubles:
        raise DataError(f"{path}: {len(doubles)} pictures are listed twice, such as {doubles[0]}")
    if not names:
        raise DataError(f"{path}: holds no pictures")
    return Pictures(records, path.parent, numbers)


class LvisRecords(CocoRecords):
    """A COCO file, and LVIS where it is one."""

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(path, **options)
        self._declared = options.get("exhaustive") is not None
        for picture in self._pictures:
            if not picture.get("file_name") and picture.get("coco_url"):
                # Two splits of COCO under one folder: "train2017/000000000009.jpg".
                picture["file_name"] = "/".join(str(picture["coco_url"]).split("/")[-2:])
        pretty = {id_: pretty_name(name) for id_, name in self._names.items()}
        if any("neg_category_ids" in picture for picture in self._pictures):
            counts = Counter(pretty.values())
            # Where two would be called the same, "bow_(weapon)" keeps what tells it from the other bow.
            self._names = {
                id_: name if counts[name] == 1 else self._names[id_].replace("_", " ")
                for id_, name in pretty.items()
            }

    def _record(self, picture: dict[str, Any]) -> Record:
        record = super()._record(picture)
        if "neg_category_ids" not in picture or self._declared:
            return record
        incomplete = {self._names[id_] for id_ in picture.get("not_exhaustive_category_ids", [])}
        present = {entry.category for entry in record.objects}
        absent = {self._names[id_] for id_ in picture["neg_category_ids"]}
        return record.model_copy(update={"exhaustive": sorted((present - incomplete) | (absent - present))})


def pretty_name(name: str) -> str:
    """An LVIS name in plain words: "mouse_(computer_equipment)" -> "mouse"."""
    return re.sub(r"\s+", " ", re.sub(r"\(.*?\)", "", name.replace("_", " "))).strip() or name
