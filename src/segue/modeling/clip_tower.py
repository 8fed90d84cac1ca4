"""CLIP's vision tower at any input size, with padding hidden, seen at several depths.

The layers are transformers' own. What is here is what PixelLM's code does around them (its
`clip_encoder.py`): a position table resized as its published weights were trained with, and an attention
mask that hides padded patches. LISA and GSVA use the tower at its native size without a mask.

Letters: B images, C width, S input side in pixels, g = S // patch cells a side.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel

__all__ = ["ClipTower", "resize_position_table", "shrink_valid", "valid_cells"]


class ClipTower(nn.Module):
    """Features of several blocks, without the class token and without the final norm.

    Args:
        config: of the tower at its native size.
        feature_layers: which of the num_layers + 1 hidden states are returned, in this order; negative
            ones count from the end, so that -2 is the output of the last block but one.
    """

    def __init__(self, config: CLIPVisionConfig, *, feature_layers: Sequence[int]):
        super().__init__()
        states = config.num_hidden_layers + 1
        if not feature_layers or any(not -states <= layer < states for layer in feature_layers):
            raise ValueError(f"feature_layers {tuple(feature_layers)} are not among {states} hidden states")
        self.config = config
        self.feature_layers = tuple(layer % states for layer in feature_layers)
        self.model = CLIPVisionModel(config)

    def forward(self, pixels: Tensor, valid_Bgg: Tensor | None = None) -> tuple[Tensor, ...]:
        """One (B, C, g, g) map for each of `feature_layers`.

        Args:
            pixels: (B, 3, S, S), normalised; what S // patch leaves over at the right and below is not seen.
            valid_Bgg: bool, False at cells that no other cell may read; they are computed all the same.
        """
        embeddings = self.model.embeddings
        cells_BTC = embeddings.patch_embedding(pixels)
        h, w = cells_BTC.shape[-2:]
        cells_BTC = cells_BTC.flatten(2).transpose(1, 2)
        first = embeddings.class_embedding.expand(len(pixels), 1, -1)
        table = resize_position_table(embeddings.position_embedding.weight, (h, w))
        x = self.model.pre_layrnorm(torch.cat([first, cells_BTC], dim=1) + table)

        mask = None
        if valid_Bgg is not None:
            keys_BT = F.pad(valid_Bgg.flatten(1), (1, 0), value=True)  # the class token is always read
            mask = torch.zeros(keys_BT.shape, dtype=x.dtype, device=x.device)
            mask = mask.masked_fill(~keys_BT, torch.finfo(x.dtype).min)[:, None, None, :]
            mask = mask.expand(-1, 1, x.shape[1], -1)
        wanted = {}
        for number in range(max(self.feature_layers) + 1):  # later blocks are of no use to anybody
            if number:
                x = self.model.encoder.layers[number - 1](x, attention_mask=mask)
            if number in self.feature_layers:
                wanted[number] = x[:, 1:].transpose(1, 2).unflatten(2, (h, w))
        return tuple(wanted[number] for number in self.feature_layers)


def resize_position_table(table: Tensor, grid: tuple[int, int]) -> Tensor:
    """CLIP's position table (1 + n * n, C) for another grid, the way the published weights had it.

    The released code takes the LAST row for the class token's, though CLIP keeps that in row 0, resizes the
    n * n rows before it and appends the last one; the tower then reads the result as usual, so that every
    patch is a step off. PixelLM's weights were trained on top of that. At the native grid nothing changes.
    """
    side = round((len(table) - 1) ** 0.5)
    if grid == (side, side):
        return table
    cells = table[:-1].float().unflatten(0, (side, side)).permute(2, 0, 1)[None]
    cells = F.interpolate(cells, size=grid, mode="bilinear", align_corners=False)
    return torch.cat([cells[0].flatten(1).T.to(table.dtype), table[-1:]])


def valid_cells(valid_B2: Tensor, size: int, grid: int) -> Tensor:
    """Which of (B, grid, grid) cells begin inside the picture, bool.

    `valid_B2` is the (height, width) of each picture at the top left of the square input of side `size`.
    """
    steps = torch.arange(size, device=valid_B2.device)
    rows, columns = (steps < valid_B2[:, axis, None] for axis in (0, 1))
    return shrink_valid(rows[:, :, None] & columns[:, None, :], grid)


def shrink_valid(valid_Bhw: Tensor, grid: int) -> Tensor:
    """A bool map at a coarser (grid, grid), by the nearest cell, as published."""
    return F.interpolate(valid_Bhw[:, None].float(), size=(grid, grid), mode="nearest")[:, 0] > 0
