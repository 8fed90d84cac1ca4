"""RefCOCO, RefCOCO+ and RefCOCOg in MDETR's form (Kamath et al., ICCV 2021), as PixelLLM trains on them.

A COCO file with one `images` entry per *sentence*: `caption` is the sentence, `original_id` the COCO picture
(`original_img_id` in some files), and its annotation carries `tokens_positive` and, as `original_id`, COCO's
annotation. As PixelLLM's builder does, sentences are put together again by picture and by annotation, each
becomes one expression for one object, and the whole caption is its text.

MDETR published boxes only (`mdetr_annotations/finetune_<set>_<split>.json`): the objects have no mask.
PixelLLM used the same with masks (`mdetr_annotations_with_mask/<set>_<split>.json`), among them all three
training sets in one without the pictures of any validation or test set (`merge_coco_img_safe_train.json`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from segue.data.json_index import GroupedPlaces, Place, read_values, scan_json
from segue.data.native import Expression, ObjectRecord, Record
from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_files, check_split, naming, native_segmentation
from segue.errors import DataError

_BOXES = {
    f"{name}/{split}": f"mdetr_annotations/finetune_{name}_{split}.json"
    for name, splits in (
        ("refcoco", ("train", "val", "testA", "testB")),
        ("refcoco+", ("train", "val", "testA", "testB")),
        ("refcocog", ("train", "val", "test")),
    )
    for split in splits
}
_MASKS = {
    f"{name}/{split}": f"mdetr_annotations_with_mask/{name}_{split}.json"
    for name, splits in (
        ("merge_coco_img_safe", ("train",)),
        ("refcoco_unc", ("train", "val", "testA", "testB")),
        ("refcocoplus_unc", ("train", "val", "testA", "testB")),
        ("refcocog_umd", ("train", "val", "test")),
    )
    for split in splits
}
_BOXES_FROM = "https://zenodo.org/record/4729015/files/mdetr_annotations.tar.gz"
_MASKS_FROM = (
    "PixelLLM's authors, who name these files but do not publish them "
    "(https://github.com/google-research/scenic/tree/main/scenic/projects/pixel_llm)"
)


class MdetrRecords(Sequence[Record]):
    """The pictures of one of MDETR's files, in the order in which they are first named."""

    def __init__(self, path: Path, *, folder: Path, source: str) -> None:
        self.folder = folder
        self._path, self._source = path, source
        entries: list[tuple[Any, Place]] = []
        annotations: list[tuple[Any, Place]] = []
        self._names: dict[Any, str] = {}
        for kind, place, value in scan_json(path, ("images", "annotations", "categories")):
            known = value if isinstance(value, dict) else {}
            if kind == "images":
                entries.append((_picture_id(known), place))
            elif kind == "annotations":
                annotations.append((known.get("image_id"), place))
            elif isinstance(known.get("id"), int):
                self._names[known["id"]] = str(known.get("name", ""))
        self._pictures = GroupedPlaces(entries)
        self._annotations = GroupedPlaces(annotations)
        if not entries:
            raise DataError(f"{path}: not a file of MDETR's: its list 'images' is missing or empty")

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        numbered = self._pictures[index]
        entries = read_values(self._path, [place for _, place in numbered])
        with naming(self._path, f"images entry {numbered[0][0]}"):
            first = entries[0]
            with naming(self._path, f"image {_picture_id(first)} (entry {first['id']})"):
                pairs = list(self._pairs(entries))
                objects: dict[int, ObjectRecord] = {}
                for _, annotation in pairs:
                    id_ = _object_id(annotation)
                    objects.setdefault(id_, self._object(annotation, id_, first["height"], first["width"]))
                return Record(
                    image=_with_folder(first["file_name"]),
                    width=first["width"],
                    height=first["height"],
                    objects=list(objects.values()),
                    expressions=[
                        Expression(
                            text=entry["caption"].strip(),
                            ids=[_object_id(annotation)],
                            id=entry.get("refexp_id", annotation["id"]),
                        )
                        for entry, annotation in pairs
                    ],
                    source=self._source,
                )

    def _pairs(self, entries: list[Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Every sentence with every annotation of its own."""
        for entry in entries:
            places = [place for _, place in self._annotations.of(entry["id"])]
            yield from ((entry, annotation) for annotation in read_values(self._path, places))

    def _object(self, annotation: dict[str, Any], id_: int, height: int, width: int) -> ObjectRecord:
        with naming(self._path, f"annotation {annotation['id']}"):
            if annotation["category_id"] not in self._names:
                raise ValueError(f"no category has the id {annotation['category_id']}")
            return ObjectRecord(
                id=id_,
                category=self._names[annotation["category_id"]],
                segmentation=native_segmentation(annotation.get("segmentation") or [], height, width),
                bbox=annotation["bbox"],
                iscrowd=annotation.get("iscrowd", 0),
            )


def _picture_id(entry: dict[str, Any]) -> int | None:
    id_ = entry.get("original_img_id", entry.get("original_id"))
    return int(id_) if isinstance(id_, int) or (isinstance(id_, str) and id_.isdecimal()) else None


def _object_id(annotation: dict[str, Any]) -> int:
    return int(annotation.get("original_id", annotation["id"]))


def _with_folder(file_name: str) -> str:
    return f"{'val2014' if 'COCO_val2014' in file_name else 'train2014'}/{file_name}"


def _files(table: dict[str, str], name: str, where: str, split: str) -> tuple[SourceFile, ...]:
    check_split(name, split, tuple(table))
    return (
        SourceFile(table[split], "sentences and boxes", where),
        coco_pictures("train2014"),
    )


def _open(table: dict[str, str], name: str, where: str, root: Path, split: str) -> MdetrRecords:
    check_files(name, root, split, _files(table, name, where, split))
    return MdetrRecords(
        root / table[split], folder=(root / coco_folder(root, "train2014")).parent, source=name
    )


SOURCES = tuple(
    DataSource(
        name=name,
        title=title,
        splits=tuple(table),
        files=partial(_files, table, name, where),
        open=partial(_open, table, name, where),
    )
    for name, title, table, where in (
        ("mdetr_refcoco", "RefCOCO/+/g in MDETR's form, boxes", _BOXES, _BOXES_FROM),
        ("mdetr_refcoco_masks", "RefCOCO/+/g in MDETR's form with masks", _MASKS, _MASKS_FROM),
    )
)
