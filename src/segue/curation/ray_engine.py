"""The same steps over many machines, with Ray Data: pictures are dealt to workers, and one actor holds the
journal.

A worker hands every reply to the journal's actor and goes on when it is on disk, so a run that loses
machines, or is killed, resumes as any other. Data and pictures have to be at the same path on every machine;
keys come from each machine's environment. The plan's concurrency and rate are shared out among the workers,
its budget is one for all."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segue.curation.engine import BudgetReachedError, Gate, LocalBook, Progress, open_setup, work_on
from segue.curation.inputs import open_pictures
from segue.curation.journal import Journal, Row
from segue.curation.plan import LimitPlan, Plan
from segue.curation.prompts import Prompts
from segue.curation.requests import EndpointError, Tokens
from segue.curation.steps import Step
from segue.curation.targets import Ask
from segue.curation.tasks import Task
from segue.errors import MissingDependencyError, SegueError
from segue.ray_data import cluster, deal

__all__ = ["run_tasks_on_ray"]

BATCH = 16
"""Pictures that a worker is dealt at a time."""


def run_tasks_on_ray(
    tasks: Sequence[Task],
    plan: Plan,
    prompts: Prompts,
    folder: Path,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """As `segue.curation.engine.run_tasks`, on the cluster of RAY_ADDRESS or else on this machine. The
    journal in `folder` must not be open for a run elsewhere; its actor lives on the machine that calls this.

    Raises:
        SegueError: the endpoint refuses everything.
        MissingDependencyError: Ray is not installed.
    """
    with cluster("engine: ray") as ray:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        # The actor mostly waits for the disk: it must not take a processor from the workers.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        keeper: Any = (
            ray.remote(JournalKeeper)
            .options(scheduling_strategy=here, num_cpus=0, max_concurrency=1000)
            .remote(str(folder.resolve()), plan.limits.model_dump())
        )
        try:
            ray.get(keeper.ready.remote())
            workers = max(1, min(plan.limits.concurrency, int(ray.cluster_resources().get("CPU", 1))))
            share = plan.model_copy(update={"limits": _share(plan.limits, workers)})
            items = [{"task": json.dumps(asdict(task))} for task in tasks]
            progress = Progress(len(tasks))
            fatal = ""
            for row in deal(items, Worker, (share, prompts.texts, keeper), workers=workers, batch=BATCH):
                fatal = fatal or _count(progress, row)
                watch(progress)
            ray.get(keeper.close.remote())
        finally:
            ray.kill(keeper)
    if fatal:
        raise SegueError(f"the endpoint refuses every request: {fatal}")
    return progress


class JournalKeeper:
    """The actor that holds the journal and the budget."""

    def __init__(self, folder: str, limits: dict[str, Any]):
        self._journal = Journal(folder, run=True)
        self._book = LocalBook(self._journal, LimitPlan.model_validate(limits))

    async def ready(self) -> None:
        """Returns when the journal is open."""

    async def rows(self, image: str) -> list[Row]:
        return await self._book.rows(image)

    async def send(self, image: str, step: Step, most: Tokens, cost: float) -> int | None:
        """None where the budget is reached."""
        try:
            return await self._book.send(image, step, most=most, cost=cost)
        except BudgetReachedError:
            return None

    async def refused(self, send: int, reason: str) -> None:
        await self._book.refused(send, reason)

    async def lost(self, send: int) -> None:
        await self._book.lost(send)

    async def append(self, send: int, row: Row) -> None:
        await self._book.append(send, row)

    async def close(self) -> None:
        self._journal.close()


class RemoteBook:
    """A `segue.curation.engine.Book` whose journal is the actor's."""

    def __init__(self, keeper: Any):
        self._keeper = keeper

    async def rows(self, image: str) -> list[Row]:
        return await self._keeper.rows.remote(image)

    async def send(self, image: str, step: Step, *, most: Tokens, cost: float) -> int:
        send = await self._keeper.send.remote(image, step, most, cost)
        if send is None:
            raise BudgetReachedError
        return send

    async def refused(self, send: int, reason: str) -> None:
        await self._keeper.refused.remote(send, reason)

    async def lost(self, send: int) -> None:
        await self._keeper.lost.remote(send)

    async def append(self, send: int, row: Row) -> None:
        await self._keeper.append.remote(send, row)


class Worker:
    """Works on batches of tasks; one for each worker process, with its own client and event loop."""

    def __init__(self, plan: Plan, texts: dict[str, str], keeper: Any):
        self._setup = open_setup(plan, open_pictures(plan.data), Prompts(texts))
        self._book = RemoteBook(keeper)
        self._gate = Gate(plan.limits)
        self._loop = asyncio.new_event_loop()

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """A row for each task: how it ended."""
        rows = self._loop.run_until_complete(self._work([read_task(text) for text in batch["task"]]))
        return {name: [row[name] for row in rows] for name in rows[0]}

    async def _work(self, tasks: Sequence[Task]) -> list[dict[str, Any]]:
        limit = asyncio.Semaphore(self._setup.plan.limits.concurrency)

        async def one(task: Task) -> dict[str, Any]:
            row = {"key": task.key, "outcome": "", "replies": 0, "cost": 0.0, "error": "", "stop": ""}
            async with limit:
                try:
                    ended = await work_on(task, self._setup, self._book, self._gate)
                    row |= asdict(ended)
                except BudgetReachedError:
                    row["stop"] = "budget"
                except EndpointError as error:
                    row["stop"] = "refused" if error.fatal else ""
                    row["error"] = str(error)
                except MissingDependencyError:
                    raise
                except SegueError as error:
                    row["error"] = str(error)
            return row

        return list(await asyncio.gather(*(one(task) for task in tasks)))


def read_task(text: str) -> Task:
    """A task from its JSON."""
    content = json.loads(text)
    asks = [
        Ask(ask["kind"], ask["targets"], tuple(ask["numbers"]), tuple(ask["absent"]))
        for ask in content["asks"]
    ]
    return Task(content["key"], content["index"], tuple(asks))


def _share(limits: LimitPlan, workers: int) -> LimitPlan:
    """What one of so many workers may do."""
    rate = limits.requests_per_minute
    return limits.model_copy(
        update={
            "concurrency": math.ceil(limits.concurrency / workers),
            "requests_per_minute": None if rate is None else rate / workers,
        }
    )


def _count(progress: Progress, row: dict[str, Any]) -> str:
    """Add one task's row; gives the error where no request can ever succeed."""
    if row["stop"]:
        progress.stopped = progress.stopped or row["stop"]
        return row["error"]
    if row["error"]:
        progress.failed[row["key"]] = row["error"]
    else:
        progress.add(row["outcome"], replies=int(row["replies"]), cost=float(row["cost"]))
    return ""
