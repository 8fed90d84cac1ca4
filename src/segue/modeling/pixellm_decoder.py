"""PixelLM's pixel decoder at published size and layout: a SAM mask decoder, generalised over scales.

Follows "PixelLM: Pixel Reasoning with Large Multimodal Model" (CVPR 2024), section 3.2, and the released
`mask_decoder_multi_scale.py`. The attention is shared with `segue.modeling.pixel_decoder`, the small decoder
of segue/mini. For each scale l, from the deepest features:

    f_l' = f_l * (sigmoid(m_{l-1}) + 1)       the coarser map modulates the finer features   (eq. 3)
    m_l  = attention(h_l, f_l')               one two-way attention block a scale            (eq. 2)
    m    = sum_l gamma_l * m_l                scale weights                                  (eq. 4)

All of CLIP's layers have one grid, so scale 0 is decoded on it and every further scale on one twice as fine.
The released code runs with two scales only: with one it lacks an argument, with three the shapes do not
fit. Here a third scale is decoded on the fine grid too, modulated by the second's map at that size.

Letters: K targets (of all images), I images, L scales, H language model width, D decoder width, g x g cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segue.modeling.pixel_decoder import ChannelNorm, FourierPositions, TwoWayTransformer
from segue.modeling.pixellm_configuration import PixelLMConfig

__all__ = ["DecodedScale", "PixelLMDecoder"]

NUM_MASK_TOKENS = 4
"""SAM's; all take part in the attention, the mask is read from the first."""


@dataclass(frozen=True)
class DecodedScale:
    """One scale's result.

    Attributes:
        mask_logits: (K, 2 g', 2 g') for decoding grid g'.
        tokens: (K, 2 + NUM_MASK_TOKENS, D): the quality token, the mask tokens, and the target's own.
    """

    mask_logits: Tensor
    tokens: Tensor


