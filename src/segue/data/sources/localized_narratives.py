"""Localized Narratives: spoken descriptions of pictures, with the path of the speaker's cursor (Pont-Tuset et
al. 2020), for COCO, Flickr30k, ADE20K and Open Images.

A record is a picture with all its narratives as captions; a caption's `points` are the utterances that have a
place, in order (`segue.data.word_alignment`). As PixelLLM's builder does, narratives with fewer than two
points of a trace are left out, and pictures with no other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from segue.data.native import Caption, Record
from segue.data.native_file import line_places
from segue.data.reading import Lines, upright_size
from segue.data.sources import DataSource, SourceFile, locate
from segue.data.sources.coco_pictures import coco_pictures
from segue.data.sources.official_files import check_split, naming
from segue.data.word_alignment import utterance_places, utterance_points
from segue.errors import DataError

__all__ = ["SOURCES", "NarrativeRecords"]

_BUCKET = "https://storage.googleapis.com/localized-narratives/annotations"
_PAGE = "https://google.github.io/localized-narratives"
_FLICKR = SourceFile(
    "flickr30k/images",
    "Flickr30k's pictures",
    "https://shannon.cs.illinois.edu/DenotationGraph",
    also=("flickr30k/flickr30k-images", "flickr30k-images"),
)
_ADE = "http://data.csail.mit.edu/places/ADEchallenge/ADEChallengeData2016.zip"
_OPEN_IMAGES = "https://storage.googleapis.com/openimages/web/download_v7.html"

_SHARDED = {"coco/train": ("coco_train", 4), "open_images/train": ("open_images_train_v6", 10)}
_PICTURES = {
    "coco/train": coco_pictures("train2017"),
    "coco/val": coco_pictures("val2017"),
    **{f"flickr30k/{split}": _FLICKR for split in ("train", "val", "test")},
    "ade20k/train": SourceFile("ade20k/images/training", "ADE20K's pictures", _ADE),
    "ade20k/validation": SourceFile("ade20k/images/validation", "ADE20K's pictures", _ADE),
    **{
        f"open_images/{split}": SourceFile(f"open_images/{split}", "Open Images' pictures", _OPEN_IMAGES)
        for split in ("train", "validation", "test")
    },
}
_SPLITS = tuple(_PICTURES)

_IMAGE_ID = re.compile(rb'"image_id"\s*:\s*"([^"]*)"')


class NarrativeRecords(Sequence[Record]):
    """The pictures of some narrative files, in the order in which they are first named.

    Args:
        paths: the files, a narrative on each line.
        folder: what the records' `image` is relative to.
        pictures: the pictures' folder under it.
        padded: the pictures are named by their number with 12 digits, as COCO's are.
    """

    def __init__(self, paths: Sequence[Path], *, folder: Path, pictures: str, padded: bool):
        self.folder = folder
        self._pictures, self._padded = pictures, padded
        groups: dict[bytes, list[int]] = {}
        places: list[tuple[Path, int]] = []
        for path in paths:
            for offset, line in line_places(path):
                found = _IMAGE_ID.search(line)
                # A line without the field is a broken record of its own, named when it is read.
                key = found.group(1) if found else b"%s %d" % (bytes(path), offset)
                if found is None or line.count(b'"x"') > 1:
                    groups.setdefault(key, []).append(len(places))
                    places.append((path, offset))
        self._lines, self._groups = Lines(places), list(groups.values())
        if not places:
            raise DataError(f"{', '.join(map(str, paths))}: no narrative with a trace in it")

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` with file and line where a narrative or the picture is broken."""
        numbers = self._groups[index]
        with naming(*self._lines.where(numbers[0])):
            image = self._image(json.loads(self._lines[numbers[0]])["image_id"])
            width, height = upright_size(self.folder / image)
        captions = []
        for number in numbers:
            with naming(*self._lines.where(number)):
                content = json.loads(self._lines[number])
                places = utterance_places(content["timed_caption"], content["traces"])
                if places is not None:
                    text = content["caption"]
                    points = utterance_points(text, places, width=width, height=height)
                    captions.append(Caption(text=text, points=points))
        with naming(*self._lines.where(numbers[0])):
            return Record(
                image=image,
                width=width,
                height=height,
                objects=[],
                captions=captions,
                source="localized_narratives",
            )

    def _image(self, image_id: str) -> str:
        name = f"{int(image_id):012d}" if self._padded else image_id
        return f"{self._pictures}/{name}.jpg"


def _annotations(split: str) -> list[SourceFile]:
    if split in _SHARDED:
        stem, count = _SHARDED[split]
        names = [f"{stem}_localized_narratives-{i:05d}-of-{count:05d}.jsonl" for i in range(count)]
    else:
        names = [f"{split.replace('/', '_')}_localized_narratives.jsonl"]
    return [
        SourceFile(
            f"localized_narratives/{name}",
            f"narratives, {split}",
            f"{_BUCKET}/{name}",
            also=(f"localized_narratives/annotations/{name}",),
        )
        for name in names
    ]


def _files(split: str) -> list[SourceFile]:
    check_split("localized_narratives", split, _SPLITS)
    return [*_annotations(split), _PICTURES[split]]


def _open(root: Path, split: str) -> NarrativeRecords:
    check_split("localized_narratives", split, _SPLITS)
    paths = []
    for file in _annotations(split):
        found = locate(root, file)
        if found is None:
            raise DataError(
                f"localized_narratives, {split}: {root / file.path} is missing; get it from {_PAGE}"
            )
        paths.append(root / found)
    pictures = _PICTURES[split]
    return NarrativeRecords(
        paths,
        folder=root,
        pictures=locate(root, pictures) or pictures.path,
        padded=split.startswith("coco/"),
    )


SOURCES = (
    DataSource(
        name="localized_narratives",
        title="Localized Narratives",
        splits=_SPLITS,
        files=_files,
        open=_open,
    ),
)
