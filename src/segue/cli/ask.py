"""`segue ask`: one question about one picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.console import DeviceOption, JsonOption, ModelOption, file_stem, load_model, out, print_json

if TYPE_CHECKING:
    from segue.answer import Answer

DEFAULT_FOLDER = Path("outputs")


def ask(
    image: Annotated[Path, typer.Argument(help="A picture: JPEG, PNG, WebP, TIFF ...")],
    question: Annotated[str, typer.Argument(help="In plain English, in quotes.")],
    model: ModelOption = "segue/mini",
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the overlay and the answer's JSON. [default: outputs]"),
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = None,
) -> None:
    """Ask about a picture: prints the answer, its grounded phrases coloured, and draws them on the picture.

    With --json nothing is written unless --out is given.
    """
    from segue.images import open_image

    # Before torch is loaded, so that a wrong name does not cost seconds.
    picture = open_image(image)
    destination = DEFAULT_FOLDER if folder is None and not as_json else folder
    if destination is not None:
        destination.mkdir(parents=True, exist_ok=True)
    answer = load_model(model, device).ask(picture, question)
    if as_json:
        print_json(answer.to_dict())
    else:
        show(answer)
    if destination is not None:
        written = save(answer, destination, file_stem(image, question))
        if not as_json:
            out.print(f"written: {', '.join(map(str, written))}", style="dim", markup=False)


def show(answer: Answer) -> None:
    """The answer and, a line each, what its phrases stand on."""
    from segue.visualize import colored_text

    out.print(colored_text(answer))
    for segment in answer.segments:
        if segment.rejected:
            place = "not in this picture"
        elif segment.bbox is None:
            place = "an empty mask"
        else:
            x, y, width, height = (round(value) for value in segment.bbox)
            place = f"{width} x {height} pixels at ({x}, {y})"
        out.print(f"  {segment.phrase}: {place}, score {segment.score:.2f}", style="dim", markup=False)
    for note in answer.notes:
        out.print(f"  note: {note}", style="yellow", markup=False)


def save(answer: Answer, folder: Path, stem: str) -> tuple[Path, Path]:
    """Write the overlay and the JSON into a folder that exists; returns both paths."""
    overlay, record = folder / f"{stem}.png", folder / f"{stem}.json"
    answer.draw().save(overlay)
    answer.to_json(record, indent=2)
    return overlay, record
