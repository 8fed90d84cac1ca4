"""What a model said about a picture: text, and the pixels behind each phrase of it.

Everything is in the original picture's pixels. Boxes are xyxy (`box`) or COCO's x, y, width, height (`bbox`);
spans are character offsets into the text. Masks are held as COCO run lengths, a few hundred bytes each, and
decoded whenever they are asked for. Reading JSON is in `answer_json`, other formats in `exports`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.errors import DataError

if TYPE_CHECKING:
    import supervision
    from PIL import Image

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Segment:
    """One phrase of the answer and its target: a mask, a box, or the statement that the picture has none."""

    phrase: str
    span: tuple[int, int]
    rle: dict[str, Any] | None = field(default=None, repr=False)
    """{"size": [height, width], "counts": str}, COCO's compressed run lengths."""
    score: float = 1.0
    """Mean foreground probability of a mask, probability of the token for a rejection; 0..1."""
    rejected: bool = False
    predicted_box: Box | None = None
    """xyxy, only from families that predict boxes beside masks; otherwise the box is the mask's own."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "span", _span(self.span, self.phrase))
        if not -1e-6 <= self.score <= 1 + 1e-6:  # a mean of float32 ones may end just above one
            raise DataError(f"the score of {self.phrase!r} is {self.score}, not within 0..1")
        object.__setattr__(self, "score", min(max(float(self.score), 0.0), 1.0))
        if self.rejected and (self.rle is not None or self.predicted_box is not None):
            raise DataError(f"{self.phrase!r} is rejected and yet has a mask or a box")
        if not self.rejected and self.rle is None and self.predicted_box is None:
            raise DataError(f"{self.phrase!r} has neither mask nor box and is not rejected")
        if self.predicted_box is not None:
            object.__setattr__(self, "predicted_box", _numbers(self.predicted_box, 4, self.phrase))

    @classmethod
    def from_mask(
        cls, phrase: str, span: tuple[int, int], mask: np.ndarray, *, score: float = 1.0
    ) -> Segment:
        """From a bool mask (height, width) of the original picture."""
        return cls(phrase, span, encode_mask(mask), score)

    @property
    def mask(self) -> np.ndarray | None:
        """Bool (height, width), decoded anew each time; None when rejected or when there is only a box."""
        return None if self.rle is None else decode_mask(self.rle)

    @property
    def box(self) -> Box | None:
        """xyxy; None when rejected or when the mask is empty."""
        if self.predicted_box is not None:
            return self.predicted_box
        x, y, width, height = self.bbox or (0.0, 0.0, 0.0, 0.0)
        return (x, y, x + width, y + height) if width and height else None

    @property
    def bbox(self) -> Box | None:
        """COCO's x, y, width, height; None when rejected or when the mask is empty."""
        if self.predicted_box is not None:
            x0, y0, x1, y1 = self.predicted_box
            return (x0, y0, x1 - x0, y1 - y0)
        if self.rle is None:
            return None
        from pycocotools import mask as coco_mask

        x, y, width, height = (float(value) for value in coco_mask.toBbox(self.rle))
        return (x, y, width, height) if width and height else None

    @property
    def area(self) -> int:
        """Pixels of the mask; 0 when there is none."""
        if self.rle is None:
            return 0
        from pycocotools import mask as coco_mask

        return int(coco_mask.area(self.rle))


