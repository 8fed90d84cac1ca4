"""What users hold: a model with its processor, asked about pictures.

The path of every answer is here, one numbered step after the other (`Predictor.reply`): open, process,
encode, generate, decode, answer. Features of a picture are a value (`EncodedImage`), held by whoever asks
again about it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from PIL import Image
from torch import Tensor

from segue.answer import Answer
from segue.asked_box import asked_box
from segue.errors import CapabilityError, QuestionError
from segue.grounding import mask_logits, segments_of, words_of
from segue.images import open_image
from segue.mask_tokens import ParsedAnswer
from segue.modeling.generation import Generated, Prefix, Watch, compute_prefix, generate
from segue.modeling.grounded import GroundedModel
from segue.modeling.thing_reader import read_things, reading
from segue.modeling.word_lookup import embed_said, embed_text
from segue.processing import Processor
from segue.query import (
    CAPTION_QUESTION,
    LOCATE_QUESTION,
    REGION_QUESTION,
    Box,
    EncodedImage,
    Query,
    Reply,
    Round,
    Score,
)

if TYPE_CHECKING:
    from segue.data.native import Turn
    from segue.lisa_processing import LisaProcessor
    from segue.modeling.lisa import LisaModel

__all__ = ["Chat", "Predictor"]

# What is computed at once; more is done in parts, with the same results.
MOST_PICTURES, MOST_QUESTIONS = 16, 64


class Predictor:
    """A model ready to be asked, made by `segue.load`. It remembers nothing: threads may share it.

    Args:
        model: in eval mode, on its device.
        processor: the model's.
        name: shown in answers.
    """

    def __init__(self, model: GroundedModel | LisaModel, processor: Processor | LisaProcessor, *, name: str):
        self.model: Any = model  # the families share methods, not a base class
        self.processor: Any = processor
        self.name = name

    def ask(
        self, image: Any, question: str, *, region: Box | None = None, max_new_tokens: int = 160
    ) -> Answer:
        """Answer one question about one picture.

        Args:
            image: path, bytes, PIL picture or array (`segue.images.open_image`), or an `EncodedImage`.
            question: plain language.
            region: x0, y0, x1, y1 in the picture's pixels, where the question is about a box.
            max_new_tokens: an answer longer than that is cut, and says so in its notes.

        Raises:
            ImageError, QuestionError: the picture or the question cannot be used.
        """
        return self._answers([Query(image, question, region, max_new_tokens)])[0]

    def ask_batch(self, pairs: Sequence[tuple[Any, str]], *, max_new_tokens: int = 160) -> list[Answer]:
        """Answers to (image, question) pairs, the same as one by one; equal pictures are encoded once."""
        return self._answers([Query(*pair, max_new_tokens=max_new_tokens) for pair in pairs])

    def chat(self, image: Any, *, history: bool = False) -> Chat:
        """Several questions about one picture, which is encoded once.

        Args:
            history: whether the model reads the earlier questions and answers again with each question. Off
                as in the released code of all families, which were trained on questions alone: their masks
                are surest without.
        """
        return Chat(self, self.encode(image), history=history)

    def caption(self, image: Any, *, box: Box | None = None) -> Answer:
        """A caption whose words carry points; with `box` (x0, y0, x1, y1 in pixels), one of that region."""
        return self._answers([self.caption_query(image, box=box)])[0]

    @staticmethod
    def caption_query(image: Any, *, box: Box | None = None, max_new_tokens: int = 160) -> Query:
        """What `caption` asks, for a batch."""
        return Query(image, CAPTION_QUESTION if box is None else REGION_QUESTION, box, max_new_tokens)

    def caption_dense(self, image: Any) -> list[Answer]:
        """A caption for every object found: needs a proposal head, which this family lacks."""
        raise CapabilityError(
            f"{self.name} cannot find objects by itself; dense captions need the PixelLLM family:"
            " --model mini-pixelllm"
        )

    def locate(self, image: Any, expression: str) -> Answer:
        """Mask and box of a referring expression, or its rejection."""
        return self._answers([self.locate_query(image, expression)])[0]

    @staticmethod
    def locate_query(image: Any, expression: str, *, max_new_tokens: int = 160) -> Query:
        """What `locate` asks, for a batch."""
        if not isinstance(expression, str) or not expression.strip(" \t\r\n?."):
            raise QuestionError("the expression is empty; give words such as: the woman in red")
        question = LOCATE_QUESTION.format(expression=expression.strip().rstrip("?. "))
        return Query(image, question, None, max_new_tokens)

    def encode(self, image: Any) -> EncodedImage:
        """See a picture once."""
        return self._see([image])[0]

    def encode_batch(self, images: Sequence[Any]) -> list[EncodedImage]:
        """`encode` of several, the same picture only once; tensors may be parts of a batch's."""
        return self._see(images)

    @torch.no_grad()
    def score(self, image: Any, question: str, answer: Turn | Answer | str) -> Score:
        """Teacher forcing: what the model thinks of a given answer.

        Args:
            image, question: as in `ask`.
            answer: a `Turn` of the native format (its phrases say where masks stand, its region is used), an
                `Answer` such as `ask` gave, or plain text without masks.

        Raises:
            QuestionError, DataError: the question or the answer cannot be written in this model's tokens.
        """
        turn = _turn(question, answer)
        encoded = self.processor.encode_turn(turn)
        seen = self._see([image])[0]
        prefix = self.processor.prefix_ids
        ids = torch.tensor([prefix + encoded.ids], device=self.model.device)
        box = None if turn.region is None else self._box(seen, _corners(turn.region))
        readable = _readable(self.model, ids, seen.features)
        hidden = {} if readable is None else {"attention_mask": readable}
        start = len(prefix) + encoded.answer_start
        states = self.model(ids, image_tokens=seen.features.tokens, regions=box, **hidden)
        logits = self.model.lm_head(read_things(self.model, states, seen.features.tokens)).float()
        # The state at an index predicts the id after it, a word or a mask token.
        loss = torch.nn.functional.cross_entropy(logits[0, start - 1 : -1], ids[0, start:]).item()
        group = torch.arange(len(self.processor.vocabulary.group), device=ids.device)
        first = torch.tensor([first for first, _ in encoded.groups], dtype=torch.long, device=ids.device)
        picked = states[0, len(prefix) - 1 + first[:, None] + group]
        alone = torch.zeros_like(first)
        low = mask_logits(self.model, seen.features, alone, picked, answers=alone)
        masks = seen.geometry.masks_to_original(low)
        return Score(input_ids=ids, logits=logits, mask_logits=masks, loss=loss)

    # -- the path ----------------------------------------------------------------

    def _answers(self, queries: Sequence[Query]) -> list[Answer]:
        answers = [reply.answer for reply in self.reply(queries)]
        assert all(answer is not None for answer in answers), "only who watches can drop a query"
        return cast("list[Answer]", answers)

    @torch.no_grad()
    def reply(self, queries: Sequence[Query], *, watch: Watch | None = None) -> list[Reply]:
        """Answers to a batch of queries, the same as one by one; equal pictures are encoded once.

        `watch` is called with a query's number and the ids that its answer has so far, once a step; a query
        for which it returns False leaves the batch at that step and has no answer.

        Raises:
            ImageError, QuestionError: a picture or a question cannot be used; none is answered then.
        """
        for query in queries:
            if query.max_new_tokens < 1:
                raise QuestionError(f"max_new_tokens is {query.max_new_tokens}; an answer needs 1 or more")
        clock = _Clock()
        # 1) Words first: a question that cannot be asked should not cost an encoding.
        given = queries
        queries = [self._with_room(query) for query in queries]
        prompts = [self._prompt(query) for query in queries]
        # 2) Open and encode every different picture once.
        seen = self._see([query.image for query in queries])
        boxes = [self._boxes(image, query) for image, query in zip(seen, queries, strict=True)]
        clock.lap("encode")
        replies: list[Reply] = []
        for first in range(0, len(queries), MOST_QUESTIONS):
            part = slice(first, first + MOST_QUESTIONS)
            limits = [query.max_new_tokens for query in queries[part]]
            own = None if watch is None else partial(_watch_from, watch, first)
            replies += self._reply_batch(seen[part], prompts[part], boxes[part], limits, own, clock)
        return [
            _forgetting(reply, len(whole.history) - len(query.history))
            for reply, whole, query in zip(replies, given, queries, strict=True)
        ]

    def _prompt(self, query: Query) -> list[int]:
        """What stands behind the picture: earlier rounds as they were said, and the question."""
        ids: list[int] = []
        for number, turn in enumerate(query.history):
            ids += self.processor.question_ids(
                turn.question, has_region=turn.region is not None, later=number > 0
            )
            ids += [*turn.ids, self.processor.stop_id]
        return ids + self.processor.question_ids(
            query.question, has_region=query.region is not None, later=bool(query.history)
        )

    def _with_room(self, query: Query) -> Query:
        """The query with as many of its latest rounds as the language model has positions for."""
        while query.history:
            read = len(self.processor.prefix_ids) + len(self._prompt(query))
            if read + query.max_new_tokens <= self.model.config.text_config.max_position_embeddings:
                break
            query = replace(query, history=query.history[1:])
        return query

    def _boxes(self, seen: EncodedImage, query: Query) -> Tensor | None:
        """(R, 4) boxes of the rounds and the question, in reading order; None where none has one."""
        regions = [*(turn.region for turn in query.history), query.region]
        found = [self._box(seen, region) for region in regions if region is not None]
        return torch.cat(found) if found else None

    def _reply_batch(
        self,
        seen: Sequence[EncodedImage],
        prompts: Sequence[list[int]],
        boxes: Sequence[Tensor | None],
        limits: Sequence[int],
        watch: Watch | None,
        clock: _Clock,
    ) -> list[Reply]:
        images = list({id(image): image for image in seen}.values())
        tokens = [image.features.tokens for image in images]
        numbers = {id(image): number for number, image in enumerate(images)}
        index = [numbers[id(image)] for image in seen]
        # 3) Generate, all questions in one batch.
        generated = generate(
            self.model.language_model,
            Prefix.join([image.prefix for image in images]),
            [
                embed_text(self.model, prompt, image_tokens=image.features.tokens, regions=box)
                for prompt, box, image in zip(prompts, boxes, seen, strict=True)
            ],
            image_index=index,
            stop_id=self.processor.stop_id,
            max_new_tokens=limits,
            forced_after=self.processor.vocabulary.forced_after,
            embed=embed_said(self.model, tokens),
            read=reading(self.model, tokens),
            watch=watch,
        )
        # What was dropped says nothing, and costs no masks.
        parsed = [self.processor.parse([] if answer.dropped else answer.ids) for answer in generated]
        clock.lap("generate")
        # 4) Decode the masks of all targets of all answers together.
        segments, soft = segments_of(self.model, images, index, parsed, generated)
        clock.lap("decode")
        # 5) Answers in the pictures' own pixels.
        timing = clock.total()
        replies = []
        for image, prompt, parse, row, own, masks in zip(
            seen, prompts, parsed, generated, segments, soft, strict=True
        ):
            answer = Answer(
                text=parse.text,
                segments=tuple(own),
                words=words_of(self.model, image, parse, row),
                width=image.image.width,
                height=image.image.height,
                model=self.name,
                timing_ms=timing,
                notes=_notes(parse, row),
                image=image.image,
            )
            read = image.prefix.mask.shape[1] + len(prompt)
            replies.append(
                Reply(
                    None if row.dropped else answer,
                    read,
                    len(row.ids),
                    row.finished,
                    soft=masks,
                    ids=tuple(row.ids),
                )
            )
        return replies

    def _see(self, sources: Sequence[Any]) -> list[EncodedImage]:
        """Every source encoded, the same path, bytes or object only once."""
        keys = [s if isinstance(s, (str, bytes, os.PathLike)) else id(s) for s in sources]
        distinct = dict(zip(keys, sources, strict=True))
        fresh = {
            key: open_image(source)
            for key, source in distinct.items()
            if not isinstance(source, EncodedImage)
        }
        encoded = dict(zip(fresh, self._encode(list(fresh.values())), strict=True))
        return [encoded.get(key, distinct[key]) for key in keys]

    @torch.no_grad()
    def _encode(self, images: Sequence[Image.Image]) -> list[EncodedImage]:
        encoded: list[EncodedImage] = []
        for first in range(0, len(images), MOST_PICTURES):
            part = images[first : first + MOST_PICTURES]
            pixels, geometries = self.processor.pixels(part)
            features = self.model.encode_images(pixels.to(self.model.device))
            ids = torch.tensor([self.processor.prefix_ids] * len(part), device=self.model.device)
            embeddings = self.model.embed(ids, features.tokens)
            readable = _readable(self.model, ids, features)
            prefix = compute_prefix(self.model.language_model, embeddings, readable)
            encoded += [
                EncodedImage(image, geometry, features[number], prefix[number])
                for number, (image, geometry) in enumerate(zip(part, geometries, strict=True))
            ]
        return encoded

    def _box(self, seen: EncodedImage, region: Box) -> Tensor:
        """A box in the picture's pixels to (1, 4), relative to the model's input."""
        corners = seen.geometry.boxes_to_input(asked_box(region, seen.image.size)[None])
        relative = corners / self.processor.config.vision_config.image_size
        return torch.tensor(relative, dtype=self.model.dtype, device=self.model.device)


