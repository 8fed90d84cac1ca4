"""Where to look, and what is seen there: SAM's prompt embeddings and PixelLLM's prompt feature extractor.

Letters: P prompts of all pictures (B pictures with N prompts each), Q learned tokens, D widths, T = h * w.
Boxes are x0, y0, x1, y1 in pixels of the padded input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from segue.modeling.pixel_decoder import FourierPositions, TwoWayTransformer
from segue.modeling.pixelllm_configuration import MaskAdapterConfig, PromptExtractorConfig
from segue.modeling.two_way_attention import TwoWayLayer

__all__ = ["MaskAdapter", "PromptEncoder", "PromptExtractor"]

R2 = 0.7548776662466927
"""The inverse of the plastic number."""
LOUDNESS = (3.0, 2.0)
"""At the start from nothing: of positions beside what is seen there, and of a token's own beside theirs."""
QUIET = 0.3
"""Of the embeddings of kinds of points beside positions."""
SHARPNESS = 8.0
"""Of its attention: two thirds of it fall on a tenth of the picture."""


class PromptEncoder(nn.Module):
    """SAM's embedding of points and boxes.

    `image_size` is the nominal input side that coordinates are divided by.
    """

    def __init__(self, width: int):
        super().__init__()
        self.positions = FourierPositions(width)
        self.point_embed = nn.Parameter(torch.randn(4, width))  # outside, inside, left-top, right-bottom
        self.not_a_point = nn.Parameter(torch.randn(width))
        self.no_mask = nn.Parameter(torch.randn(width))

    def boxes(self, boxes_P4: Tensor, image_size: float) -> Tensor:
        """(..., 4) -> (..., 2, D), a token for each corner."""
        corners = self.positions((boxes_P4.unflatten(-1, (2, 2)) + 0.5) / image_size)
        return corners + self.point_embed[2:]

    def points(self, points: Tensor, image_size: float) -> Tensor:
        """(..., K, 2) points inside -> (..., K + 1, D): SAM appends one that is none."""
        tokens = self.positions((points + 0.5) / image_size) + self.point_embed[1]
        none = self.not_a_point.expand(*tokens.shape[:-2], 1, -1)
        return torch.cat([tokens, none], dim=-2)

    def sparse(self, boxes_P4: Tensor, image_size: float) -> Tensor:
        """(..., 4) -> (..., 5, D), what the released model really reads.

        Two corner tokens and three times "no mask". A box of zeros (padding) is read as the point tokens of
        its corners.
        """
        points = self.points(box_corners(boxes_P4), image_size)
        filler = self.no_mask.expand(*boxes_P4.shape[:-1], points.shape[-2] - 2, -1)
        box = torch.cat([self.boxes(boxes_P4, image_size), filler], dim=-2)
        return torch.where((boxes_P4.amax(-1) > 0)[..., None, None], box, points)


def box_corners(boxes_P4: Tensor) -> Tensor:
    """(..., 4) -> (..., 4, 2): left-top, right-top, left-bottom, right-bottom."""
    x0, y0, x1, y1 = boxes_P4.unbind(-1)
    return torch.stack([torch.stack(p, dim=-1) for p in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))], dim=-2)


