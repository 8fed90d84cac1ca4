"""The journal's answers as other tools' files, read and written picture by picture.

`coco` is one file, there whole or not at all; the others are folders that can be written again at any time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
import yaml
from PIL import Image

from segue.annotation.asks import Ask
from segue.annotation.journal import Journal
from segue.answer import Answer, Segment
from segue.errors import DataError
from segue.exports.coco import coco_annotation
from segue.exports.fiftyone import fiftyone_detection, mask_in_box
from segue.exports.geojson import to_geojson
from segue.exports.index_png import index_picture
from segue.exports.labelme import to_labelme
from segue.exports.yolo import yolo_line

__all__ = ["FORMATS", "Annotated", "Results", "write"]


@dataclass(frozen=True)
class Annotated:
    """A picture with all that was found in it.

    Attributes:
        name: its path, relative to the folder.
        segments: of all answers; `phrase` is the category's name.
    """

    name: str
    width: int
    height: int
    segments: tuple[Segment, ...]

    @property
    def present(self) -> list[Segment]:
        return [segment for segment in self.segments if segment.bbox is not None]

    @property
    def answer(self) -> Answer:
        """All segments as those of one answer, whose text is their phrases."""
        text, segments = "", []
        for segment in self.present:
            start = len(text)
            text += f"{segment.phrase}\n"
            segments.append(replace(segment, span=(start, start + len(segment.phrase))))
        return Answer(text, tuple(segments), (), self.width, self.height)


class Results:
    """What a journal holds, with the categories numbered from 1: phrases that were asked for first, then the
    answers' own in the order in which they come, in lower case."""

    def __init__(self, journal: Journal, asks: Sequence[Ask], folder: Path, pictures: Sequence[str]):
        self.folder = folder.resolve()
        self._journal, self._asks, self._pictures = journal, asks, set(pictures)
        names = {ask.phrase: None for ask in asks if ask.phrase is not None}
        count = 0
        for picture in self:
            count += 1
            names |= {segment.phrase: None for segment in picture.segments}
        self.count = count
        self.categories = {name: number for number, name in enumerate(names, start=1)}

    def __iter__(self) -> Iterator[Annotated]:
        for done in self._journal.answers():
            if done.picture not in self._pictures:
                continue
            answers = [Answer.from_dict(answer) for answer in done.answers or ()]
            segments = tuple(
                replace(segment, phrase=name, span=(0, len(name)))
                for ask, answer in zip(self._asks, answers, strict=True)
                for segment in answer.segments
                for name in [ask.phrase or segment.phrase.casefold() or "object"]
            )
            yield Annotated(done.picture, answers[0].width, answers[0].height, segments)


def write(name: str, results: Results, out: Path) -> None:
    """Write one of `FORMATS` to a file or folder.

    Raises:
        DataError: it cannot be written, or the format cannot hold the results.
    """
    try:
        FORMATS[name](results, out)
    except OSError as error:
        raise DataError(f"{error.filename or out} cannot be written: {error.strerror or error}") from error


def write_coco(results: Results, out: Path) -> None:
    """COCO instances. What was said not to be there is in a picture's `neg_category_ids`, as in LVIS."""
    with _whole(out) as stream:
        stream.write('{"info": {"description": "annotated by segue"},\n"categories": ')
        stream.write(
            json.dumps([{"id": number, "name": name} for name, number in results.categories.items()])
        )
        stream.write(',\n"images": [')
        _stream(stream, (_coco_image(results, number, p) for number, p in enumerate(results, start=1)))
        stream.write('],\n"annotations": [')
        _stream(stream, _coco_annotations(results))
        stream.write("]}\n")


def _coco_image(results: Results, number: int, picture: Annotated) -> dict[str, Any]:
    entry = {
        "id": number,
        "width": picture.width,
        "height": picture.height,
        "file_name": picture.name,
    }
    present = {segment.phrase for segment in picture.present}
    absent = {segment.phrase for segment in picture.segments if segment.rejected} - present
    negative = sorted(results.categories[name] for name in absent)
    return entry | ({"neg_category_ids": negative} if negative else {})


def _coco_annotations(results: Results) -> Iterator[dict[str, Any]]:
    number = 0
    for image_id, picture in enumerate(results, start=1):
        for segment in picture.present:
            number += 1
            category = results.categories[segment.phrase]
            yield coco_annotation(segment, number=number, image_id=image_id, category_id=category)


