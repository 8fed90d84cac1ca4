"""The models at work: questions come in one by one, run in batches, and can be given up at any step.

Each device has one thread. It takes the oldest question and all others for the same model, waits a moment for
those that are still being read, sees the pictures that it has not seen before, and answers the batch. A
request takes a place before anything of it is read; when all places are taken, the next is turned away.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent import futures
from dataclasses import replace
from typing import Any

from PIL import Image

from segue.errors import SegueError
from segue.images import open_image
from segue.serving.cache import FeatureCache, cut_loose
from segue.serving.errors import ApiError
from segue.serving.metrics import Metrics
from segue.serving.served import Served, make_served
from segue.serving.settings import Settings
from segue.serving.work import DroppedError, Job, Outcome, Picture, Work, digest_of

__all__ = ["Engine", "Place"]

log = logging.getLogger(__name__)


class Place:
    """A request's place among those that may be read, wait or run at once. Use it as a context."""

    def __init__(self, engine: Engine):
        self._engine = engine
        self.arriving = True
        """Read at the moment: a batch waits for it a little."""
        self.jobs: list[Job] = []

    def __enter__(self) -> Place:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give it back, and its questions up if they still run; twice does no harm."""
        self._engine._leave(self)


class Engine:
    """Models, their worker threads, the features that they keep, and the places of requests.

    Args:
        predictors: what `segue.load` gives; the first is asked where none is named. Those on one device share
            its thread.
        settings: limits.

    Raises:
        SegueError: no models, or two of one name.
    """

    def __init__(self, predictors: Sequence[Any], settings: Settings | None = None):
        self.settings = settings or Settings()
        self.metrics = Metrics()
        self.cache = FeatureCache(self.settings.cache_bytes)
        self.metrics.watch_cache(self.cache)
        self.models: dict[str, Served] = {}
        self.started = int(time.time())
        self._places: set[Place] = set()
        self._lock = threading.Lock()
        self._closing = False
        self._workers: dict[str, _Worker] = {}
        self._worker_of: dict[str, _Worker] = {}
        for predictor in predictors:
            served = make_served(predictor, max_batch=self.settings.max_batch)
            if served.name in self.models:
                raise SegueError(f"two models are called {served.name}; rename the folder of one")
            device = str(predictor.model.device)
            if device not in self._workers:
                self._workers[device] = _Worker(self, device)
            self.models[served.name], self._worker_of[served.name] = served, self._workers[device]
        if not self.models:
            raise SegueError("there is no model to serve")
        for worker in self._workers.values():
            worker.start()

    # -- requests ----------------------------------------------------------------

    def enter(self) -> Place:
        """A place for a request.

        Raises:
            ApiError: 429 when all are taken, 503 when the server is shutting down.
        """
        with self._lock:
            if self._closing:
                raise ApiError(
                    503, "the server is shutting down; try another", code="shutting_down", retry_after=5
                )
            if len(self._places) < self.settings.places:
                place = Place(self)
                self._places.add(place)
                self.metrics.places.set(len(self._places))
                return place
        self.metrics.turned_away.inc()
        wait = self.retry_after()
        raise ApiError(
            429,
            f"the server is busy with {self.settings.places} requests; try again in {wait} s",
            code="too_many_requests",
            retry_after=wait,
        )

    def find(self, name: str | None) -> Served:
        """A model by name, the first for None; ApiError 404 for others."""
        if name is None:
            return next(iter(self.models.values()))
        if name not in self.models:
            raise ApiError(
                404,
                f"there is no model {name[:100]!r} here; there are {', '.join(self.models)}",
                code="model_not_found",
                param="model",
            )
        return self.models[name]

    def recall(self, digest: str, model: str | None = None) -> Picture | None:
        """A picture that this model has seen and kept."""
        seen = self.cache.get((self.find(model).name, digest))
        return None if seen is None else Picture(digest, seen.image.size, seen=seen)

    def open(self, source: bytes | Image.Image, *, model: str | None = None) -> Picture:
        """A picture for this model: by its content, opened only if the model has not kept its features.

        Raises:
            ImageError: it cannot be opened.
        """
        digest = digest_of(source)
        if (kept := self.recall(digest, model)) is not None:
            return kept
        image = open_image(source, max_pixels=self.settings.max_pixels)
        return Picture(digest, image.size, image=image)

    def submit(
        self,
        works: Sequence[Work],
        *,
        place: Place,
        deadline: float,
        model: str | None = None,
        on_ids: Callable[[Sequence[int]], None] | None = None,
    ) -> list[Job]:
        """Questions of one request into the queue; none is, if one cannot be asked.

        Args:
            place: of the request; the caller releases it when all jobs are done or given up.
            deadline: on `time.monotonic`'s clock.
            on_ids: as in `Job`.

        Raises:
            QuestionError, CapabilityError: a question cannot be asked of this model.
        """
        served = self.find(model)
        for work in works:
            served.check(work)
        jobs = [Job(served.name, work, deadline=deadline, on_ids=on_ids) for work in works]
        place.jobs += jobs
        place.arriving = False
        self._worker_of[served.name].put(jobs)
        return jobs

    async def answer(
        self, works: Sequence[Work], *, place: Place, deadline: float, model: str | None = None
    ) -> list[Outcome]:
        """Ask and wait; whoever cancels this gives the questions up.

        Raises:
            ApiError: 504 when the deadline passed; and what `submit` raises.
        """
        jobs = self.submit(works, place=place, deadline=deadline, model=model)
        try:
            waiting = asyncio.gather(*(asyncio.wrap_future(job.future) for job in jobs))
            return await asyncio.wait_for(waiting, max(deadline - time.monotonic(), 0))
        except (DroppedError, asyncio.TimeoutError):
            raise too_late(self.settings.deadline) from None
        finally:
            for job in jobs:
                job.cancel()

    def ask(self, work: Work, *, model: str | None = None) -> Outcome:
        """Ask and wait from a thread of one's own (the web page's), with a place for as long.

        Raises:
            ApiError: 429, 503 or 504; QuestionError and CapabilityError as in `submit`.
        """
        deadline = time.monotonic() + self.settings.deadline
        with self.enter() as place:
            (job,) = self.submit([work], place=place, deadline=deadline, model=model)
            try:
                return job.future.result(max(deadline - time.monotonic(), 0))
            except (DroppedError, futures.TimeoutError):  # not the builtin one before Python 3.11
                raise too_late(self.settings.deadline) from None
            finally:
                job.cancel()

    # -- state -------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Questions are taken and every worker lives."""
        return not self._closing and all(worker.is_alive() for worker in self._workers.values())

    @property
    def num_places(self) -> int:
        """How many are taken."""
        return len(self._places)

    def num_arriving(self) -> int:
        with self._lock:
            return sum(place.arriving for place in self._places)

    def retry_after(self) -> int:
        """Seconds until a place should be free, 1 to 60: by what batches took lately."""
        seconds = max(worker.batch_seconds for worker in self._workers.values())
        return min(max(math.ceil(seconds), 1), 60)

    def close(self) -> None:
        """Take no more, answer what waits, and return when the workers have ended."""
        with self._lock:
            self._closing = True
        for worker in self._workers.values():
            worker.close()
        for worker in self._workers.values():
            worker.join()

    def _leave(self, place: Place) -> None:
        with self._lock:
            place.arriving = False
            self._places.discard(place)
            self.metrics.places.set(len(self._places))
        for job in place.jobs:
            job.cancel()


