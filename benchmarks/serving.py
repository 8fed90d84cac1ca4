"""The server under load on loopback: what batching and kept features bring, floods, and memory.

A server process is started for each way (batching and cache on and off), asked by 1, 8 and 32 clients about a
few pictures again and again, and every answer is compared with what the model says by itself in this process.
The ways take turns, so that the ratios hold although the machine's speed does not. Then one server is flooded
with more clients than it has places, and one is asked many times while its memory is watched.

    python benchmarks/serving.py --seconds 6

Pictures and questions come from `segue.scenes`.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

import segue
from segue.answer import Answer
from segue.scenes import make_scene

CLIENTS = (1, 8, 32)
PARTS = ("loads", "flood", "memory")
WAYS = {
    "neither": ["--batch", "1", "--cache-mb", "0"],
    "cache": ["--batch", "1"],
    "batching": ["--cache-mb", "0"],
    "both": [],
}
# Sums are made in another order in a batch, so that a pixel on a mask's edge may fall to the other side.
MOST_PIXELS = 0.002


@dataclass(frozen=True)
class Question:
    """A request's body, and what the model says to it by itself."""

    body: bytes
    expected: Answer


@dataclass(frozen=True)
class Load:
    """One way under a number of clients; times are seconds. `cpu` is the server's own for each request, which
    other work on the machine does not change."""

    way: str
    clients: int
    requests: int
    per_second: float
    p50: float
    p95: float
    cpu: float


@dataclass(frozen=True)
class Server:
    """A process that serves."""

    url: str
    pid: int

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=600, trust_env=False)

    def cpu(self) -> float:
        """Seconds of processor time so far, of all threads."""
        spent = psutil.Process(self.pid).cpu_times()
        return spent.user + spent.system

    def memory(self) -> float:
        """Resident megabytes."""
        return psutil.Process(self.pid).memory_info().rss / 2**20


