"""Drawings: they hold for every size of picture, show what they claim, and keep one colour per segment."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from segue.answer import Answer, Segment, Word
from segue.errors import DataError
from segue.visualize import colored_text, contact_sheet, draw_answer, draw_words, palette, side_by_side

TEXT = "The mug and the spoon; there is no fork."


def make_answer(width: int = 320, height: int = 240, *, grey: int = 128, text: str = TEXT) -> Answer:
    y, x = np.mgrid[:height, :width]
    left, right = x < width * 0.3, (x > width * 0.6) & (y > height * 0.4)
    segments = (
        Segment.from_mask("mug", (4, 7), left, score=0.9),
        Segment.from_mask("spoon", (16, 21), right, score=0.8),
        Segment("fork", (35, 39), score=0.97, rejected=True),
    )
    words = (
        Word("The", (0, 3), (width * 0.1, height * 0.1)),
        Word("mug", (4, 7), (width * 0.1, height * 0.11)),
        Word("spoon", (16, 21), (width * 0.8, height * 0.8)),
    )
    image = Image.new("RGB", (width, height), (grey,) * 3)
    return Answer(text, segments, words, width, height, "test", image=image)


def near(pixels: np.ndarray, color: tuple[int, int, int], tolerance: int = 2) -> np.ndarray:
    return (np.abs(pixels.astype(int) - color) <= tolerance).all(-1)


# Colours ------------------------------------------------------------------------------


def test_colors_differ_and_repeat_late():
    colors = [palette(i) for i in range(21)]
    assert len(set(colors)) == 21
    assert palette(21) == palette(0)
    assert all(isinstance(value, int) and 0 <= value <= 255 for color in colors for value in color)


def test_the_first_colors_stay_apart_for_colour_blind_eyes():
    # Viénot's matrices for protanopia and deuteranopia, on linear light.
    blindness = (
        np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
        np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
    )
    light = (np.array([palette(i) for i in range(5)]) / 255) ** 2.2
    for matrix in blindness:
        seen = np.clip(light @ matrix.T, 0, 1) ** (1 / 2.2) * 255
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 30


# The overlay --------------------------------------------------------------------------


def test_without_legend_the_overlay_is_the_picture_with_colored_masks():
    answer = make_answer(800, 600)
    drawn = np.asarray(draw_answer(answer, labels=False, legend=False))
    assert drawn.shape == (600, 800, 3)
    assert tuple(drawn[100, 400]) == (128, 128, 128)  # untouched where nothing is
    inside = drawn[300, 100]
    expected = 128 + (np.array(palette(0)) - 128) * 0.42
    assert np.abs(inside - expected).max() <= 1
    assert near(drawn, palette(0)).sum() > 600  # the outline


@pytest.mark.parametrize("grey", [0, 255])
def test_outlines_stand_out_on_black_and_on_white(grey):
    drawn = np.asarray(draw_answer(make_answer(800, 600, grey=grey), labels=False, legend=False)).astype(int)
    row = drawn[300, 200:280]  # across the mug's right edge
    assert np.abs(np.diff(row.sum(1))).max() > 200


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (64, 64, (640, 640)),  # enlarged by a whole factor
        (1, 1, (640, 640)),
        (900, 700, (900, 700)),
        (4096, 1024, (2048, 512)),  # reduced
        (20_000, 2, (2048, 1)),
        (30, 900, (30, 900)),
    ],
)
def test_every_size_of_picture_is_drawn_where_it_can_be_read(width, height, expected):
    answer = make_answer(width, height)
    assert draw_answer(answer, legend=False).size == expected
    with_legend = draw_answer(answer)
    assert with_legend.width == max(480, expected[0])
    assert with_legend.height > expected[1] + 40


def test_max_side_holds_for_enlarging_too():
    assert max(draw_answer(make_answer(64, 64), legend=False, max_side=256).size) == 256


def test_the_legend_tells_what_is_absent():
    answer = make_answer()
    without = Answer(answer.text, answer.segments[:2], (), 320, 240, image=answer.image)
    assert draw_answer(answer, legend=False) == draw_answer(without, legend=False)
    assert draw_answer(answer) != draw_answer(without)


def test_labels_change_the_picture_and_stay_on_it():
    answer = make_answer()
    plain, labelled = (draw_answer(answer, labels=labels, legend=False) for labels in (False, True))
    assert plain.size == labelled.size
    assert near(np.asarray(labelled), palette(1)).sum() > near(np.asarray(plain), palette(1)).sum() + 200


def test_an_empty_mask_and_a_box_alone_are_drawn():
    segments = (
        Segment.from_mask("mug", (4, 7), np.zeros((240, 320), bool)),
        Segment("spoon", (16, 21), predicted_box=(300.0, 200.0, 20.0, 30.0)),  # corners in the wrong order
    )
    drawn = draw_answer(Answer(TEXT, segments, (), 320, 240, image=Image.new("RGB", (320, 240))))
    assert near(np.asarray(drawn), palette(1)).sum() > 200


def test_many_segments_and_a_long_text():
    phrase = "thing"
    text = " ".join([phrase] * 60) + " " + "x" * 500
    mask = np.zeros((64, 64), bool)
    mask[10:20, 10:20] = True
    segments = [Segment.from_mask(phrase, (6 * i, 6 * i + 5), mask) for i in range(60)]
    drawn = draw_answer(Answer(text, segments, (), 64, 64, image=Image.new("RGB", (64, 64))))
    assert drawn.height > 900


def test_an_answer_without_text_or_segments():
    assert draw_answer(Answer("", (), (), 64, 64, image=Image.new("RGB", (64, 64)))).width == 640


def test_a_picture_is_needed_and_it_must_be_the_right_one():
    answer = Answer.from_json(make_answer().to_json())
    with pytest.raises(DataError, match="no picture"):
        answer.draw()
    with pytest.raises(DataError, match="320 x 240"):
        answer.draw(Image.new("RGB", (240, 320)))
    assert answer.draw(Image.new("L", (320, 240))).mode == "RGB"


def test_drawing_leaves_the_picture_alone():
    answer = make_answer(800, 600)
    before = answer.image.copy()
    answer.draw()
    draw_words(answer)
    side_by_side(answer)
    assert answer.image == before


# Other pictures -----------------------------------------------------------------------


def test_side_by_side_shows_the_plain_picture_first():
    sheet = side_by_side(make_answer(800, 600))
    assert sheet.width == 1608
    assert near(np.asarray(sheet)[:600, :800], (128, 128, 128), 0).all()


def test_words_are_drawn_where_they_point():
    answer = make_answer(800, 600)
    drawn = np.asarray(draw_words(answer))
    changed = ~near(drawn[:600, :800], (128, 128, 128), 0)
    assert changed[480, 640]  # the spoon's point
    assert changed[60, 80]
    assert changed[270, 360]  # on the way
    assert not changed[550, 100]


def test_words_of_an_answer_without_any():
    answer = make_answer()
    assert draw_words(Answer(answer.text, (), (), 320, 240, image=answer.image)).width == 640


def test_a_contact_sheet_holds_all_pictures():
    pictures = [Image.new("RGB", size, palette(i)) for i, size in enumerate([(50, 20), (900, 900), (3, 400)])]
    sheet = contact_sheet(pictures, ["one", "a much longer caption " * 10], columns=2, cell=100)
    assert sheet.width == 2 * 100 + 3 * 5
    for i in range(3):
        assert near(np.asarray(sheet), palette(i)).any()
    with pytest.raises(DataError):
        contact_sheet([])


# The terminal -------------------------------------------------------------------------


def test_colored_text_has_the_segments_colors_and_the_whole_text():
    text = colored_text(make_answer())
    assert text.plain == TEXT
    styles = {TEXT[span.start : span.end]: str(span.style) for span in text.spans}
    assert styles["mug"] == "bold rgb({},{},{})".format(*palette(0))
    assert styles["spoon"] == "bold rgb({},{},{})".format(*palette(1))
    assert styles["fork"] == "strike grey50"


def test_colored_text_is_not_read_as_markup():
    text = "[red]mug"
    answer = Answer(text, (Segment("mug", (5, 8), rejected=True),), (), 4, 4)
    assert colored_text(answer).plain == text


def test_where_phrases_overlap_the_later_one_shows():
    mask = np.ones((4, 4), bool)
    segments = (Segment.from_mask("red mug", (0, 7), mask), Segment.from_mask("mug", (4, 7), mask))
    spans = colored_text(Answer("red mug", segments, (), 4, 4)).spans
    assert [(span.start, span.end) for span in spans] == [(0, 4), (4, 7)]
