"""Runs a benchmark: one line of JSON per picture, and a summary that says how to repeat it.

The runner knows nothing about metrics or models: a benchmark names its samples, scores what was predicted for
one, and makes figures of all rows; predictions come from a function (a model's, or a file's).

A summary depends on settings, model and data alone. So that it also comes out the same, to the last digit,
after a kill and on any number of processes, pictures are answered in fixed groups (rounding differs between
batches of different make-up): process k of n takes every n-th group, and a group that was cut is done again.
Time is kept apart, in `timing.json`.
"""

from __future__ import annotations

import json
import logging
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import segue
from segue.data.native import Record, Turn
from segue.errors import CapabilityError, DataError, SegueError
from segue.evaluation.prediction import EMPTY, Prediction
from segue.evaluation.processes import ALONE, Process
from segue.evaluation.rows import ROWS, Row, RowFile, fold_parts, part_path, read_rows, write_rows

if TYPE_CHECKING:
    import numpy as np

    from segue.predictor import Predictor

__all__ = ["GROUP", "SETTINGS", "SUMMARY", "TIMING", "Benchmark", "Predict", "Sample", "run", "scored_rows"]

logger = logging.getLogger(__name__)

SUMMARY, SETTINGS, TIMING = "summary.json", "settings.json", "timing.json"
GROUP = 8
"""Pictures that are in memory together."""
NOT_PREDICTED = "no prediction"
_HOPELESS = 10
"""A run whose first so many samples all fail is stopped: model or data are to blame, not the samples."""


@dataclass(frozen=True)
class Sample:
    """One picture and the turns to ask about it. The labels are in `record` and the turns' phrases; the
    record's own dialogue is not asked."""

    name: str
    image: Path | np.ndarray
    record: Record
    turns: Sequence[Turn]


class Benchmark(Protocol):
    """What the runner needs. Samples are made when they are asked for, always the same for a name."""

    @property
    def name(self) -> str: ...

    @property
    def protocol(self) -> str:
        """ "free" (the model generates its own answer) or "paper" (as the original code scores)."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """All that samples and scores depend on, fit for JSON."""
        ...

    def names(self) -> Sequence[str]: ...

    def sample(self, name: str) -> Sample: ...

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        """For each sample one prediction per turn, or whatever list `score` takes."""
        ...

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        """What is kept of one picture beside its predictions: fit for JSON, enough for every figure.

        The harness reads two keys: `score` (0..1 or None) ranks samples, `ratios` ({kind: {figure:
        [numerator, denominator]}}, kind "" for all) is what two runs are compared by."""
        ...

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        """All figures. `rows` may be gone through again; each time they are read from disk, one by one."""
        ...


Predict = Callable[[Sequence[Sample]], "Sequence[list[Prediction] | None]"]
"""What was predicted for some samples; None for one that has no prediction."""


def run(
    benchmark: Benchmark,
    predict: Predict,
    *,
    model: Mapping[str, Any],
    output: Path,
    settings: Mapping[str, Any] | None = None,
    process: Process = ALONE,
    retry: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Answer every sample that `output` does not hold yet and write the summary, which is returned.

    Args:
        predict: what a model says about some samples.
        model: says which model it is, weights included: a folder of rows belongs to one.
        settings: more that the rows depend on (digests of data files, batch size).
        process: who this is among several that run the same.
        retry: answer samples again that failed before.
        progress: called with the number of rows done.

    Raises:
        DataError: the folder belongs to other settings, or holds a broken row.
        SegueError: nothing but failures.
    """
    claimed = {
        "benchmark": benchmark.name,
        "protocol": benchmark.protocol,
        "model": dict(model),
        **(settings or {}),
        **benchmark.settings,
    }
    names = list(benchmark.names())
    # 1) The folder: settings first, then what an earlier run has left.
    if process.is_main:
        output.mkdir(parents=True, exist_ok=True)
        _claim(output, claimed)
        fold_parts(output, names)
    process.wait()
    done = _done(output, names, retry)
    progress(len(done))

    # 2) The groups that are not whole, each written at once.
    start = time.perf_counter()
    worker = _Worker(benchmark, predict)
    groups = [names[first : first + GROUP] for first in range(0, len(names), GROUP)]
    for group in groups[process.index :: process.count]:
        if done.issuperset(group):
            continue
        write_rows(part_path(output, process.index), worker.rows(group))
        done.update(group)
        progress(len(done))
    process.wait()

    # 3) The summary, in the benchmark's own order, whoever computed the rows.
    if process.is_main:
        fold_parts(output, names)
        _write(output / SUMMARY, _summary(benchmark, claimed, RowFile(output, names)))
        _write(output / TIMING, _timing(RowFile(output, names), time.perf_counter() - start, process.count))
    process.wait()
    summary: dict[str, Any] = json.loads((output / SUMMARY).read_text(encoding="utf-8"))
    return summary


