"""Small annotated pictures that the tests make: rectangles as animals, written as a COCO folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segue.data.native import ObjectRecord, Record, encode_mask

WIDTH, HEIGHT = 96, 64
CATEGORIES = ("dog", "cat", "horse", "person", "couch", "sheep")


def rectangle(x: int, y: int, width: int, height: int) -> np.ndarray:
    """A bool mask of the test pictures' size."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y : y + height, x : x + width] = True
    return mask


def thing(id_: int, category: str, box: tuple[int, int, int, int], **fields: Any) -> ObjectRecord:
    mask = encode_mask(rectangle(*box))
    return ObjectRecord(id=id_, category=category, segmentation=mask, bbox=list(map(float, box)), **fields)


def record(*objects: ObjectRecord, **fields: Any) -> Record:
    """A record of those objects; every category of `CATEGORIES` is labelled unless said otherwise."""
    defaults: dict[str, Any] = {
        "image": "images/a.png",
        "width": WIDTH,
        "height": HEIGHT,
        "dialogue": [],
        "exhaustive": list(CATEGORIES),
    }
    return Record(objects=list(objects), **{**defaults, **fields})


def picture(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    """A dark picture with a bright rectangle for each box."""
    image = np.full((HEIGHT, WIDTH, 3), 40, dtype=np.uint8)
    for index, box in enumerate(boxes):
        image[rectangle(*box)] = (200, 120 + 40 * (index % 3), 60)
    return image


def coco_content(**changes: Any) -> dict[str, Any]:
    """A COCO file of one picture: two dogs (polygon and RLE), a crowd of sheep, captions and expressions."""
    left, right = (5, 10, 20, 40), (60, 12, 25, 40)
    content: dict[str, Any] = {
        "info": {"exhaustive_categories": list(range(1, len(CATEGORIES) + 1))},
        "categories": [{"id": index, "name": name} for index, name in enumerate(CATEGORIES, start=1)],
        "images": [{"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 1,
                "segmentation": [[5, 10, 25, 10, 25, 50, 5, 50]],
                "bbox": list(left),
                "iscrowd": 0,
            },
            {
                "id": 2,
                "image_id": 7,
                "category_id": 1,
                "segmentation": encode_mask(rectangle(*right)),
                "bbox": list(right),
                "iscrowd": 0,
            },
            {
                "id": 3,
                "image_id": 7,
                "category_id": 6,
                "segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, HEIGHT * 3, HEIGHT * (WIDTH - 3)]},
                "bbox": [0, 0, 3, HEIGHT],
                "iscrowd": 1,
            },
        ],
        "captions": [{"id": 1, "image_id": 7, "caption": "two dogs  beside some sheep. "}],
        "expressions": [
            {"id": 1, "image_id": 7, "text": "the dog on the left", "no_target": False, "ann_ids": [1]},
            {"id": 2, "image_id": 7, "text": "A red person", "no_target": True, "ann_ids": [], "bbox": None},
            {
                "id": 3,
                "image_id": 7,
                "text": "small bird",
                "no_target": False,
                "ann_ids": [],
                "bbox": [1, 2, 3, 4],
            },
        ],
    }
    return {**content, **changes}


def coco_folder(folder: Path, **changes: Any) -> Path:
    """The content as a folder with `annotations.json` and `images/`; gives the annotation file."""
    (folder / "images").mkdir(parents=True)
    content = coco_content(**changes)
    for entry in content["images"]:
        Image.fromarray(picture((5, 10, 20, 40), (60, 12, 25, 40))).save(
            folder / "images" / entry["file_name"]
        )
    path = folder / "annotations.json"
    path.write_text(json.dumps(content))
    return path
