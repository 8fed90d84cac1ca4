"""Attention between few tokens and many cells: taking the tokens' side first changes nothing but the work."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from segue.modeling.two_way_attention import Attention

WIDTH, INNER, HEADS = 16, 8, 2


def attention(*, seed: int = 0) -> Attention:
    torch.manual_seed(seed)
    module = Attention(WIDTH, HEADS, inner=INNER)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5)
    return module


def inputs(tokens: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Keys and values of tokens, cells, their positions."""
    generator = torch.Generator().manual_seed(tokens)
    shapes = ((3, tokens, WIDTH), (3, tokens, WIDTH), (3, 20, WIDTH), (20, WIDTH))
    return tuple(torch.randn(shape, generator=generator, requires_grad=True) for shape in shapes)


def same(actual, expected, leaves):
    """Values and gradients."""
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-4)
    gradients = [
        torch.autograd.grad(x.square().sum(), leaves, allow_unused=True, retain_graph=True)
        for x in (actual, expected)
    ]
    for own, plain in zip(*gradients, strict=True):
        # A constant added to all scores has no gradient: the key's bias.
        own = torch.zeros_like(plain) if own is None else own
        torch.testing.assert_close(own, plain, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("tokens", [1, 3, 4, 7])  # 1 and 3 go first, 4 and 7 do not
def test_reading_is_plain_attention(tokens):
    module, (k, _, cells, positions) = attention(), inputs(tokens)
    plain = module(k, cells + positions, cells)
    same(module.read(k, cells + positions, cells), plain, (*module.parameters(), k, cells, positions))


@pytest.mark.parametrize("tokens", [1, 3, 4, 7])
def test_writing_is_plain_attention(tokens):
    module, (k, v, cells, positions) = attention(seed=1), inputs(tokens)
    plain = cells + module(cells + positions, k, v)
    same(module.write(cells, cells + positions, k, v), plain, (*module.parameters(), k, v, cells, positions))


def test_few_tokens_cost_less():
    module, (k, v, cells, positions) = attention(), inputs(1)

    def cost(run) -> int:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            run()
        return counter.get_total_flops()

    assert cost(lambda: module.read(k, cells + positions, cells)) < cost(
        lambda: module(k, cells + positions, cells)
    )
    assert cost(lambda: module.write(cells, cells + positions, k, v)) < cost(
        lambda: module(cells + positions, k, v)
    )
