"""What the server remembers of people at the page: each one's picture and answers, within a budget of bytes.

Pictures are kept as their files. Masks are kept small and before their threshold, so that a download can
follow the slider. Who used the page longest ago is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

from segue.answer import Answer
from segue.soft_masks import SoftMasks

__all__ = ["Entry", "Session", "Sessions"]

_ANSWER_BYTES = 4096  # text, run lengths and the like, roughly


@dataclass(frozen=True)
class Entry:
    """One question's answer, without the picture; `soft` where its masks have a slider."""

    answer: Answer
    soft: SoftMasks | None = None

    @property
    def num_bytes(self) -> int:
        own = sum(len(segment.rle["counts"]) for segment in self.answer.segments if segment.rle)
        return _ANSWER_BYTES + own + (self.soft.num_bytes if self.soft else 0)


@dataclass
class Session:
    """One picture and what was said about it.

    Attributes:
        picture: its file.
        name: of that file, for downloads.
        digest: says which picture it is.
        entries: by the numbers that the browser gave them.
    """

    picture: bytes
    name: str
    digest: str
    entries: OrderedDict[int, Entry] = field(default_factory=OrderedDict)

    @property
    def num_bytes(self) -> int:
        return len(self.picture) + sum(entry.num_bytes for entry in self.entries.values())


class Sessions:
    """By the key of each open page. For one event loop.

    Args:
        max_bytes: of all together.
        max_entries: of one; its oldest answers go first.
    """

    def __init__(self, *, max_bytes: int = 256 << 20, max_entries: int = 100):
        self.max_bytes, self.max_entries = max_bytes, max_entries
        self.num_bytes = 0
        self._sessions: OrderedDict[Hashable, tuple[Session, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def get(self, key: Hashable) -> Session | None:
        found = self._sessions.get(key)
        if found is None:
            return None
        self._sessions.move_to_end(key)
        return found[0]

    def put(self, key: Hashable, session: Session) -> None:
        """A new session, or one that has grown."""
        while len(session.entries) > self.max_entries:
            session.entries.popitem(last=False)
        self._forget(key)
        size = session.num_bytes
        self._sessions[key] = session, size
        self.num_bytes += size
        while self.num_bytes > self.max_bytes and len(self._sessions) > 1:
            self._forget(next(iter(self._sessions)))

    def _forget(self, key: Hashable) -> None:
        if key in self._sessions:
            self.num_bytes -= self._sessions.pop(key)[1]
