"""A model without torch that sees a cat in every picture, takes its time, and notes what it was asked.

As a program it is `segue` with that model: `python slow_cats.py NOTES SECONDS annotate ...`.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

from segue.answer import Answer, Segment


class SlowCats:
    """The cat covers as many rows as the picture's first pixel says; there is never a dog."""

    def __init__(self, notes, seconds):
        self.notes, self.seconds = Path(notes), seconds

    def encode(self, image):
        return image

    def ask(self, image, question):
        if question == "break":
            raise RuntimeError("out of order")
        time.sleep(self.seconds)
        value = image.getpixel((0, 0))[0]
        with self.notes.open("a") as notes:
            notes.write(f"{os.getpid()} {value}\n")
        mask = np.zeros((image.height, image.width), bool)
        mask[:value] = True
        segments = (Segment.from_mask("Cat", (2, 5), mask), Segment("dog", (13, 16), rejected=True))
        return Answer("A Cat and no dog.", segments, (), image.width, image.height, "cats")

    def locate(self, image, phrase):
        return self.ask(image, phrase)


if __name__ == "__main__":
    import segue
    from segue.cli.main import main

    segue.load = lambda name, **_: SlowCats(sys.argv[1], float(sys.argv[2]))
    main(sys.argv[3:])
