"""`POST /v1/chat/completions` and `/v1/models`, as OpenAI's clients speak.

The last message of the user is the question, and the latest picture of the conversation is what it is about:
the models answer each question on its own, so that earlier turns only choose the picture (whose features are
kept from turn to turn). Beyond OpenAI's fields a message has `segments`, `words` and `notes`; a stream brings
them with its last chunk.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse

from segue.serving.engine import too_late
from segue.serving.errors import ApiError, as_api_error
from segue.serving.following import Follower
from segue.serving.guard import Trace
from segue.serving.routes import ERRORS, Desk
from segue.serving.schemas import ChatCompletion, ChatRequest, ContentPart, Message, ModelBody, ModelsBody
from segue.serving.work import DroppedError, Outcome

__all__ = ["make_chat_router", "read_conversation"]

_UNSUPPORTED = (
    "tools",
    "functions",
    "logprobs",
    "audio",
    "prediction",
    "stop",
    "logit_bias",
    "web_search_options",
)


def make_chat_router(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=ERRORS, tags=["OpenAI"])
    engine = desk.engine

    @router.get("/models", response_model=ModelsBody)
    async def models() -> Any:
        """The models that are served here; the first is the default."""
        return ModelsBody(data=[ModelBody(id=name, created=engine.started) for name in engine.models])

    @router.get("/models/{name:path}", response_model=ModelBody)
    async def model(name: str) -> Any:
        """One of them."""
        return ModelBody(id=engine.find(name).name, created=engine.started)

    @router.post("/chat/completions", response_model=ChatCompletion)
    async def chat_completions(body: ChatRequest, request: Request) -> Any:
        """Ask about a picture in a conversation."""
        _check_supported(body)
        question, image, notes = read_conversation(body.messages, limit=desk.settings.max_messages)
        limit = body.max_completion_tokens or body.max_tokens
        if not body.stream:
            (outcome,) = await desk.answer(
                request, image=image, kind="ask", model=body.model, texts=[question], max_new_tokens=limit
            )
            return JSONResponse(_completion(outcome, notes))
        stream = _Stream(desk, request.state.trace, with_usage=_wants_usage(body), notes=notes)
        events = stream.events(image, question, model=body.model, max_new_tokens=limit)
        # What fails before the first word is an error like any other, with its status.
        first = await anext(events)
        return StreamingResponse(
            _chained(first, events),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )

    return router


def read_conversation(messages: Sequence[Message], *, limit: int) -> tuple[str, str, list[str]]:
    """The question, the picture that it is about, and remarks.

    Raises:
        ApiError: no question or no picture, or more of them than can be answered.
    """
    if len(messages) > limit:
        raise _bad(f"{len(messages)} messages; this server takes {limit}", "messages")
    if messages[-1].role != "user":
        raise _bad("the last message must be the user's", "messages")
    image = None
    for message in messages:
        if message.role == "user":
            images = [part.image_url.url for part in _parts(message) if part.image_url is not None]
            if len(images) > 1:
                raise _bad("a message holds several pictures; send one, and ask about it", "messages")
            image = images[0] if images else image
    texts = [part.text for part in _parts(messages[-1]) if part.type == "text" and part.text]
    question = "\n".join(texts).strip()
    if not question:
        raise _bad("the last message holds no text; ask something", "messages")
    if image is None:
        raise _bad("the conversation holds no picture; send one as an image_url part", "messages")
    notes = []
    if any(message.role in ("system", "developer") for message in messages):
        notes.append("system messages are not read by this model")
    if any(message.role == "assistant" for message in messages):
        notes.append("earlier turns chose the picture; the question was answered on its own")
    return question, image, notes


def _parts(message: Message) -> Sequence[ContentPart]:
    if isinstance(message.content, str):
        return [ContentPart(type="text", text=message.content)]
    return message.content or []


def _check_supported(body: ChatRequest) -> None:
    extra = body.model_extra or {}
    for name in _UNSUPPORTED:
        if extra.get(name):
            raise ApiError(
                400, f"{name} is not supported here; leave it out", code="unsupported_parameter", param=name
            )
    if extra.get("n") not in (None, 1):
        raise ApiError(
            400, "there is one answer to a question: n must be 1", code="unsupported_parameter", param="n"
        )
    form = extra.get("response_format")
    if form is not None and not (isinstance(form, dict) and form.get("type") == "text"):
        raise ApiError(
            400,
            "answers are plain text; their segments are there in any case",
            code="unsupported_parameter",
            param="response_format",
        )


def _wants_usage(body: ChatRequest) -> bool:
    return body.stream_options is not None and body.stream_options.include_usage


def _completion(outcome: Outcome, notes: Sequence[str]) -> dict[str, Any]:
    answer = outcome.answer.to_dict()
    message = {"role": "assistant", "content": answer["text"], "refusal": None} | _extras(answer, notes)
    choice = {"index": 0, "message": message, "finish_reason": _reason(outcome), "logprobs": None}
    return {
        "id": _new_id(),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": answer["model"],
        "choices": [choice],
        "usage": _usage(outcome),
        "image": answer["image"],
        "timing_ms": answer["timing_ms"],
    }


def _extras(answer: dict[str, Any], notes: Sequence[str]) -> dict[str, Any]:
    return {
        "segments": answer["segments"],
        "words": answer["words"],
        "notes": [*answer.get("notes", []), *notes],
    }


def _reason(outcome: Outcome) -> str:
    return "stop" if outcome.finished else "length"


def _usage(outcome: Outcome) -> dict[str, int] | None:
    if outcome.prompt_tokens is None or outcome.answer_tokens is None:
        return None
    return {
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.answer_tokens,
        "total_tokens": outcome.prompt_tokens + outcome.answer_tokens,
    }


class _Stream:
    """An answer as server-sent events: text as it comes, then segments, then [DONE]."""

    def __init__(self, desk: Desk, trace: Trace, *, with_usage: bool, notes: Sequence[str]):
        self.desk, self.trace, self.with_usage, self.notes = desk, trace, with_usage, notes
        self.id, self.created = _new_id(), int(time.time())
        self.model = ""

    async def events(
        self, image: str, question: str, *, model: str, max_new_tokens: int | None
    ) -> AsyncIterator[str]:
        desk, trace = self.desk, self.trace
        served = desk.start(trace, model, [question])
        self.model = served.name
        assert trace.place is not None, "the guard gives every POST a place"
        async with desk.pictures.opened(image, model=served.name) as picture:
            trace.lap("decode")
            work = desk.work("ask", picture, text=question, max_new_tokens=max_new_tokens)
            follower = Follower()
            (job,) = desk.engine.submit(
                [work],
                place=trace.place,
                deadline=trace.deadline,
                model=served.name,
                on_ids=follower.on_ids,
            )
            told = ""
            try:
                async for text in follower.texts(served, job):
                    if not told:
                        yield self._chunk({"role": "assistant", "content": ""})
                    yield self._chunk({"content": text})
                    told += text
                outcome = job.future.result()
            except Exception as error:
                problem = (
                    too_late(desk.settings.deadline)
                    if isinstance(error, DroppedError)
                    else as_api_error(error)
                )
                if not told:
                    raise problem from None
                yield _event(problem.to_dict())
                return
            finally:
                job.cancel()
        desk.done(trace, [outcome])
        answer = outcome.answer.to_dict()
        rest = answer["text"].removeprefix(told)
        if not told:
            yield self._chunk({"role": "assistant", "content": rest})
        elif rest:
            yield self._chunk({"content": rest})
        yield self._chunk(_extras(answer, self.notes), finish_reason=_reason(outcome), image=answer["image"])
        if self.with_usage:
            yield _event(self._head() | {"choices": [], "usage": _usage(outcome)})
        yield "data: [DONE]\n\n"

    def _head(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
        }

    def _chunk(self, delta: dict[str, Any], *, finish_reason: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return _event(self._head() | {"choices": [choice]} | more)


async def _chained(first: str, rest: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    async for event in rest:
        yield event


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _new_id() -> str:
    return f"chatcmpl-{uuid.uuid4().hex}"


def _bad(message: str, param: str) -> ApiError:
    return ApiError(400, message, code="invalid_messages", param=param)
