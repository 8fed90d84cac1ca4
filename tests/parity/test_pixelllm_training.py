"""PixelLLM's golden training batches, losses and gradients through collator and objective, from the raw
annotations that the original's own input pipeline read."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from segue.caption_text import CaptionText
from segue.checkpoints.jax_layout import convert_tree, our_name
from segue.data.native import Caption, Expression, ObjectRecord, Record, encode_mask
from segue.data.pixelllm_collation import PUBLISHED_VIEWS, PixelLLMCollator
from segue.data.pixelllm_view import ViewRange
from segue.data.templates import make_dialogue
from segue.data.word_alignment import utterance_places, utterance_points
from segue.images import open_image
from segue.training.family_objectives import PixelLLMObjective
from tests.parity.pixelllm_case import PixelLLMCase
from tests.parity.shared import parity_folder

FOLDER = parity_folder("pixelllm")
KINDS = {
    "train_trace": "trace",
    "train_joint_trace": "trace",
    "train_ref": "referring",
    "train_refseg": "referring",
    "train_densecap": "region",
}


class ToyTokenizer:
    """The fixture's: a word list; what is not in it is 2, the full stop, comma and colon are nothing."""

    def __init__(self, vocabulary: dict[str, list[int]], unknown: int):
        self.vocabulary = vocabulary
        self.unknown = unknown

    def encode(self, text: str, add_special_tokens: bool = False):
        words = [word.strip(".,:") for word in text.lower().split()]
        ids = [i for word in words if word for i in self.vocabulary.get(word, [self.unknown])]
        return SimpleNamespace(ids=ids, offsets=[(0, 1)] * len(ids))


@pytest.fixture(scope="module", params=["t5", "bert"])
def case(request):
    torch.set_num_threads(1)
    return PixelLLMCase(FOLDER / request.param)


ANNOTATIONS = json.loads((FOLDER / "annotations.json").read_text())


def record(case: PixelLLMCase, number: int, stage: str) -> Record:
    image = open_image(FOLDER / f"sample_{number}.png")
    size = {"image": f"sample_{number}.png", "width": image.width, "height": image.height}
    if KINDS[stage] == "trace":
        return Record(objects=[], captions=[narrative(number, image.size)], **size)
    if KINDS[stage] == "region":
        regions = ANNOTATIONS["vg_regions"][number]["regions"]
        return Record(
            objects=[], captions=[Caption(text=r["phrase"], region=r["bbox"]) for r in regions], **size
        )
    golden = case.arrays["train_refseg/label/masks"][number, ..., 0]
    objects, expressions = [], []
    for entry in ANNOTATIONS["referring"][number]["objects"]:
        mask = enlarged(golden[len(expressions)], image.size)
        objects.append(
            ObjectRecord(
                id=len(objects), category="thing", segmentation=encode_mask(mask), bbox=entry["bbox"]
            )
        )
        expressions += [Expression(text=text, ids=[objects[-1].id]) for text in entry["sents"]]
    return Record(objects=objects, expressions=expressions, **size)


def narrative(number: int, size: tuple[int, int]) -> Caption:
    told = ANNOTATIONS["localized_narratives"][number]
    places = utterance_places(told["timed_caption"], told["traces"])
    points = utterance_points(told["caption"], places, width=size[0], height=size[1])
    return Caption(text=told["caption"], points=points)


