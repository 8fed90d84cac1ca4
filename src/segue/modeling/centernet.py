"""The proposal head of PixelLLM: simple feature pyramid (ViTDet), class-agnostic CenterNet (CenterNet2), and
one RoI stage that says "object" and refines the box.

Letters: B pictures, N proposals of each, C channels. Boxes are in pixels of the padded input. Strides are
nominal: they fix boxes and RoIAlign alike, whatever a cell's true size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segue.modeling.boxes import non_maximum_suppression, roi_align
from segue.modeling.pixel_decoder import ChannelNorm
from segue.modeling.pixelllm_configuration import CenterNetConfig

__all__ = ["CenterNet", "DenseOutput", "Detections", "Proposals"]

MOST_SHRINK = math.log(1000 / 16)
"""Widths grow by at most this power in one refinement, as everywhere since Faster R-CNN."""


@dataclass(frozen=True)
class DenseOutput:
    """Per level: (B, 1, h, w) heatmap logits and (B, 4, h, w) distances l, t, r, b in strides."""

    heatmaps: tuple[Tensor, ...]
    distances: tuple[Tensor, ...]


@dataclass(frozen=True)
class Proposals:
    """(B, N, 4) and (B, N), best first; rows that repeat the last box to fill up have score 0."""

    boxes: Tensor
    scores: Tensor


@dataclass(frozen=True)
class Detections:
    """(B, K, 4), (B, K) and (B, K) classes, 1 for an object; fillers are zero boxes of score -1, class 0."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor


class CenterNet(nn.Module):
    """Pyramid, dense head and RoI head."""

    def __init__(self, config: CenterNetConfig, *, image_width: int):
        super().__init__()
        self.config = config
        self.pyramid = SimplePyramid(image_width, inner=config.pyramid_inner_dim, out=config.pyramid_channels)
        self.head = DenseHead(config)
        self.roi = RoiHead(config)

    def detect(self, fused_BChw: Tensor, image_size: int) -> Detections:
        """All objects of a picture, each once."""
        maps = self.pyramid(fused_BChw)
        proposals = self.propose(self.head(maps), image_size)
        logits, deltas = self.classify(maps, proposals.boxes)
        return self.select(proposals, logits, deltas, image_size)

    # -- proposals ---------------------------------------------------------------

    def propose(self, dense: DenseOutput, image_size: int) -> Proposals:
        """Proposals after suppression, clipped to the picture's square."""
        config = self.config
        before = self.candidates(
            dense, topk=config.train_pre_nms_topk if self.training else config.pre_nms_topk
        )
        most = config.train_post_nms_topk if self.training else config.post_nms_topk
        kept = self.suppress(before, threshold=config.proposal_nms_iou, most=most)
        return Proposals(kept.boxes.clamp(0, image_size), kept.scores)

    def candidates(self, dense: DenseOutput, *, topk: int) -> Proposals:
        """The likeliest centres of all levels with their boxes, best first; no threshold."""
        boxes, scores = [], []
        for heatmap, distances, stride in zip(
            dense.heatmaps, dense.distances, self.config.strides, strict=True
        ):
            h, w = heatmap.shape[-2:]
            centres = cell_centres(h, w, stride, device=heatmap.device)
            reach = distances.flatten(2).transpose(1, 2) * stride
            boxes.append(torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], dim=-1))
            scores.append(heatmap.flatten(1).sigmoid())
        all_boxes, all_scores = torch.cat(boxes, dim=1), torch.cat(scores, dim=1)
        best, order = all_scores.sort(dim=1, descending=True, stable=True)
        most = min(topk, all_scores.shape[1] - 1)
        picked = order[:, :most, None].expand(-1, -1, 4)
        return Proposals(all_boxes.gather(1, picked), best[:, :most])

    @staticmethod
    def suppress(proposals: Proposals, *, threshold: float, most: int) -> Proposals:
        """Non-maximum suppression of each picture, filled up to `most` rows."""
        boxes, scores = [], []
        for own_boxes, own_scores in zip(proposals.boxes, proposals.scores, strict=True):
            kept = non_maximum_suppression(own_boxes, own_scores, threshold, most=most)
            missing = most - len(kept)
            boxes.append(torch.cat([own_boxes[kept], own_boxes[-1:].expand(missing, -1)]))
            scores.append(F.pad(own_scores[kept], (0, missing)))
        return Proposals(torch.stack(boxes), torch.stack(scores))

    # -- RoI stage ---------------------------------------------------------------

    def crop(self, maps: Sequence[Tensor], boxes_BN4: Tensor) -> Tensor:
        """(B, N, size, size, C)."""
        B, N = boxes_BN4.shape[:2]
        images = torch.arange(B, device=boxes_BN4.device).repeat_interleave(N)
        crops = roi_align(
            maps,
            boxes_BN4.flatten(0, 1),
            images,
            strides=self.config.strides,
            size=self.config.roi_size,
            samples=self.config.roi_sampling_ratio,
        )
        return crops.unflatten(0, (B, N))

    def classify(self, maps: Sequence[Tensor], boxes_BN4: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, 2) logits of background and object, (B, N, 4) refinements."""
        return self.roi(self.crop(maps, boxes_BN4))

    def select(self, proposals: Proposals, logits: Tensor, deltas: Tensor, image_size: int) -> Detections:
        """Final boxes: refined, scored with their proposal's score, thresholded, suppressed."""
        config = self.config
        boxes = apply_deltas(proposals.boxes, deltas, config.roi_box_weights).clamp(0, image_size)
        scores = (logits.softmax(-1)[..., 1] * proposals.scores).sqrt()
        found_boxes, found_scores, found_classes = [], [], []
        for own_boxes, own_scores in zip(boxes, scores, strict=True):
            above = (own_scores > config.roi_score_threshold).nonzero()[:, 0]
            kept = non_maximum_suppression(
                own_boxes[above], own_scores[above], config.roi_nms_iou, most=config.num_detections
            )
            kept = above[kept]
            missing = config.num_detections - len(kept)
            found_boxes.append(F.pad(own_boxes[kept], (0, 0, 0, missing)))
            found_scores.append(F.pad(own_scores[kept], (0, missing), value=-1.0))
            found_classes.append(F.pad(torch.ones_like(kept), (0, missing)))
        return Detections(torch.stack(found_boxes), torch.stack(found_scores), torch.stack(found_classes))


