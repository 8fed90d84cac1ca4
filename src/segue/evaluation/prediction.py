"""What was predicted for one question, in the form that is scored, kept in rows and read from files.

The keys are those of an answer's JSON (`Answer.to_dict`), so that rows of a run, files of other people and
answers of `segue ask --json` are one format. One thing an answer cannot say: GSVA's published evaluation
decodes a mask for a target that the model rejects, so here a rejected target may have one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.native import RLE, decode_mask
from segue.errors import DataError

if TYPE_CHECKING:
    from segue.answer import Answer

__all__ = ["EMPTY", "PointedWord", "Prediction", "Target"]

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Target:
    """One thing that was named.

    Attributes:
        phrase, span: its words, and where they stand in the text.
        rle: COCO's compressed RLE at the picture's size, None without a mask.
        box: x0, y0, x1, y1 in pixels, where a box was predicted; otherwise it is the mask's own (`box_of`).
        score: 0..1.
        rejected: said not to be in the picture.
    """

    phrase: str = ""
    span: tuple[int, int] = (0, 0)
    rle: RLE | None = None
    box: Box | None = None
    score: float = 1.0
    rejected: bool = False

    @property
    def mask(self) -> np.ndarray | None:
        """Bool (height, width), decoded anew each time."""
        return None if self.rle is None else decode_mask(self.rle, *self.rle["size"])

    @property
    def box_of(self) -> Box | None:
        """The predicted box, else the tight one around the mask; None where there is neither."""
        if self.box is not None or self.rle is None:
            return self.box
        from pycocotools import mask as coco_mask

        x, y, width, height = (float(value) for value in coco_mask.toBbox(self.rle))
        return (x, y, x + width, y + height) if width and height else None


@dataclass(frozen=True)
class PointedWord:
    """A word of the text and the point (x, y) in pixels that it speaks of; `extent` is x0, y0, x1, y1, from
    families that give a word two corners."""

    text: str
    span: tuple[int, int]
    point: tuple[float, float] | None = None
    extent: Box | None = None


@dataclass(frozen=True)
class Prediction:
    """Text, targets in the order in which the text names them, words, remarks."""

    text: str = ""
    targets: tuple[Target, ...] = ()
    words: tuple[PointedWord, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def from_answer(cls, answer: Answer) -> Prediction:
        """What a model said; the picture and timing stay behind."""
        targets = tuple(
            Target(s.phrase, s.span, _rle(s.rle), s.predicted_box, s.score, s.rejected)
            for s in answer.segments
        )
        words = tuple(PointedWord(word.text, word.span, word.point, word.extent) for word in answer.words)
        return cls(answer.text, targets, words, answer.notes)

    def to_dict(self) -> dict[str, Any]:
        """The JSON of a row; empty parts are left out."""
        segments = [
            {
                "phrase": target.phrase,
                "span": list(target.span),
                "rejected": target.rejected,
                "score": round(target.score, 4),
                "bbox": _xywh(target.box_of),
                "mask": None if target.rle is None else {**target.rle, "size": list(target.rle["size"])},
            }
            | ({"box": list(target.box)} if target.box is not None else {})
            for target in self.targets
        ]
        words = [
            {"text": word.text, "span": list(word.span), "point": word.point and list(word.point)}
            | ({"extent": list(word.extent)} if word.extent is not None else {})
            for word in self.words
        ]
        parts = {"segments": segments, "words": words, "notes": list(self.notes)}
        return {"text": self.text, **{name: part for name, part in parts.items() if part}}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], *, where: str) -> Prediction:
        """What `to_dict` wrote, or an answer's JSON.

        Raises:
            DataError: `where`, and what in it cannot be used.
        """
        try:
            targets = tuple(_target(segment) for segment in content.get("segments", ()))
            words = tuple(
                PointedWord(
                    str(word["text"]),
                    _pair(word["span"]),
                    word.get("point") and _point(word["point"]),
                    word.get("extent") and _box(word["extent"]),
                )
                for word in content.get("words", ())
            )
            notes = tuple(str(note) for note in content.get("notes", ()))
            return cls(str(content.get("text", "")), targets, words, notes)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(f"{where}: not a prediction ({problem})") from None


EMPTY = Prediction()
"""Nothing said: what a sample that failed is scored with."""


def _target(segment: Mapping[str, Any]) -> Target:
    box, bbox, rle = segment.get("box"), segment.get("bbox"), segment.get("mask")
    if box is None and bbox is not None and rle is None:  # only a box, in COCO's form
        x, y, width, height = (float(value) for value in bbox)
        box = (x, y, x + width, y + height)
    return Target(
        phrase=str(segment.get("phrase", "")),
        span=_pair(segment.get("span", (0, 0))),
        rle=_rle(rle),
        box=None if box is None else _box(box),
        score=float(segment.get("score", 1.0)),
        rejected=bool(segment.get("rejected", False)),
    )


def _rle(rle: Mapping[str, Any] | None) -> RLE | None:
    """The RLE checked and with compressed counts; a file of COCO results may have them as a list."""
    if rle is None:
        return None
    height, width = _pair(rle["size"])
    counts = rle["counts"]
    if isinstance(counts, list):
        from pycocotools import mask as coco_mask

        counts = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else str(counts)
    return {"size": (height, width), "counts": text}


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def _point(values: Any) -> tuple[float, float]:
    x, y = values
    return float(x), float(y)


def _box(values: Any) -> Box:
    x0, y0, x1, y1 = values
    return float(x0), float(y0), float(x1), float(y1)


def _xywh(box: Box | None) -> list[float] | None:
    return None if box is None else [box[0], box[1], box[2] - box[0], box[3] - box[1]]
