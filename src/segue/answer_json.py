"""Reading the JSON of an answer, strictly: a field that is missing, unknown or of the wrong kind is named.

The models describe the format that `Answer.to_dict` writes, and serve as its schema over HTTP. Run lengths
are checked before pycocotools sees them, whose C code trusts what it is given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segue.answer import Answer, Segment, Word
from segue.errors import DataError

Offset = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=1, le=1_000_000)]
MAX_PIXELS = 1_000_000_000  # a few bytes of run lengths can claim any size; decoding would believe them
Coordinate = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class MaskJson(_Strict):
    """COCO's compressed run lengths."""

    size: Annotated[list[Side], Field(min_length=2, max_length=2)]
    counts: str

    @model_validator(mode="after")
    def _runs_fill_the_picture(self) -> MaskJson:
        total, pixels = sum(run_lengths(self.counts)), self.size[0] * self.size[1]
        if total != pixels:
            raise ValueError(f"the runs cover {total:,} pixels, not the {pixels:,} of {self.size}")
        return self


class SegmentJson(_Strict):
    phrase: str
    span: Annotated[list[Offset], Field(min_length=2, max_length=2)]
    rejected: bool
    score: Annotated[float, Field(ge=0, le=1)]
    bbox: Annotated[list[Coordinate], Field(min_length=4, max_length=4)] | None
    area: Annotated[int, Field(ge=0)]
    mask: MaskJson | None


class WordJson(_Strict):
    text: str
    span: Annotated[list[Offset], Field(min_length=2, max_length=2)]
    point: Annotated[list[Coordinate], Field(min_length=2, max_length=2)] | None
    extent: Annotated[list[Coordinate], Field(min_length=4, max_length=4)] | None = None


class ImageJson(_Strict):
    width: Side
    height: Side

    @model_validator(mode="after")
    def _is_no_bomb(self) -> ImageJson:
        if self.width * self.height > MAX_PIXELS:
            raise ValueError(f"{self.width} x {self.height} is over the limit of {MAX_PIXELS:,} pixels")
        return self


class AnswerJson(_Strict):
    text: str
    segments: list[SegmentJson]
    words: list[WordJson]
    image: ImageJson
    model: str
    timing_ms: dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]
    notes: list[str] = []


def read_answer(source: str | Path, *, image: Image.Image | None = None) -> Answer:
    """An answer from a JSON text, or from the file if `source` is a `Path`."""
    where = "the given JSON"
    if isinstance(source, Path):
        where = str(source)
        try:
            source = source.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{where} cannot be read: {error}") from error
    try:
        record = json.loads(source)
    except (ValueError, RecursionError) as error:
        hint = "" if source.lstrip().startswith("{") else " (to read a file, pass a pathlib.Path)"
        raise DataError(f"{where} is not JSON: {error}{hint}") from error
    return parse_answer(record, where=where, image=image)


def parse_answer(record: Mapping[str, Any], *, where: str, image: Image.Image | None = None) -> Answer:
    """An answer from the decoded JSON; `where` names its origin in errors."""
    try:
        parsed = AnswerJson.model_validate(record)
    except ValidationError as error:
        raise DataError(f"{where} is not an answer of segue: {_first_errors(error)}") from error
    try:
        return Answer(
            text=parsed.text,
            segments=tuple(_segment(segment) for segment in parsed.segments),
            words=tuple(_word(word) for word in parsed.words),
            width=parsed.image.width,
            height=parsed.image.height,
            model=parsed.model,
            timing_ms=parsed.timing_ms,
            notes=tuple(parsed.notes),
            image=image,
        )
    except DataError as error:
        raise DataError(f"{where} is not an answer of segue: {error}") from error


def run_lengths(counts: str) -> list[int]:
    """The run lengths in COCO's compressed text, background first.

    Each is written five bits a character, least first, the sixth bit saying that more follow, the fifth of
    the last character being the sign; from the fourth on they are differences to the run before the last.
    """
    runs: list[int] = []
    position = 0
    while position < len(counts):
        value, shift, more = 0, 0, True
        while more:
            if position == len(counts):
                raise ValueError("the run lengths end in the middle of a number")
            bits = ord(counts[position]) - 48
            if not 0 <= bits < 64 or shift > 30:
                raise ValueError(
                    f"character {position} of the run lengths, {counts[position]!r}, is none of COCO's"
                )
            value |= (bits & 31) << shift
            more, shift, position = bool(bits & 32), shift + 5, position + 1
        if bits & 16:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            raise ValueError(f"run {len(runs)} is negative")
        runs.append(value)
    return runs


def _segment(segment: SegmentJson) -> Segment:
    span = (segment.span[0], segment.span[1])
    rle = segment.mask.model_dump() if segment.mask else None
    score, box = segment.score, segment.bbox
    predicted = None
    if box is not None:
        own = Segment(segment.phrase, span, rle, score).bbox if rle else None
        predicted = (box[0], box[1], box[0] + box[2], box[1] + box[3]) if own != tuple(box) else None
    result = Segment(segment.phrase, span, rle, score, segment.rejected, predicted)
    if (result.bbox is None) != (box is None):
        raise DataError(f"{segment.phrase!r} has the bbox {box}, its mask {result.bbox}")
    if result.area != segment.area:
        raise DataError(f"{segment.phrase!r} has the area {segment.area}, its mask {result.area}")
    return result


def _word(word: WordJson) -> Word:
    point = (word.point[0], word.point[1]) if word.point else None
    extent = (word.extent[0], word.extent[1], word.extent[2], word.extent[3]) if word.extent else None
    return Word(word.text, (word.span[0], word.span[1]), point, extent)


def _first_errors(error: ValidationError, limit: int = 3) -> str:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, e['loc'])) or 'the whole'}: {e['msg']}" for e in errors[:limit]]
    more = [f"and {len(errors) - limit} more"] if len(errors) > limit else []
    return "; ".join(told + more)
