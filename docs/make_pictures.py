"""The pictures of the documentation, made by the code: `python docs/make_pictures.py`."""

from dataclasses import replace
from pathlib import Path

from PIL import Image

import segue
from segue.answer import Answer
from segue.scenes import make_scene
from segue.visualize import contact_sheet, draw_words

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"
SETTINGS = ("indoor", "table-top", "street", "landscape")
QUESTIONS = (
    ("scene-street.jpg", "Segment the dogs."),
    ("scene-street.jpg", "Where is the umbrella?"),
    ("scene-table.jpg", "Which of these could cut bread?"),
    ("chelsea.jpg", "Where is the cat?"),
)
EXPRESSION = "the car"


def scenes() -> Image.Image:
    """Three scenes of each setting."""
    drawn = [
        make_scene(seed, size=(256, 192), setting=setting, num_objects=(4, 9))[0]
        for seed in range(3)
        for setting in SETTINGS
    ]
    return contact_sheet(map(Image.fromarray, drawn), columns=len(SETTINGS), cell=256)


def answers() -> Image.Image:
    """What the embedded model says to some of the demo's questions, right or wrong."""
    model = segue.load()
    pictures = [
        model.ask(ROOT / "examples" / "images" / name, question).draw() for name, question in QUESTIONS
    ]
    return contact_sheet(pictures, [question for _, question in QUESTIONS], columns=2, cell=480)


def pixelllm() -> Image.Image:
    """A caption's trace, dense captions and a located expression, by mini-pixelllm, right or wrong."""
    model = segue.load("mini-pixelllm")
    picture, _ = make_scene(1_000_009, size=(320, 240), world="small")
    found = [a for a in model.caption_dense(picture) if a.segments and (a.segments[0].score or 0) > 0.3]
    pictures = [
        draw_words(model.caption(picture)),
        together(found).draw(),
        model.locate(picture, EXPRESSION).draw(),
    ]
    titles = ["caption", "dense captions", f"locate: {EXPRESSION}"]
    return contact_sheet(pictures, titles, columns=3, cell=420)


def together(answers: list[Answer]) -> Answer:
    """Dense captions as one answer, a phrase each."""
    text, segments = "", []
    for answer in answers:
        start = len(text)
        text += answer.text
        segments.append(replace(answer.segments[0], phrase=answer.text, span=(start, len(text))))
        text += "; "
    assert answers, "nothing was found"
    return replace(answers[0], text=text.removesuffix("; "), segments=tuple(segments), words=())


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    scenes().save(FOLDER / "scenes.jpg", quality=88)
    answers().save(FOLDER / "answers.jpg", quality=88)
    pixelllm().save(FOLDER / "pixelllm.jpg", quality=88)


if __name__ == "__main__":
    main()
