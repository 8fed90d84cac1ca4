"""Records to training batches of PixelLLM: a picture with its prompts, each with text, and places in pixels.

A turn's `type` says what is learned from it (`segue.data.templates.pixelllm` sets it):

    trace      what is said, and a place for each word
    caption    what is said
    question   what is said
    refer      the box (and the mask) that an expression means
    region     boxes and what is said of each: proposals, and captions on them

A batch is of one kind, as in the released code, whose batches come from one source each. Words find their
places by order, as released (the n-th share of the tokens belongs to the n-th share of the utterances), or by
the characters that they stand at. Letters: B pictures, N prompts, L text positions, M context positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from segue.caption_text import CaptionText
from segue.data.native import Record, Turn, WordPoint, decode_mask
from segue.data.pixelllm_view import TrainingView, ViewRange, draw_view
from segue.data.word_alignment import align as share_out
from segue.errors import DataError

if TYPE_CHECKING:
    import torch

    from segue.modeling.pixelllm_configuration import PixelLLMConfig

__all__ = ["KINDS", "PUBLISHED_VIEWS", "PixelLLMCollator", "PixelLLMSample", "align"]

KINDS = ("trace", "caption", "question", "refer", "region")

PUBLISHED_VIEWS: Mapping[str, ViewRange] = {
    "trace": ViewRange(),
    "caption": ViewRange(0.75, 1.25),
    "question": ViewRange(),
    "refer": ViewRange(0.75, 1.25),
    "region": ViewRange(0.1, 2.0, mirror=True),
}
"""The released configurations'. Narratives say left and right, and are neither scaled nor mirrored."""

TASKS = ("captions", "points", "proposals", "masks")


@dataclass(frozen=True)
class PixelLLMSample:
    """One picture with N prompts.

    Attributes:
        kind: one of `KINDS`.
        pixels: (3, S, S) float32. padding_mask: (S, S).
        size: (height, width) of the picture on the square.
        text, context: N rows of ids.
        boxes: (N, 4) xyxy in pixels of the square; None where none are learned.
        points: (N, L, points, 2), zero where a word has no place; None likewise.
        masks: (N, S, S) bool; None likewise.
    """

    kind: str
    pixels: np.ndarray
    padding_mask: np.ndarray
    size: tuple[int, int]
    text: list[list[int]]
    context: list[list[int]]
    boxes: np.ndarray | None = None
    points: np.ndarray | None = None
    masks: np.ndarray | None = None


