"""A set of photographs as `segue eval photographs` reads them, small: a dog and a person in every picture."""

from __future__ import annotations

from itertools import count, islice
from pathlib import Path

from segue.data.photographs import is_held_out
from tests.data.sources.official import picture, write_json

WIDTH, HEIGHT = 96, 64


def write_all(root: Path, *, num: int = 1) -> None:
    """So many held-out pictures, and one for training, of which the ellipse's size is taken."""
    names = (f"{number:06d}.jpg" for number in count())
    held_out = list(islice(filter(is_held_out, names), num))
    training = next(name for name in (f"t{number}.jpg" for number in count()) if not is_held_out(name))
    images, annotations = [], []
    for number, name in enumerate([*held_out, training], start=1):
        picture(root / "voc_animals/images" / name, WIDTH, HEIGHT)
        images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        for category, left in ((1, 4), (2, 52)):
            corners = [left, 8, left + 30, 8, left + 30, 56, left, 56]
            annotations.append(
                {
                    "id": 10 * number + category,
                    "image_id": number,
                    "category_id": category,
                    "segmentation": [corners],
                    "bbox": [left, 8, 30, 48],
                    "area": 30 * 48,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "person"}, {"id": 3, "name": "cat"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    write_json(root / "voc_animals/annotations.json", content)