@contextmanager
def serve(model: str, ways: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Server]]:
    """`segue serve`, a process for each way's options, until the context ends."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    servers: dict[str, Server] = {}
    for way, options in ways.items():
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "segue", "serve", "--no-page", "--port", str(port)]
        command += ["--model", model, "--deadline", "600"]
        processes[way] = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
        servers[way] = Server(f"http://127.0.0.1:{port}", processes[way].pid)
    try:
        for way, server in servers.items():
            wait_until_ready(server, processes[way])
        yield servers
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGTERM)
        for process in processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 600
    with server.client() as client:
        while True:
            try:
                if client.get("/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
            assert process.poll() is None, "the server did not start"
            assert time.monotonic() < until, "the server took too long to start"


def make_questions(model: str, *, pictures: int, per_picture: int = 3) -> list[Question]:
    """Questions about scenes, with the answers of a single process."""
    predictor = segue.load(model)
    questions = []
    for seed in range(pictures):
        pixels, record = make_scene(1_000_000 + seed, num_turns=2 * per_picture)
        image = Image.fromarray(pixels)
        stream = io.BytesIO()
        image.save(stream, "PNG")
        url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
        asked = [turn.question for turn in record.dialogue if turn.region is None][:per_picture]
        for question in asked:
            body = json.dumps({"image": url, "question": question}).encode()
            questions.append(Question(body, predictor.ask(image, question)))
    random.Random(0).shuffle(questions)
    return questions


def same(a: Answer, b: Answer) -> bool:
    """Equal words and phrases; masks but for the pixels on their edge."""
    if a.text != b.text or len(a.segments) != len(b.segments):
        return False
    for mine, other in zip(a.segments, b.segments, strict=True):
        if (mine.phrase, mine.span, mine.rejected) != (other.phrase, other.span, other.rejected):
            return False
        masked = mine.mask is not None and other.mask is not None
        if masked and np.mean(mine.mask != other.mask) > MOST_PIXELS:
            return False
    return True


def put_load(server: Server, questions: Sequence[Question], *, clients: int, seconds: float) -> list[float]:
    """Clients that ask one question after the other, each at least one; returns every answer's seconds.

    Raises:
        AssertionError: an answer was missing, or another than the model gives by itself.
    """
    times: list[float] = []
    wrong: list[str] = []
    until = time.monotonic() + seconds
    numbers = iter(range(10**9))
    lock = threading.Lock()

    def ask() -> None:
        with server.client() as client:
            asked = 0
            while (time.monotonic() < until or not asked) and not wrong:
                asked += 1
                with lock:
                    question = questions[next(numbers) % len(questions)]
                start = time.monotonic()
                response = client.post("/v1/ask", content=question.body, headers=JSON)
                times.append(time.monotonic() - start)
                if response.status_code != 200:
                    wrong.append(response.text)
                elif not same(Answer.from_dict(response.json()), question.expected):
                    wrong.append(f"{response.json()['text']!r}, not {question.expected.text!r}")

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, f"a wrong answer: {wrong[0][:300]}"
    return times


JSON = {"Content-Type": "application/json"}


def compare(model: str, questions: Sequence[Question], *, seconds: float, repeats: int) -> list[Load]:
    """Every way at every number of clients. All servers live from the beginning, and the ways take turns."""
    times: dict[tuple[str, int], list[float]] = {}
    spent: dict[tuple[str, int], float] = {}
    cpu: dict[tuple[str, int], float] = {}
    with serve(model, WAYS) as servers:
        for server in servers.values():
            put_load(server, questions, clients=2, seconds=1.0)  # warm up
        for _ in range(repeats):
            for clients in CLIENTS:
                for way, server in servers.items():
                    start, before = time.monotonic(), server.cpu()
                    own = put_load(server, questions, clients=clients, seconds=seconds / repeats)
                    spent[way, clients] = spent.get((way, clients), 0.0) + time.monotonic() - start
                    cpu[way, clients] = cpu.get((way, clients), 0.0) + server.cpu() - before
                    times.setdefault((way, clients), []).extend(own)
    return [
        Load(
            way,
            clients,
            len(times[way, clients]),
            round(len(times[way, clients]) / spent[way, clients], 2),
            round(float(np.percentile(times[way, clients], 50)), 3),
            round(float(np.percentile(times[way, clients], 95)), 3),
            round(cpu[way, clients] / len(times[way, clients]), 4),
        )
        for way in WAYS
        for clients in CLIENTS
    ]


def flood(model: str, questions: Sequence[Question], *, places: int = 8, clients: int = 48) -> dict[str, Any]:
    """More clients at once than there are places: what became of them, and an answer right after."""
    statuses: Counter[int] = Counter()
    waits: list[str | None] = []
    with serve(model, {"flooded": ["--places", str(places)]}) as servers:
        server = servers["flooded"]
        barrier = threading.Barrier(clients)

        def ask(question: Question) -> None:
            with server.client() as client:
                client.get("/healthz")
                barrier.wait()
                response = client.post("/v1/ask", content=question.body, headers=JSON)
                statuses[response.status_code] += 1
                if response.status_code == 429:
                    waits.append(response.headers.get("Retry-After"))
                else:
                    assert same(Answer.from_dict(response.json()), question.expected)

        threads = [
            threading.Thread(target=ask, args=(questions[n % len(questions)],)) for n in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(statuses.values()) == clients, "an answer was lost"
        assert set(statuses) <= {200, 429}, statuses
        assert None not in waits
        put_load(server, questions, clients=1, seconds=0.5)
    return {"places": places, "clients": clients, "statuses": dict(statuses)}


def watch_memory(model: str, *, requests: int, clients: int = 8) -> list[float]:
    """Resident megabytes after each tenth of so many requests, each with a picture of its own.

    The cache is small, so that it is full from the first tenth on. Answers are short: what could stay behind
    is a request's, and not a word's.
    """
    memory = []
    numbers = iter(range(requests))
    lock = threading.Lock()
    with serve(model, {"watched": ["--cache-mb", "16"]}) as servers:
        server = servers["watched"]

        def ask(amount: int) -> None:
            with server.client() as client:
                for _ in range(amount):
                    with lock:
                        number = next(numbers)
                    rng = np.random.default_rng(number)
                    stream = io.BytesIO()
                    noise = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
                    Image.fromarray(noise).save(stream, "PNG")
                    url = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
                    body = {"image": url, "question": "Where is the cat?", "max_new_tokens": 8}
                    response = client.post("/v1/ask", json=body)
                    assert response.status_code == 200, response.text

        for _ in range(10):
            threads = [
                threading.Thread(target=ask, args=(requests // 10 // clients,)) for _ in range(clients)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            memory.append(round(server.memory(), 1))
    return memory


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="segue/mini", help="as for segue.load")
    parser.add_argument("--pictures", type=int, default=4, help="that questions repeat")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each way at each number of clients")
    parser.add_argument("--repeats", type=int, default=3, help="turns that these seconds are divided into")
    parser.add_argument("--requests", type=int, default=2000, help="over which memory is watched")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is run")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()

    asking = {"loads", "flood"} & set(options.parts)
    questions = make_questions(options.model, pictures=options.pictures) if asking else []
    loads, flooded, memory = [], None, []
    if "loads" in options.parts:
        loads = compare(options.model, questions, seconds=options.seconds, repeats=options.repeats)
    if "flood" in options.parts:
        flooded = flood(options.model, questions)
    if "memory" in options.parts:
        memory = watch_memory(options.model, requests=options.requests)
    if options.json:
        print(json.dumps({"loads": [asdict(load) for load in loads], "flood": flooded, "memory_mb": memory}))
        return
    report(options, len(questions), loads, flooded, memory)


def report(
    options: argparse.Namespace,
    num_questions: int,
    loads: Sequence[Load],
    flooded: Mapping[str, Any] | None,
    memory: Sequence[float],
) -> None:
    """For people."""
    base = {load.clients: load for load in loads if load.way == "neither"}
    if loads:
        print(
            f"{options.model}: {num_questions} questions about {options.pictures} pictures; answers checked"
        )
        columns = ("clients", "requests", "per s", "RATIO", "p50 ms", "p95 ms", "CPU ms", "RATIO")
        print(f"{'':10}" + "".join(f" {name:>8}" for name in columns))
    for load in loads:
        faster = load.per_second / base[load.clients].per_second
        cheaper = base[load.clients].cpu / max(load.cpu, 1e-9)
        print(
            f"{load.way:10} {load.clients:8} {load.requests:8} {load.per_second:8.2f} {faster:7.1f}x "
            f"{load.p50 * 1000:8.0f} {load.p95 * 1000:8.0f} {load.cpu * 1000:8.0f} {cheaper:7.1f}x"
        )
    if flooded is not None:
        print(f"flood: {flooded['clients']} clients, {flooded['places']} places: {flooded['statuses']}")
    if memory:
        print(f"memory over {options.requests} requests, MB: {' '.join(f'{value:.0f}' for value in memory)}")


if __name__ == "__main__":
    main()
