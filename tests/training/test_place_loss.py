"""The cells that a word's state looks at are held against the word's point, a target's against its mask."""

from __future__ import annotations

import math

import pytest
import torch

from segue.data.collation import DenseLabels
from segue.training.counted_words import CountedWord
from segue.training.objective import GroundedObjective, LossWeights
from tests.modeling.tiny import tiny_config

LABELS = DenseLabels(("", "dog"), ("",), ("", "red"))


def objective(**weights: float) -> GroundedObjective:
    torch.manual_seed(0)
    return GroundedObjective(
        tiny_config(place_reader=True),
        labels=LABELS,
        counted=[CountedWord("dog", frozenset({"dog"}))],
        label_ids={"category": [[20]], "color": [[22]], "counted": [[20]]},
        weights=LossWeights(**weights),
    ).eval()


def terms(own: GroundedObjective, points: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of two words of a blank picture."""
    features = own.model.encode_images(torch.zeros(1, 3, 64, 64))  # a grid of 4 x 4
    batch = {
        "word_rows": torch.zeros(2, dtype=torch.long),
        "word_groups": torch.full((2,), -1),
        "word_points": points,
    }
    return own.word_losses(features, torch.ones(2, 32), None, batch)


def test_looking_everywhere_costs_the_logarithm_of_the_cells():
    own = objective(place=1.0)
    for parameter in (*own.model.place_reader.query.parameters(), own.model.place_reader.position_key.weight):
        torch.nn.init.zeros_(parameter)
    place = terms(own, torch.tensor([[0.1, 0.1], [0.5, 0.5]]))["place"]
    assert place.item() == pytest.approx(math.log(16))


def test_training_turns_the_look_to_the_point():
    own = objective(place=1.0)
    points = torch.tensor([[0.875, 0.125], [0.875, 0.125]])  # the middle of the top right cell
    optimiser = torch.optim.Adam(own.model.place_reader.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        loss = terms(own, points)["place"]
        loss.backward()
        optimiser.step()
    assert loss < 0.2
    features = own.model.encode_images(torch.zeros(1, 3, 64, 64))
    scores = own.model.place_reader.scores(torch.ones(1, 32), features.tokens, torch.tensor([0]))
    assert int(scores.argmax()) == 3


def test_corners_of_a_word_have_their_middle_as_its_place():
    own = objective(place=1.0)
    corners = torch.tensor([[[0.1, 0.2], [0.3, 0.6]]] * 2)
    assert torch.equal(terms(own, corners)["place"], terms(own, corners.mean(dim=1))["place"])


def test_without_its_weight_it_is_not_computed():
    assert set(terms(objective(), torch.rand(2, 2))) == {"point"}


def test_targets_look_at_their_masks():
    torch.manual_seed(0)
    own = GroundedObjective(
        tiny_config(mask_reader=True),
        labels=LABELS,
        counted=[CountedWord("dog", frozenset({"dog"}))],
        label_ids={"category": [[20]], "color": [[22]], "counted": [[20]]},
        weights=LossWeights(look=1.0),
    ).eval()
    with torch.no_grad():
        features = own.model.encode_images(torch.zeros(1, 3, 64, 64))
    rows, states = torch.zeros(1, dtype=torch.long), torch.ones(1, 4, 32, requires_grad=True)
    cells = torch.zeros(1, 4, 4)
    cells[:, 3, 0] = 255  # the bottom left cell

    def terms() -> dict[str, torch.Tensor]:
        return own.look_losses(features, own.model.mask_scores(features, rows, states), None, cells)

    optimiser = torch.optim.Adam(own.model.mask_reader.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        terms()["look"].backward()
        optimiser.step()
    assert terms()["look"] < 0.2
    assert states.grad is not None
    assert states.grad.abs().sum() > 0  # the language model learns to say where
    assert int(own.model.mask_scores(features, rows, states).argmax()) == 12
    own.weights = LossWeights()
    assert "look" not in terms()


def test_every_term_has_the_weight_that_its_name_says():
    weights = LossWeights(
        text=1, bce=2, dice=3, align=4, point=5, place=6, prompt=7, dense=8, count=9, look=10
    )
    own = {name: weights.of(name) for name in ("text", "bce", "dice", "align", "point", "place")}
    assert own == {"text": 1, "bce": 2, "dice": 3, "align": 4, "point": 5, "place": 6}
    assert [weights.of(name) for name in ("prompt_bce", "prompt_dice", "prompt_align")] == [14, 21, 28]
    assert {weights.of(f"{where}_category") for where in ("token", "fine")} == {8}
    assert weights.of("count_color") == 9
    assert (weights.of("look"), weights.of("prompt_look")) == (10, 70)
    with pytest.raises(AttributeError):
        weights.of("unheard")
