"""Replies of a model, read: JSON by schema, mended where it is broken, and answers with marked phrases.

An answer marks every object as `[words](3)`, several together as `[words](4, 5)`, an absent thing as
`[words](none)`; numbers are places in the task's list, from 1.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segue.data.native import first_problem
from segue.errors import MissingDependencyError

__all__ = [
    "CaptionReply",
    "Mark",
    "Pair",
    "PairsReply",
    "ReplyError",
    "ScoresReply",
    "Target",
    "parse_marked",
    "read_reply",
    "reply_schema",
]

_MARK = re.compile(r"\[([^\[\]]+)\]\s?\(\s*(none|\d+(?:\s*,\s*\d+)*)\s*\)", re.IGNORECASE)


class ReplyError(ValueError):
    """A reply that cannot be used. The message is given back to the model for its second try."""


class Target(BaseModel):
    """One object of an answer: its number in the list, and a sentence about it."""

    model_config = ConfigDict(frozen=True)

    number: int
    description: str


class Pair(BaseModel):
    """A question and its marked answer, as a model or a person wrote it; nothing is checked yet."""

    model_config = ConfigDict(frozen=True)

    kind: str
    question: str
    answer: str
    targets: tuple[Target, ...] = ()


class PairsReply(BaseModel):
    """What the prompts `vision` and `text` ask for."""

    pairs: list[Pair] = Field(min_length=1)


class CaptionReply(BaseModel):
    """What the prompt `caption` asks for."""

    caption: str = Field(min_length=1)


class Score(BaseModel):
    """A judge's word on one pair, which is counted from 1; 0 is wrong, 1 is right."""

    pair: int
    score: float
    reason: str = ""


class ScoresReply(BaseModel):
    """What the prompt `judge` asks for."""

    scores: list[Score] = Field(min_length=1)


Form = TypeVar("Form", bound=BaseModel)


def read_reply(text: str, form: type[Form]) -> Form:
    """The reply as a value of that form.

    JSON in a code fence, with a remark around it, with a trailing comma or an open bracket is mended by
    json_repair; what lacks a field afterwards is refused.

    Raises:
        ReplyError: it is empty, no JSON, or of another form; the message says what is wrong.
    """
    if not text.strip():
        raise ReplyError("The reply is empty.")
    try:
        value = json.loads(text)
    except ValueError:
        value = _mended(text)
    try:
        return form.model_validate(value)
    except ValidationError as error:
        raise ReplyError(f"The JSON is not of the form that was asked for: {first_problem(error)}") from None


def reply_schema(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a form, in the strict dialect of structured outputs: no defaults, every field
    required, nothing beyond them, definitions in place."""
    schema = form.model_json_schema()
    definitions = schema.pop("$defs", {})
    return _strict(schema, definitions)


@dataclass(frozen=True)
class Mark:
    """Marked words of a clean answer: span [start, end) in characters, and numbers of the list; none:
    absent."""

    span: tuple[int, int]
    numbers: tuple[int, ...]


def parse_marked(answer: str) -> tuple[str, tuple[Mark, ...]]:
    """The answer without its marks, in single spaces, and what was marked.

    Raises:
        ReplyError: brackets that are no mark are left, or marked words are blank.
    """
    text, marks, end = "", [], 0
    answer = " ".join(answer.split())
    for match in _MARK.finditer(answer):
        text += answer[end : match.start()]
        words = match[1].strip()
        if not words:
            raise ReplyError(f"The mark {match[0]!r} has no words.")
        numbers = () if match[2].lower() == "none" else tuple(int(part) for part in match[2].split(","))
        marks.append(Mark((len(text), len(text) + len(words)), numbers))
        text += words
        end = match.end()
    text += answer[end:]
    if re.search(r"[\[\]]|\(\s*(?:none|\d+(?:\s*,\s*\d+)*)\s*\)", text, re.IGNORECASE):
        raise ReplyError(
            f"The answer has brackets that are no mark of the form [words](number): {text[:80]!r}"
        )
    return text, tuple(marks)


def _mended(text: str) -> Any:
    try:
        from json_repair import repair_json
    except ImportError:
        raise MissingDependencyError("curation needs json-repair: pip install 'segue[curate]'") from None
    value = repair_json(text, return_objects=True, skip_json_loads=True)
    if isinstance(value, list):  # remarks around the JSON, or several values: the fullest object
        objects = [entry for entry in value if isinstance(entry, dict)]
        value = max(objects, key=lambda entry: len(json.dumps(entry)), default=value)
    if not isinstance(value, dict):
        raise ReplyError("The reply is not JSON.")
    return value


def _strict(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_strict(entry, definitions) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _strict(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    dropped = ("title", "default", "minItems", "minLength", "description")
    strict = {key: _strict(value, definitions) for key, value in schema.items() if key not in dropped}
    if "properties" in schema:
        strict["properties"] = {
            name: _strict(entry, definitions) for name, entry in schema["properties"].items()
        }
        strict["required"] = list(schema["properties"])
        strict["additionalProperties"] = False
    return strict
