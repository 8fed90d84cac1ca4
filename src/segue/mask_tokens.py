"""The mask vocabulary: the extra tokens by which a language model speaks about pixels, added and parsed.

One description covers every family: a single `[SEG]` (LISA), many `[SEG]` that share one weight plus `[REJ]`
(GSVA), a codebook of L scales x N tokens per target (PixelLM), and any of these joined with marks around the
grounded phrase (segue/mini). This file knows ids and text; it knows nothing of hidden states or masks.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from segue.errors import CheckpointError
from segue.phrases import Span, find_phrase, name_targets, strip_span

__all__ = ["MaskVocabulary", "ParsedAnswer", "ParsedTarget", "ParsedWord", "decode_with_ends", "find_phrase"]

_HALF_CHARACTER = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer decodes the first bytes of a character to."""
_LONGEST_CHARACTER = 8
"""Ids that are looked at together for one character; UTF-8 needs 4 bytes at most."""


@dataclass(frozen=True)
class ParsedTarget:
    """One target named by an answer.

    `positions` are the indices, into the parsed ids, of the target's mask tokens (L*N of them, in order, or
    the one `[REJ]`). The state that carries a token's meaning is the one that *predicts* it, one position
    earlier.
    """

    phrase: str
    span: tuple[int, int]
    positions: tuple[int, ...]
    rejected: bool


@dataclass(frozen=True)
class ParsedWord:
    """A word of the clean text, without punctuation, and the index of its last token in the parsed ids."""

    text: str
    span: tuple[int, int]
    position: int


