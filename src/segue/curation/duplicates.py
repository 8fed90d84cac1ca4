"""Near-duplicates: the same question twice about one picture, or about too many pictures of a set."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from segue.curation.judged import Judged
from segue.errors import MissingDependencyError

__all__ = ["repeated", "same_question"]

_PERMUTATIONS = 64
_CANDIDATES = 0.6
"""Estimated Jaccard similarity of letter groups from which two questions of a set are compared."""


def same_question(pairs: Sequence[Judged], *, limit: float) -> list[Judged]:
    """The pairs of one picture; of two accepted ones that ask the same the later is refused, unless a person
    took it.

    Questions are compared by rapidfuzz' token_sort_ratio (0..100, whatever the order of words). Questions
    alike with different targets are different: "the left cup" and "the right cup".
    """
    try:
        from rapidfuzz.fuzz import token_sort_ratio
    except ImportError:
        raise MissingDependencyError("curation needs rapidfuzz: pip install 'segue[curate]'") from None
    kept: list[Judged] = []
    result: list[Judged] = []
    for entry in pairs:
        if entry.accepted and not entry.by_person:
            for other in kept:
                first, second = _plain(other.pair.question), _plain(entry.pair.question)
                alike = token_sort_ratio(first, second) >= limit and _targets(entry) == _targets(other)
                if alike or first == second:
                    reason = f"it asks the same as {other.pair.question!r}"
                    entry = replace(entry, rule="duplicate", reason=reason)
                    break
        if entry.accepted:
            kept.append(entry)
        result.append(entry)
    return result


def repeated(questions: Iterable[tuple[str, str, str]], *, most: int, limit: float) -> dict[str, str]:
    """Pairs that ask what `most` other pictures are asked already: their ids, and the question that they
    repeat.

    Candidates are found by datasketch's MinHash index over groups of three letters, and compared by
    rapidfuzz.

    Args:
        questions: id, picture and question of each pair, in the order in which they may stay.
        limit: likeness (0..100) from which two questions are the same.
    """
    try:
        from datasketch import MinHash, MinHashLSH
        from rapidfuzz.fuzz import token_sort_ratio
    except ImportError:
        raise MissingDependencyError("curation needs datasketch: pip install 'segue[curate]'") from None
    index = MinHashLSH(threshold=_CANDIDATES, num_perm=_PERMUTATIONS)
    pictures: dict[str, set[str]] = {}  # first asker of a question -> pictures that are asked it
    texts: dict[str, str] = {}
    known: dict[str, str] = {}  # question in plain words -> its first asker
    found: dict[str, str] = {}
    for id_, picture, question in questions:
        plain = _plain(question)
        first = known.get(plain)
        if first is None:
            sketch = MinHash(num_perm=_PERMUTATIONS, seed=1)
            sketch.update_batch([plain[at : at + 3].encode() for at in range(max(1, len(plain) - 2))])
            alike = (c for c in sorted(index.query(sketch)) if token_sort_ratio(plain, texts[c]) >= limit)
            first = next(alike, None)
            if first is None:
                first = id_
                index.insert(id_, sketch)
                texts[id_], pictures[id_] = plain, set()
            known[plain] = first
        if len(pictures[first] | {picture}) > most:
            found[id_] = texts[first]
        else:
            pictures[first].add(picture)
    return found


def _plain(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.lower()))


def _targets(entry: Judged) -> frozenset[int]:
    return frozenset(target.number for target in entry.pair.targets)
