"""A native JSON-lines file as a set of records: each line is read and checked when it is taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from segue.data.native import Record
from segue.data.reading import Lines
from segue.data.sources.official_files import naming
from segue.errors import DataError

__all__ = ["NativeRecords", "line_places"]


class NativeRecords(Sequence[Record]):
    """The records of a native file; `folder` is what their pictures lie in, by default the file's own."""

    def __init__(self, path: Path, *, folder: Path | None = None):
        self.path, self.folder = path, folder or path.parent
        self._lines = Lines([(path, offset) for offset, _ in line_places(path)])
        if not len(self._lines):
            raise DataError(f"{path}: there is no record in it")

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` with file and line where the record is broken."""
        with naming(self.path, f"record {range(len(self))[index]}"):
            return Record.model_validate_json(self._lines[index])


def line_places(path: Path) -> Iterator[tuple[int, bytes]]:
    """(offset, line) of every line of a file that is not blank.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            offset = 0
            for line in file:
                if line.strip():
                    yield offset, line
                offset += len(line)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
