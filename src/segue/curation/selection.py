"""Which pictures are worth asking about, and which of their instances an endpoint is told of.

Filters by size, number and crowding, and a preference for pictures with rare categories. Everything is
decided by the data, the plan and its seed, so that a resumed run makes the same choice."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pycocotools import mask as coco_mask

from segue.curation.plan import SelectPlan
from segue.data.native import ObjectRecord, Record

__all__ = ["Candidate", "listed_objects", "object_area", "select_pictures", "unfit"]


@dataclass(frozen=True)
class Candidate:
    """A picture that passes the filters.

    Attributes:
        index: of its record.
        key: the picture's path in the data set, which names it in the journal.
        categories: of its listed instances, one entry for each.
    """

    index: int
    key: str
    categories: tuple[str, ...]


def listed_objects(record: Record, select: SelectPlan) -> list[ObjectRecord]:
    """The instances that are shown to an endpoint, by category and from left to right.

    An instance's number in prompts and replies is its place here, from 1.
    """
    pixels = record.width * record.height
    kept = [
        entry
        for entry in record.objects
        if entry.segmentation and (select.crowds or not entry.iscrowd) and entry.part_of is None
        if (select.categories is None or entry.category in select.categories)
        if entry.category not in select.exclude
        if select.min_area * pixels <= object_area(entry, record) <= select.max_area * pixels
    ]
    kept.sort(key=lambda entry: -entry.bbox[2] * entry.bbox[3])
    alone: list[ObjectRecord] = []
    for entry in kept:
        if not any(
            other.category == entry.category and box_iou(other.bbox, entry.bbox) > select.max_overlap
            for other in alone
        ):
            alone.append(entry)
    return sorted(alone, key=lambda entry: (entry.category, entry.bbox[0] + entry.bbox[2] / 2, entry.id))


def unfit(categories: Sequence[str], select: SelectPlan) -> str | None:
    """Why a picture with instances of these categories is left out; None where it is fine."""
    if len(categories) < select.min_instances:
        return "too few instances"
    if len(categories) > select.max_instances:
        return "too many instances"
    if max(Counter(categories).values()) > select.max_same_category:
        return "crowded by one category"
    return None


def select_pictures(candidates: Sequence[Candidate], select: SelectPlan, *, seed: int) -> list[Candidate]:
    """The chosen pictures, in the order of the data.

    Weighted sampling without replacement (Efraimidis and Spirakis, 2006): every picture draws a number u in
    (0, 1) and the largest u ** (1 / weight) are taken.
    """
    shown = Counter(category for entry in candidates for category in set(entry.categories))
    rarest = [min(shown[category] for category in entry.categories) for entry in candidates]

    def rank(position: int) -> float:
        weight = (1 / rarest[position]) ** select.balance
        return math.log(_uniform(candidates[position].key, seed)) / weight  # of u ** (1 / weight)

    wanted = len(candidates) if select.num_images is None else select.num_images
    chosen: list[int] = []
    taken: Counter[str] = Counter()
    for position in sorted(range(len(candidates)), key=rank, reverse=True):
        if len(chosen) == wanted:
            break
        categories = set(candidates[position].categories)
        if select.max_per_category and all(taken[c] >= select.max_per_category for c in categories):
            continue
        taken.update(categories)
        chosen.append(position)
    return [candidates[position] for position in sorted(chosen)]


def object_area(entry: ObjectRecord, record: Record) -> float:
    """Pixels of an instance's mask."""
    segmentation = entry.segmentation
    if isinstance(segmentation, Mapping):
        return float(coco_mask.area({"size": list(segmentation["size"]), "counts": segmentation["counts"]}))
    outlines = coco_mask.frPyObjects([list(polygon) for polygon in segmentation], record.height, record.width)
    return float(coco_mask.area(coco_mask.merge(outlines)))


def box_iou(first: Sequence[float], second: Sequence[float]) -> float:
    """IoU of two boxes [x, y, width, height]; 0 where neither has an area."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = first[2] * first[3] + second[2] * second[3] - shared
    return shared / union if union > 0 else 0.0


def _uniform(key: str, seed: int) -> float:
    """A number in (0, 1), the same for the same picture and seed."""
    digest = hashlib.sha256(f"{seed} {key}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 2)
