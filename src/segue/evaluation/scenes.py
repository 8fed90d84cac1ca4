"""Held-out scenes: every turn is asked, the model's own words are judged.

Under `free` nothing of the reference answer is given to the model; under `paper` all of it is, and the model
only points. The phrases of its answer are matched with those of the
reference (`match_targets`: in order when there are as many, else the best assignment) and scored by the rules
of `metrics.FREE`. Captions may name things in any order and choice, so theirs are always matched by the best
assignment and stay out of the overall figures. Questions that need reasoning are worded in ways that training
never uses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.native import Record, Turn, decode_mask
from segue.evaluation.metrics import (
    Tally,
    TargetScore,
    iou,
    match_targets,
    point_inside,
    same_text,
    score_target,
)
from segue.evaluation.prediction import Prediction
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample
from segue.evaluation.segmentation import ratios

if TYPE_CHECKING:
    from segue.predictor import Predictor
    from segue.scenes.questions import Split

CAPTIONS = ("caption", "region_caption")
"""Kinds of question with more than one right answer."""
SIZES: Mapping[str, float] = {"small": 0.0, "medium": 1 / 64, "large": 1 / 16}
"""Of targets: the least share of the picture that each covers."""
MANY = 4
"""Questions for so many things or more are one group."""


@dataclass(frozen=True)
class ScenesBenchmark:
    """`num` scenes of the seeds from `seed` on; training takes its own from above 2**31."""

    num: int = 200
    seed: int = 1_000_000
    num_turns: int = 12
    size: tuple[int, int] = (256, 192)
    """Width and height."""
    split: Split = "test"
    """Of the wordings."""
    world: str = "small"
    """Which kinds there are (`segue.scenes.worlds`)."""
    protocol: str = "free"
    name: str = "scenes"

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "num_turns": self.num_turns,
            "size": list(self.size),
            "split": self.split,
            "world": self.world,
            "sizes": dict(SIZES),
        }

    def names(self) -> list[str]:
        return [str(seed) for seed in range(self.seed, self.seed + self.num)]

    def sample(self, name: str) -> Sample:
        from segue.scenes import make_scene

        image, record = make_scene(
            int(name), size=self.size, split=self.split, num_turns=self.num_turns, world=self.world
        )
        return Sample(name, image, record, record.dialogue)

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        if self.protocol == "paper":
            from segue.evaluation.forced import read_answers

            return read_answers(predictor, samples, batch_size)
        from segue.evaluation.asking import ask_all

        return ask_all(predictor, samples, batch_size)

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        masks = object_masks(sample.record)
        pairs = zip(sample.turns, predictions, strict=True)
        turns = [turn_row(turn, prediction, sample.record, masks) for turn, prediction in pairs]
        values = [score["iou"] for turn in turns for score in turn["scores"]]
        judged = [
            {"scores": turn["scores"], "kinds": [turn["type"]] * len(turn["scores"])}
            for turn in turns
            if turn["type"] not in CAPTIONS
        ]
        return {
            "score": sum(values) / len(values) if values else None,
            "turns": turns,
            "ratios": ratios(judged),
        }

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        turns = [turn for row in rows for turn in row["turns"]]
        judged = [turn for turn in turns if turn["type"] not in CAPTIONS]
        return {
            "overall": summarise_turns(judged),
            "by_type": summarise_groups(turns, lambda turn: str(turn["type"])),
            "by_targets": summarise_groups(judged, _num_present),
            "by_size": summarise_sizes(judged),
        }


def object_masks(record: Record) -> dict[int, np.ndarray]:
    """The visible mask of every object, by id."""
    return {
        entry.id: decode_mask(entry.segmentation, record.height, record.width) for entry in record.objects
    }


def target_mask(ids: Iterable[int], masks: Mapping[int, np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """The union of the objects that a phrase names; empty for none."""
    return np.logical_or.reduce([masks[id_] for id_ in ids] or [np.zeros(shape, bool)])


def turn_row(turn: Turn, answer: Prediction, record: Record, masks: Mapping[int, np.ndarray]) -> Row:
    """One answer against its reference."""
    shape = (record.height, record.width)
    truths = [target_mask(phrase.ids, masks, shape) for phrase in turn.phrases]
    scores = score_answer(answer, truths, in_order=turn.type not in CAPTIONS)
    num_inside, num_pointed = points_inside(answer, record, masks)
    return {
        "type": turn.type,
        "question": turn.question,
        "reference": turn.answer,
        "answer": answer.text,
        "same_text": same_text(answer.text, turn.answer),
        "num_expected": len(truths),
        "num_phrases": len(answer.targets),
        "scores": [asdict(score) for score in scores],
        "shares": [round(float(truth.mean()), 6) for truth in truths],
        "together": together(answer, truths, shape) if truths else None,
        "points": [num_inside, num_pointed],
    }


def score_answer(
    answer: Prediction, truths: Sequence[np.ndarray], *, in_order: bool = True
) -> list[TargetScore]:
    """The score of every target, whichever phrase of the answer is matched with it."""
    phrases = [None if target.rejected else target.mask for target in answer.targets]
    scores = []
    for truth, index in zip(truths, match_targets(phrases, truths, in_order=in_order), strict=True):
        if index is None:
            scores.append(score_target(None, truth))
        else:
            scores.append(score_target(phrases[index], truth, rejected=answer.targets[index].rejected))
    return scores


def together(answer: Prediction, truths: Sequence[np.ndarray], shape: tuple[int, int]) -> float:
    """IoU of all masks of the answer as one with all targets as one, 1 where both are empty: gRefCOCO's view,
    fair to models that have one mask for whatever a question means (LISA)."""
    masks = [target.mask for target in answer.targets if not target.rejected and target.mask is not None]
    union = np.logical_or.reduce([np.zeros(shape, bool), *masks])
    return iou(union, np.logical_or.reduce(list(truths)))


def points_inside(answer: Prediction, record: Record, masks: Mapping[int, np.ndarray]) -> tuple[int, int]:
    """How many of the answer's words point into the right object, and how many were judged.

    Judged are the words of its phrases; right is any object that bears the phrase's name. A phrase that names
    nothing in the picture has no right place, so all its words are wrong.
    """
    named = names(record)
    num_inside = num_judged = 0
    for target in answer.targets:
        right = [masks[id_] for id_ in named.get(target.phrase.lower(), ())]
        for word in answer.words:
            if word.point is not None and word.span[0] < target.span[1] and target.span[0] < word.span[1]:
                num_judged += 1
                num_inside += any(point_inside(word.point, mask) for mask in right)
    return num_inside, num_judged


def names(record: Record) -> dict[str, set[int]]:
    """What may be called what: objects by kind, by colour and kind, and by what the dialogue calls them."""
    named: dict[str, set[int]] = defaultdict(set)
    for entry in record.objects:
        named[entry.category.lower()].add(entry.id)
        named[f"{entry.attributes.get('color', '')} {entry.category}".strip().lower()].add(entry.id)
    for turn in record.dialogue:
        for phrase in turn.phrases:
            named[turn.answer[slice(*phrase.span)].lower()].update(phrase.ids)
    return named


def summarise_turns(turns: Sequence[Row]) -> dict[str, Any]:
    """The figures of some turns; None where nothing was measured."""
    tally = Tally.of(TargetScore(**score) for turn in turns for score in turn["scores"])
    num_inside = sum(turn["points"][0] for turn in turns)
    num_pointed = sum(turn["points"][1] for turn in turns)
    return {
        "num_turns": len(turns),
        **tally.metrics().to_dict(),
        "giou_together": _average([turn["together"] for turn in turns if turn["together"] is not None]),
        "exact_count": _mean(turn["num_phrases"] == turn["num_expected"] for turn in turns),
        "same_text": _mean(turn["same_text"] for turn in turns),
        "num_words_pointed": num_pointed,
        "words_inside": num_inside / num_pointed if num_pointed else None,
    }


def summarise_groups(turns: Sequence[Row], group_of: Callable[[Row], str]) -> dict[str, Any]:
    """`summarise_turns` of each group, in the order of their names."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for turn in turns:
        groups[group_of(turn)].append(turn)
    return {name: summarise_turns(groups[name]) for name in sorted(groups)}


def _num_present(turn: Row) -> str:
    """How many things that are there a question asks for; from four on they are one group."""
    count = sum(score["present"] for score in turn["scores"])
    return str(count) if count < MANY else f"{MANY} or more"


def summarise_sizes(turns: Sequence[Row]) -> dict[str, Any]:
    """The figures of the targets that are there, by the share of the picture that they cover (`SIZES`)."""
    sized: dict[str, list[tuple[int, TargetScore]]] = {size: [] for size in SIZES}
    for number, turn in enumerate(turns):
        for score, share in zip(turn["scores"], turn["shares"], strict=True):
            if score["present"]:
                size = [name for name, least in SIZES.items() if share >= least][-1]
                sized[size].append((number, TargetScore(**score)))
    return {
        size: {
            "num_turns": len({number for number, _ in found}),
            **Tally.of(score for _, score in found).metrics().to_dict(),
        }
        for size, found in sized.items()
    }


def _mean(values: Iterable[bool]) -> float | None:
    return _average(list(values))


def _average(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
