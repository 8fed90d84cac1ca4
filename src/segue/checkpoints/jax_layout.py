"""The original PixelLLM's parameter tree (JAX) to ours.

The tree is a flat mapping of names joined by "/" to arrays, as `numpy.savez` writes it. Where a name goes is
`TABLE`, read from above; how its values change follows from the last part of its name (`_as_tensor`).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.checkpoints.strict import fill
from segue.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

    from segue.modeling.pixelllm import PixelLLM
    from segue.modeling.pixelllm_configuration import PixelLLMConfig

__all__ = ["config_from_description", "convert_tree", "load_tree", "read_tree"]

TWO_WAY = (
    (r"layers\.(\d+)/self_attn/", r"layers.\1.self_attention."),
    (r"layers\.(\d+)/cross_attn_token_to_image/", r"layers.\1.token_to_image."),
    (r"layers\.(\d+)/cross_attn_image_to_token/", r"layers.\1.image_to_token."),
    (r"layers\.(\d+)/mlp/lin1/", r"layers.\1.mlp.0."),
    (r"layers\.(\d+)/mlp/lin2/", r"layers.\1.mlp.2."),
    (r"layers\.(\d+)/norm1/", r"layers.\1.norms.0."),
    (r"layers\.(\d+)/norm2/", r"layers.\1.norms.1."),
    (r"layers\.(\d+)/norm3/", r"layers.\1.norms.2."),
    (r"layers\.(\d+)/norm4/", r"layers.\1.norms.3."),
    (r"final_attn_token_to_image/", r"final_attention."),
    (r"norm_final_attn/", r"final_norm."),
)

T5_ATTENTION = (
    (r"layers_(\d+)/pre_attention_layer_norm/", r"block.\1.layer.0.layer_norm."),
    (r"layers_(\d+)/pre_self_attention_layer_norm/", r"block.\1.layer.0.layer_norm."),
    (r"layers_(\d+)/pre_cross_attention_layer_norm/", r"block.\1.layer.1.layer_norm."),
    (r"layers_(\d+)/(?:self_)?attention/", r"block.\1.layer.0.SelfAttention."),
    (r"layers_(\d+)/encoder_decoder_attention/", r"block.\1.layer.1.EncDecAttention."),
    (r"(block\.\d+\.layer\.\d\.\w+)\.query/", r"\1.q."),
    (r"(block\.\d+\.layer\.\d\.\w+)\.key/", r"\1.k."),
    (r"(block\.\d+\.layer\.\d\.\w+)\.value/", r"\1.v."),
    (r"(block\.\d+\.layer\.\d\.\w+)\.out/", r"\1.o."),
    (r"relpos_bias/rel_embedding$", r"block.0.layer.0.SelfAttention.relative_attention_bias.rel_embedding"),
)

# (start of the original's name, start of ours, further replacements in what follows)
TABLE: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    (
        "git_backbone/",
        "vision.eva.",
        (
            (r"^ln_post/", "norm."),
            (r"/attn/([qv])_bias$", r".attn.\1_proj.bias"),
            (r"/mlp/w1/", ".mlp.fc1_g."),
            (r"/mlp/w2/", ".mlp.fc1_x."),
            (r"/mlp/w3/", ".mlp.fc2."),
            (r"/mlp/ffn_ln/", ".mlp.norm."),
            (r"/attn/inner_attn_ln/", ".attn.norm."),
        ),
    ),
    (
        "sam_backbone/",
        "vision.sam.",
        (
            (r"^patch_embed\.proj/", "patch_embed.projection."),
            (r"^blocks\.(\d+)/norm(\d)/", r"layers.\1.layer_norm\2."),
            (r"^blocks\.", "layers."),
            (r"^neck/0/", "neck.conv1."),
            (r"^neck/1/", "neck.layer_norm1."),
            (r"^neck/2/", "neck.conv2."),
            (r"^neck/3/", "neck.layer_norm2."),
        ),
    ),
    ("prompt_encoder/pe_layer/positional_encoding_gaussian_matrix", "prompt_encoder.positions.gaussian", ()),
    ("prompt_encoder/point_embeddings.", "prompt_encoder.point_embed.", ((r"\.weight$", ""),)),
    ("prompt_encoder/not_a_point_embed.weight", "prompt_encoder.not_a_point", ()),
    ("prompt_encoder/no_mask_embed.weight", "prompt_encoder.no_mask", ()),
    (
        "prompt_adapter/",
        "extractor.",
        (
            (r"^output_tokens\.weight$", "tokens"),
            (r"^image_projection_mlp/layers\.0/", "image_projection."),
            (r"^prompt_embedding_projection_mlp/layers\.0/", "prompt_projection."),
            (r"^image_pe_projection_mlp/layers\.0/", "position_projection."),
            (r"^output_hypernetworks_mlps\.(\d+)/layers\.0/", r"outputs.\1."),
            (r"^dense_output_mlp/layers\.0/", "dense_output."),
            *TWO_WAY,
        ),
    ),
    ("visual_project_layers/visual_projection.", "captioner.visual_projection.", ()),
    (
        "textual/t5_module/",
        "captioner.",
        (
            (r"^token_embedder/", "shared."),
            (r"^encoder/encoder_norm/", "encoder.final_layer_norm."),
            (r"^decoder/decoder_norm/", "decoder.final_layer_norm."),
            (r"^decoder/logits_dense/", "lm_head."),
            (r"^encoder/layers_(\d+)/mlp/", r"encoder.block.\1.layer.1.DenseReluDense."),
            (r"^encoder/layers_(\d+)/pre_mlp_layer_norm/", r"encoder.block.\1.layer.1.layer_norm."),
            (r"^decoder/layers_(\d+)/mlp/", r"decoder.block.\1.layer.2.DenseReluDense."),
            (r"^decoder/layers_(\d+)/pre_mlp_layer_norm/", r"decoder.block.\1.layer.2.layer_norm."),
            *T5_ATTENTION,
        ),
    ),
    (
        "textual/",
        "captioner.",
        (
            (r"^embedding/words/", "words."),
            (r"^embedding/positions/", "positions."),
            (r"^embedding/layer_norm/", "embedding_norm."),
            (r"^output/", "lm_head."),
            (r"^transformer/encoder/layer\.", "layers."),
            (r"/attention/self/", "."),
            (r"/attention/output/dense/", ".out."),
            (r"/attention/output/LayerNorm/", ".attention_norm."),
            (r"/intermediate/dense/", ".intermediate."),
            (r"/output/dense/", ".output."),
            (r"/output/LayerNorm/", ".output_norm."),
        ),
    ),
    ("point_predictor/LayerNorm_0/", "location_head.norm.", ()),
    ("point_predictor/mlp/", "location_head.", ()),
    (
        "mask_adapter/",
        "mask_adapter.",
        (
            (r"^alpha_output\.weight$", "gate"),
            (r"^output_tokens\.weight$", "tokens"),
            (r"^visual_projection_mlp/LayerNorm_0/", "visual.0."),
            (r"^visual_projection_mlp/layers\.0/", "visual.1."),
            (r"^textual_projection_mlp/LayerNorm_0/", "text.0."),
            (r"^textual_projection_mlp/layers\.0/", "text.1."),
            *TWO_WAY,
        ),
    ),
    (
        "mask_decoder/",
        "mask_decoder.",
        (
            (r"^output_upscaling/0/", "upscale_conv1."),
            (r"^output_upscaling/1/", "upscale_layer_norm."),
            (r"^output_upscaling/3/", "upscale_conv2."),
            (r"^transformer/norm_final_attn/", "transformer.layer_norm_final_attn."),
            (r"^(transformer/layers\.\d+)/norm(\d)/", r"\1.layer_norm\2."),
        ),
    ),
    (
        "box_decoder/fpn/",
        "detector.pyramid.",
        (
            (r"^simfp_3\.0/", "up."),
            (r"^simfp_3\.1/", "laterals.0.0."),
            (r"^simfp_3\.1\.norm/", "laterals.0.1.norm."),
            (r"^simfp_3\.2/", "laterals.0.2."),
            (r"^simfp_3\.2\.norm/", "laterals.0.3.norm."),
            (r"^simfp_4\.0/", "laterals.1.0."),
            (r"^simfp_4\.0\.norm/", "laterals.1.1.norm."),
            (r"^simfp_4\.1/", "laterals.1.2."),
            (r"^simfp_4\.1\.norm/", "laterals.1.3.norm."),
            (r"^simfp_5\.1/", "laterals.2.0."),
            (r"^simfp_5\.1\.norm/", "laterals.2.1.norm."),
            (r"^simfp_5\.2/", "laterals.2.2."),
            (r"^simfp_5\.2\.norm/", "laterals.2.3.norm."),
            (r"^top_block/", ""),
        ),
    ),
    (
        "box_decoder/proposal_generator/",
        "detector.head.",
        (
            (r"^bbox_tower/", "tower."),
            (r"^bbox_pred/", "distances."),
            (r"^agn_hm/", "heatmap."),
            (r"^scales\.(\d+)/scale$", r"scales.\1"),
        ),
    ),
    (
        "box_decoder/roi_heads/box_head.0/",
        "detector.roi.",
        (
            (r"^fc1/", "layers.0."),
            (r"^fc2/", "layers.1."),
            (r"^cls_score/", "classes."),
            (r"^bbox_pred/", "deltas."),
        ),
    ),
)

STACKED = ("prompt_encoder.point_embed", "detector.head.scales")
"""Ours are one tensor where the original has one for each row."""

LEAVES = {"kernel": "weight", "scale": "weight", "embedding": "weight", "rel_embedding": "weight"}
LORA = {"kernel_left_lora": "lora_A.default.weight", "kernel_right_lora": "lora_B.default.weight"}


def read_tree(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file; nothing in it is executed.

    Raises:
        CheckpointError: not such a file, or it holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (OSError, ValueError, zipfile.BadZipFile, AttributeError) as error:
        raise CheckpointError(f"{path}: not a flat parameter tree in numpy's .npz form ({error})") from None


def load_tree(path: str | Path, config: PixelLLMConfig) -> PixelLLM:
    """A model with the weights of the tree at `path`, in eval mode."""
    from segue.modeling.pixelllm import PixelLLM

    model = PixelLLM(config)
    fill(model, convert_tree(read_tree(path), config), str(path))
    return model.eval()


def convert_tree(tree: Mapping[str, np.ndarray], config: PixelLLMConfig) -> dict[str, Tensor]:
    """Names and tensors as our model has them; SAM's position tables are fitted to its input size.

    Raises:
        CheckpointError: names that the table does not know, with the first few.
    """
    import torch

    from segue.modeling.pixelllm_vision import resize_sam_tables

    state: dict[str, Tensor] = {}
    unknown = []
    for name, values in tree.items():
        own = our_name(name, lora=config.lora_rank > 0)
        if own is None:
            unknown.append(name)
        else:
            state[own] = torch.from_numpy(np.ascontiguousarray(_as_tensor(name, values)))
    if unknown:
        raise CheckpointError(
            f"{len(unknown)} names are none of a PixelLLM's: {', '.join(unknown[:3])}"
            f"{', ...' if len(unknown) > 3 else ''}"
        )
    for whole in STACKED:
        rows = sorted((name for name in state if name.startswith(whole + ".")), key=_last_number)
        if rows:
            state[whole] = torch.cat([state.pop(name) for name in rows])
    _name_feed_forwards(state)
    sam = {name: value for name, value in state.items() if name.startswith("vision.sam.")}
    return state | resize_sam_tables(sam, config.sam_config)


def our_name(name: str, *, lora: bool) -> str | None:
    """Where a tensor of the original goes; None when the table does not know it."""
    for start, ours, replacements in TABLE:
        if name.startswith(start):
            rest = name[len(start) :]
            for pattern, replacement in replacements:
                rest = re.sub(pattern, replacement, rest)
            module, _, leaf = (ours + rest.replace("/", ".")).rpartition(".")
            if leaf in LORA:
                return f"{module}.{LORA[leaf]}"
            base = lora and re.search(r"Attention\.[qv]$", module)
            return f"{module}{'.base_layer' if base else ''}.{LEAVES.get(leaf, leaf)}"
    return None


def _as_tensor(name: str, values: np.ndarray) -> np.ndarray:
    leaf = name.rsplit("/", 1)[-1]
    if leaf in ("rel_embedding", *LORA) or (leaf == "kernel" and values.ndim == 2):
        return values.T
    if leaf == "kernel":
        if "output_upscaling" in name:  # flax's transpose_kernel: stored as (h, w, out, in)
            return values.transpose(3, 2, 0, 1)
        if name.endswith("simfp_3.0/kernel"):  # flax's default for transposed convolutions: mirrored
            return values[::-1, ::-1].transpose(2, 3, 0, 1)
        return values.transpose(3, 2, 0, 1)
    if leaf in ("not_a_point_embed.weight", "no_mask_embed.weight"):
        return values[0]
    return values


def _name_feed_forwards(state: dict[str, Tensor]) -> None:
    """SAM's small MLPs count their layers; transformers calls the first and the last by name."""
    pattern = re.compile(
        r"(mask_decoder\.(?:iou_prediction_head|output_hypernetworks_mlps\.\d+))\.layers\.(\d+)\."
    )
    found = [(name, match) for name in state if (match := pattern.match(name))]
    last = {match[1]: max(int(m[2]) for _, m in found if m[1] == match[1]) for _, match in found}
    for name, match in found:
        number = int(match[2])
        part = (
            "proj_in" if number == 0 else "proj_out" if number == last[match[1]] else f"layers.{number - 1}"
        )
        state[f"{match[1]}.{part}.{name[match.end() :]}" + " "] = state.pop(name)
    for name in [name for name in state if name.endswith(" ")]:
        state[name.rstrip()] = state.pop(name)


