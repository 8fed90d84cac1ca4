"""Label Studio's labelling configurations and results; pure functions.

Coordinates are percent of the picture's sides. Brush masks are run lengths of RGBA bytes, packed in bits as
thi.ng's rle-pack does: https://github.com/thi-ng/umbrella/tree/develop/packages/rle-pack
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import numpy as np

from segue.answer import Answer, Segment
from segue.errors import DataError
from segue.exports.outlines import mask_outlines

__all__ = ["Control", "brush_rle", "controls_of", "results_of"]

_KINDS = ("BrushLabels", "PolygonLabels", "RectangleLabels")
_MOST_XML = 1_000_000


@dataclass(frozen=True)
class Control:
    """A tag of a configuration under which people mark labels.

    Attributes:
        kind: "BrushLabels", "PolygonLabels" or "RectangleLabels".
        name, image: its name, and that of the picture's tag.
        field: of a task's data, which holds the picture.
        phrases: labels, and the words by which each is located (the label's `predicted_values`, or itself).
    """

    kind: str
    name: str
    image: str
    field: str
    phrases: dict[str, str]


def controls_of(config: str) -> list[Control]:
    """The controls that masks can be given to.

    Raises:
        DataError: the configuration is no XML, or has none.
    """
    if len(config) > _MOST_XML or "<!" in config.replace("<!--", ""):
        raise DataError("the labelling configuration is too long, or declares a document type")
    try:
        root = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise DataError(f"the labelling configuration is no XML: {error}") from None
    images = {tag.get("name", ""): tag.get("value", "") for tag in root.iter("Image")}
    found = []
    for kind in _KINDS:
        for tag in root.iter(kind):
            name, image = tag.get("name", ""), tag.get("toName", "")
            labels = [label for label in tag.iter("Label") if label.get("value")]
            if name and labels and images.get(image, "").startswith("$"):
                phrases = {
                    str(label.get("value")): (label.get("predicted_values") or "").split(",")[0].strip()
                    or str(label.get("value"))
                    for label in labels
                }
                found.append(Control(kind, name, image, images[image][1:], phrases))
    if not found:
        raise DataError(
            f"the labelling configuration has none of {', '.join(_KINDS)} with labels for an Image"
        )
    return found


def results_of(control: Control, label: str, answer: Answer, *, number: str) -> list[dict[str, Any]]:
    """Regions for what an answer shows, with ids that begin with `number`."""
    found: list[dict[str, Any]] = []
    for segment in answer.segments:
        if segment.bbox is None:
            continue
        for kind, value in _values(control.kind, segment, answer.width, answer.height):
            key = kind.lower()
            found.append(
                {
                    "id": f"{number}-{len(found)}",
                    "from_name": control.name,
                    "to_name": control.image,
                    "type": key,
                    "original_width": answer.width,
                    "original_height": answer.height,
                    "image_rotation": 0,
                    "value": {**value, key: [label]},
                    "score": round(segment.score, 4),
                }
            )
    return found


def _values(kind: str, segment: Segment, width: int, height: int) -> Iterator[tuple[str, dict[str, Any]]]:
    mask = segment.mask
    if kind == "BrushLabels" and mask is not None:
        yield kind, {"format": "rle", "rle": brush_rle(mask)}
    elif kind == "PolygonLabels" and mask is not None:
        for outline in mask_outlines(mask):
            if len(outline) > 2:
                points = [[100 * x / width, 100 * y / height] for x, y in outline]
                yield kind, {"points": points, "closed": True}
    elif kind == "RectangleLabels":
        x, y, w, h = segment.bbox or (0.0, 0.0, 0.0, 0.0)
        box = {"x": 100 * x / width, "y": 100 * y / height}
        yield kind, box | {"width": 100 * w / width, "height": 100 * h / height, "rotation": 0}


_SIZES = (4, 8, 14, 16)
"""Bits of the lengths that a run can have; each run says which of the four it uses."""


def brush_rle(mask: np.ndarray) -> list[int]:
    """Bytes of a bool mask (height, width), each pixel as four bytes of 0 or 255."""
    flat = np.asarray(mask, dtype=bool).ravel()
    bits = [f"{4 * flat.size:032b}", f"{8 - 1:05b}", *(f"{size - 1:04b}" for size in _SIZES)]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    longest = 1 << _SIZES[-1]
    for start, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        value = "11111111" if flat[start] else "00000000"
        left = 4 * (end - start)
        while left:
            length = min(left, longest)
            choice = next(index for index, size in enumerate(_SIZES) if length <= 1 << size)
            # 1: a run; which size; its length less one; the byte that is repeated.
            bits.append(f"1{choice:02b}{length - 1:0{_SIZES[choice]}b}{value}")
            left -= length
    text = "".join(bits)
    packed = np.packbits(np.frombuffer(text.encode(), np.uint8) - ord("0"))
    return packed.tolist()
