"""What the composition is trained on: text, masks, word points, and dense labels of the vision features.

    L = w_text CE + w_bce BCE + w_dice DICE + w_align CE + w_look CE + w_point L1 + w_place CE
        + w_dense (category + part + colour) + w_count (places + counts) + w_things (places + counts)
      + w_claim CE + w_same BCE

The first three with PixelLM's weights 1, 2, 0.5; its target refinement multiplies BCE's pixels. The others
are ours, for a model that learns everything from nothing on little. Dense: recognition is the hard part, and
labels of scenes are free; categories and colours are matched against the language model's own word
embeddings, so that an image token lies near the word for what it shows. Prompts: before the language model
says anything, the word embeddings themselves go through the mask projection as if they were its states, and
the pixel decoder learns to find what they name. Align: a target's token, compared with the decoder's maps
cell by cell, is a distribution over cells that should be the target's; this finds the place long before BCE
does. Look: the same for where the decoder is told that the target is (`mask_reader`). Place: the same for
what the location MLP reads (`PlaceReader`), by the word's point. Claim: the same for the thing that a target
is left with after all of its answer are heard (`ThingClaims`); Same: which cells show the same thing. Count:
the things that the word lookup finds for each word and each colour, by the labels' numbers and middles.
Things: the same for what the states before an answer's first phrase are about (`ThingReader`), by all that
the answer shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from segue.data.collation import IGNORE, DenseLabels
from segue.modeling.configuration import GroundedConfig
from segue.modeling.grounded import GroundedModel, ImageFeatures
from segue.modeling.thing_claims import likeness
from segue.modeling.thing_reader import read_things
from segue.training.counted_words import CountedWord, WordCounts
from segue.training.dense_supervision import NameEmbeddings, WordClassifier, cell_loss, named_states, splatted
from segue.training.losses import (
    alignment_loss,
    cells_loss,
    count_loss,
    dice_loss,
    mask_bce_loss,
    point_loss,
    refinement_weights,
    same_thing_loss,
)

__all__ = ["GroundedObjective", "LossWeights", "Losses"]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms; a term with weight 0 is not computed."""

    text: float = 1.0
    bce: float = 2.0
    dice: float = 0.5
    align: float = 0.0
    point: float = 1.0
    place: float = 0.0
    """Of where words look, for a model that has a place reader."""
    look: float = 0.0
    """Of where targets look, for a model that has a mask reader."""
    claim: float = 0.0
    """Of what targets claim, for a model whose targets do."""
    same: float = 0.0
    """Of which cells show the same thing, likewise."""
    prompt: float = 0.0
    """Of the mask terms of `prompts`, over those of answers."""
    dense: float = 1.0
    count: float = 0.0
    """Of the word lookup's things, for a model that has one."""
    things: float = 0.0
    """Of the things that an answer is about, for a model that has a thing reader."""
    foreground: float = 2.0
    """How much more a labelled cell counts than an empty one in the dense terms: most of a picture is
    empty."""
    first: float = 1.0
    """How much more the first token of an answer counts than another one: it decides between "the" and "there
    is no", and nearly everything after follows from what stands there."""
    opening: float = 1.0
    """The same for the other tokens before an answer's first phrase, where it shows whole things: how many
    they are stands there."""
    refinement_alpha: float = 2.0

    def of(self, term: str) -> float:
        """The weight of a term of `Losses`; those with a prefix belong to the weight that it names."""
        group, _, inner = term.partition("_")
        if group == "prompt":
            return self.prompt * self.of(inner)
        if group in ("token", "fine"):
            return self.dense
        weight: float = getattr(self, group)
        return weight


@dataclass(frozen=True)
class Losses:
    """The weighted sum and every unweighted term."""

    total: Tensor
    terms: dict[str, Tensor]


