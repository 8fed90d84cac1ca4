"""The pictures that come with the package, and questions to begin with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

__all__ = ["BUNDLED", "Bundled", "read_asset"]


@dataclass(frozen=True)
class Bundled:
    """A picture: `title` for people, `file` in this package's assets, `questions` that suit it."""

    title: str
    file: str
    questions: tuple[str, ...]


BUNDLED = (
    Bundled(
        "A street, generated",
        "scene-street.jpg",
        ("Where is the cat?", "Segment the dogs.", "Where is the umbrella?"),
    ),
    Bundled(
        "A table, generated",
        "scene-table.jpg",
        (
            "Which of these could cut bread?",
            "Show me the blue mug.",
            "Point out the red apple and the banana.",
        ),
    ),
    Bundled("A cat, photographed", "chelsea.jpg", ("Where is the cat?", "Where is the horse?")),
)


def read_asset(name: str) -> bytes:
    """A file of this package, by a name that the code knows."""
    return (files("segue.serving.page") / "assets" / name).read_bytes()
