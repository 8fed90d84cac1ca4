"""The application: endpoints, errors, guard and, where gradio is installed, the web page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

import segue
from segue.errors import SegueError
from segue.serving.engine import Engine
from segue.serving.errors import ApiError, as_api_error, error_response
from segue.serving.guard import Guard
from segue.serving.openai_api import make_chat_router
from segue.serving.routes import Desk, make_router
from segue.serving.settings import Settings

__all__ = ["create_app"]

PAGE = "segue.serving.page"


def create_app(engine: Engine, settings: Settings) -> FastAPI:
    """A server of an engine's models.

    The page is `segue.serving.page.mount(app, desk)`, which adds its routes to the application and asks
    through the same desk as the endpoints; without gradio there is only the API. When the application ends,
    the engine is closed: it answers what waits and takes no more.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await to_thread.run_sync(engine.close)

    app = FastAPI(
        title="segue",
        version=segue.__version__,
        summary="Ask about an image in plain language; get an answer whose words are tied to pixels.",
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect would repeat whatever Host the client sent
    )
    desk = Desk(engine, settings)
    app.include_router(make_router(desk))
    app.include_router(make_chat_router(desk))
    _add_health(app, engine)
    for kind in (ApiError, SegueError):
        app.add_exception_handler(kind, _on_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_middleware(Guard, engine=engine, settings=settings)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    if settings.page and find_spec("gradio") and find_spec(PAGE):
        return import_module(PAGE).mount(app, desk)
    return app


def _add_health(app: FastAPI, engine: Engine) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz() -> Response:
        """Questions are taken; 503 while shutting down."""
        ready = engine.ready
        return JSONResponse({"status": "ready" if ready else "not ready"}, status_code=200 if ready else 503)

    @app.get("/metrics", tags=["health"], response_class=Response)
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(engine.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _on_error(request: Request, error: Exception) -> Response:
    problem = as_api_error(error)
    if problem.status == 500:
        raise error  # the guard writes it to the log and answers
    return error_response(problem)


async def _on_invalid(request: Request, error: Exception) -> Response:
    """What pydantic found, without repeating what was sent (which may be large, or no JSON)."""
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    told = [f"{_place(problem)}: {problem['msg']}" for problem in problems[:3]]
    if any(tuple(problem["loc"]) == ("body",) for problem in problems):
        told.append("the body is one JSON object, sent with Content-Type: application/json")
    if len(problems) > 3:
        told.append(f"and {len(problems) - 3} more")
    first = _place(problems[0]) if problems else None
    return error_response(ApiError(400, "; ".join(told), code="invalid_request", param=first))


def _place(problem: dict[str, Any]) -> str:
    parts = [str(part)[:50] for part in problem["loc"] if part not in ("body", "query", "path")]
    return ".".join(parts[:8]) or "body"


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {
        404: "there is nothing at this address; see /docs",
        405: f"{request.method} is not for this address; see /docs",
    }
    message = messages.get(error.status_code, str(error.detail))
    return error_response(ApiError(error.status_code, message, headers=error.headers))
