"""Small official-format files and pictures that the tests of sources write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

WIDTH, HEIGHT = 40, 30


def write_json(root: Path, path: str, content: Any) -> Path:
    """A JSON file under `root`."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content))
    return target


def write_lines(root: Path, path: str, *contents: Any) -> Path:
    """A JSON-lines file under `root`; texts are written as they are."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    lines = [content if isinstance(content, str) else json.dumps(content) for content in contents]
    target.write_text("".join(f"{line}\n" for line in lines))
    return target


def write_picture(root: Path, path: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """A grey picture under `root`."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "grey").save(target)
    return target
