"""Several kinds of turns on the same pictures: one batch, each picture once, the same losses as apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segue.data.joint_collation import JointCollator
from segue.data.pixelllm_collation import KINDS, PixelLLMCollator
from segue.data.pixelllm_view import ViewRange
from segue.data.templates import make_dialogue
from segue.errors import DataError
from segue.scenes.facts import make_described_scene
from segue.training.family_objectives import PixelLLMObjective
from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_text

OPTIONS = {"prompts": 2, "paraphrases": False}


def scene(seed, **options):
    image, record = make_described_scene(seed, size=(112, 96))
    rng = np.random.default_rng(seed)
    made = make_dialogue(record, rng, family="pixelllm", kind="joint", options=OPTIONS | options)
    return image, made


def only(record, *kinds):
    turns = [turn for turn in record.dialogue if turn.type in kinds]
    return record.model_copy(update={"dialogue": turns})


@pytest.fixture(scope="module")
def model():
    return tiny_pixelllm(text="bert", mask_adapter_config=None)


@pytest.fixture(scope="module")
def collator(model):
    return JointCollator(model.config, tiny_text(model.config), masks=True)


def test_a_joint_dialogue_has_every_kind_and_asks_in_the_first_wording():
    _, record = scene(3)
    assert {turn.type for turn in record.dialogue} == {"trace", "refer", "region"}
    told = next(turn for turn in record.dialogue if turn.type == "trace")
    assert told.question == "A long image caption: "
    assert told.points


def test_without_places_the_same_words_have_none():
    _, placed = scene(3)
    _, record = scene(3, places=False)
    told = next(turn for turn in record.dialogue if turn.type == "caption")
    assert told.answer == next(turn.answer for turn in placed.dialogue if turn.type == "trace")
    assert not told.points
    assert told.question == "A long image caption: "


def test_losses_are_those_of_the_kinds_apart(model, collator):
    drawn = [scene(seed) for seed in (1, 3)]
    rng = np.random.default_rng(0)
    batch = collator.collate([collator.encode(image, record, rng) for image, record in drawn])
    assert batch["pixels"].shape == (2, 3, 56, 56)
    together = PixelLLMObjective(model)(**batch)

    views = dict.fromkeys(KINDS, ViewRange())
    apart = PixelLLMCollator(model.config, collator.one.text, views=views, masks=True)
    total = torch.zeros(())
    for kind in ("trace", "refer", "region"):
        samples = [apart.encode(image, only(record, kind), rng) for image, record in drawn]
        losses = PixelLLMObjective(model)(**apart.collate(samples))
        total = total + losses.total
        for name, value in losses.terms.items():
            torch.testing.assert_close(together.terms[f"{kind}_{name}"], value, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together.total, total, rtol=1e-4, atol=1e-5)


def test_a_picture_may_lack_a_kind(model, collator):
    rng = np.random.default_rng(0)
    (image, record), (other, fewer) = scene(1), scene(3)
    samples = [collator.encode(image, record, rng), collator.encode(other, only(fewer, "region"), rng)]
    batch = collator.collate(samples)
    assert batch["parts"]["trace"]["labels"].tolist() == [[1], [0]]
    assert batch["parts"]["refer"]["labels"][1].tolist() == [0, 0]
    assert PixelLLMObjective(model)(**batch).total.isfinite()


def test_all_kinds_of_a_picture_have_the_same_view(model):
    collator = JointCollator(
        model.config, tiny_text(model.config), masks=False, view=ViewRange(0.5, 1.0, mirror=True)
    )
    rng = np.random.default_rng(5)
    sizes = set()
    for seed in range(4):
        samples = collator.encode(*scene(seed), rng)
        pictures = [sample.pixels for sample in samples.values()]
        assert all(np.array_equal(pictures[0], other) for other in pictures)
        sizes.add(next(iter(samples.values())).size)
    assert len(sizes) > 1


@pytest.mark.parametrize("kinds", [(), ("name",)])
def test_turns_of_other_families(collator, kinds):
    image, record = scene(1)
    turns = [record.dialogue[0].model_copy(update={"type": kind}) for kind in kinds]
    with pytest.raises(DataError, match="turns of"):
        collator.encode(image, record.model_copy(update={"dialogue": turns}), np.random.default_rng(0))