def write_yolo(results: Results, out: Path) -> None:
    """`labels/`, `data.yaml`, and `images` as a link to the pictures, beside which Ultralytics looks."""
    for picture, path in _beside(results, out / "labels", ".txt"):
        size = (picture.width, picture.height)
        lines = (
            yolo_line(segment, number=results.categories[segment.phrase] - 1, size=size)
            for segment in picture.present
        )
        path.write_text("".join(lines), encoding="utf-8")
    if not (link := out / "images").exists():
        link.symlink_to(results.folder, target_is_directory=True)
    names = {number - 1: name for name, number in results.categories.items()}
    content = {"path": str(out.resolve()), "train": "images", "val": "images", "names": names}
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    (out / "data.yaml").write_text(text, encoding="utf-8")


def write_labelme(results: Results, out: Path) -> None:
    """A JSON file for each picture, with the picture's path as seen from it."""
    for picture, path in _beside(results, out, ".json"):
        image = os.path.relpath(results.folder / picture.name, path.parent.resolve())
        _write_json(path, to_labelme(picture.answer, image_path=Path(image).as_posix()))


def write_geojson(results: Results, out: Path) -> None:
    """A FeatureCollection for each picture, in its pixels."""
    for picture, path in _beside(results, out, ".geojson"):
        _write_json(path, to_geojson(picture.answer))


def write_index_png(results: Results, out: Path) -> None:
    """A paletted PNG for each picture, whose values are the categories' numbers (in `categories.json`)."""
    if len(results.categories) > 255:
        raise DataError(f"index pictures hold 255 categories; there are {len(results.categories)}")
    for picture, path in _beside(results, out, ".png"):
        index = np.zeros((picture.height, picture.width), np.uint8)
        for segment in picture.present:
            if (mask := segment.mask) is not None:
                index[mask] = results.categories[segment.phrase]
        index_picture(index).save(path, "PNG")
    _write_json(out / "categories.json", {str(number): name for name, number in results.categories.items()})


def write_fiftyone(results: Results, out: Path) -> None:
    """`samples.json`, and the masks as PNG files: what `fiftyone.types.FiftyOneDataset` reads."""
    (out / "masks").mkdir(parents=True, exist_ok=True)
    with _whole(out / "samples.json") as stream:
        stream.write('{"samples": [')
        _stream(
            stream,
            (_sample(results, picture, path) for picture, path in _beside(results, out / "masks", "")),
        )
        stream.write("]}\n")


def _sample(results: Results, picture: Annotated, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    detections = []
    for number, segment in enumerate(picture.present):
        mask, path = mask_in_box(segment), None
        if mask is not None:
            path = str((folder / f"{number}.png").resolve())
            Image.fromarray((mask * np.uint8(255)).astype(np.uint8)).save(path)
        size = (picture.width, picture.height)
        detections.append(fiftyone_detection(segment, label=segment.phrase, size=size, mask_path=path))
    return {
        "filepath": str(results.folder / picture.name),
        "tags": [],
        "predictions": {"_cls": "Detections", "detections": detections},
    }


FORMATS: dict[str, Callable[[Results, Path], None]] = {
    "coco": write_coco,
    "yolo": write_yolo,
    "labelme": write_labelme,
    "geojson": write_geojson,
    "index-png": write_index_png,
    "fiftyone": write_fiftyone,
}


def _beside(results: Results, folder: Path, suffix: str) -> Iterator[tuple[Annotated, Path]]:
    """Pictures with the paths of their files, in folders that exist."""
    folder.mkdir(parents=True, exist_ok=True)
    owners: dict[str, str] = {}
    for picture in results:
        path = folder / PurePosixPath(picture.name).with_suffix(suffix)
        other = owners.setdefault(str(path), picture.name)
        if other != picture.name:
            raise DataError(f"{other} and {picture.name} would both have the file {path}: rename one")
        path.parent.mkdir(parents=True, exist_ok=True)
        yield picture, path


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    """A text file that takes its name when it is finished and on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.writing")
    try:
        with open(part, "w", encoding="utf-8") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _stream(stream: IO[str], entries: Iterable[dict[str, Any]]) -> None:
    """Entries of a JSON list, a line each."""
    separator = "\n"
    for entry in entries:
        stream.write(separator + json.dumps(entry, ensure_ascii=False))
        separator = ",\n"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
