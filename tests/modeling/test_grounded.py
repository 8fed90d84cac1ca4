"""The composition with codebooks of every shape: L scales, N tokens of a scale, one token for all scales."""

from __future__ import annotations

import pytest
import torch

from tests.modeling.tiny import tiny_model

LAYERS = {1: (3,), 2: (3, 2), 3: (3, 2, 1)}


def codebook(scales: int, tokens: int, *, layers: int, edges: bool = True):
    return tiny_model(
        vision_config={"num_layers": 3, "feature_layers": LAYERS[layers]},
        mask_token_config={"scales": scales, "tokens_per_scale": tokens},
        decoder_config={"edges": edges},
    )


@pytest.mark.parametrize("tokens", [1, 2, 3])
@pytest.mark.parametrize(
    ("scales", "layers"),
    [(1, 1), (2, 2), (3, 3), (1, 2), (1, 3)],  # the last two: tokens that serve every scale
)
def test_every_token_of_a_group_shapes_its_mask(scales, layers, tokens):
    model, processor = codebook(scales, tokens, layers=layers)
    assert len(processor.vocabulary.group) == scales * tokens
    features = model.encode_images(torch.rand(1, 3, 32, 32) * 255)
    states = torch.randn(2, scales * tokens, 32, requires_grad=True)
    masks = model.decode_masks(features, torch.tensor([0, 0]), states)
    assert masks.shape == (2, 16, 16)
    (gradient,) = torch.autograd.grad(masks.square().sum(), states)
    assert (gradient.abs().sum(dim=-1) > 0).all()


def test_the_codebook_fits_the_features():
    with pytest.raises(ValueError, match="3 scales, but 2 feature layers"):
        codebook(3, 1, layers=2)
