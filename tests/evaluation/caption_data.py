"""Small caption data sets in the official layouts: Visual Genome, RefCOCOg, Localized Narratives, COCO."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.sources.official import ref, refer
from tests.data.sources.test_localized_narratives import narrative
from tests.data.sources.test_visual_genome import write_grit
from tests.data.sources.writing import HEIGHT, WIDTH, write_json, write_lines, write_picture

NARRATIVES = {"coco_val": "139", "flickr30k_test": "36979", "ade20k_validation": "ADE_val_00000001"}
PICTURES = {
    "coco_val": "coco/val2017/000000000139.jpg",
    "flickr30k_test": "flickr30k/images/36979.jpg",
    "ade20k_validation": "ade20k/images/validation/ADE_val_00000001.jpg",
}


def write_all(root: Path) -> None:
    """Every file that the caption benchmarks read."""
    write_grit(root, "test")
    for number in (1, 2):
        write_picture(root, f"vg/images/{number}.jpg")
    refs = [ref(1, 5, 51, "val", "the left dog", "dog on the left"), ref(2, 9, 91, "val", "the only man")]
    refer(root, "refcocog", "umd", refs=refs)
    for name, image_id in NARRATIVES.items():
        write_lines(root, f"localized_narratives/{name}_localized_narratives.jsonl", narrative(image_id))
        write_picture(root, PICTURES[name])
    coco_captions(root, {1: "val", 2: "test"})


def coco_captions(root: Path, splits: Mapping[int, str]) -> None:
    """Karpathy's file, with a picture of noise for each number."""
    entries = [
        {
            "filepath": "val2014",
            "filename": f"COCO_val2014_{number:012d}.jpg",
            "split": split,
            "sentences": [{"raw": "A giraffe eats."}, {"raw": "An animal at a tree."}],
        }
        for number, split in splits.items()
    ]
    write_json(root, "coco/annotations/dataset_coco.json", {"images": entries})
    for number, entry in zip(splits, entries, strict=True):
        path = write_picture(root, f"coco/val2014/{entry['filename']}")
        pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
