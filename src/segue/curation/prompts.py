"""Prompts: text files that users can replace, filled with values, and named by a hash of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import yaml

from segue.curation.plan import KINDS
from segue.curation.targets import Ask
from segue.data.native import ObjectRecord
from segue.errors import DataError

__all__ = ["FILES", "Prompts", "instance_lines", "load_prompts"]

FILES = ("vision.md", "text.md", "caption.md", "retry.md", "judge.md", "kinds.yaml")

_VALUES = ("width", "height", "instances", "questions", "caption", "problems", "pairs", "language")


@dataclass(frozen=True)
class Prompts:
    """The prompt files in use, by name."""

    texts: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """12 hexadecimal digits that stand for the content of all files."""
        content = "\0".join(f"{name}\0{self.texts[name]}" for name in sorted(self.texts))
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def fill(self, name: str, values: Mapping[str, Any]) -> tuple[str, str]:
        """The system's and the user's part of a prompt."""
        above, line, below = self.texts[name].partition("\n---\n")
        if not line:
            above, below = "", self.texts[name].removeprefix("---\n")
        return Template(above).substitute(values).strip(), Template(below).substitute(values).strip()

    def questions(self, asks: Sequence[Ask]) -> str:
        """What is asked for, one numbered line for each question."""
        lines = []
        for place, ask in enumerate(asks, start=1):
            chosen = ", ".join(str(number) for number in ask.numbers)
            values = {
                "targets": ask.targets,
                "numbers": Template(self.kinds["chosen"]).substitute(list=chosen) if chosen else "",
                "absent": ", ".join(ask.absent),
            }
            lines.append(f"{place}. {Template(self.kinds[ask.kind]).substitute(values)}")
        return "\n".join(lines)

    @cached_property
    def kinds(self) -> dict[str, str]:
        return yaml.safe_load(self.texts["kinds.yaml"])


def load_prompts(folder: str | Path | None = None) -> Prompts:
    """The package's prompts, with those of `folder` in place of the ones of the same name.

    Raises:
        DataError: there is no such folder, it has none of the files, or one names an unknown value.
    """
    own = files("segue.curation").joinpath("prompts")
    texts = {name: own.joinpath(name).read_text(encoding="utf-8") for name in FILES}
    if folder is not None:
        found = [name for name in FILES if (Path(folder) / name).is_file()]
        if not found:
            raise DataError(f"{folder}: holds none of the prompts {', '.join(FILES)}")
        texts |= {name: (Path(folder) / name).read_text(encoding="utf-8") for name in found}
    prompts = Prompts(texts)
    _check(prompts, folder or "the package's prompts")
    return prompts


def instance_lines(objects: Sequence[ObjectRecord]) -> str:
    """`3. dog at [10, 20, 110, 90]`, one line for each, boxes as whole corners in the picture's pixels."""
    return "\n".join(
        f"{number}. {entry.category} at {box_corners(entry)}" for number, entry in enumerate(objects, start=1)
    )


def box_corners(entry: ObjectRecord) -> list[int]:
    """[x0, y0, x1, y1] in whole pixels."""
    x, y, width, height = entry.bbox
    return [round(x), round(y), round(x + width), round(y + height)]


def _check(prompts: Prompts, folder: str | Path) -> None:
    for name in FILES:
        try:
            if name.endswith(".md"):
                prompts.fill(name, dict.fromkeys(_VALUES, ""))
            else:
                missing = {*KINDS, "chosen"} - set(prompts.kinds)
                if missing:
                    raise ValueError(f"it lacks {', '.join(sorted(missing))}")
                for line in prompts.kinds.values():
                    Template(line).substitute(targets=2, numbers="", absent="", list="")
        except KeyError as error:
            raise DataError(f"{folder}, {name}: it names the unknown value ${error.args[0]}") from None
        except (ValueError, TypeError, AttributeError, yaml.YAMLError) as error:
            raise DataError(f"{folder}, {name}: {error}") from None
