"""What passes between those who ask and those who answer: an encoded picture, a query, its reply, a score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

    from segue.answer import Answer
    from segue.images import Geometry
    from segue.modeling.generation import Prefix
    from segue.modeling.grounded import ImageFeatures
    from segue.modeling.lisa import LisaFeatures
    from segue.soft_masks import SoftMasks

__all__ = [
    "CAPTION_QUESTION",
    "LOCATE_QUESTION",
    "REGION_QUESTION",
    "Box",
    "EncodedImage",
    "Query",
    "Reply",
    "Round",
    "Score",
]

CAPTION_QUESTION = "Describe this image."
REGION_QUESTION = "Describe this region."
LOCATE_QUESTION = "Where is {expression}?"

Box = Sequence[float]


@dataclass(frozen=True)
class EncodedImage:
    """A picture and what the model saw of it; as good for a hundred questions as for one."""

    image: Image.Image
    geometry: Geometry
    features: ImageFeatures | LisaFeatures
    prefix: Prefix


@dataclass(frozen=True)
class Round:
    """A question that was answered before, as the model reads it again; `ids` are what it said."""

    question: str
    ids: tuple[int, ...]
    region: Box | None = None


@dataclass(frozen=True)
class Query:
    """One question of a batch; the fields are the arguments of `Predictor.ask`.

    `history` are the rounds before it on the same picture; the oldest are left out where the model has no
    room for all.
    """

    image: Any
    question: str
    region: Box | None = None
    max_new_tokens: int = 160
    history: tuple[Round, ...] = ()


@dataclass(frozen=True)
class Reply:
    """What became of a query.

    Attributes:
        answer: None where whoever watched dropped the query.
        prompt_tokens, answer_tokens: ids read (the picture's among them) and said.
        finished: False when the answer was cut at its limit, or dropped.
        soft: the answer's masks before their threshold, a part of the batch's; None where it has no masks.
        ids: what the model said, mask tokens included, without the stop id.
    """

    answer: Answer | None
    prompt_tokens: int
    answer_tokens: int
    finished: bool
    soft: SoftMasks | None = None
    ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Score:
    """A given answer under teacher forcing.

    Attributes:
        input_ids: (1, T) the expanded sequence: prefix, question and answer.
        logits: (1, T, vocabulary), float32.
        mask_logits: (K, height, width) of the answer's masks at the picture's size, before the threshold.
        loss: mean cross-entropy of the answer's tokens.
    """

    input_ids: Tensor
    logits: Tensor
    mask_logits: Tensor
    loss: float
