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
"""Masks that are decoded at once; more in parts, with the same results. The targets of one answer are never
parted: they share the picture's things out among them."""


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
        owners = torch.tensor([row for row, _ in places], device=states.device)
        logits = mask_logits(model, features, image_index, states, owners)
        for number, image in enumerate(images):
            own = [place for place in places if index[place[0]] == number]
            pieces = image.geometry.iter_masks_to_original(logits[image_index == number])
            for place, full in zip(own, (mask for piece in pieces for mask in piece), strict=True):
                masks[place] = _mask_and_score(full)
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
    answers: Tensor,
) -> Tensor:
    """(K, h, w) float32 of K targets, a bounded number at a time.

    Args:
        answers: (K,) which answer each target is of, those of an answer one after the other.
    """
    if not len(states):
        return torch.zeros((0, 1, 1), device=states.device)
    parts = _whole_answers(answers.tolist())
    return torch.cat(
        [model.decode_masks(features, image_index[part], states[part], answers[part]) for part in parts]
    )


def _whole_answers(answers: list[int]) -> list[slice]:
    """Parts of up to `MOST_TARGETS`, more only where one answer has more."""
    ends = [i for i in range(1, len(answers) + 1) if i == len(answers) or answers[i] != answers[i - 1]]
    parts, start, end = [], 0, 0
    for next_end in ends:
        if next_end - start > MOST_TARGETS and end > start:
            parts.append(slice(start, end))
            start = end
        end = next_end
    return [*parts, slice(start, end)]


def words_of(model: Any, seen: EncodedImage, parsed: ParsedAnswer, generated: Generated) -> tuple[Word, ...]:
    """Every word with its point, read from the state after the word (PixelLLM's released code). The words
    of what is not in the picture point nowhere."""
    if not parsed.words or model.point_head is None:
        return ()
    states = generated.states[[word.position + 1 for word in parsed.words]]
    size = model.config.vision_config.image_size
    tokens = seen.features.tokens
    index = torch.zeros(len(states), dtype=torch.long, device=states.device)
    looks = model.word_looks(states, tokens, index, *_claimed(model, seen, parsed, generated))
    relative = model.word_points(states, tokens, index, looks).float().cpu().numpy()
    width, height = seen.image.size
    corners = seen.geometry.points_to_original(relative * size).clip(0, [width - 1, height - 1])
    denied = [target.span for target in parsed.targets if target.rejected]
    words = []
    for word, own in zip(parsed.words, corners.tolist(), strict=True):
        if any(_overlap(word.span, span) for span in denied):
            words.append(Word(text=word.text, span=word.span))
            continue
        xs, ys = zip(*own, strict=True)
        point = (sum(xs) / len(xs), sum(ys) / len(ys))
        extent = (min(xs), min(ys), max(xs), max(ys)) if len(own) > 1 else None
        words.append(Word(text=word.text, span=word.span, point=point, extent=extent))
    return tuple(words)


def _claimed(
    model: Any, seen: EncodedImage, parsed: ParsedAnswer, generated: Generated
) -> tuple[Tensor | None, Tensor]:
    """What the shown targets of an answer claim, and for every word which of them its phrase names."""
    shown = [target for target in parsed.targets if not target.rejected]
    of = [
        next((n for n, target in enumerate(shown) if _overlap(word.span, target.span)), -1)
        for word in parsed.words
    ]
    device = seen.features.tokens.device
    claims = None
    if shown:
        states = torch.stack([generated.states[list(target.positions)] for target in shown])
        index = torch.zeros(len(shown), dtype=torch.long, device=device)
        scores = model.mask_scores(seen.features, index, states)
        claims = model.claims(seen.features, index, scores, torch.zeros_like(index))
    return claims, torch.tensor(of, device=device)


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


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