@dataclass(frozen=True)
class Word:
    """One word of the answer and the point it speaks of, from families that point at words."""

    text: str
    span: tuple[int, int]
    point: tuple[float, float] | None = None
    extent: Box | None = None
    """xyxy, from families that give a word two corners (the point is their middle)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "span", _span(self.span, self.text))
        if self.point is not None:
            object.__setattr__(self, "point", _numbers(self.point, 2, self.text))
        if self.extent is not None:
            object.__setattr__(self, "extent", _numbers(self.extent, 4, self.text))


@dataclass(frozen=True)
class Answer:
    """What `ask` returns. Two answers are equal when they say the same; picture and timing do not count."""

    text: str
    segments: tuple[Segment, ...] = ()
    words: tuple[Word, ...] = ()
    width: int = 1
    height: int = 1
    model: str = ""
    timing_ms: Mapping[str, float] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = ()
    """What was unusual: a mask token without its group, an answer cut at its length limit..."""
    image: Image.Image | None = field(default=None, compare=False, repr=False)
    """The upright RGB picture, for drawing; not part of the JSON."""

    def __post_init__(self) -> None:
        for name in ("segments", "words", "notes"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.width < 1 or self.height < 1:
            raise DataError(f"the picture of an answer is {self.width} x {self.height}, it needs pixels")
        if self.image is not None and self.image.size != (self.width, self.height):
            width, height = self.image.size
            raise DataError(f"the picture is {width} x {height}, the answer's {self.width} x {self.height}")
        for segment in self.segments:
            _check_span(self.text, segment.span, segment.phrase)
            if segment.rle is not None and tuple(segment.rle["size"]) != (self.height, self.width):
                raise DataError(
                    f"the mask of {segment.phrase!r} has size {list(segment.rle['size'])}, "
                    f"the picture [{self.height}, {self.width}]"
                )
        for word in self.words:
            _check_span(self.text, word.span, word.text)

    # Drawing --------------------------------------------------------------------

    def draw(
        self,
        image: Image.Image | None = None,
        *,
        labels: bool = True,
        legend: bool = True,
        max_side: int = 2048,
    ) -> Image.Image:
        """The picture with its segments over it, and the answer below; see `segue.visualize`."""
        from segue.visualize import draw_answer

        return draw_answer(self, image, labels=labels, legend=legend, max_side=max_side)

    # JSON -----------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The JSON of an answer, the same in the command line, over HTTP and in files."""
        record: dict[str, Any] = {
            "text": self.text,
            "segments": [_segment_dict(segment) for segment in self.segments],
            "words": [_word_dict(word) for word in self.words],
            "image": {"width": self.width, "height": self.height},
            "model": self.model,
            "timing_ms": {name: _short(value, 1) for name, value in self.timing_ms.items()},
        }
        return record | ({"notes": list(self.notes)} if self.notes else {})

    def to_json(self, path: str | Path | None = None, *, indent: int | None = None) -> str:
        """`to_dict` as text, also written to `path` if one is given."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=indent)
        if path is not None:
            try:
                Path(path).write_text(text + "\n", encoding="utf-8")
            except OSError as error:
                raise DataError(f"{path} cannot be written: {error.strerror}") from error
        return text

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], *, image: Image.Image | None = None) -> Answer:
        """The answer that `to_dict` wrote; `DataError` says which field breaks the format."""
        from segue.answer_json import parse_answer

        return parse_answer(record, where="the given answer", image=image)

    @classmethod
    def from_json(cls, source: str | Path, *, image: Image.Image | None = None) -> Answer:
        """The answer in a JSON text, or in a file if `source` is a `Path`."""
        from segue.answer_json import read_answer

        return read_answer(source, image=image)

    # Other formats --------------------------------------------------------------

    def to_coco(
        self,
        *,
        image_id: int = 1,
        categories: Mapping[str, int] | Sequence[str] | None = None,
        file_name: str = "",
        first_id: int = 1,
    ) -> dict[str, Any]:
        """A COCO data set of this one picture; see `segue.exports.to_coco`."""
        from segue.exports import to_coco

        return to_coco(self, image_id=image_id, categories=categories, file_name=file_name, first_id=first_id)

    def to_index_png(self, path: str | Path | None = None) -> Image.Image:
        """A paletted picture: 0 where nothing is, i + 1 where segment i is, later ones on top."""
        from segue.exports import to_index_png

        return to_index_png(self, path)

    def to_supervision(self) -> supervision.Detections:
        """`supervision.Detections` with masks, scores and phrases; needs `pip install segue[eval]`."""
        from segue.exports import to_supervision

        return to_supervision(self)


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """Bool (height, width) -> COCO's compressed run lengths, with `counts` as text."""
    from pycocotools import mask as coco_mask

    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(side) for side in rle["size"]], "counts": rle["counts"].decode("ascii")}


def decode_mask(rle: Mapping[str, Any]) -> np.ndarray:
    """COCO's compressed run lengths -> bool (height, width)."""
    from pycocotools import mask as coco_mask

    return coco_mask.decode(rle).astype(bool)


def _segment_dict(segment: Segment) -> dict[str, Any]:
    bbox = segment.bbox
    return {
        "phrase": segment.phrase,
        "span": list(segment.span),
        "rejected": segment.rejected,
        "score": round(float(segment.score), 4),
        "bbox": None if bbox is None else [_short(value, 2) for value in bbox],
        "area": segment.area,
        "mask": None if segment.rle is None else dict(segment.rle),
    }


def _word_dict(word: Word) -> dict[str, Any]:
    record: dict[str, Any] = {"text": word.text, "span": list(word.span), "point": None}
    if word.point is not None:
        record["point"] = [_short(value, 2) for value in word.point]
    if word.extent is not None:
        record["extent"] = [_short(value, 2) for value in word.extent]
    return record


def _short(value: float, digits: int) -> float | int:
    """Rounded, and an integer where that is what it is: 12 rather than 12.0."""
    value = round(float(value), digits)
    return int(value) if value.is_integer() else value


def _span(span: Sequence[int], phrase: str) -> tuple[int, int]:
    if len(span) != 2 or not 0 <= span[0] <= span[1]:
        raise DataError(f"the span of {phrase!r} is {list(span)}, not a start and an end")
    return int(span[0]), int(span[1])


def _check_span(text: str, span: tuple[int, int], phrase: str) -> None:
    start, end = span
    if end > len(text) or text[start:end] != phrase:
        raise DataError(f"the span {list(span)} of {phrase!r} holds {text[start:end]!r} in {text!r}")


def _numbers(values: Sequence[float], count: int, phrase: str) -> Any:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise DataError(f"{phrase!r} has the coordinates {list(values)}, not {count} finite numbers")
    return numbers
