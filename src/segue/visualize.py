"""Pictures of answers: overlays with a legend, side by side, word traces, contact sheets, coloured text.

Segment i has the colour `palette(i)` everywhere: in the picture, in the text below it, in the terminal and in
the index PNG. Outlines carry a dark halo, so that they show on light and dark pictures alike, and whatever a
picture's size, it is drawn at one where text can be read.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from segue.errors import DataError

if TYPE_CHECKING:
    import rich.text

    from segue.answer import Answer, Segment

RGB = tuple[int, int, int]
Rect = tuple[float, float, float, float]

# Okabe and Ito's colours, told apart by colour-blind people too; ordered so that the first few differ most,
# the blue lightened to be seen on dark pictures. Black is left out.
_COLORS: tuple[RGB, ...] = (
    (230, 97, 0),
    (74, 176, 240),
    (0, 178, 120),
    (240, 216, 50),
    (216, 120, 190),
    (60, 120, 230),
    (240, 165, 30),
)
_MIN_SIDE = 640
_PAPER, _INK, _FAINT, _HALO = (250, 250, 249), (28, 28, 30), (125, 125, 130), (15, 15, 18)
_ABSENT = "not in this image"


def palette(i: int) -> RGB:
    """The colour of segment i; from the eighth on lighter and darker variants, repeating after 21."""
    color = _COLORS[i % len(_COLORS)]
    shade = i // len(_COLORS) % 3
    return color if shade == 0 else _mix(color, (255, 255, 255) if shade == 1 else (0, 0, 0), 0.4)


def draw_answer(
    answer: Answer,
    image: Image.Image | None = None,
    *,
    labels: bool = True,
    legend: bool = True,
    max_side: int = 2048,
) -> Image.Image:
    """The picture with outlined, translucent segments, each labelled; below it the answer and its phrases.

    `image` is only needed when the answer does not carry one. Small pictures are enlarged, those with a side
    over `max_side` reduced.
    """
    picture = _overlay(answer, _fit(_picture_of(answer, image), max_side), labels)
    return _with_panel([picture], answer) if legend else picture


def side_by_side(answer: Answer, image: Image.Image | None = None, *, max_side: int = 2048) -> Image.Image:
    """The picture as it is, and with its segments, over one legend."""
    picture = _fit(_picture_of(answer, image), max_side // 2)
    return _with_panel([picture, _overlay(answer, picture, labels=True)], answer)


def draw_words(answer: Answer, image: Image.Image | None = None, *, max_side: int = 2048) -> Image.Image:
    """The way of the answer's words over the picture, violet (first) to yellow (last)."""
    picture = _fit(_picture_of(answer, image), max_side)
    scale = (picture.width / answer.width, picture.height / answer.height)
    placed = sorted((word for word in answer.words if word.point is not None), key=lambda word: word.span)
    colors = {word.span: _trace_color(i / max(1, len(placed) - 1)) for i, word in enumerate(placed)}
    points = [(word.point[0] * scale[0], word.point[1] * scale[1]) for word in placed if word.point]
    _draw_trace(picture, points, [colors[word.span] for word in placed])
    _draw_word_labels(picture, [word.text for word in placed], points)
    pieces, end = [], 0
    for word in placed:
        pieces += [_Piece(answer.text[end : word.span[0]]), _Piece(word.text, colors[word.span])]
        end = word.span[1]
    return _stack([picture], _text_panel([*pieces, _Piece(answer.text[end:])], [], _panel_width([picture])))


