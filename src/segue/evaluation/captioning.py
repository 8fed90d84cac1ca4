"""What the caption benchmarks share: rows of captions, their figures, and captions of pictures and boxes.

METEOR and CIDEr are figures of a whole set (`caption_scores`), so they are made when the rows are summed up.
A row itself carries what is a ratio of sums: how often the caption is the reference to the letter (`exact`),
and how many words the two share (`word_f1`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segue.data.native import Record, Turn
from segue.errors import DataError
from segue.evaluation.caption_scores import CaptionScorer, PythonScorer, word_f1
from segue.evaluation.metrics import same_text
from segue.evaluation.prediction import Prediction
from segue.evaluation.rows import Row

if TYPE_CHECKING:
    from segue.evaluation.runner import Sample
    from segue.predictor import Predictor

__all__ = [
    "CAPTIONS_OPTION",
    "add_ratio",
    "caption_figures",
    "caption_row",
    "caption_turns",
    "metric_columns",
    "region_turn",
    "scorer_settings",
]

CAPTIONS_OPTION = {
    "captions": "coco (default: METEOR 1.5 and CIDEr as the papers report them, needs Java), python (without "
    "Java, its figures named so), or none"
}

Ratios = dict[str, dict[str, list[float]]]


def scorer_settings(scorer: CaptionScorer | None) -> dict[str, Any]:
    """Which implementation, for a run's settings."""
    return {"captions": "none"} if scorer is None else scorer.settings


def metric_columns(scorer: CaptionScorer | None) -> tuple[tuple[str, str], ...]:
    """METEOR and CIDEr for a table, under the names that the implementation gives them; a star is the one
    without Java."""
    if scorer is None:
        return ()
    mark, end = ("*", "_python") if isinstance(scorer, PythonScorer) else ("", "")
    return (f"METEOR{mark}", f"meteor{end}"), (f"CIDEr{mark}", f"cider{end}")


def region_turn(reference: str, box: Sequence[float], record: Record) -> Turn:
    """The question for the caption of a box x, y, width, height. What reaches beyond the picture is cut off,
    and a box without area becomes one pixel: boxes are labels here, and every one of them is asked about."""
    from segue.query import REGION_QUESTION

    x, y, width, height = box
    left, right = min(max(x, 0.0), record.width - 1.0), min(max(x + width, 1.0), float(record.width))
    top, bottom = min(max(y, 0.0), record.height - 1.0), min(max(y + height, 1.0), float(record.height))
    own = [left, top, max(right - left, 1.0), max(bottom - top, 1.0)]
    return Turn(question=REGION_QUESTION, answer=reference, region=own, type="region")


def caption_turns(predictor: Predictor, samples: Sequence[Sample], batch_size: int) -> list[list[Prediction]]:
    """A generated caption for each turn: of its region, or of the picture. A box that several turns are about
    is captioned once."""
    from dataclasses import replace

    from segue.evaluation.asking import ask_all, see_all
    from segue.pixelllm_predictor import PixelLLMPredictor

    asked = [_distinct(sample.turns) for sample in samples]
    if isinstance(predictor, PixelLLMPredictor):  # its captions have prompts of their own
        seen = see_all(predictor, samples)
        said = [
            [Prediction.from_answer(predictor.caption(picture, box=_corners(turn))) for turn in turns]
            for picture, turns in zip(seen, asked, strict=True)
        ]
    else:
        said = ask_all(
            predictor, [replace(s, turns=t) for s, t in zip(samples, asked, strict=True)], batch_size
        )
    predictions = []
    for sample, turns, own in zip(samples, asked, said, strict=True):
        by_region = {_key(turn): prediction for turn, prediction in zip(turns, own, strict=True)}
        predictions.append([by_region[_key(turn)] for turn in sample.turns])
    return predictions


def caption_row(caption: str, references: Sequence[str]) -> Row:
    """One caption against its references."""
    if not references:
        raise DataError("a caption needs a reference to be held against")
    return {
        "caption": caption,
        "references": list(references),
        "exact": any(same_text(caption.lower(), line.lower()) for line in references),
        "word_f1": round(word_f1(caption, references), 6),
    }


def caption_figures(rows: Iterable[Mapping[str, Any]], scorer: CaptionScorer | None) -> dict[str, Any]:
    """The figures of caption rows. None where nothing was measured."""
    listed = list(rows)
    count = len(listed)
    captions = [row["caption"] for row in listed]
    figures: dict[str, Any] = {
        "num_captions": count,
        "exact": sum(row["exact"] for row in listed) / count if count else None,
        "word_f1": sum(row["word_f1"] for row in listed) / count if count else None,
    }
    if scorer is not None:
        figures |= scorer.corpus(captions, [row["references"] for row in listed])
    return figures


def add_ratio(ratios: Ratios, figure: str, part: float, whole: float, *, kind: str = "") -> None:
    """Add to the sums of a figure in a row's `ratios`."""
    entry = ratios.setdefault(kind, {}).setdefault(figure, [0.0, 0.0])
    entry[0] += part
    entry[1] += whole


def _distinct(turns: Sequence[Turn]) -> list[Turn]:
    return list({_key(turn): turn for turn in turns}.values())


def _key(turn: Turn) -> tuple[str, tuple[float, ...]]:
    return turn.question, tuple(turn.region or ())


def _corners(turn: Turn) -> tuple[float, float, float, float] | None:
    if turn.region is None:
        return None
    x, y, width, height = turn.region
    return x, y, x + width, y + height
