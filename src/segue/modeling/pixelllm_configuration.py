"""The configuration of a PixelLLM: a section for each part, the published sizes as defaults.

Where the paper and the released code differ there is a named choice, and the released behaviour is the
default: `extractor_config.num_layers` (released 6, paper 2), `points_per_word` (2 corners / 1 point),
`word_state` ("after" / "before" the word), `box_state` ("before_end" / "end"), `lora_attention`
("self_and_cross" / "self"), `referring_text` ("context_and_decoder" / "context") and `mask_adapter_config`
(present / None).
"""

from __future__ import annotations

from typing import Any, Literal

from transformers import PreTrainedConfig, SamVisionConfig, T5Config
from transformers.models.sam.configuration_sam import SamMaskDecoderConfig

from segue.modeling.configuration import VisionConfig

__all__ = [
    "CenterNetConfig",
    "Eva02Config",
    "MaskAdapterConfig",
    "PixelLLMConfig",
    "PrefixDecoderConfig",
    "PromptExtractorConfig",
]


class Eva02Config(PreTrainedConfig):
    """EVA-02 (large by default).

    Attributes:
        image_size: side of the input it is given.
        pretrain_image_size: the side its position table was trained for.
        attention_norm: a norm inside the attention too; EVA-CLIP's public large weights have one, the
            released PixelLLM has none.
        rope_reference_grid: squeeze rotary positions to a grid of so many cells (EVA-02's own recipe);
            None counts cells as they are (released PixelLLM).
    """

    model_type = "segue_eva02"
    base_config_key = "eva_config"

    image_size: int = 384
    pretrain_image_size: int = 224
    patch_size: int = 14
    hidden_size: int = 1024
    num_layers: int = 24
    num_heads: int = 16
    swiglu_hidden: int = 2730
    layer_norm_eps: float = 1e-6
    ffn_layer_norm_eps: float = 1e-5
    final_layer_norm: bool = True
    attention_norm: bool = False
    rope_theta: float = 10000.0
    rope_reference_grid: int | None = None
    drop_path_rate: float = 0.1
    pixel_mean: tuple | list = (122.7709383, 116.7460125, 104.09373615)
    pixel_std: tuple | list = (68.5005327, 66.6321579, 70.32316305)


class PromptExtractorConfig(PreTrainedConfig):
    """The prompt feature extractor: learned tokens read the picture under a prompt."""

    model_type = "segue_prompt_extractor"
    base_config_key = "extractor_config"

    num_layers: int = 6
    hidden_size: int = 512
    num_heads: int = 8
    mlp_size: int = 2048
    num_output_tokens: int = 32
    output_size: int = 1024


class PrefixDecoderConfig(PreTrainedConfig):
    """The BERT-style decoder: one stack over picture, context and text (GIT's and GRiT's text head)."""

    model_type = "segue_prefix_decoder"
    base_config_key = "text_config"

    vocab_size: int = 30522
    hidden_size: int = 768
    num_heads: int = 12
    num_layers: int = 6
    ffn_ratio: int = 4
    max_positions: int = 1024
    dropout: float = 0.1
    embedding_layer_norm_eps: float = 1e-8
    projection_layer_norm_eps: float = 1e-5
    attention_layer_norm_eps: float = 1e-5
    ffn_layer_norm_eps: float = 1e-12


class MaskAdapterConfig(PreTrainedConfig):
    """What lets the words correct the box prompt of the mask decoder (released code only)."""

    model_type = "segue_mask_adapter"
    base_config_key = "mask_adapter_config"

    hidden_size: int = 256
    num_outputs: int = 2
    num_layers: int = 2
    num_heads: int = 8
    mlp_size: int = 2048
    gated: bool = True
    layer_norm_eps: float = 1e-6


class CenterNetConfig(PreTrainedConfig):
    """The proposal head: simple feature pyramid, class-agnostic CenterNet, one RoI stage.

    Strides are nominal (one cell of the fused map is taken as 16 pixels, though it is 384/27): the released
    network has learned that. `level_ranges` are over half the square root of w^2 + h^2. The `train_` numbers
    hold in training.
    """

    model_type = "segue_centernet"
    base_config_key = "detector_config"

    pyramid_inner_dim: int = 768
    pyramid_channels: int = 256
    tower_layers: int = 4
    group_norm_groups: int = 32
    strides: tuple | list = (8, 16, 32, 64, 128)
    pre_nms_topk: int = 1000
    post_nms_topk: int = 256
    train_pre_nms_topk: int = 2000
    train_post_nms_topk: int = 1000
    proposal_nms_iou: float = 0.9
    roi_size: int = 7
    roi_sampling_ratio: int = 2
    roi_fc: tuple | list = (1024, 1024)
    roi_box_weights: tuple | list = (10, 10, 5, 5)
    roi_match_iou: float = 0.6
    roi_samples_per_image: int = 512
    roi_positive_fraction: float = 0.25
    roi_score_threshold: float = 0.05
    roi_nms_iou: float = 0.5
    num_detections: int = 100
    level_ranges: tuple | list = ((0, 40), (32, 80), (64, 160), (128, 320), (256, 50000))
    heatmap_weight: float = 0.5
    box_regression_weight: float = 1.0
    heatmap_min_overlap: float = 0.8
    heatmap_min_radius: float = 4
    focal_alpha: float = 0.25
    focal_beta: float = 4
    focal_gamma: float = 2
    sigmoid_eps: float = 1e-4
    caption_match_iou: float = 0.6
    num_caption_proposals: int = 32
    rescore_with_captions: bool = False


