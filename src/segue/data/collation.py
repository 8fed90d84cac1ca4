"""Records to training batches: all questions about a picture in one sequence behind one image prefix.

Sharing the prefix is what makes training on a CPU possible (three times the speed of one sequence per
question).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from segue.data.dense_targets import IGNORE, UNLABELLED, DenseLabels, DenseTargets, middles_of_things
from segue.data.native import Record, decode_mask
from segue.data.word_places import point_at_phrases

if TYPE_CHECKING:
    import torch

    from segue.processing import Processor

__all__ = ["IGNORE", "UNLABELLED", "Collator", "DenseLabels", "Sample"]

TOKEN_STRIDE = 16
"""An image token stands for 16 x 16 pixels of the input."""
LABEL_STRIDE = 4
"""Label maps have one value for each 4 x 4 pixels of the input."""


@dataclass(frozen=True)
class Sample:
    """One picture with its questions, as arrays."""

    pixels: np.ndarray  # (S, S, 3) uint8
    ids: list[int]
    labels: list[int]
    positions: list[int]
    segments: list[int]
    groups: list[tuple[int, int]]  # (index of the first mask token, number of its question)
    cells: np.ndarray  # (G, S/16, S/16) uint8 0..255, how much of each image token a group's target covers
    drawn: list[int]  # numbers of the groups whose masks are learned
    masks: np.ndarray  # (K, S/2, S/2) uint8 0..255, of these
    valid: np.ndarray  # (S/2, S/2) bool
    words: list[tuple[int, tuple[float, float], int]]  # (index of last token, relative point, group or -1)
    openings: list[tuple[int, list[tuple[float, float]]]]  # (a state before a first phrase, middles shown)
    regions: list[tuple[float, float, float, float]]
    prompts: list[tuple[int, int]]  # (category, colour or 0) whose mask is asked for without a sentence
    prompt_masks: np.ndarray  # (P, S/2, S/2) uint8 0..255
    maps: dict[str, np.ndarray]  # (S/4, S/4) int16 for category, part, color and thing
    centers: tuple[list[tuple[int, int]], list[tuple[float, float]]]  # (category, colour), relative point
    exhaustive: np.ndarray  # (categories,) bool
    left_out: int  # questions for which there was no room


class Collator:
    """Encodes records and joins them to batches.

    Args:
        processor: the model's.
        labels: the dense classes.
        max_masks: at most so many targets of a picture enter the mask losses (drawn at random).
        max_prompts: at most so many classes of a picture are asked for by name alone.
        max_tokens: questions that would make a sequence longer are left out; the picture's tokens count too.
    """

    def __init__(
        self,
        processor: Processor,
        labels: DenseLabels,
        *,
        max_masks: int = 6,
        max_prompts: int = 0,
        max_tokens: int = 512,
    ):
        self.processor = processor
        self.dense = DenseTargets(labels, max_prompts=max_prompts)
        self.max_masks = max_masks
        self.max_tokens = max_tokens

    def encode(self, image: np.ndarray, record: Record, rng: np.random.Generator) -> Sample:
        """One (H, W, 3) uint8 picture and its record to arrays; `rng` draws the targets whose masks are
        learned."""
        size = self.processor.config.vision_config.image_size
        pixels, _ = self.processor.image(Image.fromarray(image))
        masks = {o.id: decode_mask(o.segmentation, record.height, record.width) for o in record.objects}
        boxed = {o.id for o in record.objects if not o.segmentation}

        ids = list(self.processor.prefix_ids)
        labels, positions, segments = [IGNORE] * len(ids), list(range(len(ids))), [0] * len(ids)
        prefix = len(ids)
        group = len(self.processor.vocabulary.group)
        groups: list[tuple[int, int]] = []
        targets: list[np.ndarray] = []
        words: list[tuple[int, tuple[float, float], int]] = []
        openings: list[tuple[int, list[tuple[float, float]]]] = []
        middles = middles_of_things(record, masks)
        regions: list[tuple[float, float, float, float]] = []
        left_out = 0
        for number, turn in enumerate(record.dialogue, start=1):
            encoded = self.processor.encode_turn(point_at_phrases(turn, masks))
            start = len(ids)
            if start + len(encoded.ids) > self.max_tokens:
                left_out += 1
                continue
            ids += encoded.ids
            # labels[t] is the id that position t has to predict.
            answer = [IGNORE] * (encoded.answer_start - 1) + encoded.ids[encoded.answer_start :] + [IGNORE]
            for index, _ in encoded.groups:
                # Generation forces the rest of a group, so its states are free to say which target is meant.
                first = index - 1
                answer[first + 1 : first + group] = [IGNORE] * (group - 1)
            labels += answer
            positions += range(prefix, prefix + len(encoded.ids))
            segments += [number] * len(encoded.ids)
            phrases: list[tuple[int, int, int]] = []  # from a phrase's first id to its mask tokens, its group
            for (index, phrase), begin in zip(encoded.groups, encoded.phrase_starts, strict=True):
                covered = turn.phrases[phrase].ids
                if not boxed.isdisjoint(covered):
                    continue  # only a box is known: nothing to learn a mask from
                phrases.append((begin, index, len(groups)))
                groups.append((start + index, number))
                targets.append(np.logical_or.reduce([masks[i] for i in covered]))
            for index, (x, y) in encoded.words:
                of = next((group for begin, end, group in phrases if begin <= index < end), -1)
                words.append((start + index, (x / record.width, y / record.height), of))
            shown = {id_ for phrase in turn.phrases for id_ in phrase.ids}
            if encoded.first_phrase is not None and shown <= middles.keys():
                states = range(encoded.answer_start - 1, encoded.first_phrase)
                openings += [(start + index, [middles[id_] for id_ in sorted(shown)]) for index in states]
            if turn.region is not None:
                x, y, w, h = turn.region
                box = (x / record.width, y / record.height, (x + w) / record.width, (y + h) / record.height)
                regions.append(box)

        drawn = list(range(len(groups)))
        if len(groups) > self.max_masks:
            drawn = sorted(rng.choice(len(groups), self.max_masks, replace=False).tolist())
        half = size // 2
        prompts, prompt_targets = self.dense.prompts(record, masks, rng)
        valid = np.ones((half, half), bool)
        if record.ignore is not None:
            valid = _shrink(decode_mask(record.ignore, record.height, record.width), half) == 0
        return Sample(
            pixels=pixels,
            ids=ids,
            labels=labels,
            positions=positions,
            segments=segments,
            groups=groups,
            cells=_shrink_all(targets, size // TOKEN_STRIDE),
            drawn=drawn,
            masks=_shrink_all([targets[i] for i in drawn], half),
            valid=valid,
            words=words,
            openings=openings,
            regions=regions,
            prompts=prompts,
            prompt_masks=_shrink_all(prompt_targets, half),
            maps=self.dense.maps(record, masks, (size // LABEL_STRIDE,) * 2),
            centers=self.dense.centers(record, masks),
            exhaustive=self.dense.exhaustive(record),
            left_out=left_out,
        )

    def collate(self, samples: list[Sample]) -> dict[str, torch.Tensor]:
        """Samples to the tensors that `segue.training.objective` takes, and (B,) `left_out` for the log."""
        import torch

        length = max(len(s.ids) for s in samples)
        group = len(self.processor.vocabulary.group)

        def padded(name: str, fill: int) -> Any:
            return torch.tensor(
                [getattr(s, name) + [fill] * (length - len(getattr(s, name))) for s in samples]
            )

        rows = [row for row, s in enumerate(samples) for _ in s.groups]
        before = [sum(len(s.groups) for s in samples[:row]) for row in range(len(samples))]
        points = [
            (row, index, point, before[row] + of if of >= 0 else -1)
            for row, s in enumerate(samples)
            for index, point, of in s.words
        ]
        openings = [(row, *opening) for row, s in enumerate(samples) for opening in s.openings]
        shown = [(number, *middle) for number, (_, _, middles) in enumerate(openings) for middle in middles]
        regions = [box for s in samples for box in s.regions]
        batch = {
            "pixels": torch.from_numpy(np.stack([s.pixels for s in samples])).permute(0, 3, 1, 2),
            "input_ids": padded("ids", self.processor.pad_id),
            "labels": padded("labels", IGNORE),
            "position_ids": padded("positions", 0),
            "segment_ids": padded("segments", -1),
            "group_rows": torch.tensor(rows, dtype=torch.long),
            # A mask token's meaning is in the state that predicts it, one position before the token.
            "group_positions": torch.tensor(
                [list(range(start - 1, start - 1 + group)) for s in samples for start, _ in s.groups],
                dtype=torch.long,
            ).reshape(-1, group),
            "group_answers": torch.tensor(
                [row * 10_000 + number for row, s in enumerate(samples) for _, number in s.groups],
                dtype=torch.long,
            ),
            "group_cells": torch.from_numpy(np.concatenate([s.cells for s in samples])),
            "drawn": torch.tensor(
                [first + i for first, s in zip(before, samples, strict=True) for i in s.drawn],
                dtype=torch.long,
            ),
            "group_masks": torch.from_numpy(np.concatenate([s.masks for s in samples])),
            "word_rows": torch.tensor([p[0] for p in points], dtype=torch.long),
            "word_positions": torch.tensor([p[1] for p in points], dtype=torch.long),
            "word_points": torch.tensor([p[2] for p in points], dtype=torch.float32).reshape(-1, 2),
            "word_groups": torch.tensor([p[3] for p in points], dtype=torch.long),
            "opening_rows": torch.tensor([o[0] for o in openings], dtype=torch.long),
            "opening_positions": torch.tensor([o[1] for o in openings], dtype=torch.long),
            "shown_openings": torch.tensor([thing[0] for thing in shown], dtype=torch.long),
            "shown_points": torch.tensor([thing[1:] for thing in shown], dtype=torch.float32).reshape(-1, 2),
            "prompts": torch.tensor(
                [(row, *prompt) for row, s in enumerate(samples) for prompt in s.prompts], dtype=torch.long
            ).reshape(-1, 3),
            "prompt_masks": torch.from_numpy(np.concatenate([s.prompt_masks for s in samples])),
            "valid": torch.from_numpy(np.stack([s.valid for s in samples])),
            "regions": torch.tensor(regions, dtype=torch.float32).reshape(-1, 4),
            "center_classes": torch.tensor(
                [(row, *kind) for row, s in enumerate(samples) for kind in s.centers[0]], dtype=torch.long
            ).reshape(-1, 3),
            "center_points": torch.tensor(
                [point for s in samples for point in s.centers[1]], dtype=torch.float32
            ).reshape(-1, 2),
            "exhaustive": torch.from_numpy(np.stack([s.exhaustive for s in samples])),
            "left_out": torch.tensor([s.left_out for s in samples], dtype=torch.float32),
        }
        for name in ("category", "part", "color", "thing"):
            batch[f"{name}_map"] = torch.from_numpy(np.stack([s.maps[name] for s in samples]))
        return batch


def _shrink_all(masks: list[np.ndarray], side: int) -> np.ndarray:
    """(K, side, side) uint8."""
    return np.stack([_shrink(m, side) for m in masks]) if masks else np.zeros((0, side, side), np.uint8)


def _shrink(mask: np.ndarray, side: int) -> np.ndarray:
    """A boolean mask to (side, side) uint8: the covered share of each cell, times 255."""
    return np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize((side, side), Image.Resampling.BOX))
