"""The journal of a curation: every request that left and every reply that came, in one SQLite file.

Nothing in it is ever changed or deleted (triggers see to that). A request is noted before it leaves and a
reply as soon as it is there, so that a run killed at any moment goes on without asking again for a reply that
it has, and knows which requests it may have paid for without seeing the reply. Tables:

- `sends`: requests that left, with what they may cost at most;
- `unpaid`: sends that certainly cost nothing (the server refused);
- `attempts`: replies, one row for each picture, stage and attempt, whatever became of them;
- `decisions`: what people said in the review, the newest counts;
- `facts`: what the journal is bound to.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segue.curation.requests import Tokens
from segue.errors import DataError, MissingDependencyError

__all__ = ["Decision", "Journal", "Row", "Totals"]

FILE = "journal.sqlite"

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sends (
    id INTEGER PRIMARY KEY AUTOINCREMENT, image TEXT NOT NULL, stage TEXT NOT NULL, attempt INTEGER NOT NULL,
    at REAL NOT NULL, tokens INTEGER NOT NULL, cost REAL NOT NULL);
CREATE TABLE IF NOT EXISTS unpaid (send INTEGER PRIMARY KEY REFERENCES sends, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, image TEXT NOT NULL, stage TEXT NOT NULL, attempt INTEGER NOT NULL,
    send INTEGER NOT NULL UNIQUE REFERENCES sends, at REAL NOT NULL, seconds REAL NOT NULL,
    model TEXT NOT NULL, prompts TEXT NOT NULL, reply TEXT NOT NULL, finish TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, estimated INTEGER NOT NULL,
    cost REAL NOT NULL, outcome TEXT NOT NULL, problems TEXT NOT NULL, about TEXT NOT NULL,
    UNIQUE (image, stage, attempt));
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, pair TEXT NOT NULL, decision TEXT NOT NULL, content TEXT NOT NULL,
    note TEXT NOT NULL, at REAL NOT NULL);
"""
_APPEND_ONLY = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""
_NAMES = ("facts", "sends", "unpaid", "attempts", "decisions")


@dataclass(frozen=True)
class Row:
    """A reply and what became of it.

    Attributes:
        stage: "caption", "pairs" or "judge".
        attempt: 1, or 2 for the second try after a reply that could not be used.
        outcome: "ok", "unreadable" (no JSON of the form), or "rejected" (no pair keeps to the rules).
        problems: what was wrong, for the second try and for people.
        about: ids of the pairs that a judge was asked about, in its order.
        cost: in the currency of the plan's prices.
    """

    image: str
    stage: str
    attempt: int
    model: str
    prompts: str
    reply: str
    finish: str
    tokens: Tokens
    estimated: bool
    cost: float
    outcome: str
    problems: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    seconds: float = 0.0
    at: float = 0.0


@dataclass(frozen=True)
class Decision:
    """What a person said about a pair: "accept", "reject" or "edit", with the edited pair as `content`."""

    pair: str
    decision: str
    content: dict[str, Any] | None = None
    note: str = ""


@dataclass(frozen=True)
class Totals:
    """Money and tokens of a journal. `unseen` are requests that left, and whose replies never came: they may
    have been paid for, and count with the most that they can have cost."""

    cost: float
    tokens: int
    unseen: int
    unseen_cost: float
    unseen_tokens: int


