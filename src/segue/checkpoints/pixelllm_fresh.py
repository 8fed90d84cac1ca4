"""A small PixelLLM from nothing: random weights by a seed, and a tokenizer trained on the recipe's own texts.

The published system begins with SAM, EVA-02 and Flan-T5, which do not exist at this size. Here everything is
trained, the BERT-style decoder is the language model, and ids are those of a byte-level BPE whose first
entries are padding, end and beginning, in T5's order. The one thing that may be taken over is the stem of a
model of segue's own composition (`init.vision_tower: segue/mini`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from segue.errors import CheckpointError, SegueError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from segue.modeling.pixelllm import PixelLLM
    from segue.modeling.pixelllm_configuration import PixelLLMConfig

__all__ = ["SPECIAL_TOKENS", "fresh_config", "fresh_pixelllm", "take_stem", "train_caption_tokenizer"]

SPECIAL_TOKENS = ("<pad>", "</s>", "<s>")
PAD, EOS, BOS = range(3)


def fresh_config(sections: Mapping[str, Any]) -> PixelLLMConfig:
    """The configuration of a recipe's `model`.

    Raises:
        SegueError: a section or setting is unknown or wrong.
    """
    from segue.modeling.pixelllm_configuration import PixelLLMConfig

    ids = {"pad_token_id": PAD, "eos_token_id": EOS, "bos_token_id": BOS}
    known = set(vars(PixelLLMConfig())) | set(PixelLLMConfig.sub_configs)
    if unknown := sorted(set(sections) - known):
        raise SegueError(f"model: PixelLLM has no {unknown[0]!r}")
    try:
        return PixelLLMConfig(**(ids | dict(sections)))
    except (TypeError, ValueError) as error:
        raise SegueError(f"model: no PixelLLM can be made of it ({error})") from None


def fresh_pixelllm(config: PixelLLMConfig, *, seed: int) -> PixelLLM:
    """Random float32 weights; the caller's random state stays as it was."""
    import torch

    from segue.modeling.pixelllm import PixelLLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return PixelLLM(config)


def take_stem(model: PixelLLM, name: str) -> None:
    """Give EVA-02's convolutional stem the weights of the stem of segue/mini, or of a model like it.

    Raises:
        CheckpointError: no such model, or it has other stages.
    """
    from segue.checkpoints.loading import checkpoint_folder, read_grounded_model

    stages = len(model.config.eva_config.stem_widths)
    theirs = read_grounded_model(checkpoint_folder(name)).vision.stem[:stages].state_dict()
    own = model.vision.eva.patch_embed["proj"].state_dict()
    wrong = [key for key, value in theirs.items() if key not in own or own[key].shape != value.shape]
    if not stages or wrong:
        raise CheckpointError(
            f"{name}: its stem does not fit eva_config.stem_widths and stem_depths ({', '.join(wrong[:2])})"
        )
    model.vision.eva.patch_embed["proj"].load_state_dict(theirs, strict=False)


def train_caption_tokenizer(texts: Iterable[str], *, entries: int, lowercase: bool) -> Tokenizer:
    """A byte-level BPE of at most `entries`, any text can be written in it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=entries,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.lower() if lowercase else text for text in texts), trainer)
    return tokenizer
