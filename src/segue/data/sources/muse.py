"""MUSE: questions whose answers name one or several instances of a COCO picture (PixelLM, section 4).

The files hold dialogues, which become the records' own (`segue.data.muse_json` says how). Questions that
cannot be used are left out with a warning, and so are records without another, as the published sampler
passes over them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from segue.data.json_index import Place, read_values, scan_json
from segue.data.muse_json import is_usable, record_of
from segue.data.native import Record
from segue.data.sources import DataSource, SourceFile, locate
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_split, naming
from segue.errors import DataError

__all__ = ["SOURCES", "MuseRecords"]

logger = logging.getLogger(__name__)

_NAMES = {"train": "train", "val": "val", "test_few": "test_less", "test_many": "test_many"}
_PAGE = "https://github.com/MaverickRen/PixelLM#dataset"


class MuseRecords(Sequence[Record]):
    """The entries of one MUSE file, each made into a record when it is taken.

    Args:
        path: the JSON file.
        folder: what the records' `image` is relative to.
        image_of: an entry's picture, relative to `folder`. May raise `KeyError` for a broken entry.
        mismatched: as in `segue.data.muse_json.record_of`.
    """

    def __init__(
        self,
        path: Path,
        *,
        folder: Path,
        image_of: Callable[[dict[str, Any]], str],
        mismatched: Literal["leave out", "compose"] = "leave out",
    ):
        self.path, self.folder = path, folder
        self._image_of, self._mismatched = image_of, mismatched
        elements = [(e.place, is_usable(e.value, mismatched=mismatched)) for e in scan_json(path, [""])]
        self._places: list[tuple[int, Place]] = [
            (number, place) for number, (place, usable) in enumerate(elements) if usable
        ]
        if not self._places:
            raise DataError(f"{path}: a MUSE file with no record in it that has a question with an answer")
        if unusable := len(elements) - len(self._places):
            logger.warning("%s: %d records without a usable question are left out", path, unusable)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` with file and record where the entry is broken."""
        number, place = self._places[index]
        (entry,) = read_values(self.path, [place])
        with naming(self.path, f"record {number}"):
            converted = record_of(entry, image=self._image_of(entry), mismatched=self._mismatched)
        for problem in converted.left_out:
            logger.warning("%s, record %d, %s: left out", self.path, number, problem)
        return converted.record


class _CocoImages:
    """The picture of an entry, by the published loader's rules. A class, so that worker processes get it."""

    def __init__(self, root: Path):
        names = ("train2014", "train2017", "val2017")
        self.folders = {name: coco_folder(root, name) for name in names}

    def __call__(self, entry: dict[str, Any]) -> str:
        if "file_name" in entry:
            return f"{self.folders['train2014']}/{entry['file_name']}"
        url = entry["coco_url"]
        return f"{self.folders['train2017' if 'train2017' in url else 'val2017']}/{url.split('/')[-1]}"


def _annotations(split: str) -> SourceFile:
    """The README's name in small letters; other projects' layouts have it in capitals."""
    lower, upper = (f"{muse}_{_NAMES[split]}.json" for muse in ("muse", "MUSE"))
    other = "multi_reason_seg/MultiReasonSeg"
    also = (f"muse/{upper}", lower, upper, f"{other}/{upper}", f"{other}/{lower}")
    return SourceFile(path=f"muse/{lower}", what=f"MUSE's questions, {split}", where=_PAGE, also=also)


def _files(split: str) -> list[SourceFile]:
    check_split("muse", split, tuple(_NAMES))
    # A few records of every file are pictures of train2014.
    return [_annotations(split), *(coco_pictures(name) for name in ("train2017", "val2017", "train2014"))]


def _open(root: Path, split: str) -> MuseRecords:
    file = _files(split)[0]
    found = locate(root, file)
    if found is None:
        raise DataError(f"muse, {split}: {root / file.path} is missing; get it from {file.where}")
    return MuseRecords(
        root / found,
        folder=root,
        image_of=_CocoImages(root),
        # Where a model is measured, nobody reads the sentence that does not fit.
        mismatched="leave out" if split == "train" else "compose",
    )


SOURCES = (DataSource(name="muse", title="MUSE", splits=tuple(_NAMES), files=_files, open=_open),)
