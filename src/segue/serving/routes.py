"""The endpoints of our own: questions, captions, expressions, masks."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse
from PIL import Image

from segue.answer import Answer, Segment
from segue.answer_json import AnswerJson
from segue.serving.engine import Engine
from segue.serving.errors import ApiError, ErrorBody
from segue.serving.guard import Trace
from segue.serving.pictures import Pictures
from segue.serving.schemas import AnswersBody, AskRequest, CaptionRequest, LocateRequest, SegmentationsBody
from segue.serving.served import Served
from segue.serving.settings import Settings
from segue.serving.work import Kind, Outcome, Work

__all__ = ["ERRORS", "Desk", "make_router"]

ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "The request was not answered; 429 has Retry-After."},
    "5XX": {"model": ErrorBody, "description": "500: our fault. 503: shutting down. 504: too late."},
}


class Desk:
    """What the endpoints share: from a checked request to outcomes, with times noted."""

    def __init__(self, engine: Engine, settings: Settings):
        self.engine, self.settings = engine, settings
        self.pictures = Pictures(engine, settings)

    async def answer(
        self,
        request: Request,
        *,
        image: str | bytes,
        kind: Kind,
        model: str | None,
        texts: Sequence[str] = ("",),
        region: Sequence[float] | None = None,
        max_new_tokens: int | None = None,
    ) -> list[Outcome]:
        """One outcome for each text."""
        trace: Trace = request.state.trace
        served = self.start(trace, model, texts)
        async with self.pictures.opened(image, model=served.name) as picture:
            trace.lap("decode")
            works = [
                self.work(kind, picture, text=text, region=region, max_new_tokens=max_new_tokens)
                for text in texts
            ]
            assert trace.place is not None, "the guard gives every POST a place"
            outcomes = await self.engine.answer(
                works, place=trace.place, deadline=trace.deadline, model=served.name
            )
        self.done(trace, outcomes)
        return outcomes

    def start(self, trace: Trace, model: str | None, texts: Sequence[str]) -> Served:
        """The model, after the questions' number and length were checked."""
        served = self.check(model, texts)
        trace.fields["model"] = served.name
        return served

    def check(self, model: str | None, texts: Sequence[str]) -> Served:
        """`start` for who has no request: the web page."""
        served = self.engine.find(model)
        limit = self.settings.max_questions
        if len(texts) > limit:
            raise ApiError(
                400,
                f"{len(texts)} questions at once; this server takes {limit}",
                code="too_many_questions",
                param="questions",
            )
        longest = max(map(len, texts))
        if longest > self.settings.max_question_chars:
            raise ApiError(
                400,
                f"the question has {longest:,} characters; this server takes "
                f"{self.settings.max_question_chars:,}",
                code="question_too_long",
            )
        return served

    def work(
        self,
        kind: Kind,
        picture: Any,
        *,
        text: str = "",
        region: Sequence[float] | None = None,
        max_new_tokens: int | None = None,
    ) -> Work:
        most = self.settings.max_answer_tokens
        box = None if region is None else (region[0], region[1], region[2], region[3])
        return Work(kind, picture, text, box, min(max_new_tokens or Work.max_new_tokens, most))

    @staticmethod
    def done(trace: Trace, outcomes: Sequence[Outcome]) -> None:
        """Note the stages of a request's questions, which ran together."""
        for stage in ("queue", "encode", "generate", "masks"):
            trace.stages[stage] = max(outcome.timing_ms.get(stage, 0.0) for outcome in outcomes)
        trace.fields["batch"] = max(outcome.batch for outcome in outcomes)
        trace.fields["cached"] = all(outcome.cached for outcome in outcomes)


def make_router(desk: Desk) -> APIRouter:
    router = APIRouter(prefix="/v1", responses=ERRORS, tags=["segue"])

    @router.post("/ask", response_model=AnswerJson | AnswersBody)
    async def ask(body: AskRequest, request: Request) -> Any:
        """Ask about a picture. With `question` the response is one answer, with `questions` a list."""
        questions = body.questions if body.questions is not None else [body.question or ""]
        outcomes = await desk.answer(
            request,
            image=body.image,
            kind="ask",
            model=body.model,
            texts=questions,
            region=body.region,
            max_new_tokens=body.max_new_tokens,
        )
        answers = [outcome.answer.to_dict() for outcome in outcomes]
        return JSONResponse(answers[0] if body.questions is None else {"answers": answers})

    @router.post("/caption", response_model=AnswerJson | AnswersBody)
    async def caption(body: CaptionRequest, request: Request) -> Any:
        """Describe a picture or a region; with `dense` the response is a list of captions."""
        kind: Kind = "dense" if body.dense else "caption"
        (outcome,) = await desk.answer(
            request, image=body.image, kind=kind, model=body.model, region=body.box
        )
        answers = [answer.to_dict() for answer in outcome.answers]
        return JSONResponse({"answers": answers} if body.dense else answers[0])

    @router.post("/locate", response_model=AnswerJson)
    async def locate(body: LocateRequest, request: Request) -> Any:
        """Box and mask of a referring expression, or its rejection."""
        (outcome,) = await desk.answer(
            request, image=body.image, kind="locate", model=body.model, texts=[body.expression]
        )
        return JSONResponse(outcome.answer.to_dict())

    @router.post("/images/segmentations", response_model=SegmentationsBody)
    async def segmentations(
        request: Request,
        image: Annotated[UploadFile, File(description="The picture's file.")],
        prompt: Annotated[str, Form(description="A question, as in /v1/ask.")],
        model: Annotated[str | None, Form()] = None,
        mask_format: Annotated[Literal["rle", "png"], Form()] = "rle",
    ) -> Any:
        """Masks for an uploaded picture: COCO's run lengths, or a PNG each."""
        (outcome,) = await desk.answer(
            request, image=await image.read(), kind="ask", model=model, texts=[prompt]
        )
        answer = outcome.answer
        data = await to_thread.run_sync(_segmentations, answer, mask_format)
        return JSONResponse(
            {
                "created": int(time.time()),
                "model": answer.model,
                "text": answer.text,
                "image": {"width": answer.width, "height": answer.height},
                "data": data,
            }
        )

    return router


def _segmentations(answer: Answer, mask_format: str) -> list[dict[str, Any]]:
    entries = []
    for segment, entry in zip(answer.segments, answer.to_dict()["segments"], strict=True):
        if mask_format == "png":
            entry = entry | {"mask": None, "b64_png": _png(segment)}
        entries.append(entry)
    return entries


def _png(segment: Segment) -> str | None:
    """One bit a pixel, base64; None where there is no mask."""
    mask = segment.mask
    if mask is None:
        return None
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")
