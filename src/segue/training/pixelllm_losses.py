"""What PixelLLM learns from, as in the released code: captions, points, boxes, masks, proposals.

Points and boxes count in pixels of the padded input: the weight 0.1 of their L1 means something only there.
Letters: B pictures, N prompts, L text positions, G annotated boxes, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segue.errors import CapabilityError
from segue.modeling.pixelllm import PixelLLM, Referred
from segue.modeling.pixelllm_vision import FusedFeatures
from segue.training.detection_losses import detection_losses

__all__ = ["PixelLLMBatch", "Tasks", "caption_loss", "mask_losses", "place_loss", "training_losses"]


@dataclass(frozen=True)
class Tasks:
    """Which losses a batch takes part in. Batches come from one source each, so these are all or nothing."""

    captions: bool = True
    points: bool = False
    proposals: bool = False
    masks: bool = False


@dataclass(frozen=True)
class PixelLLMBatch:
    """Attributes:
    pixels: (B, 3, S, S) RGB 0..255. padding_mask: (B, S, S).
    text: (B, N, L) starting with BOS. context: (B, N, M). labels: (B, N), 0 at padding.
    prompt_boxes: (B, N, 4); None trains captions on the proposals that match an annotation.
    boxes: (B, N, 4) annotated boxes. points: (B, N, L, points, 2), zero where a word has none.
    masks: (B, N, S, S) of 0 and 1.
    """

    pixels: Tensor
    padding_mask: Tensor
    text: Tensor
    context: Tensor
    labels: Tensor
    prompt_boxes: Tensor | None = None
    boxes: Tensor | None = None
    points: Tensor | None = None
    masks: Tensor | None = None


def training_losses(
    model: PixelLLM, batch: PixelLLMBatch, tasks: Tasks, *, features: FusedFeatures | None = None
) -> dict[str, Tensor]:
    """Every loss that the batch has labels for, by name, and `total`: the weighted sum of the tasks'.

    Args:
        features: of the batch's pictures, where they have been seen already.

    Raises:
        CapabilityError: proposals or masks without the part that makes them.
    """
    config = model.config
    if features is None:
        features = model.encode_images(batch.pixels, batch.padding_mask)
    losses: dict[str, Tensor] = {}
    text, context, labels, prompts = batch.text, batch.context, batch.labels, batch.prompt_boxes

    # 1) Proposals; where captions have no prompts of their own, the first sampled ones become theirs.
    if tasks.proposals:
        if model.detector is None or batch.boxes is None:
            raise CapabilityError("training proposals needs a detector_config and annotated boxes")
        found = detection_losses(
            model.detector, features.fused, batch.boxes, batch.labels, image_size=config.image_size
        )
        losses |= {
            "heatmap_positive": found.positive,
            "heatmap_negative": found.negative,
            "box_regression": found.regression,
            "roi_class": found.roi_class,
            "roi_regression": found.roi_regression,
            "detection": found.total,
        }
        if prompts is None:
            first = slice(0, config.detector_config.num_caption_proposals)
            match = found.sampled.match[:, first]
            prompts = found.sampled.boxes[:, first]
            text = batch.text.gather(1, match[..., None].expand(-1, -1, batch.text.shape[-1]))
            context = batch.context[:, :1].expand(-1, match.shape[1], -1)
            labels = found.sampled.positive[:, first].long()
    assert prompts is not None, "a batch without proposals needs prompt boxes"

    # 2) Captions.
    visual = model.look(features, prompts)
    states = model.read(model.remember(visual, context), text)
    losses["text"] = caption_loss(
        model.captioner.logits(states),
        text,
        labels,
        eos=config.eos_token_id,
        smoothing=config.label_smoothing,
    )

    # 3) Points of words, or boxes of expressions where a picture has no points.
    if tasks.points:
        losses["point"] = _point_loss(model, features, states, text, labels, batch)

    # 4) Masks, from the predicted boxes unless the labelled ones are to teach them.
    if tasks.masks:
        assert batch.masks is not None, "training masks needs masks"
        boxes = model.read_boxes(states, model.carries_box(text), features.valid)
        if config.mask_boxes == "labelled":
            assert batch.boxes is not None, "masks from labelled boxes need boxes"
            boxes = batch.boxes
        referred = Referred(
            boxes=boxes,
            found=model.carries_box(text),
            points=model.word_points(states, features.valid),
            prefix=model.captioner.prefix(visual),
            states=states,
        )
        logits, iou = model.segment(features, referred)
        focal, dice, quality = mask_losses(logits, iou, batch.masks, batch.padding_mask, labels > 0)
        losses["mask_focal"] = config.focal_loss_weight * focal
        losses["mask_dice"] = config.dice_loss_weight * dice
        losses["mask_iou"] = config.iou_loss_weight * quality
        losses["mask"] = losses["mask_focal"] + losses["mask_dice"] + losses["mask_iou"]
    return losses | {"total": _total(losses, tasks, model)}


def _total(losses: Mapping[str, Tensor], tasks: Tasks, model: PixelLLM) -> Tensor:
    config = model.config
    weighted = (
        ("text", config.text_loss_weight, tasks.captions),
        ("point", config.point_loss_weight, tasks.points),
        ("detection", config.detection_loss_weight, tasks.proposals),
        ("mask", config.mask_loss_weight, tasks.masks),
    )
    return torch.stack([weight * losses[name] for name, weight, wanted in weighted if wanted]).sum()


def _point_loss(
    model: PixelLLM,
    features: FusedFeatures,
    states: Tensor,
    text: Tensor,
    labels: Tensor,
    batch: PixelLLMBatch,
) -> Tensor:
    points = model.word_points(states, features.valid)
    words, carries = model.is_word(text), model.carries_box(text)
    targets = torch.zeros_like(points) if batch.points is None else batch.points
    traced = (targets.flatten(1) > 0).any(1)[:, None, None]
    if batch.boxes is not None:
        corners = batch.boxes.unflatten(-1, (2, 2))[:, :, None].expand(-1, -1, text.shape[-1], -1, -1)
        if points.shape[-2] == 1:  # one point per word: the box has both corners all the same
            height_width = features.valid.flip(-1)[:, None, None, None]
            boxes = model.location_head.corners(states) * height_width
            own = place_loss(boxes, corners, carries & (labels > 0)[..., None] & ~traced)
            return own + place_loss(points, targets, words & (labels > 0)[..., None] & traced)
        targets = torch.where(traced[..., None, None], targets, corners)
    chosen = torch.where(traced, words, carries) & (labels > 0)[..., None]
    return place_loss(points, targets, chosen)


def caption_loss(logits: Tensor, text: Tensor, labels: Tensor, *, eos: int, smoothing: float) -> Tensor:
    """Cross-entropy of each next token, (B, N, L, V) against (B, N, L).

    Smoothed as the original does it: the right class gets 1 - smoothing, the others share the rest. Padding,
    padded prompts and empty captions do not count.
    """
    log_p = logits[..., :-1, :].log_softmax(-1)
    wanted = text[..., 1:]
    right = log_p.gather(-1, wanted[..., None])[..., 0]
    wrong = smoothing / (logits.shape[-1] - 1)
    loss = -(1 - smoothing - wrong) * right - wrong * log_p.sum(-1)
    counts = (wanted > 0) & (labels > 0)[..., None] & (wanted[..., :1] != eos)
    return (loss * counts).sum() / (counts.sum() + 1e-8)


def place_loss(predicted: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """L1 in pixels, (..., L, points, 2), mean over positions that count and have a target (not all zero)."""
    counts = counts & (target != 0).flatten(-2).any(-1)
    apart = (predicted - target).abs().flatten(-2).mean(-1)
    return (apart * counts).sum() / counts.sum().clamp(min=1)


def mask_losses(
    logits: Tensor, iou: Tensor, masks: Tensor, padding_mask: Tensor, counts: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Focal (alpha 0.5, gamma 2), dice and the error of the predicted IoU, each a mean over (B, N) `counts`.

    The focal loss is a mean over the picture; dice and IoU take the padding along (as recorded from the
    original).

    Args:
        logits: (B, N, h, w). masks: (B, N, S, S) of 0 and 1.
        padding_mask: (B, S, S), 1 where there is picture.
    """
    logits = F.interpolate(logits, masks.shape[-2:], mode="bilinear", align_corners=False)
    masks, inside = masks.to(logits.dtype), padding_mask[:, None]
    p = logits.sigmoid()
    cross = F.binary_cross_entropy_with_logits(logits, masks, reduction="none")
    right = p * masks + (1 - p) * (1 - masks)
    focal = 0.5 * (1 - right) ** 2 * cross
    focal = (focal * inside).sum((-2, -1)) / inside.sum((-2, -1)).clamp(min=1)
    dice = 1 - (2 * (p * masks).sum((-2, -1)) + 1) / (p.sum((-2, -1)) + masks.sum((-2, -1)) + 1)
    both = ((logits > 0) & (masks > 0)).sum((-2, -1))
    either = ((logits > 0) | (masks > 0)).sum((-2, -1))
    quality = (iou - both / either.clamp(min=1)).square()
    focal, dice, quality = ((x * counts).sum() / counts.sum().clamp(min=1) for x in (focal, dice, quality))
    return focal, dice, quality
