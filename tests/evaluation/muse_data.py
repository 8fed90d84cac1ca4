"""MUSE's files in their official form, small."""

from __future__ import annotations

from pathlib import Path

from tests.data.pictures import HEIGHT, WIDTH
from tests.data.sources.official import picture, write_json
from tests.data.test_muse_json import CUP, PLATE, SPOON, entry

ALL = entry(
    coco_url="http://images.cocodataset.org/val2017/000000000012.jpg",
    questions=["Where are the mug and the spoon?", "What is on the table?"],
    answers=[[SPOON], [CUP, SPOON, PLATE]],
    text_answers=[None, "The cup {seg}, the spoon {seg} and the plate {seg}."],
)


def write_all(root: Path, *, repeat: int = 1) -> None:
    """The three files; that of val holds two records, or `repeat` times these."""
    write_json(root / "muse/muse_val.json", [entry(), ALL] * repeat)
    write_json(root / "muse/muse_test_less.json", [entry()])
    write_json(root / "muse/muse_test_many.json", [ALL])
    picture(root / "coco/train2017/000000000009.jpg", WIDTH, HEIGHT)
    picture(root / "coco/val2017/000000000012.jpg", WIDTH, HEIGHT)
