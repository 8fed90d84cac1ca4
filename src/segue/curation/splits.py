"""Which side a picture is on: training, validation or test."""

from __future__ import annotations

import hashlib
from pathlib import Path

from segue.curation.plan import SplitPlan

__all__ = ["split_of"]


def split_of(image: str, split: SplitPlan) -> str:
    """ "test", "val" or "train", by a hash of the picture's name alone, so that one picture is on one side in
    every set. (The hash is that of `segue.data.photographs`: with test = 0.1 the photographs that segue/mini
    has never seen are the test pictures.)"""
    name = Path(image).name
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    if place < split.test:
        return "test"
    return "val" if place < split.test + split.val else "train"
