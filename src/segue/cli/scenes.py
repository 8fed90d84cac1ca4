"""`segue scenes`: procedural scenes as a data set on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from segue.cli.console import JsonOption, out, print_json, progress
from segue.errors import SegueError


def scenes(
    folder: Annotated[Path, typer.Argument(help="Where the data set goes; made if it does not exist.")],
    num: Annotated[int, typer.Option("--num", min=1, help="How many scenes.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the whole set.")] = 0,
    size: Annotated[str, typer.Option("--size", help="Width and height in pixels.")] = "256x192",
    turns: Annotated[int, typer.Option("--turns", min=1, help="Questions per scene.")] = 12,
    split: Annotated[
        Literal["train", "test"],
        typer.Option("--split", help="Wordings to use; test has some that training never sees."),
    ] = "train",
    world: Annotated[
        Literal["small", "core", "full"],
        typer.Option("--world", help="Kinds of things: all, 66 everyday ones, or 22 of these."),
    ] = "full",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Make scenes with exact labels: pictures, native records (JSON lines) and a COCO file."""
    dimensions = parse_size(size)
    from segue.scenes.export import write_scenes

    with progress("scenes", total=num) as update:
        records = write_scenes(
            folder,
            num,
            seed=seed,
            size=dimensions,
            split=split,
            num_turns=turns,
            world=world,
            workers=workers,
            progress=update,
        )
    if as_json:
        return print_json({"records": str(records), "num": num, "seed": seed, "split": split})
    out.print(f"written: {num} scenes in {folder}", markup=False)


def parse_size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise SegueError(f"--size wants WIDTHxHEIGHT in pixels, for instance 256x192; got {text!r}.")
    return int(width), int(height)
