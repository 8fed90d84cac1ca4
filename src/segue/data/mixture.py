"""Sources mixed by rate, drawn by index: sample i is the same whoever asks for it, in whatever order.

So an interrupted run resumes in the middle of an epoch by starting at a later index, and any number of
workers or ranks may share one mixture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from segue.data.collation import Collator, Sample
from segue.data.native import Record
from segue.errors import DataError

__all__ = ["Mixture", "Source"]


class Source(Protocol):
    """Anything that draws one picture (H, W, 3 uint8) with its record from a random generator."""

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """A picture and its record; all randomness comes from `rng`."""
        ...


class Mixture:
    """A map-style data set of `length` samples.

    Args:
        sources: what to draw from.
        rates: how often each is drawn, relative to the others.
        collator: encodes what was drawn.
        seed: another seed gives other samples.
    """

    def __init__(
        self, sources: Sequence[Source], rates: Sequence[float], *, collator: Collator, length: int, seed: int
    ):
        if not sources or len(sources) != len(rates) or min(rates) < 0 or sum(rates) <= 0:
            raise DataError(
                f"a mixture needs a positive rate for each source; got {len(sources)} and rates {list(rates)}"
            )
        self.sources = list(sources)
        self.shares = np.asarray(rates, float) / sum(rates)
        self.collator = collator
        self.length = length
        self.seed = seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Sample:
        rng = np.random.default_rng([self.seed, index])
        source = self.sources[rng.choice(len(self.sources), p=self.shares)]
        image, record = source.sample(rng)
        return self.collator.encode(image, record, rng)