class GroundedObjective(PreTrainedModel):
    """A grounded model with the heads that only training needs.

    Args:
        config: the model's.
        labels: the dense classes.
        counted: the words whose things are counted.
        label_ids: for "category" and "color", the token ids of every class name but background; for
            "counted", those of the words.
        weights: of the terms.
    """

    config_class = GroundedConfig
    base_model_prefix = "model"
    _supports_sdpa = True
    _tied_weights_keys = {  # noqa: RUF012
        "model.language_model.lm_head.weight": "model.language_model.model.embed_tokens.weight"
    }

    def __init__(
        self,
        config: GroundedConfig,
        *,
        labels: DenseLabels,
        counted: Sequence[CountedWord],
        label_ids: dict[str, list[list[int]]],
        weights: LossWeights,
    ):
        super().__init__(config)
        self.weights = weights
        self.model = GroundedModel(config)
        self.category_words = WordClassifier(config.text_config.hidden_size, label_ids["category"])
        self.color_words = WordClassifier(config.text_config.hidden_size, label_ids["color"])
        self.counted_names = NameEmbeddings(label_ids["counted"])
        self.word_counts = WordCounts(counted, labels.categories[1:])
        width = config.decoder_config.hidden_size
        self.fine_head = nn.ModuleDict(
            {
                "category": nn.Conv2d(width, len(labels.categories), kernel_size=1),
                "part": nn.Conv2d(width, len(labels.parts), kernel_size=1),
                "color": nn.Conv2d(width, len(labels.colors), kernel_size=1),
            }
        )
        self.post_init()

    def forward(self, pixels: Tensor, **batch: Tensor) -> Losses:
        """Losses of a batch from `segue.data.collation.Collator.collate`."""
        features = self.model.encode_images(pixels)
        terms: dict[str, Tensor] = {}
        if self.weights.dense:
            terms |= self.dense_losses(features, batch)
        if self.weights.count and self.model.word_lookup is not None:
            terms |= self.count_losses(features, batch)
        if self.weights.same and self.model.thing_claims is not None:
            terms["same"] = self.same_loss(features, batch["thing_map"])
        if self.weights.prompt and len(batch["prompts"]):
            terms |= self.prompt_losses(features, batch)
        if self.weights.text:
            terms |= self.answer_losses(features, batch)
        total = torch.stack([self.weights.of(name) * term for name, term in terms.items()]).sum()
        return Losses(total=total, terms={name: term.detach() for name, term in terms.items()})

    def states(self, features: ImageFeatures, batch: dict[str, Tensor]) -> Tensor:
        """(B, T, H) final-norm states of the packed dialogues."""
        return self.model(
            batch["input_ids"],
            image_tokens=features.tokens,
            regions=batch["regions"] if len(batch["regions"]) else None,
            position_ids=batch["position_ids"],
            segment_ids=batch["segment_ids"],
        )

    def answer_losses(self, features: ImageFeatures, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Text, masks and points of all answers."""
        states = self.states(features, batch)
        learned = batch["labels"] != IGNORE
        begin = int(learned.any(dim=0).int().argmax())  # nobody answers before or in the picture
        read = read_things(self.model, states[:, begin:], features.tokens)
        logits = self.model.lm_head(read[learned[:, begin:]])
        each = F.cross_entropy(logits.float(), batch["labels"][learned], reduction="none")
        opening = torch.zeros_like(learned)
        opening[batch["opening_rows"], batch["opening_positions"]] = True
        weight = torch.where(opening[learned], self.weights.opening, 1.0)
        weight[first_of_answers(batch["segment_ids"], learned)] = self.weights.first
        terms = {"text": (each * weight).sum() / weight.sum().clamp(min=1)}

        if self.model.thing_reader is not None and self.weights.things and len(batch["opening_rows"]):
            terms["things"] = self.things_loss(features, states, batch)
        claims = None
        rows = batch["group_rows"]
        if len(rows):
            group_states = states[rows[:, None], batch["group_positions"]]
            scores = self.model.mask_scores(features, rows, group_states)
            claims = self.model.claims(features, rows, scores, batch["group_answers"])
            terms |= self.look_losses(features, scores, claims, batch["group_cells"])
            terms |= self.drawn_losses(features, group_states, scores, claims, batch)
        if len(batch["word_rows"]):
            word_states = states[batch["word_rows"], batch["word_positions"]]
            terms |= self.word_losses(features, word_states, claims, batch)
        return terms

    def look_losses(
        self, features: ImageFeatures, scores_GS: Tensor | None, claims: Tensor | None, cells_Ghw: Tensor
    ) -> dict[str, Tensor]:
        """Where targets look by themselves, and what they claim together; 0..255 of each cell is theirs."""
        terms = {}
        grid = features.vision.levels[0].shape[-2:]
        share = cells_Ghw.float() / 255
        if scores_GS is not None and self.weights.look:
            terms["look"] = cells_loss(scores_GS.float().unflatten(1, grid), share)
        if claims is not None and self.weights.claim:
            terms["claim"] = cells_loss(claims.clamp(min=1e-6).log().unflatten(1, grid), share)
        return terms

    def drawn_losses(
        self,
        features: ImageFeatures,
        states: Tensor,
        scores: Tensor | None,
        claims: Tensor | None,
        batch: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        """Masks of the targets that were drawn for it, given what belongs to all."""
        drawn = batch["drawn"]
        if not len(drawn):
            return {}
        rows = batch["group_rows"][drawn]
        return self.mask_losses(
            features,
            rows,
            states[drawn],
            batch["group_masks"],
            batch["valid"][rows].float(),
            batch["group_answers"][drawn],
            scores=None if scores is None else scores[drawn],
            claims=None if claims is None else claims[drawn],
        )

    def same_loss(self, features: ImageFeatures, things_Bhw: Tensor) -> Tensor:
        """Which cells show the same thing: image tokens among each other, and with the decoder's finest
        map."""
        assert self.model.thing_claims is not None
        votes = self.model.thing_claims.votes(features.tokens, features.finest)
        grids = (features.vision.levels[0].shape[-2:], features.finest.shape[-2:])
        coarse, fine = (
            F.interpolate(things_Bhw[:, None].float(), size=grid, mode="nearest-exact").flatten(1).long()
            for grid in grids
        )
        among = same_thing_loss(likeness(votes[0], votes[0]), coarse, coarse)
        return among + same_thing_loss(likeness(*votes), coarse, fine)

    def things_loss(self, features: ImageFeatures, states_BTH: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Numbers and places of the things that answers are about, as their first states see them."""
        reader = self.model.thing_reader
        assert reader is not None
        rows_N = batch["opening_rows"]
        begin = int(batch["opening_positions"].min())
        things_BTS = reader.things(states_BTH[:, begin:], features.tokens)
        things_NS = things_BTS[rows_N, batch["opening_positions"] - begin]
        shown = batch["shown_openings"]
        grid = features.vision.levels[0].shape[-2:]
        shape = (len(rows_N), 1, things_NS.shape[1])
        expected_N1S = splatted(shown, torch.ones_like(shown), batch["shown_points"], shape, grid)
        known = torch.ones_like(rows_N, dtype=torch.bool)[:, None]
        return count_loss(things_NS[:, None], expected_N1S, known)

    def word_losses(
        self, features: ImageFeatures, states_WH: Tensor, claims: Tensor | None, batch: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """Points of words, and the cells that their states look at."""
        rows, points = batch["word_rows"], batch["word_points"]
        looks = self.model.word_looks(states_WH, features.tokens, rows, claims, batch["word_groups"])
        found = self.model.word_points(states_WH, features.tokens, rows, looks)
        terms = {"point": point_loss(found, points)}
        reader = self.model.place_reader
        if reader is not None and self.weights.place:
            scores_WS = reader.scores(states_WH, features.tokens, rows)
            words = torch.arange(len(rows), device=rows.device)
            shape, grid = (len(rows), 1, scores_WS.shape[1]), features.vision.levels[0].shape[-2:]
            middles = points if points.ndim == 2 else points.mean(dim=1)
            expected = splatted(words, torch.ones_like(words), middles, shape, grid)[:, 0]
            terms["place"] = F.cross_entropy(scores_WS.float(), expected.float())
        return terms

    def prompt_losses(self, features: ImageFeatures, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Masks of classes, asked for by the embeddings of their words."""
        rows, categories, colors = batch["prompts"].unbind(1)
        embeddings = self.model.language_model.get_input_embeddings().weight
        states = named_states(self.category_words, self.color_words, embeddings, categories, colors)
        mask = self.model.config.mask_token_config
        states = states[:, None].expand(-1, mask.scales * mask.tokens_per_scale, -1)
        valid = batch["valid"][rows].float()
        scores = self.model.mask_scores(features, rows, states)
        found = self.mask_losses(
            features,
            rows,
            states,
            batch["prompt_masks"],
            valid,
            torch.arange(len(rows), device=rows.device),
            scores=scores,
            claims=self.model.claims(features, rows, scores),
        )
        h, w = features.vision.levels[0].shape[-2:]
        cells = F.adaptive_avg_pool2d(batch["prompt_masks"].float(), (h, w))
        found |= self.look_losses(features, scores, None, cells)
        return {f"prompt_{name}": term for name, term in found.items()}

    def mask_losses(
        self,
        features: ImageFeatures,
        rows_K: Tensor,
        states: Tensor,
        targets_Khw: Tensor,
        valid_Khw: Tensor,
        answers_K: Tensor,
        *,
        scores: Tensor | None,
        claims: Tensor | None,
    ) -> dict[str, Tensor]:
        """BCE, DICE and alignment of the masks that (K, L * N, H) states stand for; targets are 0..255."""
        tokens_KLD = self.model.mask_tokens_from_states(states)
        logits = self.model.decode_tokens(features, rows_K, tokens_KLD, scores, claims)
        target = targets_Khw.float() / 255
        logits = F.interpolate(logits[:, None], size=target.shape[-2:], mode="bilinear")[:, 0]
        weights = refinement_weights(logits, answers_K, self.weights.refinement_alpha) * valid_Khw
        terms = {
            "bce": mask_bce_loss(logits, target, weights),
            "dice": dice_loss(logits, target, valid_Khw),
        }
        if self.weights.align:
            terms["align"] = sum(
                (
                    alignment_loss(tokens_KLD[:, level], features.maps[level].index_select(0, rows_K), target)
                    for level in range(tokens_KLD.shape[1])
                ),
                start=target.new_zeros(()),
            )
        return terms

    def dense_losses(self, features: ImageFeatures, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Classes of image tokens by the words for them, and of the decoder's finest map by linear heads."""
        terms = {}
        embeddings = self.model.language_model.get_input_embeddings().weight
        excluded = batch["exhaustive"]
        h, w = features.vision.levels[0].shape[-2:]
        for name, classifier in (("category", self.category_words), ("color", self.color_words)):
            logits = classifier(features.tokens, embeddings)
            terms[f"token_{name}"] = cell_loss(
                logits, batch[f"{name}_map"], (h, w), excluded, name, self.weights.foreground
            )
        finest = features.finest
        for name, head in self.fine_head.items():
            logits = head(finest).flatten(2).transpose(1, 2)
            terms[f"fine_{name}"] = cell_loss(
                logits, batch[f"{name}_map"], finest.shape[-2:], excluded, name, self.weights.foreground
            )
        return terms

    def count_losses(self, features: ImageFeatures, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Numbers and places of the things that words mean, and of those of every colour, by the lookup.

        Words count where a picture labels all that they mean; of colours all or none.
        """
        lookup = self.model.word_lookup
        assert lookup is not None
        embeddings = self.model.language_model.get_input_embeddings().weight
        known_BC = batch["exhaustive"][:, 1:]
        B, S = features.tokens.shape[:2]
        grid = features.vision.levels[0].shape[-2:]
        rows, categories_N, colors_N = batch["center_classes"].unbind(1)

        def stand(classes_N: Tensor, number: int) -> Tensor:
            return splatted(rows, classes_N, batch["center_points"], (B, number, S), grid)

        words_WH = self.counted_names(embeddings)
        expected_BWS, whole_BW = self.word_counts(stand(categories_N, known_BC.shape[1]), known_BC)
        colors_CH = self.color_words.words(embeddings)
        expected_BCS, all_B1 = stand(colors_N, len(colors_CH)), known_BC.all(dim=1, keepdim=True)

        def term(names_NH: Tensor, expected_BNS: Tensor, known_BN: Tensor) -> Tensor:
            things_BNS = lookup.things(names_NH.expand(B, -1, -1), features.tokens)
            return count_loss(things_BNS, expected_BNS, known_BN)

        return {
            "count_category": term(words_WH, expected_BWS, whole_BW),
            "count_color": term(colors_CH, expected_BCS, all_B1),
        }


def first_of_answers(segment_ids_BT: Tensor, learned_BT: Tensor) -> Tensor:
    """Of the learned positions, in reading order, which are the first of their dialogue: (learned,) bool."""
    rows = torch.arange(len(segment_ids_BT), device=segment_ids_BT.device)[:, None]
    # Padding has segment -1, so dialogues of different rows never have the same number.
    dialogue = (rows * (segment_ids_BT.max() + 2) + segment_ids_BT)[learned_BT]
    first = torch.ones_like(dialogue, dtype=torch.bool)
    first[1:] = dialogue[1:] != dialogue[:-1]
    return first
