"""LISA: Reasoning Segmentation via Large Language Model (CVPR 2024), and the body of GSVA.

    x_img --CLIP--> patch features --projector--> image tokens --+
    x_txt -------------------------------------> text tokens ----+--LLaMA (F)--> y_txt, states
    h~_seg = the state that predicts [SEG];   h_seg = gamma(h~_seg)                          (eq. 1)
    f = F_enc(x_img);   M^ = F_dec(h_seg, f)                                                 (eq. 2)
    L = lambda_txt L_txt + lambda_bce BCE(M^, M) + lambda_dice DICE(M^, M)                   (eq. 3, 4)

gamma is `text_hidden_fcs`, F_enc and F_dec are SAM's. Where a paper says "the last-layer embedding of [SEG]",
the released code takes the final-norm state one position before it, the one that *predicts* `[SEG]` (its
authors say so in issue 71); published weights need that.

Sequences hold `IMAGE_PLACEHOLDER_ID` once for every image token (`segue.lisa_processing` writes them so).
Letters: B rows, I images, T tokens, S image tokens of one picture, H language model width, K targets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import LlamaForCausalLM, PreTrainedModel

from segue.errors import CheckpointError
from segue.modeling.clip_tower import ClipTower
from segue.modeling.lisa_configuration import LisaConfig
from segue.modeling.packing import packed_scores
from segue.modeling.placeholders import fill_placeholders
from segue.modeling.sam import Sam

__all__ = ["IMAGE_PLACEHOLDER_ID", "LisaFeatures", "LisaModel", "LisaPixels", "make_projector"]

IMAGE_PLACEHOLDER_ID = -200
"""Stands in `input_ids` where an image token's embedding goes; LLaVA's sentinel, not in the vocabulary."""


class LisaPixels(NamedTuple):
    """I pictures twice: centre-cropped for CLIP, (I, 3, c, c), and whole and padded for SAM, (I, 3, s, s);
    both normalised."""

    clip: Tensor
    sam: Tensor

    def to(self, *args: Any, **kwargs: Any) -> LisaPixels:
        """Both on a device, or in a dtype."""
        return LisaPixels(self.clip.to(*args, **kwargs), self.sam.to(*args, **kwargs))


@dataclass(frozen=True)
class LisaFeatures:
    """Everything that later steps need of I encoded images.

    Attributes:
        tokens: (I, S, H) embeddings for the language model.
        sam: (I, C, h, w), SAM's image embedding f.
    """

    tokens: Tensor
    sam: Tensor

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, number: int) -> LisaFeatures:
        """One image's own features, as a batch of one."""
        return LisaFeatures(self.tokens[number : number + 1], self.sam[number : number + 1])

    @classmethod
    def join(cls, features: Sequence[LisaFeatures]) -> LisaFeatures:
        """Several as one batch."""
        if len(features) == 1:
            return features[0]
        return cls(torch.cat([f.tokens for f in features]), torch.cat([f.sam for f in features]))