class SimplePyramid(nn.Module):
    """Five maps out of one: finer by a transposed convolution, coarser by pooling and strides."""

    def __init__(self, width: int, *, inner: int, out: int):
        super().__init__()
        self.up = nn.ConvTranspose2d(width, inner // 2, kernel_size=2, stride=2)
        self.laterals = nn.ModuleList(_lateral(channels, out) for channels in (inner // 2, width, width))
        self.p6 = nn.Conv2d(out, out, kernel_size=3, stride=2, padding=1)
        self.p7 = nn.Conv2d(out, out, kernel_size=3, stride=2, padding=1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, C, h, w) -> p3 (twice as fine) to p7."""
        sources = (self.up(x), x, F.max_pool2d(x, kernel_size=2, stride=2))
        p3, p4, p5 = (lateral(source) for lateral, source in zip(self.laterals, sources, strict=True))
        p6 = self.p6(p5)
        return p3, p4, p5, p6, self.p7(F.relu(p6))


class DenseHead(nn.Module):
    """One tower; from it the centres' heatmap and the distances to the sides. The same for all levels but a
    scale."""

    def __init__(self, config: CenterNetConfig):
        super().__init__()
        C = config.pyramid_channels
        layers: list[nn.Module] = []
        for _ in range(config.tower_layers):
            layers += [
                nn.Conv2d(C, C, kernel_size=3, padding=1),
                nn.GroupNorm(config.group_norm_groups, C, eps=1e-6),
                nn.ReLU(),
            ]
        self.tower = nn.Sequential(*layers)
        self.distances = nn.Conv2d(C, 4, kernel_size=3, padding=1)
        self.heatmap = nn.Conv2d(C, 1, kernel_size=3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(config.strides)))
        for layer, value in ((self.distances, 8.0), (self.heatmap, -4.6)):
            assert layer.bias is not None
            nn.init.constant_(layer.bias, value)

    def forward(self, maps: Sequence[Tensor]) -> DenseOutput:
        """Maps of all levels."""
        towers = [self.tower(level) for level in maps]
        distances = [F.relu(scale * self.distances(x)) for scale, x in zip(self.scales, towers, strict=True)]
        return DenseOutput(tuple(self.heatmap(x) for x in towers), tuple(distances))


class RoiHead(nn.Module):
    """Two wide layers on a crop (read row by row, channels last), then class and refinement."""

    def __init__(self, config: CenterNetConfig):
        super().__init__()
        widths = [config.roi_size**2 * config.pyramid_channels, *config.roi_fc]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.classes = nn.Linear(widths[-1], 2)
        self.deltas = nn.Linear(widths[-1], 4)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        """(..., size, size, C) -> (..., 2), (..., 4)."""
        x = crops.flatten(-3)
        for layer in self.layers:
            x = F.relu(layer(x))
        return self.classes(x), self.deltas(x)


def cell_centres(h: int, w: int, stride: int, *, device: torch.device | None = None) -> Tensor:
    """(h * w, 2) x and y of each cell's centre in pixels."""
    x = torch.arange(w, device=device) * stride + stride // 2
    y = torch.arange(h, device=device) * stride + stride // 2
    return torch.stack([x.repeat(h), y.repeat_interleave(w)], dim=-1).float()


def apply_deltas(boxes: Tensor, deltas: Tensor, weights: Sequence[float]) -> Tensor:
    """(..., 4) boxes moved and scaled by (..., 4) dx, dy, dw, dh over `weights`."""
    size = boxes[..., 2:] - boxes[..., :2]
    centre = boxes[..., :2] + 0.5 * size
    deltas = deltas / deltas.new_tensor(weights)
    centre = centre + deltas[..., :2] * size
    half = 0.5 * size * deltas[..., 2:].clamp(max=MOST_SHRINK).exp()
    return torch.cat([centre - half, centre + half], dim=-1)


def find_deltas(boxes: Tensor, targets: Tensor, weights: Sequence[float]) -> Tensor:
    """The deltas that `apply_deltas` would need to turn `boxes` into `targets`."""
    size, goal = ((b[..., 2:] - b[..., :2]).clamp(min=1e-6) for b in (boxes, targets))
    shift = (targets[..., :2] + 0.5 * goal - boxes[..., :2] - 0.5 * size) / size
    return torch.cat([shift, (goal / size).log()], dim=-1) * boxes.new_tensor(weights)


def _lateral(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=1, bias=False),
        ChannelNorm(outputs),
        nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False),
        ChannelNorm(outputs),
    )
