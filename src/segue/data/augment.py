"""Strong augmentation of a photograph and its record: crop, flip, colour, grey, blur.

Augment before making turns: then "the dog on the left" is true of what the model sees. Turns that a record
already has (captions, human expressions) are kept where they stay true; a flip swaps their left and right. An
object of which only a sliver is left is neither there nor absent: it is taken out, its pixels go to `ignore`,
and its category is no longer exhaustive.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from pycocotools import mask as coco_mask

from segue.data.native import (
    RLE,
    ObjectRecord,
    Phrase,
    Record,
    Turn,
    WordPoint,
    decode_mask,
    encode_mask,
)
from segue.errors import ImageError

# Under this share of its area, or of the picture, what is left of an object can no longer be named fairly.
SLIVER_OF_OBJECT = 0.2
SLIVER_OF_PICTURE = 0.0005
# A sentence about the whole picture, or about one thing among others, is taken to survive these.
KEPT_PICTURE, KEPT_TARGET = 0.6, 0.7

# "right next to", "right behind": not a side.
_NOT_A_SIDE = re.compile(
    r"\bright (?:next|behind|in front|above|below|beside|by|near|before|after|at|there|here|now|away|up|down"
    r"|over|under|angle)\b|\b(?:all|turn|be|is|are) (?:right|left)\b|\bleft(?:over|\s+(?:behind|alone|open))",
    re.IGNORECASE,
)
_SIDE = re.compile(r"\b([Ll]eft|[Rr]ight)(?=most\b|hand|\b)")
_SWAPPED = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}


@dataclass(frozen=True)
class Strength:
    """How much may change. Chances are 0-1; brightness, contrast and saturation vary by up to that factor."""

    crop_area: tuple[float, float] = (0.3, 1.0)
    crop_ratio: tuple[float, float] = (0.7, 1.43)
    whole: float = 0.25
    flip: float = 0.5
    brightness: float = 0.35
    contrast: float = 0.35
    saturation: float = 0.5
    hue: float = 0.06
    grey: float = 0.05
    blur: float = 0.1


@dataclass(frozen=True)
class Crop:
    """A box of the original picture (x, y, width, height in its pixels), and whether it is then mirrored."""

    x: float
    y: float
    width: float
    height: float
    flip: bool = False


def load_photograph(path: str | Path, *, at_least: int | None = None) -> np.ndarray:
    """The pixels (H, W, 3) uint8, as stored (annotations count in stored pixels, so EXIF does not turn it).

    With `at_least`, a JPEG may be decoded at a half, quarter or eighth, both sides staying at least that
    long, which is much faster; `augment` does not mind the difference to the record's size.
    """
    try:
        with Image.open(path) as picture:
            if at_least is not None:
                picture.draft("RGB", (at_least, at_least))
            return np.asarray(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ImageError(f"{path}: this picture of the data set cannot be read ({error})") from error


def augment(
    image: np.ndarray,
    record: Record,
    rng: np.random.Generator,
    *,
    size: tuple[int, int] | None = None,
    strength: Strength | None = None,
) -> tuple[np.ndarray, Record]:
    """A new picture of `size` (height, width) and the record that is true of it; without `size`, at the
    crop's own size. The image may be a scaled copy of the record's."""
    strength = strength or Strength()
    crop = choose_crop(record, rng, strength)
    return recolor(crop_image(image, record, crop, size=size), rng, strength), crop_record(
        record, crop, size=size
    )


def choose_crop(record: Record, rng: np.random.Generator, strength: Strength) -> Crop:
    """A box that keeps at least half of some object with a mask (any box where there is no such object)."""
    flip = bool(rng.random() < strength.flip)
    whole = Crop(0, 0, record.width, record.height, flip)
    if rng.random() < strength.whole:
        return whole
    boxes = np.array([entry.bbox for entry in record.objects if entry.segmentation]).reshape(-1, 4)
    for _ in range(10):
        area = rng.uniform(*strength.crop_area) * record.width * record.height
        ratio = np.exp(rng.uniform(*np.log(strength.crop_ratio))) * record.width / record.height
        width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
        if width > record.width or height > record.height:
            continue
        x, y = rng.uniform(0, record.width - width), rng.uniform(0, record.height - height)
        overlap_x = np.minimum(x + width, boxes[:, 0] + boxes[:, 2]) - np.maximum(x, boxes[:, 0])
        overlap_y = np.minimum(y + height, boxes[:, 1] + boxes[:, 3]) - np.maximum(y, boxes[:, 1])
        kept = overlap_x.clip(min=0) * overlap_y.clip(min=0) / (boxes[:, 2] * boxes[:, 3]).clip(min=1)
        if len(boxes) == 0 or (kept >= 0.5).any():
            return Crop(float(x), float(y), float(width), float(height), flip)
    return whole


def crop_image(
    image: np.ndarray, record: Record, crop: Crop, *, size: tuple[int, int] | None = None
) -> np.ndarray:
    """The crop's pixels at `size` (height, width)."""
    height, width = size or _own_size(crop)
    scale_x, scale_y = image.shape[1] / record.width, image.shape[0] / record.height
    box = (
        crop.x * scale_x,
        crop.y * scale_y,
        min((crop.x + crop.width) * scale_x, image.shape[1]),
        min((crop.y + crop.height) * scale_y, image.shape[0]),
    )
    picture = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, box=box)
    if crop.flip:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(picture)


