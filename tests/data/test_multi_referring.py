"""Several expressions in one question: nothing lost, nothing twice, groups in the order of the names."""

from __future__ import annotations

import numpy as np
import pytest

from segue.data.multi_referring import distribute, evaluation_prompts, join_names

EXPRESSIONS = ["red cup", "left apple.", " person  in {black}", "dog", "man on skis", "bus", "cat", "hat"]


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
    ],
)
def test_join_names(names, joined):
    assert join_names(names) == joined


@pytest.mark.parametrize("count", range(14))
def test_distribute(count):
    for seed in range(10):
        groups = distribute(count, np.random.default_rng(seed))
        drawn = [number for group in groups for number in group]
        assert len(drawn) == len(set(drawn)) == min(count, 9)
        assert len(groups) == min(count, 3)
        assert all(1 <= len(group) <= 3 for group in groups)


def test_evaluation_takes_all_in_order():
    names = [f"thing {number}" for number in range(18)]
    prompts = evaluation_prompts(names)
    assert [len(prompt.targets) for prompt in prompts] == [6, 5, 4, 3]
    assert [number for prompt in prompts for number in prompt.targets] == list(range(18))
    assert prompts[3].question == (
        "What is thing 15, thing 16 and thing 17 in this image? Please output segmentation mask."
    )
    assert prompts[3].written("[SEG]") == "thing 15 is [SEG], thing 16 is [SEG] and thing 17 is [SEG]."
    assert evaluation_prompts([]) == []
