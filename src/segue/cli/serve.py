"""`segue serve`: the HTTP API, and the web page where gradio is installed."""

from __future__ import annotations

import os
import socket
from typing import Annotated

import typer

from segue.cli.console import DeviceOption, QuantiseOption, err, load_model
from segue.errors import MissingDependencyError, SegueError

TOKEN_VARIABLE = "SEGUE_TOKEN"


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="segue/mini, a checkpoint's folder or its hub name; may be given again for more models.",
            metavar="NAME",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="0.0.0.0 for all interfaces; set a token then.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535)] = 8000,
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
    places: Annotated[
        int, typer.Option("--places", min=1, help="Requests read, waiting or running at once; more get 429.")
    ] = 64,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Questions that run together.")] = 16,
    deadline: Annotated[float, typer.Option("--deadline", min=0.1, help="Seconds for a request.")] = 60.0,
    cache_mb: Annotated[
        int, typer.Option("--cache-mb", min=0, help="Megabytes of image features to keep; 0 keeps none.")
    ] = 512,
    body_mb: Annotated[int, typer.Option("--body-mb", min=1, help="Megabytes of a request.")] = 20,
    megapixels: Annotated[float, typer.Option("--megapixels", min=0.001, help="Of a picture.")] = 40.0,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host", help="Fetch pictures from https://HOST/...; may be given again. Default: none."
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", help="A web page's origin that browsers may let call. Default: none."),
    ] = None,
    page: Annotated[bool, typer.Option(help="Show the web page at /, where gradio is installed.")] = True,
) -> None:
    """Serve models over HTTP until Ctrl-C or SIGTERM, which finishes what runs.

    If the environment has SEGUE_TOKEN, clients must send it as a bearer token. The first model is the
    default. Logs are JSON lines on standard error.
    """
    try:
        import uvicorn

        from segue.serving.app import create_app
        from segue.serving.engine import Engine
        from segue.serving.logs import set_up_logs
        from segue.serving.settings import Settings
    except ImportError as error:
        raise MissingDependencyError(f"the server needs {error.name}: pip install segue[serve]") from error
    _check_address(host, port)
    token = os.environ.get(TOKEN_VARIABLE)
    if allow_host and any("/" in name or ":" in name for name in allow_host):
        raise SegueError("--allow-host takes a host's name alone, such as images.example.org")
    settings = Settings(
        max_body_bytes=body_mb << 20,
        max_pixels=int(megapixels * 1e6),
        places=places,
        max_batch=batch,
        deadline=deadline,
        cache_bytes=cache_mb << 20,
        token=token,
        origins=tuple(allow_origin or ()),
        url_hosts=tuple(name.lower() for name in allow_host or ()),
        page=page,
    )
    predictors = [load_model(name, device, quantise) for name in model or ["segue/mini"]]
    engine = Engine(predictors, settings)
    config = uvicorn.Config(
        create_app(engine, settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=int(deadline) + 5,
    )
    set_up_logs()
    if token is None and host not in ("127.0.0.1", "::1", "localhost"):
        err.print(f"anybody who reaches {host} may ask; set {TOKEN_VARIABLE} to change that", style="yellow")
    err.print(f"serving {', '.join(engine.models)} at http://{host}:{port} (its API: /docs)", markup=False)
    uvicorn.Server(config).run()


def _check_address(host: str, port: int) -> None:
    """Before models are loaded, which may take minutes."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = error.strerror or error
        raise SegueError(f"cannot listen at {host}, port {port}: {reason}; choose --host or --port") from None
