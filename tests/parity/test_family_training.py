"""The golden losses and gradients through what the trainer calls: collator, batch, objective; in both modes.

`test_lisa`, `test_gsva` and `test_pixellm` ask the same of the functions underneath, batch by batch as the
originals collate; here the originals' conversations come in as native records.
"""

from __future__ import annotations

import json
import re
from functools import cache

import numpy as np
import pytest
import torch

from segue.checkpoints.gsva_layout import read_gsva
from segue.checkpoints.llava_layout import lisa_table, read_lisa
from segue.checkpoints.lora import WRAPPER
from segue.checkpoints.pixellm_layout import pixellm_table, read_pixellm
from segue.data.family_collation import LisaCollator, PixelLMCollator
from segue.data.multi_referring import MASKS
from segue.data.native import ObjectRecord, Phrase, Record, Turn, encode_mask, mask_box
from segue.images import open_image
from segue.training.family_objectives import LisaObjective, PixelLMObjective
from tests.parity.shared import parity_folder

LOSSES, GRADIENTS = 1e-4, 1e-3
FOLDERS = {family: parity_folder(family) for family in ("lisa", "gsva", "pixellm")}
BATCHES = [
    ("lisa", "train"), ("lisa", "train_vqa"),
    ("gsva", "train"), ("gsva", "train_vqa"), ("gsva", "train_multiconv"),
    ("pixellm", "train0"), ("pixellm", "train1"),
]  # fmt: skip


class Case:
    def __init__(self, family: str):
        self.folder = folder = FOLDERS[family]
        self.arrays = np.load(folder / "expected.npz")
        self.facts = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
        if family == "pixellm":
            model, processor = read_pixellm(folder / "checkpoint", dtype=torch.float32)
            self.mark, objective, collator = processor.group_text, PixelLMObjective, PixelLMCollator
            names = pixellm_table().to_published
        else:
            model, processor = self.read_lisa_or_gsva(family)
            self.mark, objective, collator = "[SEG]", LisaObjective, LisaCollator
            table = lisa_table(model.config.sam_config.mask_decoder_config.iou_head_depth)
            wrapper = WRAPPER if family == "gsva" else ""
            names = lambda name: wrapper + table.to_published(name)  # noqa: E731
        self.objective = objective(model.requires_grad_(False), vocabulary=processor.vocabulary)
        self.collator = collator(processor, max_tokens=1024)
        self.parameters = {names(name): parameter for name, parameter in model.named_parameters()}

    def read_lisa_or_gsva(self, family: str):
        if family == "lisa":
            return read_lisa(self.folder / "checkpoint", dtype=torch.float32)
        paths = json.loads((self.folder / "fixture.json").read_text(encoding="utf-8"))
        return read_gsva(
            self.folder / paths["weight"],
            base=self.folder / paths["llava_dir"],
            vision_tower=self.folder / paths["clip_dir"],
            sam=self.folder / paths["sam_file"],
            lora_alpha=paths["lora_alpha"],
            dtype=torch.float32,
        )

    def training(self, name: str) -> tuple[dict, list[str], list[np.ndarray]]:
        """The facts of a batch, its pictures' paths and masks."""
        if name in self.facts:
            facts = self.facts[name]
            paths, masks = facts["images"], "masks_{}"
        else:
            facts = self.facts["train"][int(name.removeprefix("train"))]
            paths, masks = [f"samples/image_{i['image']}.png" for i in facts["items"]], "gt_masks_item{}"
        return facts, paths, [self.arrays[f"{name}/{masks.format(i)}"] for i in range(len(paths))]

    def batch(self, name: str, mode: str) -> dict[str, torch.Tensor]:
        facts, paths, masks = self.training(name)
        offset = self.arrays[f"{name}/offset"]
        samples = []
        for number, (path, own) in enumerate(zip(paths, masks, strict=True)):
            image = np.asarray(open_image(self.folder / path))
            texts = facts["conversations"][offset[number] : offset[number + 1]]
            samples.append(
                self.collator.encode(image, self.record(image, texts, own), np.random.default_rng(0))
            )
        self.collator.mode = mode
        return self.collator.collate(samples)

    def record(self, image: np.ndarray, texts: list[str], masks: np.ndarray) -> Record:
        """Object n is what the n-th mask token of the picture means."""
        turns, number = [], 0
        for text in texts:
            rounds = re.findall(r"USER: (.*?) ASSISTANT: (.*?)</s>", text, re.DOTALL)
            for place, (question, answer) in enumerate(rounds):
                pieces = re.split(f"({re.escape(self.mark)}|{re.escape('[REJ]')})", answer)
                plain, phrases = "", []
                for mark in range(1, len(pieces), 2):
                    number += 1
                    plain += pieces[mark - 1]
                    present = [number] * (pieces[mark] == self.mark)
                    phrases.append(Phrase(span=(len(plain), len(plain) + len(MASKS)), ids=present))
                    plain += MASKS
                turns.append(
                    Turn(
                        question=question.removeprefix("<im_start><image><im_end>\n"),
                        answer=plain + pieces[-1],
                        phrases=phrases,
                        follows=place > 0,
                    )
                )
        assert number == len(masks)
        objects = [
            ObjectRecord(id=n, category="thing", segmentation=encode_mask(m == 1), bbox=mask_box(m == 1))
            for n, m in enumerate(masks, start=1)
        ]
        height, width = image.shape[:2]
        return Record(image="a.png", width=width, height=height, objects=objects, dialogue=turns)

    def gradient_norms(self, facts: dict) -> dict[str, float]:
        """[norm of every gradient that the original recorded]."""
        if "grad_norms_released_loss" in facts:
            return facts["grad_norms_released_loss"]
        # LoRA's are those of merged weights, which `test_gsva` asks for.
        return {n: norm for n, (norm, _) in facts["grad_norm_and_sum"].items() if ".lora_" not in n}


