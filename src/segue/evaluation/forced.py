"""The protocol `paper`: as the original codes of LISA, GSVA and PixelLM score, by reading a given answer.

The answer is given, with the right number of targets; the model only says where they are. Its masks come from
the states that predict the mask tokens, as in generation. Where the vocabulary has `[REJ]`, GSVA's rule says
which targets it rejects: the most probable token where a target's token is predicted; one that is neither
`[SEG]` nor `[REJ]` counts as the wrong one of the two. The masks of an answer that has a `[REJ]` are then
read a second time with a mask group in its place (`reeval` of the released code), so that every target has
one.

Pictures are seen once and many answers read in one pass; the originals do both anew for each question.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from segue.data.native import Phrase, Turn, encode_mask
from segue.errors import CapabilityError, DataError
from segue.evaluation.prediction import Prediction, Target
from segue.grounding import mask_logits
from segue.mask_tokens import MaskVocabulary
from segue.modeling.generation import Prefix, read_given
from segue.modeling.thing_reader import read_things
from segue.modeling.word_lookup import embed_text

if TYPE_CHECKING:
    from segue.evaluation.runner import Sample
    from segue.predictor import Predictor
    from segue.query import EncodedImage

__all__ = ["MASKS", "read_answers"]

MASKS = "{masks}"
"""Stands in a turn's answer, as the whole of a phrase, where a family's published answers have nothing but
mask tokens: "{masks}." is written "[SEG]."."""


@dataclass(frozen=True)
class _Given:
    """One answer as ids behind the prefix, and the index of each phrase's first mask token, or `[REJ]`."""

    ids: list[int]
    places: list[int]
    region: Tensor | None = None
    """(1, 4) relative to the model's input, where the question is about a box."""


def read_answers(
    predictor: Predictor, samples: Sequence[Sample], batch_size: int, *, at_zero: bool = False
) -> list[list[Prediction]]:
    """What the model makes of every turn's own answer: one target per phrase, in order.

    Args:
        batch_size: so many answers are read together.
        at_zero: a mask has the pixels whose logit is at least 0 (GSVA's `eval_gres`), else above 0.

    Raises:
        CapabilityError: the family cannot score answers.
        DataError: an answer cannot be written with the model's mask tokens.
    """
    if not hasattr(predictor.processor, "vocabulary"):
        raise CapabilityError(f"{predictor.name} cannot score given answers; use --protocol free")
    seen = predictor.encode_batch([sample.image for sample in samples])
    asked = [(s, turn) for s, sample in enumerate(samples) for turn in sample.turns]
    vocabulary = predictor.processor.vocabulary
    given = [_written(predictor, seen[s], turn) for s, turn in asked]
    states = _states(predictor, seen, [s for s, _ in asked], given, batch_size)
    rejected = [
        _decisions(predictor, seen[s], text, read)
        for (s, _), text, read in zip(asked, given, states, strict=True)
    ]
    # A second reading where something is absent: with masks for all.
    absent = [i for i, (_, turn) in enumerate(asked) if any(not phrase.ids for phrase in turn.phrases)]
    if absent and vocabulary.reject is not None:
        again = [_written(predictor, seen[asked[i][0]], _all_present(asked[i][1])) for i in absent]
        second = _states(predictor, seen, [asked[i][0] for i in absent], again, batch_size)
        for i, text, reread in zip(absent, again, second, strict=True):
            given[i], states[i] = text, reread
    masks = _masks(predictor, seen, [s for s, _ in asked], given, states, rejected, at_zero)
    predictions: list[list[Prediction]] = [[] for _ in samples]
    for (s, turn), own, decided in zip(asked, masks, rejected, strict=True):
        targets = tuple(
            Target(turn.answer[slice(*phrase.span)], phrase.span, encode_mask(mask), rejected=decision)
            for phrase, mask, decision in zip(turn.phrases, own, decided, strict=True)
        )
        predictions[s].append(Prediction(turn.answer, targets))
    return predictions


