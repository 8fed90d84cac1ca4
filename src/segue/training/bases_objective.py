"""What the small bases are trained on, each part as it was in its own paper, as far as a small set allows.

    L = w_text CE + w_dense (classes of CLIP's tokens and of SAM's cells)
      + w_prompt (w_bce BCE + w_dice DICE of SAM's masks by boxes, clicks, names and looks)

CLIP learned from captions what pictures show: here its tokens are matched with the words for what is in
their cells, in the language model's own embeddings. Segment Anything learned masks from boxes and clicks,
and from CLIP's embeddings of texts and of cut-outs (section 7.5 of its paper): here from the words'
embeddings and from CLIP's tokens on an object, both through gamma (LISA, equation 1), which so learns the way
that the state of a `[SEG]` will go. LLaVA learned to talk about pictures: here from answers without mask
tokens.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segue.data.dense_targets import DenseLabels
from segue.lisa_processing import IGNORED
from segue.modeling.lisa import LisaModel
from segue.training.dense_supervision import WordClassifier, cell_loss, named_states
from segue.training.family_objectives import geometries_of, normalised
from segue.training.losses import dice_loss, mask_bce_loss
from segue.training.objective import Losses, LossWeights

__all__ = ["BasesObjective"]


class BasesObjective(nn.Module):
    """One LISA whose parts become bases, with the heads that only training needs.

    Args:
        model: has no use for its mask tokens yet.
        labels: the dense classes.
        label_ids: for "category" and "color", the token ids of every class name but background.
        weights: `text`, `dense`, `foreground`, `prompt`, `bce` and `dice` are read.
    """

    def __init__(
        self,
        model: LisaModel,
        *,
        labels: DenseLabels,
        label_ids: dict[str, list[list[int]]],
        weights: LossWeights,
    ):
        super().__init__()
        self.model = model
        self.weights = weights
        config: Any = model.config
        width = config.text_config.hidden_size
        self.category_words = WordClassifier(width, label_ids["category"])
        self.color_words = WordClassifier(width, label_ids["color"])
        channels = config.sam_config.mask_decoder_config.hidden_size
        self.fine_head = nn.ModuleDict(
            {
                "category": nn.Conv2d(channels, len(labels.categories), kernel_size=1),
                "color": nn.Conv2d(channels, len(labels.colors), kernel_size=1),
            }
        )

    def forward(self, clip_pixels: Tensor, sam_pixels: Tensor, **batch: Tensor) -> Losses:
        """Losses of a batch from `BasesCollator.collate`."""
        weights = self.weights
        terms: dict[str, Tensor] = {}
        tokens = self.model.encode_for_language(clip_pixels)
        features = None
        if weights.dense or weights.prompt:
            geometries = geometries_of(batch["geometry"], sam_pixels.shape[-1])
            features = self.model.sam.encode_images(normalised(sam_pixels, geometries, self.model.config))
        if weights.dense and features is not None:
            terms |= self.dense_losses(tokens, features, batch)
        if weights.prompt and features is not None:
            terms |= self.mask_losses(tokens, features, batch)
        if weights.text and "input_ids" in batch:
            terms["text"] = self.text_loss(tokens, batch)
        scale = {"text": weights.text}
        for name in ("word", "click"):
            scale |= {
                f"{name}_bce": weights.prompt * weights.bce,
                f"{name}_dice": weights.prompt * weights.dice,
            }
        total = torch.stack([scale.get(name, weights.dense) * term for name, term in terms.items()]).sum()
        return Losses(total, {name: term.detach() for name, term in terms.items()})

    def dense_losses(
        self, tokens_ISH: Tensor, features_ICHW: Tensor, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Classes of CLIP's tokens by the words for them, and of SAM's cells by linear heads."""
        terms = {}
        embeddings = self._embeddings()
        side = round(tokens_ISH.shape[1] ** 0.5)
        for name, words in (("category", self.category_words), ("color", self.color_words)):
            grid, map_Ihw = features_ICHW.shape[-2:], batch[f"{name}_map"]
            known, foreground = batch["exhaustive"], self.weights.foreground
            logits = words(tokens_ISH, embeddings)
            terms[f"token_{name}"] = cell_loss(logits, map_Ihw, (side, side), known, name, foreground)
            logits = self.fine_head[name](features_ICHW).flatten(2).transpose(1, 2)
            terms[f"fine_{name}"] = cell_loss(logits, map_Ihw, grid, known, name, foreground)
        return terms

    def mask_losses(
        self, tokens_ISH: Tensor, features_ICHW: Tensor, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Masks of classes by name and of objects by a look, both as LISA will ask; of objects by box and
        click, as Segment Anything is asked."""
        sam = self.model.sam
        terms: dict[str, Tensor] = {}
        rows, categories, colors = batch["prompts"].unbind(1)
        objects = batch["object_rows"]
        # 1) One embedding each, through gamma.
        named = named_states(self.category_words, self.color_words, self._embeddings(), categories, colors)
        states = torch.cat([named, looks(tokens_ISH[objects], batch["object_masks"])])
        if len(states):
            logits = sam.decode_masks(
                features_ICHW, torch.cat([rows, objects]), self.model.text_hidden_fcs(states)
            )[0]
            targets = torch.cat([batch["prompt_masks"], batch["object_masks"]]).float() / 255
            terms |= {"word_bce": mask_bce_loss(logits, targets), "word_dice": dice_loss(logits, targets)}
        # 2) Two each: a box's corners, or a click and "no other".
        if len(objects):
            by_box = batch["by_box"][:, None, None]
            prompts = torch.where(by_box, sam.embed_boxes(batch["boxes"]), sam.embed_points(batch["points"]))
            logits = sam.decode_prompts(features_ICHW, objects, prompts)[0]
            targets = batch["object_masks"].float() / 255
            terms |= {"click_bce": mask_bce_loss(logits, targets), "click_dice": dice_loss(logits, targets)}
        return terms

    def text_loss(self, tokens_ISH: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Cross-entropy over all answer tokens, as LISA's."""
        states = self.model(
            batch["input_ids"],
            tokens_ISH[batch["row_images"]],
            position_ids=batch["position_ids"],
            segment_ids=batch["segment_ids"],
        )
        labels = batch["labels"][:, 1:]
        learned = labels != IGNORED
        return F.cross_entropy(self.model.lm_head(states[:, :-1][learned]).float(), labels[learned])

    def _embeddings(self) -> Tensor:
        table: Any = self.model.language_model.get_input_embeddings()
        return table.weight


def looks(tokens_KSH: Tensor, masks_Kss: Tensor) -> Tensor:
    """(K, H) mean of the image tokens on each object, weighted by how much of a token's cell it covers; as
    long as a final-norm state."""
    side = round(tokens_KSH.shape[1] ** 0.5)
    share = F.adaptive_avg_pool2d(masks_Kss.float()[:, None], (side, side)).flatten(1)
    mean = torch.einsum("ks,ksh->kh", share, tokens_KSH)
    return F.normalize(mean, dim=-1) * tokens_KSH.shape[-1] ** 0.5
