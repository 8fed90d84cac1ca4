"""How much memory a checkpoint's weights will take, told from their shapes before any is read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segue.checkpoints.shards import read_shapes

if TYPE_CHECKING:
    import torch
    from torch import Size

__all__ = ["announce", "announce_shapes", "count_weights"]

log = logging.getLogger(__name__)

_PACKED = re.compile(r"(language_model\.)?model\.layers\.\d+\..+\.weight\Z")
"""What `segue.modeling.quantise` packs, as published and as we call it, if it is a matrix."""


def count_weights(folders: Sequence[Path]) -> int:
    """How many numbers the weights of these folders hold.

    Raises:
        CheckpointError: a folder without weights, or a damaged file.
    """
    return sum(shape.numel() for folder in folders for shape in read_shapes(folder).values())


def announce(name: str, folders: Sequence[Path], dtype: torch.dtype, *, quantise: str | None = None) -> int:
    """Log a line that says what the weights of a model will take; returns the bytes.

    Pictures, caches of long answers and whatever else runs come on top: a few GB for the published models.

    Args:
        quantise: the language model's layers in "4bit" or "8bit".
    """
    return announce_shapes(
        name, [one for folder in folders for one in read_shapes(folder).items()], dtype, quantise=quantise
    )


def announce_shapes(
    name: str, shapes: Iterable[tuple[str, Size]], dtype: torch.dtype, *, quantise: str | None = None
) -> int:
    """`announce`, of weights whose names and shapes are known."""
    numbers = packed = 0
    for weight, shape in shapes:
        numbers += shape.numel()
        if quantise is not None and len(shape) == 2 and _PACKED.match(weight):
            packed += shape.numel()
    kind = str(dtype).removeprefix("torch.")
    size = (numbers - packed) * dtype.itemsize
    if quantise is not None:
        from segue.modeling.quantise import BYTES

        size += round(packed * BYTES[quantise])
        kind += f" with the language model's layers in {quantise}"
    log.info(
        "%s: %s weights, %s in %s; answers need some more",
        name,
        f"{numbers / 1e9:.1f} billion" if numbers >= 1e8 else f"{numbers / 1e6:.1f} million",
        f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB",
        kind,
        extra={"numbers": numbers, "bytes": size},
    )
    return size
