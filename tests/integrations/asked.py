"""A `segue serve` of a few lines: phrases with "cat" in them are the left half of the picture, others are not
there."""

import io

import numpy as np
from PIL import Image

from segue.answer import Answer, Segment


def png(width=40, height=30):
    stream = io.BytesIO()
    Image.new("RGB", (width, height), "grey").save(stream, "PNG")
    return stream.getvalue()


def half(width=40, height=30):
    mask = np.zeros((height, width), bool)
    mask[:, : width // 2] = True
    mask[4:6, 4:6] = False
    return mask


class HalfCats:
    """As `segue.integrations.server.Server`."""

    def __init__(self):
        self.asked = []

    def locate(self, picture, phrases):
        self.asked.append(list(phrases))
        with Image.open(io.BytesIO(picture)) as image:
            return [self.answer(phrase, *image.size) for phrase in phrases]

    @staticmethod
    def answer(phrase, width, height):
        span = (0, len(phrase))
        if "cat" in phrase:
            segment = Segment.from_mask(phrase, span, half(width, height), score=0.75)
        else:
            segment = Segment(phrase, span, rejected=True, score=0.9)
        return Answer(phrase, (segment,), (), width, height)
