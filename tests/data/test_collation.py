"""segue/mini's training sequences: what the words of an answer's phrases have to point at."""

from __future__ import annotations

import numpy as np
import pytest

from segue.data.collation import Collator, DenseLabels
from segue.data.native import ObjectRecord, Phrase, Record, Turn, encode_mask
from tests.modeling.tiny import tiny_model


def test_the_words_of_phrases_have_places_in_the_sequence():
    mask = np.zeros((40, 60), bool)
    mask[10:20, 30:50] = True
    record = Record(
        image="a.png",
        width=60,
        height=40,
        objects=[ObjectRecord(id=1, category="dog", segmentation=encode_mask(mask), bbox=[30, 10, 20, 10])],
        dialogue=[
            Turn(
                question="Where is the dog?",
                answer="The dog on the left, no cat.",
                phrases=[Phrase(span=(4, 7), ids=[1]), Phrase(span=(24, 27), ids=[])],
            )
        ],
    )
    _, processor = tiny_model()
    labels = DenseLabels(categories=("", "dog"), parts=("",), colors=("",))
    collator = Collator(processor, labels)
    sample = collator.encode(np.zeros((40, 60, 3), np.uint8), record, np.random.default_rng(0))
    ((place, (x, y), target),) = sample.words  # of "dog" alone
    assert target == 0
    assert mask[int(y * 40), int(x * 60)]
    assert processor.tokenizer.decode([sample.ids[place]]).strip().endswith("g")
    batch = collator.collate([sample, sample])
    assert batch["word_points"].shape == (2, 2)
    assert batch["center_classes"].tolist() == [[0, 1, 0], [1, 1, 0]]  # row, category, no colour
    assert batch["center_points"].tolist() == [[pytest.approx(40 / 60), pytest.approx(15 / 40)]] * 2
    assert batch["left_out"].tolist() == [0, 0]

    narrow = Collator(processor, labels, max_tokens=len(sample.ids) - 1)
    cut = narrow.encode(np.zeros((40, 60, 3), np.uint8), record, np.random.default_rng(0))
    assert cut.left_out == 1
    assert cut.ids == list(processor.prefix_ids)
