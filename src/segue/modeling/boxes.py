"""Boxes as tensors: overlap, non-maximum suppression, RoIAlign. Boxes are x0, y0, x1, y1."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["box_iou", "generalized_iou", "non_maximum_suppression", "roi_align", "roi_levels"]


def box_iou(a_N4: Tensor, b_M4: Tensor) -> Tensor:
    """(..., N, 4), (..., M, 4) -> (..., N, M) intersection over union; 0 where both are empty."""
    low = torch.maximum(a_N4[..., :, None, :2], b_M4[..., None, :, :2])
    high = torch.minimum(a_N4[..., :, None, 2:], b_M4[..., None, :, 2:])
    both = (high - low).clamp(min=0).prod(-1)
    union = _area(a_N4)[..., :, None] + _area(b_M4)[..., None, :] - both
    return torch.where(union > 0, both / union.clamp(min=1e-12), 0)


def generalized_iou(a_N4: Tensor, b_N4: Tensor) -> Tensor:
    """(N, 4), (N, 4) -> (N,) generalised IoU of pairs (Rezatofighi et al., 2019)."""
    both = (
        (torch.minimum(a_N4[:, 2:], b_N4[:, 2:]) - torch.maximum(a_N4[:, :2], b_N4[:, :2]))
        .clamp(min=0)
        .prod(-1)
    )
    union = _area(a_N4) + _area(b_N4) - both
    around = (torch.maximum(a_N4[:, 2:], b_N4[:, 2:]) - torch.minimum(a_N4[:, :2], b_N4[:, :2])).prod(-1)
    iou = both / union.clamp(min=1e-8)
    return iou - (around - union) / around.clamp(min=1e-8)


def non_maximum_suppression(boxes_N4: Tensor, scores_N: Tensor, threshold: float, *, most: int) -> Tensor:
    """Indices of at most `most` kept boxes, best first; one is dropped when it overlaps a kept one by
    `threshold` or more. Boxes whose coordinates are all <= 0 are never kept."""
    order = scores_N.argsort(descending=True, stable=True)
    boxes = boxes_N4[order]
    overlaps = box_iou(boxes, boxes) >= threshold
    alive = ~(boxes <= 0).all(-1)
    kept: list[int] = []
    for number in range(len(boxes)):
        if alive[number]:
            kept.append(number)
            if len(kept) == most:
                break
            alive &= ~overlaps[number]
    return order[torch.tensor(kept, dtype=torch.long, device=order.device)]


def roi_levels(boxes_N4: Tensor, num_levels: int, *, finest: int = 3) -> Tensor:
    """Which map of a pyramid a box is read from: by its size, 224 pixels on level 4 (Lin et al., 2017)."""
    sizes = _area(boxes_N4).sqrt()
    levels = (4 + torch.log2(sizes / 224 + 1e-8)).floor()
    return levels.clamp(finest, finest + num_levels - 1).long() - finest


def roi_align(
    maps: Sequence[Tensor],
    boxes_N4: Tensor,
    image_N: Tensor,
    *,
    strides: Sequence[float],
    size: int,
    samples: int,
) -> Tensor:
    """(N, size, size, C) of boxes, each read from the level of its size.

    Bilinear at `samples`^2 points of every cell, pixel centres at whole numbers plus a half. What lies
    outside a map counts as zero (torchvision repeats the border instead, which is not what was trained).
    """
    levels = roi_levels(boxes_N4, len(maps))
    result = boxes_N4.new_zeros(len(boxes_N4), size, size, maps[0].shape[1])
    for level, (features, stride) in enumerate(zip(maps, strides, strict=True)):
        chosen = (levels == level).nonzero()[:, 0]
        if len(chosen):
            result[chosen] = _align(features, boxes_N4[chosen] / stride, image_N[chosen], size, samples)
    return result


def _align(features: Tensor, boxes: Tensor, images: Tensor, size: int, samples: int) -> Tensor:
    steps = (torch.arange(size * samples, device=boxes.device) + 0.5) / (size * samples)
    x = boxes[:, 0, None] + steps * (boxes[:, 2] - boxes[:, 0])[:, None] - 0.5
    y = boxes[:, 1, None] + steps * (boxes[:, 3] - boxes[:, 1])[:, None] - 0.5
    h, w = features.shape[-2:]
    cells_BTC = features.flatten(2).transpose(1, 2)
    total = features.new_zeros(())
    for rows, row_weight in _neighbours(y, h):
        for columns, column_weight in _neighbours(x, w):
            index = rows[:, :, None] * w + columns[:, None, :]
            weight = row_weight[:, :, None] * column_weight[:, None, :]
            total = total + cells_BTC[images[:, None, None], index] * weight[..., None]
    return total.unflatten(2, (size, samples)).unflatten(1, (size, samples)).mean((2, 4))


def _neighbours(positions: Tensor, length: int) -> list[tuple[Tensor, Tensor]]:
    """The two cells beside each position with their weights, zero for cells that are not there."""
    low = positions.floor()
    part = positions - low
    return [
        (cell.long().clamp(0, length - 1), weight * ((cell >= 0) & (cell <= length - 1)))
        for cell, weight in ((low, 1 - part), (low + 1, part))
    ]


def _area(boxes: Tensor) -> Tensor:
    return (boxes[..., 2] - boxes[..., 0]).clamp(min=0) * (boxes[..., 3] - boxes[..., 1]).clamp(min=0)
