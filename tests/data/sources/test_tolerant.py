from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from segue.data.native import Record
from segue.data.sources.tolerant import TolerantRecords
from segue.errors import DataError


class Some(Sequence[Record]):
    """Records named by their number; those in `broken` are."""

    folder = Path("here")

    def __init__(self, num: int, broken: set[int]):
        self.num, self.broken = num, broken

    def __len__(self) -> int:
        return self.num

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        if index in self.broken:
            raise DataError(f"file.json, record {index}: wrong")
        return Record(image=str(index), width=1, height=1, objects=[])


TAKEN = [
    # how many, which are broken, what is taken for each index
    (4, set(), "0123"),
    (4, {1}, "0223"),
    (5, {1, 2}, "03334"),
    (3, {2}, "010"),  # the first after the last
    (3, {0, 2}, "111"),
]


@pytest.mark.parametrize(("num", "broken", "expected"), TAKEN)
def test_a_broken_record_is_replaced_by_the_next(num: int, broken: set[int], expected: str):
    for order in (range(num), reversed(range(num))):  # whatever was asked before
        records = TolerantRecords(Some(num, broken), max_broken=num)
        assert {index: records[index].image for index in order} == dict(enumerate(expected))
        assert records.broken == {index: f"file.json, record {index}: wrong" for index in broken}
    assert records.folder == Path("here")
    assert records[-1].image == expected[-1]


def test_or_left_out(caplog: pytest.LogCaptureFixture):
    records = TolerantRecords(Some(4, {1}), max_broken=1)
    with caplog.at_level(logging.WARNING):
        assert [(index, record.image) for index, record in records.readable()] == [
            (0, "0"),
            (2, "2"),
            (3, "3"),
        ]
    assert "passed over: file.json, record 1: wrong" in caplog.text


def test_there_is_a_limit_to_it():
    records = TolerantRecords(Some(9, {1, 3, 5}), max_broken=2)
    assert [records[index].image for index in (1, 1, 3)] == ["2", "2", "4"]  # one record counts once
    with pytest.raises(
        DataError, match=r"3 broken records, where 2 may be; the last: file.json, record 5: wrong"
    ):
        records[5]
    with pytest.raises(DataError, match=r"1 broken records, where 0 may be"):
        list(TolerantRecords(Some(3, {2}), max_broken=0).readable())


def test_all_may_be_broken():
    with pytest.raises(DataError, match=r"every record is broken, such as file.json, record 0"):
        TolerantRecords(Some(2, {0, 1}), max_broken=9)[0]


def test_what_shows_later_counts_too():
    records = TolerantRecords(Some(3, {2}), max_broken=2)
    records.leave_out(0, DataError("0.png is no picture"))
    records.leave_out(0, DataError("0.png is no picture"))
    assert records[0].image == "1"
    assert [index for index, _ in records.readable()] == [1]
    with pytest.raises(DataError, match=r"3 broken records, where 2 may be"):
        records.leave_out(1, DataError("1.png is no picture"))
