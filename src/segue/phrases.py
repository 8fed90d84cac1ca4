"""Which words a mask token speaks about, told from the text alone, for families without phrase marks.

Published answers name a target just before its mask tokens, in a few shapes:

    It is [SEG].    Sure, [SEG].                                      nothing is named: an empty phrase
    Sure, the mask of the mug is [SEG]                                -> mug
    Sure,the mug:[SEG], spoon:[REJ].                                  -> mug, spoon
    Sure, mug, cup and bowl are [SEG], [SEG] and [SEG], separately.   -> mug, cup, bowl

Anything else gets the last clause before the mask tokens. Pure functions on strings, for `segue.mask_tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Naming", "Span", "find_phrase", "name_targets", "strip_span"]

Span = tuple[int, int]

# Between a name and its mask tokens: "mug is [SEG]", "mug:[SEG]", "mug [SEG]", "mug ([SEG])".
_LINK = re.compile(r"[\s,:]*(?:\b(?:is|are|at)\b)?[\s,:(]*\Z", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;]\s+|[.!?;]\Z|\n")
_COMMA = re.compile(r",\s")
_COPULA = re.compile(r"(?<!\bwho )(?<!\bthat )(?<!\bwhich )\b(?:is|are)\b", re.IGNORECASE)
_RESULT = r"(?:segmentation\s+)?(?:masks?|results?|segmentations?)"
# Words that open a clause and name nothing.
_OPENING = re.compile(
    rf"""\s*(?: [,:;]
      | (?:and|or|but)\b
      | (?:sure|certainly|yes|ok|okay|of\ course)\b
      | (?:it|they|this|that|these|those|here|there)\s+(?:is|are)\b
      | (?:the\s+)?{_RESULT}\s+(?:of|for|is|are)\b
      | (?:the\s+)?{_RESULT}\s*\Z
      | (?:it|they|this|that|these|those|here|there)\s*\Z
      | (?:the|a|an|no|referred)\b
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_BETWEEN_MASKS = re.compile(r"[\s,;]*(?:\b(?:and|or)\b|&)?\s*", re.IGNORECASE)
_BETWEEN_NAMES = re.compile(r"\s*,\s*(?:and\b|or\b)?\s*|\s+(?:and|or|&)\s+", re.IGNORECASE)
_CLOSING_BRACKET = re.compile(r"\s*\)")
_SEPARATELY = re.compile(r"\s*,?\s*\b(?:separately|respectively)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Naming:
    """Spans of the targets' phrases, and of what reads badly once mask tokens are gone (" is", " and ")."""

    spans: tuple[Span, ...]
    cuts: tuple[Span, ...]


def name_targets(text: str, offsets: Sequence[int]) -> Naming:
    """The phrases of targets whose mask tokens stood at these ascending offsets; one cut for each too."""
    spans: list[Span] = []
    cuts: list[Span] = []
    start = number = 0
    while number < len(offsets):
        # 1) Targets with nothing but "," and "and" between them are one list.
        last = number
        while last + 1 < len(offsets) and _BETWEEN_MASKS.fullmatch(text, offsets[last], offsets[last + 1]):
            last += 1
        size = last - number + 1
        begin, end = _clause(text, start, offsets[number], is_list=size > 1)
        # 2) As many names as targets: one each; else they share the clause.
        names = _split_names(text, begin, end) if size > 1 else []
        spans += names if len(names) == size else [(begin, end)] * size
        # 3) The link after the name goes, and the list's own separators.
        cut_start = end if end > begin else offsets[number]
        cut_end = offsets[last]
        if "(" in text[cut_start:cut_end] and (bracket := _CLOSING_BRACKET.match(text, cut_end)):
            cut_end = bracket.end()
        if size > 1 and (trailer := _SEPARATELY.match(text, cut_end)):
            cut_end = trailer.end()
        cuts += [(cut_start, cut_end)] * size
        start, number = cut_end, last + 1
    return Naming(tuple(spans), tuple(cuts))


def find_phrase(text: str, start: int = 0) -> Span:
    """The span of the phrase that a single mask token at the end of `text` speaks about.

    It lies behind `start` (where the target before ended) and is without articles. An answer that names
    nothing ("Sure, [SEG].") gives an empty span.
    """
    return _clause(text, start, len(text), is_list=False)


def strip_span(text: str, start: int, end: int) -> Span:
    """The span without white space at either side."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _clause(text: str, start: int, stop: int, *, is_list: bool) -> Span:
    """What names the target in text[start:stop]."""
    part = text[start:stop]
    link = _LINK.search(part)
    assert link is not None  # it matches the empty string at the end
    said = link.group().strip().lower()
    end = link.start()
    part = part[:end]
    begin = max((match.end() for match in _SENTENCE_END.finditer(part)), default=0)
    # Names before ":" are the user's own words in GSVA, and lists have commas of their own.
    if not is_list and ":" not in said and said != "are":
        begin = max([begin, *(match.end() for match in _COMMA.finditer(part, begin))])
    if not said:  # "what cuts bread is the knife [SEG]"
        begin = max([begin, *(match.end() for match in _COPULA.finditer(part, begin))])
    while begin < end and (opening := _OPENING.match(part, begin)):
        begin = opening.end()
    return strip_span(text, start + begin, start + end)


def _split_names(text: str, begin: int, end: int) -> list[Span]:
    names, cursor = [], begin
    for match in _BETWEEN_NAMES.finditer(text, begin, end):
        names.append((cursor, match.start()))
        cursor = match.end()
    names.append((cursor, end))
    spans = [strip_span(text, *_skip_openings(text, *name)) for name in names]
    return spans if all(a < b for a, b in spans) else []


def _skip_openings(text: str, begin: int, end: int) -> Span:
    while begin < end and (opening := _OPENING.match(text, begin, end)):
        begin = opening.end()
    return begin, end