@cache
def case_of(family: str) -> Case:
    return Case(family)


@pytest.mark.parametrize("mode", ["separate", "shared"])
@pytest.mark.parametrize(("family", "name"), BATCHES)
def test_losses_and_gradients(family, name, mode):
    case = case_of(family)
    facts, _, _ = case.training(name)
    norms = case.gradient_norms(facts)
    batch = case.batch(name, mode)
    trained = [case.parameters[n] for n in norms]
    for parameter in trained:
        parameter.requires_grad_(True)
    try:
        losses = case.objective.train()(**batch)
        losses.total.backward()
        found = {n: p.grad.norm().item() for n, p in case.parameters.items() if p.grad is not None}
    finally:
        case.objective.eval().zero_grad()
        case.objective.requires_grad_(False)

    expected = facts["losses"]
    terms = {
        "loss": losses.total,
        "ce_loss": losses.terms["text"],
        "mask_bce_loss": 2 * losses.terms["bce"],
        "mask_dice_loss": losses.terms["dice"] / 2,
    }
    assert {n: t.item() for n, t in terms.items()} == pytest.approx(
        {n: expected[n] for n in terms}, rel=LOSSES
    )
    # Absolute: keys' biases have no gradient but rounding, a softmax does not see them.
    assert {n: found.get(n, 0.0) for n in norms} == pytest.approx(
        {n: norm or 0.0 for n, norm in norms.items()}, rel=GRADIENTS, abs=1e-5
    )


@pytest.mark.parametrize(("family", "name"), BATCHES)
def test_ids_and_labels_are_the_originals(family, name):
    """Row by row as the original collates them, but for the picture's own places."""
    case = case_of(family)
    batch = case.batch(name, "separate")
    slots = case.collator.processor.num_image_tokens
    for row, (ids, labels) in enumerate(
        zip(case.arrays[f"{name}/input_ids"], case.arrays[f"{name}/labels"], strict=True)
    ):
        at = ids.tolist().index(-200)
        expected = [*ids[:at], *[-200] * slots, *ids[at + 1 :]]
        wanted = [*labels[:at], *[-100] * slots, *labels[at + 1 :]]
        length = int((batch["segment_ids"][row] >= 0).sum())
        assert batch["input_ids"][row, :length].tolist() == expected[:length]
        assert all(token == 0 for token in expected[length:])
        assert batch["labels"][row, :length].tolist() == wanted[:length]
