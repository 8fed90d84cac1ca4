"""Between people's words and pictures and PixelLM's tensors: one padded view, prompts, answers back.

Prompts and tokenizer rules are LLaVA's, as LISA's are (`segue.lisa_processing`); here are what differs: the
picture, and a codebook group in place of `[SEG]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from segue.conversation import get_template
from segue.errors import CapabilityError, CheckpointError, QuestionError
from segue.images import Geometry
from segue.lisa_processing import LisaProcessor
from segue.llama_tokenizer import LlamaTokenizer
from segue.mask_tokens import MaskVocabulary
from segue.modeling.pixellm import PixelLMPixels
from segue.processing import EncodedTurn

if TYPE_CHECKING:
    from PIL import Image

    from segue.data.native import Turn
    from segue.modeling.pixellm_configuration import PixelLMConfig

__all__ = ["PixelLMProcessor"]


class PixelLMProcessor(LisaProcessor):
    """Images and words to tensors and back, for one configuration.

    Args:
        config: the model's.
        tokenizer: has the codebook's tokens, each one id.
    """

    def __init__(self, config: PixelLMConfig, tokenizer: LlamaTokenizer):
        self.config: Any = config
        self.tokenizer = tokenizer
        self.vocabulary = MaskVocabulary.read_from(
            tokenizer, scales=config.scales, tokens_per_scale=config.tokens_per_scale
        )
        missing = [token for token in ("<im_start>", "<im_end>") if token not in tokenizer.added]
        if missing:
            raise CheckpointError(f"the tokenizer has no token {', '.join(missing)}: it is not this model's")
        self.template = get_template(config.template)
        self.stop_id = tokenizer.eos_id
        self.pad_id = tokenizer.unk_token_id

    # -- pictures ----------------------------------------------------------------

    def geometry(self, height: int, width: int) -> Geometry:
        """How a picture of that size lies in the input, which masks come back from."""
        return Geometry.longest_pad(height, width, self.config.image_size)

    def pixels(  # type: ignore[override]  # other pixels than LISA's
        self, images: Sequence[Image.Image]
    ) -> tuple[PixelLMPixels, list[Geometry]]:
        """RGB pictures on their canvases, and the geometries to come back by."""
        geometries = [self.geometry(image.height, image.width) for image in images]
        size = self.config.image_size
        values = torch.zeros(len(images), 3, size, size, dtype=torch.uint8)
        for canvas, image, geometry in zip(values, images, geometries, strict=True):
            resized = torch.from_numpy(np.array(geometry.apply(image))).permute(2, 0, 1)
            canvas[:, : resized.shape[1], : resized.shape[2]] = resized
        return PixelLMPixels(values, torch.tensor([geometry.valid for geometry in geometries])), geometries

    @property
    def num_image_tokens(self) -> int:
        """S: how many places a picture takes in the language model."""
        return self.config.image_token_side**2

    # -- words -------------------------------------------------------------------

    @property
    def group_text(self) -> str:
        """A target's mask tokens as they stand in a text."""
        return " ".join(
            MaskVocabulary.token_names(
                scales=self.config.scales, tokens_per_scale=self.config.tokens_per_scale
            )
        )

    def encode_turn(self, turn: Turn) -> EncodedTurn:
        """A question with a given answer; a group of mask tokens is written behind every phrase."""
        answer, cursor = "", 0
        for phrase in turn.phrases:
            if not phrase.ids:
                raise CapabilityError("PixelLM cannot reject a phrase; GSVA and segue/mini can")
            answer += f"{turn.answer[cursor : phrase.span[1]]} {self.group_text}"
            cursor = phrase.span[1]
        answer += turn.answer[cursor:]
        before = self.question_ids(turn.question, has_region=turn.region is not None)
        ids = self.text_ids(self._prompt(turn.question, answer))[len(self.prefix_ids) :]
        if ids[: len(before)] != before:
            raise QuestionError(f"the answer {answer[:60]!r} changes how the question before it is split")
        group = self.vocabulary.group
        found = [place for place in range(len(ids)) if tuple(ids[place : place + len(group)]) == group]
        # As many as the phrases, but where the answer's own text holds groups.
        return EncodedTurn(
            ids, len(before), [(place, number) for number, place in enumerate(found)], words=[]
        )