class PixelLLMCollator:
    """Encodes records and joins them to batches.

    Args:
        config: the model's.
        text: its tokenizer, ids and row lengths.
        views: how pictures of each kind are scaled; default: as published.
        alignment: "order", as released, or "characters": a token has the place of the word it stands in.
        masks: expressions' masks are learned as well as their boxes (the referring segmentation stage).
        prompts: batches are padded to at least so many. The released configurations always pad to the most
            that a picture may have, and its proposal head counts the padding as background.
    """

    def __init__(
        self,
        config: PixelLLMConfig,
        text: CaptionText,
        *,
        views: Mapping[str, ViewRange] | None = None,
        alignment: Literal["order", "characters"] = "order",
        masks: bool = False,
        prompts: int = 1,
    ):
        self.config = config
        self.text = text
        self.views = dict(PUBLISHED_VIEWS) | dict(views or {})
        self.alignment = alignment
        self.masks = masks
        self.prompts = prompts

    def encode(self, image: np.ndarray, record: Record, rng: np.random.Generator) -> PixelLLMSample:
        """One (H, W, 3) uint8 picture and its record to arrays; `rng` draws the view.

        Raises:
            DataError: the picture is not of the record's size; there is no dialogue, or it is of several
                kinds or none that this family learns; an expression's object has no mask where masks are
                learned.
        """
        if image.shape[:2] != (record.height, record.width):
            raise DataError(
                f"{record.image}: the picture is {image.shape[1]} x {image.shape[0]}, its record says"
                f" {record.width} x {record.height}"
            )
        kinds = {turn.type for turn in record.dialogue}
        if len(kinds) != 1 or not kinds.issubset(KINDS):
            raise DataError(
                f"{record.image}: turns of one kind are needed ({', '.join(KINDS)}); it has {sorted(kinds)}"
            )
        (kind,) = kinds
        view = draw_view(record.height, record.width, self.config.image_size, rng, among=self.views[kind])
        turns, boxes = list(record.dialogue), None
        if kind in ("refer", "region"):
            boxes = view.boxes(np.array([self._box(turn, record) for turn in turns]))
            kept = np.flatnonzero(
                (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
            )  # something of them is on the square
            turns, boxes = [turns[number] for number in kept], boxes[kept]
        tokens = [self.text.pieces(turn.answer) for turn in turns]
        learns_masks = kind == "refer" and self.masks
        return PixelLLMSample(
            kind=kind,
            pixels=view.picture(image),
            padding_mask=view.padding_mask(),
            size=view.size,
            text=[self._row(kind, own) for own in tokens],
            context=[self.text.context(turn.question) for turn in turns],
            boxes=boxes,
            points=self._points(turns, tokens, view) if kind == "trace" else None,
            masks=self._masks(turns, record, view) if learns_masks else None,
        )

    def collate(self, samples: Sequence[PixelLLMSample]) -> dict[str, torch.Tensor]:
        """B samples of one kind to the tensors that `segue.training.family_objectives` takes.

        N is the most prompts that one of them has, or `prompts`; missing ones have the label 0. `tasks` (4,)
        bool says which losses count: captions, points, proposals, masks.

        Raises:
            DataError: they are of several kinds.
        """
        import torch

        kinds = {sample.kind for sample in samples}
        if len(kinds) > 1:
            raise DataError(
                f"a batch of PixelLLM is of one kind of data, this one of {sorted(kinds)}: draw as many"
                " samples from one source in a row as a batch has"
            )
        (kind,) = kinds
        N = max(self.prompts, 1, *(len(sample.text) for sample in samples))

        def padded(rows: Sequence[np.ndarray], dtype: type) -> torch.Tensor:
            full = np.zeros((len(rows), N, *rows[0].shape[1:]), dtype)
            for place, own in zip(full, rows, strict=True):
                place[: len(own)] = own
            return torch.from_numpy(full)

        L, M = self.text.length, self.text.context_length
        labels = np.array([[1] * len(s.text) + [0] * (N - len(s.text)) for s in samples])
        proposals = kind == "region" and self.config.detector_config is not None
        batch = {
            "pixels": torch.from_numpy(np.stack([s.pixels for s in samples])),
            "padding_mask": torch.from_numpy(np.stack([s.padding_mask for s in samples])),
            "text": padded([np.array(s.text, int).reshape(-1, L) for s in samples], int),
            "context": padded([np.array(s.context, int).reshape(-1, M) for s in samples], int),
            "labels": torch.from_numpy(labels),
        }
        if kind == "region":
            context = torch.tensor(self.text.context(self.config.region_prompt))
            batch["context"] = context.expand(len(samples), N, -1).clone()  # that of fillers too
        for name, dtype in (("boxes", np.float32), ("points", np.float32), ("masks", bool)):
            rows = [getattr(s, name) for s in samples]
            if rows[0] is not None:
                batch[name] = padded(rows, dtype)
        if kind == "region" and not proposals:
            batch["prompt_boxes"] = batch["boxes"]
        elif kind != "region":
            whole = torch.tensor([[0, 0, w, h] for h, w in (s.size for s in samples)], dtype=torch.float32)
            batch["prompt_boxes"] = whole[:, None].expand(-1, N, -1).clone()
        wanted = {
            "captions": kind != "refer",
            "points": kind in ("trace", "refer"),
            "proposals": proposals,
            "masks": kind == "refer" and self.masks,
        }
        batch["tasks"] = torch.tensor([wanted[task] for task in TASKS])
        return batch

    def _row(self, kind: str, tokens: Sequence[tuple[int, tuple[int, int]]]) -> list[int]:
        if kind == "refer" and self.config.referring_text == "context":
            return self.text.row([])  # the expression is read as context alone
        return self.text.row([token for token, _ in tokens])

    def _box(self, turn: Turn, record: Record) -> tuple[float, float, float, float]:
        """xyxy of a region, or around the objects that an expression means; inside the picture."""
        found = [turn.region] if turn.region is not None else []
        if not found and turn.phrases:
            ids = set(turn.phrases[0].ids)
            found = [entry.bbox for entry in record.objects if entry.id in ids]
        if not found:
            raise DataError(f"{record.image}: {turn.answer[:60]!r} has neither a region nor an object")
        boxes = np.array(found, float)
        corners = np.concatenate([boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)])
        x0, y0, x1, y1 = np.clip(corners, 0, [record.width, record.height] * 2).tolist()
        return x0, y0, x1, y1

    def _points(
        self,
        turns: Sequence[Turn],
        tokens: Sequence[Sequence[tuple[int, tuple[int, int]]]],
        view: TrainingView,
    ) -> np.ndarray:
        points = np.zeros((len(turns), self.text.length, self.config.points_per_word, 2), np.float32)
        for row, turn, own in zip(points, turns, tokens, strict=True):
            # BOS comes first; the last place is EOS's, or a word's whose text is cut.
            own = own[: self.text.length - 1]
            words = align(turn.points, [span for _, span in own], by=self.alignment)
            for place, word in zip(row[1:], words, strict=False):
                if word is not None:
                    place[:] = view.points(self._places(word, view))
        return points

    def _places(self, word: WordPoint, view: TrainingView) -> np.ndarray:
        """(points, 2) whole pixels of the picture: two corners of the extent, or the point."""
        if self.config.points_per_word == 1 or word.extent is None:
            places = np.array([word.point] * self.config.points_per_word, float)
        else:
            places = np.array(word.extent, float).reshape(2, 2)
        return np.round(np.clip(places, 0, view.geometry.original[::-1]))

    def _masks(self, turns: Sequence[Turn], record: Record, view: TrainingView) -> np.ndarray:
        masks = np.zeros((len(turns), view.side, view.side), bool)
        objects = {entry.id: entry for entry in record.objects}
        for mask, turn in zip(masks, turns, strict=True):
            union = np.zeros((record.height, record.width), bool)
            for number in turn.phrases[0].ids:
                if not objects[number].segmentation:
                    raise DataError(f"{record.image}: object {number} has a box and no mask to learn")
                union |= decode_mask(objects[number].segmentation, record.height, record.width)
            mask[:] = view.mask(union)
        return masks


def align(
    words: Sequence[WordPoint],
    tokens: Sequence[tuple[int, int]],
    *,
    by: Literal["order", "characters"],
) -> list[WordPoint | None]:
    """The placed word of every token, None for a token without.

    Args:
        words: utterances or words with places, in order.
        tokens: the characters that each token stands for.
        by: "characters": the word that the token overlaps. "order": by its share of the text
            (`segue.data.word_alignment.align`).
    """
    if by == "characters":
        return [
            next((word for word in words if word.span[0] < end and start < word.span[1]), None)
            for start, end in tokens
        ]
    if not words:
        return [None] * len(tokens)
    return [words[number] for number in share_out(len(tokens), len(words)).tolist()]
