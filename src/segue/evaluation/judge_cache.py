"""Replies of a judge on disk, so that a question is paid for once: an SQLite file, keyed by content."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segue.errors import DataError

__all__ = ["ReplyCache"]


class ReplyCache:
    """Reply texts by the hash of what was asked. Threads may share one, processes may share the file.

    Raises:
        DataError: the file is no cache, or cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=60, check_same_thread=False)
            with self._database:
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, version TEXT, reply TEXT)"
                )
        except (OSError, sqlite3.Error) as error:
            raise DataError(f"{path}: cannot be used as a cache of judge replies ({error})") from error

    @staticmethod
    def key(request: Mapping[str, Any]) -> str:
        """The hash of a request: endpoint, model, settings and messages."""
        text = json.dumps(request, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def get(self, key: str) -> tuple[str, str] | None:
        """(version of the model that replied, reply), or None."""
        with self._lock:
            row = self._database.execute(
                "SELECT version, reply FROM replies WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else (str(row[0]), str(row[1]))

    def put(self, key: str, version: str, reply: str) -> None:
        with self._lock, self._database:
            self._database.execute("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", (key, version, reply))

    def __len__(self) -> int:
        with self._lock:
            return int(self._database.execute("SELECT COUNT(*) FROM replies").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            self._database.close()
