"""A machine-learning backend for Label Studio over `segue serve`: labels are located, regions come back.

    uvicorn --factory segue.integrations.label_studio:create_app --port 9090

It speaks the protocol of Label Studio's own backends (/health, /setup, /predict, /webhook) and needs nothing
of them. The environment says where things are: SEGUE_URL and SEGUE_TOKEN for `segue serve`,
LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY for the pictures of tasks, fetched from that address alone.
"""

from __future__ import annotations

import os
from typing import Annotated, Any
from urllib.parse import urljoin, urlsplit

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from segue.errors import DataError, SegueError
from segue.integrations.label_studio_format import controls_of, results_of
from segue.integrations.server import ADDRESS, Server
from segue.serving.errors import ApiError
from segue.serving.pictures import read_inline

__all__ = ["Pictures", "create_app", "make_backend"]

_MOST_BYTES = 50 << 20
_MOST_PROJECTS = 1000


class Setup(BaseModel):
    """What Label Studio tells when a project is connected."""

    project: str | int | None = None
    label_config: Annotated[str, Field(alias="schema")] = ""


class Predict(BaseModel):
    """Tasks to be labelled."""

    tasks: list[dict[str, Any]]
    project: str | int | None = None
    label_config: str | None = None


class Pictures:
    """Pictures of tasks, from data URLs or from Label Studio's address.

    Args:
        address: of Label Studio, such as http://localhost:8080; None fetches nothing.
        key: sent to that address alone.
        transport: of httpx, where it is not the network.
    """

    def __init__(self, address: str | None, *, key: str | None = None, transport: Any = None):
        import httpx

        self._address = address.rstrip("/") + "/" if address else None
        self._client = httpx.Client(
            timeout=30.0,
            headers={"Authorization": f"Token {key}"} if key else {},
            follow_redirects=False,
            transport=transport,
        )

    def read(self, source: Any) -> bytes:
        """The file of a task's picture.

        Raises:
            DataError: it is somewhere else, cannot be fetched, or is too large.
        """
        import httpx

        if not isinstance(source, str) or not source:
            raise DataError("the task has no picture where the labelling configuration says")
        if source[:5].lower() == "data:":
            try:
                return read_inline(source)
            except ApiError as error:
                raise DataError(str(error)) from None
        shown = source[:200]
        if self._address is None:
            raise DataError(f"{shown} cannot be fetched: LABEL_STUDIO_URL is not set")
        url = urljoin(self._address, source)
        if urlsplit(url)[:2] != urlsplit(self._address)[:2]:
            raise DataError(f"{shown} is not at {self._address}, and nothing else is fetched")
        try:
            with self._client.stream("GET", url) as response:
                if response.status_code != 200:
                    raise DataError(f"{shown}: status {response.status_code}; is LABEL_STUDIO_API_KEY right?")
                data = bytearray()
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > _MOST_BYTES:
                        raise DataError(f"{shown}: larger than {_MOST_BYTES:,} bytes")
        except httpx.HTTPError as error:
            raise DataError(f"{shown} cannot be fetched: {error}") from error
        return bytes(data)


def create_app() -> FastAPI:
    """The backend as the environment describes it."""
    pictures = Pictures(os.environ.get("LABEL_STUDIO_URL"), key=os.environ.get("LABEL_STUDIO_API_KEY"))
    return make_backend(Server(os.environ.get("SEGUE_URL", ADDRESS)), pictures)


def make_backend(server: Server, pictures: Pictures, *, version: str = "segue") -> FastAPI:
    """The backend of a server and a place of pictures; `version` is what predictions are filed under."""
    app = FastAPI(title="segue for Label Studio", docs_url=None, redoc_url=None)
    configs: dict[str, str] = {}

    @app.get("/")
    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "UP", "model_class": "segue"}

    @app.post("/setup")
    async def setup(body: Setup) -> dict[str, str]:
        if body.label_config:
            controls_of(body.label_config)
            configs[str(body.project)] = body.label_config
            while len(configs) > _MOST_PROJECTS:
                del configs[next(iter(configs))]
        return {"model_version": version}

    @app.post("/predict")
    async def predict(body: Predict) -> dict[str, Any]:
        config = body.label_config or configs.get(str(body.project))
        if config is None:
            raise DataError("the project is not known here: connect it again")
        results = [await run_in_threadpool(_predict, config, task) for task in body.tasks]
        return {"results": results, "model_version": version}

    @app.post("/webhook")
    async def webhook() -> dict[str, str]:
        """Nothing is learnt from what people change."""
        return {"status": "ignored"}

    @app.exception_handler(SegueError)
    async def failed(request: Any, error: SegueError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, status_code=422)

    def _predict(config: str, task: dict[str, Any]) -> dict[str, Any]:
        result: list[dict[str, Any]] = []
        files: dict[str, bytes] = {}
        data = task.get("data")
        for control in controls_of(config):
            if control.field not in files:
                source = data.get(control.field) if isinstance(data, dict) else None
                files[control.field] = pictures.read(source)
            answers = server.locate(files[control.field], list(control.phrases.values()))
            for number, (label, answer) in enumerate(zip(control.phrases, answers, strict=True)):
                result += results_of(control, label, answer, number=f"{control.name}-{number}")
        scores = [region["score"] for region in result]
        return {
            "result": result,
            "score": sum(scores) / len(scores) if scores else 0.0,
            "model_version": version,
        }

    return app
