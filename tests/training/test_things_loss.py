"""What an answer's first states are about is held against all that the answer shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segue.data.collation import IGNORE, Collator, DenseLabels
from segue.data.native import ObjectRecord, Phrase, Record, Turn, encode_mask
from segue.modeling.thing_reader import read_things
from segue.training.counted_words import CountedWord
from segue.training.objective import GroundedObjective, LossWeights
from tests.modeling.tiny import tiny_config, tiny_model

LABELS = DenseLabels(("", "dog"), ("",), ("", "red"))


def objective() -> GroundedObjective:
    torch.manual_seed(0)
    return GroundedObjective(
        tiny_config(thing_reader=True),
        labels=LABELS,
        counted=[CountedWord("dog", frozenset({"dog"}))],
        label_ids={"category": [[20]], "color": [[22]], "counted": [[20]]},
        weights=LossWeights(things=1.0),
    )


def two_dogs(*turns: Turn) -> Record:
    """A dog on the left and one on the right, the head of the first, and what is said of them."""
    objects = []
    for id_, (x, y) in enumerate([(0, 0), (40, 20)], start=1):
        mask = np.zeros((40, 60), bool)
        mask[y : y + 20, x : x + 20] = True
        objects.append(
            ObjectRecord(id=id_, category="dog", segmentation=encode_mask(mask), bbox=[x, y, 20, 20])
        )
    head = np.zeros((40, 60), bool)
    head[:5, :5] = True
    part = {"id": 3, "category": "head", "segmentation": encode_mask(head), "part_of": 1}
    objects.append(ObjectRecord(**part, bbox=[0, 0, 5, 5]))
    return Record(image="a.png", width=60, height=40, objects=objects, dialogue=list(turns))


def said(answer: str, *phrases: tuple[str, list[int]]) -> Turn:
    own = [Phrase(span=(answer.index(p), answer.index(p) + len(p)), ids=ids) for p, ids in phrases]
    return Turn(question="Dogs?", answer=answer, phrases=own)


BOTH = said("Two dogs: the left dog, the right one.", ("left dog", [1]), ("right one", [2]))
NONE = said("There is no cat.", ("cat", []))
HEAD = said("The head.", ("head", [3]))
PLAIN = said("Yes.")


def batch_of(*turns: Turn) -> tuple[dict[str, torch.Tensor], list[int]]:
    """A batch of one picture, and its ids."""
    _, processor = tiny_model()
    collator = Collator(processor, LABELS)
    sample = collator.encode(np.zeros((40, 60, 3), np.uint8), two_dogs(*turns), np.random.default_rng(0))
    return collator.collate([sample]), sample.ids


def test_states_up_to_the_first_phrase_have_the_middles_of_everything_that_is_shown():
    batch, ids = batch_of(BOTH)
    _, processor = tiny_model()
    positions = batch["opening_positions"].tolist()
    first = ids.index(processor.vocabulary.phrase_start)
    answer = processor.tokenizer.encode("two dogs: the", add_special_tokens=False)
    assert positions == list(range(first - len(answer) - 1, first))  # each predicts a word of it, or the mark
    assert batch["labels"][0, positions].tolist() == [*answer, processor.vocabulary.phrase_start]
    assert batch["opening_rows"].tolist() == [0] * len(positions)
    assert batch["shown_openings"].tolist() == [n for n in range(len(positions)) for _ in range(2)]
    assert batch["shown_points"][:2].tolist() == [
        pytest.approx([10 / 60, 10 / 40]),
        pytest.approx([50 / 60, 30 / 40]),
    ]


def test_what_is_denied_is_nothing_and_parts_and_plain_words_are_not_asked_of():
    batch, _ = batch_of(NONE)
    assert len(batch["opening_positions"]) > 1
    assert len(batch["shown_points"]) == 0
    for turn in (HEAD, PLAIN):
        batch, _ = batch_of(turn)
        assert len(batch["opening_positions"]) == 0


def test_training_makes_states_mean_what_the_answer_shows():
    own = objective()
    batch, _ = batch_of(BOTH, NONE)
    features = own.model.encode_images(torch.zeros(1, 3, 32, 32))
    states, tokens = torch.randn(1, batch["labels"].shape[1], 32), features.tokens.detach()
    optimiser = torch.optim.Adam(own.model.thing_reader.parameters(), lr=0.001)
    before = own.things_loss(features, states, batch).item()
    for _ in range(300):
        optimiser.zero_grad()
        loss = own.things_loss(features, states, batch)
        loss.backward(retain_graph=True)
        optimiser.step()
    assert loss < 0.1 < before
    things = own.model.thing_reader.things(states, tokens)[0, batch["opening_positions"]]
    shown = len(torch.unique(batch["shown_openings"]))
    assert things[:shown].sum(dim=-1).tolist() == pytest.approx([2.0] * shown, abs=0.3)
    assert things[shown:].sum(dim=-1).tolist() == pytest.approx([0.0] * (len(things) - shown), abs=0.3)


def test_the_term_is_part_of_the_loss_of_answers():
    own = objective()
    batch, _ = batch_of(BOTH)
    losses = own(**batch)
    assert losses.terms["things"] > 0
    losses.total.backward()
    assert own.model.thing_reader.query.weight.grad.abs().sum() > 0
    own.weights = LossWeights()
    assert "things" not in own(**batch).terms


@torch.no_grad()
def test_words_before_the_first_phrase_can_count_more():
    own = objective().eval()
    batch, _ = batch_of(BOTH)
    features = own.model.encode_images(torch.zeros(1, 3, 32, 32))

    def text(**weights: float) -> float:
        own.weights = LossWeights(**weights)
        return own.answer_losses(features, batch)["text"].item()

    states = own.states(features, batch)
    opening = batch["opening_positions"][1:]  # the first word has a weight of its own
    logits = own.model.lm_head(states[0, opening])
    alone = torch.nn.functional.cross_entropy(logits, batch["labels"][0, opening]).item()
    assert text(opening=1e6) == pytest.approx(alone, abs=1e-3)
    assert text() != pytest.approx(alone, abs=1e-3)
    assert text(first=1e6, opening=1.0) != pytest.approx(alone, abs=1e-3)


@torch.no_grad()
def test_the_words_of_an_answer_are_scored_on_what_was_read():
    own = objective().eval()
    batch, _ = batch_of(BOTH)
    features = own.model.encode_images(torch.zeros(1, 3, 32, 32))
    torch.nn.init.normal_(own.model.thing_reader.told[-1].weight)
    own.weights = LossWeights()
    learned = batch["labels"][0] != IGNORE
    read = read_things(own.model, own.states(features, batch), features.tokens)[0, learned]
    logits = own.model.lm_head(read)
    expected = torch.nn.functional.cross_entropy(logits, batch["labels"][0, learned]).item()
    assert own.answer_losses(features, batch)["text"].item() == pytest.approx(expected, rel=1e-4)
