"""Records to training batches of LISA, GSVA and PixelLM, without doing anything twice.

The originals write one sequence for each conversation about a picture, its image tokens every time, and
encode the picture as often. Here a picture is prepared once, its vision features are computed once (by the
objectives), and in the "shared" mode its image prefix stands once in one sequence with all conversations
behind it, each with its own positions and out of the others' sight: same losses, same gradients. "separate"
is the originals' way, a sequence to a conversation.

All that is costly happens in `encode`, in the data loader's workers: pixels, ids, and masks at the size that
the loss wants. `collate` only joins. Every tensor of a batch goes to the device as it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from segue.data.multi_referring import MASKS
from segue.data.native import Record, Turn, decode_mask
from segue.errors import DataError
from segue.images import Geometry

if TYPE_CHECKING:
    import torch

    from segue.lisa_processing import LisaProcessor
    from segue.pixellm_processing import PixelLMProcessor

__all__ = [
    "FamilyCollator",
    "FamilySample",
    "LisaCollator",
    "Mode",
    "PixelLMCollator",
    "conversations",
    "write_answer",
]

Mode = Literal["shared", "separate"]

IGNORED = -100


@dataclass(frozen=True)
class FamilySample:
    """One picture with its conversations.

    Attributes:
        pictures: the family's views of it, by the names that the batch has for them.
        geometry: its `original` is the size that masks are compared at.
        ids, labels: of every conversation, whole: prefix, rounds, padding none.
        masks: (K, H, W) bool, in the order of the mask tokens of all conversations; absent ones all False.
    """

    pictures: dict[str, np.ndarray]
    geometry: Geometry
    ids: list[list[int]]
    labels: list[list[int]]
    masks: np.ndarray


class FamilyCollator(ABC):
    """Encodes records and joins them to batches; see the module's text.

    Args:
        processor: the model's.
        mode: "shared" or "separate".
        max_tokens: longer conversations are cut, image tokens counted; never inside a target's mask tokens.
        mask_side: masks are compared at most so many pixels long and wide; None: at the picture's own size,
            as published.
        max_conversations: of more about a picture so many are drawn; None: all are taken, as published.
    """

    def __init__(
        self,
        processor: Any,
        *,
        mode: Mode = "shared",
        max_tokens: int = 512,
        mask_side: int | None = None,
        max_conversations: int | None = None,
    ):
        self.processor = processor
        self.mode = mode
        self.max_tokens = max_tokens
        self.mask_side = mask_side
        self.max_conversations = max_conversations
        self.prefix = list(processor.prefix_ids)
        self._forbidden = (*sorted(processor.tokenizer.added), "<image>")
        # Where an answer begins is found by these words.
        template = processor.template
        self._opening = (template.user_suffix + template.answer_prefix).strip()

    @abstractmethod
    def view(self, image: Image.Image, geometry: Geometry) -> dict[str, np.ndarray]:
        """The family's views of a picture, all pictures' alike in shape."""

    @property
    def present_text(self) -> str:
        """What a target in the picture is written as."""
        return "[SEG]"

    @property
    def absent_text(self) -> str | None:
        """What an absent target is written as, if the family can."""
        return None if self.processor.vocabulary.reject is None else "[REJ]"

    def encode(self, image: np.ndarray, record: Record, rng: np.random.Generator) -> FamilySample:
        """One (H, W, 3) uint8 picture and its record to arrays.

        Raises:
            DataError: the picture is not of the record's size; a phrase names an object without a mask, or
                nothing where the family cannot reject; a text holds control tokens; there is no dialogue.
        """
        if image.shape[:2] != (record.height, record.width):
            raise DataError(
                f"{record.image}: the picture is {image.shape[1]} x {image.shape[0]}, its record says"
                f" {record.width} x {record.height}"
            )
        talks = conversations(record.dialogue)
        if self.max_conversations is not None and len(talks) > self.max_conversations:
            drawn = sorted(rng.choice(len(talks), self.max_conversations, replace=False))
            talks = [talks[number] for number in drawn]
        ids, labels, targets = [], [], []
        for talk in talks:
            own_ids, own_labels, kept = self._encode_conversation(talk, record)
            if any(label != IGNORED for label in own_labels):
                ids.append(own_ids)
                labels.append(own_labels)
                targets += kept
        if not ids:
            raise DataError(f"{record.image}: no dialogue to learn from")

        own = self.processor.geometry(record.height, record.width)
        geometry = replace(own, original=_at_most(own.original, self.mask_side))
        return FamilySample(
            pictures=self.view(Image.fromarray(image), own),
            geometry=geometry,
            ids=ids,
            labels=labels,
            masks=_rasterise(record, targets, geometry.original),
        )

    def collate(self, samples: Sequence[FamilySample]) -> dict[str, torch.Tensor]:
        """I samples to the tensors that `segue.training.family_objectives` take.

        `input_ids`, `labels`, `position_ids`, `segment_ids` are (R, T) and `row_images` (R,), with R
        conversations or, shared, R = I; `geometry` (I, 4) is the size of masks and of the picture in its
        input; `masks` holds all masks one after the other, flat, `mask_counts` (I,) of them to a picture.
        """
        import torch

        rows = [row for sample in samples for row in self._rows(sample)]
        images = [number for number, sample in enumerate(samples) for _ in self._rows(sample)]
        length = max(len(row[0]) for row in rows)

        def padded(column: int, fill: int) -> torch.Tensor:
            return torch.tensor([[*row[column], *[fill] * (length - len(row[column]))] for row in rows])

        batch = {
            name: torch.from_numpy(np.stack([sample.pictures[name] for sample in samples]))
            for name in samples[0].pictures
        }
        return batch | {
            "geometry": torch.tensor([(*s.geometry.original, *s.geometry.valid) for s in samples]),
            "input_ids": padded(0, self.processor.pad_id),
            "labels": padded(1, IGNORED),
            "position_ids": padded(2, 0),
            "segment_ids": padded(3, -1),
            "row_images": torch.tensor(images),
            "mask_counts": torch.tensor([len(sample.masks) for sample in samples]),
            "masks": torch.from_numpy(np.concatenate([sample.masks.reshape(-1) for sample in samples])),
        }

    def _rows(self, sample: FamilySample) -> list[tuple[list[int], list[int], list[int], list[int]]]:
        """(ids, labels, positions, segments) of each row of a picture."""
        start = len(self.prefix)
        if self.mode == "separate":
            return [
                (ids, labels, list(range(len(ids))), [0] * start + [1] * (len(ids) - start))
                for ids, labels in zip(sample.ids, sample.labels, strict=True)
            ]
        ids, labels = list(self.prefix), [IGNORED] * start
        positions, segments = list(range(start)), [0] * start
        for number, (own_ids, own_labels) in enumerate(zip(sample.ids, sample.labels, strict=True), start=1):
            ids += own_ids[start:]
            labels += own_labels[start:]
            positions += range(start, len(own_ids))
            segments += [number] * (len(own_ids) - start)
        return [(ids, labels, positions, segments)]

    def _encode_conversation(
        self, turns: Sequence[Turn], record: Record
    ) -> tuple[list[int], list[int], list[list[int]]]:
        """Ids, labels and the objects of every target that is not cut off."""
        rounds = []
        for turn in turns:
            answer = write_answer(turn, present=self.present_text, absent=self.absent_text)
            self._check_text(turn, record)
            rounds.append((turn.question, answer))
        targets = [phrase.ids for turn in turns for phrase in turn.phrases]
        encoded = self.processor.encode_conversation(self.processor.render(rounds))
        ids, labels = encoded.ids, encoded.labels
        assert ids[: len(self.prefix)] == self.prefix, "a conversation does not begin with the prefix"
        vocabulary, size = self.processor.vocabulary, len(self.processor.vocabulary.group)
        ends = [
            place + (1 if ids[place] == vocabulary.reject else size)
            for place in range(len(ids))
            if ids[place] == vocabulary.reject or tuple(ids[place : place + size]) == vocabulary.group
        ]
        assert len(ends) == len(targets), "mask tokens were lost in writing"
        if len(ids) > self.max_tokens:
            cut = self.max_tokens
            for end, target in zip(ends, targets, strict=True):
                start = end - (size if target else 1)
                if start < cut < end:
                    cut = start
            kept = sum(end <= cut for end in ends)
            ids, labels, targets = ids[:cut], labels[:cut], targets[:kept]
        return ids, labels, targets

    def _check_text(self, turn: Turn, record: Record) -> None:
        """Mask tokens are written by phrases alone, and the picture stands where the template puts it."""
        for text in (turn.question, turn.answer):
            for token in self._forbidden:
                if token in text:
                    raise DataError(f"{record.image}: {text[:60]!r} holds the control token {token}")
        if self._opening in turn.question:
            raise DataError(f"{record.image}: the question {turn.question[:60]!r} holds {self._opening!r}")


class LisaCollator(FamilyCollator):
    """Of LISA and GSVA: `clip_pixels` (I, 3, c, c) normalised and `sam_pixels` (I, 3, s, s) uint8, padded.

    The defaults are LISA's; GSVA's longest conversation is 1024.
    """

    processor: LisaProcessor

    def view(self, image: Image.Image, geometry: Geometry) -> dict[str, np.ndarray]:
        """Both views. SAM's is normalised on the device: four times fewer bytes come from the worker."""
        canvas = np.zeros((3, *geometry.canvas), np.uint8)
        height, width = geometry.valid
        canvas[:, :height, :width] = geometry.apply(image).transpose(2, 0, 1)
        return {"clip_pixels": self.processor.clip_view(image).numpy(), "sam_pixels": canvas}


