"""COCO instances files: masks as run lengths, each annotation with its phrase and score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segue.answer import Answer, Segment
from segue.errors import DataError

__all__ = ["coco_annotation", "number_phrases", "to_coco"]


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
    ids = number_phrases(kept, categories)
    by_phrase = {name.casefold(): number for name, number in ids.items()}
    annotations = []
    for number, segment in enumerate(kept, start=first_id):
        if segment.phrase.casefold() not in by_phrase:
            raise DataError(f"{segment.phrase!r} is none of the categories {', '.join(ids)}")
        category = by_phrase[segment.phrase.casefold()]
        annotations.append(coco_annotation(segment, number=number, image_id=image_id, category_id=category))
    image = {"id": image_id, "width": answer.width, "height": answer.height, "file_name": file_name}
    listed = [{"id": number, "name": name} for name, number in ids.items()]
    return {"images": [image], "annotations": annotations, "categories": listed}


def coco_annotation(segment: Segment, *, number: int, image_id: int, category_id: int) -> dict[str, Any]:
    """One annotation, of a segment that has a mask or a box."""
    x, y, width, height = segment.bbox or (0.0, 0.0, 0.0, 0.0)
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x, y, width, height],
        "area": segment.area or width * height,
        "segmentation": dict(segment.rle) if segment.rle else [],
        "iscrowd": 0,
        "score": segment.score,
        "phrase": segment.phrase,
    }


def number_phrases(
    segments: Sequence[Segment], categories: Mapping[str, int] | Sequence[str] | None
) -> dict[str, int]:
    """Names with their ids: those given, or the segments' phrases in lower case, numbered from 1."""
    if isinstance(categories, Mapping):
        return dict(categories)
    names = categories if categories is not None else [segment.phrase.casefold() for segment in segments]
    return {name: number for number, name in enumerate(dict.fromkeys(names), start=1)}
