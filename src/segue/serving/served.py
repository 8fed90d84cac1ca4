"""The model families behind one face: check a question, see pictures, answer a batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from PIL import Image

from segue.answer import Answer
from segue.errors import QuestionError
from segue.query import Query
from segue.serving.work import DroppedError, Job, Outcome, Work

__all__ = ["Served", "make_served"]


class Served(Protocol):
    """A model as the engine sees it.

    Attributes:
        name: what clients call it.
        most: how many questions it answers at once.
    """

    name: str
    most: int
    predictor: Any

    def check(self, work: Work) -> None:
        """Raise QuestionError or CapabilityError for what it cannot be asked, before it costs anything."""

    def see(self, images: Sequence[Image.Image]) -> list[Any]:
        """Features of pictures."""

    def answer(self, jobs: Sequence[Job], seen: Sequence[Any]) -> list[Outcome | None]:
        """Answers to jobs about pictures it has seen; None for jobs that nobody wants any more."""

    def text_of(self, ids: Sequence[int]) -> str:
        """The text of ids said so far."""


def make_served(predictor: Any, *, max_batch: int) -> Served:
    """The face of what `segue.load` gives."""
    return _Grounded(predictor, max_batch) if hasattr(predictor, "reply") else _Captioning(predictor)


class _Grounded:
    """LISA, GSVA, PixelLM and segue/mini: everything is a question of a batch."""

    def __init__(self, predictor: Any, max_batch: int):
        self.predictor, self.name, self.most = predictor, predictor.name, max_batch

    def check(self, work: Work) -> None:
        if work.kind == "dense":
            self.predictor.caption_dense(None)
        query = self._query(work, None)
        _check_region(work)
        self.predictor.processor.question_ids(query.question, has_region=query.region is not None)

    def see(self, images: Sequence[Image.Image]) -> list[Any]:
        return self.predictor.encode_batch(images)

    def answer(self, jobs: Sequence[Job], seen: Sequence[Any]) -> list[Outcome | None]:
        def watch(row: int, ids: Sequence[int]) -> bool:
            job = jobs[row]
            if job.wanted and job.on_ids is not None:
                job.on_ids(list(ids))
            return job.wanted

        queries = [self._query(job.work, image) for job, image in zip(jobs, seen, strict=True)]
        replies = self.predictor.reply(queries, watch=watch)
        return [
            reply.answer
            and Outcome(
                answers=[reply.answer],
                prompt_tokens=reply.prompt_tokens,
                answer_tokens=reply.answer_tokens,
                finished=reply.finished,
                soft=reply.soft,
            )
            for reply in replies
        ]

    def text_of(self, ids: Sequence[int]) -> str:
        return self.predictor.processor.parse(list(ids)).text

    def _query(self, work: Work, image: Any) -> Query:
        if work.kind == "caption":
            return self.predictor.caption_query(image, box=work.region, max_new_tokens=work.max_new_tokens)
        if work.kind == "locate":
            return self.predictor.locate_query(image, work.text, max_new_tokens=work.max_new_tokens)
        return Query(image, work.text, work.region, work.max_new_tokens)


class _Captioning:
    """PixelLLM: one by one, since pictures differ and generation is a small part of the time."""

    most = 1

    def __init__(self, predictor: Any):
        self.predictor, self.name = predictor, predictor.name

    def check(self, work: Work) -> None:
        _check_region(work)
        if work.kind in ("ask", "locate") and not work.text.strip(" \t\r\n?."):
            raise QuestionError("the question is empty; ask something, for example: the red mug")

    def see(self, images: Sequence[Image.Image]) -> list[Any]:
        return [self.predictor.encode(image) for image in images]

    def answer(self, jobs: Sequence[Job], seen: Sequence[Any]) -> list[Outcome | None]:
        return [self._answer(job, image) for job, image in zip(jobs, seen, strict=True)]

    def _answer(self, job: Job, seen: Any) -> Outcome | None:
        def tick() -> None:
            if not job.wanted:
                raise DroppedError

        work, start = job.work, time.perf_counter()
        answers: list[Answer]
        soft = None
        try:
            tick()
            if work.kind == "dense":
                answers = self.predictor.caption_dense(seen, tick=tick)
            elif work.kind == "caption":
                answers = [self.predictor.caption(seen, box=work.region, tick=tick)]
            elif work.kind == "locate":
                located, soft = self.predictor.locate_soft(seen, work.text)
                answers = [located]
            else:
                answers = [self.predictor.ask(seen, work.text, region=work.region, tick=tick)]
        except DroppedError:
            return None
        timing = {"generate": round((time.perf_counter() - start) * 1000, 1)}
        return Outcome(answers, timing_ms=timing, soft=soft)

    def text_of(self, ids: Sequence[int]) -> str:
        return self.predictor.text.spoken(list(ids))[0]


def _check_region(work: Work) -> None:
    if work.region is None:
        return
    (width, height), (x0, y0, x1, y1) = work.picture.size, work.region
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        raise QuestionError(
            f"the box {list(work.region)} lies outside the picture of {width} x {height} pixels"
        )
