"""The native data format: one line of JSON per image, with its objects and a dialogue about them.

Every source in `segue.data` and every scene yields `Record`, training and evaluation read it. A phrase of an
answer carries the ids of the objects that it covers, and **one phrase is one mask**: the union of its ids. An
empty list means "absent". Coordinates are pixels of the picture: boxes are COCO's [x, y, width, height],
points (x, y), spans [start, end) in characters of the answer. All is checked here, once, when it is read.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator
from typing_extensions import TypedDict

from segue.errors import DataError

logger = logging.getLogger(__name__)

Span = tuple[Annotated[int, Field(ge=0)], int]
Box = Annotated[list[FiniteFloat], Field(min_length=4, max_length=4)]
# The bound keeps pycocotools, which walks along every edge, from walking for hours.
Coordinate = Annotated[FiniteFloat, Field(ge=-1e5, le=1e5)]
Polygon = Annotated[list[Coordinate], Field(min_length=6)]


class RLE(TypedDict):
    """COCO's compressed run-length encoding; `size` is [height, width]."""

    size: tuple[int, int]
    counts: str


class _Strict(BaseModel):
    # Unknown fields are refused: a misspelt "phrases" would otherwise train on nothing, in silence.
    model_config = ConfigDict(frozen=True, extra="forbid")


class ObjectRecord(_Strict):
    """One thing in the picture. An empty `segmentation` means that only its box is known."""

    id: int
    category: Annotated[str, Field(min_length=1)]
    segmentation: RLE | list[Polygon]
    bbox: Box
    attributes: dict[str, str] = {}
    part_of: int | None = None
    iscrowd: Literal[0, 1] = 0

    @model_validator(mode="after")
    def _check(self) -> ObjectRecord:
        if self.bbox[2] < 0 or self.bbox[3] < 0:
            raise ValueError(f"object {self.id}: bbox {self.bbox} has a negative width or height")
        return self


class Phrase(_Strict):
    """Words of an answer and the objects whose union they name; no ids: not in the picture."""

    span: Span
    ids: list[int]


class WordPoint(_Strict):
    """A word of an answer and the place it speaks of: a point, and where a trace is known its `extent` while
    the word was spoken, [x0, y0, x1, y1]."""

    span: Span
    point: tuple[FiniteFloat, FiniteFloat]
    extent: Box | None = None

    @model_validator(mode="after")
    def _check(self) -> WordPoint:
        if self.extent is not None and (self.extent[0] > self.extent[2] or self.extent[1] > self.extent[3]):
            raise ValueError(f"a word's extent {self.extent} is not [left, top, right, bottom]")
        return self


class Expression(_Strict):
    """What people call some objects, before any question is made of it: "the mug on the left".

    `ids` are the objects whose union it means; none: nothing in the picture. `kind` is the source's own
    label, such as "short" and "long" of ReasonSeg; `id` is the number that it has there, if any.
    """

    text: Annotated[str, Field(min_length=1)]
    ids: list[int]
    kind: str = ""
    id: int | None = None


class Caption(_Strict):
    """A description of the picture, or of the box `region`, with the places of its words where known."""

    text: Annotated[str, Field(min_length=1)]
    points: list[WordPoint] = []
    region: Box | None = None

    @model_validator(mode="after")
    def _check(self) -> Caption:
        _check_spans("word point", self.points, self.text)
        return self


class Turn(_Strict):
    """A question and its answer. `region` is the box that a location-conditioned caption is about; `follows`
    says that it goes on from the turn before it, in one conversation."""

    question: Annotated[str, Field(min_length=1)]
    answer: Annotated[str, Field(min_length=1)]
    phrases: list[Phrase] = []
    points: list[WordPoint] = []
    region: Box | None = None
    type: str = ""
    follows: bool = False

    @model_validator(mode="after")
    def _check(self) -> Turn:
        _check_spans("phrase", self.phrases, self.answer)
        _check_spans("word point", self.points, self.answer)
        return self


class Record(_Strict):
    """One picture. `ignore` are pixels to leave out of loss and score; `exhaustive` are the categories
    labelled wherever they occur: for those alone, no object means that there is none.

    `expressions` and `captions` are facts of a source that no question was made of yet
    (`segue.data.templates` makes `dialogue` of them, in each family's words).
    """

    image: Annotated[str, Field(min_length=1)]
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    objects: list[ObjectRecord]
    dialogue: list[Turn] = []
    expressions: list[Expression] = []
    captions: list[Caption] = []
    ignore: RLE | None = None
    exhaustive: list[str] | Literal["all"] = []
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Record:
        ids = {entry.id for entry in self.objects}
        if len(ids) != len(self.objects):
            raise ValueError("two objects have the same id")
        for entry in self.objects:
            _check_segmentation(entry.segmentation, self.height, self.width, f"object {entry.id}")
            if entry.part_of is not None and entry.part_of not in ids:
                raise ValueError(f"object {entry.id} is part of object {entry.part_of}, which does not exist")
        _check_segmentation(self.ignore, self.height, self.width, "ignore")
        for turn in self.dialogue:
            for phrase in turn.phrases:
                unknown = [id_ for id_ in phrase.ids if id_ not in ids]
                if unknown:
                    words = turn.answer[slice(*phrase.span)]
                    raise ValueError(f"phrase {words!r} names objects that do not exist: {unknown[:5]}")
        for expression in self.expressions:
            unknown = [id_ for id_ in expression.ids if id_ not in ids]
            if unknown:
                raise ValueError(
                    f"expression {expression.text[:60]!r} names objects that do not exist: {unknown[:5]}"
                )
        return self


