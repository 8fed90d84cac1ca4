"""What is where, as labels: category, part and colour of every cell of a picture, and masks of classes.

Training heads learn vision features by them (`segue.training.objective`, `segue.training.bases_objective`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segue.data.native import Record, decode_mask

__all__ = ["IGNORE", "UNLABELLED", "DenseLabels", "DenseTargets", "middles_of_things"]

IGNORE = -1
UNLABELLED = 0
"""Pixel values of a label map: not to be learned from; covered by no annotation. Classes count from 1."""


@dataclass(frozen=True)
class DenseLabels:
    """The class names of dense supervision; index 0 of each list is background."""

    categories: tuple[str, ...]
    parts: tuple[str, ...]
    colors: tuple[str, ...]


class DenseTargets:
    """Makes the labels of a record.

    Args:
        labels: the classes.
        max_prompts: at most so many classes of a picture are asked for by name alone.
    """

    def __init__(self, labels: DenseLabels, *, max_prompts: int = 0):
        self.labels = labels
        self.max_prompts = max_prompts
        self._index = {
            name: {label: i for i, label in enumerate(getattr(labels, field_name))}
            for name, field_name in (("category", "categories"), ("part", "parts"), ("color", "colors"))
        }

    def prompts(
        self, record: Record, masks: dict[int, np.ndarray], rng: np.random.Generator
    ) -> tuple[list[tuple[int, int]], list[np.ndarray]]:
        """Classes that the picture shows, half of them with a colour, and the union of each one's objects.

        Only classes that are labelled wherever they occur.
        """
        covered: dict[tuple[int, int], list[np.ndarray]] = {}
        for item in record.objects if self.max_prompts else []:
            known = record.exhaustive == "all" or item.category in record.exhaustive
            if item.part_of is not None or not known or not item.segmentation:
                continue
            category = self._index["category"].get(item.category)
            if category is None:
                continue
            color = self._index["color"].get(item.attributes.get("color", ""), 0)
            for key in {(category, 0), (category, color)}:
                covered.setdefault(key, []).append(masks[item.id])
        keys = sorted(covered)
        if len(keys) > self.max_prompts:
            keys = [keys[i] for i in sorted(rng.choice(len(keys), self.max_prompts, replace=False))]
        return keys, [np.logical_or.reduce(covered[key]) for key in keys]

    def maps(
        self, record: Record, masks: dict[int, np.ndarray], size: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        """Category, part, colour and thing (numbered in the picture from 1) of each of `size` cells (down,
        across), int16; small objects are painted last, over what they lie on."""
        rows = ((np.arange(size[0]) + 0.5) * record.height / size[0]).astype(int)
        columns = ((np.arange(size[1]) + 0.5) * record.width / size[1]).astype(int)
        grid = np.ix_(rows, columns)
        maps = {name: np.full(size, UNLABELLED, np.int16) for name in (*self._index, "thing")}
        if record.exhaustive != "all":
            # Only where everything is annotated is an uncovered pixel known to have no part or colour.
            maps["part"][:] = IGNORE
            maps["color"][:] = IGNORE
        numbers = {item.id: number for number, item in enumerate(record.objects, start=1)}
        order = sorted(record.objects, key=lambda o: -o.bbox[2] * o.bbox[3])
        for item in order:
            if not item.segmentation:  # somewhere in its box: neither its class nor background
                x, y, w, h = item.bbox
                inside = np.ix_((rows >= y) & (rows < y + h), (columns >= x) & (columns < x + w))
                for values in maps.values():
                    values[inside] = IGNORE
        for item in [o for o in order if o.part_of is None] + [o for o in order if o.part_of is not None]:
            cells = masks[item.id][grid]
            if item.part_of is not None:
                maps["part"][cells] = self._index["part"].get(item.category, IGNORE)
                continue
            maps["category"][cells] = self._index["category"].get(item.category, IGNORE)
            maps["thing"][cells] = IGNORE if item.iscrowd else numbers[item.id]
            color = item.attributes.get("color")
            maps["color"][cells] = self._index["color"].get(color, IGNORE) if color else IGNORE
        if record.ignore is not None:
            ignored = decode_mask(record.ignore, record.height, record.width)[grid]
            for values in maps.values():
                values[ignored] = IGNORE
        return maps

    def centers(
        self, record: Record, masks: dict[int, np.ndarray]
    ) -> tuple[list[tuple[int, int]], list[tuple[float, float]]]:
        """Category and colour (0 where it is none of the classes) of every whole thing, and its middle
        (`middles_of_things`)."""
        classes, points = [], []
        middles = middles_of_things(record, masks)
        for item in record.objects:
            if item.id not in middles:
                continue
            category = self._index["category"].get(item.category, 0)
            color = self._index["color"].get(item.attributes.get("color", ""), 0)
            classes.append((category, color))
            points.append(middles[item.id])
        return classes, points

    def exhaustive(self, record: Record) -> np.ndarray:
        """Categories that an uncovered pixel cannot be."""
        known = np.zeros(len(self.labels.categories), bool)
        if record.exhaustive == "all":
            known[1:] = True
        else:
            for name in record.exhaustive:
                if name in self._index["category"]:
                    known[self._index["category"][name]] = True
        return known


def middles_of_things(record: Record, masks: Mapping[int, np.ndarray]) -> dict[int, tuple[float, float]]:
    """Ids of the whole things of a picture to their middles: the relative (x, y) mean of the pixels seen of a
    thing, or the middle of its box where only that is known. Parts and crowds are left out."""
    middles = {}
    for item in record.objects:
        if item.part_of is not None or item.iscrowd:
            continue
        x, y, w, h = item.bbox
        middle = (x + w / 2, y + h / 2)
        if item.segmentation and masks[item.id].any():
            rows, columns = np.nonzero(masks[item.id])
            middle = (columns.mean() + 0.5, rows.mean() + 0.5)
        middles[item.id] = (middle[0] / record.width, middle[1] / record.height)
    return middles