class _Worker:
    """Names to rows. Whatever goes wrong with one sample becomes part of its row."""

    def __init__(self, benchmark: Benchmark, predict: Predict) -> None:
        self._benchmark = benchmark
        self._predict = predict
        self._tried = self._failed = 0

    def rows(self, names: Sequence[str]) -> list[Row]:
        made = [(name, *_tried(partial(self._benchmark.sample, name))) for name in names]
        samples = [sample for _, sample, _ in made if sample is not None]
        start = time.perf_counter()
        predictions, failures = self._predictions(samples)
        seconds = time.perf_counter() - start
        num_turns = sum(len(sample.turns) for sample in samples)
        threads = getattr(self._benchmark, "workers", 1)
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                scored = list(pool.map(self._row, samples, predictions))
        else:
            scored = [self._row(*pair) for pair in zip(samples, predictions, strict=True)]
        rows = {}
        for sample, row, failure in zip(samples, scored, failures, strict=True):
            share = len(sample.turns) / num_turns if num_turns else 1 / len(samples)
            row["seconds"] = round(seconds * share, 4)
            rows[sample.name] = row | ({"failed": failure} if failure else {})
        for name, _, failure in made:
            if failure is not None:  # nothing is known about it, so nothing can be scored
                rows[name] = {"name": name, "failed": failure, "unscored": True, "seconds": 0.0}
        self._give_up([rows[name].get("failed") for name in names])
        return [rows[name] for name in names]

    def _row(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        return {
            "name": sample.name,
            "image": sample.record.image,
            "protocol": self._benchmark.protocol,
            **self._benchmark.score(sample, predictions),
            "predictions": [prediction.to_dict() for prediction in predictions],
        }

    def _predictions(self, samples: Sequence[Sample]) -> tuple[list[list[Prediction]], list[str | None]]:
        """All together; if that fails, one by one, to find whose fault it is."""
        if not samples:
            return [], []
        together, failure = _tried(lambda: self._predict(samples))
        if together is not None:
            return (
                [_nothing(s) if own is None else own for s, own in zip(samples, together, strict=True)],
                [NOT_PREDICTED if own is None else None for own in together],
            )
        if len(samples) == 1:
            return [_nothing(samples[0])], [failure]
        predictions, failures = [], []
        for sample in samples:
            [own], [problem] = self._predictions([sample])
            predictions.append(own)
            failures.append(problem)
        return predictions, failures

    def _give_up(self, failures: Sequence[str | None]) -> None:
        self._tried += len(failures)
        self._failed += sum(failure not in (None, NOT_PREDICTED) for failure in failures)
        for failure in failures:
            if failure not in (None, NOT_PREDICTED):
                logger.warning("a sample failed: %s", failure)
        if self._failed == self._tried >= _HOPELESS:
            raise SegueError(f"the first {self._tried} samples all failed; the last one: {failures[-1]}")


def _nothing(sample: Sample) -> list[Prediction]:
    return [EMPTY] * len(sample.turns)


def _tried(action: Callable[[], Any]) -> tuple[Any, str | None]:
    """(value, None), or (None, what went wrong)."""
    try:
        return action(), None
    except CapabilityError:  # no sample will fare better
        raise
    except Exception as error:  # one bad sample must not end a run of days; it is recorded
        return None, f"{type(error).__name__}: {error}"


def scored_rows(rows: Iterable[Row]) -> Iterable[Row]:
    """The rows that have scores, without the masks: what figures are made of."""
    return _Scored(rows)


class _Scored:
    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            if not row.get("unscored"):
                yield {key: value for key, value in row.items() if key != "predictions"}


def _done(folder: Path, names: Sequence[str], retry: bool) -> set[str]:
    """The samples whose rows stay."""
    wanted = set(names)
    return {
        row["name"]
        for row in read_rows(folder / ROWS)
        if row["name"] in wanted and not (retry and "failed" in row)
    }


def _summary(benchmark: Benchmark, settings: Mapping[str, Any], rows: RowFile) -> dict[str, Any]:
    failures = [{"name": row["name"], "failed": row["failed"]} for row in rows if "failed" in row]
    return {
        "settings": dict(settings),
        "num_samples": len(rows),
        "num_failed": len(failures),
        "num_unscored": sum(bool(row.get("unscored")) for row in rows),
        "failures": failures[:20],
        "figures": benchmark.summarise(scored_rows(rows)),
        "versions": _versions(),
    }


def _timing(rows: RowFile, elapsed: float, processes: int) -> dict[str, Any]:
    seconds = sorted(row["seconds"] for row in rows)
    return {
        "seconds": round(sum(seconds), 1),
        "median_seconds": seconds[len(seconds) // 2] if seconds else None,
        "last_run_seconds": round(elapsed, 1),
        "processes": processes,
        "machine": platform.machine(),
    }


def _claim(folder: Path, settings: Mapping[str, Any]) -> None:
    path = folder / SETTINGS
    settings = json.loads(json.dumps(settings))
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        different = sorted(key for key in {*found, *settings} if found.get(key) != settings.get(key))
        if different:
            key = different[0]
            raise DataError(
                f"{folder} holds a run with other settings ({key}: {found.get(key)!r}, "
                f"now {settings.get(key)!r}); choose another --out, or delete it."
            )
    _write(path, settings)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@cache
def _versions() -> dict[str, str]:
    from importlib.metadata import version

    libraries = {
        name: version(name) for name in ("torch", "transformers", "numpy", "scipy", "pillow", "pycocotools")
    }
    return {"segue": segue.__version__, "python": platform.python_version(), **libraries}
