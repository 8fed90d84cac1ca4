"""A folder of masks with a CSV file that says what each of them shows.

The first line names the columns: `image`, `mask` and `phrase`, and if wanted `value` and `kind`. Paths are
relative to the CSV file. All lines of a picture are one record; each is an expression, and its mask an
object. A line without a mask says that the picture does not show the phrase.

    image,mask,phrase
    photos/1.jpg,masks/1-cup.png,the cup with a broken handle
    photos/1.jpg,,a spoon
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from segue.data.native import Expression, ObjectRecord, Record, encode_mask, mask_box
from segue.data.reading import read_csv, upright_size
from segue.data.sources.official_files import naming
from segue.errors import DataError

__all__ = ["COLUMNS", "MaskFolderRecords", "read_mask"]

COLUMNS = ("image", "mask", "phrase")
_OPTIONAL = ("value", "kind")


class MaskFolderRecords(Sequence[Record]):
    """The pictures of a CSV file of masks, in the order in which they are first named.

    Args:
        path: the CSV file; pictures and masks are relative to its folder.
        images: where the pictures are if not there; relative to it.
    """

    def __init__(self, path: Path, *, images: str | None = None):
        self.path, self.folder = path, path.parent
        self._images = images
        rows = read_csv(path)
        columns = set(rows[0]) if rows else set()
        if missing := [name for name in COLUMNS if name not in columns]:
            raise DataError(
                f"{path}: no column {missing[0]!r}; its first line has to name the columns "
                f"{', '.join(COLUMNS)} (and may have {', '.join(_OPTIONAL)})"
            )
        groups: dict[str, list[tuple[int, Mapping[str, str]]]] = {}
        for number, row in enumerate(rows, start=2):
            groups.setdefault(row["image"], []).append((number, row))
        self._groups = list(groups.items())

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` with file and line where a line, its mask or its picture is broken."""
        name, rows = self._groups[index]
        with naming(self.path, f"line {rows[0][0]}"):
            if not name:
                raise DataError("it names no image")
            image = f"{self._images}/{name}" if self._images else name
            width, height = upright_size(self.folder / image)
        objects: dict[tuple[str, str], ObjectRecord] = {}
        expressions = []
        for number, row in rows:
            with naming(self.path, f"line {number}"):
                key = (row["mask"], row.get("value", ""))
                if row["mask"] and key not in objects:
                    objects[key] = self._object(row, len(objects) + 1, height, width)
                ids = [objects[key].id] if row["mask"] else []
                expressions.append(Expression(text=row["phrase"], ids=ids, kind=row.get("kind", "")))
        with naming(self.path, f"line {rows[0][0]}"):
            return Record(
                image=image,
                width=width,
                height=height,
                objects=list(objects.values()),
                expressions=expressions,
                source="mask_folder",
            )

    def _object(self, row: Mapping[str, str], id_: int, height: int, width: int) -> ObjectRecord:
        value = row.get("value", "")
        if value and not value.isdecimal():
            raise DataError(f"the value {value!r} is no whole number")
        mask = read_mask(self.folder / row["mask"], value=int(value) if value else None)
        if mask.shape != (height, width):
            raise DataError(
                f"the mask {row['mask']} is {mask.shape[1]} x {mask.shape[0]}, its picture, upright, "
                f"{width} x {height}"
            )
        if not mask.any():
            raise DataError(
                f"the mask {row['mask']} is empty{f' at value {value}' if value else ''}; to say that the "
                "phrase is absent, leave the mask's column empty"
            )
        return ObjectRecord(
            id=id_, category=row["phrase"], segmentation=encode_mask(mask), bbox=mask_box(mask)
        )


def read_mask(path: Path, *, value: int | None = None) -> np.ndarray:
    """A bool mask (height, width) of a picture file: pixels of that value (a palette's index, or grey), or
    all that are not black; of a picture with transparency those that can be seen.

    Raises:
        DataError: it is missing, unreadable, or a JPEG, whose compression blurs masks.
    """
    try:
        with Image.open(path) as image:
            if image.format == "JPEG":
                raise DataError(f"{path}: a JPEG changes the pixels of a mask; save masks as PNG")
            if value is not None:
                pixels = np.asarray(image)
                if pixels.ndim != 2:
                    raise DataError(f"{path}: a mask with values has one channel, this has {pixels.shape[2]}")
                return pixels == value
            alpha = np.asarray(image.getchannel("A")) if "A" in image.getbands() else None
            if alpha is not None and alpha.min() < 255:
                return alpha > 127
            one_channel = image.mode in ("1", "L", "P", "I", "I;16")
            pixels = np.asarray(image if one_channel else image.convert("RGB"))
    except FileNotFoundError:
        raise DataError(f"the mask {path} does not exist") from None
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable picture ({error})") from error
    return np.asarray(pixels.any(axis=2) if pixels.ndim == 3 else pixels, dtype=bool)
