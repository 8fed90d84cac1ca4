"""The journal of an annotation run: the answers about every picture, in one SQLite file.

Rows are only ever added, a batch of pictures in one transaction that is on the disk when `add` returns, so
that a run killed at any moment goes on where it was. A picture has its answers once: the file itself refuses
a second time (a unique index). Failures are rows too, and tried again by the next run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.errors import DataError

__all__ = ["Done", "Journal"]

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pictures (
    id INTEGER PRIMARY KEY AUTOINCREMENT, picture TEXT NOT NULL, answers TEXT, error TEXT,
    CHECK ((answers IS NULL) <> (error IS NULL)));
CREATE UNIQUE INDEX IF NOT EXISTS once ON pictures (picture) WHERE answers IS NOT NULL;
"""
_APPEND_ONLY = """
CREATE TRIGGER IF NOT EXISTS {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
"""


@dataclass(frozen=True)
class Done:
    """What became of a picture.

    Attributes:
        picture: its path, relative to the folder.
        answers: of all questions, in their order, as `Answer.to_dict` gives them; None where it failed.
        error: why it failed.
    """

    picture: str
    answers: Sequence[Mapping[str, Any]] | None = None
    error: str = ""


class Journal:
    """A journal on disk, for one process at a time: the system lets go of it when the process dies.

    Args:
        path: of the file, made where there is none.
        facts: what the answers depend on; a journal with others is not gone on with.

    Raises:
        DataError: the file is something else, belongs to another run, or is in use.
    """

    def __init__(self, path: Path, *, facts: Mapping[str, str]):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = sqlite3.connect(path, timeout=1, isolation_level=None)
            # An exclusive lock, kept from the first write until the process ends.
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            triggers = (
                _APPEND_ONLY.format(table=table, verb=verb)
                for table in ("facts", "pictures")
                for verb in ("UPDATE", "DELETE")
            )
            self._db.executescript(_TABLES + "".join(triggers))
            self._bind(facts)
        except sqlite3.OperationalError as error:
            self.close()
            if "locked" in str(error):
                raise DataError(f"{path}: another run is writing to it") from None
            raise DataError(f"{path}: cannot be opened ({error})") from None
        except sqlite3.DatabaseError as error:
            self.close()
            raise DataError(f"{path}: not a journal of segue annotate ({error})") from None
        except DataError:
            self.close()
            raise

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _bind(self, facts: Mapping[str, str]) -> None:
        known = dict(self._db.execute("SELECT name, value FROM facts"))
        for name, value in facts.items():
            if known.get(name, value) != value:
                raise DataError(
                    f"{self.path}: holds the answers of another run ({name} was {known[name]}); "
                    "choose another --out, or take the change back"
                )
        new = [pair for pair in facts.items() if pair[0] not in known]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO facts VALUES (?, ?)", new)
        self._db.execute("COMMIT")

    def add(self, entries: Sequence[Done]) -> int:
        """Note pictures; on return they are on the disk. One that has its answers already keeps those.

        Returns how many were new.
        """
        rows = [
            (
                done.picture,
                None if done.answers is None else json.dumps(list(done.answers), ensure_ascii=False),
                done.error if done.answers is None else None,
            )
            for done in entries
        ]
        before = self._db.total_changes
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT OR IGNORE INTO pictures (picture, answers, error) VALUES (?, ?, ?)", rows
        )
        self._db.execute("COMMIT")
        return self._db.total_changes - before

    def finished(self) -> set[str]:
        """Pictures that have their answers."""
        return {row[0] for row in self._db.execute("SELECT picture FROM pictures WHERE error IS NULL")}

    def failures(self) -> dict[str, str]:
        """Pictures without answers, and why they have none, by their newest row."""
        rows = self._db.execute(
            "SELECT picture, error FROM pictures WHERE error IS NOT NULL AND picture NOT IN "
            "(SELECT picture FROM pictures WHERE error IS NULL) ORDER BY id"
        )
        return dict(sorted(rows))

    def answers(self) -> Iterator[Done]:
        """Pictures with their answers in the order of their names, one at a time."""
        rows = self._db.execute("SELECT picture, answers FROM pictures WHERE error IS NULL ORDER BY picture")
        for picture, answers in rows:
            yield Done(picture, json.loads(answers))
