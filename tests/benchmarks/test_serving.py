"""The load run on the model of the server's tests: it counts, it compares, and it finds a wrong answer."""

from __future__ import annotations

import dataclasses
import json
import sys
from contextlib import contextmanager

import pytest

from tests.serving.running import Parrot, running


class Asked(Parrot):
    """A parrot that can be asked by itself too."""

    def ask(self, image, question):
        from segue.query import Query

        (reply,) = self.reply([Query(self.encode_batch([image])[0], question)])
        return reply.answer


@pytest.fixture
def threads(benchmark, monkeypatch):
    """Servers in threads of the test in place of processes."""

    @contextmanager
    def serve(model, ways):
        import os

        with running(Asked(), places=8) as server:
            yield {way: benchmark.Server(server.url, os.getpid()) for way in ways}

    monkeypatch.setattr(benchmark, "serve", serve)
    monkeypatch.setattr(benchmark.segue, "load", lambda name: Asked())
    monkeypatch.setattr(benchmark, "CLIENTS", (1, 2))


def test_it_prints_ratios_floods_and_watches_memory(benchmark, threads, monkeypatch, capsys):
    arguments = ["serving.py", "--model", "parrot", "--pictures", "1", "--seconds", "0.2", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--requests", "80", "--json"])
    benchmark.main()
    report = json.loads(capsys.readouterr().out)
    assert {(load["way"], load["clients"]) for load in report["loads"]} == {
        (way, clients) for way in benchmark.WAYS for clients in (1, 2)
    }
    assert all(load["per_second"] > 0 and load["p95"] >= load["p50"] > 0 for load in report["loads"])
    assert sum(report["flood"]["statuses"].values()) == 48
    assert len(report["memory_mb"]) == 10
    monkeypatch.setattr(sys, "argv", [*arguments, "--parts", "loads"])
    benchmark.main()
    assert "RATIO" in capsys.readouterr().out


def test_a_wrong_answer_is_found_out(benchmark, threads):
    questions = benchmark.make_questions("parrot", pictures=1)
    wrong = dataclasses.replace(
        questions[0], expected=dataclasses.replace(questions[0].expected, text="else", segments=())
    )
    with (
        benchmark.serve("parrot", {"one": []}) as servers,
        pytest.raises(AssertionError, match="a wrong answer"),
    ):
        benchmark.put_load(servers["one"], [wrong], clients=1, seconds=5)