class PixelLMCollator(FamilyCollator):
    """Of PixelLM: `pixels` (I, 3, S, S) uint8, padded."""

    processor: PixelLMProcessor

    def view(self, image: Image.Image, geometry: Geometry) -> dict[str, np.ndarray]:
        """The one view that its CLIP tower has."""
        (values, _), _ = self.processor.pixels([image])
        return {"pixels": values[0].numpy()}

    @property
    def present_text(self) -> str:
        """A group of the codebook."""
        return self.processor.group_text


def conversations(dialogue: Sequence[Turn]) -> list[list[Turn]]:
    """The rounds of each conversation of a dialogue, in order."""
    talks: list[list[Turn]] = []
    for turn in dialogue:
        if turn.follows and talks:
            talks[-1].append(turn)
        else:
            talks.append([turn])
    return talks


def write_answer(turn: Turn, *, present: str, absent: str | None) -> str:
    """An answer with the mask tokens of its phrases: in place of `{masks}`, behind any other words.

    Published answers need the former: in "Sure, it is [SEG]." nothing is named that it could stand behind.

    Raises:
        DataError: a phrase is absent and the family cannot say so.
    """
    answer, at = "", 0
    for phrase in turn.phrases:
        start, end = phrase.span
        if not phrase.ids and absent is None:
            raise DataError(f"{turn.answer[:60]!r} rejects a phrase, which only GSVA and segue/mini can")
        tokens = present if phrase.ids else absent
        words = turn.answer[start:end]
        answer += turn.answer[at:start] + (str(tokens) if words == MASKS else f"{words} {tokens}")
        at = end
    return answer + turn.answer[at:]


def _at_most(size: tuple[int, int], side: int | None) -> tuple[int, int]:
    """(height, width) made smaller where a side is longer, proportions kept."""
    if side is None or max(size) <= side:
        return size
    return max(1, round(size[0] * side / max(size))), max(1, round(size[1] * side / max(size)))


def _rasterise(record: Record, targets: Sequence[Sequence[int]], size: tuple[int, int]) -> np.ndarray:
    """(K, *size) bool: the union of every target's objects, each object decoded once."""
    objects = {entry.id: entry for entry in record.objects}
    whole = (record.height, record.width)
    smaller = Geometry.squash(*whole, size)
    decoded: dict[int, np.ndarray] = {}
    masks = np.zeros((len(targets), *size), bool)
    for number in sorted({number for ids in targets for number in ids}):
        segmentation = objects[number].segmentation
        if not segmentation:
            raise DataError(f"{record.image}: object {number} has a box and no mask to learn; leave it out")
        decoded[number] = decode_mask(segmentation, *whole)
    for mask, ids in zip(masks, targets, strict=True):
        union = np.zeros(whole, bool)
        for number in ids:
            union |= decoded[number]
        mask[:] = union if size == whole else smaller.mask_to_input(union, resample=Image.Resampling.BOX)
    return masks
