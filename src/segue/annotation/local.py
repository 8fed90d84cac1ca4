"""Pictures through the model of this process, some at a time: each is opened once and seen once for all its
questions, while the next are being opened."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.annotation.asks import Ask
from segue.annotation.journal import Done, Journal
from segue.errors import CapabilityError, QuestionError, SegueError
from segue.images import open_image

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MOST_FAULTS", "Annotator", "Opened", "annotate", "open_pictures"]

log = logging.getLogger(__name__)

MOST_FAULTS = 20
"""Faults of the model in a row after which a run ends: it, rather than the pictures, is broken."""


class Annotator:
    """A model with the questions that it is asked.

    Args:
        predictor: what `segue.load` gives.
        batch: questions that run together.
    """

    def __init__(self, predictor: Any, asks: Sequence[Ask], *, batch: int = 16):
        self.predictor, self.asks, self.batch = predictor, asks, batch

    @property
    def pictures(self) -> int:
        """How many pictures go together."""
        return max(1, self.batch // len(self.asks))

    def answer(self, pictures: Sequence[tuple[str, Image.Image]]) -> list[Done]:
        """Answers about pictures; when they fail together each is tried alone.

        Raises:
            QuestionError, CapabilityError: a question cannot be asked of this model.
        """
        if not pictures:
            return []
        try:
            found = self._ask([image for _, image in pictures])
        except (QuestionError, CapabilityError):
            raise
        except Exception as error:
            if len(pictures) > 1:
                return [done for pair in pictures for done in self.answer([pair])]
            if not isinstance(error, SegueError):
                log.exception("%s failed", pictures[0][0])
            return [Done(pictures[0][0], error=_told(error))]
        return [Done(name, answers) for (name, _), answers in zip(pictures, found, strict=True)]

    def _ask(self, images: Sequence[Image.Image]) -> list[list[dict[str, Any]]]:
        """For each picture the answers to all questions, its features shared."""
        predictor = self.predictor
        if hasattr(predictor, "reply"):
            return self._ask_together(images)
        found = []
        for image in images:
            seen = predictor.encode(image)
            answers = (
                predictor.locate(seen, ask.question) if ask.locate else predictor.ask(seen, ask.question)
                for ask in self.asks
            )
            found.append([answer.to_dict() for answer in answers])
        return found

    def _ask_together(self, images: Sequence[Image.Image]) -> list[list[dict[str, Any]]]:
        from segue.query import Query

        predictor = self.predictor
        found: list[list[dict[str, Any]]] = [[] for _ in images]
        seen = predictor.encode_batch(images)
        pairs = [(number, ask) for number in range(len(images)) for ask in self.asks]
        for first in range(0, len(pairs), self.batch):
            part = pairs[first : first + self.batch]
            queries = [
                predictor.locate_query(seen[number], ask.question)
                if ask.locate
                else Query(seen[number], ask.question)
                for number, ask in part
            ]
            for (number, _), reply in zip(part, predictor.reply(queries), strict=True):
                found[number].append(reply.answer.to_dict())
        return found


def annotate(
    pictures: Sequence[str],
    folder: Path,
    annotator: Annotator,
    journal: Journal,
    *,
    watch: Callable[[int], None] = lambda done: None,
) -> None:
    """Ask about all pictures of the list that the journal has no answers for.

    Args:
        watch: called with the number of pictures of this list that are done, failed ones among them.

    Raises:
        SegueError: a question cannot be asked, or the model failed too often in a row.
    """
    finished = journal.finished()
    left = [name for name in pictures if name not in finished]
    done = len(pictures) - len(left)
    watch(done)
    faults = 0
    for opened in open_pictures(left, folder, annotator.pictures):
        answered = annotator.answer(opened.pictures)
        journal.add([*opened.failed, *answered])
        done += len(opened.failed) + len(answered)
        watch(done)
        for entry in answered:
            faults = 0 if entry.answers is not None else faults + 1
        if faults >= MOST_FAULTS:
            raise SegueError(f"the model failed at {faults} pictures in a row: {answered[-1].error}")


@dataclass(frozen=True)
class Opened:
    """A batch of pictures with their names, and those that could not be opened."""

    pictures: list[tuple[str, Image.Image]]
    failed: list[Done]


def open_pictures(names: Sequence[str], folder: Path, size: int) -> Iterator[Opened]:
    """Batches of so many pictures, opened while the ones before are in use."""

    def read(name: str) -> Image.Image | str:
        try:
            return open_image(folder / name)
        except SegueError as error:
            return _told(error)
        except MemoryError:
            return "too large for this machine's memory"

    with ThreadPoolExecutor(2) as threads:
        waiting: deque[tuple[str, Future[Image.Image | str]]] = deque()
        coming = iter(names)
        while True:
            more = islice(coming, 2 * size - len(waiting))
            waiting.extend((name, threads.submit(read, name)) for name in more)
            if not waiting:
                return
            batch = Opened([], [])
            for _ in range(min(size, len(waiting))):
                name, future = waiting.popleft()
                found = future.result()
                if isinstance(found, str):
                    batch.failed.append(Done(name, error=found))
                else:
                    batch.pictures.append((name, found))
            yield batch


def _told(error: BaseException) -> str:
    """One line, whatever the message holds."""
    message = " ".join(str(error).split())
    return message if isinstance(error, SegueError) and message else f"{type(error).__name__}: {message}"
