"""PixelLLM ("Pixel Aligned Language Models", CVPR 2024): captions in which every word has a place.

Reads like the paper's figure 2: the picture through two encoders (`encode_images`), a box as the location
prompt and 32 tokens that read the picture under it (`look`), a language model that goes on from them
(`captioner`), and one MLP that turns each of its states into a place (`word_points`, `read_boxes`). Boxes
prompt SAM's mask decoder (`segment`); the proposal head finds boxes by itself (`detect`).

Letters: B pictures, N prompts of each, R = B * N rows, Q visual tokens, M context tokens, L text tokens, D
widths. Boxes and points are in pixels of the padded input, x before y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.sam.modeling_sam import SamFeedForward, SamMaskDecoder

from segue.errors import CapabilityError
from segue.modeling.caption_search import Beams, beam_search, clean, greedy_search
from segue.modeling.captioners import PrefixDecoder, T5Captioner, make_captioner
from segue.modeling.centernet import CenterNet, Detections
from segue.modeling.location_head import LocationHead, extent
from segue.modeling.pixelllm_configuration import PixelLLMConfig
from segue.modeling.pixelllm_vision import FusedFeatures, FusedVision, OwnVision
from segue.modeling.prompt_extractor import MaskAdapter, PromptEncoder, PromptExtractor

__all__ = ["Captions", "DenseCaptions", "PixelLLM", "Referred"]


@dataclass(frozen=True)
class Captions:
    """Attributes:
    texts: (B, N, L) the best text of each prompt, EOS repeated at its end.
    scores: (B, N).
    beams: all texts, rows are B * N.
    """

    texts: Tensor
    scores: Tensor
    beams: Beams


@dataclass(frozen=True)
class DenseCaptions:
    """What was found in each picture: (B, K, ...) boxes, scores, texts; `classes` are 0 at fillers."""

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    texts: Tensor


@dataclass(frozen=True)
class Referred:
    """Attributes:
    boxes: (B, N, 4); inverted where the text names nothing.
    found: (B, N, L) the position that carried the box.
    points: (B, N, L, points, 2) of all positions.
    prefix, states: what the mask adapter reads, (B, N, Q, D) and (B, N, L, D).
    """

    boxes: Tensor
    found: Tensor
    points: Tensor
    prefix: Tensor
    states: Tensor


class PixelLLM(PreTrainedModel):
    """All parts; those that a configuration leaves out are None."""

    config_class = PixelLLMConfig
    main_input_name = "pixels"

    def __init__(self, config: PixelLLMConfig):
        super().__init__(config)
        own = config.tower_config is not None
        self.vision: FusedVision | OwnVision = OwnVision(config) if own else FusedVision(config)
        self.prompt_encoder = PromptEncoder(config.prompt_size)
        fused = self.vision.channels
        self.extractor = PromptExtractor(
            config.extractor_config, image_width=fused, prompt_width=config.prompt_size
        )
        self.captioner: T5Captioner | PrefixDecoder = make_captioner(config)
        self.location_head = LocationHead(
            self.captioner.width,
            hidden=config.point_hidden_size,
            num_layers=config.point_num_layers,
            points=config.points_per_word,
            values=config.values_per_point,
        )
        self.mask_decoder = _mask_decoder(config)
        self.mask_adapter = None
        if config.mask_adapter_config is not None:
            prefix_width = config.extractor_config.output_size
            if isinstance(self.captioner, T5Captioner):  # T5 hands on its projected prefix
                prefix_width = self.captioner.width
            self.mask_adapter = MaskAdapter(
                config.mask_adapter_config, visual_width=prefix_width, text_width=self.captioner.width
            )
        detector = config.detector_config
        self.detector = None if detector is None else CenterNet(detector, image_width=fused)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Parts start as torch and their own constructors start them."""

    # -- seeing ------------------------------------------------------------------

    def encode_images(self, pixels: Tensor, padding_mask: Tensor) -> FusedFeatures:
        """(B, 3, S, S) RGB 0..255 and (B, S, S), 1 where there is picture."""
        return self.vision(pixels, padding_mask)

    @property
    def prompt_side(self) -> int:
        """The nominal input size that prompt coordinates are divided by."""
        if self.config.tower_config is not None:
            return int(self.config.image_size)
        return max(self.config.eva_config.image_size, self.config.sam_config.image_size)

    def whole(self, features: FusedFeatures, *, prompts: int = 1) -> Tensor:
        """(B, N, 4): the box of the valid area, which stands for "no prompt"."""
        height, width = features.valid.unbind(-1)
        zero = torch.zeros_like(width)
        return torch.stack([zero, zero, width, height], dim=-1)[:, None].expand(-1, prompts, -1)

    def look(self, features: FusedFeatures, boxes_BN4: Tensor) -> Tensor:
        """(B, N, Q, D): what the learned tokens read of the picture under each box."""
        sparse = self.prompt_encoder.sparse(boxes_BN4, self.prompt_side)
        positions = self.prompt_encoder.positions.grid(*features.fused.shape[-2:])
        return self.extractor(features.fused, sparse, self.prompt_encoder.no_mask, positions)

    # -- saying ------------------------------------------------------------------

    def remember(self, visual_BNQD: Tensor, context_BNM: Tensor) -> Any:
        """The language model's memory of B * N rows."""
        return self.captioner.encode(visual_BNQD.flatten(0, 1), context_BNM.flatten(0, 1))

    def read(self, memory: Any, text_BNL: Tensor) -> Tensor:
        """(B, N, L, D) states of a given text."""
        return self.captioner.read(memory, text_BNL.flatten(0, 1)).unflatten(0, text_BNL.shape[:2])

    def caption(
        self,
        features: FusedFeatures,
        boxes_BN4: Tensor,
        context_BNM: Tensor,
        *,
        num_beams: int = 1,
        per_node: int | None = None,
        length: int | None = None,
        tick: Callable[[], None] = lambda: None,
    ) -> Captions:
        """Texts for boxes, greedy or by beam search; `tick` is called at each step and may raise."""
        config = self.config
        B, N = boxes_BN4.shape[:2]
        memory = self.remember(self.look(features, boxes_BN4), context_BNM)
        common: dict[str, Any] = {
            "rows": B * N,
            "length": length or config.max_text_length,
            "bos": config.bos_token_id,
            "eos": config.eos_token_id,
            "tick": tick,
        }
        if num_beams == 1:
            beams = greedy_search(self.captioner, memory, **common)
        else:
            beams = beam_search(
                self.captioner,
                memory,
                num_beams=num_beams,
                per_node=per_node or config.beam_per_node,
                alpha=config.beam_alpha,
                **common,
            )
        return Captions(
            texts=beams.texts[:, -1].unflatten(0, (B, N)),
            scores=beams.scores[:, -1].unflatten(0, (B, N)),
            beams=beams,
        )

    def trace(self, features: FusedFeatures, memory: Any, text_BNL: Tensor) -> tuple[Tensor, Tensor]:
        """The points of the words of cleaned texts, (B, N, L, points, 2), and which positions are words."""
        points = self.word_points(self.read(memory, text_BNL), features.valid)
        return points, self.is_word(text_BNL)

    def is_word(self, text: Tensor) -> Tensor:
        """Neither padding nor BOS nor EOS, bool."""
        config = self.config
        return (text > 0) & (text != config.bos_token_id) & (text != config.eos_token_id)

    def carries_box(self, text: Tensor) -> Tensor:
        """Where an expression's box is read: as released at the position before EOS, which predicts it."""
        ends = text == self.config.eos_token_id
        if self.config.box_state == "end":
            return ends & (ends.cumsum(-1) == 1)
        return torch.cat([ends[..., 1:], torch.zeros_like(ends[..., :1])], dim=-1) & ~ends

    # -- pointing ----------------------------------------------------------------

    def word_points(self, states_BNLD: Tensor, valid_B2: Tensor) -> Tensor:
        """(B, N, L, points, 2) pixels; not clipped (as published)."""
        if self.config.word_state == "before":
            states_BNLD = states_BNLD.roll(1, dims=-2)
        relative, _ = self.location_head(states_BNLD)
        return relative * valid_B2.flip(-1)[:, None, None, None]

    def read_boxes(self, states_BNLD: Tensor, carries_BNL: Tensor, valid_B2: Tensor) -> Tensor:
        """(B, N, 4) from the states that carry them."""
        corners = self.location_head.corners(states_BNLD) * valid_B2.flip(-1)[:, None, None, None]
        return extent(corners, carries_BNL)

    def refer(self, features: FusedFeatures, context_BNM: Tensor, text_BNL: Tensor) -> Referred:
        """Where expressions are: one forward pass, nothing is generated."""
        visual = self.look(features, self.whole(features, prompts=text_BNL.shape[1]))
        states = self.read(self.remember(visual, context_BNM), text_BNL)
        found = self.carries_box(text_BNL)
        return Referred(
            boxes=self.read_boxes(states, found, features.valid),
            found=found,
            points=self.word_points(states, features.valid),
            prefix=self.captioner.prefix(visual),
            states=states,
        )

    # -- masks -------------------------------------------------------------------

    def segment(self, features: FusedFeatures, referred: Referred) -> tuple[Tensor, Tensor]:
        """Mask logits (B, N, h, w), four times finer than SAM's grid, and their predicted IoU (B, N)."""
        masks, iou = self.decode_masks(features, self.adapt(referred), several=False)
        return masks[:, :, 0], iou[:, :, 0]

    def mask_prompts(self, boxes_BN4: Tensor) -> Tensor:
        """(B, N, 2, D) corner tokens for the mask decoder."""
        return self.prompt_encoder.boxes(boxes_BN4, self.config.sam_config.image_size)

    def adapt(self, referred: Referred) -> Tensor:
        """(B, N, 2, D): corner tokens, corrected by the mask adapter where there is one."""
        prompts = self.mask_prompts(referred.boxes)
        if self.mask_adapter is None:
            return prompts
        rows = self.mask_adapter(referred.prefix.flatten(0, 1), referred.states.flatten(0, 1))
        return prompts + rows.unflatten(0, referred.boxes.shape[:2])

    def decode_masks(
        self, features: FusedFeatures, prompts_BN2D: Tensor, *, several: bool
    ) -> tuple[Tensor, Tensor]:
        """SAM's decoder: (B, N, 1 or 3, h, w) logits and (B, N, 1 or 3) predicted IoU."""
        if self.mask_decoder is None:
            raise CapabilityError(f"{self.config.display_name} has no mask decoder")
        h, w = features.sam.shape[-2:]
        positions = self.prompt_encoder.positions.grid(h, w).T.unflatten(1, (h, w))[None]
        return self.mask_decoder(
            image_embeddings=features.sam,
            image_positional_embeddings=positions.expand(len(features), -1, -1, -1),
            sparse_prompt_embeddings=prompts_BN2D,
            dense_prompt_embeddings=self.prompt_encoder.no_mask[None, :, None, None],
            multimask_output=several,
        )

    # -- finding -----------------------------------------------------------------

    def detect(self, features: FusedFeatures) -> Detections:
        """Boxes of whatever is there, best first."""
        if self.detector is None:
            raise CapabilityError(f"{self.config.display_name} has no proposal head; dense captions need one")
        return self.detector.detect(features.fused, self.config.image_size)

    def caption_dense(
        self,
        features: FusedFeatures,
        context_M: Tensor,
        *,
        num_beams: int = 1,
        rescore: bool | None = None,
        tick: Callable[[], None] = lambda: None,
    ) -> DenseCaptions:
        """Boxes with captions; all boxes of a picture in one batch on its features.

        With `rescore` (default: the configuration) a caption's likelihood counts in its box's score, and with
        several beams boxes and beams are ranked together, so that a box may appear twice.
        """
        found = self.detect(features)
        B, N = found.scores.shape
        context = context_M.expand(B, N, -1)
        captions = self.caption(features, found.boxes, context, num_beams=num_beams, tick=tick)
        if rescore is None:
            rescore = self.config.detector_config.rescore_with_captions
        if not rescore:
            return DenseCaptions(found.boxes, found.scores, found.classes, captions.texts)
        likelihood = captions.beams.scores.exp().unflatten(0, (B, N))
        joint = (found.scores.clamp(min=0)[..., None] * likelihood).sqrt().flatten(1)
        scores, order = joint.topk(N, dim=1)
        boxes = order // num_beams
        texts = captions.beams.texts.unflatten(0, (B, N)).flatten(1, 2)
        return DenseCaptions(
            boxes=found.boxes.gather(1, boxes[..., None].expand(-1, -1, 4)),
            scores=scores,
            classes=found.classes.gather(1, boxes),
            texts=texts.gather(1, order[..., None].expand(-1, -1, texts.shape[-1])),
        )

    def clean(self, texts: Tensor) -> Tensor:
        """Texts as they are read again: 0 behind the first EOS."""
        return clean(texts, self.config.eos_token_id)


def _mask_decoder(config: PixelLLMConfig) -> SamMaskDecoder | None:
    """Transformers' decoder, its hypernetworks as wide inside as the original's (equal in SAM's sizes)."""
    part = config.mask_decoder_config
    if part is None:
        return None
    part._attn_implementation = part._attn_implementation or "sdpa"
    decoder = SamMaskDecoder(part)
    if part.iou_head_hidden_dim != part.hidden_size:
        decoder.output_hypernetworks_mlps = nn.ModuleList(
            SamFeedForward(part.hidden_size, part.iou_head_hidden_dim, part.hidden_size // 8, 3)
            for _ in range(part.num_multimask_outputs + 1)
        )
    return decoder
