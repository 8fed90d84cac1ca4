"""Records drawn, to see at a glance whether annotations are read rightly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from segue.answer import Answer, Segment, Word
from segue.data.native import ObjectRecord, Record, Turn, decode_mask
from segue.errors import DataError
from segue.visualize import draw_answer, draw_words

__all__ = ["describe", "draw_record"]

_MOST = 8
"""Targets drawn on one picture."""
_IGNORED = (128, 128, 128)


def draw_record(record: Record, image: Image.Image) -> Image.Image:
    """The picture with what its record says of it: the first of these that there is.

    A caption with places of words; a turn with a phrase for something in the picture; expressions, and
    captions of boxes; objects. Pixels to be ignored are grey.

    Raises:
        DataError: the picture has another size than its record.
    """
    if image.size != (record.width, record.height):
        raise DataError(
            f"{record.image} is {image.width} x {image.height}, its annotations are for a picture of "
            f"{record.width} x {record.height}"
        )
    if record.ignore is not None:
        pixels = np.array(image)
        pixels[decode_mask(record.ignore, record.height, record.width)] = _IGNORED
        image = Image.fromarray(pixels)
    for caption in record.captions:
        if caption.points:
            words = [Word(caption.text[slice(*p.span)], p.span, p.point) for p in caption.points]
            return draw_words(Answer(caption.text, (), tuple(words), record.width, record.height), image)
    return draw_answer(_answer(record), image, legend=False)


def describe(record: Record) -> str:
    """One line about the record: how much it holds, and its first words."""
    counts = [
        f"{len(values)} {name}{'s' * (len(values) != 1)}"
        for name, values in (
            ("object", record.objects),
            ("expression", record.expressions),
            ("caption", record.captions),
            ("turn", record.dialogue),
        )
        if values
    ]
    texts = [
        *([turn.question] if (turn := _shown_turn(record)) else []),
        *(expression.text for expression in record.expressions[:1]),
        *(caption.text for caption in record.captions[:1]),
    ]
    said = f": {texts[0]}" if texts else ""
    return f"{', '.join(counts) or 'nothing'}{said}"


def _shown_turn(record: Record) -> Turn | None:
    """The first turn that shows something in the picture; else the first."""
    shows = (turn for turn in record.dialogue if any(phrase.ids for phrase in turn.phrases))
    return next(shows, record.dialogue[0] if record.dialogue else None)


def _answer(record: Record) -> Answer:
    things = {thing.id: thing for thing in record.objects}
    named: list[tuple[str, Sequence[ObjectRecord]]] = []
    if turn := _shown_turn(record):
        for phrase in turn.phrases:
            named.append((turn.answer[slice(*phrase.span)], [things[id_] for id_ in phrase.ids]))
    if not named:
        named = [(e.text, [things[id_] for id_ in e.ids]) for e in record.expressions]
    boxes = [(c.text, c.region) for c in record.captions if c.region is not None]
    if not named and not boxes:
        named = [(thing.category, [thing]) for thing in record.objects]
    text, segments = "", []
    for words, targets in named[:_MOST]:
        span = (len(text), len(text) + len(words))
        text += f"{words}; "
        segments.append(_segment(words, span, targets, record))
    for words, (x, y, width, height) in boxes[: _MOST - len(segments)]:
        span = (len(text), len(text) + len(words))
        text += f"{words}; "
        segments.append(Segment(words, span, predicted_box=(x, y, x + width, y + height)))
    return Answer(text, tuple(segments), (), record.width, record.height)


def _segment(words: str, span: tuple[int, int], targets: Sequence[ObjectRecord], record: Record) -> Segment:
    """What the words mean: the union of masks, or of boxes where no mask is known; nothing: absent."""
    masks = [
        decode_mask(thing.segmentation, record.height, record.width)
        for thing in targets
        if thing.segmentation
    ]
    if masks:
        return Segment.from_mask(words, span, np.logical_or.reduce(masks))
    if not targets:
        return Segment(words, span, rejected=True)
    corners = np.array([(x, y, x + w, y + h) for x, y, w, h in (thing.bbox for thing in targets)])
    left, top = corners[:, :2].min(axis=0).tolist()
    right, bottom = corners[:, 2:].max(axis=0).tolist()
    return Segment(words, span, predicted_box=(left, top, right, bottom))
