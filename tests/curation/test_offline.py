"""The package's own generator: what it says is true of the annotations, and keeps to the rules."""

import numpy as np
import pytest

from segue.curation.offline import write_caption, write_pairs
from segue.curation.replies import Pair
from segue.curation.rules import QUALITY, STRUCTURE, first_fault
from segue.curation.targets import Ask
from tests.curation.small import HEIGHT, WIDTH, scene, thing

EVERY = (
    *(Ask(kind, 3) for kind in ("reasoning", "several", "explanation")),
    Ask("referring", 1),
    Ask("absent", 0, absent=("dog", "zebra")),
)


def written(where, seed=0):
    return [Pair.model_validate(pair) for pair in write_pairs(where, np.random.default_rng(seed))]


def crowd(seed):
    """A picture with up to 14 things of three kinds, anywhere."""
    rng = np.random.default_rng(seed)
    boxes = [
        (*rng.uniform(0, (WIDTH - 20, HEIGHT - 20)), *rng.uniform(3, 20, 2))
        for _ in range(rng.integers(2, 15))
    ]
    return tuple(
        thing(number, ("cup", "fork", "knife")[int(rng.integers(3))], tuple(float(v) for v in box))
        for number, box in enumerate(boxes, start=1)
    )


@pytest.mark.parametrize("seed", range(40))
def test_whatever_it_writes_keeps_to_the_rules(seed):
    objects = crowd(seed)
    where = scene(*EVERY, objects=objects, present=frozenset(entry.category for entry in objects))
    found = written(where, seed)
    assert found
    for pair in found:
        assert first_fault(pair, where, (*STRUCTURE, *QUALITY)) is None


def test_an_answer_is_every_instance_that_fits():
    """Cutlery: the forks and the knife, each by its own words."""
    where = scene(Ask("reasoning", 3))
    for seed in range(20):
        (pair,) = written(where, seed)
        assert {target.number for target in pair.targets} == {2, 3, 4}
        assert "[left fork](2)" in pair.answer
        assert "[right fork](3)" in pair.answer
        assert "[knife](4)" in pair.answer


def test_what_is_not_listed_keeps_it_from_asking():
    """Further forks are in the picture, too small to be listed: no question may be about forks in
    particular."""
    where = scene(*EVERY, partly=frozenset({"fork"}))
    for seed in range(20):
        for pair in written(where, seed):
            assert not {2, 3} & {target.number for target in pair.targets}


def test_many_alike_are_named_together():
    cups = [thing(n, "cup", (12.0 * n, 40, 8, 8)) for n in range(1, 13)]
    where = scene(Ask("reasoning", 12), objects=cups, present=frozenset({"cup"}))
    (pair,) = written(where)
    assert f"[12 cups]({', '.join(map(str, range(1, 13)))})" in pair.answer


def test_test_pictures_have_wordings_of_their_own():
    questions = {
        split: {
            pair.question
            for seed in range(30)
            for pair in written(scene(Ask("reasoning", 3), split=split), seed)
        }
        for split in ("train", "test")
    }
    assert all(questions.values())
    assert not questions["train"] & questions["test"]


def test_instances_that_were_chosen_are_the_ones_named():
    where = scene(Ask("several", 2, numbers=(1, 3)), Ask("referring", 1, numbers=(4,)))
    several, one = written(where)
    assert [target.number for target in several.targets] == [1, 3]
    assert [target.number for target in one.targets] == [4]


def test_captions_count():
    assert write_caption(scene()) == "A picture of a cup, two forks and a knife."
