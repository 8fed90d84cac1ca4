"""Any server that speaks the OpenAI protocol (chat completions), through the official client.

One call is one try: waiting, repeating and paying are the engine's. The client's own repetitions are switched
off, since every request has to be in the journal before it leaves.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.curation.plan import EndpointPlan, model_name
from segue.curation.replies import reply_schema
from segue.curation.requests import Endpoint, EndpointError, Reply, Request, expected_tokens
from segue.errors import MissingDependencyError, SegueError
from segue.images import open_image

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OpenAIEndpoint", "open_endpoint", "retry_after"]

_MODES = ("json_schema", "json_object", "none")
# Nothing had reached the server when these came up.
_NEVER_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout")


def open_endpoint(plan: EndpointPlan) -> Endpoint:
    """The endpoint of a plan.

    Raises:
        SegueError: the model's name, the URL or the key is missing.
        MissingDependencyError: the `openai` package is.
    """
    if plan.kind == "offline":
        from segue.curation.offline import OfflineEndpoint

        return OfflineEndpoint()
    return OpenAIEndpoint(plan)


class OpenAIEndpoint:
    """A model behind an OpenAI-compatible URL. Used from one event loop."""

    def __init__(self, plan: EndpointPlan):
        try:
            import openai
        except ImportError:
            raise MissingDependencyError(
                "endpoints need the openai client: pip install 'segue[curate]'"
            ) from None
        self.plan = plan
        self.name = model_name(plan)
        url = plan.url or os.environ.get("OPENAI_BASE_URL")
        key = os.environ.get(plan.key_variable, "")
        if not url and not key:
            raise SegueError(
                f"no endpoint: set endpoint.url in the plan (or the variable OPENAI_BASE_URL), or a key for "
                f"OpenAI's own in the variable {plan.key_variable}; `kind: offline` needs neither"
            )
        self._client = openai.AsyncOpenAI(
            base_url=url, api_key=key or "none", max_retries=0, timeout=plan.timeout
        )
        self._mode: str = "json_schema" if plan.structured == "auto" else plan.structured
        # Whether the server has taken this mode once; then it is not doubted again.
        self._proven = plan.structured != "auto"

    async def complete(self, request: Request) -> Reply:
        """One request, and further ones in a lesser structured mode where the server refuses the first."""
        messages = await self._messages(request)
        modes = (self._mode,) if self._proven else _MODES[_MODES.index(self._mode) :]
        for mode in modes:
            try:
                reply = await self._try(request, messages, mode)
            except EndpointError as error:
                # A server that knows no schemas says 400 at once, before it has worked.
                if error.again or error.fatal or mode == modes[-1]:
                    raise
                continue
            self._mode, self._proven = mode, True
            return reply
        raise AssertionError("the last mode either replies or raises")

    async def _try(self, request: Request, messages: list[dict[str, Any]], mode: str) -> Reply:
        import openai

        try:
            completion = await self._client.chat.completions.create(
                model=self.name,
                messages=messages,  # type: ignore[arg-type]
                extra_headers={"Idempotency-Key": request.key},
                **self._options(request, mode),
            )
        except openai.APIStatusError as error:
            raise _of_status(error) from error
        except openai.APIConnectionError as error:  # timeouts among them
            never_sent = type(error.__cause__).__name__ in _NEVER_SENT
            raise EndpointError(_one_line(error), again=True, unpaid=never_sent) from error
        except (openai.APIResponseValidationError, ValueError) as error:
            message = f"the server's reply is not of the protocol: {_one_line(error)}"
            raise EndpointError(message, again=True, unpaid=False) from error
        return self._reply(completion, request)

    def _reply(self, completion: Any, request: Request) -> Reply:
        try:
            choice = completion.choices[0]
            text = choice.message.content or ""
            finish = "refusal" if getattr(choice.message, "refusal", None) else str(choice.finish_reason)
        except (AttributeError, IndexError, TypeError) as error:
            message = f"the server's reply is not of the protocol: {str(completion)[:200]}"
            raise EndpointError(message, again=True, unpaid=False) from error
        usage = getattr(completion, "usage", None)
        if usage is None:
            return Reply(
                text, finish, expected_tokens(request, self.plan).input, len(text) // 4 + 1, estimated=True
            )
        return Reply(text, finish, usage.prompt_tokens or 0, usage.completion_tokens or 0)

    def _options(self, request: Request, mode: str) -> dict[str, Any]:
        options: dict[str, Any] = {self.plan.max_tokens_field: self.plan.max_tokens}
        if self.plan.temperature is not None:
            options["temperature"] = self.plan.temperature
        if mode == "json_schema":
            schema = {"name": request.form.__name__, "schema": reply_schema(request.form), "strict": True}
            options["response_format"] = {"type": "json_schema", "json_schema": schema}
        elif mode == "json_object":
            options["response_format"] = {"type": "json_object"}
        return {**options, "extra_body": self.plan.extra or None}

    async def _messages(self, request: Request) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []
        picture = request.picture
        for message in request.messages:
            content: Any = message.text
            if picture is not None and message.role == "user":
                data = await asyncio.to_thread(picture_url, picture, side=self.plan.image_side)
                content = [
                    {"type": "image_url", "image_url": {"url": data}},
                    {"type": "text", "text": message.text},
                ]
                picture = None
            if content:
                messages.append({"role": message.role, "content": content})
        return messages


def picture_url(path: Path, *, side: int) -> str:
    """The picture as a JPEG data URL, its longer side at most `side` pixels."""
    image = open_image(path)
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Seconds to wait by the headers of a reply: `retry-after-ms`, or `Retry-After` in seconds or as a date
    (RFC 9110, 10.2.3); None where there is none that can be read."""
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        value = headers.get("retry-after", "").strip()
        if not value:
            return None
        if value.replace(".", "", 1).isdecimal():
            return float(value)
        return max(0.0, parsedate_to_datetime(value).timestamp() - (time.time() if now is None else now))
    except ValueError:
        return None


def _of_status(error: Any) -> EndpointError:
    """What an HTTP status means for us. None of them comes with a reply that was paid for."""
    status, message = error.status_code, _one_line(error)
    if status in (401, 403, 404) or getattr(error, "code", None) == "insufficient_quota":
        return EndpointError(message, again=False, unpaid=True, fatal=True)
    again = status in (408, 409, 425, 429) or status >= 500
    return EndpointError(message, again=again, unpaid=True, wait=retry_after(error.response.headers))


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
