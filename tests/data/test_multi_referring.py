"""Several expressions in one question: nothing lost, nothing twice, groups in the order of the names."""

from __future__ import annotations

import random
import re

import pytest

from segue.data.multi_referring import MASKS, distribute, draw_prompt, evaluation_prompts, join_names

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


@pytest.mark.parametrize("seed", range(40))
def test_drawn_prompts_hold_every_target_once(seed):
    rng = random.Random(seed)
    targets = rng.sample(range(len(EXPRESSIONS)), rng.randint(1, 3))
    prompt = draw_prompt(EXPRESSIONS, rng, targets=targets)
    assert prompt.targets == tuple(targets)
    assert prompt.answer.count(MASKS) == len(targets)
    assert prompt.written("[SEG0] [SEG1]").count("[SEG0] [SEG1]") == len(targets)
    assert "{" not in prompt.question + prompt.written("")
    words = re.findall(r"\w+", prompt.question)
    places = [words.index(EXPRESSIONS[n].strip(" .").split()[0]) for n in targets]
    assert places == sorted(places)


def test_both_answer_styles_are_drawn():
    answers = {draw_prompt(["dog", "cat"], random.Random(seed)).answer for seed in range(60)}
    assert "dog is {masks} and cat is {masks}." in answers
    assert "Sure, dog and cat are {masks} and {masks}, separately." in answers


@pytest.mark.parametrize("count", range(14))
def test_distribute(count):
    for seed in range(10):
        groups = distribute(count, random.Random(seed))
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
