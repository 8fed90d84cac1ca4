"""`segue ask`: one question about one picture."""

from __future__ import annotations

from typing import Annotated

import typer

from segue.cli.console import DeviceOption, JsonOption, ModelOption, QuantiseOption, file_stem, load_model
from segue.cli.reporting import FolderOption, ImageArgument, prepare, report


def ask(
    image: ImageArgument,
    question: Annotated[str, typer.Argument(help="In plain English, in quotes.")],
    model: ModelOption = "segue/mini",
    folder: FolderOption = None,
    as_json: JsonOption = False,
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
) -> None:
    """Ask about a picture: prints the answer, its grounded phrases coloured, and draws them on the picture.

    With --json nothing is written unless --out is given.
    """
    picture, destination = prepare(image, folder, as_json=as_json)
    answer = load_model(model, device, quantise).ask(picture, question)
    report(answer, destination, file_stem(image, question), as_json=as_json)
