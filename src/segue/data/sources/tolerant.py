"""Records of which some may be broken: passed over and named, up to a limit."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from segue.data.native import Record
from segue.data.sources import RecordSet
from segue.errors import DataError

__all__ = ["TolerantRecords"]

logger = logging.getLogger(__name__)


class TolerantRecords(Sequence[Record]):
    """A set of records that goes on past broken ones.

    Taken by index, a broken record is replaced by the next readable one (the first after the last): the same
    one whoever asks, whatever was asked before. `readable` leaves broken ones out instead. Every process
    counts for itself.

    Args:
        records: what is read.
        max_broken: so many different records may be broken.

    Attributes:
        broken: index -> what is wrong, beginning with file and record.
    """

    def __init__(self, records: RecordSet, *, max_broken: int):
        self.records, self.folder = records, records.folder
        self.max_broken = max_broken
        self.broken: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` where more records are broken than may be, or all are."""
        first = range(len(self))[index]
        for step in range(len(self)):
            record = self._read((first + step) % len(self))
            if record is not None:
                return record
        raise DataError(f"every record is broken, such as {next(iter(self.broken.values()))}")

    def readable(self) -> Iterator[tuple[int, Record]]:
        """(index, record) of every record that can be read, in order.

        Raises:
            DataError: more are broken than may be.
        """
        for index in range(len(self)):
            record = self._read(index)
            if record is not None:
                yield index, record

    def leave_out(self, index: int, error: Exception) -> None:
        """Count a record as broken whose fault shows only later: a picture that does not open.

        Raises:
            DataError: more are broken than may be.
        """
        if index in self.broken:
            return
        self.broken[index] = str(error)
        if len(self.broken) > self.max_broken:
            raise DataError(
                f"{len(self.broken)} broken records, where {self.max_broken} may be; the last: {error}"
            ) from error
        logger.warning("passed over: %s", error)

    def _read(self, index: int) -> Record | None:
        if index in self.broken:
            return None
        try:
            return self.records[index]
        except DataError as error:
            self.leave_out(index, error)
            return None
