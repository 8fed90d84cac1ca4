"""PixelLM's promises on a tiny random model: any scales and tokens, batches, groups in one step, variants."""

from __future__ import annotations

import pytest
import torch

from segue.mask_tokens import MaskVocabulary
from segue.modeling.generation import compute_prefix, generate
from segue.modeling.pixellm import PixelLMFeatures, PixelLMModel, PixelLMPixels
from tests.modeling.tiny_pixellm import FIRST_MASK_ID, tiny_pictures, tiny_pixellm, tiny_pixellm_config


def vocabulary(config):
    size = config.scales * config.tokens_per_scale
    return MaskVocabulary(tuple(range(FIRST_MASK_ID, FIRST_MASK_ID + size)), scales=config.scales)


def row(config, text):
    """A dialogue's expanded ids: begin of text, the picture, text."""
    return [1, *[config.image_token_id] * config.image_token_side**2, *text]


def whole(model, ids, features, attention=True):
    """States of whole sequences, with what is padding in the picture hidden."""
    readable = model.place_token_mask(ids, features.token_mask) & attention
    return model(ids, features.tokens, attention_mask=readable)


@torch.no_grad()
@pytest.mark.parametrize("scales", [1, 2, 3])
@pytest.mark.parametrize("tokens", [1, 2, 3])
@pytest.mark.parametrize("choice", ["learned", "constant"])
def test_any_scales_and_tokens(scales, tokens, choice):
    model = tiny_pixellm(scales=scales, tokens_per_scale=tokens, fusion=choice, scale_weights=choice)
    features = model.encode_images(tiny_pictures(2))
    states = torch.randn(3, scales * tokens, 32)
    low = model.decode_masks(features, torch.tensor([0, 1, 1]), states)
    side = (
        8 if scales == 1 else 16
    )  # the first scale is decoded on CLIP's grid, the others on one twice as fine
    assert low.shape == (3, side, side)
    assert low.isfinite().all()
    assert not torch.allclose(low[1], low[2])
    assert model.pixel_decoder.scale_weights.sum() == pytest.approx(1)


@torch.no_grad()
def test_constants_are_the_released_ones():
    model = tiny_pixellm(tokens_per_scale=3, fusion="constant", scale_weights="constant")
    states = torch.randn(2, 6, 32)
    projected = model.mask_projection(states).unflatten(1, (2, 3))
    torch.testing.assert_close(model.mask_tokens_from_states(states), projected.sum(2) / 6)
    assert model.pixel_decoder.scale_weights.tolist() == [0.5, 0.5]
    assert not any("phi" in name or "scale_logits" in name for name in model.state_dict())


@torch.no_grad()
def test_modulation_reads_the_coarser_map():
    model = tiny_pixellm(fusion="constant")
    features = model.encode_images(tiny_pictures(1))
    tokens = torch.randn(1, 2, 16)
    other = tokens.clone()
    other[:, 0] += 1  # only the first scale's token
    one, two = (model.pixel_decoder.decode(features.maps, torch.tensor([0]), t) for t in (tokens, other))
    assert not torch.allclose(one[1].mask_logits, two[1].mask_logits)


