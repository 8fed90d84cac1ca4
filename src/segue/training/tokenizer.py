"""Training small tokenizers: segue/mini's byte-level BPE, and SentencePiece models of LLaMA's kind."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

from segue.errors import MissingDependencyError, SegueError
from segue.mask_tokens import MaskVocabulary
from segue.modeling.configuration import GroundedConfig

__all__ = ["train_llama_pieces", "train_tokenizer"]


def train_tokenizer(texts: Iterable[str], config: GroundedConfig) -> Any:
    """A `PreTrainedTokenizerFast` of at most `config.text_config.vocab_size` entries.

    The special tokens come first, the mask tokens after them, then bytes and merges: any text can be written.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from segue.processing import SPECIAL_TOKENS

    tokens = config.mask_token_config
    mask_tokens = MaskVocabulary.token_names(
        scales=tokens.scales,
        tokens_per_scale=tokens.tokens_per_scale,
        reject=tokens.reject,
        phrase_marks=tokens.phrase_marks,
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.text_config.vocab_size,
        min_frequency=2,
        special_tokens=[*SPECIAL_TOKENS, *mask_tokens],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lower = (text.lower() if config.lowercase else text for text in texts)
    tokenizer.train_from_iterator(lower, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>")


def train_llama_pieces(texts: Iterable[str], *, entries: int, whole: Sequence[str] = ()) -> bytes:
    """A `tokenizer.model` of LLaMA's kind: byte pairs of the text as it is, bytes for what has no piece.

    Args:
        texts: to learn from.
        entries: pieces, the 256 bytes and three control pieces among them.
        whole: pieces that are never split, such as the roles of a prompt.

    Raises:
        MissingDependencyError: no sentencepiece.
        SegueError: the texts are too few for so many pieces.
    """
    try:
        import sentencepiece
    except ImportError:
        raise MissingDependencyError(
            "a tokenizer of LLaMA's kind needs sentencepiece: pip install 'segue[train]'"
        ) from None
    written = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts),
            model_writer=written,
            model_type="bpe",
            vocab_size=entries,
            byte_fallback=True,
            character_coverage=1.0,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=True,
            split_digits=True,
            user_defined_symbols=list(whole),
            unk_id=0,
            bos_id=1,
            eos_id=2,
            pad_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise SegueError(f"no tokenizer of {entries} entries can be made of these texts ({error})") from None
    return written.getvalue()
