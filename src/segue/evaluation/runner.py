"""Runs a benchmark against a model: one line of JSON per picture, and a summary that says how to repeat it.

The runner knows nothing about metrics: a benchmark names its samples, turns the answers to one into a row,
and all rows into a summary. A run that was stopped goes on where it was, since rows are never computed twice;
the folder belongs to one set of settings, and another is refused.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import segue
from segue.data.native import Record, Turn
from segue.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from segue.answer import Answer
    from segue.predictor import Predictor

Row = dict[str, Any]

ROWS, SUMMARY, SETTINGS = "rows.jsonl", "summary.json", "settings.json"


@dataclass(frozen=True)
class Sample:
    """One picture and the turns to ask about it. `record` holds the labels; its own dialogue is not asked."""

    name: str
    image: Path | np.ndarray
    record: Record
    turns: Sequence[Turn]


class Benchmark(Protocol):
    """What the runner needs. Samples are made when they are asked for, always the same for a name."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> dict[str, Any]:
        """All that the samples depend on, fit for JSON."""
        ...

    def names(self) -> Sequence[str]: ...

    def sample(self, name: str) -> Sample: ...

    def row(self, sample: Sample, answers: Sequence[Answer]) -> Row:
        """What is kept of one picture: fit for JSON, enough for every figure of the summary."""
        ...

    def summarise(self, rows: Sequence[Row]) -> dict[str, Any]: ...


def run(
    benchmark: Benchmark,
    predictor: Predictor,
    *,
    model: Mapping[str, Any],
    output: Path,
    batch_size: int = 8,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """Answer every sample that `output` does not hold yet and write the summary, which is returned.

    `model` says which model it is, weights included: a folder of rows belongs to one.
    `batch_size` is the number of questions asked together; `progress` is called with the number of rows done.
    """
    # 1) The folder: settings first, then what an earlier run has left.
    settings = {"benchmark": benchmark.name, "model": dict(model), **benchmark.settings}
    output.mkdir(parents=True, exist_ok=True)
    _claim(output, settings)
    rows = {row["name"]: row for row in read_rows(output / ROWS)}
    progress(len(rows))

    # 2) The rest, a batch of pictures at a time.
    missing = (benchmark.sample(name) for name in benchmark.names() if name not in rows)
    with (output / ROWS).open("a", encoding="utf-8") as file:
        for samples in _batches(missing, batch_size):
            start = time.perf_counter()
            answers = ask_all(predictor, samples, batch_size)
            seconds = time.perf_counter() - start
            num_turns = sum(len(sample.turns) for sample in samples)
            for sample, its_answers in zip(samples, answers, strict=True):
                row = {"name": sample.name, **benchmark.row(sample, its_answers)}
                row["seconds"] = round(seconds * len(sample.turns) / max(num_turns, 1), 4)
                rows[sample.name] = row
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            progress(len(rows))

    # 3) The summary, in the benchmark's own order, whatever order the rows were computed in.
    ordered = [rows[name] for name in benchmark.names()]
    summary = {
        "settings": settings,
        "num_samples": len(ordered),
        "seconds": round(sum(row["seconds"] for row in ordered), 1),
        "figures": benchmark.summarise(ordered),
        "versions": _versions(),
    }
    (output / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return summary


def ask_all(predictor: Predictor, samples: Sequence[Sample], batch_size: int) -> list[list[Answer]]:
    """The answers to every sample's turns. Turns about a region are asked one by one, the others in
    batches."""
    places = [(s, t) for s, sample in enumerate(samples) for t in range(len(sample.turns))]
    plain = [(s, t) for s, t in places if samples[s].turns[t].region is None]
    answers: dict[tuple[int, int], Answer] = {}
    for first in range(0, len(plain), batch_size):
        chunk = plain[first : first + batch_size]
        questions = [(samples[s].image, samples[s].turns[t].question) for s, t in chunk]
        answers.update(zip(chunk, predictor.ask_batch(questions), strict=True))
    for s, t in places:
        turn = samples[s].turns[t]
        if turn.region is not None:
            x, y, width, height = turn.region
            box = (x, y, x + width, y + height)
            answers[s, t] = predictor.ask(samples[s].image, turn.question, region=box)
    return [[answers[s, t] for t in range(len(sample.turns))] for s, sample in enumerate(samples)]


def read_rows(path: Path) -> list[Row]:
    """The rows of a run. A last line cut short, as a kill leaves it, is dropped from the file too."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except ValueError as error:
        raise DataError(
            f"{path} holds a line that is not JSON ({error}); delete it to start anew."
        ) from error


def _claim(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / SETTINGS
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        different = sorted(key for key in {*found, *settings} if found.get(key) != settings.get(key))
        if different:
            key = different[0]
            raise DataError(
                f"{folder} holds a run with other settings ({key}: {found.get(key)!r}, "
                f"now {settings.get(key)!r}); choose another --out, or delete it."
            )
    path.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _batches(samples: Iterator[Sample], num_questions: int) -> Iterator[list[Sample]]:
    """Groups of samples with at least so many questions together; the last may have fewer."""
    group: list[Sample] = []
    for sample in samples:
        group.append(sample)
        if sum(len(entry.turns) for entry in group) >= num_questions:
            yield group
            group = []
    if group:
        yield group


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    libraries = {name: version(name) for name in ("torch", "transformers", "numpy")}
    return {"segue": segue.__version__, "python": platform.python_version(), **libraries}
