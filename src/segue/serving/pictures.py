"""From what a request holds (data URL, base64, upload, allowed https URL) to a picture, within limits.

Nothing here ever opens a path. Format and size are read from the first bytes; a picture is decoded only when
there is room for it among those that are open, and not at all if the model has kept its features.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio import to_thread

from segue.images import open_image, read_header
from segue.serving.engine import Engine
from segue.serving.errors import ApiError
from segue.serving.fetch import fetch
from segue.serving.settings import Settings
from segue.serving.work import Picture, digest_of

__all__ = ["Pictures", "Room", "read_inline"]

Result = TypeVar("Result")

_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]{0,20}:", re.IGNORECASE)
_DATA_URL = re.compile(r"data:[^,;\s]{0,100}(;[^,;\s]{0,100}){0,4};base64,", re.IGNORECASE)
_THREADS = 4
_FETCHES = 8
_BYTES_PER_PIXEL = 3


class Room:
    """A budget that waits: first come, first served. For one event loop."""

    def __init__(self, size: int):
        self.size = size
        self.used = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, amount: int) -> int:
        """Wait until `amount` fits (all of the room, if it is larger); returns what to give back."""
        amount = min(amount, self.size)
        if not self._waiting and self.used + amount <= self.size:
            self.used += amount
            return amount
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, ready))
        try:
            await ready
        except asyncio.CancelledError:
            if ready.done() and not ready.cancelled():  # it was let in at the same moment
                self.give_back(amount)
            else:
                self._waiting = deque(entry for entry in self._waiting if entry[1] is not ready)
                self._let_in()
            raise
        return amount

    def give_back(self, amount: int) -> None:
        self.used -= amount
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting and self.used + self._waiting[0][0] <= self.size:
            amount, ready = self._waiting.popleft()
            if not ready.done():
                self.used += amount
                ready.set_result(None)


class Pictures:
    """The pictures of requests, for one engine."""

    def __init__(self, engine: Engine, settings: Settings):
        self.engine, self.settings = engine, settings
        self.room = Room(settings.decoded_bytes)
        self._threads = anyio.CapacityLimiter(_THREADS)
        self._fetches = anyio.CapacityLimiter(_FETCHES)  # slow sites keep nobody else waiting

    @asynccontextmanager
    async def opened(self, source: str | bytes, *, model: str) -> AsyncIterator[Picture]:
        """A picture for as long as the request needs it.

        Args:
            source: what the client sent; text is a data URL, base64 or an https URL.

        Raises:
            ApiError, ImageError: it cannot or must not be opened.
        """
        data = await self._bytes(source) if isinstance(source, str) else source
        digest = await self._in_thread(digest_of, data)
        picture = self.engine.recall(digest, model)
        if picture is not None:
            yield picture
            return
        taken = await self.room.take(await self._in_thread(self._check, data))
        try:
            image = await self._in_thread(open_image, data)
            yield Picture(digest, image.size, image=image)
        finally:
            self.room.give_back(taken)

    async def _bytes(self, source: str) -> bytes:
        if source[:6].lower() != "https:":
            return await self._in_thread(read_inline, source)
        settings = self.settings
        fetching = partial(
            fetch,
            source,
            hosts=settings.url_hosts,
            seconds=settings.url_seconds,
            max_bytes=settings.url_bytes,
        )
        return await to_thread.run_sync(fetching, limiter=self._fetches)

    def _check(self, data: bytes) -> int:
        """Limits by the first bytes alone; returns how much memory the picture takes when it is open."""
        header = read_header(data)
        if header.format not in self.settings.formats:
            known = ", ".join(sorted(self.settings.formats))
            raise ApiError(
                400,
                f"{header.format} pictures are not opened here: send {known}",
                code="invalid_image",
                param="image",
            )
        pixels = header.width * header.height
        if pixels > self.settings.max_pixels:
            raise ApiError(
                400,
                f"the picture is {header.width} x {header.height} = {pixels:,} pixels, over this server's "
                f"limit of {self.settings.max_pixels:,}: make it smaller",
                code="image_too_large",
                param="image",
            )
        return pixels * _BYTES_PER_PIXEL

    async def _in_thread(self, function: Callable[..., Result], *arguments: Any) -> Result:
        return await to_thread.run_sync(function, *arguments, limiter=self._threads)


def read_inline(source: str) -> bytes:
    """The bytes in a data URL or in plain base64; ApiError 400 for anything else, such as a path."""
    match = _DATA_URL.match(source)
    if match is None and _SCHEME.match(source):
        what = "a data URL that is not base64" if source[:5].lower() == "data:" else "a URL of another kind"
        raise _bad(f"the image is {what}; send data:image/...;base64,... or plain base64")
    try:
        data = base64.b64decode(source[match.end() :] if match else source, validate=True)
    except (binascii.Error, ValueError):
        raise _bad("the image is neither a data URL nor base64 (paths are never opened)") from None
    if not data:
        raise _bad("the image is empty")
    return data


def _bad(message: str) -> ApiError:
    return ApiError(400, message, code="invalid_image", param="image")
