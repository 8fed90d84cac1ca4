"""A PixelLLM ready to be asked: captions with a point for every word, regions, everything found, expressions.

The same path as `segue.predictor` for the other families: open, encode once, generate, decode, answer in the
picture's own pixels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from segue.answer import Answer, Segment, Word, encode_mask
from segue.asked_box import asked_box
from segue.caption_text import CaptionText, SpokenWord
from segue.errors import CapabilityError, QuestionError
from segue.images import Geometry, open_image
from segue.modeling.pixelllm import PixelLLM
from segue.modeling.pixelllm_vision import FusedFeatures
from segue.soft_masks import SoftMasks

__all__ = ["PixelLLMPredictor", "SeenPicture"]

Box = Sequence[float]
Tick = Callable[[], None]
"""Called at each step of a caption; what it raises ends it (a server's client that has left)."""


@dataclass(frozen=True)
class SeenPicture:
    """A picture and what both encoders saw of it; good for any number of captions and expressions."""

    image: Image.Image
    geometry: Geometry
    features: FusedFeatures


class PixelLLMPredictor:
    """Made by `segue.load`. It remembers nothing: threads may share it.

    Args:
        model: in eval mode, on its device.
        text: its tokenizer and ids.
        name: shown in answers.
    """

    def __init__(self, model: PixelLLM, text: CaptionText, *, name: str):
        self.model = model
        self.text = text
        self.name = name

    @torch.no_grad()
    def encode(self, image: Any) -> SeenPicture:
        """See a picture once."""
        if isinstance(image, SeenPicture):
            return image
        picture = open_image(image)
        side = self.model.config.image_size
        geometry = Geometry.longest_pad(picture.height, picture.width, side, rounding="floor")
        height, width = geometry.valid
        pixels = torch.zeros(1, 3, side, side)
        pixels[0, :, :height, :width] = torch.from_numpy(geometry.apply_plain_bilinear(picture)).permute(
            2, 0, 1
        )
        padding_mask = torch.zeros(1, side, side)
        padding_mask[:, :height, :width] = 1
        features = self.model.encode_images(self._here(pixels), self._here(padding_mask))
        return SeenPicture(picture, geometry, features)

    def caption(
        self, image: Any, *, box: Box | None = None, num_beams: int = 1, tick: Tick = lambda: None
    ) -> Answer:
        """A caption whose words carry points; with `box` (x0, y0, x1, y1 in pixels), one of that region.

        Args:
            image: path, bytes, PIL picture or array, or what `encode` gave.
            num_beams: 1 takes the likeliest token at each step, more search wider.
        """
        config = self.model.config
        prompt = config.trace_prompt if box is None else config.region_prompt
        return self._caption(self.encode(image), prompt, box, num_beams, tick)

    def ask(
        self,
        image: Any,
        question: str,
        *,
        region: Box | None = None,
        max_new_tokens: int = 0,
        tick: Tick = lambda: None,
    ) -> Answer:
        """A question in the words of the released joint model's training; the answer's length is the model's.

        `max_new_tokens` is taken for the sake of the other families' callers.
        """
        if not isinstance(question, str) or not question.strip():
            raise QuestionError("the question is empty")
        return self._caption(self.encode(image), f"Question: {question.strip()}Answer: ", region, 1, tick)

    def ask_batch(self, pairs: Sequence[tuple[Any, str]], *, max_new_tokens: int = 0) -> list[Answer]:
        """One by one: pictures differ, and generation is a small part of the time."""
        return [self.ask(image, question) for image, question in pairs]

    @torch.no_grad()
    def caption_dense(self, image: Any, *, num_beams: int = 1, tick: Tick = lambda: None) -> list[Answer]:
        """A caption for every object found, best first; its segment carries the box and the score.

        Raises:
            CapabilityError: this model has no proposal head.
        """
        start = time.perf_counter()
        seen = self.encode(image)
        context = self._ids(self.text.context(self.model.config.region_prompt))
        found = self.model.caption_dense(seen.features, context, num_beams=num_beams, tick=tick)
        boxes = seen.geometry.boxes_to_original(found.boxes[0].float().cpu().numpy(), clip=True)
        timing = {"total": round((time.perf_counter() - start) * 1000, 1)}
        answers = []
        for box, score, kind, row in zip(
            boxes.tolist(),
            found.scores[0].tolist(),
            found.classes[0].tolist(),
            found.texts[0].tolist(),
            strict=True,
        ):
            text, _ = self.text.spoken(row)
            if kind <= 0 or not text:  # fillers, and boxes that the model has no word for
                continue
            segment = Segment(text, (0, len(text)), score=min(max(score, 0.0), 1.0), predicted_box=tuple(box))
            answers.append(self._answer(seen, text, timing, segments=(segment,)))
        return answers

    def locate(self, image: Any, expression: str) -> Answer:
        """Box and mask of a referring expression. This family always points somewhere; it rejects nothing."""
        return self.locate_soft(image, expression)[0]

    @torch.no_grad()
    def locate_soft(self, image: Any, expression: str) -> tuple[Answer, SoftMasks | None]:
        """`locate`, and its mask before the threshold; None without a mask decoder."""
        start = time.perf_counter()
        model, config = self.model, self.model.config
        text = expression.strip().rstrip("?. ") if isinstance(expression, str) else expression
        row = self.text.given(text)
        if config.referring_text == "context":
            row = [self.text.bos, self.text.eos] + [0] * (self.text.length - 2)
        context = self.text.context(config.locate_prompt.format(expression=text))
        seen = self.encode(image)
        referred = model.refer(seen.features, self._ids(context)[None, None], self._ids(row)[None, None])
        corners = referred.boxes[0].float().cpu().numpy()
        box = seen.geometry.boxes_to_original(corners, clip=True)[0]
        rle, score, soft = None, 1.0, None
        if model.mask_decoder is not None:
            logits, _ = model.segment(seen.features, referred)
            soft = SoftMasks(logits[0], seen.geometry, via_canvas=False)
            full = seen.geometry.masks_to_original(logits[0], via_canvas=False)[0]
            mask = full > 0
            rle = encode_mask(mask.cpu().numpy())
            score = float(full[mask].sigmoid().mean()) if mask.any() else 0.0
        segment = Segment(text, (0, len(text)), rle, min(score, 1.0), predicted_box=tuple(box.tolist()))
        timing = {"total": round((time.perf_counter() - start) * 1000, 1)}
        return self._answer(seen, text, timing, segments=(segment,)), soft

    def chat(self, image: Any, *, history: bool = False) -> Any:
        """Several questions about one picture, which is seen once; this family reads one question alone."""
        from segue.predictor import Chat

        if history:
            raise CapabilityError(f"{self.name} reads one question at a time: chat without history")
        return Chat(self, self.encode(image))  # type: ignore[arg-type]

    def score(self, image: Any, question: str, answer: Any) -> Any:
        """Not of this family: its logits come from `model.read`."""
        raise CapabilityError(f"{self.name} cannot score answers; LISA, GSVA, PixelLM and segue/mini can")

    # -- the path ----------------------------------------------------------------

    @torch.no_grad()
    def _caption(self, seen: SeenPicture, prompt: str, box: Box | None, num_beams: int, tick: Tick) -> Answer:
        if num_beams < 1:
            raise QuestionError(f"num_beams is {num_beams}; it must be 1 or more")
        start = time.perf_counter()
        model = self.model
        boxes = model.whole(seen.features) if box is None else self._box(seen, box)
        context = self._ids(self.text.context(prompt))[None, None]
        captions = model.caption(seen.features, boxes, context, num_beams=num_beams, tick=tick)
        clean = model.clean(captions.texts)
        memory = model.remember(model.look(seen.features, boxes), context)
        points, _ = model.trace(seen.features, memory, clean)
        text, spoken = self.text.spoken(clean[0, 0].tolist())
        words = tuple(self._word(seen, word, points[0, 0]) for word in spoken)
        timing = {"total": round((time.perf_counter() - start) * 1000, 1)}
        return self._answer(seen, text, timing, words=words)

    def _word(self, seen: SeenPicture, word: SpokenWord, points_LK2: Tensor) -> Word:
        """Where a word is: the mean over its tokens, on the picture."""
        own = points_LK2[list(word.positions)].float().mean(0).cpu().numpy()
        width, height = seen.image.size
        corners = seen.geometry.points_to_original(own).clip(0, [width - 1, height - 1])
        low, high = corners.min(0).tolist(), corners.max(0).tolist()
        middle = corners.mean(0).tolist()
        extent = (low[0], low[1], high[0], high[1]) if len(corners) > 1 else None
        return Word(word.text, word.span, point=(middle[0], middle[1]), extent=extent)

    def _box(self, seen: SeenPicture, region: Box) -> Tensor:
        corners = seen.geometry.boxes_to_input(asked_box(region, seen.image.size)[None])
        return self._here(torch.from_numpy(corners).float())[None]

    def _answer(self, seen: SeenPicture, text: str, timing: dict[str, float], **parts: Any) -> Answer:
        return Answer(
            text,
            width=seen.image.width,
            height=seen.image.height,
            model=self.name,
            timing_ms=timing,
            image=seen.image,
            **parts,
        )

    def _here(self, values: Tensor) -> Tensor:
        return values.to(device=self.model.device, dtype=self.model.dtype)

    def _ids(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor(ids, dtype=torch.long, device=self.model.device)
