"""Tables of parameter names: what a published layout calls a weight, and what we call it.

A row is a pair of name patterns; `{i}` and `{j}` stand for layer numbers and are carried over, a trailing dot
for whatever follows ("weight", "bias"). Reading and writing use the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

__all__ = ["NameTable", "Row", "prefixed"]

Row = tuple[str, str]


@dataclass(frozen=True)
class NameTable:
    """The rows of one layout.

    Attributes:
        rows: (published, ours), the first that fits counts.
        dropped: published names that carry nothing we need (buffers that are computed).
    """

    rows: tuple[Row, ...]
    dropped: tuple[str, ...] = ()
    _to_ours: tuple[tuple[re.Pattern[str], str], ...] = field(init=False, repr=False, default=())
    _to_published: tuple[tuple[re.Pattern[str], str], ...] = field(init=False, repr=False, default=())
    _dropped: tuple[re.Pattern[str], ...] = field(init=False, repr=False, default=())

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "_to_ours", tuple((_pattern(a), b) for a, b in self.rows))
        put(self, "_to_published", tuple((_pattern(b), a) for a, b in self.rows))
        put(self, "_dropped", tuple(_pattern(name) for name in self.dropped))

    def to_ours(self, name: str) -> str | None:
        """Our name of a published weight; None where the table has no row for it."""
        return _rename(name, self._to_ours)

    def to_published(self, name: str) -> str | None:
        """The published name of one of ours."""
        return _rename(name, self._to_published)

    def drops(self, name: str) -> bool:
        """Whether a published weight is to be left out."""
        return any(pattern.match(name) for pattern in self._dropped)


def prefixed(rows: Iterable[Row], published: str, ours: str) -> tuple[Row, ...]:
    """The same rows one level deeper on both sides."""
    return tuple((published + a, ours + b) for a, b in rows)


def _pattern(name: str) -> re.Pattern[str]:
    text = re.escape(name).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\{j\}", r"(?P<j>\d+)")
    return re.compile(text + (r"(?P<rest>.+)\Z" if name.endswith(".") else r"\Z"))


def _rename(name: str, patterns: Sequence[tuple[re.Pattern[str], str]]) -> str | None:
    for pattern, other in patterns:
        if match := pattern.match(name):
            found = match.groupdict()
            return other.format(**found) + found.get("rest", "")
    return None
