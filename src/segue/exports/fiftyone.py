"""FiftyOne's detections, as objects or as the JSON of a data set on disk.

Boxes are relative (x, y, width, height); a detection's mask covers its box alone. On disk masks are PNG files
beside the JSON, named by `mask_path`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from segue.answer import Answer, Segment
from segue.errors import MissingDependencyError

__all__ = ["fiftyone_detection", "mask_in_box", "to_fiftyone"]


def to_fiftyone(answer: Answer) -> Any:
    """`fiftyone.Detections` of what is there, with masks; needs `pip install fiftyone`."""
    try:
        import fiftyone
    except ImportError as error:
        raise MissingDependencyError("Detections of FiftyOne need it: pip install segue[fiftyone]") from error
    size = (answer.width, answer.height)
    detections = []
    for segment in answer.segments:
        if segment.bbox is not None:
            fields = fiftyone_detection(segment, label=segment.phrase, size=size)
            del fields["_cls"]
            detections.append(fiftyone.Detection(**fields, mask=mask_in_box(segment)))
    return fiftyone.Detections(detections=detections)


def fiftyone_detection(
    segment: Segment, *, label: str, size: tuple[int, int], mask_path: str | None = None
) -> dict[str, Any]:
    """One detection in FiftyOne's JSON; `size` is the picture's (width, height)."""
    x, y, width, height = segment.bbox or (0.0, 0.0, 0.0, 0.0)
    detection: dict[str, Any] = {
        "_cls": "Detection",
        "label": label,
        "bounding_box": [x / size[0], y / size[1], width / size[0], height / size[1]],
        "confidence": float(segment.score),
    }
    return detection if mask_path is None else detection | {"mask_path": mask_path}


def mask_in_box(segment: Segment) -> np.ndarray | None:
    """The part of a mask that its own box covers, bool; None where there is no mask."""
    if (mask := segment.mask) is None or segment.bbox is None:
        return None
    x0, y0, x1, y1 = (round(value) for value in segment.box or (0, 0, 0, 0))
    return mask[max(y0, 0) : y1, max(x0, 0) : x1]
