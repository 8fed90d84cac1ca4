"""What dense labels teach: classes of cells by the words for them, and where the things of a class stand.

Letters: B pictures, T or S cells of a map, C classes, K targets, N things of all pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segue.data.collation import IGNORE, UNLABELLED
from segue.training.losses import partial_label_loss

__all__ = ["NameEmbeddings", "WordClassifier", "cell_loss", "named_states", "splatted"]


class NameEmbeddings(nn.Module):
    """The mean word embedding of each of some names."""

    ids: Tensor
    share: Tensor

    def __init__(self, name_ids: list[list[int]]):
        super().__init__()
        longest = max(len(ids) for ids in name_ids)
        ids = torch.tensor([i + [0] * (longest - len(i)) for i in name_ids])
        used = torch.tensor([[1.0] * len(i) + [0.0] * (longest - len(i)) for i in name_ids])
        self.register_buffer("ids", ids, persistent=False)
        self.register_buffer("share", (used / used.sum(1, keepdim=True))[..., None], persistent=False)

    def forward(self, embeddings: Tensor) -> Tensor:
        """(vocabulary, width) table -> (names, width)."""
        return (embeddings[self.ids] * self.share).sum(1)


class WordClassifier(nn.Module):
    """Cosine similarity between features and the mean word embedding of each class name, plus a background
    vector."""

    def __init__(self, width: int, label_ids: list[list[int]]):
        super().__init__()
        self.background = nn.Parameter(torch.randn(1, width) * 0.02)
        self.log_scale = nn.Parameter(torch.tensor(2.5))
        self.names = NameEmbeddings(label_ids)

    def words(self, embeddings: Tensor) -> Tensor:
        """(classes - 1, width) mean embedding of each name's tokens, background left out."""
        named: Tensor = self.names(embeddings)
        return named

    def forward(self, features: Tensor, embeddings: Tensor) -> Tensor:
        """(B, T, width) features and the (vocabulary, width) table -> (B, T, classes) logits, background
        first."""
        classes = F.normalize(torch.cat([self.background, self.words(embeddings)]), dim=-1)
        return F.normalize(features, dim=-1) @ classes.T * self.log_scale.exp()


def named_states(
    category_words: WordClassifier,
    color_words: WordClassifier,
    embeddings: Tensor,
    categories_K: Tensor,
    colors_K: Tensor,
) -> Tensor:
    """(K, width): the words for a class, and for its colour where that is not 0, as a language model's state
    that means them; as long as a final-norm state."""
    meaning = F.normalize(category_words.words(embeddings)[categories_K - 1], dim=-1)
    hue = F.normalize(color_words.words(embeddings)[(colors_K - 1).clamp(min=0)], dim=-1)
    meaning = meaning + hue * (colors_K > 0)[:, None]
    return F.normalize(meaning, dim=-1) * meaning.shape[-1] ** 0.5


def cell_loss(
    logits_BTC: Tensor,
    map_Bhw: Tensor,
    grid: tuple[int, int] | torch.Size,
    excluded_BC: Tensor,
    name: str,
    foreground: float,
) -> Tensor:
    """Soft labels: the share of each class among the label pixels of a cell."""
    B, T, C = logits_BTC.shape
    h, w = grid
    step = map_Bhw.shape[1] // h
    cells = map_Bhw.long().view(B, h, step, w, step).permute(0, 1, 3, 2, 4).reshape(B * T, step * step)
    share = logits_BTC.new_zeros(B * T, C + 1)
    share.scatter_add_(
        1, torch.where(cells == IGNORE, C, cells), torch.full_like(cells, 1, dtype=share.dtype)
    )
    share = share / (step * step)
    unlabelled = share[:, UNLABELLED].clone()
    share = share[:, :C].clone()
    share[:, UNLABELLED] = 0
    share = share * foreground
    if name == "category":
        excluded = excluded_BC[:, None, :].expand(B, T, C).reshape(B * T, C)
    else:
        # Parts and colours are labelled everywhere or ignored: uncovered means background.
        excluded = torch.ones_like(share, dtype=torch.bool)
        excluded[:, 0] = False
    return partial_label_loss(logits_BTC.reshape(B * T, C).float(), share, unlabelled, excluded)


def splatted(
    rows_N: Tensor,
    classes_N: Tensor,
    points_N2: Tensor,
    shape_BCS: Sequence[int],
    grid: Sequence[int],
) -> Tensor:
    """(B, C, S) things by row, class (from 1; 0 is left out) and cell: each thing's 1 is shared by the four
    cells whose middles surround its relative point, as in bilinear interpolation."""
    B, C, S = shape_BCS
    h, w = grid
    expected = points_N2.new_zeros(B, C + 1, S)
    place = points_N2 * points_N2.new_tensor([w, h]) - 0.5
    corner, share = place.floor(), place - place.floor()
    for right in (0, 1):
        for down in (0, 1):
            part = (share[:, 0] if right else 1 - share[:, 0]) * (share[:, 1] if down else 1 - share[:, 1])
            x = (corner[:, 0].long() + right).clamp(0, w - 1)
            y = (corner[:, 1].long() + down).clamp(0, h - 1)
            expected.index_put_((rows_N, classes_N, y * w + x), part, accumulate=True)
    return expected[:, 1:]
