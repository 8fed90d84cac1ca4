"""The endpoint behind the official client, against a server of a few lines: structured output and where it is
refused, what an error means, what a reply without counts is worth; and Retry-After."""

import asyncio
import json
import threading
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from segue.curation.endpoint import open_endpoint, retry_after
from segue.curation.plan import EndpointPlan
from segue.curation.replies import PairsReply
from segue.curation.requests import EndpointError, Message, Request
from segue.errors import SegueError
from tests.curation.small import scene


@pytest.fixture
def server(monkeypatch):
    """A server that gives what is in `answers` (status, body, headers), and keeps the requests' bodies."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            keys.append(self.headers.get("Idempotency-Key"))
            status, body, headers = answers.pop(0)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *about):
            pass

    answers, bodies, keys = [], [], []
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{running.server_address[1]}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    yield answers, bodies, keys
    running.shutdown()


def completion(text="{}", **changes):
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 70, "completion_tokens": 7, "total_tokens": 77}
    whole = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [choice],
        "usage": usage,
    }
    return 200, {**whole, **changes}, {}


REQUEST = Request("key-1", [Message("system", "S"), Message("user", "U" * 400)], None, PairsReply, scene())


def complete(endpoint, times=1):
    async def several():
        return [await endpoint.complete(REQUEST) for _ in range(times)][-1]

    return asyncio.run(several())


def test_a_reply_with_its_counts(server):
    answers, bodies, keys = server
    answers.append(completion('{"a": 1}'))
    reply = complete(
        open_endpoint(EndpointPlan(model="m", extra={"top_k": 3}, max_tokens_field="max_completion_tokens"))
    )
    assert (reply.text, reply.prompt_tokens, reply.completion_tokens, reply.estimated) == (
        '{"a": 1}',
        70,
        7,
        False,
    )
    assert keys == ["key-1"]
    (body,) = bodies
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_completion_tokens"] == 2048
    assert body["top_k"] == 3
    assert "max_tokens" not in body


def test_without_counts_they_are_estimated(server):
    server[0].append(completion("x" * 40, usage=None))
    reply = complete(open_endpoint(EndpointPlan(model="m")))
    assert reply.estimated
    assert (reply.prompt_tokens, reply.completion_tokens) == (100, 11)


def test_lesser_modes_where_schemas_are_refused(server):
    answers, bodies, _ = server
    refused = (400, {"error": {"message": "response_format is not known"}}, {})
    answers += [refused, refused, completion(), completion()]
    endpoint = open_endpoint(EndpointPlan(model="m"))
    complete(endpoint, times=2)
    # What has worked is kept: the fourth request is plain at once.
    kinds = [body.get("response_format", {}).get("type") for body in bodies]
    assert kinds == ["json_schema", "json_object", None, None]


ERRORS = [
    # status, headers -> again, unpaid, wait, fatal
    (429, {"Retry-After": "7"}, (True, True, 7.0, False)),
    (500, {}, (True, True, None, False)),
    (503, {"retry-after-ms": "250"}, (True, True, 0.25, False)),
    (401, {}, (False, True, None, True)),
    (404, {}, (False, True, None, True)),
]


@pytest.mark.parametrize(("status", "headers", "meaning"), ERRORS)
def test_statuses(server, status, headers, meaning):
    server[0].append((status, {"error": {"message": "no"}}, headers))
    with pytest.raises(EndpointError) as caught:
        complete(open_endpoint(EndpointPlan(model="m")))
    error = caught.value
    assert (error.again, error.unpaid, error.wait, error.fatal) == meaning


def test_a_request_that_is_refused_in_every_mode(server):
    server[0].extend([(400, {"error": {"message": "content filter"}}, {})] * 3)
    with pytest.raises(EndpointError, match="content filter") as caught:
        complete(open_endpoint(EndpointPlan(model="m")))
    assert not caught.value.again


def test_a_quota_that_is_used_up_stops_everything(server):
    server[0].append((429, {"error": {"message": "no money", "code": "insufficient_quota"}}, {}))
    with pytest.raises(EndpointError, match="no money") as caught:
        complete(open_endpoint(EndpointPlan(model="m")))
    assert caught.value.fatal


@pytest.mark.parametrize("body", ["<html>busy</html>", '{"choices": []}', '{"error": "queue full"}'])
def test_a_reply_that_is_not_of_the_protocol_may_have_been_paid_for(server, body):
    server[0].append((200, body, {}))
    with pytest.raises(EndpointError) as caught:
        complete(open_endpoint(EndpointPlan(model="m")))
    assert (caught.value.again, caught.value.unpaid) == (True, False)


def test_nobody_listens(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with pytest.raises(EndpointError) as caught:
        complete(open_endpoint(EndpointPlan(model="m")))
    # The request has never left this machine.
    assert (caught.value.again, caught.value.unpaid) == (True, True)


def test_what_an_endpoint_needs(monkeypatch):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY", "SEGUE_CURATE_MODEL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SegueError, match=r"no model: .*SEGUE_CURATE_MODEL"):
        open_endpoint(EndpointPlan(url="http://localhost:1/v1"))
    with pytest.raises(SegueError, match=r"no endpoint: .*OPENAI_BASE_URL"):
        open_endpoint(EndpointPlan(model="m"))
    monkeypatch.setenv("SEGUE_CURATE_MODEL", "of the environment")
    assert open_endpoint(EndpointPlan(url="http://localhost:1/v1")).name == "of the environment"


WAITS = [
    ({"retry-after": "3"}, 3.0),
    ({"retry-after": "0.5"}, 0.5),
    ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ({"retry-after": formatdate(1030.0, usegmt=True)}, 30.0),
    # a date that is over
    ({"retry-after": formatdate(10.0, usegmt=True)}, 0.0),
    ({"retry-after": "soon"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_retry_after(headers, seconds):
    assert retry_after(headers, now=1000.0) == seconds
