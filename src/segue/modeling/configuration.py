"""The configuration of a grounded model: one section for each part of the composition.

Plain `PreTrainedConfig`s, so that `save_pretrained`, `from_pretrained` and the hub's tools work on them.
"""

from __future__ import annotations

from typing import Any

from transformers import LlamaConfig, PreTrainedConfig

__all__ = ["GroundedConfig", "MaskTokenConfig", "PixelDecoderConfig", "VisionConfig"]


class VisionConfig(PreTrainedConfig):
    """A vision transformer on a convolutional stem.

    Attributes:
        image_size: side of the square input in pixels; any multiple of 16 works at run time.
        image_mean, image_std: normalisation on the 0-255 scale, RGB (SAM's and PixelLM's statistics).
        stem_widths: channels after each stride-2 stage of the stem; four stages give stride 16.
        stem_depths: residual blocks after each of these stages.
        hidden_size, num_layers, num_heads, mlp_ratio: of the transformer.
        feature_layers: block outputs handed to the pixel decoder, deepest first (1-based); one per mask
        scale.
    """

    model_type = "segue_vision"
    base_config_key = "vision_config"

    image_size: int = 192
    image_mean: tuple = (123.675, 116.28, 103.53)
    image_std: tuple = (58.395, 57.12, 57.375)
    stem_widths: tuple = (32, 64, 128, 256)
    stem_depths: tuple = (0, 1, 2, 0)
    hidden_size: int = 256
    num_layers: int = 6
    num_heads: int = 8
    mlp_ratio: float = 4.0
    feature_layers: tuple = (6, 3)


class PixelDecoderConfig(PreTrainedConfig):
    """The light attention pixel decoder (PixelLM, section 3.2 of the paper).

    Attributes:
        hidden_size: decoder width, the width of projected mask tokens too.
        depth, num_heads, mlp_dim: of the two-way transformer of each scale.
        fusion: "learned" (paper: linear over the N concatenated tokens) or "constant" (released code:
            their sum times 1 / (N L)).
        edges: masks get their outlines from the stem's stride-4 and stride-2 maps, as in SAM 2's decoder;
            without, the finest is twice the last scale's map.
        scale_weights: "learned" (paper: gamma, positive with sum 1) or "constant" (released code: 1 / L).
    """

    model_type = "segue_pixel_decoder"
    base_config_key = "decoder_config"

    hidden_size: int = 128
    depth: int = 2
    num_heads: int = 8
    mlp_dim: int = 512
    fusion: str = "learned"
    scale_weights: str = "learned"
    edges: bool = False


class MaskTokenConfig(PreTrainedConfig):
    """Which mask tokens the model speaks (see `segue.mask_tokens`): L, N, `[REJ]`, phrase marks.

    `scales` is the number of the encoder's `feature_layers`, or 1: then its tokens (with N = 1, LISA's one
    `[SEG]`) speak to every scale of the decoder.
    """

    model_type = "segue_mask_tokens"
    base_config_key = "mask_token_config"

    scales: int = 2
    tokens_per_scale: int = 2
    reject: bool = True
    phrase_marks: bool = True


class GroundedConfig(PreTrainedConfig):
    """Vision encoder, language model, mask vocabulary and pixel decoder joined.

    Attributes:
        text_config: the language model (LLaMA).
        image_token_id, region_token_id: placeholders in `input_ids` that image and region embeddings replace.
        answer_token_id: begins an answer in `input_ids`.
        template: name of the prompt template (`segue.conversation`).
        lowercase: the language model reads and writes lower case; answers are shown in sentence case.
        points_per_word: 1 (PixelLLM's paper: one point) or 2 (its released code: two corners, the word's
        extent). max_question_tokens: longer questions are refused.
        word_lookup: whether the words behind a picture are told what of the picture looks like them
            (`segue.modeling.word_lookup`).
        place_reader: whether the location MLP is told where in the picture a word's state looks
            (`segue.modeling.place_reader.PlaceReader`).
        mask_reader: whether the pixel decoder is told where in the picture the states of a target look
            (`segue.modeling.place_reader.CellAttention`).
        thing_claims: whether the targets of an answer share out the things that they look at, no two the same
            (`segue.modeling.thing_claims`); needs the mask reader.
        thing_reader: whether a state is told which things of the picture it is about before the next word is
            chosen (`segue.modeling.thing_reader`).
    """

    model_type = "segue_grounded"
    sub_configs = {  # noqa: RUF012  (transformers reads this class attribute)
        "vision_config": VisionConfig,
        "text_config": LlamaConfig,
        "decoder_config": PixelDecoderConfig,
        "mask_token_config": MaskTokenConfig,
    }

    vision_config: Any = None
    text_config: Any = None
    decoder_config: Any = None
    mask_token_config: Any = None
    image_token_id: int = 3
    region_token_id: int = 4
    answer_token_id: int = 6
    template: str = "mini"
    lowercase: bool = True
    points_per_word: int = 1
    max_question_tokens: int = 128
    word_lookup: bool = False
    place_reader: bool = False
    mask_reader: bool = False
    thing_claims: bool = False
    thing_reader: bool = False
    display_name: str = "segue/mini"

    def __post_init__(self, **kwargs: Any) -> None:
        for name, section in self.sub_configs.items():
            value = getattr(self, name)
            if value is None or isinstance(value, dict):
                setattr(self, name, section(**(value or {})))
        super().__post_init__(**kwargs)