def recolor(image: np.ndarray, rng: np.random.Generator, strength: Strength) -> np.ndarray:
    """Another light, another camera: brightness, contrast, saturation, hue, at times grey or blurred."""
    # 1. Everything linear is one 3 x 4 matrix, which Pillow applies in C.
    brightness = np.exp(rng.uniform(-1, 1) * np.log1p(strength.brightness))
    contrast = np.exp(rng.uniform(-1, 1) * np.log1p(strength.contrast))
    saturation = np.exp(rng.uniform(-1, 1) * np.log1p(strength.saturation))
    if rng.random() < strength.grey:
        saturation = 0.0
    angle = rng.uniform(-1, 1) * strength.hue * 2 * np.pi
    matrix = brightness * contrast * _chroma_matrix(saturation, angle)
    offset = (1 - contrast) * brightness * float(image.mean())
    rows = np.concatenate([matrix, np.full((3, 1), offset)], axis=1)
    picture = Image.fromarray(image).convert("RGB", tuple(rows.ravel().tolist()))
    # 2. Blur.
    if rng.random() < strength.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 1.2))))
    return np.asarray(picture)


def crop_record(record: Record, crop: Crop, *, size: tuple[int, int] | None = None) -> Record:
    """The record of the cropped and mirrored picture at `size` (height, width); object ids stay."""
    height, width = size or _own_size(crop)
    frame = _Frame(crop, height, width, record.height, record.width)
    ignore = (
        None if record.ignore is None else frame.mask(decode_mask(record.ignore, record.height, record.width))
    )
    # 1. Objects: whole, cut, or too little to be named.
    objects: dict[int, ObjectRecord] = {}
    kept: dict[int, float] = {}
    unsure: set[str] = set()
    for entry in record.objects:
        moved, share, area = frame.object(entry)
        kept[entry.id] = share
        if area <= 0:
            continue
        if share < SLIVER_OF_OBJECT or area < SLIVER_OF_PICTURE * height * width:
            unsure.add(entry.category)
            kept[entry.id] = 0.0
            if moved.segmentation:
                remains = decode_mask(moved.segmentation, height, width)
                ignore = remains if ignore is None else ignore | remains
            continue
        objects[entry.id] = moved
    for id_, entry in list(objects.items()):
        if entry.part_of is not None and entry.part_of not in objects:
            objects[id_] = entry.model_copy(update={"part_of": None})
    # 2. Turns that stay true.
    dialogue = []
    if crop.width * crop.height >= KEPT_PICTURE * record.width * record.height:
        dialogue = [told for turn in record.dialogue if (told := frame.turn(turn, kept)) is not None]
    exhaustive = record.exhaustive
    if unsure:
        exhaustive = [] if exhaustive == "all" else [name for name in exhaustive if name not in unsure]
    return record.model_copy(
        update={
            "width": width,
            "height": height,
            "objects": list(objects.values()),
            "dialogue": dialogue,
            "ignore": None if ignore is None or not ignore.any() else encode_mask(ignore),
            "exhaustive": exhaustive,
        }
    )


def swap_sides(text: str, spans: Sequence[tuple[int, int]] = ()) -> tuple[str, list[tuple[int, int]]] | None:
    """The text with left and right exchanged and the spans moved along; None where "right" is not a side."""
    if _NOT_A_SIDE.search(text):
        return None
    moves = [(match.end(), len(_SWAPPED[match[1]]) - len(match[1])) for match in _SIDE.finditer(text)]

    def moved(offset: int) -> int:
        return offset + sum(change for end, change in moves if end <= offset)

    swapped = _SIDE.sub(lambda match: _SWAPPED[match[1]], text)
    return swapped, [(moved(start), moved(end)) for start, end in spans]


