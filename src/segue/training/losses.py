"""The training objectives of the four systems, as pure functions of tensors.

Normalisation is that of the released LISA, GSVA and PixelLM code: every mask counts the same, whatever its
size. Letters: K targets, h x w mask pixels, P label positions, C classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "alignment_loss",
    "count_loss",
    "dice_loss",
    "mask_bce_loss",
    "partial_label_loss",
    "point_loss",
    "refinement_weights",
    "same_thing_loss",
]


def mask_bce_loss(logits_Khw: Tensor, targets_Khw: Tensor, weights_Khw: Tensor | None = None) -> Tensor:
    """Binary cross-entropy: mean over the pixels of a mask, then over masks (0 for no masks).

    `weights_Khw` (>= 0) multiplies each pixel's term: the refinement map of `refinement_weights`, or 0 on
    pixels to ignore.
    """
    loss = F.binary_cross_entropy_with_logits(logits_Khw, targets_Khw, weight=weights_Khw, reduction="none")
    return loss.flatten(1).mean(1).sum() / (len(logits_Khw) + 1e-8)


def dice_loss(
    logits_Khw: Tensor,
    targets_Khw: Tensor,
    valid_Khw: Tensor | None = None,
    *,
    scale: float = 1000.0,
    eps: float = 1e-6,
) -> Tensor:
    """1 - (2 sum(p t) + eps) / (sum p + sum t + eps) with sums divided by `scale`; mean over masks."""
    p = logits_Khw.sigmoid().flatten(1)
    t = targets_Khw.flatten(1)
    if valid_Khw is not None:
        p, t = p * valid_Khw.flatten(1), t * valid_Khw.flatten(1)
    numerator = 2 * (p / scale * t).sum(1) + eps
    denominator = (p / scale).sum(1) + (t / scale).sum(1) + eps
    return (1 - numerator / denominator).sum() / (len(logits_Khw) + 1e-8)


def alignment_loss(tokens_KD: Tensor, maps_KDhw: Tensor, targets_Khw: Tensor) -> Tensor:
    """`cells_loss` of softmax(token . cell / sqrt(D))."""
    return cells_loss(
        torch.einsum("kd,kdhw->khw", tokens_KD, maps_KDhw) / tokens_KD.shape[-1] ** 0.5, targets_Khw
    )


def cells_loss(scores_Khw: Tensor, targets_Khw: Tensor) -> Tensor:
    """Cross-entropy over cells between the scores' softmax and the target's share of each cell.

    Targets may be finer than the scores; empty ones do not count. Mean over targets.
    """
    h, w = scores_Khw.shape[-2:]
    share = F.adaptive_avg_pool2d(targets_Khw[:, None], (h, w))[:, 0].flatten(1)
    total = share.sum(dim=1, keepdim=True)
    loss = -(share / total.clamp(min=1e-6) * scores_Khw.flatten(1).log_softmax(dim=1)).sum(dim=1)
    return loss.sum() / (total > 0).sum().clamp(min=1)


def same_thing_loss(likeness_ISF: Tensor, things_IS: Tensor, others_IF: Tensor) -> Tensor:
    """Binary cross-entropy of "these two cells show the same thing".

    Args:
        likeness_ISF: its probability, above 0, for S cells and F others of I pictures.
        things_IS, others_IF: the number of the thing that each shows; 0 for none, negative where unknown.

    Of every cell that shows a thing the same and the others count half each, and every thing counts the same,
    however many cells show it. 0 for no things.
    """
    picture_N, cell_N = (things_IS > 0).nonzero(as_tuple=True)
    likeness_NF, thing_N, others_NF = (
        likeness_ISF[picture_N, cell_N],
        things_IS[picture_N, cell_N],
        others_IF[picture_N],
    )
    same_NF = thing_N[:, None] == others_NF
    other_NF = ~same_NF & (others_NF >= 0)

    def mean(loss_NF: Tensor, chosen_NF: Tensor) -> Tensor:
        return (loss_NF * chosen_NF).sum(dim=-1) / chosen_NF.sum(dim=-1).clamp(min=1)

    loss_N = mean(-likeness_NF.log(), same_NF) + mean(-(1 + 1e-4 - likeness_NF).log(), other_NF)
    weight_N = 1 / (things_IS[picture_N] == thing_N[:, None]).sum(dim=-1)
    return (loss_N * weight_N).sum() / weight_N.sum().clamp(min=1e-6)


def refinement_weights(logits_Khw: Tensor, answer_K: Tensor, alpha: float) -> Tensor:
    """PixelLM's target refinement map A (paper, eq. 6): `alpha` where two or more masks of an answer
    overlap, else 1.

    `answer_K` numbers the answer that each target belongs to. Carries no gradient.
    """
    foreground = (logits_Khw.detach() > 0).to(logits_Khw.dtype)
    same = (answer_K[:, None] == answer_K[None, :]).to(logits_Khw.dtype)
    count = torch.einsum("kj,jhw->khw", same, foreground)
    return torch.where(count >= 2, alpha, 1.0).to(logits_Khw.dtype)


def point_loss(predicted: Tensor, target: Tensor) -> Tensor:
    """L1 between relative points, (W, points, 2) against (W, 2) or (W, points, 2); mean (0 for no words).

    PixelLLM trains in absolute pixels with weight 0.1; relative units keep the weight free of the input size.
    """
    if target.ndim == 2:
        target = target[:, None]
    return (predicted - target).abs().sum() / max(predicted.numel(), 1)


def count_loss(things_BCS: Tensor, expected_BCS: Tensor, known_BC: Tensor) -> Tensor:
    """Squared error of things by cell, and Huber loss of their sum, over the classes that are known of a
    picture ((B, C) bool, or (B, 1)); sums over classes, mean over pictures.

    The cells say which thing is meant, the sum that none was counted twice.
    """
    places = (things_BCS - expected_BCS).square().sum(dim=-1)
    counts = F.huber_loss(things_BCS.sum(dim=-1), expected_BCS.sum(dim=-1), reduction="none")
    return ((places + counts) * known_BC).sum() / len(things_BCS)


def partial_label_loss(logits: Tensor, share: Tensor, unlabelled: Tensor, excluded: Tensor) -> Tensor:
    """Cross-entropy of soft class shares where only some classes are annotated everywhere.

    Args:
        logits: (P, C); class 0 is background.
        share: (P, C) part of the cell that each class covers, by annotation; rows sum to at most 1.
        unlabelled: (P,) part of the cell that no annotation covers.
        excluded: (P, C) bool, classes that an uncovered pixel cannot be (they are annotated wherever they
        occur).

    An uncovered pixel is "none of the excluded classes": its loss is -log of the probability left for the
    others. What is in neither (1 - sum of shares - unlabelled) is ignored. Mean over the pixels that count.
    """
    log_p = logits.log_softmax(dim=-1)
    allowed = log_p.masked_fill(excluded, float("-inf")).logsumexp(dim=-1)
    total = -(share * log_p).sum(dim=-1) - unlabelled * allowed
    return total.sum() / (share.sum() + unlabelled.sum() + 1e-6)
