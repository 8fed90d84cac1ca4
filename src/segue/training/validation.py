"""What is measured while a run goes on: mean IoU of held-out targets, and pictures of what the model says.

Masks come from given answers ("forced", the protocol `paper` of `segue.evaluation`) or from the model's own
("asked", the protocol `free`). Several processes share the pictures and add up what they counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from segue.answer import Answer, Segment
from segue.data.native import Record, Turn, decode_mask
from segue.evaluation.metrics import FREE, LISA, Protocol, Tally, match_targets, score_target
from segue.evaluation.prediction import Prediction
from segue.evaluation.runner import Sample
from segue.visualize import contact_sheet, draw_answer

if TYPE_CHECKING:
    from segue.training.processes import Processes

__all__ = ["Validation"]

BATCH = 8
PANEL = 480


class Validation:
    """Held-out pictures with questions, and how well a model answers them.

    Args:
        samples: pictures with their records and turns.
        how: "forced" or "asked".
        pictures: so many are drawn each time.
        folder: drawings are kept in it.
    """

    def __init__(
        self, samples: Sequence[Sample], *, how: Literal["forced", "asked"], pictures: int, folder: Path
    ):
        self.samples = list(samples)
        self.how = how
        self.pictures = pictures
        self.folder = folder
        self.show: Callable[[Image.Image, int], None] = _nowhere

    def measure(self, predictor: Any, *, step: int, processes: Processes, whole: bool) -> dict[str, float]:
        """gIoU and cIoU, and how often what is not there is rejected, over all processes.

        Args:
            predictor: holds the model, in eval mode.
            step: names the drawing.
            whole: every process answers everything: where weights are spread over processes, all of them have
                to take every step together.
        """
        rank, count = (0, 1) if whole else (processes.rank, processes.count)
        own = list(range(rank, len(self.samples), count))
        tally = Tally()
        answers: dict[int, Sequence[Prediction]] = {}
        for first in range(0, len(own), BATCH):
            part = own[first : first + BATCH]
            samples = [self.samples[number] for number in part]
            predictions = self._predict(predictor, samples)
            for number, sample, said in zip(part, samples, predictions, strict=True):
                tally += self._score(sample, said)
                if number < self.pictures:
                    answers[number] = said
        if not whole:
            tally = sum(processes.gather([tally]), start=Tally())
            answers = dict(processes.gather(list(answers.items())))
        if answers and processes.main:
            self._draw(answers, step)
        metrics = tally.metrics(self._protocol)
        figures = {"giou": metrics.giou, "ciou": metrics.ciou, "n_acc": metrics.n_acc}
        return {name: float(value) for name, value in figures.items() if value is not None}

    @property
    def _protocol(self) -> Protocol:
        return LISA if self.how == "forced" else FREE

    def _predict(self, predictor: Any, samples: Sequence[Sample]) -> list[list[Prediction]]:
        from segue.evaluation.asking import ask_all
        from segue.evaluation.forced import read_answers
        from segue.pixelllm_predictor import PixelLLMPredictor

        if isinstance(predictor, PixelLLMPredictor):
            return [[_located(predictor, sample, turn) for turn in sample.turns] for sample in samples]
        how = read_answers if self.how == "forced" else ask_all
        return how(predictor, samples, BATCH)

    def _score(self, sample: Sample, said: Sequence[Prediction]) -> Tally:
        scores = []
        for turn, prediction in zip(sample.turns, said, strict=True):
            truths = [_truth(sample.record, phrase.ids) for phrase in turn.phrases]
            masks = [None if target.rejected else target.mask for target in prediction.targets]
            matched = match_targets(masks, truths, in_order=True)
            for truth, index in zip(truths, matched, strict=True):
                rejected = index is not None and prediction.targets[index].rejected
                mask = None if index is None else masks[index]
                scores.append(score_target(mask, truth, rejected=rejected, protocol=self._protocol))
        return Tally.of(scores)

    def _draw(self, answers: dict[int, Sequence[Prediction]], step: int) -> None:
        panels, captions = [], []
        for number in sorted(answers):
            sample = self.samples[number]
            for turn, prediction in list(zip(sample.turns, answers[number], strict=True))[:1]:
                panels.append(draw_answer(_answer(prediction, _picture(sample))))
                captions.append(f"{turn.question.strip()} {prediction.text}")
        sheet = contact_sheet(panels, captions, cell=PANEL)
        self.folder.mkdir(parents=True, exist_ok=True)
        sheet.save(self.folder / f"step-{step}.jpg", quality=85)
        self.show(sheet, step)


def _located(predictor: Any, sample: Sample, turn: Turn) -> Prediction:
    """PixelLLM answers an expression by its place."""
    return Prediction.from_answer(predictor.locate(sample.image, turn.question))


def _truth(record: Record, ids: Sequence[int]) -> np.ndarray:
    """(H, W) of 0 and 1, 255 where the record says that pixels do not count."""
    shape = record.height, record.width
    wanted = set(ids)
    truth = np.zeros(shape, np.uint8)
    for item in record.objects:
        if item.id in wanted:
            truth[decode_mask(item.segmentation, *shape)] = 1
    if record.ignore is not None:
        truth[decode_mask(record.ignore, *shape)] = 255
    return truth


def _picture(sample: Sample) -> Image.Image:
    if isinstance(sample.image, np.ndarray):
        return Image.fromarray(sample.image)
    from segue.images import open_image

    return open_image(sample.image)


def _answer(prediction: Prediction, picture: Image.Image) -> Answer:
    """A prediction as it is drawn."""
    segments = [
        Segment(
            target.phrase,
            target.span,
            None if target.rejected or target.rle is None else dict(target.rle),
            target.score,
            target.rejected,
        )
        for target in prediction.targets
        if target.rejected or target.rle is not None
    ]
    return Answer(prediction.text, tuple(segments), width=picture.width, height=picture.height, image=picture)


def _nowhere(sheet: Image.Image, step: int) -> None:
    """Where nobody looks."""