class PixelLLMConfig(PreTrainedConfig):
    """Two image encoders, prompt extractor, language model, location head, mask decoder, proposal head.

    Attributes:
        image_size: side of the padded square that pictures are put on.
        text_config: a `T5Config`, or a `PrefixDecoderConfig` for the BERT-style decoder.
        lora_rank: 0 leaves LoRA out (T5 only). lora_scale: multiplies the update directly.
        mask_by_next_token: the released T5 decoder masks a position by the token after it (see `captioners`);
            False for causal attention alone, which `box_state="end"` needs to be of use.
        detector_config, mask_adapter_config, mask_decoder_config: None leaves the part out.
        tower_config: a `VisionConfig`: segue/mini's encoder stands in place of both, `eva_config` is not
            read, and of SAM there is the neck, which reads that map (`pixelllm_vision.OwnVision`); for small
            models.
        word_alignment: how training finds the place of a token: by its share of the text ("order", as
            released), or by the characters of the word that it stands in.
        mask_boxes: what prompts the masks in training: the model's own boxes, as released, or the labelled
            ones, from which a mask decoder without weights can begin.
        trace_prompt, region_prompt, locate_prompt: what stands before a caption, a region's, an expression.
    """

    model_type = "segue_pixelllm"
    sub_configs = {  # noqa: RUF012  (transformers reads this class attribute)
        "eva_config": Eva02Config,
        "tower_config": VisionConfig,
        "sam_config": SamVisionConfig,
        "extractor_config": PromptExtractorConfig,
        "mask_decoder_config": SamMaskDecoderConfig,
        "mask_adapter_config": MaskAdapterConfig,
        "detector_config": CenterNetConfig,
    }

    image_size: int = 384
    eva_config: Any = None
    tower_config: Any = None
    sam_config: Any = None
    sam_pixel_mean: tuple | list = (123.675, 116.28, 103.53)
    sam_pixel_std: tuple | list = (58.395, 57.12, 57.375)
    prompt_size: int = 256
    extractor_config: Any = None
    visual_projection_eps: float = 1e-5
    text_config: Any = None
    lora_rank: int = 32
    lora_scale: float = 2.0
    lora_attention: Literal["self_and_cross", "self"] = "self_and_cross"
    mask_by_next_token: bool = True
    point_hidden_size: int = 512
    point_num_layers: int = 4
    points_per_word: int = 2
    values_per_point: int = 4
    word_state: Literal["after", "before"] = "after"
    box_state: Literal["before_end", "end"] = "before_end"
    referring_text: Literal["context_and_decoder", "context"] = "context_and_decoder"
    mask_decoder_config: Any = None
    mask_adapter_config: Any = None
    detector_config: Any = None
    word_alignment: Literal["order", "characters"] = "order"
    mask_boxes: Literal["predicted", "labelled"] = "predicted"
    pad_token_id: int = 0
    bos_token_id: int = 0
    eos_token_id: int = 1
    max_text_length: int = 40
    max_context_length: int = 8
    beam_alpha: float = 0.6
    beam_per_node: int = 2
    text_loss_weight: float = 1.0
    point_loss_weight: float = 0.1
    detection_loss_weight: float = 1.0
    mask_loss_weight: float = 1.0
    label_smoothing: float = 0.1
    focal_loss_weight: float = 20.0
    dice_loss_weight: float = 1.0
    iou_loss_weight: float = 1.0
    trace_prompt: str = "A long image caption: "
    region_prompt: str = "an object of "
    locate_prompt: str = "where is {expression}"
    lowercase: bool = False
    display_name: str = "PixelLLM"

    def __post_init__(self, **kwargs: Any) -> None:
        optional = ("tower_config", "mask_decoder_config", "mask_adapter_config", "detector_config")
        for name, section in self.sub_configs.items():
            value = getattr(self, name)
            if isinstance(value, dict) or (value is None and name not in optional):
                setattr(self, name, section(**(value or {})))
        if not isinstance(self.text_config, PreTrainedConfig):
            given = dict(self.text_config or {})
            kind = given.get("model_type", T5Config.model_type)
            section = PrefixDecoderConfig if kind == PrefixDecoderConfig.model_type else T5Config
            self.text_config = section(**given)
        super().__post_init__(**kwargs)