def read_records(path: str | Path, *, on_error: Literal["raise", "skip"] = "raise") -> Iterator[Record]:
    """The records of a native file, one at a time. A broken one raises `DataError` with file and line, or is
    logged and left out with `on_error="skip"`."""
    path = Path(path)
    try:
        lines = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    with lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = Record.model_validate_json(line)
            except ValidationError as error:
                message = f"{path}, line {number}: {first_problem(error)}"
                if on_error == "raise":
                    raise DataError(message) from None
                logger.warning("skipped %s", message)
                continue
            yield record


def write_records(path: str | Path, records: Iterable[Record]) -> int:
    """Write a native file and say how many records it holds. The file appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    count = 0
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(record.model_dump_json(exclude_defaults=True) + "\n")
            count += 1
    os.replace(partial, path)
    return count


def decode_mask(segmentation: RLE | Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """A bool mask (height, width) of an RLE or of polygons; all False for an empty list."""
    if isinstance(segmentation, dict):
        runs = run_lengths(segmentation["counts"])
        if (runs < 0).any() or runs.sum() != height * width:
            raise DataError(f"a mask's run lengths do not fill {height} x {width} pixels")
        return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(width, height).T
    if len(segmentation) == 0:
        return np.zeros((height, width), dtype=bool)
    polygons = coco_mask.frPyObjects([list(polygon) for polygon in segmentation], height, width)
    return coco_mask.decode(coco_mask.merge(polygons)).astype(bool)


def encode_mask(mask: np.ndarray) -> RLE:
    """The compressed RLE of a bool mask (height, width)."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    height, width = rle["size"]
    return {"size": (int(height), int(width)), "counts": rle["counts"].decode("ascii")}


def mask_box(mask: np.ndarray) -> list[float]:
    """The tight [x, y, width, height] of a bool mask; all zero for an empty one."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return [0.0, 0.0, 0.0, 0.0]
    top, left = int(rows[0]), int(columns[0])
    return [float(left), float(top), float(columns[-1] + 1 - left), float(rows[-1] + 1 - top)]


def run_lengths(counts: str) -> np.ndarray:
    """The pixel runs (background first, down the columns) that COCO's compressed counts stand for.

    Read here and not by pycocotools, which leaves pixels uninitialised when the runs end early. Each run is a
    little-endian group of 5-bit digits, bit 5 saying that more follow; from the fourth run on it is the
    difference to the run two before.
    """
    digits = np.frombuffer(counts.encode("utf-8", "replace"), dtype=np.uint8).astype(np.int64) - 48
    if digits.size == 0 or digits.min() < 0 or digits.max() > 63 or digits[-1] & 32:
        raise DataError("a mask has counts that are not a compressed COCO RLE")
    last = (digits & 32) == 0
    starts = np.flatnonzero(np.concatenate(([True], last[:-1])))
    place = np.arange(digits.size) - np.repeat(starts, np.diff(np.append(starts, digits.size)))
    if place.max() > 6:
        raise DataError("a mask has counts that are not a compressed COCO RLE")
    runs = np.add.reduceat((digits & 31) << (5 * place), starts)
    negative = (digits[last] & 16) != 0
    runs -= np.where(negative, np.int64(1) << (5 * (place[last] + 1)), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _check_spans(what: str, marks: Sequence[Phrase] | Sequence[WordPoint], text: str) -> None:
    last_end = 0
    for mark in marks:
        start, end = mark.span
        if not last_end <= start < end <= len(text):
            raise ValueError(
                f"{what} span [{start}, {end}] is empty, overlaps the one before it or leaves "
                f"the text {text[:60]!r} of {len(text)} characters"
            )
        last_end = end


def _check_segmentation(segmentation: RLE | list[Polygon] | None, height: int, width: int, what: str) -> None:
    if isinstance(segmentation, dict):
        size = tuple(segmentation["size"])
        if size != (height, width):
            raise ValueError(f"{what}: its mask is {size} (height, width), the picture {(height, width)}")
        runs = run_lengths(segmentation["counts"])
        if (runs < 0).any() or runs.sum() != height * width:
            raise ValueError(f"{what}: its mask's run lengths do not fill the picture")
    elif segmentation and any(len(polygon) % 2 for polygon in segmentation):
        raise ValueError(f"{what}: a polygon has an odd number of coordinates")


def first_problem(error: ValidationError) -> str:
    """One line for a person: where in the record, what, and how many more."""
    problems = error.errors(include_url=False, include_input=False)
    place = ".".join(str(step) for step in problems[0]["loc"])
    text = problems[0]["msg"].removeprefix("Value error, ")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place + ': ' if place else ''}{text}{more}"
