"""COCO instances files, with captions and referring expressions where there are some, as native records.

The file is read once; each picture becomes a `Record` when it is asked for. Captions and expressions become
the record's dialogue: `segue.data.photographs` makes more turns from the objects. A list of ids under
`info.exhaustive_categories` says which are labelled wherever they occur; without it nothing counts as absent.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from segue.data.native import RLE, ObjectRecord, Phrase, Record, Turn, decode_mask, first_problem, mask_box
from segue.errors import DataError

logger = logging.getLogger(__name__)

ARTICLES = ("the ", "a ", "an ")


class CocoRecords(Sequence[Record]):
    """The pictures of a COCO instances file, each made into a record when it is taken.

    `images` is the pictures' folder as seen from the annotation file's; a record's `image` starts with it.
    `captions` and `expressions` are further files with those lists; else the instances file's own are used.
    `names` renames categories ("sofa" to "couch"). `exhaustive` overrides what the file declares ("all":
    every category of the file is labelled wherever it occurs). `source` is noted in each record.
    """

    def __init__(
        self,
        annotations: str | Path,
        *,
        images: str = "images",
        captions: str | Path | None = None,
        expressions: str | Path | None = None,
        names: Mapping[str, str] | None = None,
        exhaustive: Sequence[str] | Literal["all"] | None = None,
        source: str = "",
    ) -> None:
        self.path = Path(annotations)
        self.folder = self.path.parent
        self.source = source
        self._images_folder = images
        content = _read(self.path)
        try:
            self._pictures: list[dict[str, Any]] = [
                {**entry, "id": entry["id"]} for entry in content["images"]
            ]
            self._names = {
                int(category["id"]): (names or {}).get(category["name"], category["name"])
                for category in content["categories"]
            }
            self._annotations = _by_picture(content["annotations"])
            self._captions = _by_picture(_list_of(captions, content, "captions"))
            self._expressions = _by_picture(_list_of(expressions, content, "expressions"))
            # One annotation for each label, as in clothing co-parsing: not instances that can be counted.
            self._semantic = bool(content.get("info", {}).get("semantic", False))
            declared = content.get("info", {}).get("exhaustive_categories", [])
            self.exhaustive = [self._names[int(id_)] for id_ in declared]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{self.path}: not a COCO instances file ({type(error).__name__}: {error}); it needs "
                "the lists 'images', 'annotations' and 'categories', with an id or image_id in each entry"
            ) from error
        if exhaustive is not None:
            self.exhaustive = list(self._names.values()) if exhaustive == "all" else list(exhaustive)

    @property
    def categories(self) -> list[str]:
        return list(self._names.values())

    def frequency(self) -> dict[str, float]:
        """For each category the share of the pictures that show it."""
        shown: dict[str, int] = dict.fromkeys(self._names.values(), 0)
        for picture in self._pictures:
            entries = self._annotations.get(picture["id"], [])
            ids = {entry.get("category_id") for entry in entries}
            for name in {self._names[id_] for id_ in ids if id_ in self._names}:
                shown[name] += 1
        return {name: count / max(1, len(self._pictures)) for name, count in shown.items()}

    def file_names(self) -> list[str]:
        """The pictures' file names, in the order of the records, without making these."""
        return [str(picture.get("file_name", "")) for picture in self._pictures]

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        picture = self._pictures[index]
        try:
            return self._record(picture)
        except ValidationError as error:
            problem = first_problem(error)
        except (KeyError, TypeError, ValueError) as error:
            problem = f"missing {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{self.path}, image {picture.get('file_name', picture.get('id'))}: {problem}")

    def records(self, *, on_error: Literal["raise", "skip"] = "raise") -> Iterator[Record]:
        """All records in order; `on_error="skip"` logs and leaves out the broken ones."""
        for index in range(len(self)):
            try:
                yield self[index]
            except DataError as error:
                if on_error == "raise":
                    raise
                logger.warning("skipped %s", error)

    def _record(self, picture: dict[str, Any]) -> Record:
        key, name = picture["id"], picture["file_name"]
        height, width = int(picture["height"]), int(picture["width"])
        objects = [self._object(entry, height, width) for entry in self._annotations.get(key, [])]
        dialogue = [caption_turn(entry["caption"]) for entry in self._captions.get(key, [])]
        for entry in self._expressions.get(key, []):
            targets = list(entry.get("ann_ids") or [])
            if not targets and not entry["no_target"]:
                # Only a box is known: an object without a mask, which pointing can still be measured by.
                boxed = _boxed_object(entry, id_=1 + max((known.id for known in objects), default=0))
                objects.append(boxed)
                targets = [boxed.id]
            dialogue.append(expression_turn(entry["text"], targets))
        return Record(
            image=f"{self._images_folder}/{name}" if self._images_folder else name,
            width=width,
            height=height,
            objects=objects,
            dialogue=dialogue,
            ignore=picture.get("ignore"),
            exhaustive=self.exhaustive,
            source=self.source,
        )

    def _object(self, entry: dict[str, Any], height: int, width: int) -> ObjectRecord:
        if entry["category_id"] not in self._names:
            raise ValueError(f"annotation {entry['id']} has the unknown category_id {entry['category_id']}")
        segmentation = entry.get("segmentation") or []
        if isinstance(segmentation, dict) and not isinstance(segmentation.get("counts"), str):
            segmentation = _compressed(segmentation, f"annotation {entry['id']}")
        box = entry.get("bbox")
        if box is None:
            box = mask_box(decode_mask(segmentation, height, width))
        source = entry.get("source", "semantic" if self._semantic else "")
        return ObjectRecord(
            id=entry["id"],
            category=self._names[entry["category_id"]],
            segmentation=segmentation,
            bbox=box,
            attributes={"source": source} if source else {},
            iscrowd=entry.get("iscrowd", 0),
        )


