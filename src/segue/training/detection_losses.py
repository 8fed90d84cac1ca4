"""What the proposal head of PixelLLM learns from: CenterNet2's targets and losses, and the RoI stage's.

Letters: B pictures, G annotated boxes of each (padded with zero boxes of class 0), T cells of all levels, N
proposals. Boxes are in pixels of the padded input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segue.modeling.boxes import box_iou
from segue.modeling.centernet import CenterNet, DenseOutput, cell_centres, find_deltas
from segue.modeling.pixelllm_configuration import CenterNetConfig

__all__ = [
    "CenterTargets",
    "DetectionLosses",
    "Sampled",
    "center_targets",
    "detection_losses",
    "sample_proposals",
]


@dataclass(frozen=True)
class CenterTargets:
    """Of one picture: (T,) heatmap, (T, 4) distances in strides with a row of zeros where none, (T,) bool
    whether there is a distance to learn, (P,) cells that are centres."""

    heatmap: Tensor
    distances: Tensor
    regressed: Tensor
    centres: Tensor


@dataclass(frozen=True)
class Sampled:
    """Proposals with what they stand for: (B, N, 4) boxes, (B, N) the matched annotation, and bool whether
    they match one and whether they count at all."""

    boxes: Tensor
    match: Tensor
    positive: Tensor
    valid: Tensor


@dataclass(frozen=True)
class DetectionLosses:
    """Scalars; `total` is their weighted sum. `sampled` goes on to the captions' training."""

    positive: Tensor
    negative: Tensor
    regression: Tensor
    roi_class: Tensor
    roi_regression: Tensor
    total: Tensor
    sampled: Sampled


def detection_losses(
    detector: CenterNet, fused_BChw: Tensor, boxes_BG4: Tensor, classes_BG: Tensor, *, image_size: int
) -> DetectionLosses:
    """All losses of the proposal head on a batch."""
    config = detector.config
    maps = detector.pyramid(fused_BChw)
    dense = detector.head(maps)
    positive, negative, regression = dense_losses(dense, boxes_BG4, classes_BG, config)
    with torch.no_grad():
        proposals = detector.propose(dense, image_size)
        sampled = sample_proposals(proposals.boxes, boxes_BG4, classes_BG, config)
    logits, deltas = detector.classify(maps, sampled.boxes)
    roi_class, roi_regression = roi_losses(logits, deltas, sampled, boxes_BG4, config)
    total = config.heatmap_weight * (positive + negative) + config.box_regression_weight * regression
    total = total + roi_class + roi_regression
    return DetectionLosses(positive, negative, regression, roi_class, roi_regression, total, sampled)


# -- dense head ------------------------------------------------------------------


