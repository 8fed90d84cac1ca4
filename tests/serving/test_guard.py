"""Clients that leave, floods, slow bodies, deadlines, and the end of the server."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from segue.serving.pictures import Room
from tests.serving.running import Parrot, data_url, running, wait_for


def raw_request(server, question, *, path="/v1/ask", headers="", cut=0):
    """A connection on which a request was sent, whole or without its last bytes."""
    body = {"image": data_url(), "question": question}
    if path.endswith("completions"):
        parts = [{"type": "text", "text": question}, {"type": "image_url", "image_url": {"url": data_url()}}]
        body = {"model": "parrot", "stream": True, "messages": [{"role": "user", "content": parts}]}
    data = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{headers}"
    connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data[: len(data) - cut])
    return connection


@pytest.mark.parametrize("path", ["/v1/ask", "/v1/chat/completions"])
def test_a_client_that_leaves_frees_its_place_within_one_step(path):
    model = Parrot(step_seconds=0.1)
    with running(model, places=1) as server:
        connection = raw_request(server, "say 150", path=path)
        wait_for(lambda: len(model.steps) >= 2)
        assert server.ask("what?").status_code == 429
        if path != "/v1/ask":
            assert b"word0" in connection.recv(2000) + connection.recv(2000)
        connection.close()
        left_at = len(model.steps)
        wait_for(lambda: server.engine.num_places == 0, seconds=2)
        assert server.ask("what?").status_code == 200  # its worker is free too
        assert len(model.steps) <= left_at + 2  # the step it was in, and one that began before the news
        assert "segue_dropped_total 1.0" in server.client.get("/metrics").text
        assert 'status="499"' in server.client.get("/metrics").text


def test_a_flood_is_told_to_wait_and_no_answer_is_mixed_up():
    model = Parrot(step_seconds=0.01)
    with running(model, places=4, max_batch=2) as server, ThreadPoolExecutor(24) as pool:
        responses = list(pool.map(lambda n: server.ask(f"say {n % 7 + 3}"), range(48)))
        answered = [r for r in responses if r.status_code == 200]
        refused = [r for r in responses if r.status_code == 429]
        assert len(answered) + len(refused) == 48
        assert len(answered) >= 4
        assert refused
        assert all(1 <= int(r.headers["Retry-After"]) <= 60 for r in refused)
        assert refused[0].json()["error"]["code"] == "too_many_requests"
        for number, response in enumerate(responses):
            if response.status_code == 200:
                assert len(response.json()["text"].split()) == number % 7 + 3
        assert server.ask().status_code == 200
        assert f"segue_turned_away_total {len(refused)}.0" in server.client.get("/metrics").text


def test_a_deadline_ends_what_runs():
    model = Parrot(step_seconds=0.02)
    with running(model, deadline=0.4, places=1) as server:
        started = time.monotonic()
        response = server.ask("say 160")
        assert response.status_code == 504
        assert response.json()["error"]["code"] == "deadline_exceeded"
        assert time.monotonic() - started < 2
        wait_for(lambda: server.engine.num_places == 0)
        assert server.ask().status_code == 200
        assert len(model.steps) < 40


def test_a_body_that_never_ends_is_given_up():
    with running(Parrot(), deadline=0.3, places=1) as server:
        connection = raw_request(server, "what?", cut=5)
        assert b" 408 " in connection.recv(4000).split(b"\r\n")[0]
        connection.close()
        wait_for(lambda: server.engine.num_places == 0)
        assert server.ask().status_code == 200


def test_a_client_that_leaves_in_its_body_frees_its_place():
    with running(Parrot(), places=1) as server:
        connection = raw_request(server, "what?", cut=5)
        wait_for(lambda: server.engine.num_places == 1)
        connection.close()
        wait_for(lambda: server.engine.num_places == 0)
        assert server.ask().status_code == 200


def test_shutdown_finishes_what_runs():
    model = Parrot(step_seconds=0.03)
    answers = []
    with running(model, max_batch=1) as server:
        body = {"image": data_url(), "question": "say 20"}

        def ask():
            answers.append(httpx.post(f"{server.url}/v1/ask", json=body, timeout=20))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_for(lambda: server.engine.num_places == 3 and model.steps)
        server.stop()
        for thread in threads:
            thread.join(20)
        with pytest.raises(httpx.TransportError):
            server.client.get("/healthz")
    assert [answer.status_code for answer in answers] == [200] * 3
    assert not server.engine.ready


def test_a_closing_engine_is_not_ready():
    with running(Parrot()) as server:
        server.engine.close()
        assert server.client.get("/readyz").status_code == 503
        response = server.ask()
        assert response.status_code == 503
        assert response.json()["error"]["code"] == "shutting_down"
        assert response.headers["Retry-After"]


def test_room_is_first_come_first_served_and_cancelling_loses_none():
    async def story():
        room = Room(100)
        assert await room.take(60) == 60
        order = []

        async def wants(name, amount):
            taken = await room.take(amount)
            order.append(name)
            return taken

        large = asyncio.ensure_future(wants("large", 70))
        small = asyncio.ensure_future(wants("small", 10))
        gone = asyncio.ensure_future(wants("gone", 10))
        await asyncio.sleep(0)
        assert order == []  # the small one fits, but came later
        gone.cancel()
        large.cancel()
        await asyncio.wait({small, gone, large})
        assert order == ["small"]
        assert room.used == 70
        room.give_back(60)
        room.give_back(10)
        assert await room.take(1000) == 100  # more than there is: all of it
        late = asyncio.ensure_future(wants("late", 30))
        await asyncio.sleep(0)
        room.give_back(100)
        late.cancel()  # let in and cancelled at the same moment
        await asyncio.wait({late})
        assert room.used == 0

    asyncio.run(story())