def caption_turn(caption: str) -> Turn:
    """A caption as a turn: one clean sentence."""
    text = " ".join(caption.split()).rstrip(" .")
    return Turn(question="Describe this image.", answer=text[:1].upper() + text[1:] + ".", type="caption")


def expression_turn(text: str, ids: Sequence[int]) -> Turn:
    """A referring expression as a turn; without ids it speaks of something that is not there. The phrase is
    the expression without its article, so that another question can be put around it."""
    words = _without_article(text)
    opening, ending = ("It is the ", ".") if ids else ("There is no ", " in this image.")
    span = (len(opening), len(opening) + len(words))
    return Turn(
        question=f"Where is the {words}?",
        answer=opening + words + ending,
        phrases=[Phrase(span=span, ids=list(ids))],
        type="expression",
    )


def _boxed_object(expression: Mapping[str, Any], *, id_: int) -> ObjectRecord:
    box = [float(value) for value in expression["bbox"]]
    return ObjectRecord(id=id_, category=_without_article(expression["text"]), segmentation=[], bbox=box)


def _without_article(text: str) -> str:
    words = " ".join(text.split()).rstrip(" .?!")
    for article in ARTICLES:
        if words.lower().startswith(article):
            return words[len(article) :]
    return words


def _compressed(segmentation: Mapping[str, Any], what: str) -> RLE:
    """The compressed form of a run-length encoding whose counts are a list of numbers."""
    height, width = segmentation["size"]
    runs = np.asarray(segmentation["counts"], dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise ValueError(f"{what}: its mask's run lengths do not fill {height} x {width} pixels")
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": runs.tolist()}, height, width)
    return {"size": (height, width), "counts": rle["counts"].decode("ascii")}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a COCO file: it holds a {type(content).__name__} instead of an object")
    return content


def _list_of(path: str | Path | None, content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The list `key` of a further file, or of the instances file itself. In a COCO captions file the captions
    are called annotations."""
    if path is None:
        return content.get(key, [])
    other = _read(Path(path))
    entries = other.get(key, other.get("annotations"))
    if not isinstance(entries, list):
        raise DataError(f"{path}: has no list of {key}")
    return entries


def _by_picture(entries: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        grouped[entry["image_id"]].append(entry)
    return grouped