class Chat:
    """Questions about one picture, whose features are shared.

    Each is answered on its own or, with `history`, as the next of a conversation: `rounds` are those so far.
    """

    def __init__(self, predictor: Predictor, image: EncodedImage, *, history: bool = False):
        self.predictor = predictor
        self.image = image
        self.history = history
        self.rounds: list[Round] = []

    def ask(self, question: str, *, region: Box | None = None, max_new_tokens: int = 160) -> Answer:
        """As `Predictor.ask`, without seeing the picture again."""
        if not self.history:
            return self.predictor.ask(self.image, question, region=region, max_new_tokens=max_new_tokens)
        query = Query(self.image, question, region, max_new_tokens, tuple(self.rounds))
        (reply,) = self.predictor.reply([query])
        self.rounds.append(Round(question, reply.ids, region))
        return cast("Answer", reply.answer)


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


def _watch_from(watch: Watch, first: int, row: int, ids: Sequence[int]) -> bool:
    """A part's rows, numbered as in the whole."""
    return watch(first + row, ids)


def _forgetting(reply: Reply, count: int) -> Reply:
    """The reply with a note about rounds that the model had no room for."""
    if not count or reply.answer is None:
        return reply
    note = f"the model has no room for the whole conversation: {count} of its first questions were left out"
    return replace(reply, answer=replace(reply.answer, notes=(*reply.answer.notes, note)))


