"""A client of a running `segue serve`, for annotation tools: phrases located in a picture."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from segue.answer import Answer
from segue.errors import SegueError

__all__ = ["ADDRESS", "Server"]

ADDRESS = "http://127.0.0.1:8000"
_TOKEN_VARIABLE = "SEGUE_TOKEN"
_TOGETHER = 8
_TRIES = 5
_MOST_WAIT = 60.0


class Server:
    """A server at an address such as `http://127.0.0.1:8000`; may be used by several threads.

    Args:
        token: the server's bearer token; by default what SEGUE_TOKEN says.
        model: as the server's /v1/models lists it; the server's first by default.
        transport: of httpx, where it is not the network.
    """

    def __init__(
        self,
        address: str = ADDRESS,
        *,
        token: str | None = None,
        model: str | None = None,
        transport: Any = None,
    ):
        import httpx  # comes with huggingface_hub

        token = token or os.environ.get(_TOKEN_VARIABLE)
        self._model = model
        self._client = httpx.Client(
            base_url=address,
            timeout=httpx.Timeout(120.0, connect=10.0),
            headers={"Authorization": f"Bearer {token}"} if token else {},
            transport=transport,
        )

    def locate(self, picture: bytes, phrases: Sequence[str]) -> list[Answer]:
        """An answer for each phrase; the server runs them together and sees the picture once.

        Args:
            picture: a picture's file.

        Raises:
            SegueError: the server cannot be reached or refuses; the message is the server's.
        """
        image = base64.b64encode(picture).decode("ascii")
        with ThreadPoolExecutor(min(_TOGETHER, max(1, len(phrases)))) as threads:
            return list(threads.map(lambda phrase: self._locate(image, phrase), phrases))

    def _locate(self, image: str, phrase: str) -> Answer:
        import httpx

        body = {"image": image, "expression": phrase}
        if self._model is not None:
            body["model"] = self._model
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._client.post("/v1/locate", json=body)
            except httpx.HTTPError as error:
                raise SegueError(
                    f"no answer from {self._client.base_url} ({error or type(error).__name__}); "
                    "is `segue serve` running there?"
                ) from error
            if response.status_code not in (429, 503) or attempt == _TRIES:
                break
            wait = response.headers.get("retry-after", "1")
            time.sleep(min(float(wait) if wait.isdecimal() else 1.0, _MOST_WAIT))
        if response.status_code != 200:
            raise SegueError(f"{self._client.base_url} refuses {phrase!r}: {_reason(response)}")
        return Answer.from_dict(response.json())


def _reason(response: Any) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"
