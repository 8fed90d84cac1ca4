"""LabelMe's JSON files: polygons that people can edit, and a mask where a polygon would lose holes."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

from segue.answer import Answer, Segment
from segue.exports.outlines import fill_holes, mask_outlines

__all__ = ["labelme_shapes", "to_labelme"]

_VERSION = "5.5.0"  # the first with masks' descriptions; newer ones read it


def to_labelme(answer: Answer, *, image_path: str = "") -> dict[str, Any]:
    """The content of the file beside a picture; `image_path` is relative to that file.

    Parts of one object share a `group_id`; the score is in `flags`, as "score 0.93". Rejected phrases have no
    shape.
    """
    shapes: list[dict[str, Any]] = []
    for number, segment in enumerate(answer.segments, start=1):
        if segment.bbox is not None:
            shapes += labelme_shapes(segment, label=segment.phrase, group=number)
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": answer.height,
        "imageWidth": answer.width,
    }


def labelme_shapes(segment: Segment, *, label: str, group: int) -> list[dict[str, Any]]:
    """The shapes of one object, which painted with their outlines give exactly its mask."""
    mask = segment.mask
    if mask is None:
        x0, y0, x1, y1 = segment.box or (0.0, 0.0, 0.0, 0.0)
        return [_shape(label, None, "rectangle", [[x0, y0], [x1, y1]], segment)]
    if not np.array_equal(fill_holes(mask), mask):
        left, top, width, height = (int(value) for value in segment.bbox or (0, 0, 0, 0))
        part = mask[top : top + height, left : left + width]
        stream = io.BytesIO()
        Image.fromarray(part).save(stream, "PNG")
        corners = [[left, top], [left + width - 1, top + height - 1]]
        shape = _shape(label, None, "mask", corners, segment)
        return [shape | {"mask": base64.b64encode(stream.getvalue()).decode("ascii")}]
    outlines = mask_outlines(mask)
    group_id = group if len(outlines) > 1 else None
    # A polygon needs three corners; a line's and a pixel's are repeated.
    return [
        _shape(label, group_id, "polygon", [list(p) for p in o + o[-1:] * (3 - len(o))], segment)
        for o in outlines
    ]


def _shape(
    label: str, group: int | None, kind: str, points: list[list[Any]], segment: Segment
) -> dict[str, Any]:
    return {
        "label": label,
        "points": [[float(x), float(y)] for x, y in points],
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {f"score {segment.score:.2f}": True},
        "mask": None,
    }
