"""The grounded model: vision encoder, language model, mask vocabulary and pixel decoder, joined.

    pixels --vision--> features --projector--> image tokens --+
    question ---------------------------------> text tokens --+--language model--> states
    states that predict mask tokens --mask_projection, fusion--> one token a scale --pixel decoder--> masks
      --(mask_reader)--> where they look --(thing_claims)--> the things they claim --^
    states after words --(place_reader)--> point_head --> points
    states that predict words --(thing_reader)--> vocabulary --> words

segue/mini is this composition at small size: PixelLM's codebook and pixel decoder, GSVA's `[REJ]`,
PixelLLM's points. Image features are a value that the caller holds; the model keeps nothing between calls.

Letters: B rows, I images, T tokens, S image tokens of one picture, H language model width, K targets, L
scales, N tokens of a scale, W words.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import LlamaForCausalLM, PreTrainedModel
from transformers import initialization as init

from segue.modeling.configuration import GroundedConfig
from segue.modeling.pixel_decoder import PixelDecoder, TokenFusion
from segue.modeling.place_reader import CellAttention, PlaceReader, prior_of
from segue.modeling.placeholders import fill_placeholders
from segue.modeling.point_head import PointHead, RegionEncoder
from segue.modeling.silent_linear import SilentLinear
from segue.modeling.thing_claims import ThingClaims, likeness, spread
from segue.modeling.thing_reader import ThingReader
from segue.modeling.vision import VisionEncoder, VisionFeatures
from segue.modeling.word_lookup import WordLookup, times_said

__all__ = ["GroundedModel", "ImageFeatures", "packed_attention_mask"]


@dataclass(frozen=True)
class ImageFeatures:
    """Everything that later steps need of I encoded images.

    Attributes:
        tokens: (I, S, H) embeddings for the language model.
        maps: the pixel decoder's maps (`PixelDecoder.prepare`).
        vision: the encoder's own output.
    """

    tokens: Tensor
    maps: tuple[Tensor, ...]
    vision: VisionFeatures

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def finest(self) -> Tensor:
        """(I, D, h, w), the last scale's map."""
        return self.maps[len(self.vision.levels) - 1]

    def __getitem__(self, number: int) -> ImageFeatures:
        """One image's own features, as a batch of one."""
        one = slice(number, number + 1)
        maps = tuple(m[one] for m in self.maps)
        return ImageFeatures(self.tokens[one], maps, self.vision.map(lambda m: m[one]))

    @classmethod
    def join(cls, features: Sequence[ImageFeatures]) -> ImageFeatures:
        """Several as one batch; all must have the same input size."""
        if len(features) == 1:
            return features[0]
        vision = VisionFeatures(
            levels=tuple(
                torch.cat(level) for level in zip(*(f.vision.levels for f in features), strict=True)
            ),
            fine=torch.cat([f.vision.fine for f in features]),
            edges=(
                torch.cat([f.vision.edges[0] for f in features]),
                torch.cat([f.vision.edges[1] for f in features]),
            ),
        )
        maps = tuple(torch.cat(m) for m in zip(*(f.maps for f in features), strict=True))
        return cls(torch.cat([f.tokens for f in features]), maps, vision)


