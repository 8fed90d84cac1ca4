"""What PixelLM is trained on: text, and masks of all targets with its target refinement.

    L = w_text CE + w_bce BCE + w_dice DICE

Normalisation is the released code's: CE is the mean over every learned token of the batch; BCE and DICE are
means over the pixels of a mask, at the picture's own resolution, and then over all masks of the batch. Target
refinement (`config.refinement`) is "weight_map", the paper's: BCE's pixels weigh alpha where two or more
predictions of one answer overlap; "additive", the released function: their BCE is added once more (the same
as alpha = 2); or "off", which is what the released training ran with.

Letters: Q conversations, I images, T places, K targets, L scales, N tokens of a scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from segue.errors import DataError
from segue.images import Geometry
from segue.modeling.pixellm import PixelLMFeatures, PixelLMModel
from segue.training.losses import dice_loss, mask_bce_loss, refinement_weights

__all__ = ["Groups", "PixelLMBatch", "PixelLMLosses", "find_groups", "pixellm_losses"]

IGNORE = -100


@dataclass(frozen=True)
class PixelLMBatch:
    """Q rows of conversations on I images, each picture's masks in the order of the groups about it.

    A row is one conversation, or all of a picture's packed behind its prefix.

    Attributes:
        input_ids: (Q, T), expanded: one placeholder for every image token.
        labels: (Q, T), `IGNORE` where nothing is learned.
        attention_mask: (Q, T), False at padding.
        image_index: (Q,) which picture each row is about.
        geometries: of the I pictures; `Geometry.original` is the size that masks are compared at.
        masks: I tensors (K_i, H_i, W_i), bool or 0/1, at their geometries' sizes.
        position_ids, segment_ids: (Q, T) of packed rows.
    """

    input_ids: Tensor
    labels: Tensor
    attention_mask: Tensor
    image_index: Tensor
    geometries: Sequence[Geometry]
    masks: Sequence[Tensor]
    position_ids: Tensor | None = None
    segment_ids: Tensor | None = None


@dataclass(frozen=True)
class PixelLMLosses:
    """The weighted sum, every unweighted term, and the predictions they are about.

    Attributes:
        total: what is minimised.
        text, bce, dice, overlap: unweighted; `overlap` is the additive refinement term, 0 unless chosen.
        mask_logits: one (K_i, H_i, W_i) for each picture.
    """

    total: Tensor
    text: Tensor
    bce: Tensor
    dice: Tensor
    overlap: Tensor
    mask_logits: tuple[Tensor, ...]


@dataclass(frozen=True)
class Groups:
    """The complete mask groups of a batch, in reading order: (K,) conversations, (K,) first places."""

    rows: Tensor
    first: Tensor

    def states(self, states_QTH: Tensor, size: int) -> Tensor:
        """(K, size, H) states that predict each group's tokens: one place before them."""
        places = self.first[:, None] - 1 + torch.arange(size, device=self.first.device)
        return states_QTH[self.rows[:, None], places]


def find_groups(input_ids: Tensor, group: Sequence[int]) -> Groups:
    """Where whole groups stand in (Q, T) ids; what is left of a broken one is passed over."""
    size = len(group)
    if input_ids.shape[1] < size:
        nothing = torch.zeros(0, dtype=torch.long, device=input_ids.device)
        return Groups(nothing, nothing)
    windows = input_ids.unfold(1, size, 1)
    wanted = torch.tensor(list(group), device=input_ids.device)
    rows, first = (windows == wanted).all(-1).nonzero(as_tuple=True)
    return Groups(rows, first)


def pixellm_losses(
    model: PixelLMModel,
    features: PixelLMFeatures,
    batch: PixelLMBatch,
    *,
    group: Sequence[int],
    w_text: float = 1.0,
    w_bce: float = 2.0,
    w_dice: float = 0.5,
) -> PixelLMLosses:
    """One forward pass and its losses.

    Args:
        features: of the batch's I images.
        group: the mask tokens' ids in order (`MaskVocabulary.group`).

    Raises:
        DataError: the groups about a picture are not as many as its masks, as when text was cut.
    """
    # 1) Text.
    index = batch.image_index
    states = model(
        batch.input_ids,
        image_tokens=features.tokens[index],
        attention_mask=batch.attention_mask.bool()
        & model.place_token_mask(batch.input_ids, features.token_mask[index]),
        position_ids=batch.position_ids,
        segment_ids=batch.segment_ids,
    )
    learned = batch.labels[:, 1:] != IGNORE
    logits = model.lm_head(states[:, :-1][learned]).float()
    text = F.cross_entropy(logits, batch.labels[:, 1:][learned]) if len(logits) else logits.sum()

    # 2) Low-resolution masks of all targets at once.
    groups = find_groups(batch.input_ids, group)
    image_index = index[groups.rows]
    answers = groups.rows
    if batch.segment_ids is not None:  # a row may hold several answers
        answers = answers * batch.input_ids.shape[1] + batch.segment_ids[groups.rows, groups.first]
    bce = dice = overlap = logits.new_zeros(())
    if len(groups.rows) or not states.requires_grad:
        low = model.decode_masks(features, image_index, groups.states(states, len(group)))
    else:
        # No target in the batch: every part takes part in every step all the same, as data-parallel training
        # expects.
        idle = model.decode_masks(features, index[:1], states[:1, : len(group)])
        bce, low = 0 * idle.sum(), idle[:0]

    # 3) Every picture's masks at its own size.
    config = model.config
    predictions = []
    for number, (geometry, masks) in enumerate(zip(batch.geometries, batch.masks, strict=True)):
        own = image_index == number
        if int(own.sum()) != len(masks):
            raise DataError(
                f"picture {number} of the batch has {len(masks)} masks, but its conversations hold"
                f" {int(own.sum())} mask groups; was a text cut?"
            )
        predicted = geometry.masks_to_original(low[own])
        predictions.append(predicted)
        if not len(masks):
            continue
        target = masks.to(predicted.dtype)
        overlapping = refinement_weights(predicted, answers[own], 2.0) - 1  # 1 on overlap, else 0
        weights = (
            1 + (config.refinement_alpha - 1) * overlapping if config.refinement == "weight_map" else None
        )
        bce = bce + len(masks) * mask_bce_loss(predicted, target, weights)
        dice = dice + len(masks) * dice_loss(predicted, target)
        if config.refinement == "additive":
            overlap = overlap + len(masks) * mask_bce_loss(predicted, target, overlapping)
    count = len(low) + 1e-8
    bce, dice, overlap = bce / count, dice / count, overlap / count
    total = w_text * text + w_bce * (bce + overlap) + w_dice * dice
    return PixelLMLosses(total, text, bce, dice, overlap, tuple(predictions))
