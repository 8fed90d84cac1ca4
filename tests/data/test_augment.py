from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segue.data.augment import (
    Crop,
    Strength,
    augment,
    choose_crop,
    crop_image,
    crop_record,
    load_photograph,
    recolor,
    swap_sides,
)
from segue.data.coco import caption_turn, expression_turn
from segue.data.native import Phrase, Record, Turn, WordPoint, decode_mask, encode_mask
from segue.errors import ImageError
from tests.data.pictures import HEIGHT, WIDTH, picture, record, rectangle, thing

LEFT, RIGHT = (6, 10, 20, 40), (60, 12, 26, 40)
UNCHANGED = Strength(
    whole=0, brightness=0, contrast=0, saturation=0, hue=0, grey=0, blur=0, crop_area=(0.2, 0.9)
)


def two_dogs(**fields) -> Record:
    return record(thing(1, "dog", LEFT), thing(2, "dog", RIGHT), **fields)


def seen(changed: Record, id_: int) -> np.ndarray:
    entry = next(entry for entry in changed.objects if entry.id == id_)
    return decode_mask(entry.segmentation, changed.height, changed.width)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("size", [None, (48, 48), (64, 40)])
def test_masks_stay_on_their_pixels(seed: int, size: tuple[int, int] | None):
    """The bright rectangles of the picture are where the masks say that they are, whatever the crop."""
    changed_picture, changed = augment(
        picture(LEFT, RIGHT), two_dogs(), np.random.default_rng(seed), size=size, strength=UNCHANGED
    )
    assert changed_picture.shape == (changed.height, changed.width, 3)
    assert changed_picture.dtype == np.uint8
    Record.model_validate(changed.model_dump())
    labelled = np.zeros(changed_picture.shape[:2], dtype=bool)
    for entry in changed.objects:
        labelled |= decode_mask(entry.segmentation, changed.height, changed.width)
    if changed.ignore is not None:
        labelled |= decode_mask(changed.ignore, changed.height, changed.width)
    bright = changed_picture[..., 0] > 120
    assert (bright != labelled).mean() < 0.03


def test_polygons_move_as_their_masks_do():
    x, y, width, height = LEFT
    polygon = [[x, y, x + width, y, x + width, y + height, x, y + height]]
    as_mask = two_dogs()
    drawn = as_mask.objects[0].model_copy(update={"segmentation": [[float(v) for v in polygon[0]]]})
    as_polygon = as_mask.model_copy(update={"objects": [drawn, as_mask.objects[1]]})
    for crop in (Crop(0, 0, WIDTH, HEIGHT), Crop(10, 5, 40, 50), Crop(2, 3, 60, 55, flip=True)):
        first, second = (seen(crop_record(each, crop, size=(64, 96)), 1) for each in (as_mask, as_polygon))
        assert (first != second).mean() < 0.02


def test_the_whole_picture_is_left_as_it_is():
    crop = Crop(0, 0, WIDTH, HEIGHT)
    image, given = picture(LEFT, RIGHT), two_dogs(dialogue=[caption_turn("two dogs")])
    np.testing.assert_array_equal(crop_image(image, given, crop), image)
    assert crop_record(given, crop) == given


def test_a_flip_swaps_sides_in_pixels_and_words():
    given = two_dogs(
        dialogue=[expression_turn("the dog on the left", [1]), caption_turn("a right-hand glove")]
    )
    changed = crop_record(given, Crop(0, 0, WIDTH, HEIGHT, flip=True))
    np.testing.assert_array_equal(seen(changed, 1), rectangle(*LEFT)[:, ::-1])
    expression, caption = changed.dialogue
    assert expression.question == "Where is the dog on the right?"
    assert expression.answer[slice(*expression.phrases[0].span)] == "dog on the right"
    assert caption.answer == "A left-hand glove."


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("the leftmost one", "the rightmost one"),
        ("Right side, then left", "Left side, then right"),
        ("bright upright copyright", "bright upright copyright"),  # no side in these
        ("right next to the car", None),
        ("all right", None),
        ("leftover cake", None),
    ],
)
def test_which_words_are_sides(text: str, swapped: str | None):
    found = swap_sides(text)
    assert (None if found is None else found[0]) == swapped


def test_spans_follow_the_words():
    text = "the left dog and the right cat"
    swapped, spans = swap_sides(text, [(4, 12), (21, 30)]) or ("", [])
    assert [swapped[start:end] for start, end in spans] == ["right dog", "left cat"]


def test_what_is_cut_away_is_neither_there_nor_absent():
    crop = Crop(24, 0, WIDTH - 24, HEIGHT)  # two of the left dog's twenty columns are left
    changed = crop_record(two_dogs(), crop)
    assert [entry.id for entry in changed.objects] == [2]
    assert changed.ignore is not None
    assert decode_mask(changed.ignore, changed.height, changed.width)[:, :2].any()
    assert "dog" not in changed.exhaustive
    assert "cat" in changed.exhaustive
    gone = crop_record(
        two_dogs(), Crop(30, 0, WIDTH - 30, HEIGHT)
    )  # nothing of it: the other is the only dog
    assert "dog" in gone.exhaustive


