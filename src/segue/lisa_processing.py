"""Between people's words and pictures and LISA's or GSVA's tensors: both views, prompts, answers back.

As `segue.processing`, for the families that see a picture twice (CLIP's centre square for the language model,
all of it for SAM) and whose prompts are LLaVA's. It knows nothing of weights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from segue.conversation import IMAGE_PLACEHOLDER, get_template
from segue.errors import CapabilityError, CheckpointError, QuestionError
from segue.images import Geometry
from segue.llama_tokenizer import LlamaTokenizer
from segue.mask_tokens import MaskVocabulary, ParsedAnswer
from segue.modeling.lisa import IMAGE_PLACEHOLDER_ID, LisaPixels
from segue.processing import EncodedTurn

if TYPE_CHECKING:
    from segue.data.native import Turn
    from segue.modeling.lisa_configuration import LisaConfig

__all__ = ["LisaProcessor"]

IGNORED = -100
"""Label of a position whose prediction is not trained."""


@dataclass(frozen=True)
class EncodedConversation:
    """A whole conversation as it is trained on; `labels` are the ids, or -100 before and between answers."""

    ids: list[int]
    labels: list[int]


class LisaProcessor:
    """Images and words to tensors and back, for one configuration.

    Args:
        config: the model's.
        tokenizer: has the model's mask tokens, each one id.
    """

    def __init__(self, config: LisaConfig, tokenizer: LlamaTokenizer):
        self.config = config
        self.tokenizer = tokenizer
        self.vocabulary = MaskVocabulary.read_from(tokenizer, reject=config.mask_token_config.reject)
        missing = [token for token in config.new_tokens if token not in tokenizer.added]
        if missing:
            raise CheckpointError(f"the tokenizer has no token {', '.join(missing)}: it is not this model's")
        self.template = get_template(config.template)
        self.stop_id = tokenizer.eos_id
        self.pad_id = tokenizer.unk_token_id

    @classmethod
    def from_pretrained(cls, folder: str | Path, config: LisaConfig) -> LisaProcessor:
        """Read the tokenizer beside converted weights."""
        return cls(config, LlamaTokenizer.read(folder))

    # -- pictures ----------------------------------------------------------------

    def geometry(self, height: int, width: int) -> Geometry:
        """How a picture of that size lies in SAM's input, which masks come back from."""
        return Geometry.longest_pad(height, width, self.config.sam_config.vision_config.image_size)

    def pixels(self, images: Sequence[Image.Image]) -> tuple[LisaPixels, list[Geometry]]:
        """Both views of every RGB picture, and the geometries to come back by."""
        geometries = [self.geometry(image.height, image.width) for image in images]
        clip = torch.stack([self.clip_view(image) for image in images])
        sam = [self.sam_view(image, geometry) for image, geometry in zip(images, geometries, strict=True)]
        return LisaPixels(clip, torch.stack(sam)), geometries

    def clip_view(self, image: Image.Image) -> torch.Tensor:
        """(3, c, c), normalised: the shorter side to c and the centre square, so that wide pictures lose
        their sides; or, by `clip_fit`, the longer side to c, and zeros to the right and below."""
        fit = Geometry.longest_pad if self.config.clip_fit == "pad" else Geometry.shortest_crop
        geometry = fit(image.height, image.width, self.config.clip_config.image_size)
        resized = geometry.apply(image, resample=Image.Resampling(self.config.clip_resample))
        mean, std = np.array(self.config.clip_mean), np.array(self.config.clip_std)
        normalised = np.zeros((*geometry.canvas, 3), np.float32)
        normalised[: resized.shape[0], : resized.shape[1]] = (resized / 255 - mean) / std
        return torch.from_numpy(normalised).permute(2, 0, 1)

    def sam_view(self, image: Image.Image, geometry: Geometry) -> torch.Tensor:
        """(3, s, s): the longer side to s, normalised, then zeros to the right and below."""
        resized = torch.from_numpy(np.array(geometry.apply(image))).permute(2, 0, 1)
        mean = torch.tensor(self.config.sam_mean).view(-1, 1, 1)
        std = torch.tensor(self.config.sam_std).view(-1, 1, 1)
        canvas = torch.zeros(3, *geometry.canvas)
        canvas[:, : resized.shape[1], : resized.shape[2]] = (resized - mean) / std
        return canvas

    @property
    def num_image_tokens(self) -> int:
        """S: how many places a picture takes in the language model."""
        return self.config.num_image_tokens

    # -- words -------------------------------------------------------------------

    @property
    def prefix_ids(self) -> list[int]:
        """What every dialogue begins with: the system's words, the user's role and the picture."""
        return self.text_ids(self._prompt("").split(IMAGE_PLACEHOLDER)[0] + IMAGE_PLACEHOLDER)

    def question_ids(self, question: str, *, has_region: bool = False, later: bool = False) -> list[int]:
        """The ids of a question up to where the answer begins, without the prefix.

        A `later` question follows the end of an answer: the prefix holds no role's name for it.

        Raises:
            QuestionError: empty, too long, or holding one of the model's own control tokens.
            CapabilityError: a question about a box, which this family cannot take.
        """
        if has_region:
            raise CapabilityError(
                "this model takes no boxes; questions about a region need segue/mini or the PixelLLM family"
            )
        if not isinstance(question, str):
            raise QuestionError(f"a question is text, not {type(question).__name__}")
        if not question.strip():
            raise QuestionError("the question is empty; ask something, for example: Where is the dog?")
        for token in (*self.tokenizer.added, IMAGE_PLACEHOLDER):
            if token in question:
                raise QuestionError(f"the question holds the control token {token}; leave it out")
        if re.search(r"[\ud800-\udfff]", question):
            raise QuestionError("the question holds half of a surrogate pair; leave it out")
        limit = self.config.max_question_tokens
        if len(question) <= 32 * limit:  # else: no need to count tokens, which may take long
            if later:
                ids = self.tokenizer.encode(self.template.later(question), add_special_tokens=False)
            else:
                ids = self.text_ids(self._prompt(question))[len(self.prefix_ids) :]
            if len(ids) <= limit:
                return ids
        raise QuestionError(
            f"the question has {len(question):,} characters; shorten it to {limit} tokens or fewer"
        )

    def text_ids(self, text: str) -> list[int]:
        """Ids of a prompt, each `<image>` in it as its S placeholders.

        The text between pictures is split on its own, as in LLaVA: it begins with a word start.
        """
        first, *others = text.split(IMAGE_PLACEHOLDER)
        ids = self.tokenizer.encode(first)
        for part in others:
            ids += [IMAGE_PLACEHOLDER_ID] * self.num_image_tokens
            ids += self.tokenizer.encode(part, add_special_tokens=False)
        return ids

    def encode_conversation(self, text: str) -> EncodedConversation:
        """Ids and labels of a rendered conversation, answers included.

        Where an answer begins is found as the originals do: by the length of the tokenised text before it,
        less its begin-of-text and its last piece, a bare word start.
        """
        ids = self.text_ids(text)
        labels = [IGNORED] * len(ids)
        mark, at = self.template.user_suffix + self.template.answer_prefix, 1
        for turn in text.split("</s>"):
            if not turn:
                break
            before = turn.split(mark)[0] + mark
            start, end = at + len(self.text_ids(before)) - 2, at + len(self.text_ids(turn))
            labels[start:end] = ids[start:end]
            at = end
        return EncodedConversation(ids, labels)

    def encode_turn(self, turn: Turn) -> EncodedTurn:
        """A question with a given answer; `[SEG]` or `[REJ]` is written behind every phrase."""
        answer, cursor = "", 0
        for phrase in turn.phrases:
            if not phrase.ids and self.vocabulary.reject is None:
                raise CapabilityError("this model cannot reject a phrase; GSVA and segue/mini can")
            answer += turn.answer[cursor : phrase.span[1]] + (" [SEG]" if phrase.ids else " [REJ]")
            cursor = phrase.span[1]
        answer += turn.answer[cursor:]
        before = self.question_ids(turn.question, has_region=turn.region is not None)
        prefix = len(self.prefix_ids)
        ids = self.text_ids(self._prompt(turn.question, answer))[prefix:]
        if ids[: len(before)] != before:
            raise QuestionError(f"the answer {answer[:60]!r} changes how the question before it is split")
        found = [place for place, token in enumerate(ids) if token == self.vocabulary.group[0]]
        present = [number for number, phrase in enumerate(turn.phrases) if phrase.ids]
        if len(found) != len(present):  # the answer's own text holds mask tokens
            present = list(range(len(found)))
        return EncodedTurn(ids, len(before), list(zip(found, present, strict=True)), words=[])

    def parse(self, ids: list[int]) -> ParsedAnswer:
        """Generated ids to clean text, targets and words."""
        return self.vocabulary.parse(ids, self.tokenizer.decode)

    def _prompt(self, question: str, answer: str | None = None) -> str:
        return self.render([(question, answer)])

    def render(self, turns: Sequence[tuple[str, str | None]]) -> str:
        """The text of a conversation about a picture: (question, answer) rounds."""
        text = self.template.render(turns)
        return text if self.config.use_image_marks else re.sub("<im_start>|<im_end>", "", text)
