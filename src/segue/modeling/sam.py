"""Segment Anything with text as its prompt (LISA, section 3.2), made of transformers' SAM modules.

Image and prompt are apart: `encode_images` is the costly half and is done once for a picture, `decode_masks`
takes one embedding for each target in place of SAM's clicks and boxes.

Letters: I images, K targets, C channels of SAM's features, h x w their grid.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import SamConfig
from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPromptEncoder, SamVisionEncoder

__all__ = ["Sam"]

FULL_GRID = 64
"""Cells along a side of the published networks' features."""


class Sam(nn.Module):
    """Image encoder, prompt encoder and mask decoder; of the decoder's masks the single one is used."""

    def __init__(self, config: SamConfig):
        super().__init__()
        # The decoder's own attention asks its configuration, which only a whole model would have set.
        vision: Any = config.vision_config
        decoder: Any = config.mask_decoder_config
        decoder._attn_implementation = "sdpa"
        self.image_encoder = SamVisionEncoder(vision)
        self.prompt_encoder = SamPromptEncoder(config)
        self.mask_decoder = SamMaskDecoder(decoder)
        self.grid = vision.image_size // vision.patch_size

    def encode_images(self, pixels: Tensor) -> Tensor:
        """(I, 3, S, S) normalised, padded pixels -> (I, C, h, w). One picture at a time at full size, where
        its global attention takes a gigabyte."""
        together = max(1, (FULL_GRID // self.grid) ** 2)
        return torch.cat([self.image_encoder(some).last_hidden_state for some in pixels.split(together)])

    def decode_masks(
        self, features_ICHW: Tensor, image_index: Tensor, prompts_KC: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Low-resolution mask logits (K, 4 h, 4 w) and predicted IoU (K,) of K text prompts.

        Args:
            features_ICHW: `encode_images`' result.
            image_index: (K,) the picture of each prompt.
            prompts_KC: the text embeddings, SAM's only sparse prompts in LISA and GSVA.
        """
        return self.decode_prompts(features_ICHW, image_index, prompts_KC[:, None])

    def embed_boxes(self, boxes_K4: Tensor) -> Tensor:
        """(K, 2, C) prompts of boxes [x0, y0, x1, y1], in pixels of the padded input."""
        return self.prompt_encoder(None, None, boxes_K4[:, None], None)[0][:, 0]

    def embed_points(self, points_K2: Tensor) -> Tensor:
        """(K, 2, C) prompts of one click each, (x, y) in pixels of the padded input; SAM pads with a second
        prompt that says "no point"."""
        labels = points_K2.new_ones((len(points_K2), 1, 1))
        return self.prompt_encoder(points_K2[:, None, None], labels, None, None)[0][:, 0]

    def decode_prompts(
        self, features_ICHW: Tensor, image_index: Tensor, prompts_KNC: Tensor
    ) -> tuple[Tensor, Tensor]:
        """As `decode_masks`, of prompts with N embeddings each."""
        if not len(prompts_KNC):
            side = 4 * self.grid
            return prompts_KNC.new_zeros((0, side, side)), prompts_KNC.new_zeros(0)
        masks_K11HW, iou_K11 = self.mask_decoder(
            image_embeddings=features_ICHW[image_index],
            image_positional_embeddings=self._positions().expand(len(prompts_KNC), -1, -1, -1),
            sparse_prompt_embeddings=prompts_KNC[:, None],
            dense_prompt_embeddings=self.prompt_encoder.no_mask_embed.weight[..., None, None],
            multimask_output=False,
        )
        return masks_K11HW[:, 0, 0], iou_K11[:, 0, 0]

    def _positions(self) -> Tensor:
        """(1, C, h, w) SAM's random Fourier positions of the grid's cell centres."""
        gaussian = self.prompt_encoder.shared_embedding
        centres = (torch.arange(self.grid, device=gaussian.positional_embedding.device) + 0.5) / self.grid
        xy = torch.stack(torch.meshgrid(centres, centres, indexing="xy"), dim=-1)
        return gaussian(xy).permute(2, 0, 1)[None]
