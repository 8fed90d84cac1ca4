"""Ultralytics' YOLO segmentation labels: a text file for each picture, a line for each object.

    class x0 y0 x1 y1 ...      corners relative to the picture's width and height, 0..1

A line has one polygon: several parts are joined by lines there and back, and holes are lost. Corners are the
middles of the border's pixels cut to whole numbers, which is how Ultralytics paints them.
"""

from __future__ import annotations

from collections.abc import Mapping

from segue.answer import Answer, Segment
from segue.errors import DataError
from segue.exports.coco import number_phrases
from segue.exports.outlines import mask_outlines, one_outline

__all__ = ["to_yolo", "yolo_line"]


def to_yolo(answer: Answer, *, classes: Mapping[str, int] | None = None) -> str:
    """The lines of one picture.

    Args:
        classes: names with their numbers, from 0; without them every distinct phrase is one.

    Raises:
        DataError: a phrase is none of the classes.
    """
    kept = [segment for segment in answer.segments if segment.bbox is not None]
    if classes is None:
        classes = {name: number - 1 for name, number in number_phrases(kept, None).items()}
    numbers = {name.casefold(): number for name, number in classes.items()}
    lines = []
    for segment in kept:
        if segment.phrase.casefold() not in numbers:
            raise DataError(f"{segment.phrase!r} is none of the classes {', '.join(classes)}")
        size = (answer.width, answer.height)
        lines.append(yolo_line(segment, number=numbers[segment.phrase.casefold()], size=size))
    return "".join(lines)


def yolo_line(segment: Segment, *, number: int, size: tuple[int, int]) -> str:
    """One object's line; `size` is the picture's (width, height). A box without a mask is its rectangle."""
    width, height = size
    if (mask := segment.mask) is not None:
        outline = [(float(x), float(y)) for x, y in one_outline(mask_outlines(mask))]
    else:
        x0, y0, x1, y1 = segment.box or (0.0, 0.0, 0.0, 0.0)
        outline = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    # Readers want three corners, and cut x * width to a whole number: a tenth of a pixel keeps it whole.
    outline += outline[-1:] * (3 - len(outline))
    corners = (f"{min((x + 0.1) / width, 1):.6f} {min((y + 0.1) / height, 1):.6f}" for x, y in outline)
    return f"{number} {' '.join(corners)}\n"
