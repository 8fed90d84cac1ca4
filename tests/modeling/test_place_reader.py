"""What the location MLP is told of the picture: nothing at first, then where a state looks in its own."""

from __future__ import annotations

import numpy as np
import torch

from segue.evaluation.forced_points import read_points
from segue.modeling.place_reader import PlaceReader
from tests.modeling.speaking import picture, train_speaker
from tests.modeling.tiny import tiny_model

WIDTH, SIDE = 32, 4


def looking(reader: PlaceReader) -> PlaceReader:
    """Queries and keys alike, without positions: a state looks at the cells that are like it."""
    torch.nn.init.eye_(reader.query.weight)
    torch.nn.init.eye_(reader.key.weight)
    for unused in (reader.query.bias, reader.key.bias, reader.position_key.weight):
        torch.nn.init.zeros_(unused)
    return reader


def test_a_new_reader_adds_nothing():
    model, _ = tiny_model(place_reader=True)
    fresh = type(model)(model.config).eval()
    states, seen, index = torch.randn(3, WIDTH), torch.randn(2, 16, WIDTH), torch.tensor([0, 1, 1])
    with torch.no_grad():
        assert torch.equal(fresh.word_points(states, seen, index), fresh.point_head(states))


@torch.no_grad()
def test_it_tells_the_place_of_the_cell_that_is_looked_at():
    torch.manual_seed(0)
    reader = looking(PlaceReader(WIDTH, inner=WIDTH))
    torch.nn.init.eye_(reader.told.weight)
    seen = torch.zeros(2, SIDE**2, WIDTH)
    state = torch.nn.functional.layer_norm(torch.randn(WIDTH), (WIDTH,))
    seen[0, 3] = state * 40  # top right of the first picture
    seen[1, 12] = state * 40  # bottom left of the second
    states = state.expand(2, -1)
    scores = reader.scores(states, seen, torch.tensor([0, 1]))
    assert scores.argmax(dim=1).tolist() == [3, 12]
    x, y, share = ((reader(states, scores.softmax(dim=-1)) - states) / 4)[:, :3].T
    assert torch.allclose(x, torch.tensor([0.75, -0.75]), atol=1e-3)
    assert torch.allclose(y, torch.tensor([-0.75, 0.75]), atol=1e-3)
    assert torch.allclose(share, torch.ones(2), atol=1e-3)


def test_equal_cells_are_told_apart_by_where_they_are():
    torch.manual_seed(0)
    reader = PlaceReader(WIDTH)
    scores = reader.scores(torch.randn(1, WIDTH), torch.ones(1, 16, WIDTH), torch.zeros(1, dtype=torch.long))
    assert scores.std() > 0.01


def test_answers_and_given_captions_point_where_the_reader_says():
    predictor = train_speaker(place_reader=True)
    seen, caption = predictor.encode(picture()), "The dog is here"

    def points() -> list[np.ndarray]:
        answered = predictor.ask(seen, "Where is the dog?").words
        given = read_points(predictor, seen, caption).words
        return [np.array([word.point for word in words if word.point]) for words in (answered, given)]

    before = points()
    with torch.no_grad():
        predictor.model.place_reader.told.bias.normal_(std=5.0)
    for old, new in zip(before, points(), strict=True):
        assert len(old)
        assert np.abs(new - old).max() > 0.5
