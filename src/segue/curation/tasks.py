"""The work of a plan: one task for each chosen picture, the same whenever it is computed."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from segue.curation.inputs import Pictures
from segue.curation.plan import Plan
from segue.curation.selection import Candidate, listed_objects, select_pictures, unfit
from segue.curation.targets import Ask, Slots, plan_asks
from segue.data.native import ObjectRecord, Record
from segue.data.photograph_view import View
from segue.errors import DataError

__all__ = ["Task", "Work", "build_work", "known_absent"]

MAX_ABSENT_OFFERED = 8


@dataclass(frozen=True)
class Task:
    """One picture and the questions to be made about it.

    Attributes:
        key: names the picture in the journal.
        index: of its record in the data.
        asks: in the order in which they are put to the endpoint.
    """

    key: str
    index: int
    asks: tuple[Ask, ...]


@dataclass(frozen=True)
class Work:
    """All tasks of a plan, and how many pictures were left out for which reason."""

    tasks: tuple[Task, ...]
    left_out: dict[str, int]


def build_work(
    plan: Plan, pictures: Pictures, *, progress: Callable[[int], None] = lambda done: None
) -> Work:
    """Choose pictures and questions.

    Raises:
        DataError: no picture passes the filters, or none of the wanted kinds fits any.
    """
    left_out: Counter[str] = Counter()
    candidates: list[Candidate] = []
    absent: dict[str, tuple[str, ...]] = {}
    for index in range(len(pictures.records)):
        record = pictures.records[index]
        categories = tuple(entry.category for entry in listed_objects(record, plan.select))
        if reason := unfit(categories, plan.select):
            left_out[reason] += 1
        else:
            candidates.append(Candidate(index, record.image, categories))
            if plan.questions.kinds.get("absent", 0) > 0:
                absent[record.image] = known_absent(record, seed=plan.seed)
        progress(index + 1)
    chosen = select_pictures(candidates, plan.select, seed=plan.seed)
    left_out["not needed"] = len(candidates) - len(chosen)
    slots = [Slots(len(entry.categories), bool(absent.get(entry.key))) for entry in chosen]
    asked = plan_asks(slots, plan.questions, seed=plan.seed)
    left_out["no kind of question fits"] = sum(not kinds for kinds in asked)
    shown = Counter(category for entry in chosen for category in set(entry.categories))
    tasks = [
        Task(entry.key, entry.index, _asks(entry, kinds, absent.get(entry.key, ()), shown, plan))
        for entry, kinds in zip(chosen, asked, strict=True)
        if kinds
    ]
    if not tasks:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items() if count)
        raise DataError(f"{plan.data.path}: no picture is left to ask about ({reasons})")
    return Work(tuple(tasks), {reason: count for reason, count in sorted(left_out.items()) if count})


def known_absent(record: Record, *, seed: int) -> tuple[str, ...]:
    """Categories that are certainly not in the picture: labelled wherever they occur, and beyond differences
    over words. Those that are easily taken for a thing that is there come first. At most 8."""
    view = View(record, "train")
    rng = np.random.default_rng(_seed(record.image, seed))
    possible = view.absent
    alike = [
        category
        for line in view.words["alike"]
        if view.present & set(line)
        for category in line
        if category in possible
    ]
    shuffled = [possible[place] for place in rng.permutation(len(possible))]
    return tuple(dict.fromkeys([*alike, *shuffled]))[:MAX_ABSENT_OFFERED]


def task_objects(task: Task, record: Record, plan: Plan) -> list[ObjectRecord]:
    """The instances of a task by number: number n is entry n - 1."""
    assert record.image == task.key
    return listed_objects(record, plan.select)


def _asks(
    entry: Candidate,
    kinds: Sequence[tuple[str, int]],
    absent: tuple[str, ...],
    shown: Counter[str],
    plan: Plan,
) -> tuple[Ask, ...]:
    """The questions of a picture; for a model that does not see it, with instances chosen for each: rarer
    categories first, by chance."""
    rng = np.random.default_rng(_seed(entry.key, plan.seed))
    weights = np.array([1 / shown[category] for category in entry.categories])
    asks = []
    for kind, number in kinds:
        if kind == "absent":
            asks.append(Ask(kind, 0, absent=absent))
        elif plan.pipeline == "vision":
            asks.append(Ask(kind, number))
        else:
            picks = rng.choice(len(weights), size=number, replace=False, p=weights / weights.sum())
            asks.append(Ask(kind, number, numbers=tuple(sorted(int(pick) + 1 for pick in picks))))
    return tuple(asks)


def _seed(key: str, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed} {key}".encode()).digest()[:8], "big")
