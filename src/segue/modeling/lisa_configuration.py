"""The configuration of LISA and of GSVA: CLIP, LLaMA and SAM joined, and what their processor must know.

A published checkpoint carries half of this (`segue.checkpoints.llava_layout` finds the rest); a converted one
carries all of it.
"""

from __future__ import annotations

from typing import Any

from transformers import CLIPVisionConfig, LlamaConfig, PreTrainedConfig, SamConfig

from segue.modeling.configuration import MaskTokenConfig

__all__ = ["GsvaConfig", "LisaConfig"]


class LisaConfig(PreTrainedConfig):
    """LISA: one `[SEG]`.

    Attributes:
        clip_config, text_config, sam_config: the three networks.
        mask_token_config: which mask tokens the model speaks.
        projector: "linear", "identity" or "mlpNx_gelu": CLIP's features to LLaMA's width.
        vision_select_layer: index into CLIP's hidden states, 0 the embeddings; -2 is the last but one block.
        clip_fit: "crop", as published: CLIP sees the centre square; "pad": all of the picture, at the top
            left of the square, as SAM does.
        clip_mean, clip_std, clip_resample: of CLIP's image processor, for pixels in 0..1.
        sam_mean, sam_std: for pixels in 0..255.
        use_image_marks: `<im_start>` and `<im_end>` stand around the picture.
        template: name of the prompt template (`segue.conversation`).
        new_tokens: tokens that the family adds, in its order.
        strip_added: white space around added tokens is taken away (`segue.llama_tokenizer`).
        max_question_tokens: longer questions are refused.
    """

    model_type = "segue_lisa"
    sub_configs = {  # noqa: RUF012  (transformers reads this class attribute)
        "clip_config": CLIPVisionConfig,
        "text_config": LlamaConfig,
        "sam_config": SamConfig,
        "mask_token_config": MaskTokenConfig,
    }

    clip_config: Any = None
    text_config: Any = None
    sam_config: Any = None
    mask_token_config: Any = None
    projector: str = "linear"
    vision_select_layer: int = -2
    clip_fit: str = "crop"
    clip_mean: tuple = (0.48145466, 0.4578275, 0.40821073)
    clip_std: tuple = (0.26862954, 0.26130258, 0.27577711)
    clip_resample: int = 3
    sam_mean: tuple = (123.675, 116.28, 103.53)
    sam_std: tuple = (58.395, 57.12, 57.375)
    use_image_marks: bool = True
    template: str = "llava_v1"
    new_tokens: tuple = ("[SEG]", "<im_start>", "<im_end>")
    strip_added: bool = True
    max_question_tokens: int = 1024

    def __post_init__(self, **kwargs: Any) -> None:
        for name, section in self.sub_configs.items():
            value = getattr(self, name)
            if value is None or isinstance(value, dict):
                default = {"scales": 1, "tokens_per_scale": 1, "reject": False, "phrase_marks": False}
                setattr(self, name, section(**(value or (default if section is MaskTokenConfig else {}))))
        super().__post_init__(**kwargs)

    @property
    def num_image_tokens(self) -> int:
        """How many places a picture takes in the language model."""
        return (self.clip_config.image_size // self.clip_config.patch_size) ** 2


class GsvaConfig(LisaConfig):
    """GSVA: many `[SEG]` with one shared weight, `[REJ]` for what is absent, the newer tokenizer's rule."""

    model_type = "segue_gsva"

    new_tokens: tuple = ("[SEG]", "[REJ]", "<im_start>", "<im_end>")
    strip_added: bool = False
