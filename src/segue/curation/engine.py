"""The run: every task to its end, many at a time, each reply in the journal before anything is made of it.

`work_on` brings one picture to its end and is all that an engine needs; here it runs under asyncio, in
`ray_engine` on many machines.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from segue.curation.endpoint import open_endpoint
from segue.curation.inputs import Pictures
from segue.curation.journal import Journal, Row
from segue.curation.plan import EndpointPlan, LimitPlan, Plan
from segue.curation.prompts import Prompts
from segue.curation.requests import Endpoint, EndpointError, Reply, Request, Tokens, most_tokens
from segue.curation.steps import (
    Step,
    assess,
    caption_of,
    next_step,
    request_for,
    scene_of,
    survivors,
)
from segue.curation.tasks import Task
from segue.errors import MissingDependencyError, SegueError

__all__ = ["BudgetReachedError", "Gate", "Progress", "Setup", "open_setup", "run_tasks", "work_on"]

logger = logging.getLogger(__name__)


class BudgetReachedError(Exception):
    """Another request could go beyond the plan's budget."""


class Book(Protocol):
    """What work needs of a journal; the Ray engine's is in another process."""

    async def rows(self, image: str) -> list[Row]: ...

    async def send(self, image: str, step: Step, *, most: Tokens, cost: float) -> int:
        """Raises `BudgetReachedError` where nothing on its way can make room."""
        ...

    async def refused(self, send: int, reason: str) -> None: ...

    async def lost(self, send: int) -> None:
        """A request whose reply will not come, and which may have been paid for."""
        ...

    async def append(self, send: int, row: Row) -> None: ...


@dataclass(frozen=True)
class Setup:
    """What every task needs."""

    plan: Plan
    pictures: Pictures
    prompts: Prompts
    vocabulary: frozenset[str]
    endpoints: dict[str, tuple[Endpoint, EndpointPlan]]
    """By stage."""


def open_setup(plan: Plan, pictures: Pictures, prompts: Prompts) -> Setup:
    """With the plan's endpoints opened.

    Raises:
        SegueError: an endpoint lacks something.
    """
    main = (open_endpoint(plan.endpoint), plan.endpoint)
    endpoints = {"pairs": main, "caption": main}
    if plan.caption_endpoint is not None and plan.pipeline == "caption":
        endpoints["caption"] = (open_endpoint(plan.caption_endpoint), plan.caption_endpoint)
    if plan.judge is not None:
        endpoints["judge"] = (open_endpoint(plan.judge.endpoint), plan.judge.endpoint)
    return Setup(plan, pictures, prompts, frozenset(pictures.category_ids), endpoints)


class Gate:
    """When the next request may leave: a rate for all workers together, and pauses that a server asks for."""

    def __init__(self, limits: LimitPlan):
        self._until = 0.0
        self._limiter: Any = None
        if limits.requests_per_minute is not None:
            try:
                from aiolimiter import AsyncLimiter
            except ImportError:
                raise MissingDependencyError("rates need aiolimiter: pip install 'segue[curate]'") from None
            # At most a second's worth at once: providers count over short windows too.
            per_second = limits.requests_per_minute / 60
            burst = max(1.0, per_second)
            self._limiter = AsyncLimiter(burst, burst / per_second)

    async def wait(self) -> None:
        """Returns when a request may leave."""
        while (left := self._until - time.monotonic()) > 0:
            await asyncio.sleep(left)
        if self._limiter is not None:
            await self._limiter.acquire()

    def pause(self, seconds: float) -> None:
        """Nothing leaves for so long."""
        self._until = max(self._until, time.monotonic() + seconds)


@dataclass(frozen=True)
class Ended:
    """How the work on a picture ended.

    Attributes:
        outcome: of its pairs ("ok", "rejected", "unreadable"), or of its caption where that could not be had.
        replies: that came in this run; 0 where an earlier run had them all.
        cost: of these.
    """

    outcome: str
    replies: int
    cost: float


async def work_on(task: Task, setup: Setup, book: Book, gate: Gate) -> Ended:
    """Bring one picture to its end.

    Raises:
        EndpointError: a reply could not be had; the journal knows all that was done.
        BudgetReachedError: nothing more may be spent.
    """
    record = setup.pictures.records[task.index]
    scene = scene_of(task, record, setup.plan, setup.vocabulary)
    rows = await book.rows(task.key)
    known = len(rows)
    while True:
        to_judge = setup.plan.judge is not None and bool(survivors(task, rows, scene, setup.plan))
        step = next_step(rows, setup.plan, has_caption=caption_of(record) is not None, to_judge=to_judge)
        if step is None:
            outcome = [row for row in rows if row.stage != "judge"][-1].outcome
            return Ended(outcome, len(rows) - known, sum(row.cost for row in rows[known:]))
        request, about = request_for(
            step, task, record, rows, scene, setup.plan, setup.prompts, setup.pictures
        )
        endpoint, costs = setup.endpoints[step.stage]
        start = time.monotonic()
        send, reply = await _reply(task.key, step, request, endpoint, costs, setup.plan.limits, book, gate)
        worth = assess(step.stage, reply.text, reply.finish, scene, asked=len(about))
        tokens = Tokens(reply.prompt_tokens, reply.completion_tokens)
        row = Row(
            image=task.key,
            stage=step.stage,
            attempt=step.attempt,
            model=endpoint.name,
            prompts=setup.prompts.digest,
            reply=reply.text,
            finish=reply.finish,
            tokens=tokens,
            estimated=reply.estimated,
            cost=tokens.cost(costs.price),
            outcome=worth.outcome,
            problems=worth.problems,
            about=about,
            seconds=round(time.monotonic() - start, 3),
        )
        await book.append(send, row)
        rows = [*rows, row]


