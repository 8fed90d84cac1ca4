"""Which of gradio's addresses can be reached: those that this page uses.

Gradio also takes uploads to disk, serves files and forwards requests. The page needs none of it, and what
cannot be reached need not be trusted.
"""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from segue.serving.errors import ApiError, error_response

__all__ = ["Gate"]

_OPEN = {
    "GET": re.compile(
        r"/?|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/pwa_icon(/\d+)?|/robots\.txt"
        r"|/(static|assets)/[\w./+-]+"
        r"|/gradio_api/(info|app_id|startup-events|queue/data|heartbeat/\w+)/?"
    ),
    "POST": re.compile(r"/gradio_api/(queue/join|cancel|reset)/?"),
}
_OPEN["HEAD"] = _OPEN["GET"]


class Gate:
    """ASGI: gradio's application behind its few doors."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            allowed = _OPEN.get(scope["method"])
            if allowed is None or not allowed.fullmatch(path) or ".." in path:
                missing = ApiError(404, "there is nothing at this address; see /docs")
                await error_response(missing)(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)
