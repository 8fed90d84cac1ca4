"""What a training run draws: samples by index that know where they come from, past broken records.

Sample i of a run is the same whoever asks for it. A record that cannot be read is noted and another one is
drawn in its place, again by index, so that this does not depend on who asks either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from segue.data.native import Record
from segue.errors import DataError, ImageError, QuestionError, SegueError

__all__ = ["BATCH_KEYS", "BrokenRecords", "Drawn", "Encoder", "Source", "TrainingSet"]

MOST_ATTEMPTS = 20
"""A source of which so many draws in a row are broken is not worth going on with."""

BATCH_KEYS = ("origin", "broken", "left_out")
"""What a batch carries beside what the objective takes; `left_out`, from collators that leave questions out,
is how many of each picture."""


class Source(Protocol):
    """Anything that draws one picture (H, W, 3 uint8) with its record from a random generator."""

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """A picture and its record; all randomness comes from `rng`."""
        ...


class Encoder(Protocol):
    """A family's collator."""

    def encode(self, image: np.ndarray, record: Record, rng: np.random.Generator) -> Any:
        """One (H, W, 3) uint8 picture and its record to arrays; done in workers."""
        ...

    def collate(self, samples: list[Any]) -> dict[str, Any]:
        """Encoded samples to the batch that the objective takes."""
        ...


@dataclass(frozen=True)
class Drawn:
    """An encoded sample; `origin` names source and picture, `broken` what was passed over on the way."""

    sample: Any
    origin: str
    broken: tuple[str, ...] = ()


class TrainingSet:
    """A map-style data set of `length` samples.

    Args:
        sources: by name.
        rates: how often each is drawn, relative to the others.
        encoder: encodes what was drawn.
        seed: another seed gives other samples.
        run: so many samples in a row come from one source (1: each from its own), for families that take
            every batch from a single one.
    """

    def __init__(
        self,
        sources: Sequence[tuple[str, Source]],
        rates: Sequence[float],
        *,
        encoder: Encoder,
        length: int,
        seed: int,
        run: int = 1,
    ):
        if not sources or len(sources) != len(rates) or min(rates) < 0 or sum(rates) <= 0:
            raise DataError(
                f"a mixture needs a positive rate for each source; got {len(sources)} and rates {list(rates)}"
            )
        self.sources = list(sources)
        self.shares = np.asarray(rates, float) / sum(rates)
        self.encoder = encoder
        self.length = length
        self.seed = seed
        self.run = run

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Drawn:
        rng = np.random.default_rng([self.seed, index])
        chooser = rng if self.run == 1 else np.random.default_rng([self.seed, index // self.run, 1])
        name, source = self.sources[chooser.choice(len(self.sources), p=self.shares)]
        broken: list[str] = []
        for attempt in range(MOST_ATTEMPTS):
            if attempt:
                rng = np.random.default_rng([self.seed, index, attempt])
            try:
                image, record = source.sample(rng)
                sample = self.encoder.encode(image, record, rng)
            except (DataError, ImageError, QuestionError) as error:
                broken.append(f"{name}: {error}")
                continue
            return Drawn(sample, f"{name} ({record.image})", tuple(broken))
        raise DataError(f"source {name}: {MOST_ATTEMPTS} records in a row are broken, the last: {broken[-1]}")

    def collate(self, drawn: list[Drawn]) -> dict[str, Any]:
        """The encoder's batch, and with it where its samples come from."""
        batch = dict(self.encoder.collate([one.sample for one in drawn]))
        batch["origin"] = [one.origin for one in drawn]
        batch["broken"] = [message for one in drawn for message in one.broken]
        return batch


class BrokenRecords:
    """Counts the records that a process passed over, and stops it at too many.

    Args:
        most: so many different ones are let pass.
        warn: called with every new one.
    """

    def __init__(self, most: int, warn: Callable[[str], None]):
        self.most = most
        self.warn = warn
        self.messages: list[str] = []

    def add(self, messages: Sequence[str]) -> None:
        """Note what a batch passed over.

        Raises:
            SegueError: there are more than `most`.
        """
        for message in messages:
            if message in self.messages:
                continue
            self.messages.append(message)
            self.warn(f"passed over {message}")
            if len(self.messages) > self.most:
                listed = "; ".join(self.messages[-3:])
                raise SegueError(
                    f"{len(self.messages)} broken records, more than max_broken_records = {self.most} allows;"
                    f" the last: {listed}"
                )
