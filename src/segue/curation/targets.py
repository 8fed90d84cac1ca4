"""What to ask about each picture: kinds of question, and how many instances their answers should name.

The numbers of targets follow a wanted law over the whole set, MUSE's for instance. Large numbers go to
pictures that have so many instances, so the law is kept although most pictures show only a few things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from segue.curation.plan import MUSE_MAX, MUSE_MEAN, QuestionPlan

__all__ = ["SEVERAL", "Ask", "Slots", "muse_law", "plan_asks", "target_law"]

SEVERAL = ("reasoning", "several", "explanation")
"""Kinds whose answers name at least two instances, as MUSE demands."""


@dataclass(frozen=True)
class Ask:
    """One question to be made.

    Attributes:
        kind: one of `segue.curation.plan.KINDS`.
        targets: how many instances its answer should name; 0 for an absent thing.
        numbers: the listed instances chosen for it, from 1 (the caption pipeline); empty where the model
            chooses itself.
        absent: categories that are certainly not in the picture, one of which is to be asked for.
    """

    kind: str
    targets: int
    numbers: tuple[int, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slots:
    """What one picture can carry: how many instances are listed, and whether something is known to be
    absent."""

    instances: int
    absent: bool


def muse_law() -> dict[int, float]:
    """Probabilities of 2 to 34 targets with mean 3.7.

    The paper publishes the mean and the maximum alone; of all laws with these, the geometric one assumes the
    least (it has the largest entropy).
    """
    numbers = np.arange(2, MUSE_MAX + 1)

    def weights(ratio: float) -> np.ndarray:
        power = ratio ** (numbers - 2)
        return power / power.sum()

    ratio = float(brentq(lambda r: float(weights(r) @ numbers) - MUSE_MEAN, 1e-6, 1 - 1e-9))
    return dict(zip(numbers.tolist(), weights(ratio).tolist(), strict=True))


def target_law(questions: QuestionPlan) -> dict[int, float]:
    """Probabilities of the numbers of targets that a plan wants."""
    if questions.targets == "muse":
        return muse_law()
    total = sum(questions.targets.values())
    return {number: weight / total for number, weight in sorted(questions.targets.items())}


def plan_asks(slots: Sequence[Slots], questions: QuestionPlan, *, seed: int) -> list[list[tuple[str, int]]]:
    """Kind and number of targets of each question of each picture, by a seed.

    A picture that no kind fits gets no questions. At most one of a picture's questions is about an absent
    thing.
    """
    rng = np.random.default_rng(seed)
    kinds = [_kinds(slot, questions, rng) for slot in slots]
    places = [(s, q) for s, chosen in enumerate(kinds) for q, kind in enumerate(chosen) if kind in SEVERAL]
    numbers = _numbers(len(places), target_law(questions), rng)
    fitted = _fit(numbers, [slots[s].instances for s, _ in places], rng)
    by_place = dict(zip(places, fitted, strict=True))
    single = {"referring": 1, "absent": 0}
    return [
        [(kind, by_place.get((s, q), single.get(kind, 0))) for q, kind in enumerate(chosen)]
        for s, chosen in enumerate(kinds)
    ]


def _kinds(slot: Slots, questions: QuestionPlan, rng: np.random.Generator) -> list[str]:
    chosen: list[str] = []
    for _ in range(questions.per_image):
        fitting = {
            kind: weight
            for kind, weight in questions.kinds.items()
            if weight > 0
            if (slot.absent and "absent" not in chosen if kind == "absent" else True)
            if (slot.instances >= 2 if kind in SEVERAL else True)
        }
        if not fitting:
            break
        chances = np.array(list(fitting.values()))
        chosen.append(list(fitting)[rng.choice(len(fitting), p=chances / chances.sum())])
    return chosen


def _numbers(count: int, law: Mapping[int, float], rng: np.random.Generator) -> list[int]:
    """So many numbers that follow the law as closely as whole numbers can (systematic sampling)."""
    marks = (np.arange(count) + rng.random()) / max(count, 1)
    steps = np.cumsum(list(law.values()))
    places = np.minimum(np.searchsorted(steps, marks, side="right"), len(law) - 1)
    return [list(law)[place] for place in places]


def _fit(numbers: Sequence[int], capacities: Sequence[int], rng: np.random.Generator) -> list[int]:
    """The numbers dealt to places with at least such capacities, at random; what fits nowhere is cut to the
    largest capacity left."""
    by_capacity = sorted(range(len(capacities)), key=lambda place: -capacities[place])
    dealt = [0] * len(capacities)
    pool: list[int] = []
    upcoming = 0
    for number in sorted(numbers, reverse=True):
        while upcoming < len(by_capacity) and capacities[by_capacity[upcoming]] >= number:
            pool.append(by_capacity[upcoming])
            upcoming += 1
        if not pool:
            pool.append(by_capacity[upcoming])
            upcoming += 1
        pick = int(rng.integers(len(pool)))
        pool[pick], pool[-1] = pool[-1], pool[pick]
        place = pool.pop()
        dealt[place] = min(number, capacities[place])
    return dealt


def histogram(asks: Sequence[Sequence[tuple[str, int]]]) -> dict[int, int]:
    """How many questions want so many targets, of the kinds with several."""
    counts = Counter(number for chosen in asks for kind, number in chosen if kind in SEVERAL)
    return dict(sorted(counts.items()))
