"""What the word lookup finds for classes is held against the labels that a picture has."""

from __future__ import annotations

import torch

from segue.data.collation import DenseLabels
from segue.training.counted_words import CountedWord
from segue.training.objective import GroundedObjective, LossWeights
from tests.modeling.tiny import tiny_config

LABELS = DenseLabels(("", "dog", "cat"), ("",), ("", "red"))


def fresh_objective() -> GroundedObjective:
    torch.manual_seed(0)
    return GroundedObjective(
        tiny_config(word_lookup=True),
        labels=LABELS,
        counted=[CountedWord("dog", frozenset({"dog"})), CountedWord("cat", frozenset({"cat"}))],
        label_ids={"category": [[20], [21]], "color": [[22]], "counted": [[20], [21]]},
        weights=LossWeights(count=1.0),
    ).eval()


@torch.no_grad()
def losses(known: list[bool], things: list[tuple[int, int]]) -> dict[str, float]:
    """The count terms of one picture with these (category, colour) things in its middle."""
    objective = fresh_objective()
    objective.model.word_lookup.density.bias.fill_(-30.0)  # nothing is found
    features = objective.model.encode_images(torch.zeros(1, 3, 32, 32))
    batch = {
        "exhaustive": torch.tensor([[False, *known]]),
        "center_classes": torch.tensor([(0, *kind) for kind in things], dtype=torch.long).reshape(-1, 3),
        "center_points": torch.full((len(things), 2), 0.25),
    }
    return {name: round(float(term), 3) for name, term in objective.count_losses(features, batch).items()}


def test_every_known_thing_that_is_not_found_costs():
    # One in a cell: 1 for its place, 1 - 1/2 for the number. Three: 9 and 3 - 1/2.
    assert losses([True, True], [(1, 1)]) == {"count_category": 1.5, "count_color": 1.5}
    assert losses([True, True], [(1, 0)] * 3) == {"count_category": 11.5, "count_color": 0}
    assert losses([True, True], []) == {"count_category": 0, "count_color": 0}


def test_categories_that_are_not_labelled_everywhere_do_not_count_and_then_no_colours_do():
    assert losses([False, True], [(1, 1)]) == {"count_category": 0, "count_color": 0}
    assert losses([False, True], [(2, 1)]) == {"count_category": 1.5, "count_color": 0}


def test_each_word_is_looked_up_by_its_own_name():
    objective = fresh_objective()
    table = objective.model.language_model.get_input_embeddings().weight
    assert torch.equal(objective.counted_names(table), table[[20, 21]])
    looked_up = []

    def things(words, tokens):
        looked_up.append(words[0])
        return torch.zeros(*words.shape[:2], tokens.shape[1])

    objective.model.word_lookup.things = things
    features = objective.model.encode_images(torch.zeros(1, 3, 32, 32))
    batch = {
        "exhaustive": torch.ones(1, 3, dtype=torch.bool),
        "center_classes": torch.zeros(0, 3, dtype=torch.long),
        "center_points": torch.zeros(0, 2),
    }
    objective.count_losses(features, batch)
    assert torch.equal(looked_up[0], table[[20, 21]])
    assert torch.equal(looked_up[1], table[[22]])
