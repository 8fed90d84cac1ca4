"""What the page's script is told: pictures, answers with their masks, files to save. Plain values, no state.

A mask goes to the browser as a small grey PNG of probabilities (255 is 1), so that the slider needs nobody.
"""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Literal

import numpy as np
from PIL import Image

from segue.answer import Answer
from segue.serving.page.sessions import Entry
from segue.serving.work import Outcome
from segue.visualize import palette

__all__ = [
    "Format",
    "answer_message",
    "data_url",
    "download_message",
    "kept_entry",
    "preview_url",
    "thumbnail_url",
]

Format = Literal["png", "json", "coco"]

PREVIEW_SIDE, LEVELS_SIDE, THUMBNAIL_SIDE = 1280, 640, 160
_MIME: dict[str, str] = {"png": "image/png", "json": "application/json", "coco": "application/json"}


def data_url(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


def preview_url(image: Image.Image, *, max_side: int = PREVIEW_SIDE) -> str:
    """The upright picture as every browser shows it, whatever its file was."""
    small = image.copy()
    small.thumbnail((max_side, max_side))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=88)
    return data_url(stream.getvalue(), "image/jpeg")


def thumbnail_url(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        return preview_url(image, max_side=THUMBNAIL_SIDE)


def answer_message(outcome: Outcome) -> dict[str, Any]:
    """An answer for the page: the JSON of an answer with `color` and `levels` for each segment.

    `levels` is a PNG, or None where there is no mask; with `adjustable` false its levels are 0 and 255 alone.
    """
    answer, soft = outcome.answer, outcome.soft
    record = answer.to_dict()
    levels = _levels(answer, outcome)
    for i, entry in enumerate(record["segments"]):
        entry["mask"] = None  # as pixels below, not as run lengths
        entry["color"] = "#{:02x}{:02x}{:02x}".format(*palette(i))
        entry["levels"] = levels[i]
    return record | {
        "notes": list(answer.notes),
        "adjustable": soft is not None,
        "cached": outcome.cached,
        "timing_ms": {name: round(value, 1) for name, value in outcome.timing_ms.items()},
    }


def download_message(
    entry: Entry, image: Image.Image | None, *, kind: Format, threshold: float, name: str
) -> dict[str, Any]:
    """A file with the answer at a threshold.

    Args:
        image: the picture; only "png" needs it.
        name: of the picture's file.
    """
    answer = entry.answer if entry.soft is None else entry.soft.at(entry.answer, threshold)
    stem = PurePath(name).stem or "picture"
    if kind == "png":
        stream = io.BytesIO()
        answer.draw(image).save(stream, "PNG")
        data = stream.getvalue()
    elif kind == "coco":
        data = json.dumps(answer.to_coco(file_name=name), ensure_ascii=False, indent=1).encode()
    else:
        data = answer.to_json(indent=1).encode()
    suffix = ".png" if kind == "png" else ".coco.json" if kind == "coco" else ".json"
    return {"file": f"{stem}-answer{suffix}", "url": data_url(data, _MIME[kind])}


def kept_entry(outcome: Outcome) -> Entry:
    """What a session holds of an outcome."""
    soft = None if outcome.soft is None else outcome.soft.kept()
    return Entry(replace(outcome.answer, image=None), soft)


def _levels(answer: Answer, outcome: Outcome) -> list[str | None]:
    """A PNG for each segment with a mask."""
    soft = None if outcome.soft is None else iter(outcome.soft.levels(max_side=LEVELS_SIDE))
    urls: list[str | None] = []
    for segment in answer.segments:
        mask = segment.mask
        if mask is None:
            urls.append(None)
        else:
            urls.append(_grey_png(_hard_levels(mask) if soft is None else next(soft)))
    return urls


def _hard_levels(mask: np.ndarray) -> np.ndarray:
    """Of a mask alone, at the size of `SoftMasks.levels`."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255)
    grey.thumbnail((LEVELS_SIDE, LEVELS_SIDE), Image.Resampling.BILINEAR)
    return (np.asarray(grey) >= 128).astype(np.uint8) * 255


def _grey_png(levels: np.ndarray) -> str:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "PNG", compress_level=3)
    return data_url(stream.getvalue(), "image/png")
