"""The alignment of Localized Narratives against PixelLLM's own: every `data/ln` array, to the last bit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from segue.data.native import Caption
from segue.data.pixelllm_collation import align as align_marks
from segue.data.word_alignment import token_corners, utterance_places, utterance_points
from tests.parity.shared import parity_folder

FOLDER = parity_folder("pixelllm")
SPECIAL = {"t5": (0, 1), "bert": (0, 101, 102)}  # padding, begin, end


@pytest.fixture(scope="module", params=["t5", "bert"])
def golden(request: pytest.FixtureRequest) -> tuple[Any, tuple[int, ...]]:
    return np.load(FOLDER / request.param / "expected.npz"), SPECIAL[request.param]


@pytest.mark.parametrize("number", [0, 1])
def test_places_of_utterances_and_tokens(golden: tuple[Any, tuple[int, ...]], number: int):
    arrays, special = golden
    narrative = json.loads((FOLDER / "annotations.json").read_text())["localized_narratives"][number]
    places = utterance_places(narrative["timed_caption"], narrative["traces"])
    assert places is not None
    assert np.array_equal(places.centers.ravel(), arrays[f"data/ln/{number}/trace_center"])
    assert np.array_equal(places.extents.ravel(), arrays[f"data/ln/{number}/trace_bbox"])

    height, width = arrays[f"data/ln/{number}/label/orig_size"].tolist()
    is_text = ~np.isin(arrays[f"data/ln/{number}/label/text_tokens"][0], special)
    (expected,) = arrays[f"data/ln/{number}/points_before_resize"]
    ours = token_corners(places, int(is_text.sum()), width=width, height=height)
    assert np.array_equal(ours, expected[is_text])
    assert not expected[~is_text].any()

    # The same by way of the native caption, as training takes it.
    marks = utterance_points(narrative["caption"], places, width=width, height=height)
    caption = Caption(text=narrative["caption"], points=marks)
    chosen = align_marks(caption.points, [(0, 0)] * int(is_text.sum()), by="order")
    assert [word.extent for word in chosen if word] == expected[is_text].reshape(-1, 4).tolist()
