"""How long a training step of segue/mini takes in bfloat16 (`bf16: true` in its recipe) against float32.

One step is the objective and its gradients on a batch of scenes, as the last stage of the recipe that trains
everything has them; weights and optimiser stay in float32 either way. CPUs with AMX gain much, others may
lose. The ways run in turn, the fastest of the repeats counts, and the two losses have to agree.

    python benchmarks/number_types.py --threads 2
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from segue.training.dataset import BATCH_KEYS, TrainingSet
from segue.training.recipe import Recipe, load_recipe
from segue.training.sources import build_sources
from segue.training.tasks import make_task

LOSSES_AGREE = 0.02
"""Relative; bfloat16 keeps 8 bits of a number."""


def step_of(pictures: int, folder: Path) -> tuple[Any, dict[str, Any]]:
    """The objective of that stage with the weights of the package, and a batch of scenes."""
    known = load_recipe("mini").model_dump()
    sources = {name: source for name, source in known["sources"].items() if source["kind"] == "scenes"}
    (*_, stage) = (stage for stage in known["stages"] if stage["trained"] is None)
    stage["rates"] = {name: rate for name, rate in stage["rates"].items() if name in sources}
    recipe = Recipe(**{**known, "sources": sources, "stages": [stage], "init": "segue/mini", "model": {}})
    task = make_task(recipe, folder, main=True)
    objective = task.objective(recipe.stages[0])
    rates = recipe.rates(recipe.stages[0])
    built = build_sources(recipe, list(rates), stage=recipe.stages[0])
    data = TrainingSet(
        built,
        [rates[name] for name, _ in built],
        encoder=task.encoder(recipe.stages[0]),
        length=pictures,
        seed=0,
        run=1,
    )
    batch = data.collate([data[index] for index in range(pictures)])
    return objective, {name: value for name, value in batch.items() if name not in BATCH_KEYS}


def timed(objective: Any, batch: dict[str, Any], *, bf16: bool) -> tuple[float, float]:
    """Seconds of one step, and its loss."""
    objective.zero_grad()
    started = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss = objective(**batch).total
    loss.backward()
    return time.perf_counter() - started, loss.item()


def compare(objective: Any, batch: dict[str, Any], *, repeats: int) -> list[dict[str, Any]]:
    """A row for each way, float32 first.

    Raises:
        AssertionError: the losses of the two differ.
    """
    ways = {"float32": False, "bfloat16": True}
    runs: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(repeats + 1):
        for name, bf16 in ways.items():
            runs[name].append(timed(objective, batch, bf16=bf16))
    best = {name: min(seconds for seconds, _ in own[1:]) for name, own in runs.items()}  # once uncounted
    losses = {name: own[-1][1] for name, own in runs.items()}
    off = abs(losses["bfloat16"] / losses["float32"] - 1)
    assert off < LOSSES_AGREE, f"the losses differ by {off:.1%}"
    return [
        {"name": name, "seconds": best[name], "loss": losses[name], "ratio": best["float32"] / best[name]}
        for name in ways
    ]


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=8, help="in the batch")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="of torch")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        objective, batch = step_of(given.pictures, Path(folder))
        rows = compare(objective, batch, repeats=given.repeats)
    capability = torch.backends.cpu.get_cpu_capability()
    if given.json:
        print(json.dumps({"threads": given.threads, "cpu": capability, "ways": rows}))
        return
    print(f"segue/mini, {given.pictures} pictures a step, {given.threads} threads, {capability}")
    print(f"{'':10}  {'seconds':>8}  {'loss':>7}  {'RATIO':>6}")
    for row in rows:
        print(f"{row['name']:10}  {row['seconds']:8.2f}  {row['loss']:7.2f}  {row['ratio']:5.1f}x")


if __name__ == "__main__":
    main()
