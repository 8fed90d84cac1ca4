"""Reading a `tokenizer.model` (SentencePiece, byte-pair encoding) and splitting text by it.

The file is a protobuf message of which three fields matter here: the pieces with their scores, the model's
type, and the normaliser's flags. LLaMA's models leave the text as it is; a file that asks for more is
refused, since its ids would be wrong in silence.
"""

from __future__ import annotations

import heapq
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from segue.errors import CheckpointError

__all__ = ["WORD_START", "SentencePieceModel"]

WORD_START = "\N{LOWER ONE EIGHTH BLOCK}"
"""What SentencePiece writes for a space."""

_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED, _UNUSED, _BYTE = range(1, 7)
_BYTE_PAIRS = 2


class SentencePieceModel:
    """Pieces by id, and how text falls into them.

    Args:
        pieces: the text of each id; control pieces ("<s>") and bytes ("<0x0A>") among them.
        scores: the higher that of a piece, the earlier two neighbours are joined to it.
        kinds: SentencePiece's type of each.
        dummy_prefix: whether text begins with a word start of its own.
        data: the file that it was read from, so that it can be written again.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        scores: Sequence[float],
        kinds: Sequence[int],
        *,
        dummy_prefix: bool = True,
        data: bytes = b"",
    ):
        self.data = data
        self.pieces = tuple(pieces)
        self.scores = tuple(scores)
        self.dummy_prefix = dummy_prefix
        self.control_ids = {piece: i for i, piece in enumerate(pieces) if kinds[i] in (_UNKNOWN, _CONTROL)}
        self.byte_values = {i: int(piece[3:5], 16) for i, piece in enumerate(pieces) if kinds[i] == _BYTE}
        self._ids = {piece: i for i, piece in enumerate(pieces) if kinds[i] in (_NORMAL, _USER_DEFINED)}
        self._byte_ids = {value: i for i, value in self.byte_values.items()}
        self._unknown = next((i for i, kind in enumerate(kinds) if kind == _UNKNOWN), 0)
        self._whole = {piece for i, piece in enumerate(pieces) if kinds[i] == _USER_DEFINED}
        longest_first = sorted(map(re.escape, self._whole), key=len, reverse=True)
        self._symbols = re.compile("|".join([*longest_first, "."]), re.DOTALL)

    @classmethod
    def read(cls, path: str | Path) -> SentencePieceModel:
        """Read a `tokenizer.model`.

        Raises:
            CheckpointError: not such a file, or one that needs more than byte pairs of the text as it is.
        """
        try:
            data = Path(path).read_bytes()
            fields = list(_fields(data))
            rows = [dict(_fields(value)) for number, value in fields if number == 1]
            trainer = dict(_fields(next(value for number, value in fields if number == 2)))
            normaliser = dict(_fields(next(value for number, value in fields if number == 3)))
            pieces = [row[1].decode("utf-8") for row in rows]
        except OSError as error:
            raise CheckpointError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, IndexError, StopIteration, AttributeError, TypeError, struct.error):
            raise CheckpointError(f"{path}: not a SentencePiece model, or cut off; copy it again") from None
        wrong = [
            what
            for what, found in (
                ("unigram pieces", trainer.get(3, 1) != _BYTE_PAIRS),
                ("a character map", bool(normaliser.get(2))),
                ("extra white space removed", bool(normaliser.get(4, 1))),
                ("spaces at word ends", bool(trainer.get(24, 0))),
                ("unused pieces", any(row.get(3, _NORMAL) == _UNUSED for row in rows)),
            )
            if found
        ]
        if wrong:
            raise CheckpointError(f"{path}: a tokenizer with {', '.join(wrong)}; LLaMA's has none of it")
        return cls(
            pieces,
            [row.get(2, 0.0) for row in rows],
            [row.get(3, _NORMAL) for row in rows],
            dummy_prefix=bool(normaliser.get(3, 1)),
            data=data,
        )

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Ids of a text without control pieces; an empty text has none."""
        if not text:
            return []
        spaced = (" " if self.dummy_prefix else "") + text
        symbols = self._symbols.findall(spaced.replace(" ", WORD_START))
        ids: list[int] = []
        for symbol in self._join(symbols):
            if symbol in self._ids:
                ids.append(self._ids[symbol])
            elif self._byte_ids:
                ids += [self._byte_ids[value] for value in symbol.encode("utf-8", errors="replace")]
            else:
                ids.append(self._unknown)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids; control pieces say nothing. Half a character becomes U+FFFD."""
        data = bytearray()
        for i in ids:
            if i in self.byte_values:
                data.append(self.byte_values[i])
            elif self.pieces[i] not in self.control_ids:
                data += self.pieces[i].replace(WORD_START, " ").encode("utf-8")
        return data.decode("utf-8", errors="replace")

    def _join(self, symbols: list[str]) -> list[str]:
        """Join the two neighbours whose union scores highest, the leftmost first, until none can be."""
        after = [*range(1, len(symbols)), -1]
        before = list(range(-1, len(symbols) - 1))
        queue: list[tuple[float, int, int, str]] = []

        def offer(left: int, right: int) -> None:
            if left < 0 or right < 0 or symbols[left] in self._whole or symbols[right] in self._whole:
                return
            union = symbols[left] + symbols[right]
            if union in self._ids:
                heapq.heappush(queue, (-self.scores[self._ids[union]], left, right, union))

        for left in range(len(symbols) - 1):
            offer(left, left + 1)
        while queue:
            _, left, right, union = heapq.heappop(queue)
            if not symbols[left] or not symbols[right] or symbols[left] + symbols[right] != union:
                continue  # one of the two has been joined otherwise
            symbols[left], symbols[right] = union, ""
            after[left] = after[right]
            if after[right] >= 0:
                before[after[right]] = left
            offer(before[left], left)
            offer(left, after[left])
        return [symbol for symbol in symbols if symbol]


def _fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(field number, value) of a protobuf message, in order."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: Any
        if key & 7 == 0:
            value, at = _varint(data, at)
        elif key & 7 == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
            if at > len(data):
                raise ValueError("cut off")
        elif key & 7 == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        elif key & 7 == 1:
            value, at = struct.unpack_from("<d", data, at)[0], at + 8
        else:
            raise ValueError("not protobuf")
        yield key >> 3, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
