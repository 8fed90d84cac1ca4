"""The page's side of a conversation: a picture comes in, questions are asked of it, answers are saved.

Everything goes through the endpoints' own desk: the same limits, the same kept features, the same batches.
Nothing here knows gradio. What goes wrong comes back as {"error": ...} in words for people.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segue.errors import SegueError
from segue.images import open_image
from segue.serving.engine import too_late
from segue.serving.errors import ApiError, as_api_error
from segue.serving.following import Follower
from segue.serving.page.bundled import BUNDLED, read_asset
from segue.serving.page.messages import (
    Format,
    answer_message,
    download_message,
    kept_entry,
    preview_url,
)
from segue.serving.page.sessions import Session, Sessions
from segue.serving.pictures import read_inline
from segue.serving.routes import Desk
from segue.serving.work import DroppedError, Outcome, digest_of

__all__ = ["Talk"]

log = logging.getLogger(__name__)

Message = dict[str, Any]

_NO_PICTURE = "there is no picture yet: drop one, paste one, or take one of the examples"
_FORGOTTEN = "the server no longer has this answer; ask again"


class _Request(BaseModel):
    """What the script sends; anything else is not ours."""

    model_config = ConfigDict(extra="ignore")


class GivenPicture(_Request):
    """A file as a data URL, or the number of a bundled picture."""

    number: int
    name: Annotated[str, Field(max_length=300)] = "picture"
    data: str | None = None
    bundled: Annotated[int, Field(ge=0, lt=len(BUNDLED))] | None = None


class Run(_Request):
    """A question: `entry` is the browser's number for it, `region` x0, y0, x1, y1 in the picture's pixels."""

    entry: int
    picture: int
    region: tuple[float, float, float, float] | None = None


class Download(_Request):
    entry: int
    format: Format
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5


class Talk:
    """For one server. `key` says which open page is speaking."""

    def __init__(self, desk: Desk):
        self.desk = desk
        self.sessions = Sessions()

    async def take_picture(self, given: Any, *, key: str, model: str | None) -> Message:
        """The picture as the page shows it: `url`, `width`, `height`, `questions`."""
        number, name = (given.get("number"), "") if isinstance(given, dict) else (None, "")
        try:
            picture = GivenPicture.model_validate(given)
            name = picture.name
            bundled = None if picture.bundled is None else BUNDLED[picture.bundled]
            if bundled is not None:
                name, data = bundled.file, await to_thread.run_sync(read_asset, bundled.file)
            else:
                data = await to_thread.run_sync(read_inline, picture.data or "")
            served = self.desk.engine.find(model)
            async with self.desk.pictures.opened(data, model=served.name) as opened:
                image = opened.seen.image if opened.image is None else opened.image
                url = await to_thread.run_sync(preview_url, image)
                width, height = opened.size
        except Exception as error:
            told = _in_words(error).replace("the given bytes", name or "the file")
            return {"number": number, "error": told}
        self.sessions.put(key, Session(data, name, digest_of(data)))
        return {
            "number": picture.number,
            "name": name,
            "url": url,
            "width": width,
            "height": height,
            "questions": list(bundled.questions) if bundled else [],
        }

    async def answer(
        self, kind: Literal["ask", "caption"], text: str, given: Any, *, key: str, model: str | None
    ) -> AsyncGenerator[Message, None]:
        """An answer as it comes: messages with `text` so far, and in the end one with all of it."""
        head = {name: given.get(name) for name in ("entry", "picture")} if isinstance(given, dict) else {}
        try:
            run = Run.model_validate(given)
            session = self.sessions.get(key)
            if session is None:
                raise ApiError(400, _NO_PICTURE)
            yield head | {"stage": "looking at the picture"}
            async with aclosing(self._run(kind, text, run, session, model)) as steps:
                async for step in steps:
                    if isinstance(step, str):
                        yield head | {"stage": "answering", "text": step}
                        continue
                    message = await to_thread.run_sync(answer_message, step)
                    session.entries[run.entry] = await to_thread.run_sync(kept_entry, step)
                    if self.sessions.get(key) is session:  # another picture may have come in between
                        self.sessions.put(key, session)
                    yield head | {"answer": message}
        except Exception as error:
            yield head | {"error": _in_words(error)}

    async def _run(
        self, kind: Literal["ask", "caption"], text: str, run: Run, session: Session, model: str | None
    ) -> AsyncGenerator[str | Outcome, None]:
        """The text so far, again and again, and then the outcome."""
        desk = self.desk
        deadline = time.monotonic() + desk.settings.deadline
        with desk.engine.enter() as place:
            served = desk.check(model, [text])
            async with desk.pictures.opened(session.picture, model=served.name) as picture:
                follower, said = Follower(), ""
                (job,) = desk.engine.submit(
                    [desk.work(kind, picture, text=text, region=run.region)],
                    place=place,
                    deadline=deadline,
                    model=served.name,
                    on_ids=follower.on_ids,
                )
                try:
                    async for piece in follower.texts(served, job):
                        said += piece
                        yield said
                    yield job.future.result()
                except DroppedError:
                    raise too_late(desk.settings.deadline) from None
                finally:
                    job.cancel()

    async def save(self, given: Any, *, key: str) -> Message:
        """A file of an answer: its name in `file`, its content in `url`."""
        try:
            wish = Download.model_validate(given)
            session = self.sessions.get(key)
            entry = None if session is None else session.entries.get(wish.entry)
            if session is None or entry is None:
                raise ApiError(404, _FORGOTTEN)
            image = None
            if wish.format == "png":
                image = await to_thread.run_sync(open_image, session.picture)

            def make() -> Message:
                return download_message(
                    entry, image, kind=wish.format, threshold=wish.threshold, name=session.name
                )

            return await to_thread.run_sync(make)
        except Exception as error:
            return {"error": _in_words(error)}


def _in_words(error: Exception) -> str:
    """For people; what is our own fault goes to the log instead."""
    if isinstance(error, ValidationError):
        return "the page sent something that this server does not know; reload the page"
    problem = as_api_error(error)
    if problem.status == 500 and not isinstance(error, SegueError):
        log.exception("the page failed", exc_info=error)
    return problem.message