@dataclass(frozen=True)
class _Frame:
    """From the original picture's pixels to those of the new one."""

    crop: Crop
    height: int
    width: int
    old_height: int
    old_width: int

    def point(self, x: Any, y: Any) -> tuple[Any, Any]:
        """A point, or arrays of their coordinates."""
        new_x = (x - self.crop.x) * self.width / self.crop.width
        return (
            self.width - new_x if self.crop.flip else new_x,
            (y - self.crop.y) * self.height / self.crop.height,
        )

    def box(self, box: Sequence[float]) -> list[float]:
        """[x, y, w, h], clipped to the new picture."""
        (x0, y0), (x1, y1) = self.point(box[0], box[1]), self.point(box[0] + box[2], box[1] + box[3])
        left, right = np.clip(sorted((x0, x1)), 0, self.width).tolist()
        top, bottom = np.clip((y0, y1), 0, self.height).tolist()
        return [left, top, right - left, bottom - top]

    def extent(self, corners: Sequence[float] | None) -> list[float] | None:
        """[x0, y0, x1, y1], clipped to the new picture; None stays None."""
        if corners is None:
            return None
        x0, y0, x1, y1 = corners
        left, top, width, height = self.box([x0, y0, x1 - x0, y1 - y0])
        return [left, top, left + width, top + height]

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """Nearest pixel: masks shrink by two at most here, and stay exact where nothing is scaled."""
        columns = (np.arange(self.width) + 0.5) * self.crop.width / self.width + self.crop.x
        rows = (np.arange(self.height) + 0.5) * self.crop.height / self.height + self.crop.y
        if self.crop.flip:
            columns = columns[::-1]
        rows = np.minimum(rows.astype(np.intp), mask.shape[0] - 1)
        columns = np.minimum(columns.astype(np.intp), mask.shape[1] - 1)
        return mask[rows[:, None], columns[None, :]]

    def object(self, entry: ObjectRecord) -> tuple[ObjectRecord, float, float]:
        """The object in the new picture, the share of it that is left, and its area there in pixels."""
        scale = self.width * self.height / (self.crop.width * self.crop.height)
        box = self.box(entry.bbox)
        if box[2] <= 0 or box[3] <= 0 or not entry.segmentation:
            area = box[2] * box[3]
            update: dict[str, object] = {"segmentation": [], "bbox": box}
            whole = entry.bbox[2] * entry.bbox[3] * scale
        else:
            rle, whole = self._segmentation(entry.segmentation)
            whole *= scale
            coco_rle = {"size": list(rle["size"]), "counts": rle["counts"]}
            area = float(coco_mask.area(coco_rle))
            update = {"segmentation": rle, "bbox": [float(value) for value in coco_mask.toBbox(coco_rle)]}
        return entry.model_copy(update=update), area / whole if whole > 0 else 0.0, area

    def _segmentation(self, segmentation: RLE | list[list[float]]) -> tuple[RLE, float]:
        """The mask in the new picture, and the whole object's area in the old one."""
        if isinstance(segmentation, dict):
            mask = decode_mask(segmentation, self.old_height, self.old_width)
            return encode_mask(self.mask(mask)), float(mask.sum())
        # Polygons are moved as such and drawn once, at the new size.
        polygons: list[list[float]] = []
        area = 0.0
        for polygon in segmentation:
            x, y = np.asarray(polygon[0::2]), np.asarray(polygon[1::2])
            area += abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))) / 2
            polygons.append(np.stack(self.point(x, y), axis=1).ravel().tolist())
        rle = coco_mask.merge(coco_mask.frPyObjects(polygons, self.height, self.width))
        return {"size": (self.height, self.width), "counts": rle["counts"].decode("ascii")}, area

    def turn(self, turn: Turn, kept: dict[int, float]) -> Turn | None:
        """The turn about the new picture, or None where it may no longer be true."""
        targets = [id_ for phrase in turn.phrases for id_ in phrase.ids]
        if any(kept[id_] < KEPT_TARGET for id_ in targets):
            return None
        question, answer = turn.question, turn.answer
        spans = [phrase.span for phrase in turn.phrases] + [word.span for word in turn.points]
        if self.crop.flip:
            new_question, new_answer = swap_sides(question), swap_sides(answer, spans)
            if new_question is None or new_answer is None:
                return None
            question, (answer, spans) = new_question[0], new_answer
        phrases = [
            Phrase(span=span, ids=phrase.ids) for phrase, span in zip(turn.phrases, spans, strict=False)
        ]
        points = [
            WordPoint(span=span, point=self.point(*word.point), extent=self.extent(word.extent))
            for word, span in zip(turn.points, spans[len(turn.phrases) :], strict=True)
        ]
        points = [
            word for word in points if 0 <= word.point[0] < self.width and 0 <= word.point[1] < self.height
        ]
        region = None
        if turn.region is not None:
            region = self.box(turn.region)
            scale = self.width * self.height / (self.crop.width * self.crop.height)
            if region[2] * region[3] < KEPT_TARGET * turn.region[2] * turn.region[3] * scale:
                return None
        return turn.model_copy(
            update={
                "question": question,
                "answer": answer,
                "phrases": phrases,
                "points": points,
                "region": region,
            }
        )


def _own_size(crop: Crop) -> tuple[int, int]:
    return max(1, round(crop.height)), max(1, round(crop.width))


def _chroma_matrix(saturation: float, angle: float) -> np.ndarray:
    """RGB to RGB: colour scaled by `saturation` and turned by `angle` radians around grey, luma kept."""
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    cos, sin = saturation * np.cos(angle), saturation * np.sin(angle)
    turn = np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])
    return np.linalg.inv(to_yiq) @ turn @ to_yiq
