"""The evaluators of PixelLM and PixelLLM against those golden numbers that lie in the repository.

`python -m tests.golden.test_evaluators` writes the selection again from the full sets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.parity import evaluator_goldens as goldens

HERE = Path(__file__).parent
MATCHING, EVALUATORS = HERE / "pixellm" / "matching", HERE / "pixelllm" / "evaluators.json"


def test_matcher_and_score():
    facts = json.loads(MATCHING.with_suffix(".json").read_text())
    goldens.check_matching(np.load(MATCHING.with_suffix(".npz")), facts)


@pytest.mark.parametrize(
    "check", [goldens.check_dense_captions, goldens.check_referring, goldens.check_trace]
)
def test_pixelllm_evaluators(check):
    check(json.loads(EVALUATORS.read_text()))


def trim() -> None:
    """Write the selection from the sets beside the repository."""
    from tests.parity.shared import SHARED

    folder = SHARED / "parity" / "pixellm"
    arrays = np.load(folder / "expected.npz")
    facts = json.loads((folder / "expected.json").read_text())
    chosen = {name: arrays[name] for name in arrays.files if name.startswith("match")}
    np.savez_compressed(MATCHING.with_suffix(".npz"), **chosen)
    kept = {key: facts[key] for key in ("matching", "aggregate_binarised")}
    MATCHING.with_suffix(".json").write_text(json.dumps(kept) + "\n")
    evaluators = json.loads((SHARED / "parity" / "pixelllm" / "evaluators.json").read_text())
    EVALUATORS.write_text(json.dumps(evaluators) + "\n")


if __name__ == "__main__":
    trim()
