"""What the papers print: every figure of `published.yaml`, with its source and how it was scored."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

__all__ = ["Published", "PublishedTable", "all_published", "published_figures", "published_tables"]

FROM_MEMORY = "?"
"""At the end of a figure: written down from memory, compared with nothing."""

Cell = float | str | None


class _Row(BaseModel):
    """A model of a table and its figures, a list for each benchmark."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    cells: list[list[Cell]]
    checkpoint: str = ""

    @field_validator("cells", mode="before")
    @classmethod
    def _lists(cls, cells: Any) -> Any:
        """A cell of one figure may be written without its brackets."""
        return [cell if isinstance(cell, list) else [cell] for cell in cells]


class PublishedTable(BaseModel):
    """One table of a paper, in percent. See the head of `published.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    how: str
    reproduce: str
    protocol: str
    benchmarks: list[str]
    figures: list[str]
    rows: list[_Row]

    @model_validator(mode="after")
    def _whole(self) -> PublishedTable:
        for row in self.rows:
            sizes = {len(cell) for cell in row.cells if cell != [None]}
            if len(row.cells) != len(self.benchmarks) or sizes != {len(self.figures)}:
                raise ValueError(
                    f"{self.title}, {row.model}: {len(row.cells)} cells of {sorted(sizes)} figures, for "
                    f"{len(self.benchmarks)} benchmarks with {len(self.figures)}"
                )
            for value in (value for cell in row.cells for value in cell):
                _number(value)
        return self


class Published(BaseModel):
    """One model's figures on one benchmark, as fractions, under the names of our own `overall`.

    Attributes:
        protocol: ours that scores in the same way.
        checkpoint: what our `--model` takes for it; "" where there is none.
        confirmed: all the figures were compared with the paper, or with another one that repeats them.
        how: how they were scored.
    """

    model_config = ConfigDict(frozen=True)

    benchmark: str
    model: str
    protocol: str
    figures: dict[str, float]
    source: str
    checkpoint: str = ""
    confirmed: bool
    how: str = ""


@cache
def published_tables() -> tuple[PublishedTable, ...]:
    """All tables, in the file's order."""
    text = files("segue.evaluation").joinpath("published.yaml").read_text(encoding="utf-8")
    try:
        return tuple(PublishedTable.model_validate(table) for table in yaml.safe_load(text)["tables"])
    except ValidationError as error:
        raise AssertionError(f"published.yaml is broken: {error}") from error


@cache
def all_published() -> tuple[Published, ...]:
    """One entry for each model and benchmark that has figures."""
    return tuple(
        Published(
            benchmark=benchmark,
            model=row.model,
            protocol=table.protocol,
            figures={
                name: round(_number(value) / 100, 6) for name, value in zip(table.figures, cell, strict=True)
            },
            source=table.source,
            checkpoint=row.checkpoint,
            confirmed=not any(isinstance(value, str) for value in cell),
            how=table.how,
        )
        for table in published_tables()
        for row in table.rows
        for benchmark, cell in zip(table.benchmarks, row.cells, strict=True)
        if cell != [None]
    )


def published_figures(benchmark: str) -> list[Published]:
    """What papers print for a benchmark; empty for one that no paper of ours has."""
    return [entry for entry in all_published() if entry.benchmark == benchmark]


def _number(value: Cell) -> float:
    """Raises ValueError where a cell is no figure."""
    if value is None:
        return float("nan")
    if isinstance(value, str):
        if not value.endswith(FROM_MEMORY):
            raise ValueError(f"{value!r} is no figure, and not one from memory such as '44.8?'")
        return float(value.removesuffix(FROM_MEMORY))
    return float(value)
