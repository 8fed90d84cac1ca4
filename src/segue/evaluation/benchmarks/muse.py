"""MUSE (PixelLM): questions whose answers name several things, each with its mask and its description.

Answers are generated under both protocols, as in the original. All three variants of the score are in the
figures (`segue.evaluation.muse`); the protocol says which is at the head: ``paper`` what the judge left,
``free`` the masks alone. The judge is an option, and named in the settings.

The variant ``released`` needs the logits of masks that nothing matched. Under ``paper`` each generated answer
is therefore read once more (`Predictor.score`); ``free`` and files of other people have masks only, which
mends that defect. `released.from_logits` is the share of questions that had them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.muse_json import description
from segue.data.native import ObjectRecord, Phrase, Record, Turn
from segue.data.sources import RecordSet, get_source
from segue.errors import CapabilityError, DataError, QuestionError
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.digests import data_digests
from segue.evaluation.judge import EndpointJudge, Judge, Judged, Judgement, JudgeTask, open_judge
from segue.evaluation.muse import (
    MuseTally,
    Pair,
    QuestionScore,
    ReleasedTally,
    Replacement,
    match_question,
    object_list,
    released_tally,
    rewrite,
    score_question,
)
from segue.evaluation.prediction import Prediction, Target
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample
from segue.evaluation.segmentation import Truths, shuffled_names

if TYPE_CHECKING:
    from segue.predictor import Predictor

__all__ = ["BENCHMARKS", "MuseBenchmark", "MusePrediction", "Pooled"]

MOST_NEW_TOKENS = 512
"""Of the released evaluation; descriptions go beyond a hundred."""

_SUFFIX = "Please output segmentation mask."
"""One of those that the released loader draws from, without a seed."""

OPTIONS = {
    "judge": "similarity (default, offline), none, or an OpenAI-compatible address",
    "judge_model": "the model's name at that address; its key is taken from OPENAI_API_KEY",
    "judge_cache": "file that keeps its replies, so that none is paid for twice",
    "judge_workers": "questions put to it at once (8)",
}


@dataclass(frozen=True)
class MusePrediction(Prediction):
    """A generated answer with the logits (H, W) of its masks, in order; they stay out of rows."""

    logits: tuple[np.ndarray, ...] | None = field(default=None, repr=False, compare=False)


class Pooled:
    """The records of several splits one after the other; `parts` are (kind, records)."""

    def __init__(self, parts: Sequence[tuple[str, RecordSet]]):
        self.parts = tuple(parts)
        self.folder = parts[0][1].folder

    def __len__(self) -> int:
        return sum(len(records) for _, records in self.parts)

    def __getitem__(self, index: int) -> Record:
        _, records, own = self._find(index)
        return records[own]

    def kind(self, index: int) -> str:
        return self._find(index)[0]

    def _find(self, index: int) -> tuple[str, RecordSet, int]:
        for kind, records in self.parts:
            if index < len(records):
                return kind, records, index
            index -= len(records)
        raise IndexError("no such record")


@dataclass(frozen=True)
class MuseBenchmark:
    """See the module's text.

    Attributes:
        records: of one split, or several (`Pooled`), which then are the kinds.
        judge: of the variant ``paper``.
        data: digests of the files, where the harness cannot know them.
    """

    name: str
    protocol: str
    records: RecordSet
    judge: Judge
    family: str = ""
    num: int | None = None
    data: dict[str, str] = field(default_factory=dict)
    workers: int = 1
    """Pictures that are judged at once."""
    columns = (
        ("gIoU", "giou"),
        ("cIoU", "ciou"),
        ("masks", "masks.giou"),
        ("judged", "paper.giou"),
    )
    """The last two are gIoU; all else is in the summary."""

    @property
    def settings(self) -> dict[str, Any]:
        data = {"data": self.data} if self.data else {}
        return {
            "judge": self.judge.settings,
            "asked_as": self.family,
            "max_new_tokens": MOST_NEW_TOKENS,
            "num_pictures": len(self.records),
            **data,
        }

    def names(self) -> list[str]:
        return shuffled_names(len(self.records))[: self.num]

    def sample(self, name: str) -> Sample:
        record = self.records[int(name)]
        return Sample(
            name, Path(self.records.folder) / record.image, record, [self._asked(t) for t in record.dialogue]
        )

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        from segue.evaluation.asking import ask_all, see_all

        if self.family == "pixelllm":
            raise CapabilityError(
                f"{predictor.name} cannot answer with masks; LISA, GSVA, PixelLM and segue/mini can"
            )
        answers = ask_all(predictor, samples, batch_size, max_new_tokens=MOST_NEW_TOKENS)
        if self.protocol != "paper":
            return answers
        seen = see_all(predictor, samples)
        return [
            [
                MusePrediction(
                    *(answer.text, answer.targets, answer.words, answer.notes),
                    logits=_logits(predictor, picture, turn, answer),
                )
                for turn, answer in zip(sample.turns, own, strict=True)
            ]
            for picture, sample, own in zip(seen, samples, answers, strict=True)
        ]

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        truths = Truths(sample.record)
        questions = [
            _Question.of(sample, turn, prediction, truths)
            for turn, prediction in zip(sample.turns, predictions, strict=True)
        ]
        judgements = self.judge.judge([question.task for question in questions])
        turns = [_turn_row(*pair) for pair in zip(questions, judgements, strict=True)]
        for turn in turns:
            turn["kind"] = self._kind(sample, turn)
        read = [question.logits for question in questions]
        released = released_tally(
            (question.masks if logits is None else logits, question.truths)
            for question, logits in zip(questions, read, strict=True)
        )
        headline = "paper" if self.protocol == "paper" else "masks"
        ious = [_score(turn[headline]).iou for turn in turns]
        return {
            "score": sum(ious) / len(ious) if ious else None,
            "asked_as": self.family,
            "turns": turns,
            "released": {**asdict(released), "from_logits": sum(logits is not None for logits in read)},
            "ratios": _ratios(turns, headline),
        }

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        tallies: dict[str, dict[str, MuseTally]] = defaultdict(lambda: defaultdict(MuseTally))
        released, from_logits, unreadable = ReleasedTally(), 0, 0
        versions: set[str] = set()
        for row in rows:
            own = dict(row["released"])
            from_logits += own.pop("from_logits")
            released += ReleasedTally(**own)
            for turn in row["turns"]:
                unreadable += "problem" in turn
                versions |= {turn["judge"]} if "judge" in turn else set()
                for group in ("", turn["kind"]):
                    for variant in ("masks", "paper"):
                        tallies[group][variant] += MuseTally.of([_score(turn[variant])])
        overall = self._figures(tallies[""])
        overall["paper"] |= {"judge": self._judge_name(versions), "unreadable_replies": unreadable}
        share = from_logits / max(tallies[""]["masks"].num_questions, 1)
        overall["released"] = {**released.metrics(), "from_logits": share}
        kinds = sorted(group for group in tallies if group)
        return {"overall": overall, "by_kind": {kind: self._figures(tallies[kind]) for kind in kinds}}

    def _figures(self, tallies: dict[str, MuseTally]) -> dict[str, Any]:
        """The protocol's own variant, and all of them by name."""
        variants = {name: tallies[name].metrics() for name in ("masks", "paper")}
        headline = variants["paper" if self.protocol == "paper" else "masks"]
        return {"num_questions": tallies["masks"].num_questions, **headline, **variants}

    def _judge_name(self, versions: set[str]) -> str:
        """The judge, with the models that an endpoint says have replied."""
        settings = self.judge.settings
        if "url" in settings:
            return f"{', '.join(sorted(versions)) or settings['model']} at {settings['url']}"
        return str(settings["judge"])

    def _kind(self, sample: Sample, turn: Row) -> str:
        if isinstance(self.records, Pooled):
            return self.records.kind(int(sample.name))
        return {1: "1 target", 2: "2 targets"}.get(turn["num_targets"], "3 or more targets")

    def _asked(self, turn: Turn) -> Turn:
        if self.family in ("lisa", "gsva", "pixellm"):
            return turn.model_copy(update={"question": f" {turn.question.strip()} {_SUFFIX}"})
        return turn


