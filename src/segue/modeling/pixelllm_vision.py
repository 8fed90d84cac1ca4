"""The two image encoders of PixelLLM and how their maps become one, and one small encoder in their place.

SAM's encoder is transformers' own. It is built at the size it runs at: published position tables (made for
1024 pixels) are resized once, when weights are read (`resize_sam_tables`), not at every step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import SamVisionConfig
from transformers.models.sam.modeling_sam import SamVisionEncoder, SamVisionNeck

from segue.errors import CheckpointError
from segue.modeling.eva02 import Eva02
from segue.modeling.pixelllm_configuration import PixelLLMConfig
from segue.modeling.resizing import bicubic, bilinear, linear_table
from segue.modeling.vision import VisionEncoder

__all__ = ["FusedFeatures", "FusedVision", "OwnVision", "resize_sam_tables"]


@dataclass(frozen=True)
class FusedFeatures:
    """What both encoders saw, once per picture.

    Attributes:
        fused: (B, C, h, w), EVA-02's channels first, on the larger of the two grids.
        sam: (B, 256, h', w'), SAM's own map, for the mask decoder.
        valid: (B, 2) height and width of the part that shows picture, in pixels of the padded input.
    """

    fused: Tensor
    sam: Tensor
    valid: Tensor

    def __len__(self) -> int:
        return len(self.fused)

    def __getitem__(self, number: int) -> FusedFeatures:
        """One picture's, as a batch of one."""
        one = slice(number, number + 1)
        return FusedFeatures(self.fused[one], self.sam[one], self.valid[one])


class FusedVision(nn.Module):
    """EVA-02 and SAM on the same padded picture."""

    eva_mean: Tensor
    eva_std: Tensor
    sam_mean: Tensor
    sam_std: Tensor

    def __init__(self, config: PixelLLMConfig):
        super().__init__()
        self.config = config
        self.eva = Eva02(config.eva_config)
        self.sam = SamVisionEncoder(config.sam_config)
        for name, mean, std in (
            ("eva", config.eva_config.pixel_mean, config.eva_config.pixel_std),
            ("sam", config.sam_pixel_mean, config.sam_pixel_std),
        ):
            self.register_buffer(f"{name}_mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
            self.register_buffer(f"{name}_std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor, padding_mask: Tensor) -> FusedFeatures:
        """`pixels` (B, 3, S, S) RGB 0..255, `padding_mask` (B, S, S), 1 where there is picture."""
        eva = self.eva(self.eva_pixels(pixels, padding_mask))
        sam = self.sam(self.sam_pixels(pixels, padding_mask)).last_hidden_state
        return FusedFeatures(self.fuse(eva, sam), sam, _valid(padding_mask).to(pixels.dtype))

    def eva_pixels(self, pixels: Tensor, padding_mask: Tensor) -> Tensor:
        """Normalised, zero in the padding, resized only where EVA-02's input has another size."""
        pixels = (pixels - self.eva_mean) / self.eva_std * padding_mask[:, None]
        return bilinear(pixels, (self.config.eva_config.image_size,) * 2)

    def sam_pixels(self, pixels: Tensor, padding_mask: Tensor) -> Tensor:
        """As `eva_pixels`, for SAM."""
        pixels = (pixels - self.sam_mean) / self.sam_std * padding_mask[:, None]
        return bilinear(pixels, (self.config.sam_config.image_size,) * 2)

    @property
    def channels(self) -> int:
        """C of the fused map."""
        return int(self.config.eva_config.hidden_size + self.config.sam_config.output_channels)

    @staticmethod
    def fuse(*maps: Tensor) -> Tensor:
        """Each map to the largest grid (height, then width), then one after the other on channels."""
        size = max((m.shape[-2], m.shape[-1]) for m in maps)
        return torch.cat([bicubic(m, size) for m in maps], dim=1)


class OwnVision(nn.Module):
    """The encoder of segue/mini in place of both: its deepest map, brought to the stem's stride of 8 and
    joined with the stem's map there; SAM's neck reads the two for the mask decoder.

    Raises:
        CheckpointError: `sam_config` does not have the width, or the grid, of that map.
    """

    def __init__(self, config: PixelLLMConfig):
        super().__init__()
        self.config = config
        self.tower = VisionEncoder(config.tower_config)
        seen = config.tower_config.hidden_size + config.tower_config.stem_widths[-2]
        sam = config.sam_config
        if sam.hidden_size != seen or sam.patch_size != 8 or sam.image_size != config.image_size:
            raise CheckpointError(
                f"tower_config: sam_config must have hidden_size {seen}, patch_size 8 and image_size"
                f" {config.image_size}, not {sam.hidden_size}, {sam.patch_size} and {sam.image_size}"
            )
        self.neck = SamVisionNeck(sam)

    def forward(self, pixels: Tensor, padding_mask: Tensor) -> FusedFeatures:
        """As `FusedVision`; what is padded has the colour that normalisation takes for nothing."""
        shown = padding_mask[:, None]
        seen = self.tower(pixels * shown + self.tower.pixel_mean * (1 - shown))
        own = FusedVision.fuse(seen.levels[0], seen.fine)
        sam = self.neck(own.permute(0, 2, 3, 1))
        return FusedFeatures(torch.cat([own, sam], dim=1), sam, _valid(padding_mask).to(pixels.dtype))

    @property
    def channels(self) -> int:
        """C of the fused map."""
        return int(self.config.sam_config.hidden_size + self.config.sam_config.output_channels)


def _valid(padding_mask: Tensor) -> Tensor:
    """(B, 2): height and width of what is not padding."""
    return torch.stack([padding_mask.amax(2).sum(1), padding_mask.amax(1).sum(1)], dim=1)


def resize_sam_tables(state: Mapping[str, Tensor], config: SamVisionConfig) -> dict[str, Tensor]:
    """A SAM encoder's weights (transformers' names), position tables fitted to `config.image_size`."""
    assert isinstance(config.image_size, int)
    assert isinstance(config.patch_size, int)
    grid = config.image_size // config.patch_size
    tables = dict(state)
    for name, table in state.items():
        if name.endswith("pos_embed"):
            tables[name] = bicubic(table.permute(0, 3, 1, 2), (grid, grid)).permute(0, 2, 3, 1)
        elif name.endswith(("rel_pos_h", "rel_pos_w")):
            layer = int(name.split(".attn.")[0].rsplit(".", 1)[1])
            side = (
                grid if layer in config.global_attn_indexes or not config.window_size else config.window_size
            )
            tables[name] = linear_table(table, 2 * side - 1)
    return tables
