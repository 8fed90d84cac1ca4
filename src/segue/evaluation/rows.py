"""The rows of a run on disk: one line of JSON per sample, written by several processes, read one at a time.

`rows.jsonl` is the whole; while a run goes on, each process appends to a part of its own, `rows.0.jsonl` ...
Parts and a line cut short by a kill are folded in when a run starts and when it ends, so nothing here needs
more memory than one row and the names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from segue.errors import DataError

__all__ = ["ROWS", "Row", "RowFile", "fold_parts", "part_path", "read_rows", "write_rows"]

Row = dict[str, Any]

ROWS = "rows.jsonl"


def part_path(folder: Path, process: int) -> Path:
    """Where a process writes its rows."""
    return folder / f"rows.{process}.jsonl"


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Append rows; they reach the disk together or, after a kill, as a prefix of them."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, one at a time, without a last line that was cut short; none without a file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            yield _parsed(line, path, number)


def fold_parts(folder: Path, names: Sequence[str] = ()) -> set[str]:
    """Make one file of the rows and their parts: those of `names` first and in that order, then others.

    Returns the names that have a row. The last row of a name counts; the file is replaced in one step.
    """
    files = [folder / ROWS, *sorted(folder.glob("rows.*.jsonl"))]
    places: dict[str, tuple[Path, int, int]] = {}
    for path in files:
        places.update(_places(path))
    order = [name for name in names if name in places]
    wanted = set(order)
    order += [name for name in places if name not in wanted]
    partial = folder / "rows.partial"
    handles = {path: path.open("rb") for path in files if path.exists()}
    try:
        with partial.open("wb") as target:
            for name in order:
                path, start, length = places[name]
                handles[path].seek(start)
                target.write(handles[path].read(length))
    finally:
        for handle in handles.values():
            handle.close()
    os.replace(partial, folder / ROWS)
    for path in files[1:]:
        path.unlink(missing_ok=True)
    return set(places)


class RowFile:
    """The rows of a run for some samples, in their order: read from disk each time they are gone through."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self._path = folder / ROWS
        places = _places(self._path) if self._path.exists() else {}
        missing = [name for name in names if name not in places]
        if missing:
            raise DataError(
                f"{self._path} has no row for {len(missing)} samples ({', '.join(missing[:3])}); "
                "start the run again to finish it"
            )
        self._places = [places[name][1:] for name in names]

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Row]:
        if not self._places:
            return
        with self._path.open("rb") as file:
            for start, length in self._places:
                file.seek(start)
                yield json.loads(file.read(length))


def _places(path: Path) -> dict[str, tuple[Path, int, int]]:
    """Name -> (file, start, length) of every whole row."""
    places: dict[str, tuple[Path, int, int]] = {}
    if not path.exists():
        return places
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.endswith(b"\n"):
                row = _parsed(line, path, number)
                places[str(row.get("name"))] = (path, start, len(line))
            start += len(line)
    return places


def _parsed(line: bytes, path: Path, number: int) -> Row:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise ValueError("not an object")
    except ValueError as error:
        raise DataError(
            f"{path}, line {number}: not a row of JSON ({error}); delete the line, or the file to start anew."
        ) from error
    return row