class GroundedModel(PreTrainedModel):
    """See the module's text. Made by `GroundedModel(config)` or `GroundedModel.from_pretrained(folder)`."""

    config_class = GroundedConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    _supports_sdpa = True
    _tied_weights_keys = {"language_model.lm_head.weight": "language_model.model.embed_tokens.weight"}  # noqa: RUF012

    def __init__(self, config: GroundedConfig):
        super().__init__(config)
        vision, text, decoder, mask = (
            config.vision_config,
            config.text_config,
            config.decoder_config,
            config.mask_token_config,
        )
        if mask.scales not in (1, len(vision.feature_layers)):
            raise ValueError(
                f"mask tokens of {mask.scales} scales, but {len(vision.feature_layers)} feature layers"
            )
        self.vision = VisionEncoder(vision)
        self.projector = nn.Sequential(
            nn.Linear(vision.hidden_size, text.hidden_size),
            nn.GELU(),
            nn.Linear(text.hidden_size, text.hidden_size),
        )
        self.language_model = LlamaForCausalLM(text)
        self.region_encoder = RegionEncoder(text.hidden_size)
        self.word_lookup = WordLookup(text.hidden_size) if config.word_lookup else None
        self.place_reader = PlaceReader(text.hidden_size) if config.place_reader else None
        self.mask_reader = CellAttention(text.hidden_size) if config.mask_reader else None
        self.thing_reader = ThingReader(text.hidden_size) if config.thing_reader else None
        self.point_head = PointHead(text.hidden_size, points_per_word=config.points_per_word)
        # PixelLM's text_hidden_fcs: every mask token's state to the decoder's width, before fusion.
        self.mask_projection = nn.Sequential(
            nn.Linear(text.hidden_size, text.hidden_size),
            nn.ReLU(),
            nn.Linear(text.hidden_size, decoder.hidden_size),
        )
        self.fusion = TokenFusion(
            decoder.hidden_size,
            scales=mask.scales,
            tokens_per_scale=mask.tokens_per_scale,
            mode=decoder.fusion,
        )
        self.pixel_decoder = PixelDecoder(
            decoder,
            level_widths=[vision.hidden_size] * len(vision.feature_layers),
            fine_width=vision.stem_widths[-2],
            edge_widths=(vision.stem_widths[-3], vision.stem_widths[-4]),
            prior=config.mask_reader,
            claim=config.thing_claims,
        )
        if config.thing_claims and not config.mask_reader:
            raise ValueError("thing_claims without mask_reader: targets claim what they look at")
        self.thing_claims = (
            ThingClaims(text.hidden_size, decoder.hidden_size) if config.thing_claims else None
        )
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            # torch's own start, scaled by width. transformers' fixed 0.02 suits widths near 1,000: in narrow
            # layers it leaves attention uniform and masks unlearned for long. (The language model keeps it.)
            init.kaiming_uniform_(module.weight, a=math.sqrt(5))
        if isinstance(module, (ThingClaims, ThingReader, WordLookup)):
            module.start()
        if isinstance(module, SilentLinear):
            module.reset_parameters()
        if isinstance(module, VisionEncoder):
            # Not in the weights, and `from_pretrained` begins with empty memory.
            init.copy_(module.pixel_mean, torch.tensor(module.config.image_mean).view(1, 3, 1, 1))
            init.copy_(module.pixel_std, torch.tensor(module.config.image_std).view(1, 3, 1, 1))

    def encode_images(self, pixels: Tensor) -> ImageFeatures:
        """(I, 3, H, W) RGB on the 0-255 scale, any float dtype or uint8 -> features, computed once per
        picture."""
        vision = self.vision(pixels.to(self.dtype))
        tokens = self.projector(vision.levels[0].flatten(2).transpose(1, 2))
        return ImageFeatures(tokens=tokens, maps=self.pixel_decoder.prepare(vision), vision=vision)

    def embed(
        self, input_ids: Tensor, image_tokens: Tensor | None = None, regions: Tensor | None = None
    ) -> Tensor:
        """Token embeddings with image and region embeddings in place of their placeholders.

        Args:
            input_ids: (B, T).
            image_tokens: (B, S, H), for rows that hold S image placeholders each.
            regions: (R, 4) relative boxes, one for each region placeholder, in reading order.

        Raises:
            ValueError: placeholders and features differ in number.
        """
        embeddings = self.language_model.get_input_embeddings()(input_ids)
        slots = input_ids == self.config.image_token_id
        embeddings = fill_placeholders(embeddings, slots, image_tokens, name="image tokens")
        boxes = None if regions is None else self.region_encoder(regions)
        return fill_placeholders(embeddings, input_ids == self.config.region_token_id, boxes, name="regions")

    def forward(
        self,
        input_ids: Tensor,
        image_tokens: Tensor | None = None,
        regions: Tensor | None = None,
        position_ids: Tensor | None = None,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """Final-norm states of the language model, (B, T, H), over whole sequences.

        Args:
            input_ids, image_tokens, regions: as in `embed`.
            position_ids: (B, T); default 0..T-1.
            segment_ids: (B, T), for several dialogues packed behind one image prefix
            (`packed_attention_mask`);
                default: one causal segment.
        """
        embeddings = self.embed(input_ids, image_tokens, regions)
        if self.word_lookup is not None:
            assert image_tokens is not None, "words are looked up in a picture"
            seen = input_ids == self.config.image_token_id
            said = ~seen & (seen.cumsum(dim=1) > 0)  # what stands behind the picture
            begin = int(said.any(dim=0).int().argmax())  # half of a row is picture: nothing to look up there
            own = None if segment_ids is None else segment_ids[:, begin:]
            times = times_said(input_ids[:, begin:], self.config.answer_token_id, own)
            found = self.word_lookup(embeddings[:, begin:], image_tokens, times) * said[:, begin:, None]
            embeddings = torch.cat([embeddings[:, :begin], embeddings[:, begin:] + found], dim=1)
        mask = None if segment_ids is None else packed_attention_mask(segment_ids)
        return self.language_model.model(
            inputs_embeds=embeddings, attention_mask=mask, position_ids=position_ids, use_cache=False
        ).last_hidden_state

    def lm_head(self, states: Tensor) -> Tensor:
        """(..., H) -> (..., vocabulary) logits; call it on the positions that need them only, and on what
        they have read (`read_things`)."""
        return self.language_model.lm_head(states)

    def word_points(
        self,
        states: Tensor,
        image_tokens: Tensor,
        image_index: Tensor,
        looks: Tensor | None = None,
    ) -> Tensor:
        """(W, points_per_word, 2) relative places (`PointHead`) of words.

        Args:
            states: (W, H) after each word.
            image_tokens: (I, S, H) of the pictures.
            image_index: (W,) which picture each word speaks of, int64.
            looks: (W, S) how much each word looks at each image token; default: by its own state
                (`word_looks`).
        """
        if self.place_reader is not None:
            looks = self.word_looks(states, image_tokens, image_index) if looks is None else looks
            assert looks is not None
            states = self.place_reader(states, looks.to(states.dtype))
        return self.point_head(states)

    def word_looks(
        self,
        states: Tensor,
        image_tokens: Tensor,
        image_index: Tensor,
        claims: Tensor | None = None,
        target: Tensor | None = None,
    ) -> Tensor | None:
        """(W, S) how much words look at each image token; None for a model without a place reader.

        Args:
            states, image_tokens, image_index: as in `word_points`.
            claims: (K, S) of targets (`claims`). The words of a target's phrase look where it does.
            target: (W,) which target's phrase each word is of, -1 for none.
        """
        if self.place_reader is None:
            return None
        own = self.place_reader.scores(states, image_tokens, image_index).softmax(dim=-1)
        if claims is None:
            return own
        assert target is not None
        told = claims[target.clamp(min=0)].to(own.dtype)
        return torch.where(target[:, None] >= 0, told, own)

    def mask_tokens_from_states(self, states: Tensor) -> Tensor:
        """(K, L * N, H) states that predict a group's tokens -> (K, L, D) fused tokens: project first, then
        fuse. Tokens of a single scale, (K, N, H), serve every scale."""
        mask = self.config.mask_token_config
        projected = self.mask_projection(states)
        fused = self.fusion(projected.unflatten(1, (mask.scales, mask.tokens_per_scale)))
        return fused.expand(-1, len(self.config.vision_config.feature_layers), -1)

    def decode_masks(
        self, features: ImageFeatures, image_index: Tensor, states: Tensor, answers: Tensor | None = None
    ) -> Tensor:
        """Mask logits (K, h, w), float32, over the whole input (low resolution; upsample once, at the end).

        Args:
            features: of I images.
            image_index: (K,) which image each target is in.
            states: (K, L * N, H), as in `mask_tokens_from_states`.
            answers: (K,) which answer each target is of, whole answers; default: each has one of its own.
        """
        tokens = self.mask_tokens_from_states(states)
        scores = self.mask_scores(features, image_index, states)
        return self.decode_tokens(
            features, image_index, tokens, scores, self.claims(features, image_index, scores, answers)
        )

    def mask_scores(self, features: ImageFeatures, image_index: Tensor, states: Tensor) -> Tensor | None:
        """(K, S): where in the picture targets are by what their states look at, before the softmax; None for
        a model whose decoder is not told. Arguments as in `decode_masks`."""
        if self.mask_reader is None:
            return None
        return self.mask_reader.scores(states.mean(dim=1), features.tokens, image_index)

    def claims(
        self,
        features: ImageFeatures,
        image_index: Tensor,
        scores: Tensor | None,
        answers: Tensor | None = None,
    ) -> Tensor | None:
        """(K, S) how much of each target's look is left on each image token after all of its answer are heard
        (`ThingClaims`), by their `mask_scores`; rows sum to 1. None for a model whose targets claim nothing.
        Other arguments as in `decode_masks`."""
        if self.thing_claims is None:
            return None
        assert scores is not None
        answers = torch.arange(len(scores), device=scores.device) if answers is None else answers
        coarse, _ = self.thing_claims.votes(features.tokens, features.finest)
        return self.thing_claims(scores, image_index, answers, coarse)

    def decode_tokens(
        self,
        features: ImageFeatures,
        image_index: Tensor,
        tokens: Tensor,
        scores: Tensor | None,
        claims: Tensor | None = None,
    ) -> Tensor:
        """`decode_masks` from (K, L, D) fused tokens and the (K, S) `mask_scores` and `claims` of their
        states."""
        prior = None if scores is None else prior_of(scores)
        claim = None
        if self.thing_claims is not None:
            assert claims is not None, "the targets of this model claim things"
            votes = self.thing_claims.votes(features.tokens, features.finest)
            claim = spread(claims, likeness(*votes), image_index).unflatten(1, features.finest.shape[-2:])
        return self.pixel_decoder(features.maps, image_index, tokens, prior, claim)


def packed_attention_mask(segment_ids: Tensor) -> Tensor:
    """(B, T) segments to a boolean (B, 1, T, T) mask, True where attention is allowed.

    Segment 0 is the prefix that every dialogue of the row sees; 1, 2, ... are dialogues that see the prefix
    and themselves; -1 is padding. Everything is causal. A padded position sees itself, so that no row of the
    softmax is empty.
    """
    T = segment_ids.shape[1]
    query, key = segment_ids[:, :, None], segment_ids[:, None, :]
    causal = torch.ones(T, T, dtype=torch.bool, device=segment_ids.device).tril()
    allowed = causal & ((key == query) | (key == 0)) & (key >= 0)
    return (allowed | torch.eye(T, dtype=torch.bool, device=segment_ids.device))[:, None]