class PromptExtractor(nn.Module):
    """Q learned tokens and the prompt read the picture in both directions; each learned token leaves through
    a projection of its own.

    The released network also has a dense output (`dense_output`) that nothing reads.
    """

    def __init__(self, config: PromptExtractorConfig, *, image_width: int, prompt_width: int):
        super().__init__()
        D = config.hidden_size
        self.tokens = nn.Parameter(torch.randn(config.num_output_tokens, D) * 0.02)
        self.image_projection = nn.Linear(image_width, D)
        self.prompt_projection = nn.Linear(prompt_width, D)
        self.position_projection = nn.Linear(prompt_width, D)
        self.transformer = TwoWayTransformer(
            D, depth=config.num_layers, num_heads=config.num_heads, mlp_dim=config.mlp_size
        )
        self.outputs = nn.ModuleList(
            nn.Linear(D, config.output_size) for _ in range(config.num_output_tokens)
        )
        self.dense_output = nn.Linear(D, config.output_size)

    @torch.no_grad()
    def spread(self, prompts: PromptEncoder) -> None:
        """A start for training from nothing: every other learned token reads a place of its own, and a
        prompt's corners and points read theirs.

        As torch begins, each of them reads the mean of the whole picture, and nothing behind it can tell
        where anything is until they have come apart. The places are spread evenly (Roberts's R2 sequence);
        queries and keys are projected alike, so that a token finds the cells whose positions are like its
        own. The other half stays as it was, for what is asked about: a token that looks at its own place
        has to be talked out of it by a box.

        Args:
            prompts: what encodes positions and prompts. Its embeddings of kinds of points become quieter
                and the one of "no mask" nothing, so that places are heard beside them.
        """
        D = self.tokens.shape[1]
        own_tokens = self.tokens[::2]
        steps = torch.arange(len(own_tokens), dtype=self.tokens.dtype)[:, None]
        places = (0.5 + steps * self.tokens.new_tensor([R2, R2**2])) % 1
        loud, own = LOUDNESS
        nn.init.zeros_(prompts.no_mask)
        prompts.point_embed.mul_(QUIET)
        prompts.not_a_point.mul_(QUIET)
        self.position_projection.weight.mul_(loud)
        nn.init.zeros_(self.position_projection.bias)
        self.prompt_projection.weight.copy_(own * self.position_projection.weight)
        nn.init.zeros_(self.prompt_projection.bias)
        placed = self.position_projection(prompts.positions(places))
        own_tokens.copy_(own * placed)
        length = float(placed.square().sum(dim=-1).mean())
        attentions = [self.transformer.final_attention]
        attentions += [
            layer.token_to_image for layer in self.transformer.layers if isinstance(layer, TwoWayLayer)
        ]
        for attention in attentions:
            head = attention.q_proj.out_features // attention.num_heads
            nn.init.orthogonal_(attention.k_proj.weight)
            # A head's product of a token and the cell at its place is then SHARPNESS, on average.
            gain = SHARPNESS * head**0.5 / (own * length * head / D)
            attention.k_proj.weight.mul_(gain**0.5)
            attention.q_proj.weight.copy_(attention.k_proj.weight)
            nn.init.zeros_(attention.q_proj.bias)
            nn.init.zeros_(attention.k_proj.bias)

    def forward(
        self, image_BChw: Tensor, sparse_BNKD: Tensor, no_mask_D: Tensor, positions_TD: Tensor
    ) -> Tensor:
        """(B, N, Q, output size)."""
        queries, _ = self.read(image_BChw, sparse_BNKD, no_mask_D, positions_TD)
        out = torch.stack([project(queries[:, q]) for q, project in enumerate(self.outputs)], dim=1)
        return out.unflatten(0, sparse_BNKD.shape[:2])

    def read(
        self, image_BChw: Tensor, sparse_BNKD: Tensor, no_mask_D: Tensor, positions_TD: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The transformer's queries (P, Q + K, D), learned tokens first, and keys (P, T, D)."""
        B, N = sparse_BNKD.shape[:2]
        prompts = self.prompt_projection(sparse_BNKD.flatten(0, 1))
        queries = torch.cat([self.tokens.expand(B * N, -1, -1), prompts], dim=1)
        keys = self.image_projection(image_BChw.flatten(2).transpose(1, 2))
        keys = keys + self.prompt_projection(no_mask_D)
        return self.transformer(
            queries, keys.repeat_interleave(N, dim=0), self.position_projection(positions_TD)
        )


class MaskAdapter(nn.Module):
    """What was read and said, to a correction of the two corner tokens that prompt SAM's mask decoder.

    A gate that starts at zero leaves SAM as it was.
    """

    def __init__(self, config: MaskAdapterConfig, *, visual_width: int, text_width: int):
        super().__init__()
        D, eps = config.hidden_size, config.layer_norm_eps
        self.tokens = nn.Parameter(torch.randn(config.num_outputs, D) * 0.02)
        self.visual = nn.Sequential(nn.LayerNorm(visual_width, eps=eps), nn.Linear(visual_width, D))
        self.text = nn.Sequential(nn.LayerNorm(text_width, eps=eps), nn.Linear(text_width, D))
        self.transformer = TwoWayTransformer(
            D, depth=config.num_layers, num_heads=config.num_heads, mlp_dim=config.mlp_size
        )
        self.gate = nn.Parameter(torch.zeros(config.num_outputs, D)) if config.gated else None

    def forward(self, visual_PQD: Tensor, text_PLD: Tensor) -> Tensor:
        """Visual prefix and the states of all text positions (padding too, as released) -> (P, 2, D)."""
        keys = torch.cat([self.visual(visual_PQD), self.text(text_PLD)], dim=1)
        queries = self.tokens.expand(len(keys), -1, -1)
        tokens, _ = self.transformer(queries, keys, torch.zeros_like(keys[0]))
        return tokens if self.gate is None else tokens * self.gate.tanh()
