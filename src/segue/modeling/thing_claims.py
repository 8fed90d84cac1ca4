"""Which thing of the picture each target of an answer claims: no two targets the same.

"The left dog, the middle dog and the right dog" are three phrases whose states are much alike, and each of
them looks at all the dogs, a little more at its own. One by one their masks would be blends of neighbours;
together it is plain whose is whose. So the cells of the picture first say which of them show the same thing:
each votes for a middle (Neven et al., "Instance Segmentation by Jointly Optimizing Spatial Embeddings and
Clustering Bandwidth", CVPR 2019, with a few free numbers beside, for what lies one on the other). Then what
the targets look at is spread over whole things and shared out among the targets of an answer, by Sinkhorn's
scaling: every target has one thing in all, no thing is had more than once.

Letters: K targets of I pictures, S image tokens of a square grid, F cells of the decoder's finest map, E
numbers of a vote, H and D widths.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import initialization as init

from segue.modeling.silent_linear import SilentLinear
from segue.modeling.standing_things import cell_places

__all__ = ["ThingClaims", "likeness", "share_out", "spread"]

ROUNDS = 20
"""Of Sinkhorn's scaling, which is slow where everybody wants the same."""
LEAST = 1e-4
"""Of a thing that a target does not look at at all: it may still be the only one left."""


class ThingClaims(nn.Module):
    """The votes of cells, and the sharing out. At first every cell is a thing of its own."""

    def __init__(self, width: int, fine_width: int, *, inner: int = 128, free: int = 6):
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.coarse = nn.Linear(width, inner)
        self.fine = nn.Linear(fine_width, inner)
        self.coarse_vote = SilentLinear(inner, 2 + free)
        self.fine_vote = SilentLinear(inner, 2 + free)
        self.log_scale = nn.Parameter(torch.empty(()))
        self.log_power = nn.Parameter(torch.empty(()))
        self.start()

    def start(self) -> None:
        """Where training begins: votes a twentieth of the picture apart are not the same; what a target
        looks at twice as much is eight times as much its own."""
        init.constant_(self.log_scale, math.log(10.0))
        init.constant_(self.log_power, math.log(3.0))

    def votes(self, tokens_ISH: Tensor, fine_IDhw: Tensor) -> tuple[Tensor, Tensor]:
        """Of the image tokens (I, S, E) and of the cells of the decoder's finest map (I, F, E), float32."""
        h, w = fine_IDhw.shape[-2:]
        side = round(tokens_ISH.shape[1] ** 0.5)
        coarse = self.coarse(self.norm(tokens_ISH))
        near = F.interpolate(coarse.transpose(1, 2).unflatten(2, (side, side)), size=(h, w), mode="bilinear")
        fine = self.fine(fine_IDhw.flatten(2).transpose(1, 2)) + near.flatten(2).transpose(1, 2)
        return self._vote(self.coarse_vote(F.gelu(coarse))), self._vote(self.fine_vote(F.gelu(fine)))

    def _vote(self, said_ISE: Tensor) -> Tensor:
        said = said_ISE.float()
        middles = cell_places(said.shape[1], like=said) + said[..., :2]
        return torch.cat([self.log_scale.float().exp() * middles, said[..., 2:]], dim=-1)

    def forward(
        self, scores_KS: Tensor, image_index_K: Tensor, answers_K: Tensor, coarse_ISE: Tensor
    ) -> Tensor:
        """(K, S) where each target looks after all of its answer are heard; a row's sum is 1.

        Args:
            scores_KS: where each looks by itself, before the softmax.
            image_index_K: which picture each target is in, int64.
            answers_K: which answer each target is of; those of one answer are of one picture.
            coarse_ISE: votes of the image tokens.
        """
        look_KS = scores_KS.float().softmax(dim=-1)
        same_ISS = likeness(coarse_ISE, coarse_ISE)
        seen_KS = spread(look_KS, same_ISS, image_index_K).clamp(LEAST, 1)
        size_KS = same_ISS.sum(dim=-1)[image_index_K]
        claims_KS = share_out(seen_KS ** self.log_power.float().exp(), size_KS, answers_K)
        own_KS = look_KS * claims_KS / seen_KS
        return own_KS / own_KS.sum(dim=-1, keepdim=True)


def share_out(wanted_KS: Tensor, size_KS: Tensor, answers_K: Tensor) -> Tensor:
    """How much of the thing in each cell each target has, (K, S), by what it wants of it, above 0.

    A target's things add up to 1, where a thing counts once however many cells (`size_KS`) show it; of one
    thing the targets of an answer have at most 1 together, up to what the last round leaves.
    """
    together_KK = (answers_K[:, None] == answers_K[None, :]).to(wanted_KS.dtype)

    def one_each(claims: Tensor) -> Tensor:
        return claims / (claims / size_KS).sum(dim=-1, keepdim=True)

    claims = one_each(wanted_KS)
    for _ in range(ROUNDS):
        claims = one_each(claims / (together_KK @ claims).clamp(min=1))
    return claims


def spread(shares_KS: Tensor, same_ISF: Tensor, image_index_K: Tensor) -> Tensor:
    """(K, F) how much of each row's share lies on what each other cell shows."""
    own_KI = F.one_hot(image_index_K, len(same_ISF)).to(shares_KS.dtype)
    return torch.einsum("ki,iks->ks", own_KI, (own_KI.T[..., None] * shares_KS) @ same_ISF)


def likeness(votes_ISE: Tensor, others_IFE: Tensor) -> Tensor:
    """(I, S, F) how surely two cells show the same thing, above 0 and up to 1, float32: (1 + d^2 / 4)^-4 of
    votes that are d apart. Near by it is a Gaussian; far off its logarithm still has a slope that teaches,
    and not one that drowns all else."""
    # Not in half precision under autocast: places near each other are differences of large numbers.
    with torch.autocast(votes_ISE.device.type, enabled=False):
        a, b = votes_ISE.float(), others_IFE.float()
        squares = a.square().sum(-1)[..., :, None] + b.square().sum(-1)[..., None, :]
        apart = (squares - 2 * a @ b.transpose(1, 2)).clamp(min=0)
        return (1 + apart / 4).square().square().reciprocal()
