"""Ask about an image in plain language; get an answer whose words are tied to pixels.

>>> import segue
>>> model = segue.load()
>>> answer = model.ask("photo.jpg", "Where is the dog?")
>>> answer.text, answer.segments[0].mask.shape

Names are looked up when they are used, so that importing the package does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segue.answer import Answer as Answer
    from segue.answer import Segment as Segment
    from segue.answer import Word as Word
    from segue.checkpoints.loading import load as load
    from segue.errors import SegueError as SegueError

__version__ = "0.1.0"

_HOMES = {
    "load": "segue.checkpoints.loading",
    "Answer": "segue.answer",
    "Segment": "segue.answer",
    "Word": "segue.answer",
    "SegueError": "segue.errors",
}

__all__ = ["Answer", "Segment", "SegueError", "Word", "__version__", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'segue' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
