"""What is said of scenes without questions: true captions, boxes and expressions."""

from __future__ import annotations

import numpy as np
import pytest

from segue.data.native import Record, decode_mask
from segue.scenes.facts import make_described_scene

SEEDS = range(12)


@pytest.fixture(scope="module")
def scenes():
    return [make_described_scene(seed, size=(128, 112)) for seed in SEEDS]


def masks(record):
    return {o.id: decode_mask(o.segmentation, record.height, record.width) for o in record.objects}


def test_records_are_valid_and_the_same_for_a_seed(scenes):
    for seed, (image, record) in zip(SEEDS, scenes, strict=True):
        assert Record.model_validate_json(record.model_dump_json()) == record
        again, same = make_described_scene(seed, size=(128, 112))
        assert np.array_equal(image, again)
        assert same == record


def test_words_of_a_phrase_point_at_its_thing(scenes):
    judged = 0
    for _, record in scenes:
        (turn,) = record.dialogue
        whole = next(caption for caption in record.captions if caption.region is None)
        assert (whole.text, whole.points) == (turn.answer, turn.points)
        for phrase in turn.phrases:
            mask = masks(record)[phrase.ids[0]]
            for word in turn.points:
                if word.span[0] >= phrase.span[0] and word.span[1] <= phrase.span[1]:
                    x, y = word.point
                    judged += 1
                    assert mask[int(y), int(x)]
    assert judged > 20


def test_every_thing_is_described_in_its_box_by_its_colour_and_name(scenes):
    for _, record in scenes:
        things = {tuple(o.bbox): o for o in record.objects if o.part_of is None}
        told = [caption for caption in record.captions if caption.region is not None]
        assert {tuple(caption.region) for caption in told} == set(things)
        for caption in told:
            thing = things[tuple(caption.region)]
            assert thing.category in caption.text
            assert caption.text.startswith(("a ", "an "))
            assert thing.attributes["color"] in caption.text


def test_an_expression_means_one_thing(scenes):
    for _, record in scenes:
        texts = [each.text for each in record.expressions]
        assert len(set(texts)) == len(texts), "two things are called the same"
        things = {o.id for o in record.objects if o.part_of is None}
        assert {each.ids[0] for each in record.expressions} == things
        assert all(len(each.ids) == 1 for each in record.expressions)