def _last_number(name: str) -> int:
    return int(name.rsplit(".", 1)[1])


def config_from_description(raw: Mapping[str, Any]) -> PixelLLMConfig:
    """A configuration from the sizes that are written down beside a tree (`config.json`, format
    "pixelllm-parity-1").

    Raises:
        CheckpointError: another format, or a size is missing.
    """
    if raw.get("format") != "pixelllm-parity-1":
        raise CheckpointError(f"a description of format {raw.get('format')!r} is not one that segue reads")
    try:
        return _config(raw)
    except KeyError as error:
        raise CheckpointError(f"the description of the model lacks {error}") from None


def _config(raw: Mapping[str, Any]) -> PixelLLMConfig:
    from transformers import SamVisionConfig, T5Config
    from transformers.models.sam.configuration_sam import SamMaskDecoderConfig

    from segue.modeling import pixelllm_configuration as ours

    image, sam, eva = raw["image"], raw["sam_encoder"], raw["eva_encoder"]
    extractor, head, text = raw["prompt_adapter"], raw["point_head"], raw["language_model"]
    layers = range(sam["num_layers"])
    sections: dict[str, Any] = {
        "eva_config": ours.Eva02Config(
            image_size=image["eva_input_size"],
            pixel_mean=image["eva_pixel_mean"],
            pixel_std=image["eva_pixel_std"],
            drop_path_rate=0.0,
            **eva,
        ),
        "sam_config": SamVisionConfig(
            image_size=image["sam_input_size"],
            patch_size=sam["patch_size"],
            hidden_size=sam["hidden_size"],
            num_hidden_layers=sam["num_layers"],
            num_attention_heads=sam["num_heads"],
            mlp_ratio=float(sam["mlp_ratio"]),
            window_size=sam["window_size"],
            global_attn_indexes=[i for i in layers if i not in sam["windowed_layers"]],
            output_channels=sam["output_channels"],
            layer_norm_eps=sam["layer_norm_eps"],
        ),
        "extractor_config": ours.PromptExtractorConfig(
            num_layers=extractor["num_layers"],
            hidden_size=extractor["hidden_size"],
            num_heads=extractor["num_heads"],
            mlp_size=extractor["mlp_size"],
            num_output_tokens=extractor["num_output_tokens"],
            output_size=extractor["output_size"],
        ),
    }
    if text["kind"] == "t5":
        sections["text_config"] = T5Config(
            vocab_size=text["vocab_size"],
            d_model=text["d_model"],
            d_kv=text["d_kv"],
            d_ff=text["d_ff"],
            num_heads=text["num_heads"],
            num_layers=text["num_encoder_layers"],
            num_decoder_layers=text["num_decoder_layers"],
            relative_attention_num_buckets=text["relative_attention_num_buckets"],
            relative_attention_max_distance=text["relative_attention_max_distance"],
            layer_norm_epsilon=text["layer_norm_eps"],
            feed_forward_proj="gated-gelu",
        )
        sections |= {"lora_rank": text["lora_rank"], "lora_scale": text["lora_scale"]}
        sections["visual_projection_eps"] = raw["visual_projection"]["layer_norm_eps"]
    else:
        sections["text_config"] = ours.PrefixDecoderConfig(
            **{key: value for key, value in text.items() if key != "kind"}
        )
        sections["lora_rank"] = 0
    decoder = raw.get("mask_decoder")
    if decoder:
        sections["mask_decoder_config"] = SamMaskDecoderConfig(
            hidden_size=decoder["hidden_size"],
            mlp_dim=decoder["mlp_size"],
            num_hidden_layers=decoder["num_layers"],
            num_attention_heads=decoder["num_heads"],
            num_multimask_outputs=decoder["num_multimask_outputs"],
            iou_head_depth=decoder["iou_head_layers"],
            iou_head_hidden_dim=decoder["iou_head_hidden_size"],
            layer_norm_eps=1e-5,
        )
    if adapter := raw.get("mask_adapter"):
        sections["mask_adapter_config"] = ours.MaskAdapterConfig(**adapter)
    if detector := raw.get("box_decoder"):
        sections["detector_config"] = _detector_config(detector)
    losses, tokens = raw["loss"], raw["token_ids"]
    return ours.PixelLLMConfig(
        image_size=image["padded_size"],
        sam_pixel_mean=image["sam_pixel_mean"],
        sam_pixel_std=image["sam_pixel_std"],
        prompt_size=raw["prompt_encoder"]["hidden_size"],
        point_hidden_size=head["hidden_size"],
        point_num_layers=head["num_layers"],
        points_per_word=head["points_per_token"],
        values_per_point=head["values_per_point"],
        pad_token_id=tokens["pad"],
        bos_token_id=tokens["bos"],
        eos_token_id=tokens["eos"],
        max_text_length=raw["decoding"]["max_length"],
        max_context_length=raw["context_length"],
        beam_alpha=raw["decoding"]["beam_alpha"],
        beam_per_node=raw["decoding"]["beam_per_node"],
        text_loss_weight=losses["text_weight"],
        point_loss_weight=losses["point_weight"],
        detection_loss_weight=losses["detection_weight"],
        mask_loss_weight=losses["mask_weight"],
        label_smoothing=losses["label_smoothing"],
        focal_loss_weight=losses["focal_weight"],
        dice_loss_weight=losses["dice_weight"],
        iou_loss_weight=losses["iou_weight"],
        **sections,
    )


def _detector_config(raw: Mapping[str, Any]) -> Any:
    from segue.modeling.pixelllm_configuration import CenterNetConfig

    taken = {key: value for key, value in raw.items() if key not in ("head_channels", "mult_proposal_score")}
    return CenterNetConfig(
        train_pre_nms_topk=raw["pre_nms_topk"], train_post_nms_topk=raw["post_nms_topk"], **taken
    )
