"""`segue caption`: a caption whose words have places, of a picture, a region, or everything found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segue.cli.console import DeviceOption, JsonOption, ModelOption, QuantiseOption, load_model, print_json
from segue.cli.reporting import ImageArgument, prepare, report, save, show, write
from segue.errors import QuestionError

if TYPE_CHECKING:
    from segue.answer import Answer


def caption(
    image: ImageArgument,
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
    quantise: QuantiseOption = None,
) -> None:
    """Caption a picture: the words' trace is drawn over it, and as a small animation.

    With --json nothing is written unless --out is given.
    """
    if dense and box is not None:
        raise QuestionError("--dense captions the whole picture; leave out --box")
    region = None if box is None else parse_box(box)
    picture, destination = prepare(image, folder, as_json=as_json)
    predictor = load_model(model, device, quantise)
    if not dense:
        answer = predictor.caption(picture, box=region)
        report(answer, destination, f"{image.stem}-caption", as_json=as_json, how=save_trace)
        return
    answers = predictor.caption_dense(picture)
    if as_json:
        print_json([answer.to_dict() for answer in answers])
    for number, answer in enumerate(answers, start=1):
        if not as_json:
            show(answer)
        write(answer, destination, f"{image.stem}-object-{number}", quiet=as_json)


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
