"""An answer as one paletted picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from segue.answer import Answer
from segue.errors import DataError
from segue.visualize import palette

__all__ = ["index_picture", "to_index_png"]


def to_index_png(answer: Answer, path: str | Path | None = None) -> Image.Image:
    """Mode P: 0 where nothing is, i + 1 where segment i is, in its drawing colour; later segments on top."""
    if len(answer.segments) > 255:
        raise DataError(f"an index picture holds 255 segments, this answer has {len(answer.segments)}")
    index = np.zeros((answer.height, answer.width), np.uint8)
    for number, segment in enumerate(answer.segments):
        mask = segment.mask
        if mask is not None:
            index[mask] = number + 1
    picture = index_picture(index)
    if path is not None:
        try:
            picture.save(path, "PNG")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    return picture


def index_picture(index: np.ndarray) -> Image.Image:
    """Mode P, of uint8 numbers (height, width): 0 is black, i + 1 has the colour `palette(i)`."""
    picture = Image.fromarray(index).convert("P")
    picture.putpalette([0, 0, 0, *(value for number in range(255) for value in palette(number))])
    return picture
