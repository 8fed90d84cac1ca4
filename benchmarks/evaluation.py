"""What shared image features and batches bring to an evaluation, against asking one by one, in one run.

Both ways evaluate the same scenes through the harness, drawing, scoring and writing rows included. One by
one, each question is asked by itself, its picture seen anew, as the published evaluations do; the harness
sees a picture once and asks many questions together. Both must say the same, which is asserted.

    python benchmarks/evaluation.py --scenes 200 --threads 1
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

import segue
from segue.evaluation.prediction import Prediction
from segue.evaluation.rows import ROWS, read_rows
from segue.evaluation.runner import Sample, run
from segue.evaluation.scenes import ScenesBenchmark
from segue.predictor import Predictor

Predict = Callable[[Sequence[Sample]], list[list[Prediction]]]


@dataclass(frozen=True)
class Measurement:
    """One way of evaluating all scenes; `asking` is the part of `seconds` that the model took."""

    name: str
    seconds: float
    asking: float
    num_questions: int


def compare(predictor: Predictor, benchmark: ScenesBenchmark, *, batch_size: int = 32) -> list[Measurement]:
    """One by one first, then as the harness does.

    Raises:
        AssertionError: the two ways said different things.
    """
    ways: dict[str, Predict] = {
        "one by one": partial(one_by_one, predictor),
        "harness": partial(benchmark.predict, predictor, batch_size=batch_size),
    }
    sample = benchmark.sample(benchmark.names()[0])
    predictor.ask(sample.image, sample.turns[0].question)  # warm up
    measured, said = [], {}
    for name, way in ways.items():
        with tempfile.TemporaryDirectory() as folder:
            clock = _Clock(way)
            start = time.perf_counter()
            run(benchmark, clock, model={"name": predictor.name}, output=Path(folder))
            seconds = time.perf_counter() - start
            said[name] = {
                row["name"]: [entry["text"] for entry in row["predictions"]]
                for row in read_rows(Path(folder) / ROWS)
            }
        num_questions = sum(map(len, said[name].values()))
        measured.append(Measurement(name, seconds, clock.seconds, num_questions))
    assert said["harness"] == said["one by one"], "the harness says something else than one by one"
    return measured


def one_by_one(predictor: Predictor, samples: Sequence[Sample]) -> list[list[Prediction]]:
    """Every question alone, with its picture."""
    predictions = []
    for sample in samples:
        own = []
        for turn in sample.turns:
            region = None
            if turn.region is not None:
                x, y, width, height = turn.region
                region = (x, y, x + width, y + height)
            own.append(Prediction.from_answer(predictor.ask(sample.image, turn.question, region=region)))
        predictions.append(own)
    return predictions


class _Clock:
    """A way of predicting that knows how long it took."""

    def __init__(self, way: Predict) -> None:
        self._way = way
        self.seconds = 0.0

    def __call__(self, samples: Sequence[Sample]) -> list[list[Prediction]]:
        start = time.perf_counter()
        predictions = self._way(samples)
        self.seconds += time.perf_counter() - start
        return predictions


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="segue/mini", help="as for segue.load")
    parser.add_argument("--device", help="cpu, cuda, mps; the best there is when left out")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--batch-size", type=int, default=32, help="questions asked together")
    parser.add_argument("--threads", type=int, help="of torch, on the CPU")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    predictor = segue.load(options.model, device=options.device)
    results = compare(predictor, ScenesBenchmark(num=options.scenes), batch_size=options.batch_size)
    rows: list[dict[str, Any]] = [
        {
            "way": result.name,
            "seconds": round(result.seconds, 2),
            "asking": round(result.asking, 2),
            "questions_per_second": round(result.num_questions / result.seconds, 2),
            "ratio": round(results[0].seconds / result.seconds, 2),
        }
        for result in results
    ]
    if options.json:
        print(json.dumps({"model": predictor.name, "scenes": options.scenes, "ways": rows}))
        return
    questions = results[0].num_questions
    print(
        f"{predictor.name}: {options.scenes} scenes, {questions} questions, {torch.get_num_threads()} threads"
    )
    print(f"{'':12} {'seconds':>8} {'asking':>8} {'questions/s':>12} {'RATIO':>7}")
    for row in rows:
        way, seconds, asking, rate, ratio = row.values()
        print(f"{way:12} {seconds:8.2f} {asking:8.2f} {rate:12.2f} {ratio:6.1f}x")


if __name__ == "__main__":
    main()
