"""`segue locate`: the box and mask of an expression."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.console import DeviceOption, JsonOption, ModelOption, QuantiseOption, file_stem, load_model
from segue.cli.reporting import FolderOption, ImageArgument, prepare, report


def locate(
    image: ImageArgument,
    expression: Annotated[str, typer.Argument(help='What to find, in quotes: "the woman in red".')],
    model: ModelOption = "segue/mini",
    folder: FolderOption = None,
    as_json: JsonOption = False,
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
) -> None:
    """Find what an expression refers to: prints its box, draws its mask.

    With --json nothing is written unless --out is given.
    """
    picture, destination = prepare(image, folder, as_json=as_json)
    answer = load_model(model, device, quantise).locate(picture, expression)
    report(answer, destination, file_stem(image, expression), as_json=as_json)
