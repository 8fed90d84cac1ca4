"""Visual Genome's regions: boxes with a phrase each (Krishna et al. 2017).

`train` and `test` are the files that GRiT prepared (COCO-like, with a `caption` in each annotation), which
PixelLLM trains and measures on; `densecap/*` and `all` read the official `region_descriptions.json` with
`image_data.json`, split by DenseCap's list. A record is a picture with a caption for each region, its box cut
to the picture; regions without words or without area are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from segue.data.json_index import GroupedPlaces, Place, read_values, scan_json
from segue.data.native import Caption, Record
from segue.data.reading import read_json
from segue.data.sources import DataSource, RecordSet, SourceFile, locate
from segue.data.sources.official_files import check_split, naming
from segue.errors import DataError

__all__ = ["SOURCES"]

_SPLITS = ("train", "test", "densecap/train", "densecap/val", "densecap/test", "all")
_FOLDERS = ("vg/images", "vg/VG_100K", "vg/VG_100K_2")
_PAGE = "https://homes.cs.washington.edu/~ranjay/visualgenome/api.html"
_GRIT = "https://github.com/JialianW/GRiT/blob/master/datasets/DATASETS.md"
_PICTURES = SourceFile(_FOLDERS[0], "Visual Genome's pictures", _PAGE, also=_FOLDERS[1:])
_REGIONS = SourceFile("vg/region_descriptions.json", "regions and their phrases", _PAGE)
_IMAGES = SourceFile("vg/image_data.json", "sizes and addresses of the pictures", _PAGE)
_DENSECAP = SourceFile(
    "vg/densecap_splits.json",
    "DenseCap's splits",
    "https://github.com/jcjohnson/densecap/blob/master/info/densecap_splits.json",
)


class _GritRegions(Sequence[Record]):
    """A file as GRiT prepared them, in its order of pictures."""

    def __init__(self, path: Path, *, root: Path):
        self.folder = root
        self._path = path
        images: list[tuple[Any, Place]] = []
        regions: list[tuple[Any, Place]] = []
        for name, place, value in scan_json(path, ["images", "annotations"]):
            if not isinstance(value, dict):
                raise DataError(f"{path}: an entry of {name!r} is no object (byte {place.start})")
            if name == "images":
                images.append((value.get("id"), place))
            else:
                regions.append((value.get("image_id"), place))
        self._images, self._regions = images, GroupedPlaces(regions)
        if not images or not regions:
            raise DataError(f"{path}: not a file of GRiT's, or there is no region in it")

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        id_, place = self._images[index]
        image, *regions = read_values(self._path, [place, *(own for _, own in self._regions.of(id_))])
        with naming(self._path, f"image {id_}"):
            size = (image["width"], image["height"])
            boxes = [(region["bbox"], region["caption"]) for region in regions]
            return _record(_picture(self.folder, image["file_name"]), size, boxes)


class _OfficialRegions(Sequence[Record]):
    """The official files; `wanted` are the ids of a split's pictures, None for all."""

    def __init__(self, regions: Path, images: Path, *, root: Path, wanted: set[int] | None):
        self.folder = root
        self._path, self._images_path = regions, images
        self._images: dict[int, Place] = {}
        for _, place, value in scan_json(images, [""]):
            if isinstance(value, dict) and "image_id" in value:
                self._images[value["image_id"]] = place
        self._places = [
            (_image_id(value), place)
            for _, place, value in scan_json(regions, [""])
            if wanted is None or _image_id(value) in wanted
        ]
        if not self._places:
            raise DataError(f"{regions}: no picture of the split in it")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        id_, place = self._places[index]
        (entry,) = read_values(self._path, [place])
        with naming(self._path, f"image {id_}"):
            if id_ not in self._images:
                raise DataError(f"{self._images_path} does not have it")
            (image,) = read_values(self._images_path, [self._images[id_]])
            boxes = [
                ([region["x"], region["y"], region["width"], region["height"]], region["phrase"])
                for region in entry["regions"]
            ]
            name = "/".join(image["url"].split("/")[-2:])  # VG_100K_2/1.jpg
            return _record(_picture(self.folder, name), (image["width"], image["height"]), boxes)


def _image_id(entry: Any) -> Any:
    return entry.get("id", entry.get("image_id")) if isinstance(entry, Mapping) else None


def _picture(root: Path, name: str) -> str:
    """A picture's path, by its file name or with the folder that the official archive has it in."""
    base = name.split("/")[-1]
    candidates = [f"vg/{name}"] if "/" in name else []
    candidates += [f"{folder}/{base}" for folder in _FOLDERS]
    return next((path for path in candidates if (root / path).exists()), candidates[0])


def _record(image: str, size: tuple[int, int], regions: Iterable[tuple[Sequence[float], str]]) -> Record:
    width, height = size
    captions = []
    for (x, y, w, h), phrase in regions:
        left, right = max(0.0, float(x)), min(float(width), float(x) + float(w))
        top, bottom = max(0.0, float(y)), min(float(height), float(y) + float(h))
        if phrase.strip() and right > left and bottom > top:
            region = [left, top, right - left, bottom - top]
            captions.append(Caption(text=phrase.strip(), region=region))
    return Record(
        image=image, width=width, height=height, objects=[], captions=captions, source="visual_genome"
    )


def _annotations(split: str) -> list[SourceFile]:
    if split in ("train", "test"):
        also = (f"vg/{split}.json",)
        return [SourceFile(f"vg/annotations/{split}.json", "regions as GRiT prepared them", _GRIT, also=also)]
    return [_REGIONS, _IMAGES, *([_DENSECAP] if split.startswith("densecap/") else [])]


def _files(split: str) -> list[SourceFile]:
    check_split("visual_genome", split, _SPLITS)
    return [*_annotations(split), _PICTURES]


def _open(root: Path, split: str) -> RecordSet:
    check_split("visual_genome", split, _SPLITS)
    paths = []
    for file in _annotations(split):
        found = locate(root, file)
        if found is None:
            raise DataError(
                f"visual_genome, {split}: {root / file.path} is missing; get it from {file.where}"
            )
        paths.append(root / found)
    if split in ("train", "test"):
        return _GritRegions(paths[0], root=root)
    wanted = None
    if split.startswith("densecap/"):
        with naming(paths[2], split):
            wanted = {int(id_) for id_ in read_json(paths[2], dict)[split.removeprefix("densecap/")]}
    return _OfficialRegions(paths[0], paths[1], root=root, wanted=wanted)


SOURCES = (
    DataSource(name="visual_genome", title="Visual Genome regions", splits=_SPLITS, files=_files, open=_open),
)
