"""ReasonSeg: pictures with questions that need reasoning, and one mask (LISA, section 3.4).

Beside every picture lies a LabelMe-like JSON file with `text` (several wordings of one request),
`is_sentence` (whether they are sentences or phrases) and `shapes`. A record has one object, the target, and
an expression for each text, of the kind "long" or "short"; pixels of shapes labelled "ignore" are the
record's `ignore`. A picture that `explanatory/train.json` explains has the explanation as its caption.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from segue.data.native import Caption, Expression, ObjectRecord, Record, encode_mask, mask_box
from segue.data.polygons import polygon_mask
from segue.data.reading import read_json, upright_size
from segue.data.sources import DataSource, SourceFile, locate
from segue.data.sources.official_files import check_split, naming
from segue.errors import DataError

__all__ = ["ENCODINGS", "SOURCES", "paint_shapes", "reasoning_record"]

ENCODINGS = ("utf-8", "cp1252")
"""Some of the files are Windows ones; LISA's reader tries in this order."""

_FOLDER = "reason_seg/ReasonSeg"
_PAGE = "https://github.com/dvlab-research/LISA#dataset"
_EXPLANATIONS = SourceFile(f"{_FOLDER}/explanatory/train.json", "explanations of some pictures", _PAGE)
_SPLITS = ("train", "val", "test", "train_val")


class ReasonSegRecords(Sequence[Record]):
    """The pictures of some folders of ReasonSeg, in the order of their names.

    Args:
        root: what the records' `image` is relative to.
        folders: relative to it.
        explanations: file name of a picture -> why it is what is asked for.
    """

    def __init__(self, root: Path, folders: Sequence[str], *, explanations: Mapping[str, str]):
        self.folder = root
        self._explanations = explanations
        self._pictures = [
            f"{folder}/{path.name}" for folder in folders for path in sorted((root / folder).glob("*.jpg"))
        ]
        if not self._pictures:
            raise DataError(f"{', '.join(str(root / folder) for folder in folders)}: no .jpg pictures in it")

    def __len__(self) -> int:
        return len(self._pictures)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` with the file where the annotation or the picture is broken."""
        image = self._pictures[index]
        path = (self.folder / image).with_suffix(".json")
        content = read_json(path, dict, encodings=ENCODINGS)
        with naming(path, "ReasonSeg's annotation"):
            size = upright_size(self.folder / image)
            explanation = self._explanations.get(Path(image).name, "")
            return reasoning_record(
                content, image=image, size=size, explanation=explanation, source="reasonseg"
            )


def reasoning_record(
    content: Mapping[str, Any], *, image: str, size: tuple[int, int], explanation: str = "", source: str = ""
) -> Record:
    """The record of one annotation in ReasonSeg's form.

    Args:
        content: of the JSON file.
        image: the picture's path for the record.
        size: its (width, height).

    Raises:
        DataError, KeyError, TypeError, ValueError: the annotation breaks the format.
    """
    width, height = size
    labels = paint_shapes(content["shapes"], height, width)
    texts, is_sentence = content["text"], content["is_sentence"]
    if not isinstance(texts, list) or not any(isinstance(text, str) and text.strip() for text in texts):
        raise DataError("'text' has to be a list of texts, with at least one")
    target, ignore = labels == 1, labels == 255
    return Record(
        image=image,
        width=width,
        height=height,
        objects=[
            ObjectRecord(id=1, category="target", segmentation=encode_mask(target), bbox=mask_box(target))
        ],
        expressions=[
            Expression(text=text, ids=[1], kind="long" if is_sentence else "short")
            for text in texts
            if text.strip()
        ],
        captions=[Caption(text=explanation)] if explanation else [],
        ignore=encode_mask(ignore) if ignore.any() else None,
        source=source,
    )


def paint_shapes(shapes: Sequence[Mapping[str, Any]], height: int, width: int) -> np.ndarray:
    """Labels (height, width), uint8: 1 target, 255 to be ignored, 0 neither.

    As LISA's reader paints them: the largest first, so that a smaller shape cuts into a larger one; "ignore"
    anywhere in a label means that, "flag" as a label nothing at all, and any other a target.
    """
    masks = [
        (shape["label"].lower(), polygon_mask(shape["points"], height, width))
        for shape in shapes
        if shape["label"].lower() != "flag"
    ]
    labels = np.zeros((height, width), dtype=np.uint8)
    # Backwards through an ascending order, as there: of two equally large shapes the later is painted first.
    for index in np.argsort([mask.sum() for _, mask in masks])[::-1]:
        label, mask = masks[int(index)]
        labels[mask] = 255 if "ignore" in label else 1
    return labels


def _folders(split: str) -> list[str]:
    return [f"{_FOLDER}/{part}" for part in split.split("_")]


def _files(split: str) -> list[SourceFile]:
    check_split("reasonseg", split, _SPLITS)
    folders = [SourceFile(folder, "pictures and annotations", _PAGE) for folder in _folders(split)]
    return [*folders, _EXPLANATIONS] if "train" in split else folders


def _open(root: Path, split: str) -> ReasonSegRecords:
    for file in _files(split):
        if locate(root, file) is None:
            raise DataError(f"reasonseg, {split}: {root / file.path} is missing; get it from {file.where}")
    explanations = {}
    if "train" in split:
        path = root / _EXPLANATIONS.path
        for number, item in enumerate(read_json(path, list)):
            with naming(path, f"item {number}"):
                explanations[str(item["image"])] = str(item["outputs"])
    return ReasonSegRecords(root, _folders(split), explanations=explanations)


SOURCES = (DataSource(name="reasonseg", title="ReasonSeg", splits=_SPLITS, files=_files, open=_open),)