class LisaModel(PreTrainedModel):
    """See the module's text. Made by `LisaModel(config)` or `segue.load`."""

    config_class = LisaConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _supports_sdpa = True
    region_encoder = None
    word_lookup = None
    thing_reader = None
    point_head = None

    def __init__(self, config: LisaConfig):
        super().__init__(config)
        clip, text, sam = config.clip_config, config.text_config, config.sam_config
        self.vision_tower = ClipTower(clip, feature_layers=[config.vision_select_layer])
        self.projector = make_projector(config.projector, clip.hidden_size, text.hidden_size)
        self.language_model = LlamaForCausalLM(text)
        self.text_hidden_fcs = nn.Sequential(
            nn.Linear(text.hidden_size, text.hidden_size),
            nn.ReLU(),
            nn.Linear(text.hidden_size, sam.mask_decoder_config.hidden_size),
        )
        self.sam = Sam(sam)
        self.post_init()

    def encode_images(self, pixels: LisaPixels) -> LisaFeatures:
        """Both views of I pictures -> features, computed once per picture."""
        pixels = pixels.to(self.dtype)
        return LisaFeatures(self.encode_for_language(pixels.clip), self.sam.encode_images(pixels.sam))

    def encode_for_language(self, clip_pixels: Tensor) -> Tensor:
        """(I, 3, c, c) -> image tokens (I, S, H): CLIP's selected layer without class token, projected."""
        return self.projector(self.clip_features(clip_pixels))

    def clip_features(self, clip_pixels: Tensor) -> Tensor:
        """(I, S, CLIP's width) of the selected layer, before CLIP's last norm."""
        (features_ICgg,) = self.vision_tower(clip_pixels)
        return features_ICgg.flatten(2).transpose(1, 2)

    def embed(
        self, input_ids: Tensor, image_tokens: Tensor | None = None, regions: Tensor | None = None
    ) -> Tensor:
        """Token embeddings (B, T, H) with image tokens in place of their placeholders.

        Args:
            input_ids: (B, T).
            image_tokens: (R, S, H), one for each row that holds a picture, in order.
            regions: this family takes none.

        Raises:
            ValueError: placeholders and features differ in number.
        """
        assert regions is None, "LISA has no region input"
        slots = input_ids == IMAGE_PLACEHOLDER_ID
        embeddings = self.language_model.get_input_embeddings()(input_ids.masked_fill(slots, 0))
        return fill_placeholders(embeddings, slots, image_tokens, name="image tokens")

    def forward(
        self,
        input_ids: Tensor,
        image_tokens: Tensor | None = None,
        regions: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """Final-norm states of the language model, (B, T, H), over whole sequences.

        Args:
            input_ids, image_tokens, regions: as in `embed`.
            attention_mask: (B, T) True where a token counts, padding to the right; default: all count.
            position_ids: (B, T); default 0..T-1.
            segment_ids: (B, T) in place of `attention_mask`, for several dialogues packed behind one image
                prefix (`segue.modeling.packing`).
        """
        embeddings = self.embed(input_ids, image_tokens, regions)
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        if segment_ids is not None:
            attention_mask = packed_scores(segment_ids, embeddings.dtype)
        return self.language_model.model(
            inputs_embeds=embeddings,
            attention_mask=attention_mask,
            position_ids=position_ids,
            use_cache=False,
        ).last_hidden_state

    def lm_head(self, states: Tensor) -> Tensor:
        """(..., H) -> (..., vocabulary) logits; call it on the positions that need them only."""
        return self.language_model.lm_head(states)

    def decode_masks(
        self, features: LisaFeatures, image_index: Tensor, states: Tensor, answers: Tensor | None = None
    ) -> Tensor:
        """Mask logits (K, h, w), float32, over SAM's padded input (low resolution; upsample once, last).

        Args:
            features: of I images.
            image_index: (K,) which image each target is in.
            states: (K, 1, H) h~_seg, the states that predict `[SEG]`.
            answers: as in `GroundedModel.decode_masks`; here no target knows of another.
        """
        h_seg = self.text_hidden_fcs(states[:, 0])
        return self.sam.decode_masks(features.sam, image_index, h_seg)[0].float()


def make_projector(kind: str, clip_width: int, text_width: int) -> nn.Module:
    """LLaVA's projector by its configuration name."""
    if kind == "linear":
        return nn.Linear(clip_width, text_width)
    if kind == "identity":
        return nn.Identity()
    if match := re.fullmatch(r"mlp(\d+)x_gelu", kind):
        layers: list[nn.Module] = [nn.Linear(clip_width, text_width)]
        for _ in range(int(match.group(1)) - 1):
            layers += [nn.GELU(), nn.Linear(text_width, text_width)]
        return nn.Sequential(*layers)
    raise CheckpointError(f"projector {kind!r} is not known; there are linear, identity and mlpNx_gelu")
