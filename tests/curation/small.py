"""Small annotated sets for these tests: pictures with rectangles, as a COCO folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

from segue.curation.plan import Plan
from segue.curation.scene import Scene
from segue.curation.targets import Ask
from segue.data.native import ObjectRecord

WIDTH, HEIGHT = 200, 100
CATEGORIES = {"dog": 18, "cat": 17, "cup": 47, "fork": 48, "knife": 49, "wine glass": 46, "zebra": 24}


def thing(id_: int, category: str, box: tuple[float, float, float, float]) -> ObjectRecord:
    x, y, width, height = box
    polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
    return ObjectRecord(id=id_, category=category, segmentation=[polygon], bbox=list(box))


THINGS = (
    thing(7, "cup", (80, 40, 20, 20)),
    thing(3, "fork", (10, 30, 10, 40)),
    thing(5, "fork", (150, 30, 10, 40)),
    thing(9, "knife", (170, 20, 12, 60)),
)
"""Numbers 1 to 4: a cup in the middle, a fork on the left, one on the right, a knife farther right."""


def scene(*asks: Ask, **changes: Any) -> Scene:
    """The picture of `THINGS`, asked about; no language is checked unless a test says so."""
    fields: dict[str, Any] = {
        "width": WIDTH,
        "height": HEIGHT,
        "objects": THINGS,
        "asks": asks or (Ask("reasoning", 2), Ask("several", 2), Ask("referring", 1)),
        "vocabulary": frozenset(CATEGORIES),
        "present": frozenset(entry.category for entry in THINGS),
    }
    return Scene(**{**fields, **changes})


def coco_set(folder: Path, boxes: dict[str, list[tuple[str, tuple[float, ...]]]], **changes: Any) -> Path:
    """A COCO folder; `boxes` are each picture's instances. Gives the annotation file."""
    (folder / "images").mkdir(parents=True)
    Image.new("RGB", (WIDTH, HEIGHT), (90, 110, 90)).save(folder / "first.jpg")
    content = (folder / "first.jpg").read_bytes()
    images, annotations = [], []
    for number, (name, things) in enumerate(boxes.items(), start=1):
        (folder / "images" / name).write_bytes(content)
        images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for category, (x, y, w, h) in things:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": CATEGORIES[category],
                    "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
    whole = {
        "info": {"exhaustive_categories": list(CATEGORIES.values())},
        "categories": [{"id": id_, "name": name} for name, id_ in CATEGORIES.items()],
        "images": images,
        "annotations": annotations,
        **changes,
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps(whole))
    return path


def plan(path: Path, **changes: Any) -> Plan:
    """An offline plan over a set."""
    return Plan.model_validate({"data": {"path": str(path)}, "endpoint": {"kind": "offline"}, **changes})