class PixelLMDecoder(nn.Module):
    """Masks of all targets of all images in one pass. See the module's text."""

    def __init__(self, config: PixelLMConfig, *, feature_width: int):
        super().__init__()
        D, L = config.decoder_width, config.scales
        self.mode = config.scale_weights
        # PixelLM's image_feature_neck, one for all scales.
        self.neck = nn.Sequential(
            nn.Conv2d(feature_width, D, kernel_size=1, bias=False),
            ChannelNorm(D),
            nn.Conv2d(D, D, kernel_size=3, padding=1, bias=False),
            ChannelNorm(D),
        )
        self.quality_token = nn.Parameter(torch.zeros(1, D))
        self.mask_tokens = nn.Parameter(torch.zeros(NUM_MASK_TOKENS, D))
        self.level_embed = nn.Parameter(torch.zeros(L, D))
        self.dense_prompt = nn.Parameter(torch.zeros(1, D))
        self.coarse_positions = FourierPositions(D)
        self.fine_positions = FourierPositions(D)
        self.upsample = nn.Sequential(
            nn.ConvTranspose2d(D, D, kernel_size=2, stride=2), ChannelNorm(D), nn.GELU()
        )
        self.transformers = nn.ModuleList(
            TwoWayTransformer(
                D, depth=config.decoder_depth, num_heads=config.decoder_heads, mlp_dim=config.decoder_mlp
            )
            for _ in range(L)
        )
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(D, D // 8, kernel_size=2, stride=2), ChannelNorm(D // 8), nn.GELU()
        )
        # The last three, and the quality head, are in every published checkpoint and decide nothing.
        self.hypernetworks = nn.ModuleList(_mlp(D, D // 8) for _ in range(NUM_MASK_TOKENS))
        self.quality_head = _mlp(D, NUM_MASK_TOKENS)
        if self.mode == "learned":
            self.scale_logits = nn.Parameter(torch.zeros(L))

    @property
    def scale_weights(self) -> Tensor:
        """gamma, (L,), float32, positive with sum 1."""
        if self.mode == "learned":
            return self.scale_logits.float().softmax(dim=0)
        L = len(self.transformers)
        return torch.full((L,), 1 / L, device=self.level_embed.device)

    def prepare(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What no target changes, once for each image: (I, H, g, g) a scale -> (I, D, g or 2g, ...)."""
        maps = [self.neck(feature) for feature in features]
        return (maps[0], *(self.upsample(finer) for finer in maps[1:]))

    def forward(self, maps: tuple[Tensor, ...], image_index_K: Tensor, tokens_KLD: Tensor) -> Tensor:
        """Mask logits (K, h, w), float32, at twice the finest grid.

        Args:
            maps: from `prepare`.
            image_index_K: which image each target belongs to, int64.
            tokens_KLD: one fused token for each scale of each target.
        """
        return self.combine([scale.mask_logits for scale in self.decode(maps, image_index_K, tokens_KLD)])

    def decode(
        self, maps: tuple[Tensor, ...], image_index_K: Tensor, tokens_KLD: Tensor
    ) -> list[DecodedScale]:
        """Every scale's own mask, coarse to fine; arguments as in `forward`."""
        scales: list[DecodedScale] = []
        shared = torch.cat([self.quality_token, self.mask_tokens])
        for level, transformer in enumerate(self.transformers):
            source = maps[level]
            h, w = source.shape[-2:]
            positions = (self.fine_positions if level else self.coarse_positions).grid(h, w)
            # Cells in rows, (I, T, D), copied for every target: nothing of theirs is laid out anew later.
            keys = source.flatten(2).transpose(1, 2).contiguous()
            if level:
                coarser = scales[-1].mask_logits[:, None]
                if coarser.shape[-2:] != (h, w):
                    coarser = F.interpolate(coarser.float(), (h, w), mode="bilinear").to(source.dtype)
                factors = coarser.flatten(1)[..., None].sigmoid() + 1
                keys = torch.addcmul(self.dense_prompt, keys[image_index_K], factors)
            else:
                keys = (keys + self.dense_prompt)[image_index_K]
            queries = torch.cat([shared.expand(len(tokens_KLD), -1, -1), tokens_KLD[:, level, None]], dim=1)
            queries = queries + self.level_embed[level]
            queries, keys = transformer(queries, keys, positions.to(keys.dtype))
            kernel_KD = self.hypernetworks[0](queries[:, 1])
            scales.append(DecodedScale(self._mask(keys, kernel_KD, h, w), queries))
        return scales

    def _mask(self, cells_KTD: Tensor, kernel_KD: Tensor, h: int, w: int) -> Tensor:
        """(K, 2h, 2w) logits: `output_upscaling`, then the product with each target's kernel.

        The convolution's stride is its size, so a cell makes four of its own: a product of matrices, and the
        fine map, of which only the product with the kernel is wanted, is never laid out.
        """
        convolution: Any = self.output_upscaling[0]
        norm: Any = self.output_upscaling[1]
        weight_DCij, bias = convolution.weight, convolution.bias
        cells = weight_DCij.shape[-2] * weight_DCij.shape[-1]
        fine = F.linear(cells_KTD, weight_DCij.permute(2, 3, 1, 0).flatten(0, 2), bias.repeat(cells))
        fine = F.gelu(norm.norm(fine.unflatten(-1, (cells, -1))))
        logits = torch.einsum("ktpc,kc->ktp", fine, kernel_KD)
        return logits.view(-1, h, w, 2, 2).transpose(2, 3).reshape(-1, 2 * h, 2 * w)

    def combine(self, logits: list[Tensor]) -> Tensor:
        """The scales' masks as one, (K, h, w) at the finest size, float32: half precision shifts edges."""
        size = logits[-1].shape[-2:]
        resized = [
            m.float()
            if m.shape[-2:] == size
            else F.interpolate(m[:, None].float(), size, mode="bilinear")[:, 0]
            for m in logits
        ]
        return torch.einsum("l,lkhw->khw", self.scale_weights, torch.stack(resized))


def _mlp(width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )
