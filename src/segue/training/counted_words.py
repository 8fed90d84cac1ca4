"""Which words are counted in training, and the labels that say how many things each of them means.

A picture labels things by category, but is asked about in other words too: "dogs", "animals", "people". What
the word lookup finds for these is as much to be right as what it finds for the category's own name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from segue.data.wording import noun_of
from segue.scenes.lexicon import lexicon

__all__ = ["CountedWord", "WordCounts", "counted_words"]


@dataclass(frozen=True)
class CountedWord:
    """A word, the categories whose things it means, and those where people might disagree."""

    text: str
    covers: frozenset[str]
    doubtful: frozenset[str] = frozenset()
    own: str | None = None
    """The category that is the word itself: where a set labels every person, "people" may be counted though
    nobody says who is a woman."""


def counted_words(categories: Sequence[str]) -> tuple[CountedWord, ...]:
    """The words for things of these categories: names, synonyms, broader words and the plurals of all."""
    known = frozenset(categories)
    words: dict[str, CountedWord] = {}
    for word, noun in lexicon().nouns.items():
        own = word if word in known else None
        covers = (lexicon().certain[word] | {word}) & known
        doubtful = (lexicon().doubtful[word] & known) - covers
        for text in (word, noun.singular, noun.plural) if covers else ():
            if " of " not in text or text in known:  # "pieces of" fruit tells nothing of the fruit
                words.setdefault(text, CountedWord(text, covers, doubtful, own))
    for category in sorted(known - lexicon().nouns.keys()):
        called = noun_of(category)
        for text in (called.one, called.many):
            words.setdefault(text, CountedWord(text, frozenset({category}), own=category))
    return tuple(words.values())


class WordCounts(nn.Module):
    """Things by category to things by word.

    Args:
        words: W of them.
        categories: C names, in the order of the labels, background left out.
    """

    covers: Tensor
    doubtful: Tensor
    own: Tensor

    def __init__(self, words: Sequence[CountedWord], categories: Sequence[str]):
        super().__init__()

        def table(names: Sequence[frozenset[str]]) -> Tensor:
            return torch.tensor([[float(one in of) for one in categories] for of in names])

        own = [frozenset() if word.own is None else frozenset({word.own}) for word in words]
        self.register_buffer("covers", table([word.covers for word in words]), persistent=False)
        self.register_buffer("doubtful", table([word.doubtful for word in words]), persistent=False)
        self.register_buffer("own", table(own), persistent=False)

    def forward(self, things_BCS: Tensor, known_BC: Tensor) -> tuple[Tensor, Tensor]:
        """(B, W, S) things in each cell that a word means, and (B, W) bool: whether that is all of them.

        It is where each category that the word covers, or the word's own, is labelled wherever it occurs, and
        no thing is there of which it is in doubt.
        """
        things_BWS = self.covers @ things_BCS
        unknown_BC = (~known_BC).to(things_BCS)
        whole_BW = (unknown_BC @ self.covers.T == 0) | (known_BC.to(things_BCS) @ self.own.T > 0)
        doubt_BW = things_BCS.sum(dim=-1) @ self.doubtful.T > 0
        return things_BWS, whole_BW & ~doubt_BW
