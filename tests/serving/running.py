"""A server in a thread of the test, and a model that does what the question says."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import torch
import uvicorn
from PIL import Image

from segue.answer import Answer, Segment
from segue.errors import QuestionError
from segue.predictor import Predictor
from segue.query import Reply
from segue.serving.app import create_app
from segue.serving.engine import Engine
from segue.serving.settings import Settings

CAT = Segment("cat", (4, 7), rejected=True, score=0.9)


@dataclass(frozen=True)
class Seen:
    """Features of the parrot: a kilobyte of them."""

    image: Image.Image
    features: torch.Tensor


class Parrot(Predictor):
    """ "say 5" takes 5 steps of `step_seconds`; "break" fails; anything else is answered at once.

    The answer names the picture's size and its first pixel, so that mixed-up answers are found.
    """

    def __init__(self, name: str = "parrot", *, step_seconds: float = 0.02):
        self.name = name
        self.step_seconds = step_seconds
        self.model = SimpleNamespace(device="cpu")
        self.processor = SimpleNamespace(question_ids=self._question_ids, parse=self._parse)
        self.steps: list[str] = []
        self.batches: list[int] = []
        self.encoded: list[int] = []

    def encode_batch(self, images: Any) -> list[Any]:
        self.encoded.append(len(images))
        return [Seen(image, torch.zeros(256)) for image in images]

    def reply(self, queries: Any, *, watch: Any = None) -> list[Reply]:
        self.batches.append(len(queries))
        if any(query.question == "break" for query in queries):
            raise RuntimeError("secret/path is broken")
        said: list[list[int]] = [[] for _ in queries]
        going = set(range(len(queries)))
        dropped = set()
        while going:
            left = {row for row in going if len(said[row]) < self._length(queries[row])}
            if left:
                time.sleep(self.step_seconds)
            for row in sorted(left):
                self.steps.append(queries[row].question)
                said[row].append(len(said[row]))
                if watch is not None and not watch(row, said[row]):
                    dropped.add(row)
            going = left - dropped
        return [
            Reply(None if row in dropped else self._answer(query, said[row]), 7, len(said[row]), True)
            for row, query in enumerate(queries)
        ]

    @staticmethod
    def _length(query: Any) -> int:
        first, _, number = query.question.partition(" ")
        return min(int(number), query.max_new_tokens) if first == "say" and number.isdecimal() else 0

    def _answer(self, query: Any, said: list[int]) -> Answer:
        image = query.image.image
        told = f"{query.question!r} of {image.size} {image.getpixel((0, 0))}"
        text = self._parse(said).text if said else told
        mask = np.zeros((image.height, image.width), bool)
        mask[: image.height // 2] = True
        segments = (Segment.from_mask(text[:1], (0, 1), mask, score=0.8),)
        timing = {"generate": 1.0, "decode": 1.0}
        return Answer(text, segments, (), *image.size, self.name, timing_ms=timing)

    @staticmethod
    def _question_ids(question: str, *, has_region: bool = False) -> list[int]:
        if not question.strip():
            raise QuestionError("the question is empty")
        return [1]

    @staticmethod
    def _parse(ids: Any) -> Any:
        return SimpleNamespace(text=" ".join(f"word{number}" for number in ids))


@dataclass(frozen=True)
class Running:
    """A server that runs."""

    url: str
    engine: Engine
    server: uvicorn.Server
    client: httpx.Client

    def ask(self, question: str = "what?", image: str | None = None, **fields: Any) -> httpx.Response:
        body = {"image": image or data_url(), "question": question} | fields
        return self.client.post("/v1/ask", json=body)

    def stop(self) -> None:
        """As SIGTERM does."""
        self.server.should_exit = True


@contextmanager
def running(*predictors: Any, **changes: Any) -> Iterator[Running]:
    """A server with these models and settings, on a port of its own; stopped in the end."""
    settings = Settings(**{"page": False} | changes)
    engine = Engine(predictors, settings)
    config = uvicorn.Config(create_app(engine, settings), port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
            yield Running(url, engine, server, client)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the server did not end"


def wait_for(condition: Any, *, seconds: float = 10, pause: float = 0.005) -> None:
    """Until it holds, or the test fails."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "this took too long"
        time.sleep(pause)


def png(image: Image.Image | None = None) -> bytes:
    stream = io.BytesIO()
    (image or Image.new("RGB", (8, 6), "teal")).save(stream, "PNG")
    return stream.getvalue()


def data_url(image: Image.Image | bytes | None = None) -> str:
    data = image if isinstance(image, bytes) else png(image)
    return "data:image/png;base64," + base64.b64encode(data).decode()
