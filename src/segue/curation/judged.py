"""What rules, judge and people make of a pair: the steps say it, export and review read it."""

from __future__ import annotations

from dataclasses import dataclass

from segue.curation.replies import Pair

__all__ = ["Judged"]


@dataclass(frozen=True)
class Judged:
    """A pair and what became of it.

    Attributes:
        id: names the pair for good: picture, attempt and place in the reply.
        pair: as a person edited it, else as the model wrote it.
        rule: what refused it: a rule's name, "judge", "person" or "duplicate"; "" where it is accepted.
        reason: in words.
        by_person: a person has decided, whatever rules say.
        score: the judge's, if there is one.
    """

    id: str
    pair: Pair
    prompts: str
    model: str
    rule: str = ""
    reason: str = ""
    by_person: bool = False
    score: float | None = None

    @property
    def accepted(self) -> bool:
        return not self.rule