@torch.no_grad()
def test_images_and_targets_in_batches_equal_one_by_one():
    model = tiny_pixellm()
    pixels = tiny_pictures(3)
    together = model.encode_images(pixels)
    alone = [model.encode_images(PixelLMPixels(*(part[i : i + 1] for part in pixels))) for i in range(3)]
    joined = PixelLMFeatures.join(alone)
    for a, b in zip((together.tokens, *together.maps), (joined.tokens, *joined.maps), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)
    states, index = torch.randn(4, 4, 32), torch.tensor([2, 0, 0, 1])
    masks = model.decode_masks(together, index, states)
    for i, mask in enumerate(masks):
        own = model.decode_masks(together[index[i]], torch.tensor([0]), states[i : i + 1])
        torch.testing.assert_close(mask, own[0], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_padded_image_tokens_are_read_by_nobody():
    model = tiny_pixellm()
    config = model.config
    features = model.encode_images(PixelLMPixels(tiny_pictures(1).values, torch.tensor([[20, 56]])))
    assert features.token_mask.tolist() == [[True, True, False, False]]
    ids = torch.tensor([row(config, [5, 6, 7])])
    readable = model.place_token_mask(ids, features.token_mask)
    states = model(ids, features.tokens, attention_mask=readable)
    changed = features.tokens.clone()
    changed[:, 2:] += 1
    again = model(ids, changed, attention_mask=readable)
    torch.testing.assert_close(states[:, 5:], again[:, 5:])
    assert not torch.allclose(model(ids, features.tokens)[:, 5:], states[:, 5:])


@torch.no_grad()
def test_rows_padded_behind_equal_rows_alone():
    model = tiny_pixellm()
    features = model.encode_images(tiny_pictures(2))
    long, short = row(model.config, [5, 6, 7, 8]), row(model.config, [9])
    ids = torch.tensor([long, short + [0] * 3])
    attention = torch.tensor([[1] * len(long), [1] * len(short) + [0] * 3]).bool()
    both = whole(model, ids, features, attention)
    alone = whole(model, torch.tensor([short]), features[1])
    torch.testing.assert_close(both[1, : len(short)], alone[0], atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize(("scales", "tokens"), [(1, 1), (1, 3), (2, 3), (3, 2)])
def test_a_group_in_one_step_equals_one_by_one(scales, tokens):
    """Ids and states; and both equal one pass over the whole sequence without a cache."""
    model = tiny_pixellm(scales=scales, tokens_per_scale=tokens)
    config, words = model.config, vocabulary(model.config)
    features = model.encode_images(tiny_pictures(2))
    seen = features[0]
    teach_groups(model, words.group)
    beginning = torch.tensor([row(config, [])])
    mask = torch.cat([torch.ones(1, 1, dtype=torch.bool), seen.token_mask], 1)
    prefix = compute_prefix(model.language_model, model.embed(beginning, seen.tokens), mask)
    prompts = [[5, 6], [7], [11, 12, 13]]

    def answers(forced):
        return generate(
            model.language_model,
            prefix,
            [model.embed(torch.tensor([prompt]))[0] for prompt in prompts],
            image_index=[0] * len(prompts),
            stop_id=2,
            max_new_tokens=12,
            forced_after=forced,
        )

    chunked, single = answers(words.forced_after), answers(lambda token: ())
    for prompt, a, b in zip(prompts, chunked, single, strict=True):
        assert words.group[0] in a.ids
        assert a.ids == b.ids[: len(a.ids)]  # at the limit, a group that cannot end is not begun
        torch.testing.assert_close(a.states, b.states[: len(a.states)], atol=1e-4, rtol=1e-4)
        states = whole(model, torch.tensor([row(config, prompt + a.ids)]), seen)[0]
        torch.testing.assert_close(a.states, states[-len(a.states) :], atol=1e-4, rtol=1e-4)


def teach_groups(model, group):
    """Make greedy decoding say whole groups with a word between them: each id asks for the next one."""
    word = 7
    cycle = [*group, word]
    embeddings, head = torch.zeros(60, 32), torch.zeros(60, 32)
    embeddings[:, :16] = torch.randn(60, 16)
    for number, token in enumerate(cycle):
        embeddings[token] = 0
        embeddings[token, 16 + number] = 12.0
        head[cycle[(number + 1) % len(cycle)], 16 + number] = 5.0
    head[word, :16] = torch.randn(16)
    for layer in model.language_model.model.layers:
        layer.self_attn.o_proj.weight.mul_(0.2)
        layer.mlp.down_proj.weight.mul_(0.2)
    model.language_model.model.embed_tokens.weight.copy_(embeddings)
    model.language_model.lm_head.weight.copy_(head)


def test_gradient_reaches_everything_that_decides():
    model = tiny_pixellm()
    features = model.encode_images(tiny_pictures(1))
    states = whole(model, torch.tensor([row(model.config, [5, 6, 7, 8])]), features)
    low = model.decode_masks(features, torch.tensor([0]), states[:, -4:])
    (low.square().mean() + model.lm_head(states).square().mean()).backward()
    idle = {
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None or not parameter.grad.any()
    }
    # SAM's parts that decide nothing, CLIP's last block and norm, which nobody reads.
    expected = ("hypernetworks.1", "hypernetworks.2", "hypernetworks.3", "quality_head")
    expected += ("vision.model.post_layernorm", "vision.model.encoder.layers.3")
    unexplained = {name for name in idle if not any(part in name for part in expected)}
    assert not {name for name in unexplained if "k_proj.bias" not in name}  # softmax ignores a key's bias


@torch.no_grad()
def test_saved_and_loaded(tmp_path):
    model = tiny_pixellm(tokens_per_scale=3)
    model.save_pretrained(tmp_path)
    again = PixelLMModel.from_pretrained(tmp_path).eval()
    assert again.config.feature_layers == model.config.feature_layers
    pictures = tiny_pictures(1)
    states = torch.randn(1, 6, 32)
    masks = [m.decode_masks(m.encode_images(pictures), torch.tensor([0]), states) for m in (model, again)]
    torch.testing.assert_close(*masks)


@torch.no_grad()
def test_bfloat16_masks_are_float32():
    model = tiny_pixellm().to(torch.bfloat16)
    features = model.encode_images(tiny_pictures(1))
    low = model.decode_masks(features, torch.tensor([0]), torch.randn(1, 4, 32, dtype=torch.bfloat16))
    assert low.dtype == torch.float32
    assert low.isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion": "mean"}, "fusion is 'mean'"),
        ({"scale_weights": ""}, "scale_weights"),
        ({"refinement": "on"}, "weight_map, additive, off"),
        ({"tokens_per_scale": 0}, "one token"),
        ({"feature_layers": ()}, "one scale"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny_pixellm_config(**changes)


def test_placeholders_must_fit_features():
    model = tiny_pixellm()
    with pytest.raises(ValueError, match="1 placeholders for image tokens, but 0 features"):
        model.embed(torch.tensor([[1, model.config.image_token_id, 5]]))
