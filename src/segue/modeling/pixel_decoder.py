"""PixelLM's light pixel decoder: codebook tokens and multi-scale features to masks, coarse to fine.

Follows "PixelLM: Pixel Reasoning with Large Multimodal Model" (CVPR 2024), section 3.2, and the released
code's shape of it (a SAM mask decoder generalised over scales). For each scale l, from the deepest:

    f_l' = f_l * (sigmoid(m_{l-1}) + 1)              the coarser map modulates the finer features   (eq. 3)
    m_l  = attention(h_l, f_l')                      one two-way attention block per scale          (eq. 2)
    m    = sum_l gamma_l * m_l                       learned scale weights, |gamma| = 1             (eq. 4)

Letters: K targets (of all images), I images, L scales, N tokens of a scale, D decoder width, T = h * w cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segue.modeling.configuration import PixelDecoderConfig
from segue.modeling.silent_linear import SilentLinear
from segue.modeling.two_way_attention import TwoWayTransformer
from segue.modeling.vision import VisionFeatures

__all__ = ["ChannelNorm", "FourierPositions", "Outline", "PixelDecoder", "TokenFusion", "TwoWayTransformer"]


class PixelDecoder(nn.Module):
    """Masks of all targets of all images in one pass.

    Args:
        level_widths: channels of the feature map of each scale, deepest first.
        fine_width: channels of the stride-8 map that joins the second scale.
        edge_widths: channels of the stride-4 and stride-2 maps that sharpen the last scale's mask.
        prior: whether targets come with a coarse map of where they are, laid on the features as SAM lays a
            mask prompt. At first it adds nothing.
        claim: the same for a map of the thing that they claim.
    """

    def __init__(
        self,
        config: PixelDecoderConfig,
        *,
        level_widths: Sequence[int],
        fine_width: int,
        edge_widths: tuple[int, int],
        prior: bool = False,
        claim: bool = False,
    ):
        super().__init__()
        D = config.hidden_size
        if config.scale_weights not in ("learned", "constant"):
            raise ValueError(f"scale_weights is {config.scale_weights!r}; it must be learned or constant")
        self.config = config
        self.neck = nn.ModuleList(_neck(width, D) for width in level_widths)
        self.fine_neck = nn.Sequential(nn.Conv2d(fine_width, D, kernel_size=1, bias=False), ChannelNorm(D))
        self.upsample = nn.Sequential(
            nn.ConvTranspose2d(D, D, kernel_size=2, stride=2), ChannelNorm(D), nn.GELU()
        )
        self.mask_token = nn.Parameter(torch.zeros(1, D))
        self.level_embed = nn.Parameter(torch.zeros(len(level_widths), D))
        self.positions = FourierPositions(D)
        self.transformers = nn.ModuleList(
            TwoWayTransformer(D, depth=config.depth, num_heads=config.num_heads, mlp_dim=config.mlp_dim)
            for _ in level_widths
        )
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(D, D // 4, kernel_size=2, stride=2), ChannelNorm(D // 4), nn.GELU()
        )
        self.hypernetwork = nn.Sequential(
            nn.Linear(D, D), nn.ReLU(), nn.Linear(D, D), nn.ReLU(), nn.Linear(D, D // 4)
        )
        self.outline = Outline(D, edge_widths) if config.edges else None
        self.prior = nn.ModuleList(SilentLinear(1, D) for _ in level_widths) if prior else None
        self.claim = nn.ModuleList(SilentLinear(1, D) for _ in level_widths) if claim else None
        if config.scale_weights == "learned":
            self.scale_logits = nn.Parameter(torch.zeros(len(level_widths)))

    @property
    def scale_weights(self) -> Tensor:
        """gamma, (L,), positive with sum 1."""
        if self.config.scale_weights == "learned":
            return self.scale_logits.softmax(dim=0)
        return torch.full((len(self.neck),), 1 / len(self.neck), device=self.mask_token.device)

    def prepare(self, features: VisionFeatures) -> tuple[Tensor, ...]:
        """Target-independent part, once per image: one (I, D, h_l, w_l) map per scale, each twice the one
        before; then the outline's two maps, if it has one."""
        maps = [self.neck[0](features.levels[0])]
        for number, (neck, level) in enumerate(zip(self.neck[1:], features.levels[1:], strict=True), start=1):
            x = neck(level)
            for _ in range(number):
                x = self.upsample(x)
            if x.shape[-2:] == features.fine.shape[-2:]:
                x = x + self.fine_neck(features.fine)
            maps.append(x)
        if self.outline is not None:
            maps += self.outline.prepare(features.edges)
        return tuple(maps)

    def forward(
        self,
        maps: tuple[Tensor, ...],
        image_index_K: Tensor,
        tokens_KLD: Tensor,
        prior_Khw: Tensor | None = None,
        claim_Khw: Tensor | None = None,
    ) -> Tensor:
        """Mask logits (K, H, W): twice the last scale's map; with an outline at its finer map's size.

        Args:
            maps: from `prepare`.
            image_index_K: which image each target belongs to, int64.
            tokens_KLD: one fused token for each scale of each target.
            prior_Khw: where each target is thought to be, 0..1, for a decoder that was made for it.
            claim_Khw: how surely each cell shows the thing that the target claims, likewise.
        """
        logits: list[Tensor] = []
        for level, transformer in enumerate(self.transformers):
            source_KDhw = maps[level].index_select(0, image_index_K)
            if level > 0:
                coarse = F.interpolate(logits[-1][:, None], size=source_KDhw.shape[-2:], mode="bilinear")
                source_KDhw = source_KDhw * (coarse.sigmoid() + 1)
            h, w = source_KDhw.shape[-2:]
            queries = torch.stack([self.mask_token.expand(len(tokens_KLD), -1), tokens_KLD[:, level]], dim=1)
            queries = queries + self.level_embed[level]
            keys = source_KDhw.flatten(2).transpose(1, 2)
            for layers, told_Khw in ((self.prior, prior_Khw), (self.claim, claim_Khw)):
                if layers is not None:
                    assert told_Khw is not None, "this decoder is told where its targets are"
                    there = _resized(told_Khw[:, None].to(keys.dtype), source_KDhw.shape[-2:])
                    keys = keys + layers[level](there.flatten(2).transpose(1, 2))
            queries, keys = transformer(queries, keys, self.positions.grid(h, w).to(keys.dtype))
            upscaled = self.output_upscaling(keys.transpose(1, 2).unflatten(2, (h, w)))
            kernel = self.hypernetwork(queries[:, 0])
            if level + 1 == len(self.transformers) and self.outline is not None:
                edges = [m.index_select(0, image_index_K) for m in maps[level + 1 :]]
                logits.append(self.outline(upscaled, kernel, queries[:, 0], edges))
            else:
                logits.append(torch.einsum("kd,kdhw->khw", kernel, upscaled))
        size = logits[-1].shape[-2:]
        # Combined in float32: half-precision interpolation shifts edges.
        stacked = [F.interpolate(m[:, None].float(), size=size, mode="bilinear")[:, 0] for m in logits]
        return torch.einsum("l,lkhw->khw", self.scale_weights.float(), torch.stack(stacked))


