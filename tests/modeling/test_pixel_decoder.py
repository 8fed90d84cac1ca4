"""The light attention pixel decoder: its equations, its shapes, and SAM's two-way attention inside it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from transformers import SamMaskDecoderConfig
from transformers.models.sam.modeling_sam import SamTwoWayTransformer

from segue.modeling.configuration import PixelDecoderConfig
from segue.modeling.pixel_decoder import FourierPositions, PixelDecoder, TokenFusion, TwoWayTransformer
from segue.modeling.vision import VisionFeatures

D = 16


def decoder(*, levels: int = 2, scale: float = 5.0, **changes) -> PixelDecoder:
    """Random weights, larger than at the start of training so that everything has an effect."""
    torch.manual_seed(0)
    config = PixelDecoderConfig(hidden_size=D, depth=1, num_heads=2, mlp_dim=8, **changes)
    module = PixelDecoder(config, level_widths=[12] * levels, fine_width=6, edge_widths=(5, 3)).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)
    return module


def features(*, images: int = 2, levels: int = 2, side: int = 4) -> VisionFeatures:
    generator = torch.Generator().manual_seed(1)
    return VisionFeatures(
        levels=tuple(torch.randn(images, 12, side, side, generator=generator) for _ in range(levels)),
        fine=torch.randn(images, 6, 2 * side, 2 * side, generator=generator),
        edges=(
            torch.randn(images, 5, 4 * side, 4 * side, generator=generator),
            torch.randn(images, 3, 8 * side, 8 * side, generator=generator),
        ),
    )


def tokens(count: int, *, levels: int = 2) -> torch.Tensor:
    return torch.randn(count, levels, D, generator=torch.Generator().manual_seed(2))


# -- shapes --------------------------------------------------------------------


@pytest.mark.parametrize("levels", [1, 2, 3])
@torch.no_grad()
def test_every_map_is_twice_the_one_before_and_masks_twice_the_last(levels):
    module = decoder(levels=levels)
    maps = module.prepare(features(levels=levels))
    assert [tuple(m.shape) for m in maps] == [(2, D, 4 * 2**level, 4 * 2**level) for level in range(levels)]
    masks = module(maps, torch.tensor([0, 1, 1]), tokens(3, levels=levels))
    assert masks.shape == (3, 8 * 2 ** (levels - 1), 8 * 2 ** (levels - 1))


@pytest.mark.parametrize("levels", [1, 2, 3])
@torch.no_grad()
def test_edges_give_masks_at_half_the_pictures_side_and_shape_them(levels):
    module = decoder(levels=levels, edges=True)
    seen = features(levels=levels)
    places, own = torch.tensor([0, 1, 1]), tokens(3, levels=levels)
    masks = module(module.prepare(seen), places, own)
    assert masks.shape == (3, 32, 32)
    without = replace(seen, edges=(torch.zeros_like(seen.edges[0]), torch.zeros_like(seen.edges[1])))
    assert not torch.allclose(masks, module(module.prepare(without), places, own))


@torch.no_grad()
def test_inputs_need_not_be_square():
    module = decoder()
    seen = VisionFeatures(
        levels=(torch.randn(1, 12, 2, 5), torch.randn(1, 12, 2, 5)),
        fine=torch.randn(1, 6, 4, 10),
        edges=(torch.randn(1, 5, 8, 20), torch.randn(1, 3, 16, 40)),
    )
    assert module(module.prepare(seen), torch.tensor([0]), tokens(1)).shape == (1, 8, 20)


@torch.no_grad()
def test_masks_are_float32_in_half_precision():
    module = decoder().to(torch.bfloat16)
    seen = features()
    masks = module(module.prepare(seen.map(torch.Tensor.bfloat16)), torch.tensor([0]), tokens(1).bfloat16())
    assert masks.dtype == torch.float32
    assert masks.isfinite().all()


# -- targets -------------------------------------------------------------------


@torch.no_grad()
def test_targets_do_not_see_each_other():
    module = decoder(scale=2.0)
    maps = module.prepare(features())
    index, own = torch.tensor([0, 1, 0, 1]), tokens(4)
    together = module(maps, index, own)
    for k in range(4):
        alone = module(maps, index[k : k + 1], own[k : k + 1])
        torch.testing.assert_close(together[k], alone[0], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_a_target_is_looked_for_in_its_own_picture():
    module = decoder()
    maps = module.prepare(features())
    same = tokens(1).expand(2, -1, -1)
    one, other = module(maps, torch.tensor([0, 1]), same)
    assert (one - other).abs().max() > 0.01


# -- the paper's equations -----------------------------------------------------


@torch.no_grad()
def test_the_coarser_mask_modulates_finer_features():
    """Eq. 3: with all weight on the finer scale, the token of the coarser one still matters."""
    module = decoder()
    module.scale_logits.copy_(torch.tensor([-100.0, 100.0]))
    maps = module.prepare(features())
    before = tokens(1)
    after = before.clone()
    after[:, 0] += 1
    index = torch.tensor([0])
    assert (module(maps, index, before) - module(maps, index, after)).abs().max() > 1e-3


@torch.no_grad()
def test_the_mask_is_the_weighted_sum_of_scales():
    """Eq. 4: linear in gamma, so the mask of mixed weights lies between those of pure ones."""
    module = decoder()
    maps, index, own = module.prepare(features()), torch.tensor([0]), tokens(1)

    def with_weights(*gamma: float) -> torch.Tensor:
        module.scale_logits.copy_(torch.tensor(gamma).clamp_min(1e-30).log())
        return module(maps, index, own)

    mixed = 0.3 * with_weights(1, 0) + 0.7 * with_weights(0, 1)
    torch.testing.assert_close(with_weights(0.3, 0.7), mixed, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_scale_weights_are_positive_with_sum_one(levels):
    learned = decoder(levels=levels)
    torch.testing.assert_close(learned.scale_weights, torch.full((levels,), 1 / levels))
    with torch.no_grad():
        learned.scale_logits.copy_(torch.randn(levels) * 5)
    assert (learned.scale_weights > 0).all()
    assert learned.scale_weights.sum().item() == pytest.approx(1)
    constant = decoder(levels=levels, scale_weights="constant")
    assert not hasattr(constant, "scale_logits")
    torch.testing.assert_close(constant.scale_weights, torch.full((levels,), 1 / levels))


def test_fusion_as_in_the_paper_is_linear_in_the_joined_tokens():
    fusion = TokenFusion(D, scales=2, tokens_per_scale=3, mode="learned")
    states = torch.randn(5, 2, 3, D)
    fused = fusion(states)
    assert fused.shape == (5, 2, D)
    joined = torch.cat([states[:, :, n] for n in range(3)], dim=-1)
    torch.testing.assert_close(fused, joined @ fusion.phi.weight.T + fusion.phi.bias)


@pytest.mark.parametrize(
    ("scales", "tokens_per_scale", "factor"), [(2, 3, 1 / 6), (3, 2, 1 / 6), (2, 1, 1.0)]
)
def test_fusion_as_released_is_a_constant_sum(scales, tokens_per_scale, factor):
    # With one token a scale the released code takes it as it is.
    fusion = TokenFusion(D, scales=scales, tokens_per_scale=tokens_per_scale, mode="constant")
    states = torch.randn(4, scales, tokens_per_scale, D)
    torch.testing.assert_close(fusion(states), states.sum(2) * factor)
    assert not list(fusion.parameters())


# -- parts of SAM --------------------------------------------------------------


@torch.no_grad()
def test_two_way_attention_equals_sams():
    """The same weights in transformers' SAM give the same numbers."""
    torch.manual_seed(0)
    ours = TwoWayTransformer(D, depth=2, num_heads=2, mlp_dim=24).eval()
    config = SamMaskDecoderConfig(
        hidden_size=D, num_attention_heads=2, mlp_dim=24, num_hidden_layers=2, layer_norm_eps=1e-5
    )
    reference = SamTwoWayTransformer(config).eval()
    names = {
        "self_attention": "self_attn",
        "token_to_image": "cross_attn_token_to_image",
        "image_to_token": "cross_attn_image_to_token",
        "mlp.0": "mlp.lin1",
        "mlp.2": "mlp.lin2",
        **{f"norms.{i}": f"layer_norm{i + 1}" for i in range(4)},
        "final_attention": "final_attn_token_to_image",
        "final_norm": "layer_norm_final_attn",
    }
    state = {}
    for name, value in ours.state_dict().items():
        for mine, theirs in names.items():
            name = name.replace(mine, theirs)
        state[name] = torch.randn_like(value) * 0.3
    reference.load_state_dict(state)
    ours.load_state_dict(dict(zip(ours.state_dict(), state.values(), strict=True)))

    queries, keys, positions = torch.randn(3, 2, D), torch.randn(3, 20, D), torch.randn(20, D)
    image = keys.transpose(1, 2).unflatten(2, (4, 5))
    grid = positions.T.unflatten(1, (4, 5)).expand(3, -1, -1, -1)
    expected_queries, expected_keys, *_ = reference(
        point_embeddings=queries[:, None],
        image_embeddings=image,
        image_positional_embeddings=grid,
        attention_similarity=None,
    )
    own_queries, own_keys = ours(queries, keys, positions)
    torch.testing.assert_close(own_queries, expected_queries[:, 0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(own_keys, expected_keys[:, 0], atol=1e-5, rtol=1e-5)


def test_fourier_positions_are_those_of_cell_centres():
    positions = FourierPositions(8)
    grid = positions.grid(2, 3)
    assert grid.shape == (6, 8)
    # Row by row: the fifth cell is the middle of the second row.
    torch.testing.assert_close(grid[4], positions(torch.tensor([0.5, 0.75])))
    angles = (2 * torch.tensor([0.5, 0.75]) - 1) @ positions.gaussian * 2 * math.pi
    torch.testing.assert_close(grid[4], torch.cat([angles.sin(), angles.cos()]))
    assert "gaussian" in positions.state_dict()  # drawn once, then part of the weights