def too_late(seconds: float) -> ApiError:
    return ApiError(504, f"the answer took longer than this server's {seconds:g} s", code="deadline_exceeded")


class _Worker(threading.Thread):
    """One device's thread."""

    def __init__(self, engine: Engine, device: str):
        super().__init__(name=f"segue-{device}", daemon=True)
        self.engine = engine
        self.batch_seconds = 1.0  # of the last batches, the latest counting most
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, jobs: Sequence[Job]) -> None:
        with self._changed:
            if self._closed:
                raise ApiError(503, "the server is shutting down", code="shutting_down", retry_after=5)
            self._jobs.extend(jobs)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def run(self) -> None:
        while (jobs := self._next_batch()) is not None:
            start = time.monotonic()
            self._answer(jobs)
            self.batch_seconds += 0.3 * (time.monotonic() - start - self.batch_seconds)

    def _next_batch(self) -> list[Job] | None:
        """The oldest question and others for its model, at most as many as that takes; None at the end."""
        with self._changed:
            while not self._jobs:
                if self._closed:
                    return None
                self._changed.wait()
            model = self._jobs[0].model
            most = self.engine.models[model].most
            until = time.monotonic() + self.engine.settings.batch_delay
            # Waiting pays only while somebody is on the way; alone, a question runs at once.
            while (
                sum(job.model == model for job in self._jobs) < most
                and not self._closed
                and (left := until - time.monotonic()) > 0
                and self.engine.num_arriving()
            ):
                self._changed.wait(min(left, 0.002))
            batch = [job for job in self._jobs if job.model == model][:most]
            chosen = set(map(id, batch))
            self._jobs = deque(job for job in self._jobs if id(job) not in chosen)
            return batch

    def _answer(self, jobs: list[Job]) -> None:
        """Answer a batch; what fails together is tried one by one, so that no question harms another."""
        wanted = [job for job in jobs if job.wanted]
        for job in jobs:
            if job not in wanted:
                self._drop(job)
        if not wanted:
            return
        try:
            self._answer_together(wanted)
        except Exception as error:
            if len(wanted) > 1:
                for job in wanted:
                    self._answer([job])
                return
            if not isinstance(error, SegueError):
                log.exception("a question to %s failed", wanted[0].model)
            wanted[0].fail(error)

    def _answer_together(self, jobs: list[Job]) -> None:
        engine, began = self.engine, time.monotonic()
        served = engine.models[jobs[0].model]
        engine.metrics.batch_size.observe(len(jobs))
        seen, fresh = self._see(served, jobs)
        encode_ms = round((time.monotonic() - began) * 1000, 1)
        outcomes = served.answer(jobs, [seen[job.work.picture.digest] for job in jobs])
        for job, outcome in zip(jobs, outcomes, strict=True):
            if outcome is None:
                self._drop(job)
                continue
            cached = job.work.picture.digest not in fresh
            stages = _stages(outcome, 0.0 if cached else encode_ms)
            queue_ms = round((began - job.submitted) * 1000, 1)
            job.resolve(
                replace(
                    outcome,
                    answers=[replace(answer, timing_ms=_timing(stages)) for answer in outcome.answers],
                    timing_ms={"queue": queue_ms, **stages},
                    batch=len(jobs),
                    cached=cached,
                )
            )

    def _see(self, served: Served, jobs: Sequence[Job]) -> tuple[dict[str, Any], set[str]]:
        """Features of the jobs' pictures by digest, and which of them had to be computed."""
        seen: dict[str, Any] = {}
        fresh: dict[str, Image.Image] = {}
        for job in jobs:
            picture = job.work.picture
            if picture.seen is not None:
                seen[picture.digest] = picture.seen
        for job in jobs:
            picture = job.work.picture
            if picture.digest in seen or picture.digest in fresh or picture.image is None:
                continue
            # Another request may have brought the same picture while this one waited.
            kept = self.engine.cache.get((served.name, picture.digest), again=True)
            if kept is None:
                fresh[picture.digest] = picture.image
            else:
                seen[picture.digest] = kept
        for digest, features in zip(fresh, served.see(list(fresh.values())), strict=True):
            own = cut_loose(features) if self.engine.cache.max_bytes else features
            self.engine.cache.put((served.name, digest), own)
            seen[digest] = own
        return seen, set(fresh)

    def _drop(self, job: Job) -> None:
        self.engine.metrics.dropped.inc()
        job.fail(DroppedError())


def _stages(outcome: Outcome, encode_ms: float) -> dict[str, float]:
    """Milliseconds of encode, generate and masks; what a predictor calls decode are its masks."""
    timing = outcome.answers[0].timing_ms if outcome.answers else {}
    generate = outcome.timing_ms.get("generate", timing.get("generate", 0.0))
    return {"encode": encode_ms, "generate": generate, "masks": timing.get("decode", 0.0)}


def _timing(stages: Mapping[str, float]) -> dict[str, float]:
    """As `Predictor` says it in an answer."""
    total = round(sum(stages.values()), 1)
    return {
        "encode": stages["encode"],
        "generate": stages["generate"],
        "decode": stages["masks"],
        "total": total,
    }
