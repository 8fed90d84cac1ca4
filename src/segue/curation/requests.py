"""What is sent to an endpoint and what comes back, whatever the endpoint is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from segue.curation.plan import EndpointPlan, Price
from segue.curation.scene import Scene

__all__ = [
    "Endpoint",
    "EndpointError",
    "Message",
    "Reply",
    "Request",
    "Tokens",
    "expected_tokens",
    "most_tokens",
]


@dataclass(frozen=True)
class Message:
    """One message of a dialogue: role "system", "user" or "assistant"."""

    role: str
    text: str


@dataclass(frozen=True)
class Request:
    """One reply that is wanted.

    Attributes:
        key: names the request for good: picture, stage and attempt. Sent as Idempotency-Key, so that servers
            which know it do not charge twice for a request repeated after a lost connection.
        messages: the picture, if there is one, belongs to the first user message.
        picture: the file to send with it; None for a text-only request.
        form: what the reply has to be (`segue.curation.replies`).
        scene: the facts behind the request, for the offline generator.
    """

    key: str
    messages: Sequence[Message]
    picture: Path | None
    form: type[BaseModel]
    scene: Scene


@dataclass(frozen=True)
class Reply:
    """What came back. `finish` is the protocol's reason ("stop", "length" ...); `estimated` says that the
    server did not count the tokens and we did, roughly."""

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    estimated: bool = False


class EndpointError(Exception):
    """One try that brought no reply.

    Attributes:
        again: whether another try may help.
        unpaid: whether it is certain that nothing is charged for it.
        wait: seconds that the server asks to wait, if it does.
        fatal: no request will ever succeed (wrong key, no such model): the run has to stop.
    """

    def __init__(
        self,
        message: str,
        *,
        again: bool,
        unpaid: bool,
        wait: float | None = None,
        fatal: bool = False,
    ):
        super().__init__(message)
        self.again, self.unpaid, self.wait, self.fatal = again, unpaid, wait, fatal


class Endpoint(Protocol):
    """A model that answers requests."""

    @property
    def name(self) -> str:
        """The model, as records name it."""
        ...

    async def complete(self, request: Request) -> Reply:
        """One try. Raises `EndpointError` where it brings no reply."""
        ...


@dataclass(frozen=True)
class Tokens:
    """Numbers of tokens in and out."""

    input: int
    output: int

    def cost(self, price: Price) -> float:
        """In the currency of the price, which is for a million tokens."""
        return (self.input * price.input + self.output * price.output) / 1e6


def expected_tokens(request: Request, endpoint: EndpointPlan) -> Tokens:
    """A rough estimate: 4 characters a token, 120 tokens for each pair with its descriptions."""
    if endpoint.kind == "offline":
        return Tokens(0, 0)
    characters = sum(len(message.text) for message in request.messages)
    picture = endpoint.tokens_per_image if request.picture else 0
    return Tokens(characters // 4 + picture, min(endpoint.max_tokens, 120 * max(1, len(request.scene.asks))))


def most_tokens(request: Request, endpoint: EndpointPlan) -> Tokens:
    """What one reply may use at most; set aside from the budget before it is asked for."""
    if endpoint.kind == "offline":
        return Tokens(0, 0)
    characters = sum(len(message.text.encode()) for message in request.messages)
    picture = 2 * endpoint.tokens_per_image if request.picture else 0
    return Tokens(characters // 2 + picture + 64, endpoint.max_tokens)
