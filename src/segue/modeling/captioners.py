"""The two language models of PixelLLM behind one small interface; everything else is the same for both.

    memory = captioner.encode(visual, context)     picture and text prompt, once
    states = captioner.read(memory, text)          all positions of a given text, for training and for points
    cursor = captioner.begin(memory)               then, token by token: cursor.feed(ids), cursor.select(rows)
    captioner.logits(states)

Letters: R rows (prompts of all pictures), Q visual tokens, M context tokens, L text tokens, D width, V
vocabulary. Text starts with BOS. A text's state at a position has read that position's token.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache, T5Config
from transformers.models.t5.modeling_t5 import T5Stack

from segue.errors import MissingDependencyError
from segue.modeling.pixelllm_configuration import PixelLLMConfig, PrefixDecoderConfig

__all__ = ["Captioner", "Cursor", "PrefixDecoder", "T5Captioner", "make_captioner"]

MASKED = -1e10
"""What the original adds to masked attention logits. Finite on purpose: a fully masked row attends evenly."""


class Cursor(Protocol):
    """Cached reading, one token at a time."""

    def feed(self, ids_R: Tensor) -> Tensor:
        """Read one more token in each row; returns its states (R, D)."""

    def select(self, rows: Tensor) -> None:
        """Keep, reorder or repeat rows."""


class Captioner(Protocol):
    """What search, points and losses need of a language model."""

    width: int
    reads_ahead: bool
    """States of earlier tokens change when a pad token follows: a cursor is then no longer exact."""

    def encode(self, visual_RQD: Tensor, context_RM: Tensor) -> Any: ...
    def read(self, memory: Any, text_RL: Tensor) -> Tensor: ...
    def begin(self, memory: Any) -> Cursor: ...
    def logits(self, states: Tensor) -> Tensor: ...


def make_captioner(config: PixelLLMConfig) -> T5Captioner | PrefixDecoder:
    """The language model of a configuration, with LoRA where it has a rank."""
    if isinstance(config.text_config, PrefixDecoderConfig):
        return PrefixDecoder(config.text_config, visual_width=config.extractor_config.output_size)
    captioner = T5Captioner(
        config.text_config,
        visual_width=config.extractor_config.output_size,
        eps=config.visual_projection_eps,
        mask_by_next_token=config.mask_by_next_token,
    )
    if config.lora_rank:
        captioner.add_lora(
            config.lora_rank, config.lora_scale, cross=config.lora_attention == "self_and_cross"
        )
    return captioner


@dataclass(frozen=True)
class Memory:
    """What an encoder read: (R, S, D) states and (R, S) which count."""

    states: Tensor
    valid: Tensor

    def __getitem__(self, rows: Tensor) -> Memory:
        return Memory(self.states[rows], self.valid[rows])


class T5Captioner(nn.Module):
    """Flan-T5 (transformers' stacks and names) that reads projected visual tokens before its text prompt.

    `mask_by_next_token` is what the original does: a position whose *next* token is padding reads and is read
    by nothing, which ends in an even mixture of everything.
    """

    def __init__(
        self, config: T5Config, *, visual_width: int, eps: float = 1e-5, mask_by_next_token: bool = True
    ):
        super().__init__()
        self.reads_ahead = mask_by_next_token
        self.config = config
        self.width = config.d_model
        self.visual_projection = nn.Sequential(
            nn.Linear(visual_width, config.d_model), nn.LayerNorm(config.d_model, eps=eps)
        )
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = _stack(config, is_decoder=False)
        self.decoder = _stack(config, is_decoder=True)
        self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)

    def add_lora(self, rank: int, scale: float, *, cross: bool) -> None:
        """PEFT adapters on queries and values (`cross`: of the attention to the encoder too, as released)."""
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError:
            raise MissingDependencyError("LoRA needs peft: pip install 'segue[train]'") from None
        where = r"SelfAttention|EncDecAttention" if cross else "SelfAttention"
        config = LoraConfig(
            r=rank, lora_alpha=int(scale * rank), lora_dropout=0.0, target_modules=rf".*\.({where})\.[qv]"
        )
        for stack in (self.encoder, self.decoder):
            inject_adapter_in_model(config, stack)

    def prefix(self, visual_RQD: Tensor) -> Tensor:
        """The visual prefix as the encoder reads it."""
        return self.visual_projection(visual_RQD)

    def encode(self, visual_RQD: Tensor, context_RM: Tensor) -> Memory:
        """Visual tokens and text prompt (0 is padding) through the encoder."""
        prefix = self.prefix(visual_RQD)
        embeddings = torch.cat([prefix, self.shared(context_RM)], dim=1)
        valid = torch.cat([torch.ones_like(prefix[..., 0], dtype=torch.bool), context_RM > 0], dim=1)
        mask = _additive(valid[:, :, None] & valid[:, None, :], embeddings.dtype)
        return Memory(self.encoder(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state, valid)

    def read(self, memory: Memory, text_RL: Tensor) -> Tensor:
        """(R, L, D) states of all positions; the mask adapter reads the odd ones behind the last word too."""
        real = F.pad(text_RL[:, 1:], (0, 1)) > 0
        if not self.reads_ahead:
            real = torch.ones_like(real)
        L = text_RL.shape[1]
        causal = torch.ones(L, L, dtype=torch.bool, device=text_RL.device).tril()
        own = causal & real[:, :, None] & real[:, None, :]
        across = real[:, :, None] & memory.valid[:, None, :]
        embeddings = self.shared(text_RL)
        return self.decoder(
            inputs_embeds=embeddings,
            attention_mask=_additive(own, embeddings.dtype),
            encoder_hidden_states=memory.states,
            encoder_attention_mask=_additive(across, embeddings.dtype),
        ).last_hidden_state

    def begin(self, memory: Memory) -> T5Cursor:
        """A cursor before the first token."""
        return T5Cursor(self, memory)

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        return self.lm_head(states)


class T5Cursor:
    """Keys and values of what the decoder has read."""

    def __init__(self, captioner: T5Captioner, memory: Memory):
        self.captioner, self.memory = captioner, memory
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.length = 0

    def feed(self, ids_R: Tensor) -> Tensor:
        self.length += 1
        embeddings = self.captioner.shared(ids_R[:, None])
        own = embeddings.new_zeros(len(ids_R), 1, 1, self.length)
        output = self.captioner.decoder(
            inputs_embeds=embeddings,
            attention_mask=own,
            encoder_hidden_states=self.memory.states,
            encoder_attention_mask=_additive(self.memory.valid[:, None, :], embeddings.dtype),
            past_key_values=self.cache,
            use_cache=True,
        )
        return output.last_hidden_state[:, 0]

    def select(self, rows: Tensor) -> None:
        self.memory = self.memory[rows]
        self.cache.batch_select_indices(rows)


def _stack(config: T5Config, *, is_decoder: bool) -> T5Stack:
    own = copy.deepcopy(config)
    own.is_decoder = own.use_cache = is_decoder
    own.is_encoder_decoder = is_decoder
    own.num_layers = (config.num_decoder_layers or config.num_layers) if is_decoder else config.num_layers
    own._attn_implementation = "eager"  # the others treat fully masked rows differently
    stack = T5Stack(own)
    del stack.embed_tokens  # always given embeddings; one table serves both stacks
    return stack


def _additive(allowed_RQK: Tensor, dtype: torch.dtype) -> Tensor:
    mask = torch.zeros_like(allowed_RQK, dtype=dtype)
    return mask.masked_fill(~allowed_RQK, max(MASKED, torch.finfo(dtype).min))[:, None]


class PrefixDecoder(nn.Module):
    """The BERT-style decoder: post-norm layers over [visual | context | text].

    The prefix sees itself in both directions, text sees the prefix and what came before. Context and text
    both count their positions from 0, visual tokens have none.
    """

    reads_ahead = False

    def __init__(self, config: PrefixDecoderConfig, *, visual_width: int):
        super().__init__()
        D = config.hidden_size
        self.config = config
        self.width = D
        self.visual_projection = nn.Sequential(
            nn.Linear(visual_width, D), nn.LayerNorm(D, eps=config.projection_layer_norm_eps)
        )
        self.words = nn.Embedding(config.vocab_size, D)
        self.positions = nn.Embedding(config.max_positions, D)
        self.embedding_norm = nn.LayerNorm(D, eps=config.embedding_layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        layers = [PrefixDecoderLayer(config) for _ in range(config.num_layers)]
        self.layers: Any = nn.ModuleList(layers)
        self.lm_head = nn.Linear(D, config.vocab_size)

    def prefix(self, visual_RQD: Tensor) -> Tensor:
        """What the mask adapter reads as the visual prefix: before this model's own projection."""
        return visual_RQD

    def encode(self, visual_RQD: Tensor, context_RM: Tensor) -> PrefixMemory:
        """The prefix through all layers; text only needs its keys and values."""
        visual = self.visual_projection(visual_RQD)
        valid = torch.cat([torch.ones_like(visual[..., 0], dtype=torch.bool), context_RM > 0], dim=1)
        x = torch.cat([visual, self.embed(context_RM, start=0)], dim=1)
        allowed = valid[:, None, None, :]
        layers, outputs = [], []
        for layer in self.layers:
            keys, values = layer.keys_values(x)
            x = layer(x, keys, values, allowed)
            layers.append((keys, values))
            outputs.append(x)
        return PrefixMemory(tuple(layers), valid, tuple(outputs))

    def embed(self, ids_RL: Tensor, *, start: int) -> Tensor:
        """Words and positions, counted from `start`."""
        numbers = torch.arange(start, start + ids_RL.shape[1], device=ids_RL.device)
        return self.dropout(self.embedding_norm(self.words(ids_RL) + self.positions(numbers)))

    def read(self, memory: PrefixMemory, text_RL: Tensor) -> Tensor:
        """(R, L, D) states of all positions."""
        return self.layer_outputs(memory, text_RL)[-1]

    def layer_outputs(self, memory: PrefixMemory, text_RL: Tensor) -> tuple[Tensor, ...]:
        """The text's states after every layer."""
        x = self.embed(text_RL, start=0)
        R, L = text_RL.shape
        causal = torch.ones(L, L, dtype=torch.bool, device=x.device).tril()
        past = memory.valid[:, None, None, :].expand(-1, -1, L, -1)
        allowed = torch.cat([past, causal.expand(R, 1, L, L)], dim=-1)
        outputs = []
        for layer, (keys, values) in zip(self.layers, memory.layers, strict=True):
            own_keys, own_values = layer.keys_values(x)
            x = layer(x, torch.cat([keys, own_keys], 2), torch.cat([values, own_values], 2), allowed)
            outputs.append(x)
        return tuple(outputs)

    def begin(self, memory: PrefixMemory) -> PrefixCursor:
        """A cursor before the first token."""
        return PrefixCursor(self, memory)

    def logits(self, states: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        return self.lm_head(states)


@dataclass(frozen=True)
class PrefixMemory:
    """Keys and values of the prefix in each layer, (R, heads, S, D / heads), which of S count, and the
    prefix's states after each layer."""

    layers: tuple[tuple[Tensor, Tensor], ...]
    valid: Tensor
    outputs: tuple[Tensor, ...]

    def __getitem__(self, rows: Tensor) -> PrefixMemory:
        layers = tuple((keys[rows], values[rows]) for keys, values in self.layers)
        return PrefixMemory(layers, self.valid[rows], tuple(output[rows] for output in self.outputs))


class PrefixCursor:
    """Keys and values of prefix and text so far."""

    def __init__(self, captioner: PrefixDecoder, memory: PrefixMemory):
        self.captioner = captioner
        self.layers = list(memory.layers)
        self.valid = memory.valid
        self.length = 0

    def feed(self, ids_R: Tensor) -> Tensor:
        x = self.captioner.embed(ids_R[:, None], start=self.length)
        self.length += 1
        self.valid = F.pad(self.valid, (0, 1), value=True)
        for number, layer in enumerate(self.captioner.layers):
            both = zip(self.layers[number], layer.keys_values(x), strict=True)
            keys, values = (torch.cat(pair, dim=2) for pair in both)
            self.layers[number] = (keys, values)
            x = layer(x, keys, values, self.valid[:, None, None, :])
        return x[:, 0]

    def select(self, rows: Tensor) -> None:
        self.layers = [(keys[rows], values[rows]) for keys, values in self.layers]
        self.valid = self.valid[rows]


class PrefixDecoderLayer(nn.Module):
    """BERT's layer: attention and MLP, each with its norm after the residual."""

    def __init__(self, config: PrefixDecoderConfig):
        super().__init__()
        D = config.hidden_size
        self.num_heads = config.num_heads
        self.query, self.key, self.value, self.out = (nn.Linear(D, D) for _ in range(4))
        self.attention_norm = nn.LayerNorm(D, eps=config.attention_layer_norm_eps)
        self.intermediate = nn.Linear(D, D * config.ffn_ratio)
        self.output = nn.Linear(D * config.ffn_ratio, D)
        self.output_norm = nn.LayerNorm(D, eps=config.ffn_layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(R, T, D) -> two of (R, heads, T, D / heads)."""
        return self._heads(self.key(x)), self._heads(self.value(x))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, allowed: Tensor) -> Tensor:
        """`allowed`, bool, (R, 1, 1 or T, S): what each of T positions may read of S."""
        drop = self.dropout.p if self.training else 0.0
        read = F.scaled_dot_product_attention(
            self._heads(self.query(x)), keys, values, attn_mask=allowed, dropout_p=drop
        )
        x = self.attention_norm(x + self.dropout(self.out(read.transpose(1, 2).flatten(2))))
        return self.output_norm(x + self.dropout(self.output(F.gelu(self.intermediate(x)))))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
