"""Learned tokens from nothing read places of their own, not all of them the whole picture."""

from __future__ import annotations

import torch

from segue.modeling.pixelllm_configuration import PromptExtractorConfig
from segue.modeling.prompt_extractor import R2, PromptEncoder, PromptExtractor

SIDE = 12
COUNT = 20


@torch.no_grad()
def heard(*, spread: bool) -> torch.Tensor:
    """How much each learned token, and then each of the prompt's, notices of a change in the cells at the top
    left."""
    torch.manual_seed(0)
    config = PromptExtractorConfig(
        num_layers=1, hidden_size=64, num_heads=4, mlp_size=64, num_output_tokens=COUNT, output_size=16
    )
    prompts = PromptEncoder(48)
    extractor = PromptExtractor(config, image_width=32, prompt_width=48).eval()
    if spread:
        extractor.spread(prompts)
    seen = torch.randn(1, 32, SIDE, SIDE)
    changed = seen.clone()
    changed[..., :4, :4] = torch.randn(1, 32, 4, 4)
    sparse = prompts.sparse(torch.tensor([[[0.0, 0, 96, 96]]]), 96)
    positions = prompts.positions.grid(SIDE, SIDE)
    before, after = (
        extractor.read(image, sparse, prompts.no_mask, positions)[0][0] for image in (seen, changed)
    )
    return (after - before).norm(dim=-1)


def nearness() -> torch.Tensor:
    """Of the places of the tokens that have one (every other one) to the change, whose middle is at a sixth
    of both sides."""
    steps = torch.arange(COUNT // 2)[:, None]
    places = (0.5 + steps * torch.tensor([R2, R2**2])) % 1
    return -(places - 1 / 6).norm(dim=-1)


def test_a_token_notices_what_happens_at_its_own_place():
    noticed = heard(spread=True)[:COUNT:2]
    near = nearness() > -0.3
    assert 1 <= near.sum() <= 4
    assert noticed[near].mean() > 2 * noticed[~near].mean()
    assert nearness()[noticed.argmax()] > -0.3


def test_the_other_half_notices_everything_alike():
    noticed = heard(spread=True)[1:COUNT:2]
    assert noticed.max() < 1.2 * noticed.min()


def test_a_corner_of_the_prompt_notices_what_happens_there():
    # The box is the whole picture, so its first corner lies in the change and its second as far as can be.
    first, second, *_ = heard(spread=True)[COUNT:]
    assert first > 2 * second


def test_without_that_start_all_notice_the_same():
    noticed = heard(spread=False)[:COUNT]
    assert noticed.max() < 1.2 * noticed.min()


def test_places_are_spread_over_the_whole_picture():
    config = PromptExtractorConfig(num_layers=1, hidden_size=32, num_heads=2, num_output_tokens=18)
    prompts, extractor = PromptEncoder(16), PromptExtractor(config, image_width=8, prompt_width=16)
    extractor.spread(prompts)
    placed = extractor.tokens[::2]
    apart = torch.cdist(placed, placed) + torch.eye(9) * 99
    assert apart.min() > 0.3 * placed.norm(dim=-1).mean()
    assert extractor.tokens.requires_grad
