"""Resizing of feature maps, position tables and pixels as `jax.image.resize` does it.

Its cubic kernel has a = -0.5 (torch's own has -0.75 unless antialias is on), and it filters when shrinking.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["bicubic", "bilinear", "linear_table"]


def bicubic(x_BChw: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, *size), cubic kernel with a = -0.5, antialiased when shrinking."""
    if tuple(x_BChw.shape[-2:]) == tuple(size):
        return x_BChw
    return _interpolate(x_BChw, size, "bicubic")


def bilinear(x_BChw: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, h, w) -> (B, C, *size), antialiased when shrinking."""
    if tuple(x_BChw.shape[-2:]) == tuple(size):
        return x_BChw
    return _interpolate(x_BChw, size, "bilinear")


def _interpolate(x_BChw: Tensor, size: tuple[int, int], mode: str) -> Tensor:
    # Antialiased interpolation exists in float32 and float64 alone.
    exact = x_BChw if x_BChw.dtype == torch.float64 else x_BChw.float()
    resized = F.interpolate(exact, size, mode=mode, antialias=True, align_corners=False)
    return resized.to(x_BChw.dtype)


def linear_table(table_LC: Tensor, length: int) -> Tensor:
    """(L, C) -> (length, C), linear and antialiased: relative position tables.

    As a (1, 1, C, L) picture: torch's 1-D mode has no antialias, and its 2-D mode is wrong at width 1.
    """
    if len(table_LC) == length:
        return table_LC
    picture = table_LC.T[None, None]
    return bilinear(picture, (picture.shape[2], length))[0, 0].T
