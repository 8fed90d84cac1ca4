"""Mapillary Vistas, version 2.0 (Neuhold et al., ICCV 2017): street scenes with 124 labels in label maps.

`config_v2.0.json` comes with the data and lists the labels in the order of their values; a class is its
`readable` name in small letters, as LISA takes it. Pixels of "Unlabeled" are ignored here; LISA asks about
them like about any class.
"""

from __future__ import annotations

from pathlib import Path

from segue.data.reading import read_json
from segue.data.sources import DataSource, SourceFile
from segue.data.sources.label_maps import LabelMapRecords, LabelTable
from segue.data.sources.official_files import check_files, check_split, naming

_FROM = "https://www.mapillary.com/dataset/vistas"
_CONFIG = "mapillary/config_v2.0.json"
_SPLITS = ("training", "validation")
_UNLABELLED = "unlabeled"


def table(config: Path) -> LabelTable:
    """What the values of the maps mean, by the data set's own configuration file.

    Raises:
        DataError: it is no such file.
    """
    content = read_json(config, dict)
    with naming(config, "labels"):
        names = [label["readable"].lower() for label in content["labels"]]
        if len(names) > 256:
            raise ValueError(f"{len(names)} labels do not fit one byte per pixel")
        labelled = {value: name for value, name in enumerate(names) if name != _UNLABELLED}
        return LabelTable(
            names=labelled,
            ignored=frozenset(range(len(names))) - labelled.keys(),
            exhaustive=tuple(dict.fromkeys(labelled.values())),
        )


def _files(split: str) -> tuple[SourceFile, ...]:
    check_split("mapillary", split, _SPLITS)
    return (
        SourceFile(f"mapillary/{split}/images", "pictures", _FROM),
        SourceFile(f"mapillary/{split}/v2.0/labels", "label maps", _FROM),
        SourceFile(_CONFIG, "the list of labels", _FROM),
    )


def _open(root: Path, split: str) -> LabelMapRecords:
    pictures, labels, config = _files(split)
    check_files("mapillary", root, split, (pictures, labels, config))
    return LabelMapRecords(
        root / pictures.path, root / labels.path, table=table(root / config.path), source="mapillary"
    )


SOURCES = (
    DataSource(name="mapillary", title="Mapillary Vistas 2.0", splits=_SPLITS, files=_files, open=_open),
)
