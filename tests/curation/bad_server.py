"""An OpenAI-compatible server that behaves badly, as a program: `python bad_server.py SCRIPT.json PORT_FILE`.

The script maps the list of instances in a request's prompt to a good reply and a fault. Faults happen once
for each picture, most of them before the good reply:

    slow            the reply takes a while
    busy            429 with retry-after-ms;  busy-second: 429 with Retry-After: 1
    error           500
    drop            the connection is closed instead of an answer
    half            the answer's body ends in the middle
    nonsense        the reply is no JSON
    cut             the reply ends in the middle, finish_reason is "length"
    wrong           the reply speaks of an object that is not in the list
    always-wrong    so does the second one
    double          the reply holds every pair twice
    fenced          the reply is JSON with remarks and a trailing comma
    neighbour       the reply of another picture

GET /state gives what was served: `replies` and `requests` (their keys, in order) and `early` (requests that
came although Retry-After was not over); GET /count the number of replies."""

from __future__ import annotations

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PROMPT_TOKENS, COMPLETION_TOKENS = 900, 200


class State:
    def __init__(self, script: dict):
        self.script = script
        self.lock = threading.Lock()
        self.seen: dict[str, int] = {}  # picture -> requests so far
        self.replies: list[str] = []
        self.requests: list[str] = []
        self.told_to_wait: dict[str, float] = {}  # picture -> when
        self.gaps: list[float] = []
        self.refused: list[str] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: State

    def log_message(self, *args):
        pass

    def do_GET(self):
        with self.state.lock:
            if self.path == "/count":
                return self._send(200, str(len(self.state.replies)))
            if self.path == "/killed":  # a new client cannot know what the old one was told
                self.state.told_to_wait.clear()
            body = {
                "replies": list(self.state.replies),
                "requests": list(self.state.requests),
                "gaps": self.state.gaps,
                "refused": self.state.refused,
            }
        self._send(200, json.dumps(body))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Idempotency-Key", "")
        problem = check(self.path, self.headers, body, key)
        if problem:
            self.state.refused.append(problem)
            return self._send(400, json.dumps({"error": {"message": problem}}))
        first = body["messages"][1]["content"][1]["text"]
        instances = first.split("in pixels):\n\n")[1].split("\n\n")[0]
        entry = self.state.script[instances]
        second = len(body["messages"]) > 2
        with self.state.lock:
            if instances in self.state.told_to_wait:
                self.state.gaps.append(time.monotonic() - self.state.told_to_wait.pop(instances))
            count = self.state.seen[instances] = self.state.seen.get(instances, 0) + 1
            self.state.requests.append(key)
        self._answer(instances, entry, key, first_time=count == 1, second=second)

    def _answer(self, instances: str, entry: dict, key: str, *, first_time: bool, second: bool):
        fault, good = entry["fault"], entry["good"]
        if fault == "slow" and first_time:
            time.sleep(0.3)
        if fault == "busy" and first_time:
            return self._send(429, '{"error": {"message": "too fast"}}', {"retry-after-ms": "40"})
        if fault == "busy-second" and first_time:
            with self.state.lock:
                self.state.told_to_wait[instances] = time.monotonic()
            return self._send(429, '{"error": {"message": "too fast"}}', {"Retry-After": "1"})
        if fault == "error" and first_time:
            return self._send(500, '{"error": {"message": "oops"}}')
        if fault == "drop" and first_time:
            self.close_connection = True
            self.connection.close()
            return None
        if fault == "nonsense" and not second:
            return self._reply("I am sorry, but I see a nice picture.", key)
        if fault == "cut" and not second:
            return self._reply(good[: len(good) // 3], key, finish="length")
        if fault == "always-wrong" or (fault == "wrong" and not second):
            return self._reply(good.replace("](2)", "](99)"), key)
        if fault == "neighbour" and not second:
            return self._reply(entry["neighbour"], key)
        if fault == "double":
            pairs = json.loads(good)["pairs"]
            return self._reply(json.dumps({"pairs": pairs + pairs}), key)
        if fault == "fenced":
            return self._reply(f"Here you are:\n```json\n{good[:-2]},]}}\n```\nEnjoy!", key)
        return self._reply(good, key, half=fault == "half" and first_time)

    def _reply(self, text: str, key: str, finish: str = "stop", half: bool = False):
        body = json.dumps(
            {
                "id": "x",
                "object": "chat.completion",
                "created": 1,
                "model": "bad",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": finish,
                        "message": {"role": "assistant", "content": text},
                    }
                ],
                "usage": {
                    "prompt_tokens": PROMPT_TOKENS,
                    "completion_tokens": COMPLETION_TOKENS,
                    "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
                },
            }
        )
        with self.state.lock:
            self.state.replies.append(key)
        self._send(200, body, half=half)

    def _send(self, status: int, body: str, headers: dict | None = None, half: bool = False):
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        try:
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if half else data)
        except OSError:  # the client was killed
            self.close_connection = True
        if half:
            self.close_connection = True


def check(path, headers, body, key):
    """What is wrong with a request by the protocol; "" where it is fine."""
    if path != "/v1/chat/completions":
        return f"unknown path {path}"
    if headers.get("Authorization") != "Bearer secret-of-the-test":
        return "no key"
    if not key:
        return "no Idempotency-Key"
    if body.get("model") != "bad" or body.get("max_tokens") != 300:
        return "wrong model or max_tokens"
    wanted = body.get("response_format", {})
    if wanted.get("type") != "json_schema" or not wanted["json_schema"]["strict"]:
        return "no schema"
    picture = body["messages"][1]["content"][0]
    if not picture.get("image_url", {}).get("url", "").startswith("data:image/jpeg;base64,"):
        return "no picture"
    return ""


def main(script: str, port_file: str):
    Handler.state = State(json.loads(Path(script).read_text()))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *about: None  # clients that are killed hang up
    partial = Path(port_file + ".partial")
    partial.write_text(str(server.server_address[1]))
    partial.rename(port_file)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
