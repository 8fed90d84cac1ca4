"""Answers in other tools' formats: COCO, an index picture, supervision. All pure but for an optional file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from segue.answer import Answer, Segment
from segue.errors import DataError, MissingDependencyError
from segue.visualize import palette

if TYPE_CHECKING:
    import supervision


def to_coco(
    answer: Answer,
    *,
    image_id: int = 1,
    categories: Mapping[str, int] | Sequence[str] | None = None,
    file_name: str = "",
    first_id: int = 1,
) -> dict[str, Any]:
    """{"images", "annotations", "categories"} of one picture, each annotation with its phrase and score.

    `categories` are names with their ids, or names numbered from 1; without them every distinct phrase is
    one. Rejected phrases have no annotation: COCO has no way to say "not there".
    """
    kept = [segment for segment in answer.segments if segment.bbox is not None]
    ids = _category_ids(kept, categories)
    by_phrase = {name.casefold(): number for name, number in ids.items()}
    annotations = []
    for number, segment in enumerate(kept, start=first_id):
        if segment.phrase.casefold() not in by_phrase:
            raise DataError(f"{segment.phrase!r} is none of the categories {', '.join(ids)}")
        x, y, width, height = segment.bbox or (0.0, 0.0, 0.0, 0.0)
        annotations.append(
            {
                "id": number,
                "image_id": image_id,
                "category_id": by_phrase[segment.phrase.casefold()],
                "bbox": [x, y, width, height],
                "area": segment.area or width * height,
                "segmentation": dict(segment.rle) if segment.rle else [],
                "iscrowd": 0,
                "score": segment.score,
                "phrase": segment.phrase,
            }
        )
    image = {"id": image_id, "width": answer.width, "height": answer.height, "file_name": file_name}
    listed = [{"id": number, "name": name} for name, number in ids.items()]
    return {"images": [image], "annotations": annotations, "categories": listed}


def to_index_png(answer: Answer, path: str | Path | None = None) -> Image.Image:
    """Mode P: 0 where nothing is, i + 1 where segment i is, in its drawing colour; later segments on top."""
    if len(answer.segments) > 255:
        raise DataError(f"an index picture holds 255 segments, this answer has {len(answer.segments)}")
    index = np.zeros((answer.height, answer.width), np.uint8)
    for number, segment in enumerate(answer.segments):
        mask = segment.mask
        if mask is not None:
            index[mask] = number + 1
    picture = Image.fromarray(index).convert("P")
    picture.putpalette([0, 0, 0, *(value for number in range(255) for value in palette(number))])
    if path is not None:
        try:
            picture.save(path, "PNG")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    return picture


def to_supervision(answer: Answer) -> supervision.Detections:
    """Boxes, masks, scores and phrases (data["class_name"]) of what is there; class_id counts phrases."""
    try:
        import supervision
    except ImportError as error:
        raise MissingDependencyError(
            "Detections need the supervision library: pip install segue[eval]"
        ) from error
    kept = [segment for segment in answer.segments if segment.box is not None]
    ids = _category_ids(kept, None)
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


def _category_ids(
    segments: Sequence[Segment], categories: Mapping[str, int] | Sequence[str] | None
) -> dict[str, int]:
    if isinstance(categories, Mapping):
        return dict(categories)
    names = categories if categories is not None else [segment.phrase.casefold() for segment in segments]
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
