"""PixelLM against those golden numbers of its official code that lie in the repository."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from segue.modeling.clip_tower import resize_position_table
from segue.training.losses import dice_loss, mask_bce_loss, refinement_weights
from tests.parity.formula_weights import full_width_decoder, full_width_inputs

FOLDER = Path(__file__).parent / "golden" / "pixellm"


@pytest.fixture(scope="module")
def golden():
    return np.load(FOLDER / "expected.npz")


@torch.no_grad()
def test_decoder_at_full_width(golden):
    expected = {name: golden[f"decoder/{name}"] for name in (
        "mask_map_level0_stride1", "mask_map_level1_stride2", "lowres_masks_stride2", "iou_level0",
        "iou_level1", "check_first8_q_proj", "check_first8_features", "check_pe_matrix_first8",
    )}  # fmt: skip
    decoder, (seen, tokens) = full_width_decoder(), full_width_inputs()
    query = decoder.transformers[0].layers[0].self_attention.q_proj.weight
    for made, name in (
        (query, "check_first8_q_proj"),
        (seen, "check_first8_features"),
        (decoder.coarse_positions.gaussian, "check_pe_matrix_first8"),
    ):
        np.testing.assert_allclose(made.flatten()[:8], expected[name], atol=1e-6)
    maps = (seen[:1], decoder.upsample(seen[1:]))
    coarse, fine = decoder.decode(maps, torch.zeros(2, dtype=torch.long), tokens)
    low = decoder.combine([coarse.mask_logits, fine.mask_logits])
    quality = [decoder.quality_head(scale.tokens[:, 0])[:, :1] for scale in (coarse, fine)]
    for made, name in (
        (coarse.mask_logits, "mask_map_level0_stride1"),
        (fine.mask_logits[:, ::2, ::2], "mask_map_level1_stride2"),
        (low[:, ::2, ::2], "lowres_masks_stride2"),
        (quality[0], "iou_level0"),
        (quality[1], "iou_level1"),
    ):
        np.testing.assert_allclose(made, expected[name], atol=1e-3, rtol=0, err_msg=name)


@pytest.mark.parametrize("size", [448, 224, 512])
def test_position_table(golden, size):
    resized = resize_position_table(torch.tensor(golden["position_table"]), (size // 14, size // 14))
    np.testing.assert_allclose(resized[::3], golden[f"position_embedding_{size}"], atol=1e-6)


@pytest.mark.parametrize("number", [0, 1])
def test_mask_losses(golden, number):
    """Weighted terms of a batch: means over the pixels of a mask, then over all masks of both pictures."""
    facts = json.loads((FOLDER / "expected.json").read_text())["train"][number]
    bce = dice = overlap = torch.zeros(())
    count = 0
    for item, counts in enumerate(facts["counts"]):
        predicted = torch.tensor(golden[f"train{number}/predicted{item}"])
        if not len(predicted):
            continue
        bits = np.unpackbits(golden[f"train{number}/target{item}"])[: predicted.numel()]
        target = torch.tensor(bits).view(predicted.shape).float()
        question = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
        shared = refinement_weights(predicted, question, 2.0) - 1
        bce = bce + len(predicted) * mask_bce_loss(predicted, target)
        overlap = overlap + len(predicted) * mask_bce_loss(predicted, target, shared)
        dice = dice + len(predicted) * dice_loss(predicted, target)
        count += len(predicted)
    losses = facts["losses"]
    for made, name in (
        (2 * bce, "mask_bce_loss"),
        (2 * overlap, "mask_overlap_loss"),
        (0.5 * dice, "mask_dice_loss"),
    ):
        np.testing.assert_allclose(made / count, losses[name], rtol=1e-4, err_msg=name)
