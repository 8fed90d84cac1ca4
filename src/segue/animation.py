"""A caption's trace as a small moving picture: word after word, each where it speaks of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from segue.errors import DataError

if TYPE_CHECKING:
    from segue.answer import Answer

__all__ = ["animate_words"]


def animate_words(
    answer: Answer, path: str | Path, *, max_side: int = 480, milliseconds: int = 350, rest: int = 1500
) -> Path:
    """Write a GIF or WebP (by the path's ending) in which the words appear one by one; the last stays longer.

    Raises:
        DataError: no word of the answer has a point, or the ending is another.
    """
    from segue.visualize import draw_words

    path = Path(path)
    if path.suffix.lower() not in (".gif", ".webp"):
        raise DataError(f"{path}: an animation is .gif or .webp")
    placed = sorted((word for word in answer.words if word.point is not None), key=lambda word: word.span)
    if not placed:
        raise DataError("no word of this answer has a point; there is nothing to animate")
    frames = [
        draw_words(replace(answer, words=tuple(placed[:count])), max_side=max_side).convert("RGB")
        for count in range(1, len(placed) + 1)
    ]
    durations = [milliseconds] * (len(frames) - 1) + [rest]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return path
