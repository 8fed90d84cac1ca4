"""The mask vocabulary: the extra tokens by which a language model speaks about pixels, added and parsed.

One description covers every family: a single `[SEG]` (LISA), many `[SEG]` that share one weight plus `[REJ]`
(GSVA), a codebook of L scales x N tokens per target (PixelLM), and any of these joined with marks around the
grounded phrase (segue/mini). This file knows ids and text; it knows nothing of hidden states or masks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from segue.errors import CheckpointError

__all__ = ["MaskVocabulary", "ParsedAnswer", "ParsedTarget", "ParsedWord", "find_phrase"]


@dataclass(frozen=True)
class ParsedTarget:
    """One target named by an answer.

    `positions` are the indices, into the parsed ids, of the target's mask tokens (L*N of them, in order, or
    the one `[REJ]`). The state that carries a token's meaning is the one that *predicts* it, one position earlier.
    """

    phrase: str
    span: tuple[int, int]
    positions: tuple[int, ...]
    rejected: bool


@dataclass(frozen=True)
class ParsedWord:
    """A word of the clean text, its character span, and the index of its last token in the parsed ids."""

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

        The caller resizes the model's embeddings to `len(tokenizer)`. Raises CheckpointError when a token does
        not come out as exactly one id, the silent fault behind many wrong masks (LISA issue 55).
        """
        names = cls.token_names(
            scales=scales, tokens_per_scale=tokens_per_scale, reject=reject, phrase_marks=phrase_marks
        )
        tokenizer.add_tokens([n for n in names if tokenizer.convert_tokens_to_ids(n) in (None, tokenizer.unk_token_id)])
        return cls.read_from(
            tokenizer, scales=scales, tokens_per_scale=tokens_per_scale, reject=reject, phrase_marks=phrase_marks
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

        `decode` turns text ids into a string; it is called on growing runs of ids, so that a token's text may
        depend on the tokens before it. Complete groups are kept wherever they stand; a broken group, a stray
        mark or a rejection that the family lacks is reported in `notes` and drops nothing else.
        """
        text = ""
        targets: list[ParsedTarget] = []
        words: list[ParsedWord] = []
        notes: list[str] = []
        run: list[int] = []  # text ids since the last mask token
        run_start = 0  # where the run's text begins in `text`
        last_target_end = 0  # text before this belongs to an earlier target
        open_mark: int | None = None
        marked: tuple[int, int] | None = None

        position = 0
        while position < len(ids):
            token = ids[position]
            if token not in self.ids:
                # 1) ordinary text: decode the run so far, so that byte and word pieces join rightly
                run.append(token)
                text = text[:run_start] + decode(run)
                _note_word(words, text, position)
                position += 1
                continue
            run, run_start = [], len(text)
            if token == self.phrase_start:
                # 2) marks around a phrase
                open_mark, marked, position = len(text), None, position + 1
            elif token == self.phrase_end:
                if open_mark is None:
                    notes.append("a phrase ended that had not begun")
                else:
                    marked, open_mark = _strip_span(text, open_mark, len(text)), None
                position += 1
            elif token == self.reject:
                # 3) a rejection
                span = marked or find_phrase(text, last_target_end)
                targets.append(ParsedTarget(text[slice(*span)], span, (position,), rejected=True))
                marked, last_target_end, position = None, len(text), position + 1
            else:
                # 4) mask tokens: a whole group in order is a target, anything else is reported
                end = position + len(self.group)
                if tuple(ids[position:end]) == self.group:
                    span = marked or find_phrase(text, last_target_end)
                    positions = tuple(range(position, end))
                    targets.append(ParsedTarget(text[slice(*span)], span, positions, rejected=False))
                    last_target_end = len(text)
                else:
                    end = position + 1
                    while end < len(ids) and ids[end] in self.group and ids[end] != self.group[0]:
                        end += 1
                    notes.append(
                        f"an incomplete mask group ({end - position} of {len(self.group)} tokens) was left out"
                    )
                marked, position = None, end

        return _trimmed(text, targets, words, notes)


def find_phrase(text: str, start: int = 0) -> tuple[int, int]:
    """The span of the phrase that a mask token at the end of `text` speaks about, by the text alone.

    Published answers put the mask token after the name ("the mug is [SEG]", "mug:[SEG], spoon:[SEG]"): the phrase is
    what follows the last separator, without leading articles and trailing "is", "are" or ":". An answer that names
    nothing ("Sure, [SEG].") gives an empty span at the end of the text.
    """
    end = len(text)
    trailing = re.search(r"[\s:(]*(?:\b(?:is|are|at|as|it is)\b)?[\s:(]*$", text[start:], flags=re.I)
    if trailing:
        end = start + trailing.start()
    begin = start
    for match in re.finditer(r"[,.;:!?]\s*|\b(?:and|or|but|is|are|of|sure)\b\s*", text[start:end], flags=re.I):
        begin = start + match.end()
    lead = re.match(r"(?:\s|\b(?:the|a|an|referred|mask of|it|they)\b)*", text[begin:end], flags=re.I)
    if lead:
        begin += lead.end()
    return _strip_span(text, min(begin, end), end)


def _single_id(tokenizer: Any, name: str) -> int:
    """The one id of a token; convert_tokens_to_ids, since encoding "[SEG]" may add a word-start piece."""
    token = tokenizer.convert_tokens_to_ids(name)
    if token is None or token == tokenizer.unk_token_id:
        raise CheckpointError(f"the tokenizer has no token {name}: it does not belong to this model")
    encoded = [i for i in tokenizer.encode(name, add_special_tokens=False) if tokenizer.decode([i]).strip()]
    if encoded != [token]:
        raise CheckpointError(f"the tokenizer splits {name} into {len(encoded)} pieces {encoded}; it must be one id")
    return token


def _strip_span(text: str, start: int, end: int) -> tuple[int, int]:
    """The span without white space at either side."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _note_word(words: list[ParsedWord], text: str, position: int) -> None:
    """Update the word list after one more text token: a word goes on until white space begins the next."""
    for match in re.finditer(r"\S+", text):
        if words and match.start() < words[-1].span[0]:
            continue
        word = ParsedWord(match.group(), match.span(), position)
        if words and match.start() == words[-1].span[0]:
            if match.span() != words[-1].span:
                words[-1] = word
        else:
            words.append(word)


def _trimmed(
    text: str, targets: list[ParsedTarget], words: list[ParsedWord], notes: list[str]
) -> ParsedAnswer:
    """Cut white space off the whole text and shift every span along."""
    lead = len(text) - len(text.lstrip())
    clean = text.strip()

    def shift(span: tuple[int, int]) -> tuple[int, int]:
        return tuple(min(max(i - lead, 0), len(clean)) for i in span)  # type: ignore[return-value]

    return ParsedAnswer(
        text=clean,
        targets=tuple(ParsedTarget(t.phrase, shift(t.span), t.positions, t.rejected) for t in targets),
        words=tuple(ParsedWord(w.text, shift(w.span), w.position) for w in words),
        notes=tuple(notes),
    )