def contact_sheet(
    pictures: Iterable[Image.Image],
    captions: Sequence[str] = (),
    *,
    columns: int | None = None,
    cell: int = 320,
) -> Image.Image:
    """Pictures in a grid, the longer side of each `cell` pixels, with up to three lines of caption below."""
    pictures = list(pictures)
    if not pictures:
        raise DataError("a contact sheet needs at least one picture")
    columns = min(len(pictures), columns or math.ceil(math.sqrt(len(pictures))))
    gap, font = cell // 20, _font(max(12, cell // 20))
    line = round(font.size * 1.4)
    small = [_resize(picture.convert("RGB"), cell / max(picture.size)) for picture in pictures]
    texts = [_flow([_Piece(text)], font, cell)[:3] for text in captions[: len(small)]]
    texts += [[]] * (len(small) - len(texts))
    rows = [range(start, min(start + columns, len(small))) for start in range(0, len(small), columns)]
    heights = [(max(small[i].height for i in row), max(line * len(texts[i]) for i in row)) for row in rows]
    size = (columns * (cell + gap) + gap, sum(map(sum, heights)) + gap * (len(rows) + 1))
    sheet = Image.new("RGB", size, _PAPER)
    draw, y = ImageDraw.Draw(sheet), gap
    for row, (picture_height, text_height) in zip(rows, heights, strict=True):
        for column, i in enumerate(row):
            x = gap + column * (cell + gap)
            sheet.paste(small[i], (x + (cell - small[i].width) // 2, y + picture_height - small[i].height))
            for number, spans in enumerate(texts[i]):
                text = "".join(piece.text for piece in spans)
                draw.text((x, y + picture_height + gap // 4 + number * line), text, _INK, font)
        y += picture_height + text_height + gap
    return sheet


def colored_text(answer: Answer) -> rich.text.Text:
    """The answer for a terminal: phrases in their segments' colours, rejected ones grey and struck."""
    from rich.text import Text

    text = Text()
    for piece in _pieces(answer):
        if piece.absent:
            text.append(piece.text, style="strike grey50")
        elif piece.color:
            text.append(piece.text, style="bold rgb({},{},{})".format(*piece.color))
        else:
            text.append(piece.text)
    return text


# The picture --------------------------------------------------------------------------


def _picture_of(answer: Answer, image: Image.Image | None) -> Image.Image:
    image = image or answer.image
    if image is None:
        raise DataError("this answer carries no picture (its JSON does not): pass the picture to draw on")
    if image.size != (answer.width, answer.height):
        raise DataError(
            f"the picture is {image.width} x {image.height}, the answer is about one of "
            f"{answer.width} x {answer.height}: pass the upright original"
        )
    return image.convert("RGB")


def _fit(image: Image.Image, max_side: int) -> Image.Image:
    """A copy with a longer side of at least 640 and at most `max_side` pixels."""
    longest = max(image.size)
    if longest > max_side:
        return _resize(image, max_side / longest)
    return (
        _resize(image, math.ceil(min(_MIN_SIDE, max_side) / longest)) if longest < _MIN_SIDE else image.copy()
    )


def _resize(image: Image.Image, factor: float) -> Image.Image:
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.LANCZOS)


def _overlay(answer: Answer, picture: Image.Image, labels: bool) -> Image.Image:
    pixels = np.asarray(picture).astype(np.float32)
    masks = [(i, _mask_at(segment, picture.size)) for i, segment in enumerate(answer.segments)]
    shown = [(i, mask) for i, mask in masks if mask is not None]
    for i, mask in shown:
        pixels[mask] += (np.array(palette(i), np.float32) - pixels[mask]) * 0.42
    stroke = max(2, round(max(picture.size) / 240))
    for i, mask in shown:
        _outline(pixels, mask, palette(i), stroke)
    result = Image.fromarray(pixels.astype(np.uint8))
    draw = ImageDraw.Draw(result)
    scale = (picture.width / answer.width, picture.height / answer.height) * 2
    boxes = {i: segment.box for i, segment in enumerate(answer.segments) if segment.box is not None}
    for i, box in boxes.items():
        if answer.segments[i].predicted_box is not None:
            rect = [side * factor for side, factor in zip(box, scale, strict=True)]
            draw.rectangle(_ordered(rect), outline=_HALO, width=stroke + 2)
            draw.rectangle(_ordered(rect), outline=palette(i), width=stroke)
    if labels:
        _draw_labels(draw, answer, boxes, dict(shown), scale, picture.size)
    return result


def _mask_at(segment: Segment, size: tuple[int, int]) -> np.ndarray | None:
    """The mask at the drawn size, smooth where enlarged; None where there is none."""
    mask = segment.mask
    if mask is None or not mask.any():
        return None
    grey = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR))
    return grey >= min(128, max(1, int(grey.max())))  # a speck thinned by reduction still shows


def _outline(pixels: np.ndarray, mask: np.ndarray, color: RGB, stroke: int) -> None:
    from scipy import ndimage

    halo = max(1, stroke // 2)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, bottom = max(0, rows[0] - halo), rows[-1] + 1 + halo
    left, right = max(0, columns[0] - halo), columns[-1] + 1 + halo
    part, target = mask[top:bottom, left:right], pixels[top:bottom, left:right]
    around = ndimage.binary_dilation(part, iterations=halo) & ~part
    inside = part & ~ndimage.binary_erosion(part, iterations=stroke)
    target[around] += (np.array(_HALO, np.float32) - target[around]) * 0.75
    target[inside] = color


def _draw_labels(
    draw: ImageDraw.ImageDraw,
    answer: Answer,
    boxes: dict[int, Rect],
    masks: dict[int, np.ndarray],
    scale: Sequence[float],
    size: tuple[int, int],
) -> None:
    font = _font(max(13, min(40, round(max(size) / 44))))
    drawn = {i: _ordered([a * b for a, b in zip(box, scale, strict=True)]) for i, box in boxes.items()}
    crowd = sum((mask.astype(np.int16) for mask in masks.values()), np.zeros(size[::-1], np.int16))
    taken: list[Rect] = []
    for i in drawn:
        text = _shorten(answer.segments[i].phrase or f"{i + 1}", 28)
        width, height = font.getlength(text) + font.size * 0.7, font.size * 1.45
        if width > size[0] - 2:  # no room on so narrow a picture: the legend names it by its colour
            continue
        x0, y0, x1, y1 = drawn[i]
        middle = ((x0 + x1) / 2, (y0 + y1) / 2) if i not in masks else _heart(masks[i])
        gap = font.size * 0.3
        spots = [
            (middle[0] - width / 2, y0 - height - gap),
            (middle[0] - width / 2, y1 + gap),
            (middle[0] - width / 2, middle[1] - height / 2),
            (x0 - width - gap, middle[1] - height / 2),
            (x1 + gap, middle[1] - height / 2),
        ]
        if min(x1 - x0 - width, y1 - y0 - height) > font.size * 2:  # room for it within: there it is clearest
            spots.insert(0, spots.pop(2))
        others = crowd - masks[i] if i in masks else crowd
        rect = _free_spot(spots, (width, height), size, taken, others)
        taken.append(rect)
        draw.rounded_rectangle(rect, height * 0.25, fill=palette(i), outline=_HALO)
        draw.text((rect[0] + font.size * 0.35, rect[1] + height / 2), text, _ink_on(palette(i)), font, "lm")


def _heart(mask: np.ndarray) -> tuple[float, float]:
    """The point (x, y) of the mask furthest from its border, found at a quarter of the resolution."""
    from scipy import ndimage

    step = max(1, max(mask.shape) // 256)
    depth = ndimage.distance_transform_edt(np.pad(mask[::step, ::step], 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return (float(x) + 0.5) * step, (float(y) + 0.5) * step


def _free_spot(
    spots: Sequence[tuple[float, float]],
    size: tuple[float, float],
    picture: tuple[int, int],
    labels: Sequence[Rect],
    others_HW: np.ndarray | None = None,
) -> Rect:
    """The first place, kept on the picture, that covers no other label and no other thing; else the best."""
    rects = []
    for x, y in spots:
        x, y = max(0, min(x, picture[0] - size[0] - 1)), max(0, min(y, picture[1] - size[1] - 1))
        rects.append((x, y, x + size[0], y + size[1]))

    def covered(rect: Rect) -> float:
        over_labels = sum(_shared(rect, label) for label in labels) / (size[0] * size[1])
        left, top, right, bottom = map(int, rect)
        part = others_HW[top:bottom, left:right] if others_HW is not None else np.zeros(0)
        return round(
            10 * over_labels + (float(part.mean()) if part.size else 0.0), 1
        )  # a corner counts nothing

    return min(rects, key=covered)


def _shared(a: Rect, b: Rect) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


# Words --------------------------------------------------------------------------------


def _draw_trace(picture: Image.Image, points: list[tuple[float, float]], colors: list[RGB]) -> None:
    draw, stroke = ImageDraw.Draw(picture), max(2, round(max(picture.size) / 220))
    for width, shades in ((stroke + 4, [_HALO] * len(colors)), (stroke, colors)):
        for start, end, color in zip(points, points[1:], shades[1:], strict=False):
            draw.line([start, end], color, width)
        for (x, y), color in zip(points, shades, strict=True):
            radius = width * 0.9
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), color)


def _draw_word_labels(picture: Image.Image, words: list[str], points: list[tuple[float, float]]) -> None:
    font = _font(max(13, min(40, round(max(picture.size) / 44))))
    draw = ImageDraw.Draw(picture)
    taken: list[Rect] = []
    for text, (x, y) in _together(words, points, max(picture.size) * 0.025):
        width, height = font.getlength(text), font.size * 1.2
        spots = [
            (x + math.cos(angle) * far - width / 2, y + math.sin(angle) * far - height / 2)
            for far in (height * 1.1, height * 2.2, height * 3.3)
            for angle in (
                -math.pi / 2,
                math.pi / 2,
                -math.pi / 4,
                -3 * math.pi / 4,
                math.pi / 4,
                3 * math.pi / 4,
            )
        ]
        rect = _free_spot(spots, (width, height), picture.size, taken)
        taken.append(rect)
        draw.text(
            (rect[0], rect[1] + height / 2), text, "white", font, "lm", stroke_width=2, stroke_fill=_HALO
        )


def _together(
    words: list[str], points: list[tuple[float, float]], near: float
) -> list[tuple[str, tuple[float, float]]]:
    """Neighbouring words that point at one place become one label there."""
    groups: list[tuple[str, tuple[float, float]]] = []
    for word, point in zip(words, points, strict=True):
        if groups and math.dist(groups[-1][1], point) < near:
            groups[-1] = (f"{groups[-1][0]} {word}", groups[-1][1])
        else:
            groups.append((word, point))
    return groups


def _trace_color(t: float) -> RGB:
    stops: tuple[RGB, ...] = ((120, 60, 200), (40, 150, 200), (60, 200, 110), (250, 220, 50))
    position = min(max(t, 0.0), 1.0) * (len(stops) - 1)
    low = min(int(position), len(stops) - 2)
    return _mix(stops[low], stops[low + 1], position - low)


# The panel below ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """A stretch of text in one style."""

    text: str
    color: RGB | None = None
    absent: bool = False


def _pieces(answer: Answer) -> list[_Piece]:
    """The answer's text cut where a phrase begins or ends; where phrases overlap the later one shows."""
    owner = np.full(len(answer.text), -1)
    for i, segment in enumerate(answer.segments):
        owner[slice(*segment.span)] = i
    cuts = [0, *(np.flatnonzero(np.diff(owner)) + 1).tolist(), len(answer.text)]
    pieces = []
    for start, end in itertools.pairwise(cuts):
        i = int(owner[start]) if start < end else -1
        absent = i >= 0 and answer.segments[i].rejected
        pieces.append(_Piece(answer.text[start:end], palette(i) if i >= 0 else None, absent))
    return pieces


def _with_panel(pictures: list[Image.Image], answer: Answer) -> Image.Image:
    return _stack(pictures, _text_panel(_pieces(answer), answer.segments, _panel_width(pictures)))


def _panel_width(pictures: list[Image.Image]) -> int:
    return max(480, sum(picture.width for picture in pictures) + 8 * (len(pictures) - 1))


def _stack(pictures: list[Image.Image], panel: Image.Image) -> Image.Image:
    """Pictures in a row, centred over the panel."""
    row, height = sum(picture.width for picture in pictures), pictures[0].height
    gap = 8 if len(pictures) > 1 else 0
    result = Image.new("RGB", (panel.width, height + panel.height), _PAPER)
    x = (panel.width - row - gap * (len(pictures) - 1)) // 2
    for picture in pictures:
        result.paste(picture, (x, 0))
        x += picture.width + gap
    result.paste(panel, (0, height))
    return result


def _text_panel(pieces: Sequence[_Piece], segments: Sequence[Segment], width: int) -> Image.Image:
    """The text with its phrases marked; below it, one entry for each segment."""
    font, small = _font(max(15, min(34, width // 42))), _font(max(12, min(26, width // 54)))
    margin, line, small_line = round(font.size * 0.9), round(font.size * 1.6), round(small.size * 1.7)
    lines = _flow(pieces, font, width - 2 * margin)
    entries = _legend_places(segments, small, width - 2 * margin)
    rows = max((row for _, row in entries), default=-1) + 1
    height = 2 * margin + line * len(lines) + (small_line * rows + margin // 2 if rows else 0)
    panel = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(panel)
    y = margin
    for spans in lines:
        x: float = margin
        for piece in spans:
            x = _draw_piece(draw, piece, font, x, y + line / 2)
        y += line
    for i, (x, row) in enumerate(entries):
        middle = y + margin // 2 + (row + 0.5) * small_line
        _draw_entry(draw, segments[i], palette(i), small, margin + x, middle)
    return panel


def _draw_piece(
    draw: ImageDraw.ImageDraw, piece: _Piece, font: ImageFont.FreeTypeFont, x: float, middle: float
) -> float:
    """Draws from x on, returns where it ends; the phrase is marked, not the spaces before it."""
    blank = font.getlength(piece.text[: len(piece.text) - len(piece.text.lstrip())])
    text, end = piece.text.lstrip(), x + font.getlength(piece.text)
    if piece.absent:
        draw.text((x + blank, middle), text, _FAINT, font, "lm")
        draw.line((x + blank, middle, end, middle), _FAINT, max(1, round(font.size / 14)))
        return end
    if piece.color and text:
        half = font.size * 0.68
        draw.rounded_rectangle(
            (x + blank - 1, middle - half, end + 1, middle + half),
            font.size / 5,
            _mix(piece.color, _PAPER, 0.65),
        )
        draw.line((x + blank, middle + half, end, middle + half), piece.color, max(2, round(font.size / 9)))
    draw.text((x + blank, middle), text, _INK, font, "lm")
    return end


def _legend_places(
    segments: Sequence[Segment], font: ImageFont.FreeTypeFont, width: int
) -> list[tuple[float, int]]:
    """(x, row) of each entry: side by side while there is room."""
    places, x, row = [], 0.0, 0
    for segment in segments:
        advance = font.size * 3.2 + font.getlength(f"{_entry_phrase(segment)}  {_entry_remark(segment)}")
        if x and x + advance > width:
            x, row = 0.0, row + 1
        places.append((x, row))
        x += advance
    return places


def _draw_entry(
    draw: ImageDraw.ImageDraw,
    segment: Segment,
    color: RGB,
    font: ImageFont.FreeTypeFont,
    x: float,
    middle: float,
) -> None:
    side, stroke = font.size * 0.9, max(1, round(font.size / 12))
    swatch = (x, middle - side / 2, x + side, middle + side / 2)
    text, start = _entry_phrase(segment), x + font.size * 1.3
    end = start + font.getlength(text)
    if segment.rejected:
        draw.rounded_rectangle(swatch, side / 4, outline=_FAINT, width=stroke)
        draw.line((swatch[0] + 2, swatch[3] - 2, swatch[2] - 2, swatch[1] + 2), _FAINT, stroke)
        draw.text((start, middle), text, _FAINT, font, "lm")
        draw.line((start, middle, end, middle), _FAINT, stroke)
    else:
        draw.rounded_rectangle(swatch, side / 4, color, _HALO)
        draw.text((start, middle), text, _INK, font, "lm")
    draw.text((end + font.getlength("  "), middle), _entry_remark(segment), _FAINT, font, "lm")


def _entry_phrase(segment: Segment) -> str:
    return _shorten(segment.phrase or "(no phrase)", 40)


def _entry_remark(segment: Segment) -> str:
    if segment.rejected:
        return _ABSENT
    return f"{segment.score:.0%}" if segment.box is not None else "empty mask"


# Text and colours ---------------------------------------------------------------------


def _flow(pieces: Sequence[_Piece], font: ImageFont.FreeTypeFont, width: float) -> list[list[_Piece]]:
    """Lines no wider than `width`, broken between words, and inside a word only if it is wider alone."""
    lines: list[list[_Piece]] = [[]]
    x = 0.0
    for piece in pieces:
        continues = False
        for word in re.findall(r"\s*\S+|\s+$", piece.text.replace("\n", " ")):
            clings = len(word) < 3 and not word[0].isspace()  # a comma stays with its word, in the margin
            if x and not clings and x + font.getlength(word.rstrip()) > width:
                lines.append([])
                x, continues, word = 0.0, False, word.lstrip()
            for part in _chop(word, font, width):
                if continues and part is not word and x:
                    lines.append([])
                    x, continues = 0.0, False
                text = lines[-1].pop().text + part if continues else part
                lines[-1].append(_Piece(text, piece.color, piece.absent))
                x, continues = x + font.getlength(part), True
    return lines


def _chop(word: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    if font.getlength(word) <= width:
        return [word]
    count = max(1, int(len(word) * width / font.getlength(word) * 0.9))
    return [word[start : start + count] for start in range(0, len(word), count)]


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow without FreeType has no scalable font"
    return font


def _shorten(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _mix(color: RGB, other: RGB, share: float) -> RGB:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
    return red, green, blue


def _ink_on(color: RGB) -> RGB:
    luminance = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2]
    return (0, 0, 0) if luminance > 110 else (255, 255, 255)


def _ordered(rect: Sequence[float]) -> Rect:
    x0, y0, x1, y1 = rect
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