def dense_losses(
    dense: DenseOutput, boxes_BG4: Tensor, classes_BG: Tensor, config: CenterNetConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Focal loss of the heatmap at centres and elsewhere, generalised IoU of the boxes near centres.

    Each is a sum over the batch divided by its number of centres (or of cells that carry a box), where a
    picture without any counts as one.
    """
    sizes = [tuple(heatmap.shape[-2:]) for heatmap in dense.heatmaps]
    logits = torch.cat([heatmap.flatten(1) for heatmap in dense.heatmaps], dim=1)
    predicted = torch.cat([d.flatten(2).transpose(1, 2) for d in dense.distances], dim=1)
    positive = negative = regression = logits.new_zeros(())
    num_centres = num_regressed = 0
    for own_logits, own_distances, boxes, classes in zip(
        logits, predicted, boxes_BG4, classes_BG, strict=True
    ):
        real = (classes > 0) & (boxes > 0).any(-1)  # pictures without boxes come with empty ones
        targets = center_targets(boxes[real], sizes, config)
        probability = own_logits.sigmoid().clamp(config.sigmoid_eps, 1 - config.sigmoid_eps)
        at_centres = probability[targets.centres]
        positive = positive - (at_centres.log() * (1 - at_centres) ** config.focal_gamma).sum()
        away = (1 - targets.heatmap) ** config.focal_beta
        negative = negative - ((1 - probability).log() * probability**config.focal_gamma * away).sum()
        overlap = _giou_of_distances(own_distances[targets.regressed], targets.distances[targets.regressed])
        regression = regression + (1 - overlap).sum()
        num_centres += max(len(targets.centres), 1)
        num_regressed += max(int(targets.regressed.sum()), 1)
    return (
        config.focal_alpha * positive / num_centres,
        (1 - config.focal_alpha) * negative / num_centres,
        regression / num_regressed,
    )


def center_targets(
    boxes_G4: Tensor, sizes: Sequence[tuple[int, ...]], config: CenterNetConfig
) -> CenterTargets:
    """CenterNet2's assignment of one picture's boxes to the cells of all levels.

    A box's centre is the cell of each level whose range holds the box's size; the heatmap falls off around it
    with a Gaussian on every level; distances are learned on the 3 x 3 cells around the centre, inside the
    box, on those levels.
    """
    device = boxes_G4.device
    cells = [
        cell_centres(h, w, stride, device=device)
        for (h, w), stride in zip(sizes, config.strides, strict=True)
    ]
    level_T = torch.cat([torch.full((len(own),), level, device=device) for level, own in enumerate(cells)])
    grid_T2 = torch.cat(cells)
    stride_T = grid_T2.new_tensor(config.strides)[level_T]
    low_T, high_T = grid_T2.new_tensor(config.level_ranges)[level_T].unbind(-1)
    T = len(grid_T2)
    if not len(boxes_G4):
        nothing = torch.zeros(T, device=device)
        return CenterTargets(nothing, nothing[:, None].expand(-1, 4), nothing > 0, nothing.nonzero()[:, 0])
    distances = torch.cat([grid_T2[:, None] - boxes_G4[:, :2], boxes_G4[:, 2:] - grid_T2[:, None]], dim=-1)
    centres_G2 = (boxes_G4[:, :2] + boxes_G4[:, 2:]) / 2
    stride_T11 = stride_T[:, None, None]
    cell = (centres_G2 / stride_T11).floor() * stride_T11 + torch.div(stride_T11, 2, rounding_mode="floor")
    away_TG2 = grid_T2[:, None] - cell
    span = (boxes_G4[:, 2:] - boxes_G4[:, :2]).clamp(min=0)
    reach = span.square().sum(-1).sqrt() / 2
    of_level = (reach >= low_T[:, None]) & (reach <= high_T[:, None])
    peak = (away_TG2 == 0).all(-1) & of_level
    near = (away_TG2.abs() <= stride_T11).all(-1) & (distances.amin(-1) > 0) & of_level

    delta = (1 - config.heatmap_min_overlap) / (1 + config.heatmap_min_overlap)
    radius2_G = (2 * delta**2 * span.prod(-1)).clamp(min=config.heatmap_min_radius**2)
    far = (grid_T2[:, None] - centres_G2).square().sum(-1).masked_fill(peak, 0) / radius2_G
    heatmap = (-far.amin(1)).exp()
    closest = far.masked_fill(~near, torch.inf).argmin(1)
    regressed = near.any(1)
    chosen = distances[torch.arange(T, device=device), closest] / stride_T[:, None]
    return CenterTargets(
        heatmap=heatmap,
        distances=torch.where(regressed[:, None], chosen, 0),
        regressed=regressed,
        centres=peak.nonzero()[:, 0],
    )


def _giou_of_distances(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of boxes given as distances l, t, r, b from one point."""
    area_a, area_b = ((d[:, :2] + d[:, 2:]).prod(-1) for d in (a, b))
    near, far = torch.minimum(a, b), torch.maximum(a, b)
    both, around = ((d[:, :2] + d[:, 2:]).prod(-1) for d in (near, far))
    union = area_a + area_b - both
    return both / union.clamp(min=1e-8) - (around - union) / around.clamp(min=1e-8)


# -- RoI stage -------------------------------------------------------------------


def sample_proposals(
    proposals_BN4: Tensor, boxes_BG4: Tensor, classes_BG: Tensor, config: CenterNetConfig
) -> Sampled:
    """Proposals and annotations themselves, matched; positives first, at most a share of them, then others.

    Where there are more than `roi_samples_per_image`, which ones stay is drawn at random.
    """
    boxes = torch.cat([proposals_BN4, boxes_BG4], dim=1)
    overlaps = box_iou(boxes, boxes_BG4).masked_fill((classes_BG <= 0)[:, None], 0)
    overlap, match = overlaps.max(dim=-1)
    positive = overlap >= config.roi_match_iou
    most = min(config.roi_samples_per_image, boxes.shape[1])
    if boxes.shape[1] > config.roi_samples_per_image:
        lot = torch.rand(positive.shape, device=boxes.device)
    else:
        lot = torch.linspace(1, 0, boxes.shape[1], device=boxes.device).expand(positive.shape)
    # Rank: chosen positives, then the rest; surplus positives only fill up.
    rank = (lot + positive * 2).argsort(dim=1, descending=True, stable=True)
    ordered = positive.gather(1, rank)
    surplus = ordered & (
        ordered.cumsum(1) > round(config.roi_positive_fraction * config.roi_samples_per_image)
    )
    rank = rank.gather(1, surplus.long().argsort(dim=1, stable=True))[:, :most]
    taken = boxes.gather(1, rank[..., None].expand(-1, -1, 4))
    return Sampled(taken, match.gather(1, rank), positive.gather(1, rank), (taken > 0).any(-1))


def roi_losses(
    logits: Tensor, deltas: Tensor, sampled: Sampled, boxes_BG4: Tensor, config: CenterNetConfig
) -> tuple[Tensor, Tensor]:
    """Cross-entropy over proposals that count; L1 of refinements over positives, per sampled proposal."""
    loss = F.cross_entropy(logits.flatten(0, 1), sampled.positive.long().flatten(), reduction="none")
    classes = (loss * sampled.valid.flatten()).sum() / sampled.valid.sum().clamp(min=1)
    goals = boxes_BG4.gather(1, sampled.match[..., None].expand(-1, -1, 4))
    wanted = find_deltas(sampled.boxes, goals, config.roi_box_weights)
    apart = (deltas - wanted).abs().sum(-1).masked_fill(~(sampled.positive & sampled.valid), 0)
    return classes, apart.sum() / sampled.positive.numel()
