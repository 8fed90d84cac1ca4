"""What an answer costs in floating-point operations, part by part, counted and not measured.

Networks are built at full size on torch's meta device, which computes shapes only, and torch's own counter
adds up the matrix products and convolutions that run: one multiply-accumulate is 2 FLOP. What it leaves out
(norms, softmax, activations, resizing) is less than a hundredth. Attention counts whole, also where a mask
hides half.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from segue.errors import SegueError

if TYPE_CHECKING:
    from segue.modeling.configuration import GroundedConfig
    from segue.modeling.pixellm_configuration import PixelLMConfig

__all__ = ["MODELS", "ModelCost", "count_costs"]


@dataclass(frozen=True)
class ModelCost:
    """FLOP of a model's parts.

    Attributes:
        name: of the model.
        vision: of what sees the picture, by network, once for each picture.
        image_tokens: places that a picture takes in the language model.
        group: mask tokens of one target.
        prompt: the language model on the picture's tokens and `prompt_tokens` of text; the vocabulary
            is computed at the last place alone.
        prompt_tokens: of text.
        token: one more token at the end of that, with a key-value cache.
        decoder_shared: of the pixel decoder, once for each picture, whatever the number of targets.
        decoder_target: and for every target.
        sequence_token: the language model's mean over a sequence of that length, vocabulary everywhere.
    """

    name: str
    vision: dict[str, int]
    image_tokens: int
    group: int
    prompt: int
    prompt_tokens: int
    token: int
    decoder_shared: int
    decoder_target: int
    sequence_token: float

    def answer(self, *, words: int = 20, targets: int = 1) -> int:
        """A whole answer to one question about one picture: `words` text tokens and `targets` masks."""
        generated = words + targets * self.group
        return (
            sum(self.vision.values())
            + self.prompt
            + generated * self.token
            + self.decoder_shared
            + targets * self.decoder_target
        )

    def forward(self, *, length: int) -> int:
        """One pass over a whole sequence of `length` with one mask: the way that papers count."""
        vision = sum(self.vision.values()) + self.decoder_shared + self.decoder_target
        return int(vision + length * self.sequence_token)


def count_costs(name: str, *, prompt_tokens: int = 64) -> ModelCost:
    """The parts of a model of `MODELS`, or of one of segue's own checkpoint folders.

    Raises:
        SegueError: no such model.
    """
    if name in MODELS:
        return MODELS[name](name, prompt_tokens)
    if (Path(name) / "config.json").is_file():
        return _of_folder(Path(name), prompt_tokens)
    raise SegueError(
        f"{name}: no model whose cost is known; give a checkpoint folder or one of: {', '.join(MODELS)}"
    )


def _flops(run: Callable[[], Any]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


def _on_meta(build: Callable[[], nn.Module]) -> Any:
    from transformers.initialization import no_init_weights

    with torch.device("meta"), no_init_weights():
        return build().eval().requires_grad_(False)


def _empty(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device="meta")


def _language(language_model: Any, image_tokens: int, prompt_tokens: int) -> dict[str, Any]:
    """`prompt`, `token` and `sequence_token` of a LLaMA on the meta device."""
    from transformers import DynamicCache

    width, length = language_model.config.hidden_size, image_tokens + prompt_tokens
    head = _flops(lambda: language_model.lm_head(_empty(1, 1, width)))
    mask = _empty(1, 1, length, length)  # given, so that none is made
    body = _flops(lambda: language_model.model(inputs_embeds=_empty(1, length, width), attention_mask=mask))
    cache = DynamicCache()
    language_model.model(
        inputs_embeds=_empty(1, length, width), attention_mask=mask, past_key_values=cache, use_cache=True
    )
    step = _flops(
        lambda: language_model.model(
            inputs_embeds=_empty(1, 1, width),
            attention_mask=_empty(1, 1, 1, length + 1),
            past_key_values=cache,
            use_cache=True,
        )
    )
    return {
        "image_tokens": image_tokens,
        "prompt_tokens": prompt_tokens,
        "prompt": body + head,
        "token": step + head,
        "sequence_token": body / length + head,
    }


def _decoder(run: Callable[[int], Any]) -> tuple[int, int]:
    """(shared, per target) of what `run` does with a number of targets."""
    one, two = _flops(lambda: run(1)), _flops(lambda: run(2))
    return 2 * one - two, two - one


# -- PixelLM -----------------------------------------------------------------------


def _pixellm(config: PixelLMConfig, name: str, prompt_tokens: int) -> ModelCost:
    from segue.modeling.pixellm import PixelLMModel

    model = _on_meta(lambda: PixelLMModel(config))
    side = config.image_size
    cells = torch.empty(1, config.grid, config.grid, dtype=torch.bool, device="meta")
    seen = model.vision(_empty(1, 3, side, side), cells)
    features = model.features_from_clip(seen, cells)
    index = torch.empty(1, dtype=torch.long, device="meta")

    def targets(count: int) -> None:
        states = _empty(count, config.scales * config.tokens_per_scale, config.text_config.hidden_size)
        model.decode_masks(features, index.expand(count), states)

    shared, target = _decoder(targets)
    return ModelCost(
        name=name,
        vision={
            f"CLIP at {side} pixels": _flops(lambda: model.vision(_empty(1, 3, side, side), cells)),
            "projectors, neck, upsampling": _flops(lambda: model.features_from_clip(seen, cells)),
        },
        group=config.scales * config.tokens_per_scale,
        decoder_shared=shared,
        decoder_target=target,
        **_language(model.language_model, config.image_token_side**2, prompt_tokens),
    )


def _published_pixellm(size: str) -> Callable[[str, int], ModelCost]:
    def count(name: str, prompt_tokens: int) -> ModelCost:
        from segue.modeling.pixellm_configuration import PixelLMConfig

        vocabulary = {"7B": 32009, "13B": 32008}[size]
        config = PixelLMConfig(
            vision_config=_clip(336),
            text_config=_llama(size, vocabulary),
            fusion="constant",
            scale_weights="constant",
        )
        return _pixellm(config, name, prompt_tokens)

    return count


def _clip(image_size: int) -> dict[str, Any]:
    """openai/clip-vit-large-patch14, at its native size."""
    return {
        "image_size": image_size,
        "patch_size": 14,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
    }


def _llama(size: str, vocabulary: int) -> dict[str, Any]:
    width, inner, layers, heads = {"7B": (4096, 11008, 32, 32), "13B": (5120, 13824, 40, 40)}[size]
    return {
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "vocab_size": vocabulary,
        "tie_word_embeddings": False,
    }


# -- LISA, GSVA --------------------------------------------------------------------


def _published_lisa(size: str) -> Callable[[str, int], ModelCost]:
    """LISA, and GSVA, which is LISA but for a row or two of the vocabulary."""

    def count(name: str, prompt_tokens: int) -> ModelCost:
        from transformers import SamConfig

        from segue.modeling.lisa import LisaModel
        from segue.modeling.lisa_configuration import LisaConfig

        sam = SamConfig(vision_config=_SAM_H)
        config = LisaConfig(clip_config=_clip(224), text_config=_llama(size, 32004), sam_config=sam)
        model = _on_meta(lambda: LisaModel(config))
        clip, picture = _empty(1, 3, 224, 224), _empty(1, 3, 1024, 1024)
        seen = model.sam.encode_images(picture)
        index = torch.empty(1, dtype=torch.long, device="meta")
        projection = _flops(lambda: model.text_hidden_fcs(_empty(1, config.text_config.hidden_size)))
        shared, target = _decoder(
            lambda k: model.sam.decode_masks(seen, index.expand(k), _empty(k, seen.shape[1]))
        )
        return ModelCost(
            name=name,
            vision={
                "SAM at 1024 pixels": _flops(lambda: model.sam.encode_images(picture)),
                "CLIP at 224 pixels, projector": _flops(lambda: model.encode_for_language(clip)),
            },
            group=1,
            decoder_shared=shared,
            decoder_target=target + projection,
            **_language(model.language_model, config.num_image_tokens, prompt_tokens),
        )

    return count


_SAM_H: dict[str, Any] = {
    "hidden_size": 1280,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "mlp_dim": 5120,
    "global_attn_indexes": [7, 15, 23, 31],
}
"""facebook/sam-vit-huge, whose picture of 1024 pixels and windows of 14 cells are the defaults."""


# -- segue/mini --------------------------------------------------------------------


def _grounded(config: GroundedConfig, name: str, prompt_tokens: int) -> ModelCost:
    from segue.modeling.grounded import GroundedModel

    model = _on_meta(lambda: GroundedModel(config))
    side, mask = config.vision_config.image_size, config.mask_token_config
    pixels = _empty(1, 3, side, side)
    encoder = _flops(lambda: model.vision(pixels))
    features = model.encode_images(pixels)
    index = torch.empty(1, dtype=torch.long, device="meta")

    def targets(count: int) -> None:
        states = _empty(count, mask.scales * mask.tokens_per_scale, config.text_config.hidden_size)
        model.decode_masks(features, index.expand(count), states)

    shared, target = _decoder(targets)
    return ModelCost(
        name=name,
        vision={
            f"vision encoder at {side} pixels": encoder,
            "projector, necks, upsampling": _flops(lambda: model.encode_images(pixels)) - encoder,
        },
        group=mask.scales * mask.tokens_per_scale,
        decoder_shared=shared,
        decoder_target=target,
        **_language(model.language_model, features.tokens.shape[1], prompt_tokens),
    )


def _mini(name: str, prompt_tokens: int) -> ModelCost:
    from segue.modeling.configuration import GroundedConfig
    from segue.training.recipe import load_recipe

    return _grounded(GroundedConfig(**load_recipe("mini").model), name, prompt_tokens)


def _of_folder(folder: Path, prompt_tokens: int) -> ModelCost:
    from segue.checkpoints.shards import read_json
    from segue.modeling.configuration import GroundedConfig
    from segue.modeling.pixellm_configuration import PixelLMConfig

    raw = read_json(folder / "config.json")
    if raw.get("model_type") == GroundedConfig.model_type:
        return _grounded(GroundedConfig.from_dict(raw), str(folder), prompt_tokens)
    if raw.get("model_type") == PixelLMConfig.model_type:
        return _pixellm(PixelLMConfig.from_dict(raw), str(folder), prompt_tokens)
    raise SegueError(f"{folder}: costs are counted for segue's own folders and for {', '.join(MODELS)}")


MODELS: dict[str, Callable[[str, int], ModelCost]] = {
    "segue/mini": _mini,
    "PixelLM-7B": _published_pixellm("7B"),
    "PixelLM-13B": _published_pixellm("13B"),
    "LISA-7B": _published_lisa("7B"),
    "LISA-13B": _published_lisa("13B"),
    "GSVA-7B": _published_lisa("7B"),
    "GSVA-13B": _published_lisa("13B"),
}
"""Models by name whose sizes are known."""
