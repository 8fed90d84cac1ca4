"""`supervision.Detections`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from segue.answer import Answer
from segue.errors import MissingDependencyError
from segue.exports.coco import number_phrases

if TYPE_CHECKING:
    import supervision

__all__ = ["to_supervision"]


def to_supervision(answer: Answer) -> supervision.Detections:
    """Boxes, masks, scores and phrases (data["class_name"]) of what is there; class_id counts phrases."""
    try:
        import supervision
    except ImportError as error:
        raise MissingDependencyError(
            "Detections need the supervision library: pip install segue[eval]"
        ) from error
    kept = [segment for segment in answer.segments if segment.box is not None]
    ids = number_phrases(kept, None)
    phrases = [segment.phrase for segment in kept]
    masks = [segment.mask for segment in kept]
    has_masks = bool(masks) and all(mask is not None for mask in masks)
    return supervision.Detections(
        xyxy=np.array([segment.box for segment in kept], dtype=np.float32).reshape(-1, 4),
        mask=np.stack([mask for mask in masks if mask is not None]) if has_masks else None,
        confidence=np.array([segment.score for segment in kept], dtype=np.float32),
        class_id=np.array([ids[phrase.casefold()] - 1 for phrase in phrases], dtype=int),
        data={"class_name": np.array(phrases, dtype=str)},
    )
