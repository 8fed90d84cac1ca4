"""Two runs side by side: figures, their differences with a paired bootstrap interval, and the samples behind.

Rows say for every figure what they add to a ratio of sums (`ratios`), so both runs are compared on exactly
the samples that both have, and the interval comes from drawing these samples with replacement, the same ones
for both runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from segue.errors import DataError
from segue.evaluation.rows import ROWS, Row, read_rows
from segue.evaluation.runner import SETTINGS

__all__ = ["Comparison", "Difference", "SampleDifference", "compare", "paired_bootstrap"]

RESAMPLES = 2000
_SEED = 20240601


@dataclass(frozen=True)
class Difference:
    """One figure of both runs. `low` and `high` bound the 95 % interval of second less first."""

    kind: str
    figure: str
    first: float | None
    second: float | None
    low: float | None
    high: float | None
    num_samples: int

    @property
    def change(self) -> float | None:
        return None if self.first is None or self.second is None else self.second - self.first

    @property
    def is_clear(self) -> bool:
        """The interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True)
class SampleDifference:
    """A sample's score (0..1) in both runs."""

    name: str
    first: float
    second: float


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. `only_first` and `only_second` count the samples that one run alone has."""

    benchmark: str
    first: dict[str, Any]
    second: dict[str, Any]
    differences: list[Difference]
    samples: list[SampleDifference]
    only_first: int
    only_second: int

    def to_dict(self) -> dict[str, Any]:
        content = asdict(self)
        for entry, difference in zip(content["differences"], self.differences, strict=True):
            entry["change"] = difference.change
        return content


def compare(first: Path, second: Path, *, num_samples: int = 24, resamples: int = RESAMPLES) -> Comparison:
    """Compare the runs in two folders.

    Args:
        num_samples: so many samples that differ most are named.
        resamples: of the bootstrap.

    Raises:
        DataError: a folder without a run, two benchmarks, or no sample in common.
    """
    settings = [_settings(folder) for folder in (first, second)]
    names = [entry.get("benchmark") for entry in settings]
    if names[0] != names[1]:
        raise DataError(f"{first} is a run of {names[0]}, {second} one of {names[1]}; compare like with like")
    rows = [_light_rows(folder) for folder in (first, second)]
    shared = [name for name in rows[0] if name in rows[1]]
    if not shared:
        raise DataError(f"{first} and {second} have no sample in common")
    differences = _differences(rows, shared, resamples)
    scored = [
        SampleDifference(name, rows[0][name]["score"], rows[1][name]["score"])
        for name in shared
        if rows[0][name]["score"] is not None and rows[1][name]["score"] is not None
    ]
    scored.sort(key=lambda entry: (-abs(entry.second - entry.first), entry.name))
    return Comparison(
        str(names[0]),
        settings[0],
        settings[1],
        differences,
        scored[:num_samples],
        len(rows[0]) - len(shared),
        len(rows[1]) - len(shared),
    )


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, *, resamples: int = RESAMPLES, level: float = 0.95
) -> tuple[float, float] | None:
    """Interval of a difference of ratios of sums, second less first.

    Args:
        first, second: (samples, 2) numerators and denominators of the same samples.
        resamples: how often all samples are drawn anew, with replacement.
        level: share of the differences inside the interval (percentile method).

    Returns:
        (low, high), or None where a denominator is zero in every draw.
    """
    rng = np.random.default_rng(_SEED)
    count = len(first)
    both = np.concatenate([first, second], axis=1)
    found = []
    for start in range(0, resamples, 100):  # weights of a hundred draws at once: flat memory
        weights = rng.multinomial(count, np.full(count, 1 / count), size=min(100, resamples - start))
        sums = weights @ both
        usable = (sums[:, 1] > 0) & (sums[:, 3] > 0)
        sums = sums[usable]
        found.append(sums[:, 2] / sums[:, 3] - sums[:, 0] / sums[:, 1])
    values = np.concatenate(found)
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _differences(rows: list[dict[str, Row]], shared: list[str], resamples: int) -> list[Difference]:
    keys = {
        (kind, figure)
        for own in rows
        for name in shared
        for kind, figures in own[name]["ratios"].items()
        for figure in figures
    }
    found = []
    for kind, figure in sorted(keys):
        pairs = [
            np.array([own[name]["ratios"].get(kind, {}).get(figure, (0.0, 0.0)) for name in shared], float)
            for own in rows
        ]
        first, second = (_ratio(pair.sum(axis=0)) for pair in pairs)
        interval = None
        touched = (pairs[0][:, 1] != 0) | (pairs[1][:, 1] != 0)
        if first is not None and second is not None:
            interval = paired_bootstrap(pairs[0][touched], pairs[1][touched], resamples=resamples)
        low, high = interval or (None, None)
        found.append(Difference(kind, figure, first, second, low, high, int(touched.sum())))
    return found


def _ratio(sums: np.ndarray) -> float | None:
    return float(sums[0] / sums[1]) if sums[1] else None


def _light_rows(folder: Path) -> dict[str, Row]:
    """By name what is compared, of the rows that have scores."""
    return {
        row["name"]: {"score": row.get("score"), "ratios": row.get("ratios", {})}
        for row in read_rows(folder / ROWS)
        if not row.get("unscored")
    }


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    if not path.is_file():
        raise DataError(f"{folder} holds no run; give the folder with {SETTINGS} and {ROWS}")
    content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return dict(content)
