"""COCO files of objects and their parts, indexed: what PACO-LVIS and PASCAL-Part share.

A part's category is written "object:part" ("dog:ear"), as both sets write it; what lies behind "_(" in a
name ("car_(automobile)") tells it from others of that name and is cut off, as in LISA. How a part is asked
for ("dog ear", "the ear of the dog") is the templates' business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from segue.data.json_index import GroupedPlaces, Place, read_values, scan_json
from segue.data.native import Record
from segue.data.sources.official_files import naming, native_object
from segue.errors import DataError


class PartRecords(Sequence[Record]):
    """The pictures of a COCO file in its order, with all of their annotations; those of its annotations that
    name no picture of it follow after them, to be refused when they are taken.

    `federated`: the pictures say, as LVIS's, which categories were looked for and not found
    (`neg_category_ids`) and which were not labelled to the end (`not_exhaustive_category_ids`).
    """

    def __init__(self, path: Path, *, folder: Path, source: str, federated: bool) -> None:
        self.folder = folder
        self._path, self._source, self._federated = path, source, federated
        self._pictures: list[Place] = []
        self._names: dict[Any, str] = {}
        ids: set[Any] = set()
        annotations: list[tuple[Any, Place]] = []
        for kind, place, value in scan_json(path, ("images", "annotations", "categories")):
            known = value if isinstance(value, dict) else {}
            if kind == "images":
                self._pictures.append(place)
                ids.update(_number(known, "id"))
            elif kind == "annotations":
                annotations.append((next(_number(known, "image_id"), None), place))
            elif isinstance(known.get("id"), int):
                self._names[known["id"]] = part_name(str(known.get("name", "")))
        self._strays = [place for image_id, place in annotations if image_id not in ids]
        self._annotations = GroupedPlaces(annotations)
        if not self._pictures:
            raise DataError(f"{path}: not a COCO file: its list 'images' is missing or empty")

    def __len__(self) -> int:
        return len(self._pictures) + len(self._strays)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        index = range(len(self))[index]
        if index >= len(self._pictures):
            (entry,) = read_values(self._path, [self._strays[index - len(self._pictures)]])
            known = entry if isinstance(entry, dict) else {}
            image_id = known.get("image_id")
            raise DataError(
                f"{self._path}, annotation {known.get('id')}: no picture has its image_id {image_id!r}"
            )
        (picture,) = read_values(self._path, [self._pictures[index]])
        with naming(self._path, f"images entry {index}"), naming(self._path, f"image {picture['id']}"):
            entries = read_values(self._path, [place for _, place in self._annotations.of(picture["id"])])
            height, width = picture["height"], picture["width"]
            ids = {entry.get("id") for entry in entries}
            objects = []
            for entry in entries:
                with naming(self._path, f"annotation {entry['id']}"):
                    whole = entry.get("obj_ann_id", entry["id"])
                    objects.append(
                        native_object(
                            entry,
                            category=self._name(entry["category_id"]),
                            height=height,
                            width=width,
                            part_of=whole if whole != entry["id"] and whole in ids else None,
                        )
                    )
            return Record(
                image=picture["file_name"],
                width=width,
                height=height,
                objects=objects,
                exhaustive=self._exhaustive(picture, entries) if self._federated else [],
                source=self._source,
            )

    def _exhaustive(self, picture: dict[str, Any], entries: list[dict[str, Any]]) -> list[str]:
        unsure = {self._name(id_) for id_ in picture["not_exhaustive_category_ids"]}
        known = [*picture["neg_category_ids"], *(entry["category_id"] for entry in entries)]
        return sorted({self._name(id_) for id_ in known} - unsure)

    def _name(self, id_: int) -> str:
        if id_ not in self._names:
            raise ValueError(f"no category has the id {id_}")
        return self._names[id_]


def _number(entry: dict[str, Any], key: str) -> Iterator[int]:
    """The entry's number of that name, if it has one."""
    if isinstance(entry.get(key), int):
        yield entry[key]


def part_name(name: str) -> str:
    """A category's name without what is added in brackets: "car_(automobile):wheel" is "car:wheel"."""
    return ":".join(word.split("_(")[0] for word in name.strip().split(":"))
