"""What every request passes first: an id, the token, a place, its body's size; and the eye on its client.

The body is read here as a whole, within its limits, before anything looks into it. From then on the only
message a client can send is that it has left, upon which the request is cancelled and its place is free.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import re
import time
import uuid
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.serving.engine import Engine, Place, too_late
from segue.serving.errors import ApiError, as_api_error, error_response
from segue.serving.settings import Settings

__all__ = ["Guard", "Trace"]

log = logging.getLogger(__name__)

_SAFE_ID = re.compile(r"[A-Za-z0-9._\-]{1,64}")
_OPEN_PATHS = ("/healthz", "/readyz")
_API = "/v1/"
_DRAIN_SECONDS = 2.0
_GRACE = 5.0  # for the last bytes of an answer to a slow reader


@dataclass
class Trace:
    """What is known of a request while it is answered; `request.state.trace`.

    Attributes:
        deadline: on `time.monotonic`'s clock.
        place: of requests that ask something.
        stages: milliseconds of each stage so far.
        fields: further entries of the log's line.
    """

    request_id: str
    started: float
    deadline: float
    place: Place | None = None
    stages: dict[str, float] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)

    def lap(self, stage: str) -> None:
        """A stage is over: it took what the stages before it have not."""
        so_far = (time.monotonic() - self.started) * 1000
        self.stages[stage] = round(so_far - sum(self.stages.values()), 1)


class Guard:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, engine: Engine, settings: Settings):
        self.app, self.engine, self.settings = app, engine, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._may_enter(scope):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        now = time.monotonic()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex
        trace = Trace(request_id, now, now + self.settings.deadline)
        scope.setdefault("state", {})["trace"] = trace
        watched = _Watched(send, request_id)
        try:
            await self._answer(scope, receive, watched, trace)
        except Exception as error:
            answer = as_api_error(error)
            if answer.status == 500:
                log.exception("a request failed", extra={"fields": {"request_id": request_id}})
            if watched.status is None:
                await error_response(answer)(scope, receive, watched)
        finally:
            if trace.place is not None:
                trace.place.release()
            self._note(scope, trace, watched)

    async def _answer(self, scope: Scope, receive: Receive, send: _Watched, trace: Trace) -> None:
        self._check_token(scope)
        asks = scope["path"].startswith(_API) and scope["method"] == "POST"
        if asks:
            trace.place = self.engine.enter()
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self.app(scope, receive, send)
            return
        body = await self._read_body(scope, receive, trace)
        trace.lap("read")
        if not asks:
            await self.app(scope, _Replay(body, receive), send)
            return
        await self._run(scope, body, receive, send, trace)

    async def _run(self, scope: Scope, body: bytes, receive: Receive, send: _Watched, trace: Trace) -> None:
        """The application, until it is done, the client has left, or it is too late."""
        gone = asyncio.ensure_future(_until_gone(receive))
        running = asyncio.ensure_future(self.app(scope, _Replay(body, gone), send))
        try:
            left = max(trace.deadline - time.monotonic(), 0)
            await asyncio.wait({gone, running}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if not running.done() and not gone.done() and send.status is not None:
                # An answer is being sent, and says itself that it is late.
                await asyncio.wait({gone, running}, timeout=_GRACE, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                await running
                return
            send.left = gone.done()
            if trace.place is not None:
                trace.place.release()
            running.cancel()
            if not send.left and send.status is None:
                await error_response(too_late(self.settings.deadline))(scope, receive, send)
        finally:
            gone.cancel()
            send.closed = not running.done()
            running.cancel()
            # A thread that opens a picture cannot be stopped: nobody but this request waits for it.
            await asyncio.gather(running, gone, return_exceptions=True)

    async def _read_body(self, scope: Scope, receive: Receive, trace: Trace) -> bytes:
        headers = Headers(scope=scope)
        limit = self.settings.max_body_bytes
        length = headers.get("content-length", "")
        if length.isdecimal() and (len(length) > 18 or int(length) > limit):
            if "expect" not in headers:
                await _drain(receive, limit)
            raise _too_large(limit)
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise ApiError(
                415, "compressed bodies are not read: send it as it is", code="unsupported_encoding"
            )
        parts = bytearray()
        try:
            with anyio.fail_after(max(trace.deadline - time.monotonic(), 0)):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "the body ended early", code="incomplete_body")
                    parts += message.get("body", b"")
                    if len(parts) > limit:
                        parts.clear()
                        await _drain(receive, limit)
                        raise _too_large(limit)
                    if not message.get("more_body"):
                        return bytes(parts)
        except TimeoutError:
            raise ApiError(408, "the body took too long to arrive", code="body_timeout") from None

    def _check_token(self, scope: Scope) -> None:
        if scope["path"] in _OPEN_PATHS or self._may_enter(scope):
            return
        scheme = "Bearer" if scope["path"].startswith(_API) else "Basic"
        raise ApiError(
            401,
            "this server wants a token: send the header Authorization: Bearer TOKEN",
            code="invalid_api_key",
            headers={"WWW-Authenticate": f'{scheme} realm="segue"'},
        )

    def _may_enter(self, scope: Scope) -> bool:
        """By the bearer token; for the page also as the password that a browser asks for."""
        token = self.settings.token
        if token is None:
            return True
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "basic" and not scope["path"].startswith(_API):
            try:
                given = base64.b64decode(given, validate=True).decode("latin-1").partition(":")[2]
            except (binascii.Error, ValueError):
                return False
        elif scheme.lower() != "bearer":
            return False
        return hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.encode())

    def _note(self, scope: Scope, trace: Trace, send: _Watched) -> None:
        """One line in the log, and the metrics."""
        seconds = time.monotonic() - trace.started
        route = getattr(scope.get("route"), "path", None) or "other"
        status = 499 if send.left else send.status or 500
        metrics = self.engine.metrics
        metrics.requests.labels(route, status).inc()
        metrics.seconds.labels(route).observe(seconds)
        for stage, milliseconds in trace.stages.items():
            metrics.stage_seconds.labels(stage).observe(milliseconds / 1000)
        fields = {
            "request_id": trace.request_id,
            "method": scope["method"][:16],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            **({"stages_ms": trace.stages} if trace.stages else {}),
            **trace.fields,
        }
        log.info("client left" if send.left else "request", extra={"fields": fields})


class _Watched:
    """`send`, with the request's id on the response, and knowing whether it has begun."""

    def __init__(self, send: Send, request_id: str):
        self._send, self._request_id = send, request_id
        self.status: int | None = None
        self.left = self.closed = False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if self.left or self.closed:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self._request_id
            headers["X-Content-Type-Options"] = "nosniff"
        await self._send(message)


class _Replay:
    """`receive` of a body that was read before; then whatever follows, or the end of `gone`."""

    def __init__(self, body: bytes, then: Receive | asyncio.Future[None]):
        self._body: bytes | None = body
        self._then = then

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if isinstance(self._then, asyncio.Future):
            await asyncio.shield(self._then)
            return {"type": "http.disconnect"}
        return await self._then()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _drain(receive: Receive, limit: int) -> None:
    """Read on a little without keeping it: a client in the midst of sending does not hear a refusal."""
    left = 4 * limit
    with anyio.move_on_after(_DRAIN_SECONDS):
        while left > 0:
            message = await receive()
            left -= len(message.get("body", b""))
            if not message.get("more_body"):
                return


def _too_large(limit: int) -> ApiError:
    return ApiError(413, f"the body is over this server's limit of {limit:,} bytes", code="body_too_large")