class Journal:
    """A journal on disk. `run` is for the one process that sends requests: it makes the file where there is
    none and keeps other runs away. Reading, and people's decisions, go on beside it."""

    def __init__(self, folder: str | Path, *, run: bool):
        self.path = Path(folder) / FILE
        if not run and not self.path.is_file():
            raise DataError(f"{folder}: holds no curation ({FILE} is missing)")
        self._lock = _lock(self.path) if run else None
        self._db = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        # Notes of requests need not survive a power cut (a killed process loses nothing), replies must: they
        # cost money, and waiting for the disk only milliseconds.
        self._notes = sqlite3.connect(self.path, timeout=30, check_same_thread=False)
        self._sends: dict[int, tuple[float, int]] = {}
        self._writing = threading.Lock()
        try:
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            self._notes.execute("PRAGMA synchronous = NORMAL")
            if run:
                triggers = (
                    _APPEND_ONLY.format(table=t, verb=v) for t in _NAMES for v in ("UPDATE", "DELETE")
                )
                self._db.executescript(_TABLES + "".join(triggers))
            self._totals = self.totals()
        except sqlite3.DatabaseError as error:
            self.close()
            raise DataError(f"{self.path}: not a journal of a curation ({error})") from None

    def close(self) -> None:
        """Close the file and let others write."""
        self._db.close()
        self._notes.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- what it belongs to --------------------------------------------------------------------------------

    def bind(self, facts: Mapping[str, str]) -> None:
        """Note what the journal is about, or check that it is the same as before.

        Raises:
            DataError: it is about something else; the message names the first difference.
        """
        known = dict(self._db.execute("SELECT name, value FROM facts"))
        for name, value in facts.items():
            if known.get(name, value) != value:
                raise DataError(
                    f"{self.path.parent}: holds the replies of another plan ({name} has changed); "
                    "choose another --out, or take the change back"
                )
        with self._db:
            self._db.executemany(
                "INSERT INTO facts VALUES (?, ?)", [pair for pair in facts.items() if pair[0] not in known]
            )

    # -- requests and replies ------------------------------------------------------------------------------

    def send(
        self,
        image: str,
        stage: str,
        attempt: int,
        *,
        most: Tokens,
        cost: float,
        budget: float | None = None,
        tokens: int | None = None,
    ) -> int | None:
        """Note a request that is about to leave and may cost so much; gives its number.

        None, and nothing is noted, where that could go beyond `budget` or `tokens` together with what was
        spent, what may have been, and what is on its way.
        """
        size = most.input + most.output
        with self._writing, self._notes:
            now = self._totals
            if budget is not None and now.cost + now.unseen_cost + cost > budget:
                return None
            if tokens is not None and now.tokens + now.unseen_tokens + size > tokens:
                return None
            cursor = self._notes.execute(
                "INSERT INTO sends (image, stage, attempt, at, tokens, cost) VALUES (?, ?, ?, ?, ?, ?)",
                (image, stage, attempt, time.time(), size, cost),
            )
            assert cursor.lastrowid is not None
            self._sends[cursor.lastrowid] = (cost, size)
            self._count(unseen=1, unseen_cost=cost, unseen_tokens=size)
            return cursor.lastrowid

    def refused(self, send: int, reason: str) -> None:
        """Note that a request has certainly cost nothing."""
        with self._writing, self._notes:
            self._notes.execute("INSERT INTO unpaid VALUES (?, ?)", (send, reason))
            self._settle(send)

    def append(self, send: int, row: Row) -> None:
        """Note a reply. On return it is on disk. May be called from any thread."""
        values = (
            *(row.image, row.stage, row.attempt, send, row.at or time.time(), row.seconds, row.model),
            *(row.prompts, row.reply, row.finish, row.tokens.input, row.tokens.output, int(row.estimated)),
            *(row.cost, row.outcome, json.dumps(row.problems, ensure_ascii=False), json.dumps(row.about)),
        )
        with self._writing, self._db:
            self._db.execute(
                "INSERT INTO attempts (image, stage, attempt, send, at, seconds, model, prompts, reply, "
                "finish, prompt_tokens, completion_tokens, estimated, cost, outcome, problems, about) "
                f"VALUES ({', '.join('?' * len(values))})",
                values,
            )
            self._settle(send)
            self._count(cost=row.cost, tokens=row.tokens.input + row.tokens.output)

    def rows(self, image: str) -> list[Row]:
        """The replies about one picture, oldest first."""
        return [
            _row(values) for values in self._db.execute(f"{_SELECT} WHERE image = ? ORDER BY id", (image,))
        ]

    def all_rows(self) -> Iterator[Row]:
        """Every reply, oldest first."""
        for values in self._db.execute(f"{_SELECT} ORDER BY id"):
            yield _row(values)

    def totals(self) -> Totals:
        """What was spent, read from the file. Requests on their way count as unseen."""
        cost, tokens = self._db.execute(
            "SELECT COALESCE(SUM(cost), 0), COALESCE(SUM(prompt_tokens + completion_tokens), 0) FROM attempts"
        ).fetchone()
        unseen = self._db.execute(
            "SELECT COUNT(*), COALESCE(SUM(cost), 0), COALESCE(SUM(tokens), 0) FROM sends "
            "WHERE id NOT IN (SELECT send FROM attempts) AND id NOT IN (SELECT send FROM unpaid)"
        ).fetchone()
        return Totals(cost, tokens, *unseen)

    def _settle(self, send: int) -> None:
        """A request of ours is no longer unseen."""
        cost, tokens = self._sends.pop(send)
        self._count(unseen=-1, unseen_cost=-cost, unseen_tokens=-tokens)

    def _count(self, **changes: float) -> None:
        """Keep the totals of the running process: sums over a large journal take too long for each
        request."""
        new = {name: getattr(self._totals, name) + change for name, change in changes.items()}
        self._totals = replace(self._totals, **new)

    # -- people's decisions --------------------------------------------------------------------------------

    def decide(self, decision: Decision) -> None:
        """Note what a person said; a newer word on the same pair replaces an older one."""
        content = json.dumps(decision.content, ensure_ascii=False)
        with self._db:
            self._db.execute(
                "INSERT INTO decisions (pair, decision, content, note, at) VALUES (?, ?, ?, ?, ?)",
                (decision.pair, decision.decision, content, decision.note, time.time()),
            )

    def decisions(self) -> dict[str, Decision]:
        """The newest decision on each pair that has one."""
        found = self._db.execute("SELECT pair, decision, content, note FROM decisions ORDER BY id")
        return {pair: Decision(pair, what, json.loads(content), note) for pair, what, content, note in found}


_SELECT = (
    "SELECT image, stage, attempt, model, prompts, reply, finish, prompt_tokens, completion_tokens, "
    "estimated, cost, outcome, problems, about, seconds, at FROM attempts"
)


def _row(values: tuple[Any, ...]) -> Row:
    image, stage, attempt, model, prompts, reply, finish, *counts, problems, about, seconds, at = values
    prompt_tokens, completion_tokens, estimated, cost, outcome = counts
    return Row(
        image=image,
        stage=stage,
        attempt=attempt,
        model=model,
        prompts=prompts,
        reply=reply,
        finish=finish,
        tokens=Tokens(prompt_tokens, completion_tokens),
        estimated=bool(estimated),
        cost=cost,
        outcome=outcome,
        problems=tuple(json.loads(problems)),
        about=tuple(json.loads(about)),
        seconds=seconds,
        at=at,
    )


def _lock(path: Path) -> Any:
    """Held while a process writes; the system lets go of it when the process dies."""
    try:
        from filelock import FileLock, Timeout
    except ImportError:
        raise MissingDependencyError("curation needs filelock: pip install 'segue[curate]'") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_suffix(".lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(f"{path.parent}: another curation is writing to it") from None
    return lock
