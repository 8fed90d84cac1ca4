"""A small PixelLLM from nothing: random weights by a seed, and a tokenizer trained on the recipe's own texts.

The published system begins with SAM, EVA-02 and Flan-T5, which do not exist at this size. Here everything is
trained, the BERT-style decoder is the language model, and ids are those of a byte-level BPE whose first
entries are padding, end and beginning, in T5's order. The one thing that may be taken over is the vision
encoder of a model of segue's own composition (`init.vision_tower: segue/mini`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from segue.errors import CheckpointError, SegueError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from segue.modeling.pixelllm import PixelLLM
    from segue.modeling.pixelllm_configuration import PixelLLMConfig

__all__ = ["SPECIAL_TOKENS", "fresh_config", "fresh_pixelllm", "take_tower", "train_caption_tokenizer"]

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
        model = PixelLLM(config)
        model.extractor.spread(model.prompt_encoder)
        return model


def take_tower(model: PixelLLM, name: str) -> None:
    """Give the model's own vision encoder the weights of segue/mini's, or of a model like it. It may be
    shallower: the first blocks of each stage and of the transformer are taken then.

    Raises:
        CheckpointError: no such model, or its encoder is another one.
    """
    from segue.checkpoints.loading import checkpoint_folder, read_grounded_model
    from segue.modeling.pixelllm_vision import OwnVision

    if not isinstance(model.vision, OwnVision):
        raise CheckpointError(f"init.vision_tower {name}: the recipe's model has no tower_config")
    source = read_grounded_model(checkpoint_folder(name)).vision
    theirs, tower = source.state_dict(), model.vision.tower
    own = tower.state_dict()
    # Norms are numbered by the maps that are handed on, not by the blocks that they follow.
    layers, named = list(source.config.feature_layers), {}
    for key in own:
        part, number, *rest = key.split(".")
        if part == "norms":
            layer = tower.config.feature_layers[int(number)]
            number = str(layers.index(layer)) if layer in layers else "none"
        named[key] = ".".join([part, number, *rest])
    wrong = [key for key in own if named[key] not in theirs or own[key].shape != theirs[named[key]].shape]
    if wrong:
        raise CheckpointError(
            f"{name}: its vision encoder does not fit tower_config ({', '.join(wrong[:2])})"
        )
    tower.load_state_dict({key: theirs[name] for key, name in named.items()})


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
