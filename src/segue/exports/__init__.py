"""Answers in other tools' formats, one file for each. All are pure functions but for an optional file."""

from segue.exports.coco import to_coco
from segue.exports.detections import to_supervision
from segue.exports.fiftyone import to_fiftyone
from segue.exports.geojson import to_geojson
from segue.exports.index_png import to_index_png
from segue.exports.labelme import to_labelme
from segue.exports.yolo import to_yolo

__all__ = [
    "to_coco",
    "to_fiftyone",
    "to_geojson",
    "to_index_png",
    "to_labelme",
    "to_supervision",
    "to_yolo",
]
