"""A LISA or GSVA of a few thousand random weights, whose tokenizer the tests make too."""

from __future__ import annotations

import torch
from transformers import CLIPVisionConfig, LlamaConfig

from segue.checkpoints.sam_layout import SamDimensions
from segue.checkpoints.sentencepiece_model import SentencePieceModel
from segue.lisa_processing import LisaProcessor
from segue.llama_tokenizer import LlamaTokenizer
from segue.modeling.gsva import GsvaModel
from segue.modeling.lisa import LisaModel
from segue.modeling.lisa_configuration import GsvaConfig, LisaConfig, MaskTokenConfig
from tests.test_llama_tokenizer import model_file

SAM = SamDimensions(
    image_size=64,
    patch_size=16,
    embed_dim=16,
    depth=2,
    num_heads=2,
    mlp_ratio=2.0,
    global_attn_indexes=(1,),
    window_size=2,
    out_chans=16,
    mask_in_chans=8,
    decoder_depth=1,
    decoder_mlp_dim=16,
    iou_head_depth=2,
    iou_head_hidden_dim=16,
    decoder_num_heads=2,
)


def tiny_lisa(folder, *, rejects: bool = False, clip_size: int = 28, width: int = 32, **config):
    """(model, processor); the tokenizer's file is written to `folder`; `width` of the language model."""
    (folder / "tokenizer.model").write_bytes(model_file())
    config_class, model_class = (GsvaConfig, GsvaModel) if rejects else (LisaConfig, LisaModel)
    pieces = len(SentencePieceModel.read(folder / "tokenizer.model"))
    made = config_class(
        clip_config=CLIPVisionConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            image_size=clip_size,
            patch_size=14,
        ),
        text_config=LlamaConfig(
            hidden_size=width,
            intermediate_size=2 * width,
            num_hidden_layers=2,
            num_attention_heads=2,
            vocab_size=pieces + 3 + rejects,
            tie_word_embeddings=False,
        ),
        sam_config=SAM.to_config(),
        mask_token_config=MaskTokenConfig(scales=1, tokens_per_scale=1, reject=rejects, phrase_marks=False),
        **config,
    )
    torch.manual_seed(7)
    model = model_class(made).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # SAM's own start is almost zero
            parameter.normal_(std=0.1)
    tokenizer = LlamaTokenizer.read(folder, new_tokens=made.new_tokens, strip=made.strip_added)
    return model, LisaProcessor(made, tokenizer)
