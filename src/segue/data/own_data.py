"""People's own annotated pictures, in whatever of the known forms they are: found out, and opened as records.

| form          | what it is                                            | read by              |
|---------------|-------------------------------------------------------|----------------------|
| `native`      | segue's JSON lines                                    | `native_file`        |
| `coco`        | a COCO instances file, with expressions if wanted     | `expressions_coco`   |
| `labelme`     | a folder with LabelMe's or ReasonSeg's JSON files     | `labelme`            |
| `mask_folder` | a CSV file (image, mask, phrase) and masks as PNG     | `mask_folder`        |
| `muse`        | a JSON file in MUSE's form                            | `sources.muse`       |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segue.data.expressions_coco import ExpressionRecords
from segue.data.labelme import LabelMeRecords
from segue.data.mask_folder import MaskFolderRecords
from segue.data.native_file import NativeRecords
from segue.data.sources import RecordSet
from segue.data.sources.muse import MuseRecords
from segue.errors import DataError

__all__ = ["FORMS", "Found", "find_own_data", "open_own_data"]

FORMS = ("native", "coco", "labelme", "mask_folder", "muse")
_WHAT_IS_READ = (
    "readable are: a native .jsonl file, a COCO .json file (with expressions), a folder with LabelMe's or "
    "ReasonSeg's .json files beside the pictures, a .csv file (image,mask,phrase) with masks, MUSE's .json"
)
_HEAD = 1 << 16  # bytes of a JSON file that tell what it is


@dataclass(frozen=True)
class Found:
    """What lies at a path: its form, and the file or folder that is to be read."""

    form: str
    path: Path


def open_own_data(path: str | Path, *, form: str | None = None, images: str | None = None) -> RecordSet:
    """The records of one's own data at `path`, a file or a folder.

    Args:
        form: one of `FORMS`; found out where it is left out.
        images: the folder of the pictures, as seen from the annotations; needed only where they are not
            beside these or in a folder `images`.

    Raises:
        DataError: there is nothing that can be read, or more than one thing; says what would be.
    """
    path = Path(path)
    if form is not None and form not in FORMS:
        raise DataError(f"{form}: no such form of data; there are: {', '.join(FORMS)}")
    found = find_own_data(path) if form is None else Found(form, _file_of(path, form))
    if found.form == "native":
        folder = found.path.parent
        return NativeRecords(found.path, folder=folder / images if images else folder)
    if found.form == "coco":
        return ExpressionRecords(found.path, images=images)
    if found.form == "labelme":
        return LabelMeRecords(found.path, images=images)
    if found.form == "mask_folder":
        return MaskFolderRecords(found.path, images=images)
    return MuseRecords(found.path, folder=found.path.parent, image_of=_MuseImage(images))


def find_own_data(path: Path) -> Found:
    """What is at that path; of a folder with one native file, that file.

    Raises:
        DataError: nothing that can be read, or more than one thing.
    """
    if path.is_file():
        form = _form_of_file(path)
        if form is None:
            raise DataError(f"{path}: no annotations in a known form; {_WHAT_IS_READ}")
        return Found(form, path.parent if form == "labelme" else path)
    if not path.is_dir():
        raise DataError(f"{path} does not exist")
    found = [
        Found(form, file)
        for file in sorted(path.iterdir())
        if file.is_file() and (form := _form_of_file(file)) is not None
    ]
    native = [one for one in found if one.form == "native"]
    if len(native) == 1:  # what lies beside it is the same for other tools, as `segue scenes` writes it
        return native[0]
    others = [one for one in found if one.form != "labelme"]
    if len(others) > 1 or (others and len(found) > len(others)):
        names = ", ".join(one.path.name for one in found[:4])
        raise DataError(f"{path}: more than one thing to read ({names}...); name the one that is meant")
    if others:
        return others[0]
    if found or any(_form_of_file(file) == "labelme" for file in path.rglob("*.json")):
        return Found("labelme", path)
    raise DataError(f"{path}: no annotations in a known form; {_WHAT_IS_READ}")


def _file_of(path: Path, form: str) -> Path:
    """The file of that form at `path`, which may be its folder."""
    if form == "labelme" or not path.is_dir():
        return path
    suffix = {"native": ".jsonl", "mask_folder": ".csv"}.get(form, ".json")
    files = sorted(path.glob(f"*{suffix}"))
    if len(files) != 1:
        raise DataError(f"{path}: {len(files)} {suffix} files in it; name the one that is meant")
    return files[0]


def _form_of_file(path: Path) -> str | None:
    """By its name, and of JSON files by how they begin."""
    suffix = path.suffix.lower()
    if suffix == ".jsonl":
        return "native"
    if suffix == ".csv":
        return "mask_folder"
    if suffix != ".json":
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    if head.startswith(b"["):
        return "muse" if re.search(rb'"ann_list"\s*:', head) else None
    if re.search(rb'"shapes"\s*:', head):
        return "labelme"
    return "coco" if re.search(rb'"(?:images|annotations|categories)"\s*:', head) else None


@dataclass(frozen=True)
class _MuseImage:
    """The picture of a MUSE entry of one's own: its `file_name`, or the last part of its address."""

    images: str | None

    def __call__(self, entry: dict[str, Any]) -> str:
        name = entry.get("file_name") or entry["coco_url"].split("/")[-1]
        return f"{self.images}/{name}" if self.images else name
