"""Mean average precision of dense captions over IoU and METEOR thresholds (DenseCap, GRiT, PixelLLM).

Per picture: regions that people drew almost alike become one with all their captions (`merge_regions`), and
each detection, best first, is held against the region that it overlaps most (`match_detections`): the best
one, not the best free one. Over all pictures: a detection is right when it is the first on its region, its
IoU is at least one threshold and the METEOR of its caption is above another; mAP is the mean of the average
precisions at all 30 pairs of thresholds (`dense_map`).

Boxes are x, y, width, height in the picture's pixels. METEOR is the caller's (`caption_scores`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

__all__ = [
    "IOU_THRESHOLDS",
    "METEOR_THRESHOLDS",
    "DenseMap",
    "Found",
    "Region",
    "dense_map",
    "match_detections",
    "merge_regions",
]

IOU_THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7)
METEOR_THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
MERGE_IOU = 0.7

Box = Sequence[float]


@dataclass(frozen=True)
class Region:
    """A place in a picture and all that was said of it."""

    box: tuple[float, ...]
    captions: tuple[str, ...]

    @property
    def described(self) -> bool:
        """All its captions have words."""
        return all(caption.strip() for caption in self.captions)


@dataclass(frozen=True)
class Found:
    """A detection and the region that it overlaps most; `region` is None where it overlaps none."""

    score: float
    caption: str
    iou: float = 0.0
    region: Region | None = None
    first: bool = False
    """No better detection of the picture was held against this region before."""


@dataclass(frozen=True)
class DenseMap:
    """All in 0..1; None without a region to find."""

    map: float | None
    """Mean over the 30 pairs of thresholds."""
    detection: float | None
    """Mean over the IoU thresholds alone, whatever the captions say."""
    by_threshold: dict[str, float]
    """Average precision at "iou0.3 meteor0.05" and so on, and at "iou0.3" for boxes alone."""


def merge_regions(boxes: Sequence[Box], captions: Sequence[str]) -> list[Region]:
    """The regions of a picture: the box with most others of an IoU of 0.7 or more takes them in, their mean
    is the region's box, and so on with what is left. Order as found, captions in the order given."""
    left = _overlaps(boxes, boxes) >= MERGE_IOU
    regions = []
    while left.any():
        members = np.flatnonzero(left[int(left.sum(axis=1).argmax())]).tolist()
        box = np.mean([boxes[member] for member in members], axis=0)
        regions.append(Region(tuple(box.tolist()), tuple(captions[member] for member in members)))
        left[members] = False
        left[:, members] = False
    return regions


def match_detections(
    boxes: Sequence[Box], scores: Sequence[float], captions: Sequence[str], regions: Sequence[Region]
) -> list[Found]:
    """What each detection of a picture is held against, best score first."""
    overlaps = _overlaps(boxes, [region.box for region in regions])
    taken: set[int] = set()
    found = []
    for number in np.argsort(-np.asarray(scores, dtype=float), kind="stable").tolist():
        best = int(overlaps[number].argmax()) if regions else 0
        iou = float(overlaps[number][best]) if regions else 0.0
        if iou <= 0:
            found.append(Found(float(scores[number]), captions[number]))
            continue
        region, first = regions[best], best not in taken
        taken.add(best)
        found.append(Found(float(scores[number]), captions[number], iou, region, first))
    return found


def dense_map(
    found: Sequence[Found], meteors: Sequence[float], *, num_regions: int, num_undescribed: int = 0,
    undescribed_match: bool = True,
) -> DenseMap:  # fmt: skip
    """The figures over all pictures.

    Args:
        found: the detections of all pictures.
        meteors: 0..1, of each detection's caption against all captions of its region; of no interest where
            there is no region.
        num_regions: of all pictures, described or not.
        num_undescribed: those of them with a caption without words.
        undescribed_match: as the original does by default, any caption is right for such a region. Otherwise
            they are not counted among what there is to find, and their detections are judged as all others.
    """
    total = num_regions if undescribed_match else num_regions - num_undescribed
    if total <= 0:
        return DenseMap(None, None, {})
    order = np.argsort([-one.score for one in found], kind="stable") if found else np.zeros(0, int)
    first = np.array([one.first for one in found], bool)[order]
    iou = np.array([one.iou for one in found], float)[order]
    free = [undescribed_match and one.region is not None and not one.region.described for one in found]
    meteor = np.where(np.array(free, bool), 1.0, np.asarray(meteors, float))[order]

    boxes = {f"iou{low}": _average_precision(first & (iou >= low), total) for low in IOU_THRESHOLDS}
    both = {
        f"iou{low} meteor{least}": _average_precision(first & (iou >= low) & (meteor > least), total)
        for low in IOU_THRESHOLDS
        for least in METEOR_THRESHOLDS
    }
    return DenseMap(
        map=float(np.mean(list(both.values()))),
        detection=float(np.mean(list(boxes.values()))),
        by_threshold=both | boxes,
    )


def _average_precision(right: np.ndarray, total: int) -> float:
    """Mean over recalls 0, 0.01 ... 0.99 of the best precision at that recall or a higher one."""
    hits = np.cumsum(right)
    recall, precision = hits / total, hits / np.arange(1, len(right) + 1)
    # From the end: the best precision from here on.
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.arange(100) / 100)
    return float(np.append(best, 0.0)[at].mean())


def _overlaps(boxes: Sequence[Box], others: Sequence[Box]) -> np.ndarray:
    """IoU (N, M) of boxes x, y, width, height."""
    if not len(boxes) or not len(others):
        return np.zeros((len(boxes), len(others)))
    pairs = np.asarray(boxes, np.float64), np.asarray(others, np.float64)
    return np.asarray(coco_mask.iou(*pairs, [0] * len(others)))
