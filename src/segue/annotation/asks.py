"""What is asked of every picture, and which of the answers' segments are annotations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from segue.errors import DataError, QuestionError

__all__ = ["SUFFIXES", "Ask", "facts_of", "find_pictures", "make_asks", "read_phrases"]

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".jp2", ".avif"}
)
PLACE = "{phrase}"


@dataclass(frozen=True)
class Ask:
    """One question to every picture.

    Attributes:
        question: the words; of a phrase without words of its own they are the phrase, which is located.
        phrase: the category of whatever the answer shows; None takes the answer's own phrases.
        locate: ask by `locate` rather than by `ask`.
    """

    question: str
    phrase: str | None = None
    locate: bool = False


def make_asks(questions: Sequence[str], phrases: Sequence[str]) -> list[Ask]:
    """The questions of a run: each question once, one with "{phrase}" in it once for every phrase. Phrases
    that no question has a place for are located as they are.

    Raises:
        QuestionError: there is nothing to ask.
    """
    asks: list[Ask] = []
    for question in questions:
        if not question.strip():
            raise QuestionError("--ask is empty; ask something, for example: Where is the cat?")
        if PLACE not in question:
            asks.append(Ask(question))
        elif not phrases:
            raise QuestionError(f"{question!r} has a place for phrases; give them with --phrases")
        else:
            asks += [Ask(question.replace(PLACE, phrase), phrase) for phrase in phrases]
    if not any(PLACE in question for question in questions):
        asks += [Ask(phrase, phrase, locate=True) for phrase in phrases]
    if not asks:
        raise QuestionError("there is nothing to ask: give --ask, or --phrases, or both")
    return list(dict.fromkeys(asks))


def read_phrases(path: Path) -> list[str]:
    """One phrase a line, each once; empty lines and those that start with # do not count."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}") from error
    phrases = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not phrases:
        raise DataError(f"{path}: no phrases in it; one a line is wanted")
    return phrases


def find_pictures(folder: Path) -> list[str]:
    """Paths of the pictures under a folder, relative to it, in the order of their names; hidden ones not."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder")
    found = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.suffix.lower() in SUFFIXES and not any(part.startswith(".") for part in name.parts):
            found.append(name.as_posix())
    if not found:
        raise DataError(f"{folder}: no pictures in it ({', '.join(sorted(SUFFIXES))})")
    return sorted(found)


def facts_of(folder: Path, model: str, asks: Sequence[Ask], *, quantise: str | None = None) -> dict[str, str]:
    """What a run's answers depend on, for its journal."""
    named = str(Path(model).resolve()) if Path(model).is_dir() else model
    return {
        "pictures": str(folder.resolve()),
        "model": f"{named} in {quantise}" if quantise else named,
        "questions": json.dumps([astuple(ask) for ask in asks], ensure_ascii=False),
    }
