"""Ask the embedded model about bundled pictures; `make demo` runs this.

Each answer is printed with its grounded phrases coloured; the overlay and the answer's JSON go to
`outputs/demo`.
"""

from pathlib import Path

from rich.console import Console

import segue
from segue.visualize import colored_text

IMAGES = Path(__file__).parent / "images"
OUTPUT = Path("outputs/demo")

# picture: (what kind of question it is, the question)
QUESTIONS = {
    "scene-street.jpg": [
        ("one target", "Where is the cat?"),
        ("several targets", "Segment the dogs."),
        ("absent", "Where is the umbrella?"),
    ],
    "scene-table.jpg": [
        ("attribute", "Show me the blue mug."),
        ("reasoning", "Which of these could cut bread?"),
        ("one there, one absent", "Point out the red apple and the banana."),
    ],
    "chelsea.jpg": [
        ("a photograph", "Where is the cat?"),
        ("a photograph, absent", "Where is the horse?"),
    ],
}


def main() -> None:
    console = Console(highlight=False)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    model = segue.load()
    for name, questions in QUESTIONS.items():
        chat = model.chat(IMAGES / name)  # the picture is encoded once
        for number, (kind, question) in enumerate(questions, start=1):
            answer = chat.ask(question)
            console.print(f"\n{name} ({kind}): {question}", style="bold")
            console.print("  ", colored_text(answer), sep="")
            for segment in answer.segments:
                place = "not in this picture" if segment.rejected else f"{segment.area} pixels"
                console.print(f"  {segment.phrase}: {place} ({segment.score:.2f})", style="dim", markup=False)
            stem = f"{Path(name).stem}-{number}"
            answer.draw().save(OUTPUT / f"{stem}.png")
            answer.to_json(OUTPUT / f"{stem}.json", indent=2)
    console.print(f"\nOverlays and JSON of every answer are in {OUTPUT.resolve()}", soft_wrap=True)


if __name__ == "__main__":
    main()
