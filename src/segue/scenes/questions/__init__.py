"""The kinds of question that scenes are asked, one file for those that belong together.

Each is a function `(talk) -> Turn | None`: None when this try found nothing that can be asked without doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from segue.scenes.view import SceneView

Split = Literal["train", "test"]


@dataclass(frozen=True, eq=False)
class Talk:
    """What a question is made from: the scene, the random choices, and which wordings are allowed."""

    view: SceneView
    rng: np.random.Generator
    split: Split = "train"
    word_dropout: float = 0.0
    """Share of their words that questions that need reasoning lose."""
