"""How much memory a checkpoint's weights will take, told from their shapes before any is read."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from segue.checkpoints.shards import read_shapes

if TYPE_CHECKING:
    import torch

__all__ = ["announce", "count_weights"]

log = logging.getLogger(__name__)


def count_weights(folders: Sequence[Path]) -> int:
    """How many numbers the weights of these folders hold.

    Raises:
        CheckpointError: a folder without weights, or a damaged file.
    """
    return sum(shape.numel() for folder in folders for shape in read_shapes(folder).values())


def announce(name: str, folders: Sequence[Path], dtype: torch.dtype) -> int:
    """Log a line that says what the weights of a model will take; returns the bytes.

    Pictures, caches of long answers and whatever else runs come on top: a few GB for the published models.
    """
    numbers = count_weights(folders)
    size = numbers * dtype.itemsize
    log.info(
        "%s: %.1f billion weights, %.1f GB in %s; answers need some more",
        name,
        numbers / 1e9,
        size / 1e9,
        str(dtype).removeprefix("torch."),
    )
    return size
