"""The evaluators of PixelLM and PixelLLM against the full golden sets of the original codes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.parity import evaluator_goldens as goldens
from tests.parity.shared import SHARED


@pytest.fixture
def facts(request):
    path = SHARED / "parity" / request.param
    if not path.exists():
        pytest.skip(f"no golden numbers at {path}; set SEGUE_SHARED")
    return json.loads(path.read_text())


@pytest.mark.parametrize("facts", ["pixellm/expected.json"], indirect=True)
def test_matcher_and_score(facts):
    goldens.check_matching(np.load(SHARED / "parity" / "pixellm" / "expected.npz"), facts)


@pytest.mark.parametrize("facts", ["pixelllm/evaluators.json"], indirect=True)
@pytest.mark.parametrize(
    "check", [goldens.check_dense_captions, goldens.check_referring, goldens.check_trace]
)
def test_pixelllm_evaluators(facts, check):
    check(facts)
