"""Where a model points while it reads a given caption: teacher forcing, for the error of traces.

The PixelLLM family has two corners for every token, the others' point head one or two for every word. What is
given back are pieces of the caption with their points in the picture's pixels, not clipped to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segue.data.native import Turn, WordPoint
from segue.errors import CapabilityError
from segue.evaluation.prediction import PointedWord, Prediction
from segue.modeling.generation import Prefix, read_given
from segue.modeling.word_lookup import embed_text

if TYPE_CHECKING:
    from segue.pixelllm_predictor import PixelLLMPredictor
    from segue.predictor import Predictor

__all__ = ["read_points"]

_WORD = re.compile(r"\w+(?:['’-]\w+)*")


def read_points(predictor: Any, picture: Any, caption: str) -> Prediction:
    """The caption with a point for each of its tokens or words; `extent` holds the two corners as they were
    predicted, in whatever order.

    Args:
        picture: what the predictor's `encode` gave.

    Raises:
        CapabilityError: this model points at no words.
    """
    from segue.pixelllm_predictor import PixelLLMPredictor

    if isinstance(predictor, PixelLLMPredictor):
        return _token_points(predictor, picture, caption)
    if getattr(predictor.model, "point_head", None) is None:
        raise CapabilityError(f"{predictor.name} points at no words; PixelLLM and segue/mini do")
    return _word_points(predictor, picture, caption)


@torch.no_grad()
def _token_points(predictor: PixelLLMPredictor, picture: Any, caption: str) -> Prediction:
    """A caption beyond the model's length is cut, as in the original."""
    model, text = predictor.model, predictor.text
    caption = " ".join(caption.split())
    said = caption.lower() if text.lowercase else caption
    spans = text.tokenizer.encode(said, add_special_tokens=False).offsets[: text.length - 2]
    row = text.given(said[: spans[-1][1]])
    context = torch.tensor(text.context(model.config.trace_prompt), device=model.device)[None, None]
    memory = model.remember(model.look(picture.features, model.whole(picture.features)), context)
    points, _ = model.trace(picture.features, memory, torch.tensor(row, device=model.device)[None, None])
    corners_LC2 = points[0, 0].float().cpu().numpy()
    # The first position has read BOS.
    pieces = [
        (span, picture.geometry.points_to_original(own))
        for span, own in zip(spans, corners_LC2[1:], strict=False)
        if caption[slice(*span)].strip()
    ]
    return Prediction(caption, words=tuple(_piece(caption, *piece) for piece in pieces))


@torch.no_grad()
def _word_points(predictor: Predictor, picture: Any, caption: str) -> Prediction:
    from segue.query import CAPTION_QUESTION

    model, processor = predictor.model, predictor.processor
    spans = [match.span() for match in _WORD.finditer(caption)]
    nowhere = [WordPoint(span=span, point=(0.0, 0.0)) for span in spans]
    encoded = processor.encode_turn(Turn(question=CAPTION_QUESTION, answer=caption, points=nowhere))
    embedded = embed_text(model, encoded.ids, image_tokens=picture.features.tokens)
    (states_TH,) = read_given(
        model.language_model, Prefix.join([picture.prefix]), [embedded], image_index=[0]
    )
    after = states_TH[[position for position, _ in encoded.words]]
    size = processor.config.vision_config.image_size
    index = torch.zeros(len(after), dtype=torch.long, device=after.device)
    relative = model.word_points(after, picture.features.tokens, index)
    corners = picture.geometry.points_to_original(relative.float().cpu().numpy() * size)
    pieces = zip(spans, corners, strict=True)
    return Prediction(caption, words=tuple(_piece(caption, *piece) for piece in pieces))


def _piece(caption: str, span: tuple[int, int], corners_C2: np.ndarray) -> PointedWord:
    x, y = corners_C2.mean(axis=0).tolist()
    extent = None
    if len(corners_C2) == 2:
        (x0, y0), (x1, y1) = corners_C2.tolist()
        extent = (x0, y0, x1, y1)
    return PointedWord(caption[slice(*span)], span, (x, y), extent)