@dataclass(frozen=True)
class ParsedAnswer:
    """What a sequence of generated ids says: clean text, its targets in order, its words, and remarks."""

    text: str
    targets: tuple[ParsedTarget, ...]
    words: tuple[ParsedWord, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class MaskVocabulary:
    """The mask tokens of one model and their ids.

    Attributes:
        group: token ids of one target in order, index l * N + n (PixelLM's order, scale 0 the deepest);
            a single `[SEG]` is a group of one.
        scales: L, the number of feature scales that a group speaks about.
        reject: id of `[REJ]`, or None where the family cannot reject.
        phrase_start, phrase_end: ids of the marks around a grounded phrase, or None: then the phrase
            is found from the text before the mask tokens.
    """

    group: tuple[int, ...]
    scales: int = 1
    reject: int | None = None
    phrase_start: int | None = None
    phrase_end: int | None = None

    def __post_init__(self) -> None:
        if not self.group or self.scales < 1 or len(self.group) % self.scales:
            raise CheckpointError(
                f"a mask vocabulary needs L x N group tokens; got {len(self.group)} for L = {self.scales}"
            )
        marks = [i for i in (self.reject, self.phrase_start, self.phrase_end) if i is not None]
        if len(self.ids) < len(self.group) + len(marks):
            raise CheckpointError(f"two mask tokens share an id: group {self.group}, others {marks}")

    @property
    def tokens_per_scale(self) -> int:
        """N, the number of tokens that each scale has in a group."""
        return len(self.group) // self.scales

    @property
    def ids(self) -> frozenset[int]:
        """Every id that is not text."""
        marks = (self.reject, self.phrase_start, self.phrase_end)
        return frozenset(self.group) | {i for i in marks if i is not None}

    @staticmethod
    def token_names(
        *, scales: int = 1, tokens_per_scale: int = 1, reject: bool = False, phrase_marks: bool = False
    ) -> list[str]:
        """The token strings in the order in which the published systems add them."""
        size = scales * tokens_per_scale
        names = ["[SEG]"] if size == 1 else [f"[SEG{i}]" for i in range(size)]
        return names + ["[REJ]"] * reject + ["<p>", "</p>"] * phrase_marks

    @classmethod
    def add_to(
        cls,
        tokenizer: Any,
        *,
        scales: int = 1,
        tokens_per_scale: int = 1,
        reject: bool = False,
        phrase_marks: bool = False,
    ) -> MaskVocabulary:
        """Add the tokens to a Hugging Face tokenizer (those it lacks) and return their vocabulary.

        The caller resizes the model's embeddings to `len(tokenizer)`. Raises CheckpointError when a token
        does not come out as exactly one id, the silent fault behind many wrong masks (LISA issue 55).
        """
        names = cls.token_names(
            scales=scales, tokens_per_scale=tokens_per_scale, reject=reject, phrase_marks=phrase_marks
        )
        tokenizer.add_tokens(
            [n for n in names if tokenizer.convert_tokens_to_ids(n) in (None, tokenizer.unk_token_id)]
        )
        return cls.read_from(
            tokenizer,
            scales=scales,
            tokens_per_scale=tokens_per_scale,
            reject=reject,
            phrase_marks=phrase_marks,
        )

    @classmethod
    def read_from(
        cls,
        tokenizer: Any,
        *,
        scales: int = 1,
        tokens_per_scale: int = 1,
        reject: bool = False,
        phrase_marks: bool = False,
    ) -> MaskVocabulary:
        """Look the tokens up in a tokenizer that has them; each must be exactly one id."""
        names = cls.token_names(
            scales=scales, tokens_per_scale=tokens_per_scale, reject=reject, phrase_marks=phrase_marks
        )
        ids = {name: _single_id(tokenizer, name) for name in names}
        size = scales * tokens_per_scale
        return cls(
            group=tuple(ids[name] for name in names[:size]),
            scales=scales,
            reject=ids.get("[REJ]"),
            phrase_start=ids.get("<p>"),
            phrase_end=ids.get("</p>"),
        )

    def forced_after(self, token: int) -> tuple[int, ...]:
        """The ids that must follow `token`: after a group's first token, the rest of the group."""
        return self.group[1:] if token == self.group[0] else ()

    def parse(self, ids: Sequence[int], decode: Callable[[list[int]], str]) -> ParsedAnswer:
        """Split generated ids into clean text and targets.

        `decode` turns text ids into a string. Mask tokens and marks are taken out before, so that pieces
        which join across them (word starts, for one) join rightly. Complete groups are kept wherever they
        stand; a broken group or a stray mark is reported in `notes` and drops nothing else.
        """
        # 1) The text alone, and where in it each of its tokens ends.
        own = self.ids
        text_positions = [position for position, token in enumerate(ids) if token not in own]
        raw, ends = decode_with_ends([ids[position] for position in text_positions], decode)

        # 2) Targets, each at its offset in the text.
        found, notes = self._scan(ids, raw, ends)

        # 3) Phrases: marked ones are known, the others are found in the text before their mask tokens.
        naming = name_targets(raw, [target.offset for target in found])
        spans = [target.marked or span for target, span in zip(found, naming.spans, strict=True)]
        cuts = set() if self.phrase_start is not None else set(naming.cuts)

        # 4) Clean text; every span moves along.
        kept = _kept_characters(raw, cuts)
        text = "".join(raw[i] for i in kept)

        def moved(span: Span) -> Span:
            return bisect_left(kept, span[0]), bisect_left(kept, span[1])

        targets = [
            ParsedTarget(text[slice(*moved(span))], moved(span), target.positions, target.rejected)
            for target, span in zip(found, spans, strict=True)
        ]
        words = [
            ParsedWord(text[a:b], (a, b), text_positions[bisect_left(ends, kept[b - 1] + 1)])
            for a, b in _word_spans(text)
        ]
        return ParsedAnswer(text, tuple(targets), tuple(words), tuple(notes))

    def _scan(self, ids: Sequence[int], raw: str, ends: Sequence[int]) -> tuple[list[_Found], list[str]]:
        """Targets and remarks; `ends` are the offsets in `raw` behind each text token."""
        found: list[_Found] = []
        notes: list[str] = []
        own, size = self.ids, len(self.group)
        opened: int | None = None  # where an open phrase began
        marked: Span | None = None  # the phrase that was last closed...
        used = True  # ...and whether a target has taken it
        offset = num_text = position = 0

        def leave_phrase() -> None:
            if not used and marked is not None:
                notes.append(f"the phrase {raw[slice(*marked)]!r} has neither a mask nor a rejection")

        while position < len(ids):
            token = ids[position]
            length = 1
            if token not in own:
                offset = ends[num_text]
                num_text += 1
            elif token == self.phrase_start:
                if opened is not None:
                    notes.append("a phrase began inside another")
                leave_phrase()
                opened, marked, used = offset, None, True
            elif token == self.phrase_end:
                if opened is None:
                    notes.append("a phrase ended that had not begun")
                else:
                    marked, used = strip_span(raw, opened, offset), False
                    opened = None
            elif token == self.reject or tuple(ids[position : position + size]) == self.group:
                rejected = token == self.reject
                length = 1 if rejected else size
                # A second target right after the first shares its phrase; text in between ends that.
                near = marked if marked is not None and not raw[marked[1] : offset].strip() else None
                used = used or near is not None
                positions = tuple(range(position, position + length))
                found.append(_Found(positions, offset, near, rejected))
            else:
                rest = ids[position + 1 : position + size]
                length += next((i for i, t in enumerate(rest) if t not in self.group[1:]), len(rest))
                notes.append(f"an incomplete mask group ({length} of {size} tokens) was left out")
            position += length
        leave_phrase()
        if opened is not None:
            notes.append("a phrase began that did not end")
        return found, notes


@dataclass(frozen=True)
class _Found:
    """A target whose phrase is known only if it was marked; `offset` is its place in the text."""

    positions: tuple[int, ...]
    offset: int
    marked: Span | None
    rejected: bool


def decode_with_ends(ids: Sequence[int], decode: Callable[[list[int]], str]) -> tuple[str, list[int]]:
    """The text of ids and, for each id, the offset at which its text ends; in time linear in the ids.

    Each id is decoded behind a few ids before it, since a token's text may depend on them (word starts) or
    be whole only with those after it (a character of several bytes ends where its last byte does).
    """
    text = decode(list(ids)) if ids else ""
    ends: list[int] = []
    context = settled = 0  # ids[context:settled] is known text that the next ids are decoded behind
    context_length = base = 0  # its length alone; where it ends in `text`
    for number in range(1, len(ids) + 1):
        piece = decode(list(ids[context:number]))[context_length:]
        whole = piece.rstrip(_HALF_CHARACTER)
        ends.append(min(max(base + len(whole), ends[-1] if ends else 0), len(text)))
        if whole == piece or number - settled >= _LONGEST_CHARACTER:
            context, settled, base = (settled if piece else context), number, base + len(piece)
            context_length = len(decode(list(ids[context:settled])))
    if ends:
        ends[-1] = len(text)
    return text, ends


def _kept_characters(raw: str, cuts: Collection[Span]) -> list[int]:
    """Indices of the characters of the clean text: no cuts, no gaps that they leave, no margins."""
    if cuts and not raw.strip(" .,:;!?()"):
        return []  # "[SEG]." leaves a full stop that says nothing
    keep = [True] * len(raw)
    for start, end in cuts:
        # The gap: white space on both sides, and a comma or colon that now stands before a full stop.
        while end < len(raw) and raw[end].isspace():
            end += 1
        while start > 0 and raw[start - 1].isspace():
            start -= 1
        closing = end == len(raw) or raw[end] in ".;!?"
        while closing and start > 0 and (raw[start - 1].isspace() or raw[start - 1] in ",:"):
            start -= 1
        glue = start > 0 and end < len(raw) and raw[end] not in ",.;:!?)"
        for i in range(start, end):
            keep[i] = False
        if glue and end > start and raw[start:end].strip() != raw[start:end]:
            space = next(i for i in range(start, end) if raw[i].isspace())
            keep[space] = True
    kept = [i for i in range(len(raw)) if keep[i]]
    first = next((n for n, i in enumerate(kept) if not raw[i].isspace()), len(kept))
    last = next((n for n, i in reversed(list(enumerate(kept))) if not raw[i].isspace()), first - 1)
    return kept[first : last + 1]


def _word_spans(text: str) -> list[Span]:
    """Words without the punctuation around them; punctuation alone is no word."""
    spans = []
    for match in re.finditer(r"[^\s,;:!?()\"]+", text):
        a, b = match.span()
        while a < b and not text[a].isalnum():
            a += 1
        while b > a and not text[b - 1].isalnum():
            b -= 1
        if a < b:
            spans.append((a, b))
    return spans


def _single_id(tokenizer: Any, name: str) -> int:
    """The one id of a token; convert_tokens_to_ids, since encoding "[SEG]" may add a word-start piece."""
    token = tokenizer.convert_tokens_to_ids(name)
    if token is None or token == tokenizer.unk_token_id:
        raise CheckpointError(f"the tokenizer has no token {name}: it does not belong to this model")
    encoded = [i for i in tokenizer.encode(name, add_special_tokens=False) if tokenizer.decode([i]).strip()]
    if encoded != [token]:
        raise CheckpointError(
            f"the tokenizer splits {name} into {len(encoded)} pieces {encoded}; it must be one id"
        )
    return token
