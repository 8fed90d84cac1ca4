from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from segue.data.coco import CocoRecords
from segue.data.compositor import Compositor, Pasting, cut_out, paste
from segue.data.native import Record, decode_mask
from segue.errors import DataError
from tests.data.pictures import HEIGHT, WIDTH, coco_folder, picture, record, thing

BOX = (10, 10, 20, 30)
STILL = Pasting(light=0, feather=0.01, flip=0)


def a_cutout(**fields):
    donor = record(thing(1, "cat", BOX), thing(2, "person", (12, 12, 6, 6)), **fields)
    return cut_out(picture(BOX), donor, donor.objects[0])


def masks(pasted: Record) -> dict[str, np.ndarray]:
    return {entry.category: decode_mask(entry.segmentation, HEIGHT, WIDTH) for entry in pasted.objects}


def test_what_lies_on_a_thing_comes_along():
    cutout = a_cutout()
    assert [entry.category for entry in cutout.objects] == ["cat", "person"]
    assert cutout.pixels.shape == (30, 20, 3)
    assert cutout.masks[1].sum() == 36
    torn = record(thing(1, "cat", BOX), thing(2, "couch", (0, 30, 90, 30)))
    assert cut_out(picture(BOX), torn, torn.objects[0]).torn == {"couch"}


@pytest.mark.parametrize("seed", range(8))
def test_pixels_and_masks_agree(seed: int):
    background = record(thing(7, "dog", (0, 40, 96, 24)))
    image, pasted = paste(picture(), background, [a_cutout()], np.random.default_rng(seed), pasting=STILL)
    Record.model_validate(pasted.model_dump())
    assert [entry.id for entry in pasted.objects] == [7, 8, 9]
    found = masks(pasted)
    bright = image[..., 0] > 120
    assert (bright != found["cat"]).mean() < 0.01
    assert not (found["dog"] & found["cat"]).any()  # what is behind loses the pixels
    assert (found["dog"] | found["cat"])[40:].all()
    assert (found["person"] & ~found["cat"]).sum() == 0


def test_nothing_is_hidden_too_far():
    background = record(*[thing(i, "dog", (6 * i, 0, 6, HEIGHT)) for i in range(16)])
    large = Pasting(size=(0.9, 0.9), largest_enlargement=9, kept_visible=0.99)
    _, pasted = paste(picture(), background, [a_cutout()], np.random.default_rng(0), pasting=large)
    assert pasted.objects == background.objects  # no room: left out


def test_a_thing_cut_off_by_the_edge_stands_at_that_edge():
    box = (20, HEIGHT - 30, 20, 30)
    donor = record(thing(1, "cat", box))
    cutout = cut_out(picture(box), donor, donor.objects[0])
    assert cutout.edges == {"bottom"}
    _, pasted = paste(picture(), record(), [cutout], np.random.default_rng(3), pasting=STILL)
    assert masks(pasted)["cat"][-1].any()


def test_exhaustive_is_what_all_pictures_label():
    rng = np.random.default_rng(0)
    _, pasted = paste(picture(), record(), [a_cutout(exhaustive=["cat", "dog", "zebra"])], rng)
    assert pasted.exhaustive == ["cat", "dog"]
    _, everything = paste(picture(), record(exhaustive="all"), [a_cutout(exhaustive="all")], rng)
    assert everything.exhaustive == "all"
    _, some = paste(picture(), record(exhaustive="all"), [a_cutout()], rng)
    assert set(some.exhaustive) == set(record().exhaustive)


def test_slivers_are_ignored_and_unsure():
    """The cut-out is 61 of the 64 rows high: three rows of the dog are left where it stands in front."""
    background = record(thing(7, "dog", (46, 0, 4, HEIGHT)))
    loose = Pasting(size=(0.95, 0.95), largest_enlargement=9, kept_visible=0.01)
    for seed in range(40):
        _, pasted = paste(picture(), background, [a_cutout()], np.random.default_rng(seed), pasting=loose)
        if "dog" not in masks(pasted):
            assert "dog" not in pasted.exhaustive
            assert pasted.ignore is not None
            return
    pytest.fail("no paste left a sliver")


def test_a_picture_that_is_not_its_records():
    with pytest.raises(DataError, match="its record says other"):
        paste(np.zeros((3, 3, 3), np.uint8), record(), [], np.random.default_rng(0))


def test_a_users_own_file(tmp_path: Path):
    records = CocoRecords(coco_folder(tmp_path / "mine"))
    compositor = Compositor(records, records.folder, pasting=Pasting(count=(1, 1), size=(0.2, 0.3)))
    image, pasted = compositor.sample(np.random.default_rng(0))
    again = Compositor(records, records.folder, pasting=Pasting(count=(1, 1), size=(0.2, 0.3)))
    np.testing.assert_array_equal(again.sample(np.random.default_rng(0))[0], image)
    assert len([entry for entry in pasted.objects if entry.category == "dog"]) == 3
    assert pasted.dialogue == []


def test_sets_without_instances(tmp_path: Path):
    records = CocoRecords(coco_folder(tmp_path / "mine", annotations=[], expressions=[]))
    image, pasted = Compositor(records, records.folder).sample(np.random.default_rng(0))
    assert pasted.objects == []
    assert image.shape == (HEIGHT, WIDTH, 3)
    with pytest.raises(DataError, match="no pictures"):
        Compositor([], tmp_path)


def test_the_background_is_left_alone():
    image = picture(BOX)
    before = image.copy()
    paste(image, record(thing(1, "dog", BOX)), [a_cutout()], np.random.default_rng(0))
    np.testing.assert_array_equal(image, before)
