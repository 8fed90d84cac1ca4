"""What readers of annotation files share beside `json_index`: whole JSON and CSV files with clear errors,
lines read by their place, and sizes of pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from segue.errors import DataError

__all__ = ["Lines", "read_csv", "read_json", "upright_size"]

_EXIF_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)  # the values of it that swap width and height
_JSON_NAMES = {dict: "an object", list: "a list", str: "a text", int: "a number", float: "a number"}


def read_json(path: Path, kind: type, *, encodings: Sequence[str] = ("utf-8",)) -> Any:
    """The content of a JSON file whose outermost value is of that kind.

    Args:
        encodings: tried in turn until the bytes make sense.

    Raises:
        DataError: it cannot be read, is no JSON, or holds something else.
    """
    try:
        content = json.loads(_decode(path.read_bytes(), encodings))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, kind):
        found = _JSON_NAMES.get(type(content), "something else")
        raise DataError(f"{path}: holds {found} where {_JSON_NAMES[kind]} is expected")
    return content


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by the names in its first line, values without white space at either side.

    Raises:
        DataError: it cannot be read or is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, skipinitialspace=True))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    return [{name.strip(): (row[name] or "").strip() for name in row if name} for row in rows]


def upright_size(path: Path) -> tuple[int, int]:
    """Width and height of a picture as `segue.images.open_image` gives it, from its header alone.

    Raises:
        DataError: it is missing or no picture.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            sideways = image.getexif().get(_EXIF_ORIENTATION, 1) in _SIDEWAYS
    except FileNotFoundError:
        raise DataError(f"{path} does not exist") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable picture ({error})") from error
    return (height, width) if sideways else (width, height)


class Lines(Sequence[bytes]):
    """Some lines of files, each read when it is taken: only their (file, offset) pairs are held."""

    def __init__(self, places: Sequence[tuple[Path, int]]):
        self._places = list(places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]
        path, offset = self._places[index]
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.readline()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error

    def where(self, index: int) -> tuple[Path, str]:
        """The file, and where in it the line begins, for messages."""
        path, offset = self._places[index]
        return path, f"the line at byte {offset}"


def _decode(data: bytes, encodings: Sequence[str]) -> str:
    for encoding in encodings[:-1]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode(encodings[-1])
