"""RefCOCO, RefCOCO+, RefCOCOg, Visual Genome's and Flickr30k Entities' expressions in the form that UNINEXT
(Yan et al., CVPR 2023) took from SeqTR (Zhu et al., ECCV 2022), and PixelLLM from it.

SeqTR's `instances.json` holds a list per split, each entry one object: `image_id`, `width`, `height`,
`bbox` ([x, y, width, height]), `expressions`, `mask` (polygons or an encoding; none for Visual Genome and
Flickr), and in the mixed file `data_source`. UNINEXT's converter writes the same as a COCO file with the
sentences in each `images` entry; its merged `refcoco-mixed/instances_train.json` is read too. A record is a
picture. The files number nothing: objects are numbered in their order, expressions too, as PixelLLM's
builder does.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.data.json_index import GroupedPlaces, Place, read_values, scan_json
from segue.data.native import Expression, ObjectRecord, Record
from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_files, check_split, naming, native_segmentation
from segue.errors import DataError

# The converters write one category for all.
CATEGORY = "object"
_SEQTR = "https://github.com/MasterBin-IIAU/UNINEXT/blob/master/assets/DATA.md#rec--res"


@dataclass(frozen=True)
class _Split:
    """Where a split lies: the file, the list in it, the entries' data source (None: any), and the pictures
    (None: COCO's of 2014)."""

    file: str
    key: str
    data_source: str | None = None
    pictures: SourceFile | None = None

    @property
    def picture_name(self) -> str:
        return "{}.jpg" if self.pictures else "COCO_train2014_{:012d}.jpg"


_VG = SourceFile("vg/images", "pictures", "https://homes.cs.washington.edu/~ranjay/visualgenome/api.html")
_FLICKR = SourceFile(
    "flickr30k/flickr30k-images", "pictures", "https://shannon.cs.illinois.edu/DenotationGraph/"
)
_TABLE = {
    f"{name}/{key}": _Split(f"annotations/{name}/instances.json", key)
    for name, keys in (
        ("refcoco-unc", ("train", "val", "testA", "testB")),
        ("refcocoplus-unc", ("train", "val", "testA", "testB")),
        ("refcocog-umd", ("train", "val", "test")),
        ("refcocog-google", ("train", "val")),
    )
    for key in keys
} | {
    "refcoco-mixed/train": _Split("annotations/refcoco-mixed/instances_train.json", "images"),
    "mixed-coco/train": _Split("annotations/mixed/instances.json", "train", "coco"),
    "mixed-vg/train": _Split("annotations/mixed/instances.json", "train", "vg", _VG),
    "flickr30k/train": _Split("annotations/flickr30k/instances.json", "train", "flickr", _FLICKR),
    "flickr30k/val": _Split("annotations/flickr30k/instances.json", "val", "flickr", _FLICKR),
}


class SeqtrRecords(Sequence[Record]):
    """The pictures of one list of SeqTR's `instances.json`, in the order in which they are first named."""

    def __init__(
        self,
        path: Path,
        *,
        key: str,
        data_source: str | None = None,
        folder: Path,
        picture_name: str,
        source: str,
    ) -> None:
        self.folder = folder
        self._path, self._picture_name, self._source = path, picture_name, source
        self._first_expression = array("q")
        self._groups = GroupedPlaces(self._entries(key, data_source))
        if not self._groups:
            kind = f" of the data source {data_source!r}" if data_source else ""
            raise DataError(f"{path}: its list {key!r} is missing or has no entries{kind}")

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        numbered = self._groups[index]
        entries = read_values(self._path, [place for _, place in numbered])
        with naming(self._path, f"entry {numbered[0][0]}"):
            first = entries[0]
            objects, expressions = [], []
            for (number, _), entry in zip(numbered, entries, strict=True):
                with naming(self._path, f"image {entry['image_id']}, entry {number}"):
                    objects.append(_object(entry, number, first["height"], first["width"]))
                    expressions += _expressions(entry, number, self._first_expression[number])
            return Record(
                image=self._picture_name.format(first["image_id"]),
                width=first["width"],
                height=first["height"],
                objects=objects,
                expressions=expressions,
                source=self._source,
            )

    def _entries(self, key: str, data_source: str | None) -> Iterator[tuple[Any, Place]]:
        count = 0
        for _, place, value in scan_json(self._path, (key,)):
            known = value if isinstance(value, dict) else {}
            if data_source is not None and known.get("data_source", data_source) != data_source:
                continue
            self._first_expression.append(count)
            sentences = known.get("expressions")
            count += len(sentences) if isinstance(sentences, list) else 0
            yield known.get("image_id"), place


class CocoFormRecords(Sequence[Record]):
    """The pictures of UNINEXT's COCO form: one `images` entry per object, put together by file name."""

    def __init__(self, path: Path, *, folder: Path, source: str) -> None:
        self.folder = folder
        self._path, self._source = path, source
        self._first_expression = array("q")
        self._annotations: dict[Any, Place] = {}
        self._groups = GroupedPlaces(self._entries())
        if not self._groups:
            raise DataError(f"{path}: its list 'images' is missing or empty")

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        numbered = self._groups[index]
        entries = read_values(self._path, [place for _, place in numbered])
        with naming(self._path, f"images entry {numbered[0][0]}"):
            first = entries[0]
            objects, expressions = [], []
            for (number, _), entry in zip(numbered, entries, strict=True):
                with naming(self._path, f"image {entry['id']} ({entry['file_name']})"):
                    if entry["id"] not in self._annotations:
                        raise ValueError("it has no annotation")
                    (annotation,) = read_values(self._path, [self._annotations[entry["id"]]])
                    known = {**annotation, "mask": annotation["segmentation"]}
                    objects.append(_object(known, number, first["height"], first["width"]))
                    expressions += _expressions(entry, number, self._first_expression[number])
            return Record(
                image=first["file_name"],
                width=first["width"],
                height=first["height"],
                objects=objects,
                expressions=expressions,
                source=self._source,
            )

    def _entries(self) -> Iterator[tuple[Any, Place]]:
        count = 0
        for kind, place, value in scan_json(self._path, ("images", "annotations")):
            known = value if isinstance(value, dict) else {}
            if kind == "annotations":
                if isinstance(known.get("image_id"), int):
                    self._annotations[known["image_id"]] = place
                continue
            self._first_expression.append(count)
            sentences = known.get("expressions")
            count += len(sentences) if isinstance(sentences, list) else 0
            yield known.get("file_name"), place


def _object(entry: dict[str, Any], number: int, height: int, width: int) -> ObjectRecord:
    return ObjectRecord(
        id=number,
        category=CATEGORY,
        segmentation=native_segmentation(entry.get("mask") or [], height, width),
        bbox=entry["bbox"],
    )


def _expressions(entry: dict[str, Any], number: int, first: int) -> list[Expression]:
    return [
        Expression(text=text.strip(), ids=[number], id=first + place)
        for place, text in enumerate(entry["expressions"])
    ]


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("uninext_refcoco", split, tuple(_TABLE))
    where = _TABLE[split]
    return (
        SourceFile(where.file, "expressions, boxes and masks", _SEQTR),
        where.pictures or coco_pictures("train2014"),
    )


def _open(root: Path, split: str) -> SeqtrRecords | CocoFormRecords:
    check_files("uninext_refcoco", root, split, _files(split))
    where = _TABLE[split]
    folder = root / (where.pictures.path if where.pictures else coco_folder(root, "train2014"))
    if where.key == "images":
        return CocoFormRecords(root / where.file, folder=folder, source="uninext_refcoco")
    return SeqtrRecords(
        root / where.file,
        key=where.key,
        data_source=where.data_source,
        folder=folder,
        picture_name=where.picture_name,
        source="uninext_refcoco",
    )


SOURCES = (
    DataSource(
        name="uninext_refcoco",
        title="RefCOCO/+/g, Visual Genome and Flickr30k expressions in UNINEXT's form",
        splits=tuple(_TABLE),
        files=_files,
        open=_open,
    ),
)
