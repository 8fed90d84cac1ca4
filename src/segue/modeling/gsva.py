"""GSVA: Generalized Segmentation via Multimodal LLMs (CVPR 2024).

LISA's networks with two changes of what the language model may say (section 3.2 of the paper): as many
`[SEG]` as there are targets, all with one weight, told apart by the words before them; and `[REJ]` where a
target is absent. The names and equations are those of `segue.modeling.lisa`.

The released code generates nothing: it reads the decisions off the given answer, in one pass or two
(`GsvaModel.judge`). Free generation is that of every family here (`segue.modeling.generation`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from segue.modeling.lisa import LisaFeatures, LisaModel
from segue.modeling.lisa_configuration import GsvaConfig

__all__ = ["GsvaModel", "Judgement"]


@dataclass(frozen=True)
class Judgement:
    """What the model makes of an answer whose targets are given.

    Attributes:
        positions: of each target's `[SEG]` or `[REJ]`, in the expanded ids.
        rejected: (K,) bool decision for each of the K targets.
        states: (T, H) of the pass that masks were taken from.
        logits: (T, vocabulary) of the pass that decided, float32.
        masks: positions (indices into K) of the targets that have a mask.
        mask_logits: (M, h, w) low resolution, over SAM's padded input.
        mask_scores: (M,) SAM's own estimate of each mask's IoU.
    """

    positions: Tensor
    rejected: Tensor
    states: Tensor
    logits: Tensor
    masks: Tensor
    mask_logits: Tensor
    mask_scores: Tensor


class GsvaModel(LisaModel):
    """See the module's text. Made by `GsvaModel(config)` or `segue.load`."""

    config_class = GsvaConfig

    @torch.no_grad()
    def judge(
        self, features: LisaFeatures, input_ids: Tensor, *, seg_id: int, rej_id: int, second_pass: bool
    ) -> Judgement:
        """The published evaluation of one answer: which targets are rejected, and their masks.

        The decision is the most probable token where each target's token is predicted; one that is neither
        `[SEG]` nor `[REJ]` counts as the wrong one of the two, whichever the answer has.

        Args:
            features: of the one image.
            input_ids: (1, T) question and given answer, expanded.
            second_pass: read the answer again with every `[REJ]` as `[SEG]`, and decode a mask for every
                target, as on gRefCOCO; else a mask for every given `[SEG]`.
        """
        # 1) Read the given answer; the state at an index predicts the id after it.
        states = self(input_ids, features.tokens)[0]
        logits = self.lm_head(states).float()
        is_seg, is_rej = input_ids[0] == seg_id, input_ids[0] == rej_id
        positions = (is_seg | is_rej).nonzero()[:, 0]
        said = logits[positions - 1].argmax(dim=-1)
        rejected = torch.where(is_seg[positions], said != seg_id, said == rej_id)
        # 2) Masks, after a second reading or not.
        chosen = torch.arange(len(positions), device=positions.device)
        if second_pass:
            states = self(input_ids.masked_fill(is_rej[None], seg_id), features.tokens)[0]
        else:
            chosen = chosen[is_seg[positions]]
        h_seg = self.text_hidden_fcs(states[positions[chosen] - 1])
        masks, scores = self.sam.decode_masks(features.sam, torch.zeros_like(chosen), h_seg)
        return Judgement(positions, rejected, states, logits, chosen, masks.float(), scores.float())
