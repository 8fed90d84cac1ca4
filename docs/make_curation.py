"""The pictures of docs/curation.md: `python docs/make_curation.py CURATION_FOLDER`.

A contact sheet of pairs with their masks, and the set's statistics. Only photographs under a free licence are
shown (COCO's numbers 4, 5, 7 and 8), chosen by how many targets their answers have."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from segue.curation.export import outcomes
from segue.curation.journal import Journal
from segue.curation.plots import draw
from segue.curation.review import answer_of
from segue.curation.session import open_folder
from segue.curation.stats import count, read_data
from segue.data.photograph_view import is_instance
from segue.images import open_image
from segue.visualize import contact_sheet, draw_answer

PICTURES = Path(__file__).parent / "pictures"
FREE = {4: "CC BY", 5: "CC BY-SA", 7: "no known restrictions", 8: "US government"}
WANTED = (
    "reasoning",
    "explanation",
    "several",
    "reasoning",
    "referring",
    "reasoning",
    "several",
    "absent",
    "reasoning",
)


def main(folder: Path) -> None:
    session = open_folder(folder)
    content = json.loads(Path(session.plan.data.path).read_bytes())
    licences = {f"images/{entry['file_name']}": entry.get("license") for entry in content["images"]}
    with Journal(folder, run=False) as journal:
        found = [
            entry
            for entry in outcomes(session.work.tasks, session.plan, session.pictures, journal)
            if licences[entry.task.key] in FREE and all(is_instance(thing) for thing in entry.scene.objects)
        ]
    drawn: list[Image.Image] = []
    captions: list[str] = []
    used: set[str] = set()
    for kind in WANTED:
        entry, pair = next(
            (entry, pair)
            for entry in found
            for pair in entry.pairs
            if pair.accepted and pair.pair.kind == kind and entry.task.key not in used
            if kind in ("referring", "absent") or 3 <= len(pair.pair.targets) <= 7
        )
        used.add(entry.task.key)
        image = open_image(session.pictures.folder / entry.task.key)
        drawn.append(draw_answer(answer_of(pair.pair, entry), image, labels=False, max_side=640))
        captions.append(f"{kind}: {pair.pair.question}")
        sys.stdout.write(f"{entry.task.key} ({FREE[licences[entry.task.key]]})\n")
    contact_sheet(drawn, captions, columns=3, cell=420).save(PICTURES / "curation.jpg", quality=82)
    draw(count(read_data(folder)), PICTURES / "curation-statistics.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
