"""Fine-tuning by the documented command: a category that segue/mini does not know, before and after, and what
is left of what it knew.

200 scenes with one kind of thing that its own training never drew (by default guitars) are written as one's
own pictures: native JSONL with masks and the words for them. Then

    segue train --init segue/mini --data FOLDER --output RUN

is run and timed, and both models answer, each by itself: about the new thing in scenes with other seeds, and
about scenes of the world that the model was trained on. gIoU is over all targets.

    python benchmarks/finetune.py                         # some twenty minutes on two cores
    python benchmarks/finetune.py --pictures 12 --tests 4 --set stages.0.steps=4    # a look at it
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import segue
from segue.data.native import Expression, Record, write_records
from segue.evaluation.runner import Sample
from segue.scenes import make_scene
from segue.scenes.compose import compose_scene
from segue.scenes.dialogue import scene_record
from segue.scenes.kinds import KINDS
from segue.scenes.worlds import WORLDS
from segue.training.processes import Processes
from segue.training.sources import TRAINING_SEEDS
from segue.training.validation import Validation

SIZE = (192, 160)
COMPANY = ("mug", "ball")
"""Known things that stand beside the new one."""
NEW, KNOWN = 5_000_000, 7_000_000
"""First seeds of what is made here; those of training begin at `TRAINING_SEEDS`."""
TURNS = 3


@dataclass(frozen=True)
class Row:
    """gIoU of one model."""

    model: str
    new: float
    known: float


def main() -> None:
    options = parse()
    assert TRAINING_SEEDS[0] > KNOWN
    folder = Path(options.folder or tempfile.mkdtemp(prefix="finetune-"))
    if options.kind in WORLDS["core"]:
        raise SystemExit(f"{options.kind}: the model may know it; take a kind that is not in the core world")
    new = write_pictures(folder / "pictures", options.kind, options.pictures)
    about_new = [sample_of(seed, options.kind) for seed in scenes_with(options.kind, new, options.tests)]
    about_known = [known_sample(KNOWN + number) for number in range(options.tests)]

    output = folder / "run"
    command = [sys.executable, "-m", "segue", "train", "--init", options.model]
    command += ["--data", str(folder / "pictures"), "--output", str(output)]
    for setting in options.set:
        command += ["--set", setting]
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    minutes = (time.monotonic() - start) / 60

    rows = [
        Row(name, measure(model, about_new, folder), measure(model, about_known, folder))
        for name, model in (("before", options.model), ("after", str(output / "model")))
    ]
    if options.json:
        print(json.dumps({"minutes": minutes, "rows": [asdict(row) for row in rows]}))
        return
    print(f"{options.pictures} pictures of a {options.kind}; {minutes:.1f} minutes of training")
    print(f"{'gIoU':<10}{options.kind:>12}{'known':>12}")
    for row in rows:
        print(f"{row.model:<10}{row.new:>12.3f}{row.known:>12.3f}")
    print(f"{'change':<10}{rows[1].new - rows[0].new:>+12.3f}{rows[1].known - rows[0].known:>+12.3f}")


def write_pictures(folder: Path, kind: str, count: int) -> int:
    """So many pictures with that kind, as people would have them; returns the next unused seed."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    records, seed = [], NEW
    while len(records) < count:
        image, record = scene(seed, kind)
        if own := [item for item in record.objects if item.category == kind]:
            name = f"images/{seed}.png"
            Image.fromarray(image).save(folder / name)
            words = Expression(text=f"the {kind}", ids=[item.id for item in own])
            records.append(
                Record(
                    image=name,
                    width=record.width,
                    height=record.height,
                    objects=own,
                    expressions=[words],
                    exhaustive=[kind],
                )
            )
        seed += 1
    write_records(folder / "pictures.jsonl", records)
    return seed


def scene(seed: int, kind: str) -> tuple[np.ndarray, Record]:
    """A few things, near; among the kinds that it is made of is the new one."""
    others = [name for name in WORLDS["small"] if name in COMPANY]
    kinds = {name: KINDS[name] for name in (kind, *others)}
    made = compose_scene(seed, size=SIZE, kinds=kinds, setting="loose", num_objects=(2, 3))
    return made.image, scene_record(made, np.random.default_rng(seed), image=f"{seed}.png", num_turns=0)


def scenes_with(kind: str, first: int, count: int) -> list[int]:
    """Seeds of scenes that show that kind."""
    found, seed = [], first
    while len(found) < count:
        if any(item.category == kind for item in scene(seed, kind)[1].objects):
            found.append(seed)
        seed += 1
    return found


def sample_of(seed: int, kind: str) -> Sample:
    """Where the new thing is, asked in words that the data has not."""
    from segue.data.native import Phrase, Turn

    image, record = scene(seed, kind)
    answer = f"The {kind}."
    ids = [item.id for item in record.objects if item.category == kind]
    turn = Turn(
        question=f"Where is the {kind}?", answer=answer, phrases=[Phrase(span=(4, 4 + len(kind)), ids=ids)]
    )
    return Sample(str(seed), image, record, [turn])


def known_sample(seed: int) -> Sample:
    """A scene of the world that the model was trained on, with questions in the wordings of tests."""
    image, record = make_scene(seed, size=SIZE, split="test", world="small", num_turns=8)
    turns = [turn for turn in record.dialogue if turn.phrases][:TURNS]
    return Sample(str(seed), image, record, turns)


def measure(model: str, samples: list[Sample], folder: Path) -> float:
    """gIoU of a model's own answers."""
    validation = Validation(samples, how="asked", pictures=0, folder=folder)
    figures = validation.measure(segue.load(model), step=0, processes=Processes(), whole=True)
    return figures["giou"]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="segue/mini")
    parser.add_argument("--kind", default="guitar", help="one that is not in the core world")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--tests", type=int, default=60, help="pictures that each figure is measured on")
    parser.add_argument("--folder", help="where pictures and run are written; default: a temporary one")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="of the recipe")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
