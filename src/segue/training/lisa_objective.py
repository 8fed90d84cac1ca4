"""The training objective of LISA and GSVA: their loss on a batch of conversations about several images.

    L = 1.0 L_txt + 2.0 L_bce + 0.5 L_dice          (LISA, eq. 3 and 4; the weights of both papers)

Normalised as released: the text loss over all answer tokens of the batch, mask losses over all its masks.
GSVA counts rejected targets among the masks, with the constant logit 0 that its code gives them: they add to
the reported loss and thin out the gradient of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from segue.errors import DataError
from segue.images import Geometry
from segue.lisa_processing import IGNORED, EncodedConversation
from segue.modeling.lisa import LisaModel, LisaPixels
from segue.training.losses import dice_loss, mask_bce_loss

__all__ = ["LisaBatch", "LisaLosses", "LisaTerms", "lisa_losses", "lisa_terms", "pad_conversations"]

TEXT_WEIGHT, BCE_WEIGHT, DICE_WEIGHT = 1.0, 2.0, 0.5


@dataclass(frozen=True)
class LisaBatch:
    """Conversations about I images in B rows: one to a row, or all of an image packed behind its prefix.

    Attributes:
        pixels, geometries: of the images; `Geometry.original` is the size that masks are compared at.
        input_ids, labels, attention_mask: (B, T), padded to the right.
        image_of_row: (B,) ascending.
        masks: for every image (n, H, W) targets at its geometry's size, in the order of its conversations'
            tokens.
        position_ids, segment_ids: (B, T) of packed rows; then `attention_mask` is not read.
    """

    pixels: LisaPixels
    geometries: Sequence[Geometry]
    input_ids: Tensor
    labels: Tensor
    attention_mask: Tensor | None
    image_of_row: Tensor
    masks: Sequence[Tensor]
    position_ids: Tensor | None = None
    segment_ids: Tensor | None = None


@dataclass(frozen=True)
class LisaTerms:
    """Unweighted terms; `states` (B, T, H) and the `low_res` logits of every `[SEG]`."""

    text: Tensor
    bce: Tensor
    dice: Tensor
    states: Tensor
    low_res: Tensor


@dataclass(frozen=True)
class LisaLosses:
    """The whole and its weighted parts; `states` (B, T, H) and the `low_res` logits of every `[SEG]`."""

    loss: Tensor
    text: Tensor
    bce: Tensor
    dice: Tensor
    states: Tensor
    low_res: Tensor


def pad_conversations(
    conversations: Sequence[EncodedConversation], *, pad_id: int
) -> tuple[Tensor, Tensor, Tensor]:
    """(ids, labels, attention mask) of several conversations, padded to the right."""
    ids = pad_sequence([torch.tensor(c.ids) for c in conversations], batch_first=True, padding_value=pad_id)
    labels = pad_sequence(
        [torch.tensor(c.labels) for c in conversations], batch_first=True, padding_value=IGNORED
    )
    lengths = torch.tensor([len(c.ids) for c in conversations])
    return ids, labels, torch.arange(ids.shape[1]) < lengths[:, None]


def lisa_losses(model: LisaModel, batch: LisaBatch, *, seg_id: int, rej_id: int | None = None) -> LisaLosses:
    """The losses of a batch with the papers' weights; `rej_id` is GSVA's.

    Raises:
        DataError: an image has more or fewer targets than tokens for them.
    """
    terms = lisa_terms(model, batch, seg_id=seg_id, rej_id=rej_id)
    text, bce, dice = TEXT_WEIGHT * terms.text, BCE_WEIGHT * terms.bce, DICE_WEIGHT * terms.dice
    return LisaLosses(text + bce + dice, text, bce, dice, terms.states, terms.low_res)


def lisa_terms(model: LisaModel, batch: LisaBatch, *, seg_id: int, rej_id: int | None = None) -> LisaTerms:
    """The terms of a batch; `rej_id` is GSVA's.

    Raises:
        DataError: an image has more or fewer targets than tokens for them.
    """
    # 1) Language: CLIP's tokens are shared by the conversations of an image.
    features = model.encode_images(batch.pixels)
    states = model(
        batch.input_ids,
        features.tokens[batch.image_of_row],
        attention_mask=batch.attention_mask,
        position_ids=batch.position_ids,
        segment_ids=batch.segment_ids,
    )
    labels = batch.labels[:, 1:]
    wanted = labels != IGNORED
    text = F.cross_entropy(model.lm_head(states[:, :-1][wanted]).float(), labels[wanted])

    # 2) One mask for every [SEG], from the state that predicts it.
    is_seg = batch.input_ids == seg_id
    is_target = is_seg if rej_id is None else is_seg | (batch.input_ids == rej_id)
    rows, places = is_seg.nonzero(as_tuple=True)
    bce, dice, count = text.new_zeros(()), text.new_zeros(()), 0
    if len(rows) or not states.requires_grad:
        low_res = model.decode_masks(features, batch.image_of_row[rows], states[rows, places - 1][:, None])
    else:
        # As the original decodes no targets: every part takes part in every step, as data-parallel
        # training expects.
        idle = model.decode_masks(features, batch.image_of_row[:1], states[:1, :1])
        bce, low_res = 0 * idle.sum(), idle[:0]

    # 3) Each against its target at the wanted size; a rejected one has the constant logit 0.
    target_rows = is_target.nonzero(as_tuple=True)[0]
    has_mask = is_seg[is_target]
    for image, (geometry, targets) in enumerate(zip(batch.geometries, batch.masks, strict=True)):
        own = batch.image_of_row[target_rows] == image
        if int(own.sum()) != len(targets):
            raise DataError(f"image {image}: {len(targets)} targets, but {int(own.sum())} tokens for them")
        if not len(targets):
            continue
        found = geometry.masks_to_original(low_res[batch.image_of_row[rows] == image])
        logits = found.new_zeros(len(targets), *geometry.original)
        logits[has_mask[own]] = found
        bce = bce + mask_bce_loss(logits, targets.to(logits)) * len(targets)
        dice = dice + dice_loss(logits, targets.to(logits)) * len(targets)
        count += len(targets)
    return LisaTerms(text, bce / (count + 1e-8), dice / (count + 1e-8), states, low_res)
