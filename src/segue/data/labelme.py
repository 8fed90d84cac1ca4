"""Folders of pictures with LabelMe's JSON files, or ReasonSeg's, beside them.

A file with `text` is ReasonSeg's: its shapes are one target, its texts expressions for it. In any other every
shape is an object of the category that is its label; shapes of one label and one `group_id` are one object, a
shape's `description` is an expression for it, and what is labelled "ignore" is left out of loss and score.
"""

from __future__ import annotations

import base64
import binascii
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segue.data.native import Expression, ObjectRecord, Record, encode_mask, mask_box
from segue.data.polygons import polygon_mask
from segue.data.reading import read_json, upright_size
from segue.data.sources.official_files import naming
from segue.data.sources.reasonseg import ENCODINGS, reasoning_record
from segue.errors import DataError

__all__ = ["PICTURES", "LabelMeRecords", "labelme_record"]

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")


class LabelMeRecords(Sequence[Record]):
    """The annotation files under a folder, sub-folders included, in the order of their names.

    Args:
        folder: what the records' `image` is relative to.
        images: where the pictures are if not beside the files; relative to `folder`.
    """

    def __init__(self, folder: Path, *, images: str | None = None):
        self.folder = folder
        self._images = images
        self._files = sorted(folder.rglob("*.json"))
        if not self._files:
            raise DataError(f"{folder}: no .json file in it")

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` with the file where it or its picture is broken."""
        path = self._files[index]
        content = read_json(path, dict, encodings=ENCODINGS)
        with naming(path, "LabelMe's annotation"):
            picture = self._picture(path, content)
            image = Path(os.path.relpath(picture, self.folder)).as_posix()
            size = upright_size(picture)
            if "text" in content:
                return reasoning_record(content, image=image, size=size, source="reasonseg")
            return labelme_record(content, image=image, size=size)

    def _picture(self, path: Path, content: Mapping[str, Any]) -> Path:
        folder = self.folder / self._images if self._images is not None else path.parent
        # Windows' LabelMe writes backslashes; and what it wrote may have been moved since.
        named = str(content.get("imagePath") or "").replace("\\", "/")
        candidates = [folder / named, folder / Path(named).name] if named else []
        candidates += [folder / (path.stem + suffix) for suffix in PICTURES]
        found = next((candidate for candidate in candidates if candidate.is_file()), None)
        if found is None:
            raise DataError(f"no picture {named or path.stem + '.jpg'!r} in {folder}")
        return found


def labelme_record(content: Mapping[str, Any], *, image: str, size: tuple[int, int]) -> Record:
    """The record of one of LabelMe's files.

    Args:
        content: of the file.
        image: the picture's path for the record.
        size: its (width, height).

    Raises:
        DataError, KeyError, TypeError, ValueError: the file breaks the format.
    """
    width, height = size
    groups: dict[tuple[str, Any], list[Mapping[str, Any]]] = {}
    for number, shape in enumerate(content["shapes"]):
        group = shape.get("group_id")
        groups.setdefault((shape["label"].strip(), (number,) if group is None else group), []).append(shape)
    objects: list[ObjectRecord] = []
    expressions: list[Expression] = []
    ignored = np.zeros((height, width), dtype=bool)
    for (label, _), shapes in groups.items():
        mask = np.logical_or.reduce([_shape_mask(shape, height, width) for shape in shapes])
        if label.lower() == "ignore":
            ignored |= mask
            continue
        id_ = len(objects) + 1
        objects.append(
            ObjectRecord(id=id_, category=label, segmentation=encode_mask(mask), bbox=mask_box(mask))
        )
        texts = dict.fromkeys((shape.get("description") or "").strip() for shape in shapes)
        expressions += [Expression(text=text, ids=[id_]) for text in texts if text]
    return Record(
        image=image,
        width=width,
        height=height,
        objects=objects,
        expressions=expressions,
        ignore=encode_mask(ignored) if ignored.any() else None,
        source="labelme",
    )


def _shape_mask(shape: Mapping[str, Any], height: int, width: int) -> np.ndarray:
    kind, points = shape.get("shape_type") or "polygon", shape["points"]
    if kind == "polygon":
        if len(points) < 3:
            raise DataError(f"a polygon {shape['label']!r} of {len(points)} points")
        return polygon_mask(points, height, width)
    if kind == "rectangle":
        (x0, y0), (x1, y1) = points[0], points[-1]
        return polygon_mask([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], height, width)
    if kind == "circle":
        (x, y), (edge_x, edge_y) = points
        rows, columns = np.ogrid[:height, :width]
        return np.hypot(columns - x, rows - y) <= np.hypot(edge_x - x, edge_y - y)
    if kind == "mask":
        return _pasted_mask(shape, height, width)
    raise DataError(f"the shape {shape['label']!r} is a {kind}, which covers no pixels: draw a polygon")


def _pasted_mask(shape: Mapping[str, Any], height: int, width: int) -> np.ndarray:
    """LabelMe's own masks: a PNG in base64, whose corner is the first point."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"], validate=True))) as image:
            part = np.asarray(image.convert("L")) > 0
    except (OSError, binascii.Error, ValueError) as error:
        raise DataError(f"the mask of {shape['label']!r} is no PNG in base64 ({error})") from error
    left, top = (int(value) for value in shape["points"][0])
    mask = np.zeros((height, width), dtype=bool)
    if left < 0 or top < 0 or top + part.shape[0] > height or left + part.shape[1] > width:
        raise DataError(f"the mask of {shape['label']!r} leaves the picture of {width} x {height}")
    mask[top : top + part.shape[0], left : left + part.shape[1]] = part
    return mask
