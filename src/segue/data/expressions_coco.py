"""A COCO instances file with referring expressions, as facts.

Expressions stand in a list of their own, or in the annotations:

    "expressions": [{"image_id": 1, "text": "the left cup", "ann_ids": [7]},
                    {"image_id": 1, "text": "a spoon", "ann_ids": []}]        # not in the picture
    "annotations": [{"id": 7, ..., "expressions": ["the left cup"]}]          # or "caption", "phrase", "text"

Without any, the categories are what can be asked for. A list `captions` gives captions of the pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segue.data.coco import CocoRecords
from segue.data.native import Caption, Expression, ObjectRecord, Record
from segue.errors import DataError

__all__ = ["ExpressionRecords"]

_TEXTS = ("expressions", "expression", "caption", "phrase", "text")


class ExpressionRecords(CocoRecords):
    """The pictures of a COCO file with expressions and captions as facts; `dialogue` stays empty.

    Args:
        path: the file; `info.exhaustive_categories` in it lists the categories labelled wherever they occur.
        images: the pictures' folder as seen from the file's; found by itself where it is "images" or the
            file's own folder.

    Raises:
        DataError: it is no COCO file, or the pictures are not found.
    """

    def __init__(self, path: Path, *, images: str | None = None):
        super().__init__(path, images="", source="coco")
        self._images_folder = _images_folder(path, self.file_names()) if images is None else images
        # What would become turns in the class above.
        self._listed, self._expressions = self._expressions, {}
        self._told, self._captions = self._captions, {}

    def _record(self, picture: dict[str, Any]) -> Record:
        record = super()._record(picture)
        objects = list(record.objects)
        expressions = []
        for annotation in self._annotations.get(picture["id"], []):
            expressions += [Expression(text=text, ids=[annotation["id"]]) for text in _own_texts(annotation)]
        for entry in self._listed.get(picture["id"], []):
            ids = entry.get("ann_ids", entry.get("ann_id"))
            if ids is None:
                ids = []
            elif isinstance(ids, int):
                ids = [ids]
            if not ids and entry.get("bbox") and not entry.get("no_target", False):
                # Only a box is known.
                boxed = ObjectRecord(
                    id=1 + max((known.id for known in objects), default=0),
                    category=entry["text"],
                    segmentation=[],
                    bbox=entry["bbox"],
                )
                objects.append(boxed)
                ids = [boxed.id]
            expressions.append(
                Expression(text=entry["text"], ids=ids, kind=entry.get("kind", ""), id=entry.get("id"))
            )
        captions = [Caption(text=entry["caption"]) for entry in self._told.get(picture["id"], [])]
        facts = {"objects": objects, "expressions": expressions, "captions": captions}
        return Record(**{**dict(record), **facts})


def _own_texts(annotation: dict[str, Any]) -> list[str]:
    texts: list[str] = []
    for name in _TEXTS:
        value = annotation.get(name) or []
        texts += [value] if isinstance(value, str) else list(value)
    return [text for text in dict.fromkeys(texts) if text.strip()]


def _images_folder(path: Path, names: list[str]) -> str:
    if not names:
        raise DataError(f"{path}: there is no picture in it")
    for folder in ("images", ""):
        if (path.parent / folder / names[0]).is_file():
            return folder
    raise DataError(
        f"{path}: its first picture, {names[0]}, is neither in {path.parent / 'images'} nor in "
        f"{path.parent}; say where the pictures are (images)"
    )
