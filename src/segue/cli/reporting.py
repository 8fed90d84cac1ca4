"""What the commands that answer about one picture share: the picture opened, the answer shown and written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.console import out, print_json

if TYPE_CHECKING:
    from PIL import Image

    from segue.answer import Answer

DEFAULT_FOLDER = Path("outputs")
Save = Callable[["Answer", Path, str], "tuple[Path, ...]"]
"""Writes an answer into a folder under a file name without its ending; returns the paths."""

_PNG_EFFORT = 4  # zlib's level: a third of the time of Pillow's 6 for files 4 % larger

ImageArgument = Annotated[Path, typer.Argument(help="A picture: JPEG, PNG, WebP, TIFF ...")]
FolderOption = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the overlay and the answer's JSON. [default: outputs]"),
]


def prepare(image: Path, folder: Path | None, *, as_json: bool) -> tuple[Image.Image, Path | None]:
    """The picture, and the folder to write to, made if need be; None where nothing is to be written.

    Called before torch is loaded, so that a wrong name does not cost seconds.
    """
    from segue.images import open_image

    picture = open_image(image)
    destination = DEFAULT_FOLDER if folder is None and not as_json else folder
    if destination is not None:
        destination.mkdir(parents=True, exist_ok=True)
    return picture, destination


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
        phrase = segment.phrase or "(no phrase)"
        out.print(f"  {phrase}: {place}, score {segment.score:.2f}", style="dim", markup=False)
    for note in answer.notes:
        out.print(f"  note: {note}", style="yellow", markup=False)


def save(answer: Answer, folder: Path, stem: str) -> tuple[Path, ...]:
    """Write the overlay and the JSON into a folder that exists; returns both paths."""
    overlay, record = folder / f"{stem}.png", folder / f"{stem}.json"
    answer.draw().save(overlay, compress_level=_PNG_EFFORT)
    answer.to_json(record, indent=2)
    return overlay, record


def report(answer: Answer, folder: Path | None, stem: str, *, as_json: bool, how: Save = save) -> None:
    """Print the answer, in colours or as JSON, and write it into the folder, if there is one."""
    if as_json:
        print_json(answer.to_dict())
    else:
        show(answer)
    write(answer, folder, stem, quiet=as_json, how=how)


def write(answer: Answer, folder: Path | None, stem: str, *, quiet: bool, how: Save = save) -> None:
    """Write the answer into the folder, if there is one, and say where."""
    if folder is None:
        return
    written = how(answer, folder, stem)
    if not quiet:
        out.print(f"written: {', '.join(map(str, written))}", style="dim", markup=False)
