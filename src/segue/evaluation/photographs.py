"""Held-out photographs: "the dog", "the people", and the same question about what is not there.

For every photograph each animal or person in it is asked for, and a few that are not. The target is
everything of that category, so the masks of an answer are joined before they are compared. Categories count
as absent only where the set declares that it labels them wherever they occur. Two baselines are scored on the
very same targets: the whole picture, and a centred ellipse of the category's mean size in the training part.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.native import Phrase, Record, Turn, decode_mask
from segue.data.photographs import photograph_records
from segue.data.wording import noun_of
from segue.errors import DataError
from segue.evaluation.metrics import IGNORE_LABEL, Tally, TargetScore, iou, score_target
from segue.evaluation.prediction import Prediction
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample
from segue.evaluation.segmentation import ratios

if TYPE_CHECKING:
    from segue.predictor import Predictor

CATEGORIES = (
    "bear",
    "bird",
    "cat",
    "cow",
    "dog",
    "elephant",
    "giraffe",
    "horse",
    "person",
    "sheep",
    "zebra",
)
"""What is asked for, where a set has it."""

SETS = ("voc_animals", "coco_small", "coco_people", "ccp_clothing")
"""The sets that have masks."""

QUESTIONS = (
    ("Where is the {noun}?", "Where are the {noun}?"),
    ("Segment the {noun}.", "Segment all the {noun}."),
    ("Can you show me the {noun}?", "Can you show me the {noun}?"),
    ("Point out the {noun} in this photo.", "Point out the {noun} in this photo."),
)
"""Wordings for one and for several."""


@dataclass(frozen=True)
class PhotographsBenchmark:
    """`held_out` is scored; `training` is only measured for the size of the ellipse. Both lie under
    `folder`."""

    folder: Path
    held_out: Sequence[Record]
    training: Sequence[Record]
    num: int | None = None
    """Only so many photographs, spread over the sets."""
    num_absent: int = 2
    """Questions about something absent, per photograph."""
    protocol: str = "free"
    name: str = "photographs"

    @property
    def settings(self) -> dict[str, Any]:
        names = "\n".join(sorted(map(_name, self.held_out)))
        return {
            "num_absent": self.num_absent,
            "num_held_out": len(self.held_out),
            "held_out_crc32": f"{zlib.crc32(names.encode()):08x}",
        }

    @cached_property
    def _by_name(self) -> dict[str, Record]:
        chosen = (record for record in self.held_out if category_turns(record, num_absent=self.num_absent))
        # By a hash of the name, so that a few are a fair sample of all and more of them include the few.
        named = sorted((zlib.crc32(_name(record).encode()), _name(record), record) for record in chosen)
        return {name: record for _, name, record in named[: self.num]}

    @cached_property
    def _sizes(self) -> dict[str, tuple[float, float]]:
        return mean_sizes(self.training)

    def names(self) -> list[str]:
        return list(self._by_name)

    def sample(self, name: str) -> Sample:
        record = self._by_name[name]
        turns = category_turns(record, num_absent=self.num_absent)
        return Sample(name, self.folder / name, record, turns)

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        if self.protocol == "paper":
            from segue.evaluation.forced import read_answers

            return read_answers(predictor, samples, batch_size)
        from segue.evaluation.asking import ask_all

        return ask_all(predictor, samples, batch_size)

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        pairs = zip(sample.turns, predictions, strict=True)
        turns = [self._turn_row(turn, prediction, sample.record) for turn, prediction in pairs]
        values = [turn["score"]["iou"] for turn in turns]
        return {
            "set": sample.record.source,
            "score": sum(values) / len(values) if values else None,
            "turns": turns,
            "ratios": ratios({"scores": [turn["score"]], "kinds": [turn["category"]]} for turn in turns),
        }

    def _turn_row(self, turn: Turn, answer: Prediction, record: Record) -> Row:
        category, kind = turn.type.split("/")
        truth = category_truth(record, category)
        kept = [target.mask for target in answer.targets if not target.rejected]
        masks = [mask for mask in kept if mask is not None]
        mask = np.logical_or.reduce(masks) if masks else None
        rejected = mask is None and any(target.rejected for target in answer.targets)
        row: Row = {
            "category": category,
            "kind": kind,
            "question": turn.question,
            "answer": answer.text,
            "score": asdict(score_target(mask, truth, rejected=rejected)),
        }
        if kind != "absent":
            ellipse = centred_ellipse(truth.shape, self._sizes.get(category, (0.5, 0.5)))
            row["whole_image"] = iou(np.ones(truth.shape, bool), truth)
            row["ellipse"] = iou(ellipse, truth)
        return row

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        turns: list[Row] = [{"set": row["set"], **turn} for row in rows for turn in row["turns"]]
        figures: dict[str, Any] = {"overall": summarise_turns(turns)}
        for key in ("category", "kind", "set"):
            names = sorted({turn[key] for turn in turns})
            figures[f"by_{key}"] = {
                name: summarise_turns([turn for turn in turns if turn[key] == name]) for name in names
            }
        return figures


def load_benchmark(folder: Path, *, num: int | None = None, protocol: str = "free") -> PhotographsBenchmark:
    """The benchmark on the photographs that `segue.data.photographs` sets aside in the sets of a folder."""
    found = [name for name in SETS if (folder / name / "annotations.json").is_file()]
    if not found:
        raise DataError(
            f"{folder} holds none of the sets {', '.join(SETS)} (NAME/annotations.json and images)."
        )
    held_out, training = (
        [record for name in found for record in photograph_records(folder / name, split=split)]
        for split in ("held_out", "train")
    )
    return PhotographsBenchmark(folder, held_out=held_out, training=training, num=num, protocol=protocol)


def _name(record: Record) -> str:
    return f"{record.source}/{record.image}"


def category_turns(record: Record, *, num_absent: int) -> list[Turn]:
    """One question for each animal or person in the picture and for `num_absent` that are not. `type` is
    "category/kind" with the kinds one, several and absent; the wording is chosen by a hash of the picture's
    name."""
    present = {name: [entry for entry in record.objects if entry.category == name] for name in CATEGORIES}
    turns = []
    for name, objects in present.items():
        if objects and all(entry.segmentation for entry in objects):
            alone = len(objects) == 1 and not objects[0].iscrowd
            noun = name if alone else noun_of(name).many
            question = _wording(record.image, name)[0 if alone else 1].format(noun=noun)
            phrase = Phrase(span=(4, 4 + len(noun)), ids=[entry.id for entry in objects])
            kind = f"{name}/{'one' if alone else 'several'}"
            turns.append(Turn(question=question, answer=f"The {noun}.", phrases=[phrase], type=kind))

    labelled = [n for n in CATEGORIES if record.exhaustive == "all" or n in record.exhaustive]
    absent = sorted(
        (n for n in labelled if not present[n]), key=lambda n: zlib.crc32(f"{record.image} {n}".encode())
    )
    for name in absent[:num_absent]:
        question = _wording(record.image, name)[0].format(noun=name)
        phrase = Phrase(span=(12, 12 + len(name)), ids=[])
        turns.append(
            Turn(question=question, answer=f"There is no {name}.", phrases=[phrase], type=f"{name}/absent")
        )
    return turns


def _wording(image: str, category: str) -> tuple[str, str]:
    return QUESTIONS[zlib.crc32(f"{category} {image}".encode()) % len(QUESTIONS)]


def category_truth(record: Record, category: str) -> np.ndarray:
    """uint8 (H, W): 1 where anything of the category is, 255 where the set says nothing."""
    truth = np.zeros((record.height, record.width), np.uint8)
    if record.ignore is not None:
        truth[decode_mask(record.ignore, record.height, record.width)] = IGNORE_LABEL
    for entry in record.objects:
        if entry.category == category:
            truth[decode_mask(entry.segmentation, record.height, record.width)] = 1
    return truth


def mean_sizes(records: Iterable[Record]) -> dict[str, tuple[float, float]]:
    """Mean width and height, as fractions of the picture, of the box around everything of a category."""
    sizes: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in records:
        corners: dict[str, list[tuple[float, float, float, float]]] = defaultdict(list)
        for entry in record.objects:
            x, y, width, height = entry.bbox
            corners[entry.category].append((x, y, x + width, y + height))
        for category, boxes in corners.items():
            left, top, right, bottom = np.array(boxes).T
            width = (right.max() - left.min()) / record.width
            height = (bottom.max() - top.min()) / record.height
            sizes[category].append((width, height))
    return {
        category: (float(np.mean([w for w, _ in seen])), float(np.mean([h for _, h in seen])))
        for category, seen in sizes.items()
    }


def centred_ellipse(shape: tuple[int, ...], size: tuple[float, float]) -> np.ndarray:
    """A bool mask (H, W) of an ellipse in the middle, its axes the given fractions of width and height."""
    height, width = shape
    x = (np.arange(width) + 0.5) / width - 0.5
    y = (np.arange(height) + 0.5) / height - 0.5
    return (x[None, :] / (size[0] / 2)) ** 2 + (y[:, None] / (size[1] / 2)) ** 2 <= 1


def summarise_turns(turns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of some questions, the baselines' mean IoU beside the model's."""
    shown = [turn for turn in turns if turn["kind"] != "absent"]
    return {
        "num_turns": len(turns),
        **Tally.of(TargetScore(**turn["score"]) for turn in turns).metrics().to_dict(),
        "whole_image": _mean([turn["whole_image"] for turn in shown]),
        "ellipse": _mean([turn["ellipse"] for turn in shown]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
