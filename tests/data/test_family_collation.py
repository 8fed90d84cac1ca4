"""Batches of LISA, GSVA and PixelLM: one sequence for a picture says what one for each conversation does."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import LlamaConfig

from segue.checkpoints.sentencepiece_model import SentencePieceModel
from segue.data.family_collation import (
    LisaCollator,
    PixelLMCollator,
    conversations,
    write_answer,
)
from segue.data.multi_referring import MASKS
from segue.data.native import ObjectRecord, Phrase, Record, Turn, decode_mask, encode_mask, mask_box
from segue.errors import DataError
from segue.llama_tokenizer import LlamaTokenizer
from segue.pixellm_processing import PixelLMProcessor
from segue.training.family_objectives import LisaObjective, PixelLMObjective, normalised
from tests.modeling.tiny_lisa import tiny_lisa
from tests.modeling.tiny_pixellm import tiny_pixellm
from tests.test_llama_tokenizer import model_file

FAMILIES = ["lisa", "gsva", "pixellm"]
HEIGHT, WIDTH = 40, 64


def rectangle(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


RECTANGLES = {1: rectangle(2, 3, 20, 30), 2: rectangle(10, 20, 39, 60), 3: rectangle(0, 50, 9, 64)}


def turn(answer: str, *targets: list[int], question: str = "the dog?", **fields) -> Turn:
    """Every `[SEG]` of the answer is a mask, all words in braces are a phrase."""
    phrases, plain = [], ""
    pieces = re.split(r"(\[SEG\]|\{[\w ]+\})", answer)
    marks = iter(targets)
    for number, piece in enumerate(pieces):
        words = piece if not number % 2 else MASKS if piece == "[SEG]" else piece.strip("{}")
        if number % 2:
            phrases.append(Phrase(span=(len(plain), len(plain) + len(words)), ids=next(marks)))
        plain += words
    return Turn(question=question, answer=plain, phrases=phrases, **fields)


def record(*turns: Turn) -> Record:
    objects = [
        ObjectRecord(id=number, category="dog", segmentation=encode_mask(mask), bbox=mask_box(mask))
        for number, mask in RECTANGLES.items()
    ]
    return Record(image="a.png", width=WIDTH, height=HEIGHT, objects=objects, dialogue=list(turns))


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def make(family: str, folder, **options):
    """(objective, collator) of a tiny model."""
    if family != "pixellm":
        model, processor = tiny_lisa(folder, rejects=family == "gsva")
        return LisaObjective(model, vocabulary=processor.vocabulary), LisaCollator(processor, **options)
    (folder / "tokenizer.model").write_bytes(model_file())
    tokens = [f"[SEG{i}]" for i in range(4)] + ["<im_start>", "<im_end>"]
    pieces = len(SentencePieceModel.read(folder / "tokenizer.model"))
    text = LlamaConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        vocab_size=pieces + len(tokens), tie_word_embeddings=False,
    )  # fmt: skip
    model = tiny_pixellm(text_config=text)
    processor = PixelLMProcessor(model.config, LlamaTokenizer.read(folder, new_tokens=tokens, strip=True))
    return PixelLMObjective(model, vocabulary=processor.vocabulary), PixelLMCollator(processor, **options)


def records(family: str) -> list[Record]:
    """Two pictures: several targets, several rounds, text alone, words that name and words that do not."""
    several = turn("it is [SEG], the [SEG].", [1], [2, 3])
    if family == "gsva":
        several = turn("it is [SEG], the [SEG], the {god}.", [1], [], [2, 3])
    talk = turn("a dog it is."), turn("it is {the dog}.", [3], follows=True)
    return [
        record(several, *talk, turn("[SEG].", [2], question="it?")),
        record(turn("he is a dog."), turn("it is [SEG].", [1], question="is it the dog?")),
    ]


def losses_and_gradients(objective, batch):
    objective.zero_grad()
    found = objective(**batch)
    found.total.backward()
    gradients = {n: p.grad.clone() for n, p in objective.named_parameters() if p.grad is not None}
    return found, gradients


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("count", [1, 2])
def test_both_modes_teach_the_same(tmp_path, family, count):
    objective, collator = make(family, tmp_path)
    batches = {}
    for mode in ("separate", "shared"):
        collator.mode = mode
        samples = [collator.encode(picture(i), r, rng()) for i, r in enumerate(records(family)[:count])]
        batches[mode] = collator.collate(samples)
    assert len(batches["separate"]["input_ids"]) == [3, 5][count - 1]
    assert len(batches["shared"]["input_ids"]) == count
    apart, apart_gradients = losses_and_gradients(objective, batches["separate"])
    packed, packed_gradients = losses_and_gradients(objective, batches["shared"])
    assert set(packed.terms) == {"text", "bce", "dice"}
    for name, term in apart.terms.items():
        assert term > 0
        torch.testing.assert_close(packed.terms[name], term, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(packed.total, apart.total, rtol=1e-5, atol=1e-6)
    assert apart_gradients.keys() == packed_gradients.keys()
    for name, gradient in apart_gradients.items():
        torch.testing.assert_close(packed_gradients[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("family", FAMILIES)
def test_text_alone_trains_and_reaches_every_part(tmp_path, family):
    """No mask in the batch: the same parts have gradients, those of masks are zero."""
    objective, collator = make(family, tmp_path)
    batch = collator.collate([collator.encode(picture(), record(turn("he is a dog.")), rng())])
    found, gradients = losses_and_gradients(objective, batch)
    assert found.terms["bce"] == found.terms["dice"] == 0
    with_masks, others = losses_and_gradients(
        objective, collator.collate([collator.encode(picture(), record(turn("[SEG].", [1])), rng())])
    )
    assert with_masks.terms["bce"] > 0
    assert gradients.keys() == others.keys()
    part = "text_hidden_fcs" if family != "pixellm" else "mask_projection"
    assert all(not g.any() for n, g in gradients.items() if part in n)
    assert any(g.any() for n, g in others.items() if part in n)


def test_dialogues_do_not_see_each_other(tmp_path):
    """What one dialogue says changes nothing for another of the same picture."""
    objective, collator = make("lisa", tmp_path)
    states = []
    for first in ("it is the dog.", "he is a god of it."):
        batch = collator.collate(
            [collator.encode(picture(), record(turn(first), turn("[SEG].", [1])), rng())]
        )
        with torch.no_grad():
            features = objective.model.encode_for_language(batch["clip_pixels"])
            positions, segments = batch["position_ids"], batch["segment_ids"]
            out = objective.model(batch["input_ids"], features, position_ids=positions, segment_ids=segments)
        states.append(out[0][segments[0] == 2])
    torch.testing.assert_close(states[0], states[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "absent", "written"),
    [
        (turn("Sure, it is [SEG].", [1]), None, "Sure, it is <m>."),
        (turn("a:[SEG], b [SEG].", [1], []), "[REJ]", "a:<m>, b [REJ]."),
        (turn("The {red dog} and {it}.", [1], [2]), None, "The red dog <m> and it <m>."),
        (turn("A dog."), None, "A dog."),
    ],
)
def test_written_answers(given, absent, written):
    assert write_answer(given, present="<m>", absent=absent) == written


def test_a_rejection_needs_a_family_that_has_one():
    with pytest.raises(DataError, match="rejects a phrase"):
        write_answer(turn("[SEG].", []), present="[SEG]", absent=None)


def test_conversations_keep_rounds_together():
    turns = [turn("a"), turn("b", follows=True), turn("c"), turn("d", follows=True), turn("e", follows=True)]
    assert [[t.answer for t in talk] for talk in conversations(turns)] == [["a", "b"], ["c", "d", "e"]]


def test_masks_are_unions_in_the_order_of_the_answer(tmp_path):
    _, collator = make("gsva", tmp_path)
    sample = collator.encode(picture(), records("gsva")[0], rng())
    expected = [
        RECTANGLES[1],
        np.zeros_like(RECTANGLES[1]),
        RECTANGLES[2] | RECTANGLES[3],
        RECTANGLES[3],
        RECTANGLES[2],
    ]
    np.testing.assert_array_equal(sample.masks, expected)


def test_masks_at_the_wanted_size(tmp_path):
    """Half the size: a pixel is inside where most of what it covers is."""
    objective, collator = make("lisa", tmp_path, mask_side=32)
    sample = collator.encode(picture(), record(turn("[SEG].", [1])), rng())
    assert sample.geometry.original == (20, 32)
    assert sample.masks.shape == (1, 20, 32)
    assert sample.masks[0, 1:10, 2:15].all()
    assert sample.masks.sum() in range(9 * 13, 9 * 14 + 1)
    terms = objective(**collator.collate([sample])).terms
    assert terms["bce"] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_cut_never_breaks_a_target(tmp_path, family):
    """Whatever the limit: as many masks as whole targets, and nothing behind the limit."""
    objective, collator = make(family, tmp_path)
    talk = turn("it is [SEG], the [SEG], the [SEG] it is.", [1], [2], [3])
    whole = collator.encode(picture(), record(talk), rng())
    size = len(collator.processor.vocabulary.group)
    seen = set()
    for limit in range(len(whole.ids[0]) - 4 * size - 10, len(whole.ids[0]) + 1):
        collator.max_tokens = limit
        sample = collator.encode(picture(), record(talk), rng())
        assert limit - size < len(sample.ids[0]) <= limit
        assert sample.ids[0] == whole.ids[0][: len(sample.ids[0])]
        marks = [token for token in sample.ids[0] if token in collator.processor.vocabulary.group]
        assert len(marks) == size * len(sample.masks)
        seen.add(len(sample.masks))
    assert seen >= {1, 2, 3}
    collator.max_tokens = len(whole.ids[0]) - size - 2
    assert objective(**collator.collate([collator.encode(picture(), record(talk), rng())])).total.isfinite()


def test_what_is_too_much_is_drawn(tmp_path):
    _, collator = make("lisa", tmp_path, max_conversations=2)
    given = record(turn("a."), turn("it."), turn("dog."), turn("he."))
    drawn = {
        tuple(map(tuple, collator.encode(picture(), given, np.random.default_rng(seed)).ids))
        for seed in range(20)
    }
    assert all(len(ids) == 2 for ids in drawn)
    assert len(drawn) > 3


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (record(turn("it is </s>.")), "control token </s>"),
        (record(Turn(question="it?", answer="it is [SEG].")), r"control token \[SEG\]"),
        (record(turn("it.", question="<image> what?")), "control token <image>"),
        (record(turn("it.", question="is ASSISTANT: it?")), "holds 'ASSISTANT:'"),
        (record(), "no dialogue"),
        (record(turn("[SEG].", [])), "rejects"),
    ],
)
def test_broken_records_are_named(tmp_path, broken, message):
    _, collator = make("lisa", tmp_path)
    with pytest.raises(DataError, match=message):
        collator.encode(picture(), broken, rng())


def test_boxes_alone_and_wrong_sizes_are_named(tmp_path):
    _, collator = make("lisa", tmp_path)
    given = record(turn("[SEG].", [1]))
    boxed = given.objects[0].model_copy(update={"segmentation": []})
    with pytest.raises(DataError, match="object 1 has a box and no mask"):
        collator.encode(picture(), given.model_copy(update={"objects": [boxed, *given.objects[1:]]}), rng())
    with pytest.raises(DataError, match="its record says 64 x 40"):
        collator.encode(picture()[:, :-1], given, rng())


def test_views_are_those_of_inference(tmp_path):
    """What a worker sends as bytes is, normalised on the device, what `ask` shows to the model."""
    objective, collator = make("lisa", tmp_path)
    batch = collator.collate([collator.encode(picture(), record(turn("[SEG].", [1])), rng())])
    pixels, (geometry,) = collator.processor.pixels([Image.fromarray(picture())])
    torch.testing.assert_close(batch["clip_pixels"], pixels.clip, rtol=0, atol=0)
    torch.testing.assert_close(
        normalised(batch["sam_pixels"], [geometry], objective.model.config), pixels.sam, rtol=0, atol=0
    )
    assert decode_mask(record().objects[0].segmentation, HEIGHT, WIDTH).sum() == batch["masks"].sum()
