"""What a set made offline teaches: segue/mini's answers to questions about several things, before and after a
few minutes on it.

`segue curate` asks about annotated photographs with the package's own generator in the place of an endpoint.
The model is fine-tuned on the training photographs of that set and measured on the test ones, whose wordings
the training ones never use; both times with MUSE's score for masks alone (`segue.evaluation.muse`): the masks
of a free answer are matched with the targets, and what has no partner counts as 0. Test photographs are those
that segue/mini has never been trained on (one hash decides for both).

    python benchmarks/curation.py --data ../shared/data/coco_small --steps 300
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

import segue
from segue.curation.plan import Plan
from segue.curation.session import prepare, run
from segue.data.native import Record, Turn, decode_mask, read_records
from segue.evaluation.muse import MuseTally, match_question, score_question
from segue.predictor import Predictor
from segue.training.run import train

TEST_SHARE = 0.1
"""As `segue.data.photographs.HELD_OUT_SHARE`."""


@dataclass(frozen=True)
class Figures:
    """Of one model on the questions with at least two targets. gIoU and cIoU are MUSE's for masks alone."""

    name: str
    num_questions: int
    giou: float
    ciou: float
    masks: float
    """Masks of an answer, on average; `targets` is how many there should be."""
    targets: float
    right_number: float
    """Share of answers with exactly as many masks as targets."""


def make_set(data: Path, folder: Path, *, per_image: int, num_images: int | None) -> dict[str, Any]:
    """Curate offline; gives the export's summary."""
    plan = Plan.model_validate(
        {
            "name": "benchmark",
            "data": {"path": str(data / "annotations.json")},
            "endpoint": {"kind": "offline"},
            "select": {"num_images": num_images},
            "questions": {"per_image": per_image},
            "rules": {"repeats": None},
            "split": {"test": TEST_SHARE, "val": 0.0},
        }
    )
    return run(prepare(plan), folder)[1]


def test_questions(folder: Path, *, most: int | None) -> list[tuple[Record, Turn]]:
    """The test questions with at least two targets."""
    files = [folder / f"test_{kind}.jsonl" for kind in ("few", "many")]
    records = [record for file in files for record in read_records(file)]
    found = [(record, turn) for record in records for turn in record.dialogue if len(turn.phrases) >= 2]
    return found[:: max(1, len(found) // most)][:most] if most else found


def measure(
    name: str, model: Predictor, questions: Sequence[tuple[Record, Turn]], images: Path, *, batch_size: int
) -> Figures:
    """Ask freely and score."""
    scores, masks, targets, right = [], 0, 0, 0
    for start in range(0, len(questions), batch_size):
        batch = questions[start : start + batch_size]
        answers = model.ask_batch([(images / record.image, turn.question) for record, turn in batch])
        for (record, turn), answer in zip(batch, answers, strict=True):
            truths = [truth(record, phrase.ids) for phrase in turn.phrases]
            predicted = [segment.mask for segment in answer.segments if segment.mask is not None]
            scores.append(score_question(match_question(predicted, truths)))
            masks, targets = masks + len(predicted), targets + len(truths)
            right += len(predicted) == len(truths)
    metrics = MuseTally.of(scores).metrics()
    count = max(1, len(questions))
    return Figures(
        name=name,
        num_questions=len(questions),
        giou=metrics["giou"] or 0.0,
        ciou=metrics["ciou"] or 0.0,
        masks=masks / count,
        targets=targets / count,
        right_number=right / count,
    )


def truth(record: Record, ids: Sequence[int]) -> np.ndarray:
    """The bool mask (H, W) of a phrase: the union of its objects."""
    segmentations = [entry.segmentation for entry in record.objects if entry.id in ids]
    return np.logical_or.reduce([decode_mask(s, record.height, record.width) for s in segmentations])


def fine_tune(model: str, folder: Path, data: Path, *, steps: int, size: int, threads: int) -> Path:
    """Some steps on the training part, with scenes between so that nothing else is forgotten; gives the
    model's folder."""
    recipe = {
        "name": "curated",
        "init": model,
        "sources": {
            "curated": {
                "kind": "own",
                "rate": 3,
                "path": str(folder / "train.jsonl"),
                "options": {"images": str(data.resolve()), "held_out": 0},
            },
            "scenes": {"kind": "scenes", "rate": 1, "options": {"world": "small"}},
        },
        "stages": [
            {
                "name": "curated",
                "steps": steps,
                "warmup_steps": min(20, steps),
                "image_size": size,
                "batch_size": 8,
                "learning_rate": 3.0e-4,
                "num_turns": 5,
                "losses": {"text": 1.0, "bce": 2.0, "dice": 1.0, "point": 1.0, "dense": 0.5},
            }
        ],
        "save_steps": max(1, steps),
        "num_workers": 0,
        "threads": threads,
    }
    if (folder / "training").exists():
        raise SystemExit(f"{folder}: holds a training already; remove it, or give another folder with --out")
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return train(path, output=folder / "training")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/coco_small"))
    parser.add_argument("--out", type=Path, default=Path("runs/curation-benchmark"))
    parser.add_argument("--model", default="segue/mini")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--size", type=int, default=128, help="side of the training pictures")
    parser.add_argument("--per-image", type=int, default=6, help="questions about each photograph")
    parser.add_argument("--num-images", type=int, help="only so many photographs")
    parser.add_argument("--num-test", type=int, help="only so many test questions")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    summary = make_set(options.data, options.out, per_image=options.per_image, num_images=options.num_images)
    questions = test_questions(options.out, most=options.num_test)
    before = measure(
        "before", segue.load(options.model), questions, options.data, batch_size=options.batch_size
    )
    start = time.perf_counter()
    tuned = fine_tune(
        options.model,
        options.out,
        options.data,
        steps=options.steps,
        size=options.size,
        threads=options.threads,
    )
    minutes = (time.perf_counter() - start) / 60
    after = measure("after", segue.load(str(tuned)), questions, options.data, batch_size=options.batch_size)

    if options.json:
        found = {"set": summary, "before": asdict(before), "after": asdict(after), "minutes": minutes}
        print(json.dumps(found))
        return
    print(
        f"{summary['by_split']['train']} pairs for training, {len(questions)} test questions with "
        f"{before.targets:.1f} targets each; {options.steps} steps in {minutes:.1f} minutes"
    )
    print(f"{'':8s} {'gIoU':>7s} {'cIoU':>7s} {'masks':>7s} {'right number':>13s}")
    for line in (before, after):
        print(f"{line.name:8s} {line.giou:7.3f} {line.ciou:7.3f} {line.masks:7.1f} {line.right_number:13.2f}")
    print(f"RATIO of gIoU: {after.giou / max(before.giou, 1e-9):.2f}x")


if __name__ == "__main__":
    main()
