"""From the states behind an answer to its segments and words, in the pictures' own pixels.

`model` is any of the families that a `Predictor` holds, with the features that it makes itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from segue.answer import Segment, Word
from segue.mask_tokens import ParsedAnswer, ParsedTarget
from segue.modeling.generation import Generated
from segue.modeling.grounded import ImageFeatures
from segue.query import EncodedImage
from segue.soft_masks import SoftMasks

if TYPE_CHECKING:
    from segue.modeling.lisa import LisaFeatures

__all__ = ["mask_logits", "segments_of", "words_of"]

MOST_TARGETS = 64
"""Masks that are decoded at once; more in parts, with the same results."""


def segments_of(
    model: Any,
    images: Sequence[EncodedImage],
    index: Sequence[int],
    parsed: Sequence[ParsedAnswer],
    generated: Sequence[Generated],
) -> tuple[list[list[Segment]], list[SoftMasks | None]]:
    """The targets of every answer, and its masks' logits; `index` says which image it is about."""
    places = [
        (row, number)
        for row, parse in enumerate(parsed)
        for number, target in enumerate(parse.targets)
        if not target.rejected
    ]
    masks: dict[tuple[int, int], tuple[np.ndarray, float]] = {}
    soft: list[SoftMasks | None] = [None] * len(parsed)
    if places:
        # The state at index i of `states` is the one that predicted id i.
        states = torch.stack(
            [generated[row].states[list(parsed[row].targets[n].positions)] for row, n in places]
        )
        image_index = torch.tensor([index[row] for row, _ in places], device=states.device)
        several: list[Any] = [image.features for image in images]
        features = type(several[0]).join(several)
        logits = mask_logits(model, features, image_index, states)
        for number, image in enumerate(images):
            own = [place for place in places if index[place[0]] == number]
            pieces = image.geometry.iter_masks_to_original(logits[image_index == number])
            for place, full in zip(own, (mask for piece in pieces for mask in piece), strict=True):
                masks[place] = _mask_and_score(full)
        owners = torch.tensor([row for row, _ in places], device=logits.device)
        for row in {row for row, _ in places}:
            soft[row] = SoftMasks(logits[owners == row], images[index[row]].geometry)
    segments = [
        [_segment(target, answer, masks.get((row, number))) for number, target in enumerate(parse.targets)]
        for row, (parse, answer) in enumerate(zip(parsed, generated, strict=True))
    ]
    return segments, soft


def mask_logits(
    model: Any,
    features: ImageFeatures | LisaFeatures,
    image_index: Tensor,
    states: Tensor,
) -> Tensor:
    """(K, h, w) float32 of K targets, a bounded number at a time."""
    if not len(states):
        return torch.zeros((0, 1, 1), device=states.device)
    return torch.cat(
        [
            model.decode_masks(features, some, own)
            for some, own in zip(image_index.split(MOST_TARGETS), states.split(MOST_TARGETS), strict=True)
        ]
    )


def words_of(model: Any, seen: EncodedImage, parsed: ParsedAnswer, generated: Generated) -> tuple[Word, ...]:
    """Every word with its point, read from the state after the word (PixelLLM's released code). The words
    of what is not in the picture point nowhere."""
    if not parsed.words or model.point_head is None:
        return ()
    states = generated.states[[word.position + 1 for word in parsed.words]]
    size = model.config.vision_config.image_size
    tokens = seen.features.tokens
    index = torch.zeros(len(states), dtype=torch.long, device=states.device)
    relative = model.word_points(states, tokens, index).float().cpu().numpy()
    width, height = seen.image.size
    corners = seen.geometry.points_to_original(relative * size).clip(0, [width - 1, height - 1])
    denied = [target.span for target in parsed.targets if target.rejected]
    words = []
    for word, own in zip(parsed.words, corners.tolist(), strict=True):
        if any(word.span[0] < end and start < word.span[1] for start, end in denied):
            words.append(Word(text=word.text, span=word.span))
            continue
        xs, ys = zip(*own, strict=True)
        point = (sum(xs) / len(xs), sum(ys) / len(ys))
        extent = (min(xs), min(ys), max(xs), max(ys)) if len(own) > 1 else None
        words.append(Word(text=word.text, span=word.span, point=point, extent=extent))
    return tuple(words)


def _mask_and_score(logits: Tensor) -> tuple[np.ndarray, float]:
    """The mask and its mean foreground probability, 0 where the mask is empty."""
    mask = logits > 0
    inside = logits[mask]
    return mask.cpu().numpy(), float(inside.sigmoid().mean().clamp(max=1)) if len(inside) else 0.0


def _segment(target: ParsedTarget, generated: Generated, found: tuple[np.ndarray, float] | None) -> Segment:
    if found is None:
        probability = generated.probabilities[target.positions[0]]
        return Segment(target.phrase, target.span, score=probability, rejected=True)
    mask, score = found
    return Segment.from_mask(target.phrase, target.span, mask, score=score)
