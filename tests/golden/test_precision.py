"""The golden models in half precision, and with a language model in 8 bits, against themselves in float32.

Their weights are random, so that masks hang on small differences: what rounding does to them is more than it
does to a trained model's.
"""

from __future__ import annotations

import pytest
import torch

import segue
from segue.images import open_image
from tests.golden.trim import HERE, unpacked

QUESTION, ANSWER = "Where is it?", "It is [SEG]."
CASES = [
    # dtype, quantise, largest difference of a logit (their spread is 1.2 and 1.5), least IoU of the mask
    ("bfloat16", None, 0.3, 0.75),
    ("float16", None, 0.04, 0.96),
    ("float32", "8bit", 0.4, 0.8),
]


@pytest.fixture(scope="module", params=["lisa", "gsva"])
def exact(request, tmp_path_factory):
    """(folder, picture, what float32 gives)."""
    folder = unpacked(request.param, tmp_path_factory.mktemp(request.param))
    image = open_image(HERE / request.param / "image.png")
    return folder, image, segue.load(folder, device="cpu").score(image, QUESTION, ANSWER)


@pytest.mark.parametrize(("dtype", "quantise", "most", "least"), CASES)
def test_numbers_stay_near_those_of_float32(exact, dtype, quantise, most, least):
    if quantise is not None:
        pytest.importorskip("bitsandbytes")
    folder, image, wanted = exact
    found = segue.load(folder, device="cpu", dtype=dtype, quantise=quantise).score(image, QUESTION, ANSWER)
    assert torch.equal(found.input_ids, wanted.input_ids)
    difference = (found.logits - wanted.logits).abs().max()
    assert 0 < difference < most  # 0: it was not in that precision
    assert abs(found.loss - wanted.loss) < 0.05
    ours, theirs = found.mask_logits > 0, wanted.mask_logits > 0
    assert 0 < theirs.float().mean() < 1
    assert (ours & theirs).sum() / (ours | theirs).sum() > least
