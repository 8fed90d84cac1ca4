"""SAM's two-way attention between a few tokens and an image, shared by the pixel decoders.

Projecting an image's T cells costs T * D * inner multiplications for each of four projections of a layer, and
every target has cells of its own. The tokens are few, so their side of each product is taken first: a query
and its head's slice of the key projection are one vector of the cells' own width, and what is read is summed
before it is projected. That is T * D * (heads * Q) instead: 48 columns for 128 in PixelLM's decoder, 8 for 64
in segue/mini's, for the same sums in another order.

Letters: K targets, Q tokens, T cells, D width, A heads, d width of a head.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["Attention", "TwoWayLayer", "TwoWayTransformer"]


class TwoWayTransformer(nn.Module):
    """SAM's two-way attention: tokens read the image, the image reads the tokens, post-norm."""

    def __init__(self, width: int, *, depth: int, num_heads: int, mlp_dim: int):
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayLayer(width, num_heads, mlp_dim, first=i == 0) for i in range(depth)
        )
        self.final_attention = Attention(width, num_heads, inner=width // 2)
        self.final_norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, keys: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """`queries` (K, Q, D), `keys` (K, T, D), `positions` (T, D) -> queries and keys, same shapes."""
        query_positions = queries
        for layer in self.layers:
            queries, keys = layer(queries, keys, query_positions, positions)
        read = self.final_attention.read(queries + query_positions, keys + positions, keys)
        return self.final_norm(queries + read), keys


class TwoWayLayer(nn.Module):
    """Self-attention of the tokens, tokens to image, MLP, image to tokens."""

    def __init__(self, width: int, num_heads: int, mlp_dim: int, *, first: bool):
        super().__init__()
        self.first = first
        self.self_attention = Attention(width, num_heads)
        self.token_to_image = Attention(width, num_heads, inner=width // 2)
        self.image_to_token = Attention(width, num_heads, inner=width // 2)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_dim), nn.ReLU(), nn.Linear(mlp_dim, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))

    def forward(
        self, queries: Tensor, keys: Tensor, query_positions: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Shapes as in TwoWayTransformer. The first layer's self-attention replaces the tokens, as in SAM."""
        if self.first:
            queries = self.self_attention(queries, queries, queries)
        else:
            q = queries + query_positions
            queries = queries + self.self_attention(q, q, queries)
        queries = self.norms[0](queries)
        placed = keys + positions
        read = self.token_to_image.read(queries + query_positions, placed, keys)
        queries = self.norms[1](queries + read)
        queries = self.norms[2](queries + self.mlp(queries))
        written = self.image_to_token.write(keys, placed, queries + query_positions, queries)
        return queries, self.norms[3](written)


class Attention(nn.Module):
    """Multi-head attention whose inner width may be smaller than the model's."""

    def __init__(self, width: int, num_heads: int, *, inner: int | None = None):
        super().__init__()
        inner = inner or width
        self.num_heads = num_heads
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(K, Q, D), (K, T, D), (K, T, D) -> (K, Q, D)."""
        q, k, v = (
            projection(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection, x in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        return self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def read(self, tokens: Tensor, placed: Tensor, cells: Tensor) -> Tensor:
        """As `forward`: tokens (K, Q, D) read cells (K, T, D); `placed` are the cells with positions."""
        Q = tokens.shape[1]
        if not self._tokens_first(Q):
            return self(tokens, placed, cells)
        looked_for = self._through(self.k_proj, self._heads(self.q_proj(tokens)))
        # The key projection's bias adds the same to all of a query's scores, which softmax takes out.
        scores = looked_for @ placed.transpose(1, 2)
        found = scores.softmax(dim=-1) @ cells
        weight = self.v_proj.weight.unflatten(0, (self.num_heads, -1))
        values = torch.einsum("kaqc,adc->kqad", found.unflatten(1, (self.num_heads, Q)), weight)
        return self.out_proj(values.flatten(2) + self.v_proj.bias)

    def write(self, cells: Tensor, placed: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Cells (K, T, D), and added to them what they read of tokens.

        Args:
            placed: the cells with positions, which tokens are found by.
            k, v: (K, Q, D) the tokens' keys and values.
        """
        Q = k.shape[1]
        if not self._tokens_first(Q):
            return cells + self(placed, k, v)
        keys = self._heads(self.k_proj(k))
        looked_for = self._through(self.q_proj, keys)
        bias = torch.einsum("kaqd,ad->kaq", keys, self.q_proj.bias.unflatten(0, (self.num_heads, -1)))
        scores = looked_for @ placed.transpose(1, 2)
        scores = scores.unflatten(1, (self.num_heads, Q)) + bias[..., None] * keys.shape[-1] ** -0.5
        shares = scores.softmax(dim=2).flatten(1, 2)
        weight = self.out_proj.weight.unflatten(1, (self.num_heads, -1))
        values = torch.einsum("kaqd,cad->kaqc", self._heads(self.v_proj(v)), weight).flatten(1, 2)
        # The shares of each head have the sum 1, so each head's values carry their part of the bias.
        return torch.baddbmm(cells, shares.transpose(1, 2), values + self.out_proj.bias / self.num_heads)

    def _tokens_first(self, count: int) -> bool:
        """Whether so many tokens are few enough for that to be less work."""
        return self.num_heads * count < self.q_proj.out_features

    def _heads(self, x: Tensor) -> Tensor:
        """(K, Q, A d) -> (K, A, Q, d)."""
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _through(self, projection: nn.Linear, x_KAQd: Tensor) -> Tensor:
        """What the projection of a cell is multiplied by, as what the cell itself is: (K, A Q, D), scaled."""
        weight = projection.weight.unflatten(0, (self.num_heads, -1))
        return torch.einsum("kaqd,adc->kaqc", x_KAQd * x_KAQd.shape[-1] ** -0.5, weight).flatten(1, 2)
