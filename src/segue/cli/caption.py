"""`segue caption`: a caption whose words have places, of a picture, a region, or everything found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.ask import DEFAULT_FOLDER, save, show
from segue.cli.console import DeviceOption, JsonOption, ModelOption, load_model, out, print_json
from segue.errors import QuestionError

if TYPE_CHECKING:
    from segue.answer import Answer


def caption(
    image: Annotated[Path, typer.Argument(help="A picture: JPEG, PNG, WebP, TIFF ...")],
    box: Annotated[
        str | None, typer.Option("--box", help="Caption this region: x0,y0,x1,y1 in pixels.", metavar="BOX")
    ] = None,
    dense: Annotated[
        bool, typer.Option("--dense", help="Find everything, caption each (PixelLLM only).")
    ] = False,
    model: ModelOption = "segue/mini",
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the drawing, the animation and the JSON. [default: outputs]"),
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = None,
) -> None:
    """Caption a picture: the words' trace is drawn over it, and as a small animation.

    With --json nothing is written unless --out is given.
    """
    from segue.images import open_image

    if dense and box is not None:
        raise QuestionError("--dense captions the whole picture; leave out --box")
    region = None if box is None else parse_box(box)
    picture = open_image(image)
    destination = DEFAULT_FOLDER if folder is None and not as_json else folder
    if destination is not None:
        destination.mkdir(parents=True, exist_ok=True)
    predictor = load_model(model, device)
    answers = predictor.caption_dense(picture) if dense else [predictor.caption(picture, box=region)]
    if as_json:
        print_json([answer.to_dict() for answer in answers] if dense else answers[0].to_dict())
    for number, answer in enumerate(answers, start=1):
        if not as_json:
            show(answer)
        if destination is None:
            continue
        stem = f"{image.stem}-object-{number}" if dense else f"{image.stem}-caption"
        written = save(answer, destination, stem) if dense else save_trace(answer, destination, stem)
        if not as_json:
            out.print(f"written: {', '.join(map(str, written))}", style="dim", markup=False)


def save_trace(answer: Answer, folder: Path, stem: str) -> tuple[Path, ...]:
    """The trace as a picture and as an animation, and the JSON; returns their paths."""
    from segue.animation import animate_words
    from segue.visualize import draw_words

    if not any(word.point is not None for word in answer.words):
        return save(answer, folder, stem)
    drawing, record = folder / f"{stem}.png", folder / f"{stem}.json"
    draw_words(answer).save(drawing)
    answer.to_json(record, indent=2)
    return drawing, animate_words(answer, folder / f"{stem}.gif"), record


def parse_box(given: str) -> tuple[float, float, float, float]:
    """ "x0,y0,x1,y1" to four numbers."""
    try:
        x0, y0, x1, y1 = (float(part) for part in given.split(","))
    except ValueError:
        raise QuestionError(
            f"--box {given!r} is not four numbers x0,y0,x1,y1, such as 10,20,200,180"
        ) from None
    return x0, y0, x1, y1
