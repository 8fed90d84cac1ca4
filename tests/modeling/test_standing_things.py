"""Things of a density in order, and their number as shares of the whole numbers beside it."""

from __future__ import annotations

import torch

from segue.modeling.standing_things import MOST, count_shares, in_order


def test_things_come_from_left_to_right_and_a_column_from_above():
    things = torch.zeros(1, 1, 16)  # 4 x 4
    things[..., [1, 6, 2, 14]] = torch.tensor([1.0, 1.0, 1.0, 0.5])
    order = in_order(things)[0, 0]
    assert order.argmax(dim=-1)[:4].tolist() == [1, 2, 6, 14]
    assert order.sum(dim=-1).tolist() == [1, 1, 1, 0.5, 0, 0]
    assert torch.allclose(order.sum(dim=0), things[0, 0])


def test_a_thing_on_several_cells_is_one_and_what_is_over_begins_the_next():
    things = torch.zeros(1, 1, 16)
    things[..., [0, 1, 3]] = torch.tensor([0.5, 0.75, 0.75])
    first, second = in_order(things)[0, 0, :2]
    assert first[[0, 1, 3]].tolist() == [0.5, 0.5, 0]
    assert second[[0, 1, 3]].tolist() == [0, 0.25, 0.75]


def test_more_than_the_most_are_not_told():
    assert in_order(torch.ones(1, 1, 16)).sum().item() == MOST


def test_many_are_no_more_than_the_most():
    shares = count_shares(torch.tensor([0.0, 1.25, 99.0]))
    assert shares[0].tolist() == [1, *[0] * MOST]
    assert shares[1, :3].tolist() == [0, 0.75, 0.25]
    assert shares[2].tolist() == [*[0] * MOST, 1]