def _written(predictor: Predictor, seen: EncodedImage, turn: Turn) -> _Given:
    """A turn in the model's ids."""
    processor = predictor.processor
    vocabulary: MaskVocabulary = processor.vocabulary
    if any(turn.answer[slice(*phrase.span)] == MASKS for phrase in turn.phrases):
        group = " ".join(
            MaskVocabulary.token_names(scales=vocabulary.scales, tokens_per_scale=vocabulary.tokens_per_scale)
        )
        pieces, end = [], 0
        for phrase in turn.phrases:
            # Who cannot reject is made to point: LISA and PixelLM on targets that are not there.
            absent = not phrase.ids and vocabulary.reject is not None
            pieces += [turn.answer[end : phrase.span[0]], "[REJ]" if absent else group]
            end = phrase.span[1]
        plain = Turn(question=turn.question, answer="".join([*pieces, turn.answer[end:]]), region=turn.region)
        encoded = processor.encode_turn(plain)
    else:
        encoded = processor.encode_turn(_all_present(turn) if vocabulary.reject is None else turn)
    marks = {vocabulary.group[0], vocabulary.reject}
    places = [i for i in range(encoded.answer_start, len(encoded.ids)) if encoded.ids[i] in marks]
    if len(places) != len(turn.phrases):
        raise DataError(
            f"the answer {turn.answer[:60]!r} has {len(turn.phrases)} targets, but {len(places)} in this "
            "model's tokens"
        )
    region = None if turn.region is None else predictor._box(seen, _corners(turn.region))
    return _Given(encoded.ids, places, region)


def _corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    """COCO's x, y, width, height to corners."""
    x, y, width, height = box
    return x, y, x + width, y + height


def _all_present(turn: Turn) -> Turn:
    phrases = [Phrase(span=phrase.span, ids=phrase.ids or [0]) for phrase in turn.phrases]
    return turn.model_copy(update={"phrases": phrases})


def _states(
    predictor: Predictor,
    seen: Sequence[EncodedImage],
    index: Sequence[int],
    given: Sequence[_Given],
    batch_size: int,
) -> list[Tensor]:
    """For every answer the states (T, H) of its ids; `index` says which picture it is about."""
    order = sorted(range(len(given)), key=lambda i: len(given[i].ids))
    states: dict[int, Tensor] = {}
    for first in range(0, len(order), batch_size):
        chunk = order[first : first + batch_size]
        pictures = sorted({index[i] for i in chunk})
        embedded = [
            embed_text(
                predictor.model,
                given[i].ids,
                image_tokens=seen[index[i]].features.tokens,
                regions=given[i].region,
            )
            for i in chunk
        ]
        read = read_given(
            predictor.model.language_model,
            Prefix.join([seen[picture].prefix for picture in pictures]),
            embedded,
            image_index=[pictures.index(index[i]) for i in chunk],
        )
        states.update(zip(chunk, read, strict=True))
    return [states[i] for i in range(len(given))]


@torch.no_grad()
def _decisions(predictor: Predictor, seen: EncodedImage, given: _Given, states: Tensor) -> list[bool]:
    """Which targets are rejected; the state at an index predicts the id after it."""
    vocabulary = predictor.processor.vocabulary
    if vocabulary.reject is None or not given.places:
        return [False] * len(given.places)
    before = torch.tensor(given.places, device=states.device) - 1
    read = read_things(predictor.model, states[None, before], seen.features.tokens)[0]
    said = predictor.model.lm_head(read).argmax(dim=-1).tolist()
    seg = vocabulary.group[0]
    return [
        token != seg if given.ids[place] == seg else token == vocabulary.reject
        for place, token in zip(given.places, said, strict=True)
    ]


@torch.no_grad()
def _masks(
    predictor: Predictor,
    seen: Sequence[EncodedImage],
    index: Sequence[int],
    given: Sequence[_Given],
    states: Sequence[Tensor],
    rejected: Sequence[Sequence[bool]],
    at_zero: bool,
) -> list[list[np.ndarray]]:
    """Bool masks (height, width) of every answer's targets, those of one picture decoded together. A rejected
    target's mask is that of an answer of its own: generated, it would have none to take from the others."""
    length = len(predictor.processor.vocabulary.group)
    masks: dict[tuple[int, int], np.ndarray] = {}
    for picture, image in enumerate(seen):
        places = [
            (i, n) for i, text in enumerate(given) if index[i] == picture for n in range(len(text.places))
        ]
        if not places:
            continue
        places.sort(key=lambda place: rejected[place[0]][place[1]])  # the others stay side by side
        alone = itertools.count(len(given))
        answers = torch.tensor([next(alone) if rejected[i][n] else i for i, n in places])
        first = [given[i].places[n] - 1 for i, n in places]
        groups = torch.stack([states[i][at : at + length] for (i, _), at in zip(places, first, strict=True)])
        answers = answers.to(groups.device)
        low = mask_logits(predictor.model, image.features, torch.zeros_like(answers), groups, answers)
        full = (mask for piece in image.geometry.iter_masks_to_original(low) for mask in piece)
        for place, logits in zip(places, full, strict=True):
            masks[place] = (logits >= 0 if at_zero else logits > 0).cpu().numpy()
    return [[masks[i, n] for n in range(len(text.places))] for i, text in enumerate(given)]
