"""Large JSON files as lists of records: where each record lies is found once, each is parsed when it is
taken.

Annotation files of several hundred megabytes take ten times their size as Python objects, and every worker of
a data loader would hold them. An index of byte positions takes a few megabytes, and the rest stays on disk.
"""

from __future__ import annotations

import json
import mmap
import re
from array import array
from collections.abc import Collection, Generator, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segue.errors import DataError

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()


class Place(NamedTuple):
    """The bytes [start, end) of a JSON value in its file."""

    start: int
    end: int


class Element(NamedTuple):
    """One element of a list: the list's name ("" where the file itself is the list), its place, its value."""

    name: str
    place: Place
    value: Any


def scan_json(path: Path, names: Collection[str]) -> Iterator[Element]:
    """The elements of those lists that the file's top object has under `names`, in the file's order; with the
    name "", those of the list that the file is. A value that is not a list comes whole.

    Place and value are both given: the value to be looked at and let go, the place to be kept.

    Needs as much memory as the file is long, for as long as it runs.

    Raises:
        DataError: the file cannot be read or is not valid JSON; says about where.
    """
    text = _text(path)
    try:
        yield from _top(text, frozenset(names))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}: not valid JSON ({error.msg} at byte {error.pos})") from error
    except RecursionError as error:
        raise DataError(f"{path}: not valid JSON (nested too deeply)") from error


def read_values(path: Path, places: Iterable[Place]) -> list[Any]:
    """The values at those places.

    Raises:
        DataError: the file cannot be read, or is not the one that was scanned.
    """
    values = []
    try:
        with path.open("rb") as file:
            for place in places:
                file.seek(place.start)
                values.append(json.loads(file.read(place.end - place.start)))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise DataError(f"{path}: has changed since it was opened ({error}); open it anew") from error
    return values


class GroupedPlaces(Sequence[list[tuple[int, Place]]]):
    """Places grouped by a key, groups in the order in which their keys came.

    Item i is the list of (number, place) of group i, where `number` says as how many-th the place was added.
    A place whose key is no number or text is a group of its own: a record that names nothing to go with.
    """

    def __init__(self, entries: Iterable[tuple[Any, Place]]) -> None:
        self._group_of: dict[Hashable, int] = {}
        count = 0
        group_numbers, starts, ends = array("q"), array("q"), array("q")
        for key, place in entries:
            group = self._group_of.setdefault(key, count) if isinstance(key, int | str) else count
            count += group == count
            group_numbers.append(group)
            starts.append(place.start)
            ends.append(place.end)
        groups = np.frombuffer(group_numbers, dtype=np.int64) if group_numbers else np.zeros(0, np.int64)
        self._order = np.argsort(groups, kind="stable")
        self._bounds = np.concatenate(([0], np.cumsum(np.bincount(groups, minlength=count))))
        self._starts, self._ends = starts, ends

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, index: int) -> list[tuple[int, Place]]:  # type: ignore[override]
        index = range(len(self))[index]
        numbers = self._order[self._bounds[index] : self._bounds[index + 1]].tolist()
        return [(number, Place(self._starts[number], self._ends[number])) for number in numbers]

    def of(self, key: Hashable) -> list[tuple[int, Place]]:
        """The group with that key; empty where there is none."""
        group = self._group_of.get(key)
        return [] if group is None else self[group]


def _text(path: Path) -> str:
    """The file's bytes as characters of the same numbers, so that positions in it are positions in the
    file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return str(content, "latin-1")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a file of no bytes cannot be mapped
        raise DataError(f"{path}: not valid JSON (the file is empty)") from error


def _top(text: str, names: frozenset[str]) -> Iterator[Element]:
    position = _skip(text, 3 if text.startswith("\xef\xbb\xbf") else 0)
    if "" in names:
        _expect(text, position, "[")
        position = yield from _elements(text, position, "")
    else:
        _expect(text, position, "{")
        position = _skip(text, position + 1)
        while text[position : position + 1] != "}":
            _expect(text, position, '"')
            name, end = _DECODER.raw_decode(text, position)
            name = _value(text, position, end, name)
            position = _skip(text, end)
            _expect(text, position, ":")
            position = _skip(text, position + 1)
            if name in names and text[position : position + 1] == "[":
                position = yield from _elements(text, position, name)
            else:
                value, end = _DECODER.raw_decode(text, position)
                if name in names:
                    yield Element(name, Place(position, end), _value(text, position, end, value))
                position = end
            position = _after(text, position, "}")
        position += 1
    if _skip(text, position) != len(text):
        raise json.JSONDecodeError("more follows after its end", "", position)


def _elements(text: str, position: int, name: str) -> Generator[Element, None, int]:
    """The elements of the list at `position`; returns the position after it."""
    position = _skip(text, position + 1)
    while text[position : position + 1] != "]":
        value, end = _DECODER.raw_decode(text, position)
        yield Element(name, Place(position, end), _value(text, position, end, value))
        position = _after(text, end, "]")
    return position + 1


def _value(text: str, start: int, end: int, value: Any) -> Any:
    """What is written at a place; `value` is what it gives where every character stands for itself."""
    part = text[start:end]
    if part.isascii():
        return value
    try:  # the characters stand for bytes: words beyond ASCII have to be read again as what they are
        return json.loads(part.encode("latin-1").decode("utf-8"))
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("text that is not UTF-8", "", start + error.start) from error


def _after(text: str, position: int, closing: str) -> int:
    """The position of the next element, or of the `closing` bracket."""
    position = _skip(text, position)
    if text[position : position + 1] == closing:
        return position
    _expect(text, position, ",")
    position = _skip(text, position + 1)
    if text[position : position + 1] == closing:
        raise json.JSONDecodeError("a comma before the end of a list or object", "", position)
    return position


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match is not None  # the pattern matches the empty string
    return match.end()


def _expect(text: str, position: int, character: str) -> None:
    if text[position : position + 1] != character:
        found = repr(text[position : position + 1]) if position < len(text) else "the end"
        raise json.JSONDecodeError(f"{character!r} expected, found {found}", "", position)
