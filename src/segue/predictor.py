"""What users hold: a model with its processor, asked about pictures.

The path of every answer is here, one numbered step after the other (`Predictor._answers`): open, process, encode,
generate, decode, answer. Features of a picture are a value (`EncodedImage`), held by whoever asks again about it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from segue.answer import Answer, Segment, Word
from segue.errors import CapabilityError, QuestionError
from segue.images import Geometry, open_image
from segue.mask_tokens import ParsedAnswer, ParsedTarget
from segue.modeling.generation import Generated, Prefix, compute_prefix, generate
from segue.modeling.grounded import GroundedModel, ImageFeatures
from segue.processing import Processor

__all__ = ["Chat", "EncodedImage", "Predictor", "Score"]

CAPTION_QUESTION = "Describe this image."
REGION_QUESTION = "Describe this region."
LOCATE_QUESTION = "Where is {expression}?"

Box = Sequence[float]


@dataclass(frozen=True)
class EncodedImage:
    """A picture and what the model saw of it; as good for a hundred questions as for one."""

    image: Image.Image
    geometry: Geometry
    features: ImageFeatures
    prefix: Prefix


@dataclass(frozen=True)
class Score:
    """A given answer under teacher forcing.

    Attributes:
        input_ids: (1, T) the expanded sequence: prefix, question and answer.
        logits: (1, T, vocabulary), float32.
        mask_logits: (K, height, width) at the picture's size, before the threshold, one for each mask in the answer.
        loss: mean cross-entropy of the answer's tokens.
    """

    input_ids: Tensor
    logits: Tensor
    mask_logits: Tensor
    loss: float


class Predictor:
    """A model ready to be asked. Made by `segue.load`; safe to share between threads, since it remembers nothing.

    Args:
        model: in eval mode, on its device.
        processor: the model's.
        name: shown in answers.
    """

    def __init__(self, model: GroundedModel, processor: Processor, *, name: str):
        self.model = model
        self.processor = processor
        self.name = name

    def ask(self, image: Any, question: str, *, region: Box | None = None, max_new_tokens: int = 160) -> Answer:
        """Answer one question about one picture.

        Args:
            image: path, bytes, PIL picture or array (`segue.images.open_image`), or an `EncodedImage`.
            question: plain language.
            region: x0, y0, x1, y1 in the picture's pixels, where the question is about a box.
            max_new_tokens: an answer longer than that is cut, and says so in its notes.

        Raises:
            ImageError, QuestionError: the picture or the question cannot be used.
        """
        return self._answers([(image, question)], regions=[region], max_new_tokens=max_new_tokens)[0]

    def ask_batch(self, pairs: Sequence[tuple[Any, str]], *, max_new_tokens: int = 160) -> list[Answer]:
        """Answers to (image, question) pairs, the same as one by one; equal pictures are encoded once."""
        return self._answers(pairs, regions=[None] * len(pairs), max_new_tokens=max_new_tokens)

    def chat(self, image: Any) -> Chat:
        """Several questions about one picture, which is encoded once."""
        return Chat(self, self.encode(image))

    def caption(self, image: Any, *, box: Box | None = None) -> Answer:
        """A caption whose words carry points; with `box` (x0, y0, x1, y1 in pixels), one of that region."""
        return self.ask(image, CAPTION_QUESTION if box is None else REGION_QUESTION, region=box)

    def caption_dense(self, image: Any) -> list[Answer]:
        """A caption for every object found: needs a proposal head, which this family lacks."""
        raise CapabilityError(f"{self.name} cannot find objects by itself; dense captions need the PixelLLM family")

    def locate(self, image: Any, expression: str) -> Answer:
        """Mask and box of a referring expression, or its rejection."""
        if not expression.strip():
            raise QuestionError("the expression is empty; give words such as: the woman in red")
        return self.ask(image, LOCATE_QUESTION.format(expression=expression.strip().rstrip("?.")))

    def encode(self, image: Any) -> EncodedImage:
        """See a picture once."""
        return self._encode([open_image(image)])[0]

    @torch.no_grad()
    def score(self, image: Any, question: str, answer: Any) -> Score:
        """Teacher forcing: what the model thinks of a given answer (a `Turn` of the native format, or plain text)."""
        from segue.data.native import Turn

        turn = answer if isinstance(answer, Turn) else Turn(question=question, answer=str(answer))
        turn = turn.model_copy(update={"question": question})
        seen = image if isinstance(image, EncodedImage) else self.encode(image)
        encoded = self.processor.encode_turn(turn)
        prefix = self.processor.prefix_ids
        ids = torch.tensor([prefix + encoded.ids], device=self.model.device)
        regions = None if turn.region is None else self._regions([seen], [_corners(turn.region)])
        states = self.model(ids, image_tokens=seen.features.tokens, regions=regions)
        logits = self.model.lm_head(states).float()
        start = len(prefix) + encoded.answer_start
        loss = torch.nn.functional.cross_entropy(logits[0, start - 1 : -1], ids[0, start:]).item()
        group = len(self.processor.vocabulary.group)
        picked = [
            states[0, len(prefix) + first - 1 : len(prefix) + first - 1 + group] for first, _ in encoded.groups
        ]
        masks = torch.zeros((0, seen.image.height, seen.image.width))
        if picked:
            index = torch.zeros(len(picked), dtype=torch.long, device=self.model.device)
            masks = seen.geometry.masks_to_original(
                self.model.decode_masks(seen.features, index, torch.stack(picked))
            )
        return Score(input_ids=ids, logits=logits, mask_logits=masks, loss=loss)

    # -- the path ------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _answers(
        self, pairs: Sequence[tuple[Any, str]], *, regions: Sequence[Box | None], max_new_tokens: int
    ) -> list[Answer]:
        if not pairs:
            return []
        clock = _Clock()
        # 1) Words first: a question that cannot be asked should not cost an encoding.
        prompts = [
            self.processor.question_ids(question, has_region=region is not None)
            for (_, question), region in zip(pairs, regions, strict=True)
        ]
        # 2) Open and encode every different picture once.
        images, index = self._distinct(pairs)
        clock.lap("encode")
        # 3) Generate, all questions in one batch.
        device = self.model.device
        boxes = self._regions([images[i] for i in index], list(regions))
        embeddings, used = [], 0
        for prompt, region in zip(prompts, regions, strict=True):
            own = None if region is None else boxes[used : used + 1]
            used += region is not None
            embeddings.append(self.model.embed(torch.tensor([prompt], device=device), regions=own)[0])
        answers = generate(
            self.model.language_model,
            Prefix.join([image.prefix for image in images]),
            embeddings,
            image_index=index,
            stop_id=self.processor.stop_id,
            max_new_tokens=max_new_tokens,
            forced_after=self.processor.vocabulary.forced_after,
        )
        parsed = [self.processor.parse(answer.ids) for answer in answers]
        clock.lap("generate")
        # 4) Decode the masks of all targets of all answers together.
        masks = self._masks(images, index, parsed, answers)
        clock.lap("decode")
        # 5) Answers in the pictures' own pixels.
        timing = clock.total()
        return [
            self._answer(images[i], parse, answer, mask, timing)
            for i, parse, answer, mask in zip(index, parsed, answers, masks, strict=True)
        ]

    def _distinct(self, pairs: Sequence[tuple[Any, str]]) -> tuple[list[EncodedImage], list[int]]:
        """Encoded pictures and, for each pair, the number of its picture. Equal means the same object or path."""
        numbers: dict[Any, int] = {}
        index, opened = [], []
        for image, _ in pairs:
            key = image if isinstance(image, str) else id(image)
            if key not in numbers:
                numbers[key] = len(opened)
                opened.append(image if isinstance(image, EncodedImage) else open_image(image))
            index.append(numbers[key])
        fresh = iter(self._encode([x for x in opened if not isinstance(x, EncodedImage)]))
        return [x if isinstance(x, EncodedImage) else next(fresh) for x in opened], index

    @torch.no_grad()
    def _encode(self, images: list[Image.Image]) -> list[EncodedImage]:
        if not images:
            return []
        arrays, geometries = zip(*(self.processor.image(image) for image in images), strict=True)
        pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).to(self.model.device)
        features = self.model.encode_images(pixels)
        ids = torch.tensor([self.processor.prefix_ids] * len(images), device=self.model.device)
        prefix = compute_prefix(self.model.language_model, self.model.embed(ids, features.tokens))
        return [
            EncodedImage(image, geometry, features[number], prefix[number])
            for number, (image, geometry) in enumerate(zip(images, geometries, strict=True))
        ]

    def _regions(self, images: Sequence[EncodedImage], regions: Sequence[Box | None]) -> Tensor:
        """Boxes in the pictures' pixels to (R, 4), relative to the model's input."""
        boxes = []
        for image, region in zip(images, regions, strict=True):
            if region is None:
                continue
            box = np.asarray(region, float)
            width, height = image.image.size
            if box.shape != (4,) or not np.isfinite(box).all() or box[0] >= box[2] or box[1] >= box[3]:
                raise QuestionError(f"the box {list(region)} is not x0, y0, x1, y1 with x0 < x1 and y0 < y1, in pixels")
            if box[2] <= 0 or box[3] <= 0 or box[0] >= width or box[1] >= height:
                raise QuestionError(f"the box {list(region)} lies outside the picture of {width} x {height} pixels")
            corners = image.geometry.boxes_to_input(box.clip(0, [width, height, width, height])[None])[0]
            boxes.append(corners / self.processor.config.vision_config.image_size)
        return torch.tensor(np.asarray(boxes), dtype=self.model.dtype, device=self.model.device).reshape(-1, 4)

    def _masks(
        self,
        images: Sequence[EncodedImage],
        index: Sequence[int],
        parsed: Sequence[ParsedAnswer],
        answers: Sequence[Generated],
    ) -> list[list[np.ndarray | None]]:
        """For every target of every answer its foreground probability (h, w), None for a rejected one."""
        states, rows = [], []
        for row, (parse, answer) in enumerate(zip(parsed, answers, strict=True)):
            for target in parse.targets:
                if not target.rejected:
                    # The state at index i of `states` is the one that predicted id i.
                    states.append(answer.states[list(target.positions)])
                    rows.append(row)
        found: list[list[np.ndarray | None]] = [[None] * len(parse.targets) for parse in parsed]
        if not states:
            return found
        features = ImageFeatures.join([image.features for image in images])
        image_index = torch.tensor([index[row] for row in rows], device=self.model.device)
        logits = self.model.decode_masks(features, image_index, torch.stack(states))
        number = 0
        for row, parse in enumerate(parsed):
            slots = [i for i, target in enumerate(parse.targets) if not target.rejected]
            if slots:
                full = images[index[row]].geometry.masks_to_original(logits[number : number + len(slots)])
                for slot, probability in zip(slots, full.sigmoid().cpu().numpy(), strict=True):
                    found[row][slot] = probability
                number += len(slots)
        return found

    def _answer(
        self,
        seen: EncodedImage,
        parsed: ParsedAnswer,
        generated: Generated,
        probabilities: list[np.ndarray | None],
        timing: dict[str, float],
    ) -> Answer:
        notes = list(parsed.notes)
        if not generated.finished:
            notes.append(f"the answer was cut after {len(generated.ids)} tokens")
        segments = tuple(
            _segment(target, generated, probability)
            for target, probability in zip(parsed.targets, probabilities, strict=True)
        )
        return Answer(
            text=parsed.text,
            segments=segments,
            words=self._words(seen, parsed, generated),
            image=seen.image,
            width=seen.image.width,
            height=seen.image.height,
            model=self.name,
            timing_ms=timing,
            notes=tuple(notes),
        )

    def _words(self, seen: EncodedImage, parsed: ParsedAnswer, generated: Generated) -> tuple[Word, ...]:
        """Every word with its point, read from the state after the word (PixelLLM's released code)."""
        if not parsed.words:
            return ()
        last = len(generated.states) - 1
        states = generated.states[[min(word.position + 1, last) for word in parsed.words]]
        size = self.processor.config.vision_config.image_size
        corners = (self.model.point_head(states).float() * size).cpu().numpy()
        limit = [seen.image.width - 1, seen.image.height - 1]
        words = []
        for word, own in zip(parsed.words, corners, strict=True):
            points = np.clip(seen.geometry.points_to_original(own), 0, limit)
            x, y = points.mean(axis=0)
            words.append(Word(text=word.text, span=word.span, point=(float(x), float(y))))
        return tuple(words)


class Chat:
    """Questions about one picture. Each is answered on its own; the picture's features are shared."""

    def __init__(self, predictor: Predictor, image: EncodedImage):
        self.predictor = predictor
        self.image = image

    def ask(self, question: str, *, region: Box | None = None, max_new_tokens: int = 160) -> Answer:
        """As `Predictor.ask`, without seeing the picture again."""
        return self.predictor.ask(self.image, question, region=region, max_new_tokens=max_new_tokens)


class _Clock:
    """Milliseconds of the steps."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.laps: dict[str, float] = {}

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round((now - self.last) * 1000, 1)
        self.last = now

    def total(self) -> dict[str, float]:
        return {**self.laps, "total": round((self.last - self.start) * 1000, 1)}


def _segment(target: ParsedTarget, generated: Generated, probability: np.ndarray | None) -> Segment:
    if probability is None:
        score = generated.probabilities[target.positions[0]]
        return Segment(target.phrase, target.span, score=score, rejected=True)
    mask = probability > 0.5
    score = float(probability[mask].mean()) if mask.any() else 0.0
    return Segment.from_mask(target.phrase, target.span, mask, score=score)


def _corners(box: Box) -> list[float]:
    """COCO's x, y, width, height to corners."""
    x, y, w, h = box
    return [x, y, x + w, y + h]
