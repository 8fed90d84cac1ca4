"""`segue locate`: the box and mask of an expression."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segue.cli.ask import DEFAULT_FOLDER, save, show
from segue.cli.console import DeviceOption, JsonOption, ModelOption, file_stem, load_model, out, print_json


def locate(
    image: Annotated[Path, typer.Argument(help="A picture: JPEG, PNG, WebP, TIFF ...")],
    expression: Annotated[str, typer.Argument(help='What to find, in quotes: "the woman in red".')],
    model: ModelOption = "segue/mini",
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the overlay and the JSON. [default: outputs]")
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = None,
) -> None:
    """Find what an expression refers to: prints its box, draws its mask.

    With --json nothing is written unless --out is given.
    """
    from segue.images import open_image

    picture = open_image(image)
    destination = DEFAULT_FOLDER if folder is None and not as_json else folder
    if destination is not None:
        destination.mkdir(parents=True, exist_ok=True)
    answer = load_model(model, device).locate(picture, expression)
    if as_json:
        print_json(answer.to_dict())
    else:
        show(answer)
    if destination is not None:
        written = save(answer, destination, file_stem(image, expression))
        if not as_json:
            out.print(f"written: {', '.join(map(str, written))}", style="dim", markup=False)
