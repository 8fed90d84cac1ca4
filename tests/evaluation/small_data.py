"""A data root with every set that the benchmarks of this package's papers need, small and in official form.

Validation splits hold several expressions of each kind: one object, several, none, and two of the same text.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.data.sources import official
from tests.data.sources.official import HEIGHT, WIDTH, ref

SPLITS = ("val", "testA", "testB", "test")


def refs_of_all_splits() -> list[dict]:
    """Refs of one object, the same in every split."""
    found = []
    for number, split in enumerate(SPLITS):
        found += [
            ref(100 * number + 1, 5, 51, split, "the left dog", "dog on the left."),
            ref(100 * number + 2, 5, 52, split, "Right dog"),
            ref(100 * number + 3, 9, 91, split, "the only man"),
        ]
    return found


def refs_of_any_number() -> list[dict]:
    """Refs of gRefCOCO: several objects, one, none."""
    found = []
    for number, split in enumerate(("val", "testA", "testB")):
        found += [
            ref(100 * number + 1, 5, [51, 52], split, "both dogs", category_id=[18, 18]),
            ref(100 * number + 2, 5, [-1], split, "the cat", category_id=[-1]),
            ref(100 * number + 3, 5, [53], split, "the crowd", category_id=[1]),
            ref(100 * number + 4, 9, [-1], split, "a woman", category_id=[-1]),
        ]
    return found


def refzom(root: Path) -> None:
    refs = [
        ref(1, 5, [51], "test", "the left dog", source="one"),
        ref(2, 5, [51, 52], "test", "two dogs", source="many"),
        ref(3, 9, [], "test", "a sleeping cat", source="zero"),
    ]
    official.write_pickle(root / "refer_seg/refzom/Ref_ZOM.p", refs)
    official.write_json(root / "refer_seg/refzom/instances.json", official.instances())


def reasonseg(root: Path, *, num: int = 4) -> None:
    """Sentences and phrases in turn; the last picture has a region that counts neither way."""
    for split in ("val", "test"):
        folder = root / "reason_seg/ReasonSeg" / split
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(num):
            pixels = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number:03d}.jpg")
            shapes = [_shape("target", 2 + number % 7, 3, 20, 20)]
            if number == num - 1:
                shapes.append(_shape("ignore", 30, 3, 44, 20))
            sentence = bool(number % 2)
            text = "Which of these could cut bread?" if sentence else "something to drink from"
            content = {"text": [text, "another wording"], "is_sentence": sentence, "shapes": shapes}
            (folder / f"{number:03d}.json").write_text(json.dumps(content))


def _shape(label: str, left: int, top: int, right: int, bottom: int) -> dict:
    points = [[left, top], [right, top], [right, bottom], [left, bottom]]
    return {"label": label, "points": points, "shape_type": "polygon"}


def write_all(root: Path) -> None:
    """Everything, in one root."""
    for name, ways in (("refcoco", ("unc",)), ("refcoco+", ("unc",)), ("refcocog", ("umd", "google"))):
        for by in ways:
            official.refer(root, name, by, refs=refs_of_all_splits())
    official.grefcoco(root, refs=refs_of_any_number())
    refzom(root)
    reasonseg(root)
    for write in (
        official.ade20k,
        official.coco_stuff,
        official.mapillary,
        official.paco_lvis,
        official.pascal_part,
    ):
        write(root)
