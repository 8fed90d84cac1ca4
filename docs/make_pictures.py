"""The pictures of the documentation, made by the code: `python docs/make_pictures.py`."""

from pathlib import Path

from PIL import Image

import segue
from segue.scenes import make_scene
from segue.visualize import contact_sheet

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "pictures"
SETTINGS = ("indoor", "table-top", "street", "landscape")
QUESTIONS = (
    ("scene-street.jpg", "Segment the dogs."),
    ("scene-street.jpg", "Where is the bicycle?"),
    ("scene-table.jpg", "Which of these could cut bread?"),
    ("chelsea.jpg", "Where is the cat?"),
)


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


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    scenes().save(FOLDER / "scenes.jpg", quality=88)
    answers().save(FOLDER / "answers.jpg", quality=88)


if __name__ == "__main__":
    main()
