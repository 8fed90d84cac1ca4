"""`segue serve`: what it makes of its options, and a process that is asked and then told to end."""

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

import segue
from segue.cli.serve import TOKEN_VARIABLE
from tests.serving.running import Parrot, data_url, wait_for

STARTED = """
import segue
from tests.serving.running import Parrot
segue.load = lambda name, **_: Parrot(name, step_seconds=0.05)
from segue.cli.main import main
main()
"""


@pytest.fixture
def served(monkeypatch):
    """The configuration that uvicorn would have run with, and the models that were loaded."""
    import uvicorn

    seen = {}
    monkeypatch.setattr(uvicorn.Server, "run", lambda self: seen.update(config=self.config))
    monkeypatch.setattr(segue, "load", lambda name, **_: Parrot(name), raising=False)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    return seen


def test_options_reach_the_server(cli, served, monkeypatch):
    monkeypatch.setattr("segue.serving.logs.set_up_logs", lambda: None)
    monkeypatch.setenv(TOKEN_VARIABLE, "pass")
    monkeypatch.setattr(segue, "load", lambda name, **_: Parrot(name), raising=False)
    result = cli("serve", "--model", "a", "--model", "b", "--port", 8123, "--no-page", "--deadline", 7,
                 "--allow-host", "Pictures.example.org", "--cache-mb", 0)  # fmt: skip
    assert result.code == 0
    assert "serving a, b at http://127.0.0.1:8123" in result.err
    config = served["config"]
    assert (config.host, config.port, config.access_log) == ("127.0.0.1", 8123, False)
    assert config.timeout_graceful_shutdown > 7
    settings = next(m for m in config.app.user_middleware if "settings" in m.kwargs).kwargs["settings"]
    assert (settings.token, settings.deadline, settings.cache_bytes) == ("pass", 7, 0)
    assert settings.url_hosts == ("pictures.example.org",)
    assert "pass" not in result.err


def test_an_open_server_without_a_token_is_pointed_out(cli, served, monkeypatch):
    monkeypatch.setattr("segue.serving.logs.set_up_logs", lambda: None)
    monkeypatch.setattr(segue, "load", lambda name, **_: Parrot(name), raising=False)
    assert "anybody who reaches 0.0.0.0 may ask" in cli("serve", "--host", "0.0.0.0", "--no-page").err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port", "70000"], "--port"),
        (["--deadline", "0"], "--deadline"),
        (["--allow-host", "https://example.org/"], "host's name alone"),
        (["--model", "a", "--model", "a"], "two models are called a"),
    ],
)
def test_bad_options(cli, served, monkeypatch, arguments, expected):
    monkeypatch.setattr(segue, "load", lambda name, **_: Parrot(name), raising=False)
    result = cli("serve", "--no-page", *arguments)
    assert result.code == 2
    assert expected in result.err
    assert result.err.count("\n") == 1


def test_an_address_in_use_is_refused_before_models_are_loaded(cli, served, monkeypatch):
    monkeypatch.setattr(segue, "load", lambda *_, **__: pytest.fail("it was loaded"), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = cli("serve", "--no-page", "--port", taken.getsockname()[1])
    assert (result.code, "cannot listen at 127.0.0.1" in result.err) == (2, True)


def test_an_empty_token_is_refused(cli, served, monkeypatch):
    monkeypatch.setenv(TOKEN_VARIABLE, " ")
    result = cli("serve", "--no-page")
    assert (result.code, "the token is empty" in result.err) == (2, True)


def test_a_process_answers_and_ends_on_sigterm(tmp_path):
    """Told to end in the midst of an answer, it gives the answer first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, TOKEN_VARIABLE: "pass", "PYTHONPATH": os.getcwd()}
    command = [sys.executable, "-c", STARTED, "serve", "--no-page", "--port", str(port), "--model", "parrot"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, env=environment)
    client = httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer pass"}, trust_env=False
    )

    def is_ready():
        assert process.poll() is None, (tmp_path / "log").read_text()
        try:
            return client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        with client:
            wait_for(is_ready, seconds=150, pause=0.25)
            assert client.get("/v1/models").json()["data"][0]["id"] == "parrot"
            body = {"image": data_url(), "question": "say 20"}
            with client.stream(
                "POST", "/v1/ask", json={"image": data_url(), "question": "what?"}
            ) as response:
                assert response.status_code == 200
            chat = {"model": "parrot", "stream": True, "messages": [{"role": "user", "content": [
                {"type": "text", "text": body["question"]},
                {"type": "image_url", "image_url": {"url": body["image"]}}]}]}  # fmt: skip
            with client.stream("POST", "/v1/chat/completions", json=chat, timeout=20) as response:
                lines = response.iter_lines()
                next(lines)  # it has begun
                process.send_signal(signal.SIGTERM)
                assert [line for line in lines if line][-1] == "data: [DONE]"
        assert process.wait(20) in (0, -signal.SIGTERM)
    finally:
        process.kill()
        process.wait()
    entries = [
        json.loads(line) for line in (tmp_path / "log").read_text().splitlines() if line.startswith("{")
    ]
    assert {"/v1/ask", "/v1/chat/completions"} <= {entry.get("route") for entry in entries}
    assert "Traceback" not in (tmp_path / "log").read_text()
