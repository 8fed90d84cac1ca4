"""The golden losses and gradients through the trainer's own step: what it computes, and leaves for the
optimiser, is what the original codes compute."""

from __future__ import annotations

import numpy as np
import pytest

from segue.training.dataset import BrokenRecords, TrainingSet
from segue.training.engine import StageTrainer, Step, Store, stage_arguments
from segue.training.recipe import Recipe
from tests.parity.test_family_training import GRADIENTS, LOSSES, case_of

RECIPE = Recipe.model_validate(
    {
        "name": "golden",
        "sources": {"none": {"kind": "scenes"}},
        "stages": [{"name": "step", "steps": 1, "learning_rate": 1e-3, "warmup_steps": 0, "batch_size": 1}],
        "num_workers": 0,
        "report_to": [],
    }
)


class Given:
    """A source and an encoder that have nothing to give: the batch is there already."""

    def sample(self, rng: np.random.Generator):
        raise AssertionError

    def encode(self, image, record, rng):
        raise AssertionError

    def collate(self, samples):
        raise AssertionError


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize(("family", "name"), [("lisa", "train"), ("gsva", "train"), ("pixellm", "train0")])
def test_a_step(family: str, name: str, accumulation: int, tmp_path):
    case = case_of(family)
    facts, _, _ = case.training(name)
    norms = case.gradient_norms(facts)
    batch = case.batch(name, "shared") | {"origin": ["a.png"], "broken": []}
    for parameter in (case.parameters[n] for n in norms):
        parameter.requires_grad_(True)
    stage = RECIPE.stages[0]
    trainer = StageTrainer(
        Step(case.objective),
        arguments=stage_arguments(RECIPE, stage, tmp_path),
        data=TrainingSet([("none", Given())], [1.0], encoder=Given(), length=1, seed=0),
        recipe=RECIPE,
        store=Store.plain(frozenset()),
        factors={},
        broken=BrokenRecords(0, print),
        validate=None,
        callbacks=[],
    )
    trainer.current_gradient_accumulation_steps = accumulation
    try:
        # The same batch twice and half of each is the batch.
        losses = [trainer.training_step(trainer.model, dict(batch)).item() for _ in range(accumulation)]
        found = {n: p.grad.norm().item() for n, p in case.parameters.items() if p.grad is not None}
    finally:
        case.objective.eval().zero_grad()
        case.objective.requires_grad_(False)
    assert sum(losses) == pytest.approx(facts["losses"]["loss"], rel=LOSSES)
    assert {n: found.get(n, 0.0) for n in norms} == pytest.approx(
        {n: norm or 0.0 for n, norm in norms.items()}, rel=GRADIENTS, abs=1e-5
    )
