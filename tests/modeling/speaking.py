"""A tiny model that has learned a few answers by heart, for tests of whatever happens around an answer."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from segue.answer import Answer
from segue.data.native import Phrase, Turn
from segue.predictor import Predictor
from tests.modeling.tiny import tiny_model

# Question, answer, present phrases, absent phrases; and whether it is about a region.
LEARNED = [
    ("Where is the dog?", "The dog on the left.", ["dog"], [], False),
    (
        "Where are the mug and the spoon?",
        "The red mug, the spoon; no cat.",
        ["red mug", "spoon"],
        ["cat"],
        False,
    ),
    ("Is there a cat?", "There is no cat.", [], ["cat"], False),
    ("How many?", "Two.", [], [], False),
    ("Where is the red mug?", "A red mug.", ["red mug"], [], False),
    ("Describe this image.", "A red mug stands on a wooden table. A dog.", ["red mug"], [], False),
    ("Describe this region.", "The dog.", ["dog"], [], True),
    ("Silence", "", [], [], False),
]


def learned_turn(question: str, answer: str, present: list[str], absent: list[str], region: bool) -> Turn:
    """One of `LEARNED` in the native format, with phrases where their words first occur."""
    phrases = [
        Phrase(span=(answer.index(words), answer.index(words) + len(words)), ids=ids)
        for ids, group in (([1], present), ([], absent))
        for words in group
    ]
    phrases.sort(key=lambda phrase: phrase.span)
    box = (0.0, 0.0, 8.0, 8.0) if region else None
    return Turn(question=question, answer=answer, phrases=phrases, region=box)


def picture(seed: int = 0, *, width: int = 48, height: int = 40) -> Image.Image:
    """Coloured noise."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@cache
def speaking_predictor() -> Predictor:
    """The tiny model after it has learned `LEARNED` for any picture. All tests share it: leave it be."""
    return train_speaker()


def train_speaker(**changes: Any) -> Predictor:
    """As `speaking_predictor`, of any configuration (`tiny_config`); takes about a second."""
    torch.manual_seed(0)
    model, processor = tiny_model(scale=1.0, **changes)
    sequences = []
    for learned in LEARNED:
        if learned[1]:
            turn = processor.encode_turn(learned_turn(*learned))
            ids, start = turn.ids, turn.answer_start
        else:
            ids = processor.question_ids(learned[0])
            ids, start = [*ids, processor.stop_id], len(ids)
        sequences.append((processor.prefix_ids + ids, len(processor.prefix_ids) + start))
    length = max(len(ids) for ids, _ in sequences)
    ids = torch.full((len(sequences), length), processor.pad_id)
    labels = torch.full_like(ids, -100)
    for row, (own, start) in enumerate(sequences):
        ids[row, : len(own)] = torch.tensor(own)
        labels[row, start - 1 : len(own) - 1] = torch.tensor(own[start:])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    regions = torch.tensor([[0.0, 0.0, 0.2, 0.2]])
    pixels = np.stack([processor.image(picture(row))[0] for row in range(len(ids))])
    with torch.no_grad():
        tokens = model.encode_images(torch.from_numpy(pixels).permute(0, 3, 1, 2)).tokens
    for _ in range(200):
        # Padding stands behind everything that counts, so plain causal attention never reads it.
        states = model(ids, image_tokens=tokens, regions=regions)
        loss = torch.nn.functional.cross_entropy(
            model.lm_head(states[labels != -100]), labels[labels != -100]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss.item() < 0.03:
            break
    assert loss.item() < 0.05, loss.item()
    with torch.no_grad():
        # Masks with an opinion, though nobody taught them.
        for parameter in model.pixel_decoder.parameters():
            if parameter.ndim > 1:
                parameter.mul_(3)
        # The kernels' mean would decide every pixel alike: take it out of what they are applied to.
        norm = model.pixel_decoder.output_upscaling[1].norm
        norm.bias.normal_()
    return Predictor(model.eval(), processor, name="speaking")


def assert_same(a: Answer, b: Answer):
    """Equal words; masks may differ in a pixel that lies on the edge within rounding."""
    assert a.text == b.text
    assert [(s.phrase, s.span, s.rejected) for s in a.segments] == [
        (s.phrase, s.span, s.rejected) for s in b.segments
    ]
    for mine, other in zip(a.segments, b.segments, strict=True):
        assert mine.score == pytest.approx(other.score, abs=1e-3)
        if not mine.rejected:
            assert (mine.mask != other.mask).sum() <= 2
    for mine, other in zip(a.words, b.words, strict=True):
        assert mine.point == pytest.approx(other.point, abs=1e-2)
