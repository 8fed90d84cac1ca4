"""PixelLLM's training losses and their gradients against the original: 1e-4 and 1e-3 relative."""

from __future__ import annotations

import pytest
import torch

from segue.checkpoints.jax_layout import convert_tree, our_name
from segue.training.detection_losses import dense_losses
from segue.training.pixelllm_losses import PixelLLMBatch, Tasks, training_losses
from tests.parity.pixelllm_case import PixelLLMCase
from tests.parity.shared import parity_folder

FOLDER = parity_folder("pixelllm")

STAGES = {
    "train_trace": Tasks(points=True),
    "train_ref": Tasks(captions=False, points=True),
    "train_refseg": Tasks(captions=False, points=True, masks=True),
    "train_densecap": Tasks(proposals=True),
    "train_joint_trace": Tasks(points=True),
}

NAMES = {
    "text": "text_loss",
    "point": "point_loss",
    "detection": "det_loss",
    "heatmap_positive": "pos_loss",
    "heatmap_negative": "neg_loss",
    "box_regression": "reg_loss",
    "roi_class": "stage0_roi_cls_loss",
    "roi_regression": "stage0_roi_reg_loss",
    "mask": "mask_loss",
    "mask_focal": "mask_focal_loss",
    "mask_dice": "mask_dice_loss",
    "mask_iou": "mask_iou_pred_loss",
    "total": "total_loss",
}


@pytest.fixture(scope="module", params=["t5", "bert"])
def case(request):
    torch.set_num_threads(1)
    return PixelLLMCase(FOLDER / request.param)


@pytest.mark.parametrize("stage", STAGES)
def test_losses_and_gradients(case, stage):
    labels = {
        name: case[f"{stage}/label/{name}"]
        for name in ("text_tokens", "context_tokens", "labels", "prompt_boxes", "boxes", "points", "masks")
        if f"{stage}/label/{name}" in case.arrays.files
    }
    batch = PixelLLMBatch(
        *case.pixels,
        text=labels["text_tokens"],
        context=labels["context_tokens"],
        labels=labels["labels"],
        prompt_boxes=labels.get("prompt_boxes"),
        boxes=labels.get("boxes"),
        points=labels.get("points"),
        masks=labels["masks"][..., 0] if "masks" in labels else None,
    )
    case.model.zero_grad()
    losses = training_losses(case.model, batch, STAGES[stage])
    for name, loss in losses.items():
        expected = float(case.arrays[f"{stage}/metrics/{NAMES[name]}"])
        assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-6), name
    losses["total"].backward()
    gradients = {
        name.partition("/grad/")[2]: case.arrays[name]
        for name in case.arrays.files
        if name.startswith(f"{stage}/grad/")
    }
    assert gradients
    lora = case.model.config.lora_rank > 0
    parameters = dict(case.model.named_parameters())
    converted = convert_tree(gradients, case.model.config)
    for name in gradients:
        theirs, ours = converted[our_name(name, lora=lora)], parameters[our_name(name, lora=lora)].grad
        assert (ours - theirs).abs().max() <= 1e-3 * theirs.abs().max(), name


def test_a_picture_without_boxes_teaches_the_heatmap_alone(case):
    """As the original records it for captions in a joint run, where it then weighs nothing."""
    detector, stage = case.model.detector, "train_joint_trace"
    with torch.no_grad():
        dense = detector.head(detector.pyramid(case.features.fused))
        losses = dense_losses(
            dense, case[f"{stage}/label/boxes"], case[f"{stage}/label/labels"], detector.config
        )
    for loss, name in zip(losses, ("pos_loss", "neg_loss", "reg_loss"), strict=True):
        assert loss.item() == pytest.approx(float(case.arrays[f"{stage}/metrics/{name}"]), rel=1e-4)
