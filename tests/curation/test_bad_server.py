"""The whole way against a server that behaves badly, killed five times on it (the server is `bad_server.py`,
the client the official one)."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import pytest

from segue.curation.journal import Journal
from segue.curation.plan import Plan
from segue.curation.prompts import instance_lines
from segue.curation.selection import listed_objects
from segue.curation.session import prepare, run
from segue.data.native import read_records
from tests.curation.bad_server import COMPLETION_TOKENS, PROMPT_TOKENS
from tests.curation.small import coco_set

NUM = 500
FAULTS = (
    *(
        "",
        "slow",
        "busy",
        "error",
        "drop",
        "half",
        "nonsense",
        "cut",
        "wrong",
        "double",
        "fenced",
        "neighbour",
    ),
)
PRICE = {"input": 1.0, "output": 5.0}
COST = (PROMPT_TOKENS * PRICE["input"] + COMPLETION_TOKENS * PRICE["output"]) / 1e6
CONCURRENCY = 16


def fault_of(number):
    if number % 100 == 50:
        return "always-wrong"
    return "busy-second" if number % 250 == 33 else FAULTS[number % len(FAULTS)]


@pytest.fixture
def world(tmp_path, monkeypatch):
    """500 pictures, the server's script, and the server; gives the plan's parts."""
    boxes = {
        f"{number:04d}.jpg": [
            ("fork", (number % 50, 10 + number // 50, 20, 30)),
            ("fork", (120 + number % 50, 15, 20, 30)),
            ("cup", (90, 60, 20, 30)),
        ]
        for number in range(NUM)
    }
    path = coco_set(tmp_path / "set", boxes)
    plan = Plan.model_validate(
        {
            "data": {"path": str(path)},
            "endpoint": {"model": "bad", "max_tokens": 300, "price": PRICE, "image_side": 64},
            "questions": {"per_image": 2, "kinds": {"several": 1}},
            "rules": {"repeats": None, "language": None},
            "split": {"test": 0.1, "val": 0.1},
            "limits": {"concurrency": CONCURRENCY, "max_wait": 0.2},
        }
    )
    session = prepare(plan)
    script, expected = {}, {}
    for task in session.work.tasks:
        number = int(Path(task.key).stem)
        record = session.pictures.records[task.index]
        objects = listed_objects(record, plan.select)
        numbers = {entry.id: place for place, entry in enumerate(objects, start=1)}
        cup, left, right = (numbers[3 * number + offset] for offset in (3, 1, 2))
        pairs = [
            pair(
                f"Where are the cup and the fork of table {number}?",
                f"The [cup]({cup}) and the [left fork]({left}) of {number}.",
            ),
            pair(
                f"Point out both forks, guest {number}.",
                f"Here are the [left fork]({left}) and the [right fork]({right}).",
            ),
        ]
        fault = fault_of(number)
        script[instance_lines(objects)] = {"fault": fault, "good": json.dumps({"pairs": pairs})}
        if fault != "always-wrong":
            named = [{3 * number + 3, 3 * number + 1}, {3 * number + 1, 3 * number + 2}]
            expected[task.key] = [(p["question"], ids) for p, ids in zip(pairs, named, strict=True)]
    for entry in script.values():
        # Another picture's reply has fewer marks of ours; here one with a number that this picture lacks.
        entry["neighbour"] = json.dumps(
            {"pairs": [pair("Where are the chairs?", "The [chair](4), the [chair](5).")]}
        )
    (tmp_path / "script.json").write_text(json.dumps(script))
    port_file = tmp_path / "port"
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("bad_server.py"), tmp_path / "script.json", port_file]
    )
    deadline = time.monotonic() + 20
    while not port_file.exists():
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.02)
    url = f"http://127.0.0.1:{port_file.read_text()}"
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-the-test")
    yield session, url, expected
    server.kill()
    server.wait()


def pair(question, answer):
    numbers = [int(part.split(")")[0]) for part in answer.split("](")[1:]]
    targets = [{"number": number, "description": "A thing on the table."} for number in numbers]
    return {"kind": "several", "question": question, "answer": answer, "targets": targets}


def ask_server(url, what):
    with urllib.request.urlopen(f"{url}/{what}", timeout=10) as reply:
        return json.load(reply)


def with_budget(session, budget):
    limits = session.plan.limits.model_copy(update={"budget": budget})
    return type(session)(
        session.plan.model_copy(update={"limits": limits}), session.pictures, session.prompts, session.work
    )


def known_keys(folder):
    """How many replies the journal has, by picture and attempt."""
    with sqlite3.connect(folder / "journal.sqlite") as db:
        return db.execute("SELECT image, stage, attempt FROM attempts").fetchall()


def test_500_pictures_end_with_exactly_the_right_records(world, tmp_path):
    session, url, expected = world
    folder = tmp_path / "out"

    # 1) A budget for a part of the work: it stops there, and not one reply later.
    progress, summary = run(with_budget(session, 0.2), folder)
    assert progress.stopped == "budget"
    assert 0 < progress.done < NUM
    spent = len(ask_server(url, "state")["replies"]) * COST
    assert spent <= 0.2
    assert summary["cost"] <= spent

    # 2) Enough for all, and a kill as soon as so many replies have left the server.
    session = with_budget(session, 3.0)
    known = set(known_keys(folder))
    paid_again = 0
    for kill_at in (160, 270, 380, 490, 600):
        before = len(ask_server(url, "state")["requests"])
        process = get_context("fork").Process(target=run, args=(session, folder))
        process.start()
        while ask_server(url, "count") < kill_at:
            assert process.is_alive(), "it ended before it was killed"
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        state = ask_server(url, "killed")
        now = set(known_keys(folder))
        assert known <= now  # nothing in the journal is ever lost
        # No request since the last start was for a reply that the journal had by then.
        paid_again += len(keys_of(known, session) & set(state["requests"][before:]))
        known = now
    assert paid_again == 0

    # 3) To the end.
    before = len(ask_server(url, "state")["requests"])
    progress, summary = run(session, folder)
    state = ask_server(url, "state")
    assert (progress.done, progress.stopped, progress.failed) == (NUM, "", {})
    assert not keys_of(known, session) & set(state["requests"][before:])
    assert state["refused"] == []
    assert all(gap >= 1 for gap in state["gaps"])

    # Exactly the right records: every picture once, with both pairs; those that never came right are missing.
    found = {}
    for split in ("train", "val", "test_few", "test_many"):
        for record in read_records(folder / f"{split}.jsonl"):
            assert record.image not in found
            origin = {entry.id: entry for entry in record.objects}
            base = {tuple(entry.bbox): id_ for id_, entry in sorted(origin.items(), reverse=True)}
            found[record.image] = [
                (
                    turn.question,
                    {base[tuple(origin[id_].bbox)] for phrase in turn.phrases for id_ in phrase.ids},
                )
                for turn in record.dialogue
            ]
    assert found == expected

    # Nothing lost, nothing twice, all counted: what the server sent is in the journal, or was on its way when
    # we were killed, or never arrived whole.
    with Journal(folder, run=False) as journal:
        rows, totals = list(journal.all_rows()), journal.totals()
    wanted = {"nonsense", "cut", "wrong", "neighbour", "always-wrong"}
    second = sum(fault_of(number) in wanted for number in range(NUM))
    assert Counter(row.attempt for row in rows) == {1: NUM, 2: second}
    half = sum(fault_of(number) == "half" for number in range(NUM))
    assert len(rows) + half <= len(state["replies"]) <= len(rows) + half + 5 * CONCURRENCY
    assert totals.cost == pytest.approx(len(rows) * COST) == pytest.approx(summary["cost"])
    assert len(state["replies"]) * COST <= totals.cost + totals.unseen_cost <= 3.0

    # The rejected are kept with their reasons.
    refused = [json.loads(line) for line in (folder / "rejected.jsonl").read_text().splitlines()]
    wrong = (
        sum(fault_of(n) == "wrong" for n in range(NUM)),
        sum(fault_of(n) == "always-wrong" for n in range(NUM)),
    )
    rules = Counter(line["rule"] for line in refused)
    double = sum(fault_of(n) == "double" for n in range(NUM))
    assert rules["duplicate"] == 2 * double
    assert rules["instances_exist"] > wrong[0] + wrong[1]
    assert "There are no objects [99] in the list." in {line["reason"] for line in refused}


def keys_of(rows, session):
    from segue.curation.steps import Step, request_key

    return {
        request_key(image, Step(stage, attempt), session.prompts.digest, session.plan.seed)
        for image, stage, attempt in rows
    }
