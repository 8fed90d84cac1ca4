"""A tiny PixelLM written the way its authors publish theirs."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from segue.checkpoints.pixellm_layout import to_published
from segue.mask_tokens import MaskVocabulary
from segue.modeling.pixellm import PixelLMModel
from tests.modeling.tiny_pixellm import tiny_pixellm, tiny_pixellm_config

CHARACTERS = "\N{LOWER ONE EIGHTH BLOCK}abcdefghijklmnopqrstuvwxyzASUER.,?:'"
RELEASED = {"fusion": "constant", "scale_weights": "constant", "refinement": "off"}


def write_pieces(path: Path) -> int:
    """A SentencePiece file of bytes and single characters; returns how many pieces it has."""

    def field(number: int, kind: int, data: bytes) -> bytes:
        return bytes([number << 3 | kind]) + data

    def message(number: int, data: bytes) -> bytes:
        return field(number, 2, bytes([len(data)]) + data)

    control, byte, normal = 3, 6, 1
    pieces = [("<unk>", 2), ("<s>", control), ("</s>", control)]
    pieces += [(f"<0x{value:02X}>", byte) for value in range(256)]
    pieces += [(character, normal) for character in CHARACTERS]
    data = b""
    for number, (piece, kind) in enumerate(pieces):
        text = piece.encode()
        row = field(1, 2, bytes([len(text)]) + text) + field(2, 5, struct.pack("<f", -float(number)))
        data += message(1, row + field(3, 0, bytes([kind])))
    data += message(2, field(3, 0, b"\x02"))  # byte-pair encoding
    data += message(3, field(3, 0, b"\x01") + field(4, 0, b"\x00"))  # a word start first, white space kept
    path.write_bytes(data)
    return len(pieces)


def write_published(
    root: Path, *, scales: int = 2, tokens: int = 3, safetensors: bool = False, order: int = 1
) -> PixelLMModel:
    """`root`/hf_model with two shards and `root`/clip-tiny; `order` -1 gives the mask tokens falling ids."""
    folder, clip = root / "hf_model", root / "clip-tiny"
    folder.mkdir(parents=True)
    clip.mkdir()
    count = write_pieces(folder / "tokenizer.model")
    names = MaskVocabulary.token_names(scales=scales, tokens_per_scale=tokens)[::order]
    added = {name: count + number for number, name in enumerate([*names, "<im_start>", "<im_end>"])}
    text = tiny_pixellm_config().text_config
    text.vocab_size = count + len(added)
    tower = tiny_pixellm_config().vision_config
    tower.num_hidden_layers = 12  # the second scale is the 11th state from the end
    model = tiny_pixellm(
        scales=scales, tokens_per_scale=tokens, text_config=text, vision_config=tower, **RELEASED
    )
    config: dict[str, Any] = {
        name: getattr(text, name)
        for name in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    }
    config |= {
        "architectures": ["PixelLMForCausalLM"],
        "model_type": "llava",
        "vocab_size": text.vocab_size,
        "image_feature_scale_num": scales,
        "mm_vision_select_layer": -2,
        "mm_use_im_start_end": True,
        "resize_vision_tower": True,
        "resize_vision_tower_size": 448,
        "vision_tower": "clip-tiny",
    }
    write_json(folder / "config.json", config)
    write_json(folder / "added_tokens.json", added)
    write_json(folder / "special_tokens_map.json", {"pad_token": "<unk>"})
    write_json(folder / "tokenizer_config.json", {"legacy": True, "tokenizer_class": "LlamaTokenizer"})

    state = {name: value.contiguous() for name, value in to_published(model).items()}
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    state["model.prompt_encoder.point_embeddings.0.weight"] = torch.ones(1, 16)
    keys = sorted(state)
    halves = [{key: state[key] for key in keys[part::2]} for part in range(2)]
    ending, stem = ("safetensors", "model") if safetensors else ("bin", "pytorch_model")
    shards = [f"{stem}-{part + 1:05d}-of-00002.{ending}" for part in range(2)]
    for name, half in zip(shards, halves, strict=True):
        if safetensors:
            save_file(half, folder / name)
        else:
            torch.save(half, folder / name)
    index = {key: shards[part] for part, half in enumerate(halves) for key in half}
    write_json(folder / f"{stem}.{ending}.index.json", {"weight_map": index})

    write_json(clip / "config.json", {"vision_config": model.config.vision_config.to_dict()})
    weights = {f"vision_model.{name}": value for name, value in model.vision.model.state_dict().items()}
    weights |= {"logit_scale": torch.ones(()), "text_model.final_layer_norm.weight": torch.ones(8)}
    torch.save(weights, clip / "pytorch_model.bin")
    return model


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content))
