"""The web page, at /ui/ with / leading there: gradio's frame around a stage and answers of our own.

    layout      what stands where, and which event calls what
    talk        pictures in, answers out, through the same desk as the API
    messages    what the script in the browser is told
    sessions    what the server remembers of each open page
    gate        closes those of gradio's addresses that the page does not use
    assets      the script, the style sheet, the bundled pictures

It works offline: no font, script or picture comes from anywhere else.
"""

from __future__ import annotations

import gradio
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.routing import Mount

from segue.serving.page.bundled import read_asset
from segue.serving.page.gate import Gate
from segue.serving.page.layout import make_blocks, make_theme
from segue.serving.page.talk import Talk
from segue.serving.routes import Desk

__all__ = ["PATH", "mount"]

PATH = "/ui"


def mount(app: FastAPI, desk: Desk) -> FastAPI:
    """Add the page to an application whose endpoints use `desk`."""

    @app.get("/", include_in_schema=False)
    async def to_the_page() -> Response:
        # Relative: whatever name or proxy the browser came by.
        return Response(status_code=307, headers={"Location": f"{PATH.lstrip('/')}/"})

    @app.get(PATH, include_in_schema=False)
    async def to_the_slash() -> Response:
        return Response(status_code=307, headers={"Location": f"{PATH.lstrip('/')}/"})

    @app.get("/manifest.json", include_in_schema=False)
    async def manifest() -> JSONResponse:
        return JSONResponse({"name": "segue", "start_url": f"{PATH}/", "display": "browser"})

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> Response:
        return Response(read_asset("icon.png"), media_type="image/png")

    app = gradio.mount_gradio_app(
        app,
        make_blocks(Talk(desk)),
        path=PATH,
        theme=make_theme(),
        # Not as `css`, which gradio takes apart and writes anew.
        head=f"<style>{read_asset('page.css').decode()}</style>",
        footer_links=[],
        run_history=False,
        max_file_size="1b",
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        show_error=False,
    )
    (route,) = [route for route in app.routes if isinstance(route, Mount) and route.path == PATH]
    route.app = Gate(route.app)
    return app