def _readable(model: Any, ids: Tensor, features: Any) -> Tensor | None:
    """(I, T) bool, False at image tokens that only show padding (PixelLM); None where there are none."""
    token_mask = getattr(features, "token_mask", None)
    return None if token_mask is None else model.place_token_mask(ids, token_mask)


def _notes(parsed: ParsedAnswer, generated: Generated) -> tuple[str, ...]:
    if generated.finished:
        return parsed.notes
    return (*parsed.notes, f"the answer was cut after {len(generated.ids)} tokens")


def _turn(question: str, answer: Turn | Answer | str) -> Turn:
    """What is scored, as a turn of the native format; the ids of its phrases mean nothing."""
    from pydantic import ValidationError

    from segue.data.native import Phrase, Turn

    try:
        if isinstance(answer, Turn):
            return answer.model_copy(update={"question": question})
        if isinstance(answer, Answer):
            phrases = [Phrase(span=s.span, ids=[] if s.rejected else [1]) for s in answer.segments]
            return Turn(question=question, answer=answer.text, phrases=phrases)
        return Turn(question=question, answer=answer)
    except ValidationError as error:
        problem = error.errors()[0]
        raise QuestionError(f"the answer cannot be scored: {problem['loc']} {problem['msg']}") from None


def _corners(box: Box) -> tuple[float, float, float, float]:
    """COCO's x, y, width, height to corners."""
    x, y, w, h = box
    return x, y, x + w, y + h