@dataclass(frozen=True)
class _Question:
    """One question with all that scores and judges of it need."""

    masks: list[np.ndarray]
    truths: list[np.ndarray]
    pairs: list[Pair]
    task: JudgeTask
    answer: str
    logits: Sequence[np.ndarray] | None

    @classmethod
    def of(cls, sample: Sample, turn: Turn, prediction: Prediction, truths: Truths) -> _Question:
        record = sample.record
        targets = _pointed(prediction)
        masks = [_mask(target, record, sample.name) for target in targets]
        wanted = [truths.mask(phrase.ids) for phrase in turn.phrases]
        pairs = match_question(masks, wanted)
        things = {thing.id: thing for thing in record.objects}
        described: dict[int, ObjectRecord] = {
            pair.prediction: things[turn.phrases[pair.target].ids[0]]
            for pair in pairs
            if pair.prediction is not None and pair.target is not None
        }
        replacements, judged = [], []
        for number, target in enumerate(targets):
            thing = described.get(number)
            if thing is None:
                replacements.append(Replacement(target.span[1]))
                judged.append(Judged(target.phrase))
            else:
                replacements.append(Replacement(target.span[1], description(thing), _corners(thing)))
                judged.append(Judged(target.phrase, thing.category, description(thing)))
        task = JudgeTask(
            # As the data set has it, without what a family adds to it.
            question=turn.question.strip().removesuffix(_SUFFIX).strip(),
            objects=object_list(
                ((thing.category, _corners(thing)) for thing in record.objects),
                width=record.width,
                height=record.height,
            ),
            answer=rewrite(prediction.text, replacements),
            predictions=tuple(judged),
        )
        logits = getattr(prediction, "logits", None)
        return cls(masks, wanted, pairs, task, prediction.text, logits)


