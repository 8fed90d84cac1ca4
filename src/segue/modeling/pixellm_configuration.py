"""The configuration of PixelLM, with a named choice wherever the paper and the released code differ."""

from __future__ import annotations

from typing import Any

from transformers import CLIPVisionConfig, LlamaConfig, PreTrainedConfig

__all__ = ["PixelLMConfig"]

CHOICES = {
    "fusion": ("learned", "constant"),
    "scale_weights": ("learned", "constant"),
    "refinement": ("weight_map", "additive", "off"),
}


class PixelLMConfig(PreTrainedConfig):
    """CLIP, a LLaMA, a codebook of scales x tokens_per_scale mask tokens, and a light pixel decoder.

    The defaults are the paper's method at the sizes of PixelLM-7B's decoder; a published checkpoint is read
    with `fusion`, `scale_weights` "constant" and `refinement` "off", which is what its code ran with.

    Attributes:
        vision_config: CLIP's at its native size; the weights' position table is resized on the way.
        text_config: LLaMA's, with the added tokens in its vocabulary.
        image_size: side of the square input in pixels.
        image_mean, image_std: on the 0-255 scale, RGB. SAM's, not CLIP's.
        feature_layers: hidden states of CLIP handed to the decoder, one for each scale, deepest first. The
            first is also what the language model sees.
        image_token_side: the language model sees the features shrunk to so many cells a side.
        tokens_per_scale: N; L is the number of `feature_layers`.
        decoder_width, decoder_depth, decoder_heads, decoder_mlp: of the pixel decoder.
        fusion: "learned" (paper: a linear layer over the N tokens of a scale) or "constant" (released code:
            their sum times 1 / (N L)).
        scale_weights: "learned" (paper: gamma, positive with sum 1) or "constant" (released code: 1 / L).
        refinement: of the training loss: "weight_map" (paper: BCE times `refinement_alpha` where targets of
            an answer overlap), "additive" (released function: the BCE of these pixels once more), or "off"
            (released training: the call is commented out).
        use_image_marks: `<im_start>` and `<im_end>` stand around the picture.
        template: name of the prompt template (`segue.conversation`).
        image_token_id: placeholder in input ids; no id of the vocabulary.
        max_question_tokens: longer questions are refused.
    """

    model_type = "segue_pixellm"
    sub_configs = {  # noqa: RUF012  (transformers reads this class attribute)
        "vision_config": CLIPVisionConfig,
        "text_config": LlamaConfig,
    }

    vision_config: Any = None
    text_config: Any = None
    image_size: int = 448
    image_mean: tuple = (123.675, 116.28, 103.53)
    image_std: tuple = (58.395, 57.12, 57.375)
    feature_layers: tuple = (-2, -11)
    image_token_side: int = 16
    tokens_per_scale: int = 3
    decoder_width: int = 256
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    fusion: str = "learned"
    scale_weights: str = "learned"
    refinement: str = "weight_map"
    refinement_alpha: float = 2.0
    use_image_marks: bool = True
    template: str = "llava_v1"
    image_token_id: int = -200
    max_question_tokens: int = 512
    display_name: str = "PixelLM"

    def __post_init__(self, **kwargs: Any) -> None:
        for name, section in self.sub_configs.items():
            value = getattr(self, name)
            if value is None or isinstance(value, dict):
                setattr(self, name, section(**(value or {})))
        self.feature_layers = tuple(self.feature_layers)
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; it can be {', '.join(known)}")
        if not self.feature_layers or self.tokens_per_scale < 1:
            raise ValueError("a codebook needs one scale (feature_layers) and one token a scale at least")
        super().__post_init__(**kwargs)

    @property
    def scales(self) -> int:
        """L."""
        return len(self.feature_layers)

    @property
    def grid(self) -> int:
        """CLIP's cells a side."""
        return self.image_size // self.vision_config.patch_size
