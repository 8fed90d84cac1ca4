"""Texts of the PixelLLM family: what is said as ids with BOS and EOS, and ids back to words with their places
in the text. Knows nothing of pictures or networks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import CheckpointError, QuestionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenizers import Tokenizer

__all__ = ["CaptionText", "SpokenWord"]

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True)
class SpokenWord:
    """A word of a text: its characters and the positions of its tokens (BOS is position 0)."""

    text: str
    span: tuple[int, int]
    positions: tuple[int, ...]


@dataclass(frozen=True)
class CaptionText:
    """A tokenizer with the family's ids. `length` and `context_length` are the rows' fixed lengths."""

    tokenizer: Tokenizer
    bos: int
    eos: int
    length: int
    context_length: int
    lowercase: bool = False

    @classmethod
    def from_pretrained(cls, folder: Path, **ids: int | bool) -> CaptionText:
        """From the folder's `tokenizer.json`."""
        from tokenizers import Tokenizer

        path = folder / "tokenizer.json"
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises plain exceptions
            raise CheckpointError(f"{path}: not a tokenizer ({error})") from None
        return cls(tokenizer, **ids)  # type: ignore[arg-type]

    def context(self, prompt: str) -> list[int]:
        """A text prompt: no BOS, EOS at its end unless it is cut, padded with 0 (as released)."""
        ids = [*self._ids(prompt), self.eos][: self.context_length]
        return ids + [0] * (self.context_length - len(ids))

    def given(self, text: str) -> list[int]:
        """A text that is read, not generated: BOS, ids, EOS, padding.

        Raises:
            QuestionError: empty, or too long to keep its EOS, which carries the box.
        """
        ids = self._ids(text)
        if not ids:
            raise QuestionError("the expression is empty; give words such as: the woman in red")
        if len(ids) + 2 > self.length:
            raise QuestionError(f"the expression has {len(ids)} tokens, this model reads {self.length - 2}")
        return [self.bos, *ids, self.eos] + [0] * (self.length - len(ids) - 2)

    def pieces(self, text: str) -> list[tuple[int, tuple[int, int]]]:
        """Every token of a text and the characters that it stands for, in the text as it was given."""
        kept = [(i, c) for i, c in enumerate(text) if not (c.isspace() and (i == 0 or text[i - 1].isspace()))]
        lowered = [(i, low) for i, c in kept for low in (c.lower() if self.lowercase else c)]
        places = [i for i, _ in lowered]
        clean = "".join(" " if c.isspace() else c for _, c in lowered).rstrip()
        encoded = self.tokenizer.encode(clean, add_special_tokens=False)
        return [
            (token, (places[start], places[end - 1] + 1) if end > start else (0, 0))
            for token, (start, end) in zip(encoded.ids, encoded.offsets, strict=True)
        ]

    def row(self, ids: Sequence[int]) -> list[int]:
        """A text to learn: BOS, ids, EOS, padding; one too long is cut, and then has no EOS (as released)."""
        row = [self.bos, *ids, self.eos][: self.length]
        return row + [0] * (self.length - len(row))

    def spoken(self, row: Sequence[int]) -> tuple[str, tuple[SpokenWord, ...]]:
        """The text of a row that starts with BOS, and its words."""
        ids = list(row[1:])
        if self.eos in ids:
            ids = ids[: ids.index(self.eos)]
        said = [(position, token) for position, token in enumerate(ids, start=1) if token > 0]
        text, ends = "", []
        for number in range(len(said)):
            text = self.tokenizer.decode([token for _, token in said[: number + 1]])
            ends.append(len(text))
        starts = [0, *ends[:-1]]
        words = []
        for match in _WORD.finditer(text):
            start, end = match.span()
            own = [
                position
                for (position, _), first, last in zip(said, starts, ends, strict=True)
                if first < end and last > start
            ]
            words.append(SpokenWord(match.group(), (start, end), tuple(own)))
        return text, tuple(words)

    def _ids(self, text: str) -> list[int]:
        if not isinstance(text, str):
            raise QuestionError(f"words are expected, not {type(text).__name__}")
        text = " ".join(text.split())
        return self.tokenizer.encode(text.lower() if self.lowercase else text, add_special_tokens=False).ids
