"""An answer's text while it is still being said: from the worker's thread to a listener on the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

from segue.serving.served import Served
from segue.serving.work import DroppedError, Job

__all__ = ["Follower"]


class Follower:
    """Give `on_ids` to the job, then read `texts`. Made on the event loop that listens."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._latest: Sequence[int] = ()
        self._news = asyncio.Event()

    def on_ids(self, ids: Sequence[int]) -> None:
        """Called from the worker's thread with all ids so far."""
        try:
            self._loop.call_soon_threadsafe(self._tell, ids)
        except RuntimeError:  # the loop has ended, and with it whoever listened
            return

    async def texts(self, served: Served, job: Job) -> AsyncIterator[str]:
        """New pieces of text while the job runs, but for the last word, which may still change.

        Raises:
            DroppedError: the job's deadline passed; and what the job failed with.
        """
        done = asyncio.wrap_future(job.future)
        done.add_done_callback(lambda _: self._news.set())
        told = ""
        try:
            while True:
                left = job.deadline - time.monotonic()
                try:
                    await asyncio.wait_for(self._news.wait(), max(left, 0))
                except asyncio.TimeoutError:
                    raise DroppedError from None
                if done.done():
                    done.result()
                    return
                self._news.clear()
                text = served.text_of(self._latest)
                settled = text[: text.rfind(" ") + 1]
                if len(settled) > len(told) and settled.startswith(told):
                    yield settled[len(told) :]
                    told = settled
        finally:
            done.cancel()

    def _tell(self, ids: Sequence[int]) -> None:
        self._latest = ids
        self._news.set()
