"""EVA-02's vision transformer (Fang et al., 2023), as PixelLLM uses it: rotary positions on all tokens but
CLS, SwiGLU with a norm inside (sub-LN), a bias on queries and values but not on keys.

Parameters carry timm's names, so that public weights (`eva02_large_patch14_clip_224`) load as they are.
Letters: B images, T tokens (CLS first), C width, D width of a head, h and w of the grid.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segue.errors import CheckpointError
from segue.modeling.pixelllm_configuration import Eva02Config
from segue.modeling.resizing import bicubic

__all__ = ["Eva02", "Eva02Block", "read_timm_weights", "rotary_table"]


class Eva02(nn.Module):
    """Normalised pixels to a feature map; the CLS token is read along and dropped at the end."""

    def __init__(self, config: Eva02Config):
        super().__init__()
        self.config = config
        C, side = config.hidden_size, config.pretrain_image_size // config.patch_size
        patches = nn.Conv2d(3, C, config.patch_size, stride=config.patch_size)
        self.patch_embed = nn.ModuleDict({"proj": patches})
        self.cls_token = nn.Parameter(torch.zeros(1, 1, C))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + side * side, C) * 0.02)
        drops = torch.linspace(0, config.drop_path_rate, config.num_layers, device="cpu").tolist()
        self.blocks = nn.ModuleList(Eva02Block(config, drop_path=drop) for drop in drops)
        self.norm = nn.LayerNorm(C, eps=config.layer_norm_eps) if config.final_layer_norm else nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W) normalised -> (B, C, h, w)."""
        tokens_BTC, (h, w) = self.encode(pixels)
        return tokens_BTC[:, 1:].transpose(1, 2).unflatten(2, (h, w))

    def encode(self, pixels: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """The final tokens, CLS first, and the grid's size. Pixels beyond the last whole patch are unused."""
        x = self.patch_embed["proj"](pixels)
        h, w = x.shape[-2:]
        x_BTC = torch.cat([self.cls_token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
        x_BTC = x_BTC + self.positions(h, w)
        head_width = self.config.hidden_size // self.config.num_heads
        rotary = rotary_table(
            h, w, head_width, theta=self.config.rope_theta, device=x.device, scale=self._rope_scale(h)
        )
        for block in self.blocks:
            x_BTC = block(x_BTC, rotary)
        return self.norm(x_BTC), (h, w)

    def positions(self, h: int, w: int) -> Tensor:
        """(1, 1 + h * w, C): the learned table, its grid resized; the CLS position as it is."""
        cls, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        side = math.isqrt(grid.shape[1])
        if (h, w) == (side, side):
            return self.pos_embed
        grid = bicubic(grid.transpose(1, 2).unflatten(2, (side, side)), (h, w))
        return torch.cat([cls, grid.flatten(2).transpose(1, 2)], dim=1)

    def _rope_scale(self, h: int) -> float:
        """Released PixelLLM counts cells as they are; EVA-02 itself squeezes them to the trained grid."""
        reference = self.config.rope_reference_grid
        return 1.0 if reference is None else reference / h


class Eva02Block(nn.Module):
    """Pre-norm attention and SwiGLU, each with stochastic depth in training."""

    def __init__(self, config: Eva02Config, *, drop_path: float = 0.0):
        super().__init__()
        C = config.hidden_size
        self.drop_path = drop_path
        self.norm1 = nn.LayerNorm(C, eps=config.layer_norm_eps)
        self.attn = Eva02Attention(config)
        self.norm2 = nn.LayerNorm(C, eps=config.layer_norm_eps)
        self.mlp = SwiGlu(C, config.swiglu_hidden, eps=config.ffn_layer_norm_eps)

    def forward(self, x_BTC: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x_BTC = x_BTC + self._drop(self.attn(self.norm1(x_BTC), rotary))
        return x_BTC + self._drop(self.mlp(self.norm2(x_BTC)))

    def _drop(self, branch: Tensor) -> Tensor:
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        kept = torch.rand(len(branch), 1, 1, device=branch.device) < keep
        return branch * kept / keep


class Eva02Attention(nn.Module):
    """Full attention; queries and keys of patches are rotated, those of CLS are not."""

    def __init__(self, config: Eva02Config):
        super().__init__()
        C = config.hidden_size
        self.num_heads = config.num_heads
        self.q_proj = nn.Linear(C, C)
        self.k_proj = nn.Linear(C, C, bias=False)
        self.v_proj = nn.Linear(C, C)
        self.norm = nn.LayerNorm(C, eps=config.layer_norm_eps) if config.attention_norm else nn.Identity()
        self.proj = nn.Linear(C, C)

    def forward(self, x_BTC: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        q, k, v = (
            projection(x_BTC).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = (torch.cat([y[:, :, :1], _rotate(y[:, :, 1:], rotary)], dim=2) for y in (q, k))
        read = F.scaled_dot_product_attention(q, k, v)
        return self.proj(self.norm(read.transpose(1, 2).flatten(2)))


class SwiGlu(nn.Module):
    """w3(norm(silu(w1 x) * w2 x)), under timm's names."""

    def __init__(self, width: int, hidden: int, *, eps: float):
        super().__init__()
        self.fc1_g = nn.Linear(width, hidden)
        self.fc1_x = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden, eps=eps)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width)."""
        return self.fc2(self.norm(F.silu(self.fc1_g(x)) * self.fc1_x(x)))


def rotary_table(
    h: int, w: int, head_width: int, *, theta: float, scale: float = 1.0, device: torch.device | None = None
) -> tuple[Tensor, Tensor]:
    """Sine and cosine, each (h * w, head_width): one half turns with the row, the other with the column."""
    half = head_width // 2
    frequencies = theta ** (-torch.arange(0, half, 2, device=device).float() / half)
    rows = (torch.arange(h, device=device) * scale)[:, None] * frequencies
    columns = (torch.arange(w, device=device) * scale)[:, None] * frequencies
    angles = torch.cat([rows.repeat_interleave(w, dim=0), columns.repeat(h, 1)], dim=1)
    angles = angles.repeat_interleave(2, dim=1)  # each frequency serves a neighbouring pair
    return angles.sin(), angles.cos()


def _rotate(x: Tensor, rotary: tuple[Tensor, Tensor]) -> Tensor:
    sin, cos = (part.to(x.dtype) for part in rotary)
    pairs = x.unflatten(-1, (-1, 2))
    turned = torch.stack([-pairs[..., 1], pairs[..., 0]], dim=-1).flatten(-2)
    return x * cos + turned * sin


def read_timm_weights(model: Eva02, state: Mapping[str, Tensor]) -> None:
    """Public timm or EVA-CLIP weights into `model`; a classification head and text tower are left out.

    Raises:
        CheckpointError: a tensor is missing, unexpected or has another shape.
    """
    from segue.checkpoints.strict import fill

    known = {_timm_name(name): value for name, value in state.items() if not name.startswith(_NOT_OURS)}
    if any(".attn.norm." in name for name in known) != model.config.attention_norm:
        raise CheckpointError(
            "these EVA-02 weights "
            + ("lack" if model.config.attention_norm else "have")
            + " a norm inside the attention: set attention_norm accordingly"
        )
    fill(model, known, "EVA-02 weights")


_NOT_OURS = ("head.", "text.", "logit_scale", "rope.", "fc_norm.", "mask_token")

_EVA_CLIP_NAMES = (
    ("attn.q_bias", "attn.q_proj.bias"),
    ("attn.v_bias", "attn.v_proj.bias"),
    ("attn.inner_attn_ln.", "attn.norm."),
    ("mlp.w1.", "mlp.fc1_g."),
    ("mlp.w2.", "mlp.fc1_x."),
    ("mlp.w3.", "mlp.fc2."),
    ("mlp.ffn_ln.", "mlp.norm."),
)


def _timm_name(name: str) -> str:
    name = name.removeprefix("visual.").removeprefix("trunk.")
    for old, new in _EVA_CLIP_NAMES:
        name = name.replace(old, new)
    return name
