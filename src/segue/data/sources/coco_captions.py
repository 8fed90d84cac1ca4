"""COCO captions: five sentences for a picture (Chen et al. 2015), and Karpathy's splits of them.

The official files are COCO's `captions_*.json`; Karpathy's `dataset_coco.json` holds every picture of 2014
with its sentences and the split it belongs to. A record is a picture with its sentences as captions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segue.data.json_index import GroupedPlaces, Place, read_values, scan_json
from segue.data.native import Caption, Record
from segue.data.reading import upright_size
from segue.data.sources import DataSource, RecordSet, SourceFile, locate
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_split, naming
from segue.errors import DataError

__all__ = ["SOURCES"]

_OFFICIAL = ("train2017", "val2017", "train2014", "val2014")
_KARPATHY = ("train", "restval", "val", "test")
_SPLITS = (*_OFFICIAL, *(f"karpathy/{split}" for split in _KARPATHY))
_SENTENCES = SourceFile(
    "coco/annotations/dataset_coco.json",
    "Karpathy's sentences and splits",
    "https://cs.stanford.edu/people/karpathy/deepimagesent/caption_datasets.zip",
    also=("coco/dataset_coco.json",),
)


class _OfficialCaptions(Sequence[Record]):
    """A COCO captions file, in its order of pictures; those without a sentence are left out."""

    def __init__(self, path: Path, *, folder: Path, pictures: str):
        self.folder = folder
        self._path, self._pictures = path, pictures
        images: list[tuple[Any, Place]] = []
        captions: list[tuple[Any, Place]] = []
        for name, place, value in scan_json(path, ["images", "annotations"]):
            if not isinstance(value, dict):
                raise DataError(f"{path}: an entry of {name!r} is no object (byte {place.start})")
            if name == "images":
                images.append((value.get("id"), place))
            else:
                captions.append((value.get("image_id"), place))
        self._captions = GroupedPlaces(captions)
        self._images = [(id_, place) for id_, place in images if self._captions.of(id_)]
        if not self._images:
            raise DataError(f"{path}: not a COCO captions file, or there is no caption in it")

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        id_, place = self._images[index]
        places = [own for _, own in self._captions.of(id_)]
        image, *captions = read_values(self._path, [place, *places])
        with naming(self._path, f"image {id_}"):
            return _record(
                f"{self._pictures}/{image['file_name']}",
                (image["width"], image["height"]),
                [caption["caption"] for caption in captions],
            )


class _KarpathyCaptions(Sequence[Record]):
    """One split of `dataset_coco.json`, in its order."""

    def __init__(self, path: Path, split: str, *, root: Path):
        self.folder = root
        self._path = path
        self._places = [
            element.place
            for element in scan_json(path, ["images"])
            if isinstance(element.value, dict) and element.value.get("split") == split
        ]
        if not self._places:
            raise DataError(f"{path}: no picture of the split {split!r} in it")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        (entry,) = read_values(self._path, [self._places[index]])
        with naming(self._path, f"image {entry.get('filename', index)}"):
            image = f"{coco_folder(self.folder, entry['filepath'])}/{entry['filename']}"
            sentences = [sentence["raw"] for sentence in entry["sentences"]]
            return _record(image, upright_size(self.folder / image), sentences)


def _record(image: str, size: tuple[int, int], sentences: Sequence[str]) -> Record:
    captions = [Caption(text=text.strip()) for text in sentences if text.strip()]
    return Record(
        image=image, width=size[0], height=size[1], objects=[], captions=captions, source="coco_captions"
    )


def _annotations(split: str) -> SourceFile:
    if split.startswith("karpathy/"):
        return _SENTENCES
    year = split[-4:]
    return SourceFile(
        f"coco/annotations/captions_{split}.json",
        "COCO's captions",
        f"http://images.cocodataset.org/annotations/annotations_trainval{year}.zip",
    )


def _files(split: str) -> list[SourceFile]:
    check_split("coco_captions", split, _SPLITS)
    if split == "karpathy/train":
        folders = ["train2014"]
    else:  # Karpathy's other splits are all of val2014
        folders = ["val2014"] if split.startswith("karpathy/") else [split]
    return [_annotations(split), *(coco_pictures(folder) for folder in folders)]


def _open(root: Path, split: str) -> RecordSet:
    check_split("coco_captions", split, _SPLITS)
    file = _annotations(split)
    found = locate(root, file)
    if found is None:
        raise DataError(f"coco_captions, {split}: {root / file.path} is missing; get it from {file.where}")
    if split.startswith("karpathy/"):
        return _KarpathyCaptions(root / found, split.removeprefix("karpathy/"), root=root)
    return _OfficialCaptions(root / found, folder=root, pictures=coco_folder(root, split))


SOURCES = (DataSource(name="coco_captions", title="COCO captions", splits=_SPLITS, files=_files, open=_open),)
