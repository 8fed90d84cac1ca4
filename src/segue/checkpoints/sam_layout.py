"""Segment Anything's original layout: its names, and its dimensions as the weights tell them.

Published LISA and GSVA checkpoints hold SAM under these names and no word about its size; nearly all of it
can be read off the shapes. What cannot (the decoder's number of heads) is SAM's published value, or is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.hub import fetch_folder
from segue.checkpoints.names import NameTable, Row
from segue.checkpoints.shards import read_file, read_tensors
from segue.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import SamConfig

__all__ = ["SamDimensions", "read_original_sam", "sam_names"]

_ENCODER: tuple[Row, ...] = (
    ("image_encoder.pos_embed", "image_encoder.pos_embed"),
    ("image_encoder.patch_embed.proj.", "image_encoder.patch_embed.projection."),
    ("image_encoder.blocks.{i}.norm1.", "image_encoder.layers.{i}.layer_norm1."),
    ("image_encoder.blocks.{i}.norm2.", "image_encoder.layers.{i}.layer_norm2."),
    ("image_encoder.blocks.{i}.", "image_encoder.layers.{i}."),  # attn.*, mlp.*: the same names
    ("image_encoder.neck.0.", "image_encoder.neck.conv1."),
    ("image_encoder.neck.1.", "image_encoder.neck.layer_norm1."),
    ("image_encoder.neck.2.", "image_encoder.neck.conv2."),
    ("image_encoder.neck.3.", "image_encoder.neck.layer_norm2."),
)
_PROMPTS: tuple[Row, ...] = (
    (
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
        "prompt_encoder.shared_embedding.positional_embedding",
    ),
    ("prompt_encoder.point_embeddings.{i}.", "prompt_encoder.point_embed.{i}."),
    ("prompt_encoder.mask_downscaling.0.", "prompt_encoder.mask_embed.conv1."),
    ("prompt_encoder.mask_downscaling.1.", "prompt_encoder.mask_embed.layer_norm1."),
    ("prompt_encoder.mask_downscaling.3.", "prompt_encoder.mask_embed.conv2."),
    ("prompt_encoder.mask_downscaling.4.", "prompt_encoder.mask_embed.layer_norm2."),
    ("prompt_encoder.mask_downscaling.6.", "prompt_encoder.mask_embed.conv3."),
    ("prompt_encoder.", "prompt_encoder."),
)
_TRANSFORMER: tuple[Row, ...] = (
    ("mask_decoder.transformer.layers.{i}.norm{j}.", "mask_decoder.transformer.layers.{i}.layer_norm{j}."),
    ("mask_decoder.transformer.norm_final_attn.", "mask_decoder.transformer.layer_norm_final_attn."),
    ("mask_decoder.transformer.", "mask_decoder.transformer."),
    ("mask_decoder.output_upscaling.0.", "mask_decoder.upscale_conv1."),
    ("mask_decoder.output_upscaling.1.", "mask_decoder.upscale_layer_norm."),
    ("mask_decoder.output_upscaling.3.", "mask_decoder.upscale_conv2."),
    ("mask_decoder.iou_token.", "mask_decoder.iou_token."),
    ("mask_decoder.mask_tokens.", "mask_decoder.mask_tokens."),
)
_HYPERNETWORK_DEPTH = 3


def sam_names(iou_head_depth: int) -> tuple[Row, ...]:
    """(original, ours) names of a whole SAM; the last layer of a head has a name of its own with us."""
    hyper = "mask_decoder.output_hypernetworks_mlps.{i}."
    heads = _head(hyper, _HYPERNETWORK_DEPTH) + _head("mask_decoder.iou_prediction_head.", iou_head_depth)
    return _ENCODER + _PROMPTS + _TRANSFORMER + heads


def _head(name: str, depth: int) -> tuple[Row, ...]:
    ours = ["proj_in.", *(f"layers.{number}." for number in range(depth - 2)), "proj_out."]
    return tuple((f"{name}layers.{number}.", name + own) for number, own in enumerate(ours))


@dataclass(frozen=True)
class SamDimensions:
    """SAM's dimensions under the names of its original code (`build_sam`)."""

    image_size: int
    patch_size: int
    embed_dim: int
    depth: int
    num_heads: int
    mlp_ratio: float
    global_attn_indexes: tuple[int, ...]
    window_size: int
    out_chans: int
    mask_in_chans: int
    decoder_depth: int
    decoder_mlp_dim: int
    iou_head_depth: int
    iou_head_hidden_dim: int
    decoder_num_heads: int = 8

    @classmethod
    def from_weights(
        cls, state: Mapping[str, Tensor], *, given: Mapping[str, Any] | None = None
    ) -> SamDimensions:
        """Read off weights with original names; `given` dimensions win.

        Raises:
            CheckpointError: weights that tell dimensions are missing; a given dimension does not exist.
        """

        def shape(name: str) -> tuple[int, ...]:
            if name not in state:
                raise CheckpointError(f"the checkpoint holds no SAM weight {name}: its size cannot be told")
            return tuple(state[name].shape)

        def count(pattern: str) -> int:
            numbers = [int(m.group(1)) for m in map(re.compile(pattern).match, state) if m]
            return max(numbers, default=-1) + 1

        depth = count(r"image_encoder\.blocks\.(\d+)\.")
        iou_depth = count(r"mask_decoder\.iou_prediction_head\.layers\.(\d+)\.")
        _, grid, _, width = shape("image_encoder.pos_embed")
        patch = shape("image_encoder.patch_embed.proj.weight")[-1]
        # A block's relative positions span its window, or the whole grid where attention is global.
        spans = [shape(f"image_encoder.blocks.{i}.attn.rel_pos_h") for i in range(depth)]
        reach = [(rows + 1) // 2 for rows, _ in spans]
        windows = [size for size in reach if size < grid]
        found = cls(
            image_size=grid * patch,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=width // spans[0][1] if spans else 1,
            mlp_ratio=shape("image_encoder.blocks.0.mlp.lin1.weight")[0] / width,
            global_attn_indexes=tuple(i for i, size in enumerate(reach) if size >= grid),
            window_size=windows[0] if windows else 0,
            out_chans=shape("image_encoder.neck.0.weight")[0],
            mask_in_chans=shape("prompt_encoder.mask_downscaling.3.weight")[0],
            decoder_depth=count(r"mask_decoder\.transformer\.layers\.(\d+)\."),
            decoder_mlp_dim=shape("mask_decoder.transformer.layers.0.mlp.lin1.weight")[0],
            iou_head_depth=iou_depth,
            iou_head_hidden_dim=shape("mask_decoder.iou_prediction_head.layers.0.weight")[0],
        )
        return found.override(given or {})

    def override(self, given: Mapping[str, Any]) -> SamDimensions:
        """With the given ones in place; CheckpointError for a name that is no dimension."""
        known = [field.name for field in fields(self)]
        unknown = [name for name in given if name not in known]
        if unknown:
            raise CheckpointError(
                f"sam_config: no dimension {', '.join(map(repr, unknown))}; there are {', '.join(known)}"
            )
        values = dict(given)
        if "global_attn_indexes" in values:
            values["global_attn_indexes"] = tuple(values["global_attn_indexes"])
        return replace(self, **values)

    def to_config(self) -> SamConfig:
        """transformers' configuration of the same network."""
        from transformers import SamConfig, SamMaskDecoderConfig, SamPromptEncoderConfig, SamVisionConfig

        return SamConfig(
            vision_config=SamVisionConfig(
                hidden_size=self.embed_dim,
                output_channels=self.out_chans,
                num_hidden_layers=self.depth,
                num_attention_heads=self.num_heads,
                image_size=self.image_size,
                patch_size=self.patch_size,
                mlp_ratio=float(self.mlp_ratio),
                mlp_dim=round(self.embed_dim * self.mlp_ratio),
                window_size=self.window_size,
                global_attn_indexes=list(self.global_attn_indexes),
                num_pos_feats=self.out_chans // 2,
            ).to_dict(),
            prompt_encoder_config=SamPromptEncoderConfig(
                hidden_size=self.out_chans,
                image_size=self.image_size,
                patch_size=self.patch_size,
                mask_input_channels=self.mask_in_chans,
            ).to_dict(),
            mask_decoder_config=SamMaskDecoderConfig(
                hidden_size=self.out_chans,
                mlp_dim=self.decoder_mlp_dim,
                num_hidden_layers=self.decoder_depth,
                num_attention_heads=self.decoder_num_heads,
                iou_head_depth=self.iou_head_depth,
                iou_head_hidden_dim=self.iou_head_hidden_dim,
                layer_norm_eps=1e-5,  # of the two-way blocks; transformers' default 1e-6 is not SAM's
            ).to_dict(),
        )


SAM_VIT_H = SamDimensions(
    image_size=1024,
    patch_size=16,
    embed_dim=1280,
    depth=32,
    num_heads=16,
    mlp_ratio=4.0,
    global_attn_indexes=(7, 15, 23, 31),
    window_size=14,
    out_chans=256,
    mask_in_chans=16,
    decoder_depth=2,
    decoder_mlp_dim=2048,
    iou_head_depth=3,
    iou_head_hidden_dim=256,
)
"""What the published LISA and GSVA checkpoints hold."""


def read_original_sam(name: str | Path) -> dict[str, Tensor]:
    """Segment Anything's weights by their original names.

    Args:
        name: the original file, or transformers' folder or hub name.

    Raises:
        CheckpointError: none of these.
    """
    path = Path(name)
    if path.is_file():
        return read_file(path)
    folder = path if (path / "config.json").is_file() else fetch_folder(str(name))
    ours = {
        key.replace("vision_encoder.", "image_encoder.", 1): value
        for key, value in read_tensors(folder).items()
        if not key.startswith("shared_image_embedding.")  # the prompt encoder has it too
    }
    table = NameTable(sam_names(SAM_VIT_H.iou_head_depth))
    return {table.to_published(key) or key: value for key, value in ours.items()}
