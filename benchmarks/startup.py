"""How long one question takes as a command of its own, against a process that only imports torch.

`segue ask` in a fresh process (files in the cache, nothing kept from run to run), and beside it what it
stands on: torch, transformers' models, and `segue.load`. The ways run in turn, and each is divided by the
bare import of torch of the same round; the median of these counts. Processor seconds (user and system) are
divided, since they hardly depend on what else the machine does.

    python benchmarks/startup.py --repeats 5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PICTURE = Path(__file__).parents[1] / "examples" / "images" / "chelsea.jpg"
SEGUE = (sys.executable, "-m", "segue")
BASELINE = "import torch"


@dataclass(frozen=True)
class Way:
    """A command and what it is called in the table."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What one process took, in seconds: `processor` is user and system time together."""

    wall: float
    processor: float


def ways(folder: Path) -> list[Way]:
    """What is compared; the first is the baseline. Results go into `folder`."""
    question = ("Where is the cat?", "--out", str(folder), "--device", "cpu")
    return [
        Way(BASELINE, (sys.executable, "-c", "import torch")),
        Way("import segue", (sys.executable, "-c", "import segue")),
        Way("segue --help", (*SEGUE, "--help")),
        Way("transformers' Llama", (sys.executable, "-c", "from transformers import LlamaForCausalLM")),
        Way("segue.load()", (sys.executable, "-c", "import segue; segue.load(device='cpu')")),
        Way("segue ask", (*SEGUE, "ask", str(PICTURE), *question)),
    ]


def run(command: Sequence[str], *, threads: int) -> Run:
    """Runs a command to its end.

    Raises:
        subprocess.CalledProcessError: it failed; its last words are in the message.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    started, before = time.perf_counter(), os.times()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - started, os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(wall, used)


def compare(compared: Sequence[Way], *, repeats: int, threads: int) -> list[dict[str, object]]:
    """A row for each way: medians of its seconds, and of its ratios to the first way of the same round."""
    for way in compared:  # once uncounted: files into the cache
        run(way.command, threads=threads)
    rounds = [[run(way.command, threads=threads) for way in compared] for _ in range(repeats)]
    rows: list[dict[str, object]] = []
    for number, way in enumerate(compared):
        runs = [one[number] for one in rounds]
        rows.append(
            {
                "name": way.name,
                "wall": statistics.median(r.wall for r in runs),
                "processor": statistics.median(r.processor for r in runs),
                "ratio": statistics.median(
                    r.processor / one[0].processor for r, one in zip(runs, rounds, strict=True)
                ),
            }
        )
    return rows


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(ways(Path(folder)), repeats=given.repeats, threads=given.threads)
    if given.json:
        print(json.dumps({"repeats": given.repeats, "threads": given.threads, "ways": rows}))
        return
    print(f"medians of {given.repeats} runs, {given.threads} threads")
    print(f"{'':20}  {'wall s':>7}  {'processor s':>11}  {'RATIO':>6}")
    for row in rows:
        print(f"{row['name']:20}  {row['wall']:7.2f}  {row['processor']:11.2f}  {row['ratio']:5.2f}x")


if __name__ == "__main__":
    main()
