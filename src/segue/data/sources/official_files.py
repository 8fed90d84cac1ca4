"""What every source of a published data set does with its files: ask for them, name them in errors, and turn
their segmentations into the native ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import ValidationError

from segue.data.native import RLE, ObjectRecord, first_problem, run_lengths
from segue.data.sources import SourceFile, locate
from segue.errors import DataError


def check_split(name: str, split: str, splits: Sequence[str]) -> None:
    """Raises `DataError` where the data set has no such split."""
    if split not in splits:
        raise DataError(f"{name}: no split {split!r}; there are: {', '.join(splits)}")


def check_files(name: str, root: Path, split: str, files: Sequence[SourceFile]) -> None:
    """Raises `DataError` that lists those of the files that are not under `root`, and where to get them."""
    missing = [file for file in files if locate(root, file) is None]
    if missing:
        listed = "; ".join(f"{file.path} ({file.what}, from {file.where})" for file in missing)
        raise DataError(f"{name}, {split}: not found under {root}: {listed}")


@contextmanager
def naming(path: Path, record: str) -> Iterator[None]:
    """Turns what goes wrong with a record of a file into a `DataError` that names both."""
    try:
        yield
        return
    except ValidationError as error:
        problem = first_problem(error)
    except KeyError as error:
        problem = f"{error.args[0]!r} is missing"
    except DataError as error:
        if str(error).startswith(str(path)):  # it is named already
            raise
        problem = str(error)
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        problem = str(error) or type(error).__name__
    raise DataError(f"{path}, {record}: {problem}")


def native_segmentation(value: Any, height: int, width: int) -> RLE | list[list[float]]:
    """The native form of a segmentation as COCO's, RefCLEF's or PACO's files have it.

    Takes a list of polygons, a run-length encoding (compressed, or with a list of counts), or a list of
    compressed encodings, whose union is meant. Polygons of fewer than three points are left out, as the
    loaders of ReLA and GSVA do (pycocotools would take four numbers for a box); without any left the result
    is empty: only the box is known.

    Raises:
        ValueError: it is none of these, or an encoding does not fill the picture.
    """
    if isinstance(value, dict):
        return _rle(value, height, width)
    if not isinstance(value, list):
        raise ValueError(
            f"its segmentation is a {type(value).__name__}, not polygons or a run-length encoding"
        )
    if value and isinstance(value[0], dict):
        parts = [_rle(part, height, width) for part in value]
        if len(parts) == 1:
            return parts[0]
        union = coco_mask.merge([{**part, "counts": part["counts"].encode("ascii")} for part in parts])
        return {"size": (height, width), "counts": union["counts"].decode("ascii")}
    return [polygon for polygon in value if len(polygon) >= 6 and len(polygon) % 2 == 0]


def native_object(
    entry: dict[str, Any], *, category: str, height: int, width: int, part_of: int | None = None
) -> ObjectRecord:
    """An annotation of a COCO file as a native object, its id kept."""
    return ObjectRecord(
        id=entry["id"],
        category=category,
        segmentation=native_segmentation(entry["segmentation"], height, width),
        bbox=entry["bbox"],
        part_of=part_of,
        iscrowd=entry.get("iscrowd", 0),
    )


def _rle(value: dict[str, Any], height: int, width: int) -> RLE:
    size, counts = tuple(value["size"]), value["counts"]
    if size != (height, width):
        raise ValueError(f"its mask is {size} (height, width), the picture {(height, width)}")
    runs = run_lengths(counts) if isinstance(counts, str) else np.asarray(counts, dtype=np.int64)
    if runs.ndim != 1 or (runs < 0).any() or runs.sum() != height * width:
        raise ValueError("its mask's run lengths do not fill the picture")
    if isinstance(counts, str):
        return {"size": (height, width), "counts": counts}
    compressed = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return {"size": (height, width), "counts": compressed["counts"].decode("ascii")}
