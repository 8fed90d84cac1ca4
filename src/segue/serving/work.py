"""What is asked of a model, what comes back, and the job between the two."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image

from segue.answer import Answer
from segue.soft_masks import SoftMasks

__all__ = ["DroppedError", "Job", "Outcome", "Picture", "Work", "digest_of"]

Kind = Literal["ask", "caption", "locate", "dense"]


class DroppedError(Exception):
    """Nobody waits for the answer: the client left, or its time was over."""


@dataclass(frozen=True)
class Picture:
    """A picture by its content.

    Attributes:
        digest: says which picture it is, as `digest_of` gives it.
        size: width and height, upright.
        image: opened; None where `seen` is given.
        seen: what a model saw of it before, if it was still kept.
    """

    digest: str
    size: tuple[int, int]
    image: Image.Image | None = None
    seen: Any = None


def digest_of(source: bytes | Image.Image) -> str:
    """SHA-256 of a file's bytes or of a picture's pixels."""
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest()
    return hashlib.sha256(f"{source.mode}{source.size}".encode() + source.tobytes()).hexdigest()


@dataclass(frozen=True)
class Work:
    """One question.

    Attributes:
        kind: "ask" and "locate" need `text`, "caption" and "dense" do not.
        region: x0, y0, x1, y1 in pixels.
    """

    kind: Kind
    picture: Picture
    text: str = ""
    region: tuple[float, float, float, float] | None = None
    max_new_tokens: int = 160


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        answers: one, or for "dense" any number.
        prompt_tokens, answer_tokens: where the family counts them.
        finished: False when the answer was cut at its limit.
        timing_ms: of the stages queue, encode, generate and masks.
        batch: how many questions ran together.
        cached: the picture's features were there already.
        soft: the masks of the one answer before their threshold, where there are any.
    """

    answers: Sequence[Answer]
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    finished: bool = True
    timing_ms: Mapping[str, float] = field(default_factory=dict)
    batch: int = 1
    cached: bool = False
    soft: SoftMasks | None = None

    @property
    def answer(self) -> Answer:
        """The one answer."""
        (answer,) = self.answers
        return answer


class Job:
    """A question on its way through the engine.

    Args:
        model: the name of the model that is asked.
        work: the question.
        deadline: when it is too late, on `time.monotonic`'s clock.
        on_ids: called from the worker's thread with the ids said so far, after each step.
    """

    def __init__(
        self,
        model: str,
        work: Work,
        *,
        deadline: float,
        on_ids: Callable[[Sequence[int]], None] | None = None,
    ):
        self.model, self.work, self.deadline, self.on_ids = model, work, deadline, on_ids
        self.future: Future[Outcome] = Future()
        self.submitted = time.monotonic()
        self._cancelled = False

    def cancel(self) -> None:
        """Nobody waits any more: it leaves the queue, or its batch at the next step. Harmless when done."""
        self._cancelled = True

    @property
    def wanted(self) -> bool:
        """Somebody still waits, and it is not too late."""
        return not self._cancelled and not self.future.cancelled() and time.monotonic() < self.deadline

    def resolve(self, outcome: Outcome) -> None:
        with suppress(InvalidStateError):  # cancelled at the same moment
            self.future.set_result(outcome)

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)
