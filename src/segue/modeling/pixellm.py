"""PixelLM: masks from a codebook and CLIP's features, without a segmentation model beside it (CVPR 2024).

    pixels --CLIP--> features of L depths --+-- deepest, shrunk --projector--> image tokens
                                            +-- feature projector, neck, upsampling --> decoder maps
    image tokens, text --LLaMA--> states
    states that predict a group's L x N tokens --mask projection, fusion--> L tokens --decoder--> a mask

The picture's longer side fills the input, the rest is zeros after normalisation. Padding is hidden inside
CLIP and among the image tokens. A token's vector is the state that predicts it, one place before it.
Image features are a value that the caller holds; the model keeps nothing between calls.

Letters: Q conversations, I images, T places, S image tokens of a picture, H language model width, K targets,
L scales, N tokens of a scale, D decoder width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import LlamaForCausalLM, PreTrainedModel

from segue.modeling.clip_tower import ClipTower, shrink_valid, valid_cells
from segue.modeling.packing import additive_mask, packed_scores
from segue.modeling.pixel_decoder import TokenFusion
from segue.modeling.pixellm_configuration import PixelLMConfig
from segue.modeling.pixellm_decoder import PixelLMDecoder
from segue.modeling.placeholders import fill_placeholders

__all__ = ["PixelLMFeatures", "PixelLMModel", "PixelLMPixels"]


class PixelLMPixels(NamedTuple):
    """I pictures as the model takes them.

    `values`: (I, 3, S, S) RGB on the 0-255 scale, uint8 or float, padded at the right and below.
    `valid`: (I, 2) int64, height and width of the picture in it.
    """

    values: Tensor
    valid: Tensor

    def to(self, *args: Any, **kwargs: Any) -> PixelLMPixels:
        """Both on a device."""
        return PixelLMPixels(self.values.to(*args, **kwargs), self.valid.to(*args, **kwargs))


@dataclass(frozen=True)
class PixelLMFeatures:
    """Everything that later steps need of I encoded images.

    Attributes:
        tokens: (I, S, H) embeddings for the language model.
        token_mask: (I, S) bool, False at image tokens that only show padding.
        maps: the pixel decoder's maps, one (I, D, h_l, w_l) for each scale.
    """

    tokens: Tensor
    token_mask: Tensor
    maps: tuple[Tensor, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    def __getitem__(self, number: int) -> PixelLMFeatures:
        """One image's own features, as a batch of one."""
        one = slice(number, number + 1)
        return PixelLMFeatures(self.tokens[one], self.token_mask[one], tuple(m[one] for m in self.maps))

    @classmethod
    def join(cls, features: Sequence[PixelLMFeatures]) -> PixelLMFeatures:
        """Several as one batch."""
        if len(features) == 1:
            return features[0]
        return cls(
            torch.cat([f.tokens for f in features]),
            torch.cat([f.token_mask for f in features]),
            tuple(torch.cat(m) for m in zip(*(f.maps for f in features), strict=True)),
        )


