"""The families' objectives as the trainer calls them: a model, a collated batch, its losses.

The mathematics is that of `lisa_objective`, `pixellm_objective` and `pixelllm_losses` beside it; batches come
from `segue.data.family_collation`, in either of its modes, and `segue.data.pixelllm_collation`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from segue.images import Geometry
from segue.mask_tokens import MaskVocabulary
from segue.modeling.lisa import LisaModel, LisaPixels
from segue.modeling.pixelllm import PixelLLM
from segue.modeling.pixelllm_vision import FusedFeatures
from segue.modeling.pixellm import PixelLMModel, PixelLMPixels
from segue.training.lisa_objective import LisaBatch, lisa_terms
from segue.training.objective import Losses, LossWeights
from segue.training.pixelllm_losses import PixelLLMBatch, Tasks, training_losses
from segue.training.pixellm_objective import PixelLMBatch, pixellm_losses

__all__ = ["LisaObjective", "PixelLLMObjective", "PixelLMObjective", "geometries_of", "normalised"]


class LisaObjective(nn.Module):
    """LISA's and GSVA's: text, BCE and DICE.

    Args:
        model: `LisaModel` or `GsvaModel`.
        weights: `text`, `bce` and `dice` are read; the defaults are the papers'.
        vocabulary: the processor's; with a reject token, as GSVA's, rejected targets count among the masks.
    """

    def __init__(self, model: LisaModel, weights: LossWeights | None = None, *, vocabulary: MaskVocabulary):
        super().__init__()
        self.model = model
        self.weights = weights or LossWeights()
        self.vocabulary = vocabulary

    def forward(self, clip_pixels: Tensor, sam_pixels: Tensor, **batch: Tensor) -> Losses:
        """Losses of a batch from `LisaCollator.collate`."""
        geometries = geometries_of(batch["geometry"], sam_pixels.shape[-1])
        terms = lisa_terms(
            self.model,
            LisaBatch(
                pixels=LisaPixels(clip_pixels, normalised(sam_pixels, geometries, self.model.config)),
                geometries=geometries,
                input_ids=batch["input_ids"],
                labels=batch["labels"],
                attention_mask=None,
                image_of_row=batch["row_images"],
                masks=_unpacked(batch, geometries),
                position_ids=batch["position_ids"],
                segment_ids=batch["segment_ids"],
            ),
            seg_id=self.vocabulary.group[0],
            rej_id=self.vocabulary.reject,
        )
        weights = self.weights
        total = weights.text * terms.text + weights.bce * terms.bce + weights.dice * terms.dice
        return Losses(total, {name: getattr(terms, name).detach() for name in ("text", "bce", "dice")})


class PixelLMObjective(nn.Module):
    """PixelLM's: text, BCE with target refinement as `model.config.refinement` says, and DICE.

    Args:
        model: a `PixelLMModel`.
        weights: `text`, `bce` and `dice` are read; refinement's alpha is the model's configuration's.
        vocabulary: the processor's.
    """

    def __init__(
        self, model: PixelLMModel, weights: LossWeights | None = None, *, vocabulary: MaskVocabulary
    ):
        super().__init__()
        self.model = model
        self.weights = weights or LossWeights()
        self.vocabulary = vocabulary

    def forward(self, pixels: Tensor, **batch: Tensor) -> Losses:
        """Losses of a batch from `PixelLMCollator.collate`."""
        geometries = geometries_of(batch["geometry"], pixels.shape[-1])
        losses = pixellm_losses(
            self.model,
            self.model.encode_images(PixelLMPixels(pixels, batch["geometry"][:, 2:])),
            PixelLMBatch(
                input_ids=batch["input_ids"],
                labels=batch["labels"],
                attention_mask=batch["segment_ids"] >= 0,
                image_index=batch["row_images"],
                geometries=geometries,
                masks=_unpacked(batch, geometries),
                position_ids=batch["position_ids"],
                segment_ids=batch["segment_ids"],
            ),
            group=self.vocabulary.group,
            w_text=self.weights.text,
            w_bce=self.weights.bce,
            w_dice=self.weights.dice,
        )
        names = ["text", "bce", "dice"] + ["overlap"] * (self.model.config.refinement == "additive")
        return Losses(losses.total, {name: getattr(losses, name).detach() for name in names})


class PixelLLMObjective(nn.Module):
    """PixelLLM's: captions, places, proposals and masks, each where the batch's `tasks` ask for it.

    The weights of the terms are the model's configuration's, as its losses count in pixels of its input.
    """

    def __init__(self, model: PixelLLM):
        super().__init__()
        self.model = model

    def forward(self, parts: dict[str, dict[str, Tensor]] | None = None, **batch: Any) -> Losses:
        """Losses of a batch from `PixelLLMCollator.collate`, every term that it has labels for; or of one of
        `JointCollator`, whose `parts` are such batches on the same pictures, which are seen once."""
        if parts is None:
            return self._part(**batch)
        features = self.model.encode_images(batch["pixels"], batch["padding_mask"])
        found = {kind: self._part(**batch, **own, features=features) for kind, own in parts.items()}
        terms = {f"{kind}_{n}": term for kind, own in found.items() for n, term in own.terms.items()}
        return Losses(torch.stack([own.total for own in found.values()]).sum(), terms)

    def _part(self, tasks: Tensor, features: FusedFeatures | None = None, **batch: Tensor) -> Losses:
        captions, points, proposals, masks = tasks.tolist()
        losses = training_losses(
            self.model,
            PixelLLMBatch(**batch),
            Tasks(captions=captions, points=points, proposals=proposals, masks=masks),
            features=features,
        )
        total = losses.pop("total")
        return Losses(total, {name: term.detach() for name, term in losses.items()})


def normalised(pixels: Tensor, geometries: list[Geometry], config: Any) -> Tensor:
    """SAM's pictures (I, 3, s, s) in 0..255 as `LisaProcessor.sam_view` has them: the padding is zero."""
    mean, std = (
        torch.tensor(numbers, device=pixels.device).view(-1, 1, 1)
        for numbers in (config.sam_mean, config.sam_std)
    )
    canvas = torch.zeros(pixels.shape, device=pixels.device)
    for own, image, geometry in zip(canvas, pixels, geometries, strict=True):
        height, width = geometry.resized
        own[:, :height, :width] = (image[:, :height, :width] - mean) / std
    return canvas


def geometries_of(sizes: Tensor, canvas: int) -> list[Geometry]:
    """(I, 4) sizes of masks and of pictures in their square input."""
    return [
        Geometry((height, width), (inner_height, inner_width), (canvas, canvas))
        for height, width, inner_height, inner_width in sizes.tolist()
    ]


def _unpacked(batch: dict[str, Tensor], geometries: list[Geometry]) -> list[Tensor]:
    """Every picture's (K, H, W) masks."""
    counts = batch["mask_counts"].tolist()
    pixels = [
        count * geometry.original[0] * geometry.original[1]
        for count, geometry in zip(counts, geometries, strict=True)
    ]
    return [
        flat.view(count, *geometry.original)
        for flat, count, geometry in zip(batch["masks"].split(pixels), counts, geometries, strict=True)
    ]
