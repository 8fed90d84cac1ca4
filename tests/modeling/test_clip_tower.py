"""CLIP's tower against transformers' own, and what the padding mask promises."""

from __future__ import annotations

import pytest
import torch
from transformers import CLIPVisionConfig

from segue.modeling.clip_tower import ClipTower, resize_position_table, shrink_valid, valid_cells

CONFIG = {
    "image_size": 28,
    "patch_size": 14,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
}


def tower(layers=(-2, -3)):
    torch.manual_seed(0)
    made = ClipTower(CLIPVisionConfig(**CONFIG), feature_layers=layers).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(std=0.3)
    return made


@torch.no_grad()
@pytest.mark.parametrize(
    "layers",
    [
        (-1,),  # the last block, before the final norm
        (-2, -3),
        (0, 4, 2),  # the embeddings too; any order
    ],
)
def test_native_size_equals_transformers(layers):
    made = tower(layers)
    pixels = torch.randn(2, 3, 28, 28)
    states = made.model(pixels, output_hidden_states=True).hidden_states
    for layer, feature in zip(layers, made(pixels), strict=True):
        expected = states[layer][:, 1:].transpose(1, 2).unflatten(2, (2, 2))
        torch.testing.assert_close(feature, expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [14, 42, 56, 60])  # 60 is no multiple of 14: 4 cells, the rest is not seen
def test_any_size_has_its_grid(size):
    for feature in tower()(torch.randn(1, 3, size, size)):
        assert feature.shape == (1, 16, size // 14, size // 14)
        assert feature.isfinite().all()


@torch.no_grad()
def test_hidden_cells_change_no_other():
    made = tower()
    pixels = torch.randn(2, 3, 56, 56)
    valid = valid_cells(torch.tensor([[56, 30], [14, 56]]), 56, 4)
    before = made(pixels, valid)
    changed = pixels.clone()
    changed[0, :, :, 42:] = 7.0
    changed[1, :, 14:] = -3.0
    for a, b in zip(before, made(changed, valid), strict=True):
        seen = valid[:, None].expand_as(a)
        torch.testing.assert_close(a[seen], b[seen])
        assert not torch.allclose(a, b)  # the hidden ones themselves differ
    assert not torch.allclose(made(pixels)[0], before[0])  # without a mask, padding is read


@pytest.mark.parametrize(
    ("valid", "rows", "columns"),
    [
        ((56, 56), 4, 4),  # all
        ((15, 14), 2, 1),  # a cell counts once its first pixel does
        ((1, 1), 1, 1),
    ],
)
def test_valid_cells(valid, rows, columns):
    cells = valid_cells(torch.tensor([valid]), 56, 4)[0]
    assert cells.sum() == rows * columns
    assert cells[:rows, :columns].all()
    assert shrink_valid(cells[None], 2)[0].sum() == -(-rows // 2) * -(-columns // 2)


def test_position_table():
    table = torch.arange(5.0)[:, None] * torch.ones(1, 3)
    assert resize_position_table(table, (2, 2)) is table
    larger = resize_position_table(table, (4, 4))
    # As published: the first rows, class position among them, are resized; the last row goes to the end.
    assert larger.shape == (17, 3)
    assert larger[0, 0] == 0
    assert larger[-1, 0] == 4
    assert larger[-2, 0] == 3


def test_layers_must_exist():
    with pytest.raises(ValueError, match="not among 5"):
        tower((-6,))