def enlarged(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture-sized mask whose nearest pixels on the input are the golden ones."""
    (width, height), side = size, mask.shape[0]
    new_height, new_width = (
        (int(side * height / width), side) if width > height else (side, int(side * width / height))
    )
    rows = ((np.arange(new_height) + 0.5) * height / new_height).astype(int)
    columns = ((np.arange(new_width) + 0.5) * width / new_width).astype(int)
    full = np.zeros((height, width), bool)
    full[np.ix_(rows, columns)] = mask[:new_height, :new_width] > 0
    return full


def batch(case: PixelLLMCase, stage: str) -> dict[str, torch.Tensor]:
    config, words = case.model.config, ANNOTATIONS["tokenizers"][case.folder.name]
    text = CaptionText(
        ToyTokenizer(words["vocab"], words["unk"]),
        bos=config.bos_token_id,
        eos=config.eos_token_id,
        length=case[f"{stage}/label/text_tokens"].shape[-1],
        context_length=case[f"{stage}/label/context_tokens"].shape[-1],
    )
    collator = PixelLLMCollator(
        config,
        text,
        views=dict.fromkeys(PUBLISHED_VIEWS, ViewRange()),
        masks=stage == "train_refseg",
        prompts=case[f"{stage}/label/labels"].shape[1],
    )
    samples = []
    for number in range(2):
        own = record(case, number, stage)
        rng = np.random.default_rng(0)
        made = make_dialogue(own, rng, family="pixelllm", kind=KINDS[stage], options={"prompts": 16})
        turns = list(made.dialogue)
        if KINDS[stage] == "trace":  # the fixture's prompt
            turns = [turns[0].model_copy(update={"question": config.trace_prompt})]
        elif KINDS[stage] == "referring":  # the fixture is not shuffled
            order = [each.text for each in own.expressions]
            turns.sort(key=lambda turn: order.index(turn.answer))
        image = np.asarray(open_image(FOLDER / f"sample_{number}.png"))
        samples.append(collator.encode(image, own.model_copy(update={"dialogue": turns}), rng))
    return collator.collate(samples)


@pytest.mark.parametrize("stage", KINDS)
def test_batches(case, stage):
    """Ids and labels are equal, places within rounding."""
    found = batch(case, stage)
    torch.testing.assert_close(found["pixels"], case.pixels[0].float(), rtol=0, atol=2e-3)
    assert torch.equal(found["padding_mask"], case.pixels[1].float())
    compared = set()
    for ours, theirs, tolerance in (
        ("text", "text_tokens", 0),
        ("context", "context_tokens", 0),
        ("labels", "labels", 0),
        ("boxes", "boxes", 1e-4),
        ("points", "points", 1e-4),
        ("masks", "masks", 0),
        ("prompt_boxes", "prompt_boxes", 0),
    ):
        if ours in found:
            golden = case[f"{stage}/label/{theirs}"]
            golden = golden[..., 0] if ours == "masks" else golden
            if ours == "context":  # what is read of a prompt that is missing changes nothing
                golden = torch.where(found["labels"][..., None] > 0, golden, found[ours])
            torch.testing.assert_close(found[ours].to(golden.dtype), golden, rtol=0, atol=tolerance)
            compared.add(ours)
    assert {"text", "context", "labels"} < compared


@pytest.mark.parametrize("stage", KINDS)
def test_losses_and_gradients(case, stage):
    case.model.zero_grad()
    losses = PixelLLMObjective(case.model)(**batch(case, stage))
    losses.total.backward()
    golden = case.arrays
    assert losses.total.item() == pytest.approx(float(golden[f"{stage}/total_loss"]), rel=1e-4)
    for ours, theirs in (
        ("text", "text_loss"),
        ("point", "point_loss"),
        ("mask", "mask_loss"),
        ("detection", "det_loss"),
    ):
        if ours in losses.terms:
            assert losses.terms[ours].item() == pytest.approx(
                float(golden[f"{stage}/metrics/{theirs}"]), rel=1e-4
            )
    names = [n.partition("/grad/")[2] for n in golden.files if n.startswith(f"{stage}/grad/")]
    assert names
    lora = case.model.config.lora_rank > 0
    parameters = dict(case.model.named_parameters())
    converted = convert_tree({n: case.arrays[f"{stage}/grad/{n}"] for n in names}, case.model.config)
    for name in names:
        theirs, ours = converted[our_name(name, lora=lora)], parameters[our_name(name, lora=lora)].grad
        assert (ours - torch.as_tensor(theirs)).abs().max() <= 1e-3 * torch.as_tensor(theirs).abs().max(), (
            name
        )
