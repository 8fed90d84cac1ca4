"""Semantic label maps (PNG files whose pixel values are class numbers) as native records.

Each class that is present becomes one object with one mask, whose id is the label's value: what LISA, GSVA
and PixelLM ask about. A map is read once, its runs are found once, and every class takes its own of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from segue.data.native import RLE, ObjectRecord, Record
from segue.data.reading import upright_size
from segue.data.sources.official_files import naming
from segue.errors import DataError
from segue.images import MAX_PIXELS


@dataclass(frozen=True)
class LabelTable:
    """What the values of a map mean.

    Attributes:
        names: value -> class. Values that neither this nor `ignored` has are an error; values of one name are
            one object.
        ignored: values of pixels to leave out of loss and score.
        exhaustive: the classes that the set labels wherever they occur.
    """

    names: dict[int, str]
    ignored: frozenset[int]
    exhaustive: tuple[str, ...]


class LabelMapRecords(Sequence[Record]):
    """The pictures of `folder` that have a label map in `labels` (same name, .png), in the names' order."""

    def __init__(self, folder: Path, labels: Path, *, table: LabelTable, source: str) -> None:
        self.folder = folder
        self._labels, self._table, self._source = labels, table, source
        self._stems = sorted(path.stem for path in labels.glob("*.png"))
        if not self._stems:
            raise DataError(f"{labels}: there are no label maps (*.png) in it")
        # Values that stand for the same class or for "ignore" are made one before the runs are found.
        self._value_of = np.full(256, -1, dtype=np.int16)
        first: dict[str, int] = {}
        for value, name in sorted(table.names.items()):
            self._value_of[value] = first.setdefault(name, value)
        self._ignored = min(table.ignored, default=-1)
        for value in table.ignored:
            self._value_of[value] = self._ignored

    def __len__(self) -> int:
        return len(self._stems)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        stem = self._stems[index]
        path = self._labels / f"{stem}.png"
        with naming(path, f"picture {stem}.jpg"):
            label = self._value_of[read_label_map(path)]
            if label.min() < 0:
                wrong = np.unique(read_label_map(path)[label < 0])
                raise ValueError(f"it has the unknown labels {wrong[:5].tolist()}")
            height, width = label.shape
            size = upright_size(self.folder / f"{stem}.jpg")
            if size != (width, height):
                raise ValueError(f"it is {width} x {height}, the picture {stem}.jpg is {size[0]} x {size[1]}")
            masks = masks_by_value(label)
            ignore = masks.pop(self._ignored, None)
            objects = [
                ObjectRecord(
                    id=value,
                    category=self._table.names[value],
                    segmentation=mask,
                    bbox=coco_mask.toBbox({**mask, "counts": mask["counts"].encode("ascii")}).tolist(),
                    attributes={"source": "semantic"},
                )
                for value, mask in masks.items()
            ]
            return Record(
                image=f"{stem}.jpg",
                width=width,
                height=height,
                objects=objects,
                ignore=ignore,
                exhaustive=list(self._table.exhaustive),
                source=self._source,
            )


def masks_by_value(label: np.ndarray) -> dict[int, RLE]:
    """The mask of each value that an integer map (height, width) has, as compressed encodings, by value."""
    height, width = label.shape
    flat = label.T.ravel()  # COCO's runs go down the columns
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    ends = np.append(starts[1:], flat.size)
    values = flat[starts]
    masks = {}
    for value in np.unique(values).tolist():
        mine = values == value
        bounds = np.stack([starts[mine], ends[mine]], axis=1).ravel()
        # The first run is of background, then the value's and the background's take turns.
        counts = np.diff(bounds, prepend=0, append=flat.size)
        counts = counts if counts[-1] else counts[:-1]
        size = [height, width]
        rle = coco_mask.frPyObjects({"size": size, "counts": counts.tolist()}, height, width)
        masks[value] = RLE(size=(height, width), counts=rle["counts"].decode("ascii"))
    return masks


def read_label_map(path: Path) -> np.ndarray:
    """A label map's values, uint8 (height, width). Palettes are passed over: the indices are the labels.

    Raises:
        ValueError: it is unreadable, too large, or not of one byte per pixel.
    """
    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(
                    f"it is {image.width} x {image.height}, over the limit of {MAX_PIXELS:,} pixels"
                )
            if image.mode not in ("L", "P"):
                raise ValueError(f"it is not a label map of one byte per pixel (its mode is {image.mode})")
            return np.array(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # SyntaxError: a damaged PNG
        raise ValueError(f"it cannot be read ({error})") from error


def read_names(file_name: str) -> list[str]:
    """The class names of a list beside this module, one on each line."""
    text = (Path(__file__).parent / "class_names" / file_name).read_text(encoding="utf-8")
    return text.splitlines()