class PixelLMModel(PreTrainedModel):
    """See the module's text."""

    config_class = PixelLMConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _supports_sdpa = True
    region_encoder = None
    word_lookup = None
    thing_reader = None
    point_head = None

    def __init__(self, config: PixelLMConfig):
        super().__init__(config)
        C, H, D = config.vision_config.hidden_size, config.text_config.hidden_size, config.decoder_width
        self.vision = ClipTower(config.vision_config, feature_layers=config.feature_layers)
        self.projector = _projector(C, H)
        self.feature_projector = _projector(C, H)
        self.language_model = LlamaForCausalLM(config.text_config)
        self.mask_projection = nn.Sequential(nn.Linear(H, H), nn.ReLU(), nn.Linear(H, D))
        self.fusion = TokenFusion(
            D, scales=config.scales, tokens_per_scale=config.tokens_per_scale, mode=config.fusion
        )
        self.pixel_decoder = PixelLMDecoder(config, feature_width=H)
        self.post_init()

    # -- pictures ----------------------------------------------------------------

    def encode_images(self, pixels: PixelLMPixels) -> PixelLMFeatures:
        """Features, computed once per picture."""
        cells = valid_cells(pixels.valid, self.config.image_size, self.config.grid)
        features = self.vision(self.normalise(pixels).to(self.dtype), cells)
        return self.features_from_clip(features, cells)

    def normalise(self, pixels: PixelLMPixels) -> Tensor:
        """(I, 3, S, S), float32; the padding is zero after that."""
        values, valid = pixels
        mean, std = (
            torch.tensor(numbers, device=values.device).view(1, 3, 1, 1)
            for numbers in (self.config.image_mean, self.config.image_std)
        )
        inside = valid_cells(valid, values.shape[-1], values.shape[-1])
        return ((values - mean) / std) * inside[:, None]

    def features_from_clip(self, features: tuple[Tensor, ...], cells: Tensor) -> PixelLMFeatures:
        """(I, C, g, g) maps of CLIP, deepest first, and (I, g, g) which cells count -> features."""
        side = self.config.image_token_side
        # In float32 as published: half-precision interpolation differs.
        shrunk = F.interpolate(features[0].float(), (side, side), mode="bilinear").to(features[0].dtype)
        projected = [
            self.feature_projector(feature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) for feature in features
        ]
        return PixelLMFeatures(
            tokens=self.projector(shrunk.flatten(2).transpose(1, 2)),
            token_mask=shrink_valid(cells, side).flatten(1),
            maps=self.pixel_decoder.prepare(tuple(projected)),
        )

    # -- language ----------------------------------------------------------------

    def embed(
        self, input_ids: Tensor, image_tokens: Tensor | None = None, regions: Tensor | None = None
    ) -> Tensor:
        """(Q, T) ids, a placeholder for every image token -> (Q, T, H) embeddings.

        Args:
            input_ids: with `image_token_id` at the image tokens' places.
            image_tokens: (Q, S, H), for rows that hold S placeholders each.
            regions: this family takes none.

        Raises:
            ValueError: placeholders and features differ in number.
        """
        assert regions is None, "PixelLM has no region input"
        slots = input_ids == self.config.image_token_id
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
        """Final-norm states of the language model, (Q, T, H), over whole sequences.

        Args:
            input_ids, image_tokens, regions: as in `embed`.
            attention_mask: (Q, T) bool, False where nobody may read: padding behind the text, and image
                tokens that show padding (`place_token_mask`); default: all may be read.
            position_ids: (Q, T); default 0..T-1.
            segment_ids: (Q, T), for several dialogues packed behind one image prefix
                (`segue.modeling.packing`); default: one causal segment.
        """
        embeddings = self.embed(input_ids, image_tokens, regions)
        if segment_ids is not None:
            return self.language_model.model(
                inputs_embeds=embeddings,
                attention_mask=packed_scores(segment_ids, embeddings.dtype, readable=attention_mask),
                position_ids=position_ids,
                use_cache=False,
            ).last_hidden_state
        T = input_ids.shape[1]
        allowed = torch.ones(T, T, dtype=torch.bool, device=input_ids.device).tril()[None, None]
        if attention_mask is not None:
            allowed = allowed & attention_mask.bool()[:, None, None, :]
        return self.language_model.model(
            inputs_embeds=embeddings,
            attention_mask=additive_mask(allowed, embeddings.dtype),
            position_ids=position_ids,
            use_cache=False,
        ).last_hidden_state

    def place_token_mask(self, input_ids: Tensor, token_mask: Tensor) -> Tensor:
        """(Q, T) bool: True, but at image tokens what (Q, S) `token_mask` says of them."""
        slots = input_ids == self.config.image_token_id
        return (~slots).masked_scatter(slots, token_mask)

    def lm_head(self, states: Tensor) -> Tensor:
        """(..., H) -> (..., vocabulary) logits; call it on the places that need them only."""
        return self.language_model.lm_head(states)

    # -- masks -------------------------------------------------------------------

    def project_states(self, states: Tensor) -> Tensor:
        """(K, L * N, H) states that predict a group's tokens -> (K, L, N, D), before fusion."""
        projected = self.mask_projection(states)
        return projected.unflatten(1, (self.config.scales, self.config.tokens_per_scale))

    def mask_tokens_from_states(self, states: Tensor) -> Tensor:
        """(K, L * N, H) states -> (K, L, D) fused tokens."""
        return self.fusion(self.project_states(states))

    def decode_masks(
        self, features: PixelLMFeatures, image_index: Tensor, states: Tensor, answers: Tensor | None = None
    ) -> Tensor:
        """Mask logits (K, h, w), float32, over the whole input (low resolution; upsample once, at the end).

        Args:
            features: of I images.
            image_index: (K,) which image each target is in.
            states: (K, L * N, H), as in `mask_tokens_from_states`.
            answers: as in `GroundedModel.decode_masks`; here no target knows of another.
        """
        return self.pixel_decoder(features.maps, image_index, self.mask_tokens_from_states(states))


def _projector(inputs: int, outputs: int) -> nn.Sequential:
    """As published, the hidden layer is twice as wide as the language model."""
    return nn.Sequential(nn.Linear(inputs, 2 * outputs), nn.GELU(), nn.Linear(2 * outputs, outputs))
