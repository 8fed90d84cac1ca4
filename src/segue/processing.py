"""Between people's words and pictures and the network's tensors: prompts, training sequences, answers back.

The processor of the composition in `segue.modeling.grounded`. It knows the tokenizer, the prompt template
and the geometry, and nothing of weights.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.conversation import IMAGE_PLACEHOLDER, get_template
from segue.errors import CheckpointError, DataError, QuestionError
from segue.images import Geometry
from segue.mask_tokens import MaskVocabulary, ParsedAnswer

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from segue.data.native import Turn
    from segue.modeling.configuration import GroundedConfig

__all__ = ["SPECIAL_TOKENS", "EncodedTurn", "Processor"]

REGION_PLACEHOLDER = "<region>"
SPECIAL_TOKENS = ("<pad>", "<s>", "</s>", IMAGE_PLACEHOLDER, REGION_PLACEHOLDER, "<user>", "<answer>")
PAD_ID, BOS_ID, STOP_ID, IMAGE_ID, REGION_ID, USER_ID, ANSWER_ID = range(len(SPECIAL_TOKENS))
_MOST_CHARACTERS_PER_TOKEN = 32


@dataclass(frozen=True)
class EncodedTurn:
    """One question and its answer as ids.

    Attributes:
        ids: the whole turn, from the user mark to the stop token.
        answer_start: index of the first id that the model has to say.
        groups: for every present phrase, (index of its first mask token, index of the phrase in the turn).
        phrase_starts: for every group, index of the first id of its phrase, its mark where there are marks.
        words: for every word with a point, (index of its last token, point in the record's pixels).
        first_phrase: index of the first id of the first phrase, its mark where there are marks; None without
            phrases.
    """

    ids: list[int]
    answer_start: int
    groups: list[tuple[int, int]]
    words: list[tuple[int, tuple[float, float]]]
    first_phrase: int | None = None
    phrase_starts: list[int] = field(default_factory=list)


class Processor:
    """Images and words to tensors and back, for one configuration.

    Args:
        config: the model's.
        tokenizer: a `PreTrainedTokenizerFast` that has the model's special and mask tokens.
    """

    def __init__(self, config: GroundedConfig, tokenizer: Any):
        self.config = config
        self.tokenizer = tokenizer
        tokens = config.mask_token_config
        self.vocabulary = MaskVocabulary.read_from(
            tokenizer,
            scales=tokens.scales,
            tokens_per_scale=tokens.tokens_per_scale,
            reject=tokens.reject,
            phrase_marks=tokens.phrase_marks,
        )
        found = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))
        if found != list(range(len(SPECIAL_TOKENS))):
            raise CheckpointError(
                f"the tokenizer's special tokens {SPECIAL_TOKENS} have ids {found}; expected 0, 1, ..."
            )
        self.control_tokens = tuple(tokenizer.get_added_vocab())
        self.template = get_template(config.template)
        self.stop_id = STOP_ID
        self.pad_id = PAD_ID

    @classmethod
    def from_pretrained(cls, folder: str | Path, config: GroundedConfig) -> Processor:
        """Read `tokenizer.json` beside the weights."""
        from transformers import PreTrainedTokenizerFast

        path = Path(folder) / "tokenizer.json"
        if not path.is_file():
            raise CheckpointError(f"{folder}: no tokenizer.json; a segue checkpoint holds its tokenizer")
        try:
            tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path), pad_token="<pad>", eos_token="</s>")
        except Exception as error:  # the tokenizers library raises the bare class
            raise CheckpointError(f"{path}: not readable as a tokenizer ({error}); copy it again") from None
        return cls(config, tokenizer)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `tokenizer.json`."""
        self.tokenizer.backend_tokenizer.save(str(Path(folder) / "tokenizer.json"))

    # -- pictures ----------------------------------------------------------------

    def geometry(self, height: int, width: int) -> Geometry:
        """How a picture of that size is brought to the model's square input."""
        return Geometry.squash(height, width, self.config.vision_config.image_size)

    def image(self, image: Image.Image) -> tuple[np.ndarray, Geometry]:
        """An RGB picture to (S, S, 3) uint8 and the geometry to come back by."""
        geometry = self.geometry(image.height, image.width)
        return geometry.apply(image), geometry

    def pixels(self, images: Sequence[Image.Image]) -> tuple[torch.Tensor, list[Geometry]]:
        """RGB pictures to (I, 3, S, S) uint8 and the geometries to come back by."""
        import torch

        arrays, geometries = zip(*(self.image(image) for image in images), strict=True)
        return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2), list(geometries)

    @property
    def num_image_tokens(self) -> int:
        """S: how many places a picture takes in the language model."""
        return (self.config.vision_config.image_size // 16) ** 2

    # -- words -------------------------------------------------------------------

    @property
    def prefix_ids(self) -> list[int]:
        """What every dialogue begins with: begin-of-text and the picture."""
        return [BOS_ID] + [IMAGE_ID] * self.num_image_tokens

    def question_ids(self, question: str, *, has_region: bool = False, later: bool = False) -> list[int]:
        """The ids of a question up to where the answer begins, without the prefix.

        `later` questions, which follow an answer, are written as the first one is.

        Raises:
            QuestionError: empty, too long, or holding one of the model's own control tokens.
        """
        if not isinstance(question, str):
            raise QuestionError(f"a question is text, not {type(question).__name__}")
        text = re.sub(r"\s+", " ", question).strip()
        if not text:
            raise QuestionError("the question is empty; ask something, for example: Where is the dog?")
        if problem := self._unusable(text):
            raise QuestionError(f"the question holds {problem}; leave it out")
        limit = self.config.max_question_tokens
        if len(text) > _MOST_CHARACTERS_PER_TOKEN * limit:  # no need to count tokens, which may take long
            raise QuestionError(
                f"the question has {len(text):,} characters; shorten it to {limit} tokens or fewer"
            )
        ids = self._text_ids(text)
        if len(ids) > limit:
            raise QuestionError(f"the question has {len(ids)} tokens; this model takes {limit}: shorten it")
        region = [REGION_ID] if has_region else []
        return [USER_ID, *region, *ids, ANSWER_ID]

    def encode_turn(self, turn: Turn) -> EncodedTurn:
        """A training turn: the answer's phrases are marked and followed by their mask tokens or `[REJ]`.

        Raises:
            QuestionError, DataError: the question or the answer cannot be written in this model's tokens.
        """
        if problem := self._unusable(turn.answer):
            raise DataError(f"the answer {turn.answer[:60]!r} holds {problem}; leave it out")
        ids = self.question_ids(turn.question, has_region=turn.region is not None)
        answer_start = len(ids)
        groups: list[tuple[int, int]] = []
        phrase_starts: list[int] = []
        char_to_token: list[tuple[tuple[int, int], int]] = []  # span of each text piece, index of its id

        def add_text(start: int, end: int) -> None:
            for piece, span in self._pieces(turn.answer, start, end):
                char_to_token.append((span, len(ids)))
                ids.append(piece)

        cursor = 0
        first_phrase = None
        vocabulary = self.vocabulary
        for index, phrase in enumerate(turn.phrases):
            start, end = phrase.span
            # The space before a phrase is read with its first word, as everywhere in byte-level text.
            start -= start > cursor and turn.answer[start - 1] == " "
            add_text(cursor, start)
            phrase_start = len(ids)
            first_phrase = phrase_start if first_phrase is None else first_phrase
            if vocabulary.phrase_start is not None and vocabulary.phrase_end is not None:
                ids.append(vocabulary.phrase_start)
                add_text(start, end)
                ids.append(vocabulary.phrase_end)
            else:
                add_text(start, end)
            if phrase.ids:
                groups.append((len(ids), index))
                phrase_starts.append(phrase_start)
                ids.extend(vocabulary.group)
            elif vocabulary.reject is not None:
                ids.append(vocabulary.reject)
            cursor = end
        add_text(cursor, len(turn.answer))
        ids.append(STOP_ID)

        words = []
        for point in turn.points:
            inside = [
                token for span, token in char_to_token if span[0] < point.span[1] and span[1] > point.span[0]
            ]
            if inside:
                words.append((inside[-1], point.point))
        return EncodedTurn(
            ids=ids,
            answer_start=answer_start,
            groups=groups,
            words=words,
            first_phrase=first_phrase,
            phrase_starts=phrase_starts,
        )

    def parse(self, ids: list[int]) -> ParsedAnswer:
        """Generated ids to clean text in sentence case, targets and words."""
        parsed = self.vocabulary.parse(ids, self._decode)
        if not self.config.lowercase:
            return parsed
        text = _sentence_case(parsed.text)
        return replace(
            parsed,
            text=text,
            targets=tuple(replace(t, phrase=text[slice(*t.span)]) for t in parsed.targets),
            words=tuple(replace(w, text=text[slice(*w.span)]) for w in parsed.words),
        )

    def _decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _unusable(self, text: str) -> str | None:
        """What of a text would not be read as text: a control token in either case, half a character."""
        written = self._written(text)
        for token in self.control_tokens:
            if token in text or token in written:
                return f"the control token {token}"
        return "half of a surrogate pair" if re.search(r"[\ud800-\udfff]", text) else None

    def _written(self, text: str) -> str:
        """The text as the language model writes it; of the same length, so that spans hold."""
        if not self.config.lowercase:
            return text
        lower = text.lower()
        return (
            lower
            if len(lower) == len(text)
            else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
        )

    def _text_ids(self, text: str) -> list[int]:
        return self.tokenizer.encode(self._written(text), add_special_tokens=False)

    def _pieces(self, text: str, start: int, end: int) -> list[tuple[int, tuple[int, int]]]:
        """Ids of text[start:end] with their spans in the whole text."""
        part = text[start:end]
        if not part:
            return []
        encoded = self.tokenizer(self._written(part), add_special_tokens=False, return_offsets_mapping=True)
        return [
            (token, (start + a, start + b))
            for token, (a, b) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ]


def _sentence_case(text: str) -> str:
    """Capitals at the beginning of each sentence; the length stays, so spans do too."""

    def capital(match: re.Match[str]) -> str:
        upper = match.group(2).upper()
        return match.group(1) + (upper if len(upper) == 1 else match.group(2))

    return re.sub(r"(^|[.!?]\s+)(\w)", capital, text)
