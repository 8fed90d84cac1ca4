"""The benchmarks, one small file each: which records, which questions, which rules.

A benchmark is opened for one protocol and one family of models, since the published evaluations differ in
what they ask and in what they count; its `settings` say all of that.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from segue.data.sources import RecordSet, get_source
from segue.errors import DataError
from segue.evaluation.runner import Benchmark

__all__ = [
    "MODULES",
    "PROTOCOLS",
    "BenchmarkInfo",
    "Setup",
    "all_benchmarks",
    "get_benchmark",
    "open_benchmark",
]

PROTOCOLS = ("free", "paper")
"""`free`: the model generates its own answer. `paper`: as the original code scores, which mostly means that
the answer is given and only read."""


@dataclass(frozen=True)
class Setup:
    """How a benchmark is opened.

    Attributes:
        data: root of the data, laid out as the original projects do.
        protocol: one of `PROTOCOLS`.
        family: of the model (`wording.FAMILIES`); "" for other people's predictions.
        num: only so many samples.
        options: the benchmark's own, `BenchmarkInfo.options` says which.
    """

    data: Path | None = None
    protocol: str = "free"
    family: str = ""
    num: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchmarkInfo:
    """One benchmark, unopened.

    Attributes:
        name: as commands say it ("refcoco-unc-val").
        title: as its paper says it.
        open: makes it; raises `DataError` where data or options are wrong.
        protocols: those that it has.
        source, split: of `segue.data.sources`; "" where it takes its data elsewhere.
        options: its own options, name -> help.
        needs_data: whether a data root has to be given.
    """

    name: str
    title: str
    open: Callable[[Setup], Benchmark]
    protocols: tuple[str, ...] = PROTOCOLS
    source: str = ""
    split: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    needs_data: bool = True

    def records(self, setup: Setup) -> RecordSet:
        """The split's records; DataError lists the files that are missing."""
        assert setup.data is not None
        return get_source(self.source).open(setup.data, self.split)


MODULES = (
    "reasonseg",
    "refcoco",
    "grefcoco",
    "refzom",
    "multi_referring",
    "semantic",
    "muse",
    "dense_captions",
    "region_captions",
    "narratives",
    "scenes",
    "photographs",
)
"""Files of this package; each has `BENCHMARKS: tuple[BenchmarkInfo, ...]`."""


def all_benchmarks() -> Iterator[BenchmarkInfo]:
    """Every benchmark, in the order of `MODULES`."""
    for module in MODULES:
        yield from importlib.import_module(f"{__name__}.{module}").BENCHMARKS


def get_benchmark(name: str) -> BenchmarkInfo:
    """The benchmark of that name.

    Raises:
        DataError: there is none; the message names those like it.
    """
    found = {info.name: info for info in all_benchmarks()}
    if name in found:
        return found[name]
    from difflib import get_close_matches

    near = [known for known in found if known.startswith(name)][:4]
    near = near or get_close_matches(name, found, n=4, cutoff=0.5) or list(found)[:4]
    raise DataError(f"{name}: no such benchmark; near it: {', '.join(near)}. `segue eval list` has all")


def open_benchmark(info: BenchmarkInfo, setup: Setup) -> Benchmark:
    """Check what was asked for, and open it.

    Raises:
        DataError: no such protocol or option, no data root, missing files.
    """
    if setup.protocol not in info.protocols:
        raise DataError(
            f"{info.name} has no protocol {setup.protocol!r}; it has: {', '.join(info.protocols)}"
        )
    unknown = sorted(set(setup.options) - set(info.options))
    if unknown:
        known = ", ".join(f"{name} ({what})" for name, what in info.options.items()) or "none"
        raise DataError(f"{info.name} has no option {unknown[0]!r}; it has: {known}")
    if info.needs_data and setup.data is None:
        raise DataError(f"{info.name} needs --data, the folder that holds its files")
    return info.open(setup)