async def _reply(
    image: str,
    step: Step,
    request: Request,
    endpoint: Endpoint,
    costs: EndpointPlan,
    limits: LimitPlan,
    book: Book,
    gate: Gate,
) -> tuple[int, Reply]:
    """A reply and the number of the send that brought it, after as many tries as the plan allows."""
    try:
        import tenacity
    except ImportError:
        raise MissingDependencyError("curation needs tenacity: pip install 'segue[curate]'") from None
    backoff = tenacity.wait_random_exponential(multiplier=0.5, max=limits.max_wait)

    def pause(state: Any) -> float:
        """What the server asks for, which holds for all workers; else longer each time, with chance in it."""
        asked = state.outcome.exception().wait
        if asked is None:
            return backoff(state)
        gate.pause(asked)
        return 0.0

    most = most_tokens(request, costs)
    async for attempt in tenacity.AsyncRetrying(
        stop=tenacity.stop_after_attempt(limits.tries),
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, EndpointError) and error.again),
        wait=pause,
        reraise=True,
    ):
        with attempt:
            await gate.wait()
            send = await book.send(image, step, most=most, cost=most.cost(costs.price))
            try:
                return send, await endpoint.complete(request)
            except EndpointError as error:
                await (book.refused(send, str(error)) if error.unpaid else book.lost(send))
                raise
            except SegueError as error:  # the picture cannot be opened: nothing has left
                await book.refused(send, str(error))
                raise
    raise AssertionError("the last attempt either returns or raises")


class LocalBook:
    """The journal of this process, with its budget: a request that would go beyond it waits for those on
    their way, which mostly cost less than was set aside for them."""

    def __init__(self, journal: Journal, limits: LimitPlan):
        self.journal = journal
        self._limits = limits
        self._on_their_way = 0
        self._settled = asyncio.Condition()

    async def rows(self, image: str) -> list[Row]:
        return self.journal.rows(image)

    async def send(self, image: str, step: Step, *, most: Tokens, cost: float) -> int:
        async with self._settled:
            while True:
                send = await asyncio.to_thread(
                    self.journal.send,
                    image,
                    step.stage,
                    step.attempt,
                    most=most,
                    cost=cost,
                    budget=self._limits.budget,
                    tokens=self._limits.tokens,
                )
                if send is not None:
                    self._on_their_way += 1
                    return send
                if self._on_their_way == 0:
                    raise BudgetReachedError
                await self._settled.wait()

    async def refused(self, send: int, reason: str) -> None:
        await asyncio.to_thread(self.journal.refused, send, reason)
        await self.lost(send)

    async def lost(self, send: int) -> None:
        async with self._settled:
            self._on_their_way -= 1
            self._settled.notify_all()

    async def append(self, send: int, row: Row) -> None:
        await asyncio.to_thread(self.journal.append, send, row)
        await self.lost(send)


@dataclass
class Progress:
    """How a run stands; grows while it goes."""

    total: int
    done: int = 0
    resumed: int = 0
    """Of these, ended by an earlier run."""
    cost: float = 0.0
    """Of this run."""
    outcomes: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    """Pictures that got no reply in this run, with the last error."""
    stopped: str = ""
    """Why the run ended early."""

    def add(self, outcome: str, *, replies: int, cost: float) -> None:
        """Count a picture that has come to its end (see `Ended`)."""
        self.done += 1
        self.resumed += replies == 0
        self.cost += cost
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def remark(self, seconds: float, *, now: float) -> str:
        """Rate and expected end after so many seconds: `31.2 a minute, cost 0.42, ends 14:05`."""
        worked = self.done - self.resumed
        if worked == 0 or seconds <= 0:
            return ""
        left = self.total - self.done - len(self.failed)
        ends = time.strftime("%a %H:%M", time.localtime(now + left * seconds / worked))
        return f"{60 * worked / seconds:.1f} a minute, cost {self.cost:.4g}, ends {ends}"


async def run_tasks(
    tasks: Sequence[Task],
    setup: Setup,
    journal: Journal,
    *,
    watch: Callable[[Progress], None] = lambda progress: None,
) -> Progress:
    """Work on all tasks under asyncio, as many at a time as the plan says.

    A picture whose endpoint keeps failing is left for the next run. Where no request can ever succeed, or the
    budget is reached, no new request leaves; those on their way are waited for.

    Raises:
        SegueError: the endpoint refuses everything (a wrong key, no such model).
    """
    limits = setup.plan.limits
    progress = Progress(len(tasks))
    gate, book = Gate(limits), LocalBook(journal, limits)
    waiting = iter(tasks)
    fatal: list[str] = []

    async def worker() -> None:
        for task in waiting:
            if progress.stopped:
                return
            try:
                ended = await work_on(task, setup, book, gate)
                progress.add(ended.outcome, replies=ended.replies, cost=ended.cost)
            except BudgetReachedError:
                progress.stopped = "budget"
            except EndpointError as error:
                if error.fatal:
                    progress.stopped = "refused"
                    fatal.append(str(error))
                else:
                    progress.failed[task.key] = str(error)
                    logger.warning("%s: left for the next run: %s", task.key, error)
            except MissingDependencyError:
                progress.stopped = "library"
                raise
            except SegueError as error:  # a broken picture or record
                progress.failed[task.key] = str(error)
                logger.warning("%s: left out: %s", task.key, error)
            watch(progress)

    await _all([worker() for _ in range(min(limits.concurrency, len(tasks)))])
    if fatal:
        raise SegueError(f"the endpoint refuses every request: {fatal[0]}")
    return progress


async def _all(workers: Sequence[Awaitable[None]]) -> None:
    """Wait for all, so that replies on their way reach the journal even where one worker fails."""
    results = await asyncio.gather(*workers, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
