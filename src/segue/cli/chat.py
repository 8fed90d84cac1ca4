"""`segue chat`: several questions about one picture, which is encoded once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from segue.cli.console import (
    DeviceOption,
    JsonOption,
    ModelOption,
    QuantiseOption,
    err,
    file_stem,
    load_model,
)
from segue.cli.reporting import ImageArgument, report
from segue.errors import QuestionError


def chat(
    image: ImageArgument,
    model: ModelOption = "segue/mini",
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for an overlay and a JSON of every answer.")
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
    history: Annotated[
        bool,
        typer.Option(
            "--history", help="The model reads earlier questions and answers again; it was trained without."
        ),
    ] = False,
) -> None:
    """Ask several questions about one picture, one a line; an empty line or Ctrl-D ends.

    Questions may be piped in: `printf 'Where is the cat?\\nWhere is the dog?\\n' | segue chat photo.jpg`.
    A question that cannot be asked is reported, the others are still answered, and the exit code is 2.
    """
    from segue.images import open_image

    picture = open_image(image)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    conversation = load_model(model, device, quantise).chat(picture, history=history)
    num_failed = 0
    for question in questions():
        try:
            answer = conversation.ask(question)
        except QuestionError as error:
            err.print(f"segue: error: {error}", markup=False)
            num_failed += 1
            continue
        report(answer, folder, file_stem(image, question), as_json=as_json)
    if num_failed:
        raise typer.Exit(2)


def questions() -> Iterator[str]:
    """From a person until an empty line or the end of input; from a pipe every line that is not empty."""
    if not sys.stdin.isatty():
        yield from (line.strip() for line in sys.stdin if line.strip())
        return
    while True:
        try:
            question = err.input("[bold]> [/]").strip()
        except EOFError:
            return
        if not question:
            return
        yield question