class Outline(nn.Module):
    """The last scale's mask at stride 2, with high-resolution features of the stem added on the way up.

    Ravi et al., "SAM 2" (2024), do so in their mask decoder. With two scales the last one's features have the
    stride of the first edges, 4; those of one scale are enlarged to it, those of three shrunk.
    """

    def __init__(self, width: int, edge_widths: tuple[int, int]):
        super().__init__()
        coarse, fine = width // 4, width // 8
        self.coarse_edges = nn.Conv2d(edge_widths[0], coarse, kernel_size=1)
        self.fine_edges = nn.Conv2d(edge_widths[1], fine, kernel_size=1)
        self.join = nn.Conv2d(coarse, coarse, kernel_size=3, padding=1)
        self.up = nn.ConvTranspose2d(coarse, fine, kernel_size=2, stride=2)
        self.norm = ChannelNorm(fine)
        self.kernel = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, fine))

    def prepare(self, edges: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """The stem's stride-4 and stride-2 maps in this decoder's widths, once per image."""
        return self.coarse_edges(edges[0]), self.fine_edges(edges[1])

    def forward(self, upscaled: Tensor, kernel: Tensor, query: Tensor, edges: Sequence[Tensor]) -> Tensor:
        """(K, D/4, h, w) features, their (K, D/4) kernel, (K, D) query, edges at strides 4 and 2 -> logits at
        stride 2."""
        joined = F.gelu(self.join(_resized(upscaled, edges[0].shape[-2:]) + edges[0]))
        coarse = torch.einsum("kd,kdhw->khw", kernel, upscaled)
        fine = F.gelu(self.norm(self.up(joined)) + edges[1])
        detail = torch.einsum("kd,kdhw->khw", self.kernel(query), fine)
        return _resized(coarse[:, None], detail.shape[-2:])[:, 0] + detail


class TokenFusion(nn.Module):
    """N token states of a scale to one: the paper's learned linear phi, or the released code's constant
    weights."""

    def __init__(self, width: int, *, scales: int, tokens_per_scale: int, mode: str):
        super().__init__()
        if mode not in ("learned", "constant"):
            raise ValueError(f"fusion is {mode!r}; it must be learned or constant")
        self.mode = mode
        self.factor = 1.0 if tokens_per_scale == 1 else 1.0 / (tokens_per_scale * scales)
        if mode == "learned":
            self.phi = nn.Linear(tokens_per_scale * width, width)

    def forward(self, states_KLND: Tensor) -> Tensor:
        """(K, L, N, D) -> (K, L, D)."""
        if self.mode == "learned":
            return self.phi(states_KLND.flatten(2))
        return states_KLND.sum(dim=2) * self.factor


class FourierPositions(nn.Module):
    """Random Fourier features of points in [0, 1] (SAM's; Tancik et al., 2020). The matrix is part of the
    weights."""

    gaussian: Tensor

    def __init__(self, width: int):
        super().__init__()
        self.register_buffer("gaussian", torch.randn(2, width // 2))

    def forward(self, points: Tensor) -> Tensor:
        """(..., 2) as (x, y) in [0, 1] -> (..., width)."""
        angles = (2 * points - 1) @ self.gaussian * (2 * math.pi)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def grid(self, h: int, w: int) -> Tensor:
        """(h * w, width) of the cell centres, row by row."""
        device = self.gaussian.device
        y = (torch.arange(h, device=device, dtype=self.gaussian.dtype) + 0.5) / h
        x = (torch.arange(w, device=device, dtype=self.gaussian.dtype) + 0.5) / w
        return self(torch.stack([x.repeat(h), y.repeat_interleave(w)], dim=-1))


class ChannelNorm(nn.Module):
    """Layer norm over the channels of a (B, C, H, W) map."""

    def __init__(self, channels: int, eps: float = 1e-6):
        super().__init__()
        self.norm = nn.LayerNorm(channels, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _resized(x_BChw: Tensor, size: torch.Size) -> Tensor:
    """Bilinear, where the size differs."""
    return x_BChw if x_BChw.shape[-2:] == size else F.interpolate(x_BChw, size, mode="bilinear")


def _neck(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=1, bias=False),
        ChannelNorm(outputs),
        nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False),
        ChannelNorm(outputs),
    )
