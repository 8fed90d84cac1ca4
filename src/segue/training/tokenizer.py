"""Training the small byte-level BPE tokenizer of the mini models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from segue.mask_tokens import MaskVocabulary
from segue.modeling.configuration import GroundedConfig

__all__ = ["train_tokenizer"]


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