def _turn_row(question: _Question, judgement: Judgement) -> Row:
    row: Row = {
        "question": question.task.question,
        "answer": question.answer,
        "rewritten": question.task.answer,
        "num_targets": len(question.truths),
        "num_predictions": len(question.masks),
        "pairs": [list(pair) for pair in question.pairs],
        "judged": [round(score, 4) for score in judgement.scores],
        "masks": asdict(score_question(question.pairs)),
        "paper": asdict(score_question(question.pairs, judgement.scores)),
    }
    for key, value in (("judge", judgement.version), ("problem", judgement.problem)):
        if value:
            row[key] = value
    return row


def _ratios(turns: Sequence[Row], headline: str) -> dict[str, dict[str, list[float]]]:
    sums: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for turn in turns:
        scores = {name: _score(turn[name]) for name in ("masks", "paper")}
        for prefix, score in (("", scores[headline]), *((f"{n}.", s) for n, s in scores.items())):
            for group in ("", turn["kind"]):
                for figure, part, whole in (
                    ("giou", score.iou, 1),
                    ("ciou", score.intersection, score.union),
                ):
                    entry = sums[group][f"{prefix}{figure}"]
                    entry[0] += part
                    entry[1] += whole
    return {group: dict(own) for group, own in sums.items()}


def _score(content: Row) -> QuestionScore:
    return QuestionScore(**content)


def _pointed(prediction: Prediction) -> list[Target]:
    """What the answer points at; a rejection points at nothing."""
    return [target for target in prediction.targets if not target.rejected and target.rle is not None]


def _mask(target: Target, record: Record, name: str) -> np.ndarray:
    mask = target.mask
    assert mask is not None
    if mask.shape != (record.height, record.width):
        raise DataError(
            f"sample {name}: a mask of {mask.shape} (height, width) for a picture of "
            f"{(record.height, record.width)}; predictions must have the picture's own size"
        )
    return mask


def _corners(thing: ObjectRecord) -> tuple[float, float, float, float]:
    x, y, width, height = thing.bbox
    return x, y, x + width, y + height


def _logits(
    predictor: Predictor, picture: Any, turn: Turn, answer: Prediction
) -> tuple[np.ndarray, ...] | None:
    """The mask logits of a generated answer, from reading it; None where it cannot be written down again."""
    targets = _pointed(answer)
    if not targets:
        return ()
    try:
        phrases = [Phrase(span=target.span, ids=[0]) for target in targets]
        written = Turn(question=turn.question, answer=answer.text, phrases=phrases)
        logits = predictor.score(picture, written.question, written).mask_logits
    except (DataError, QuestionError, ValueError):  # phrases that share words, a token that cannot be said
        return None
    return tuple(logits.float().cpu().numpy()) if len(logits) == len(targets) else None


def _open(name: str, splits: tuple[str, ...], setup: Setup) -> MuseBenchmark:
    source, data = get_source("muse"), setup.data
    assert data is not None
    kinds = [(split.removeprefix("test_"), source.open(data, split)) for split in splits]
    records: RecordSet = kinds[0][1] if len(kinds) == 1 else Pooled(kinds)
    judge = open_judge(setup.options)
    pooled: dict[str, str] = {}
    for split in splits if len(splits) > 1 else ():
        pooled |= data_digests(source, data, split)
    return MuseBenchmark(
        name,
        setup.protocol,
        records,
        judge,
        family=setup.family,
        num=setup.num,
        data=pooled,
        workers=8 if isinstance(judge, EndpointJudge) else 1,
    )


BENCHMARKS = (
    *(
        BenchmarkInfo(
            name, title, partial(_open, name, (split,)), source="muse", split=split, options=OPTIONS
        )
        for name, title, split in (
            ("muse-val", "MUSE val", "val"),
            ("muse-test-few", "MUSE test, fewer than three targets", "test_few"),
            ("muse-test-many", "MUSE test, more targets", "test_many"),
        )
    ),
    BenchmarkInfo(
        "muse-test",
        "MUSE test, both files pooled",
        partial(_open, "muse-test", ("test_few", "test_many")),
        options=OPTIONS,
    ),
)
