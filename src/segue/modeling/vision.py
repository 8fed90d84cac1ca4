"""The vision encoder of segue/mini: a transformer on a convolutional stem, seen at several depths and at two
strides.

Letters in tensor names: B images, C channels, H and W of the finest map, h and w of the stride-16 grid, T =
h * w.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segue.modeling.configuration import VisionConfig

__all__ = ["VisionEncoder", "VisionFeatures", "sincos_positions"]


@dataclass(frozen=True)
class VisionFeatures:
    """What the encoder saw.

    Attributes:
        levels: one (B, C, h, w) map for each mask scale, deepest first, stride 16.
        fine: (B, C', 2h, 2w), the stem's stride-8 map.
        edges: the stem's maps at stride 4 and stride 2, for the outlines of masks.
    """

    levels: tuple[Tensor, ...]
    fine: Tensor
    edges: tuple[Tensor, Tensor]

    def map(self, change: Callable[[Tensor], Tensor]) -> VisionFeatures:
        """Every map changed in the same way."""
        return VisionFeatures(
            tuple(change(level) for level in self.levels),
            change(self.fine),
            (change(self.edges[0]), change(self.edges[1])),
        )


class VisionEncoder(nn.Module):
    """Convolutional stem to stride 16, sine-cosine positions, pre-norm transformer blocks.

    The stem makes training from scratch on little data possible (Xiao et al., "Early Convolutions Help
    Transformers See Better", 2021); positions are computed for any grid, so the input side is free.
    """

    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, config: VisionConfig):
        super().__init__()
        self.config = config
        self.stem = nn.ModuleList(_stem_stages(config.stem_widths, config.stem_depths))
        self.patch_projection = nn.Conv2d(config.stem_widths[-1], config.hidden_size, kernel_size=1)
        self.blocks = nn.ModuleList(
            TransformerBlock(config.hidden_size, config.num_heads, config.mlp_ratio)
            for _ in range(config.num_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(config.hidden_size) for _ in config.feature_layers)
        self.register_buffer("pixel_mean", torch.tensor(config.image_mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(config.image_std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> VisionFeatures:
        """`pixels`: (B, 3, H, W), RGB on the 0-255 scale, H and W multiples of 16."""
        x = (pixels - self.pixel_mean) / self.pixel_std
        x = x.contiguous(memory_format=torch.channels_last)
        stages = []
        for stage in self.stem:
            x = stage(x)
            stages.append(x)
        x_BChw = self.patch_projection(x)
        h, w = x_BChw.shape[-2:]
        x_BTC = x_BChw.flatten(2).transpose(1, 2)
        x_BTC = x_BTC + sincos_positions(h, w, x_BTC.shape[-1], device=x.device).to(x_BTC.dtype)

        outputs = {}
        for number, block in enumerate(self.blocks, start=1):
            x_BTC = block(x_BTC)
            outputs[number] = x_BTC
        levels = tuple(
            norm(outputs[layer]).transpose(1, 2).unflatten(2, (h, w))
            for norm, layer in zip(self.norms, self.config.feature_layers, strict=True)
        )
        return VisionFeatures(levels=levels, fine=stages[-2], edges=(stages[-3], stages[-4]))


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and MLP with residuals."""

    def __init__(self, width: int, num_heads: int, mlp_ratio: float):
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        hidden = int(width * mlp_ratio)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x_BTC: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x_BTC = x_BTC + self.attend(self.norm1(x_BTC))
        return x_BTC + self.mlp(self.norm2(x_BTC))

    def attend(self, x_BTC: Tensor) -> Tensor:
        """Full self-attention over the T positions."""
        q, k, v = self.qkv(x_BTC).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al., 2016)."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(_conv_norm(width, width), nn.ReLU(inplace=True), _conv_norm(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return F.relu(x + self.body(x))


def sincos_positions(h: int, w: int, width: int, *, device: torch.device | None = None) -> Tensor:
    """(h * w, width) sine-cosine table of cell centres in [0, 1]: half the channels for y, half for x.

    In relative coordinates, so that one model serves several input sizes.
    """
    frequencies = torch.exp(torch.linspace(0, math.log(64.0), width // 4, device=device)) * math.pi
    y = (torch.arange(h, device=device) + 0.5) / h
    x = (torch.arange(w, device=device) + 0.5) / w
    angles_y = (y[:, None] * frequencies).repeat_interleave(w, dim=0)
    angles_x = (x[:, None] * frequencies).repeat(h, 1)
    return torch.cat([angles_y.sin(), angles_y.cos(), angles_x.sin(), angles_x.cos()], dim=1)


def _stem_stages(widths: Sequence[int], depths: Sequence[int]) -> list[nn.Sequential]:
    """Stages of stride 2, each a 3x3 convolution to its width and so many residual blocks."""
    return [
        nn.Sequential(
            _conv_norm(inputs, outputs, stride=2),
            nn.ReLU(inplace=True),
            *(ResidualBlock(outputs) for _ in range(depth)),
        )
        for (inputs, outputs), depth in zip(pairwise((3, *widths)), depths, strict=True)
    ]


def _conv_norm(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
    )
