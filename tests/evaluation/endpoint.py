"""A small server on this machine that speaks the protocol of chat completions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = str | int
"""The text of a reply, or the status of an error."""


class ChatEndpoint:
    """`reply` makes one of a request's body; `requests` are all bodies, `most_at_once` how many were open."""

    def __init__(self, reply: Callable[[dict[str, Any]], Reply], *, seconds: float = 0.0) -> None:
        self.requests: list[dict[str, Any]] = []
        self.most_at_once = self._open = 0
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint._lock:
                    endpoint.requests.append(body)
                    endpoint._open += 1
                    endpoint.most_at_once = max(endpoint.most_at_once, endpoint._open)
                    answer = reply(body) if self.path == "/v1/chat/completions" else 404
                time.sleep(seconds)
                with endpoint._lock:
                    endpoint._open -= 1
                status = answer if isinstance(answer, int) else 200
                message = {"role": "assistant", "content": answer}
                content: dict[str, Any] = {
                    "id": "1",
                    "object": "chat.completion",
                    "created": 0,
                    "model": f"{body['model']}-0125",
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                }
                data = json.dumps({"error": {"message": "not now"}} if status != 200 else content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.send_header("retry-after-ms", "1")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> ChatEndpoint:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