def test_turns_survive_where_they_stay_true():
    turns = [
        Turn(question="Find the left dog.", answer="The left dog.", phrases=[Phrase(span=(4, 12), ids=[1])]),
        Turn(
            question="Find the right dog.", answer="The right dog.", phrases=[Phrase(span=(4, 13), ids=[2])]
        ),
        caption_turn("two dogs"),
    ]
    kept = crop_record(two_dogs(dialogue=turns), Crop(20, 0, WIDTH - 20, HEIGHT)).dialogue
    assert [turn.answer for turn in kept] == ["The right dog.", "Two dogs."]
    assert crop_record(two_dogs(dialogue=turns), Crop(50, 0, 46, HEIGHT)).dialogue == []  # half the picture


def test_points_and_regions_move_along():
    turn = Turn(
        question="What is this?",
        answer="A dog.",
        points=[
            WordPoint(span=(2, 5), point=(16.0, 30.0), extent=[10.0, 20.0, 22.0, 40.0]),
            WordPoint(span=(5, 6), point=(94.0, 30.0)),
        ],
        region=[6, 10, 20, 40],
    )
    changed = crop_record(two_dogs(dialogue=[turn]), Crop(0, 0, 80, 60, flip=True), size=(120, 160))
    (moved,) = changed.dialogue
    assert [word.point for word in moved.points] == [(160 - 32.0, 60.0)]  # the second point is outside
    assert moved.points[0].extent == [160 - 44.0, 40.0, 160 - 20.0, 80.0]
    assert moved.region == [160 - 52.0, 20.0, 40.0, 80.0]


def test_boxes_without_masks_and_parts():
    boxed = thing(3, "cat", LEFT).model_copy(update={"segmentation": []})
    part = thing(4, "dog", (6, 10, 4, 4), part_of=1)
    changed = crop_record(record(thing(1, "dog", (30, 10, 4, 4)), boxed, part), Crop(0, 0, 28, 60))
    assert {entry.id: entry.part_of for entry in changed.objects} == {3: None, 4: None}
    assert next(entry for entry in changed.objects if entry.id == 3).bbox == [6, 10, 20, 40]


def test_a_crop_keeps_half_of_some_object():
    rng = np.random.default_rng(0)
    for _ in range(50):
        crop = choose_crop(record(thing(1, "dog", (40, 20, 10, 10))), rng, Strength(whole=0))
        overlap_x = min(crop.x + crop.width, 50) - max(crop.x, 40)
        overlap_y = min(crop.y + crop.height, 30) - max(crop.y, 20)
        assert overlap_x * overlap_y >= 50 - 1e-6
    assert choose_crop(record(), rng, Strength(whole=0, crop_area=(2, 2))).width == WIDTH  # none fits


def test_same_seed_same_picture():
    first, second = (
        augment(picture(LEFT, RIGHT), two_dogs(), np.random.default_rng(5), size=(32, 32)) for _ in range(2)
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]


def test_colours_change_and_grey_has_none():
    image = picture(LEFT, RIGHT)
    grey = recolor(image, np.random.default_rng(0), Strength(grey=1.0, blur=1.0))
    assert grey.std(axis=2).max() <= 2
    other = recolor(image, np.random.default_rng(1), Strength(grey=0, blur=0))
    assert np.abs(other.astype(int) - image).max() > 5


def test_ignored_pixels_move_along():
    given = record(thing(1, "dog", RIGHT), ignore=encode_mask(rectangle(50, 0, 5, 64)))
    changed = crop_record(given, Crop(48, 0, 48, 64))
    assert changed.ignore is not None
    np.testing.assert_array_equal(decode_mask(changed.ignore, 64, 48), rectangle(2, 0, 5, 64)[:, :48])


def test_photographs_are_loaded_as_stored(tmp_path: Path):
    image = picture(LEFT, RIGHT)
    Image.fromarray(image).save(tmp_path / "a.png")
    np.testing.assert_array_equal(load_photograph(tmp_path / "a.png"), image)
    Image.fromarray(np.zeros((400, 640), dtype=np.uint8)).save(tmp_path / "a.jpg")
    assert load_photograph(tmp_path / "a.jpg").shape == (400, 640, 3)
    assert load_photograph(tmp_path / "a.jpg", at_least=90).shape == (100, 160, 3)  # decoded at a quarter


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\xff\xd8\xff\xe0 cut"])
def test_a_broken_photograph_is_named(content: bytes, tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.jpg"):
        load_photograph(tmp_path / "a.jpg")
    with pytest.raises(ImageError, match=r"b\.jpg"):
        load_photograph(tmp_path / "b.jpg")
