"""PixelLM against the golden numbers of its official code (tiny model, random weights)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segue.checkpoints.pixellm_layout import pixellm_table
from segue.images import open_image
from segue.mask_tokens import MaskVocabulary
from segue.modeling.clip_tower import ClipTower, resize_position_table, valid_cells
from segue.modeling.generation import compute_prefix, generate
from segue.modeling.pixellm import PixelLMPixels
from segue.predictor import Predictor
from segue.training.pixellm_objective import PixelLMBatch, find_groups, pixellm_losses
from tests.parity.pixellm_case import ORIGINAL_PLACEHOLDER, PixelLMCase
from tests.parity.shared import parity_folder

STATES, MASKS = 1e-4, 2e-3


@pytest.fixture(scope="module")
def case():
    return PixelLMCase(parity_folder("pixellm"))


@pytest.fixture(scope="module")
def features(case):
    return [case.features(number) for number in range(3)]


def near(actual, expected, tolerance):
    actual = actual.detach().numpy() if isinstance(actual, torch.Tensor) else np.asarray(actual)
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=tolerance, rtol=0)


def test_sizes_come_from_the_checkpoint(case):
    config, facts = case.model.config, case.facts
    assert (config.scales, config.tokens_per_scale) == (facts["L"], facts["N"])
    assert config.text_config.vocab_size == facts["vocab_size"]


@pytest.mark.parametrize("number", range(3))
def test_preprocessing(case, number):
    pixels, geometry = case.image(number)
    values, valid = pixels
    expected = {key: case.arrays[f"pre/image{number}/{key}"] for key in (
        "original_size", "resized_size", "resized_uint8_sum", "pixel_values_448_stride7",
        "pixel_values_mean", "pixel_values_abs_sum", "patch_mask_32", "llm_mask_16",
    )}  # fmt: skip
    assert list(geometry.original) == expected["original_size"].tolist()
    assert valid[0].tolist() == expected["resized_size"].tolist()
    assert values.long().sum((0, 2, 3)).tolist() == expected["resized_uint8_sum"].tolist()
    normalised = case.model.normalise(pixels)[0]
    near(normalised[:, ::7, ::7], expected["pixel_values_448_stride7"], 1e-5)
    near(normalised.mean((1, 2)), expected["pixel_values_mean"], 1e-5)
    np.testing.assert_allclose(normalised.abs().sum(), expected["pixel_values_abs_sum"], rtol=1e-5)
    assert (valid_cells(valid, 448, 32)[0].numpy() == expected["patch_mask_32"]).all()


@pytest.mark.parametrize(("size", "stride"), [(448, 1), (224, 3), (512, 3)])
def test_position_table(case, size, stride):
    table = case.model.vision.model.embeddings.position_embedding.weight
    resized = resize_position_table(table, (size // 14, size // 14))
    near(resized[::stride], case.arrays[f"vision/position_embedding_{size}"], 1e-6)


@torch.no_grad()
@pytest.mark.parametrize("number", range(3))
def test_vision(case, features, number):
    arrays, model = case.arrays, case.model
    pixels, _ = case.image(number)
    clip = model.vision(model.normalise(pixels), valid_cells(pixels.valid, 448, 32))
    rows = clip[0][0].flatten(1).T
    if number == 0:
        near(rows, arrays["vision/image0/clip_select_layer"], STATES)
        for scale in range(2):
            projected = model.feature_projector(clip[scale][0].flatten(1).T)
            near(projected[::8], arrays[f"vision/image0/decoder_proj_scale{scale}"], STATES)
    else:
        near(rows[::8], arrays[f"vision/image{number}/clip_select_layer_every8"], STATES)
    near(features[number].tokens[0], arrays[f"vision/image{number}/llm_image_embeds"], STATES)
    mask = features[number].token_mask[0].numpy()
    assert (mask == arrays[f"vision/image{number}/llm_image_mask"]).all()
    assert (mask.reshape(16, 16) == arrays[f"pre/image{number}/llm_mask_16"]).all()


@torch.no_grad()
def test_clip_at_its_native_size(case):
    """Not PixelLM's way: the tower alone, CLIP's own preprocessing, no mask."""
    from PIL import Image

    from segue.images import Geometry

    picture = open_image(case.folder / "samples" / "image_0.png")
    crop = Geometry.shortest_crop(picture.height, picture.width, 336)
    mean, std = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
    array = crop.apply(picture, resample=Image.Resampling.BICUBIC).astype(np.float32) / 255
    pixels = torch.from_numpy((array - np.float32(mean)) / np.float32(std)).permute(2, 0, 1)[None]
    near(pixels[0, :, ::7, ::7], case.arrays["vision_native/pixel_values_stride7"], 1e-5)
    tower = ClipTower(case.model.config.vision_config, feature_layers=(-2, -11)).eval()
    tower.load_state_dict(case.model.vision.state_dict())
    select, deeper = tower(pixels)
    near(select[0].flatten(1).T, case.arrays["vision_native/select_layer"], STATES)
    near(deeper[0].flatten(1).T, case.arrays["vision_native/layer_minus11"], STATES)


@torch.no_grad()
@pytest.mark.parametrize("number", range(3))
def test_teacher_forcing(case, features, number):
    model, facts = case.model, case.facts["teacher_forced"][number]
    array = lambda name: case.arrays[f"tf{number}/{name}"]  # noqa: E731
    seen = features[facts["image"]]
    ids, Q = array("input_ids"), len(array("input_ids"))
    expanded = case.expand((ids, ids), model.config.image_token_id)
    attention = case.expand((array("attention_mask"), ids), 1).bool()
    index = torch.zeros(Q, dtype=torch.long)
    readable = attention & model.place_token_mask(expanded, seen.token_mask[index])
    states = model(expanded, seen.tokens[index], attention_mask=readable)

    # Language model.
    logits = model.lm_head(states)
    near(logits[:, array("logits_positions")], array("logits"), STATES)
    start = int(array("image_start"))
    near(logits[:, start : start + 256 : 16], array("logits_image_slots_every16"), STATES)

    # Mask tokens: the state before each, projected, fused.
    groups = find_groups(expanded, case.group)
    picked = groups.states(states, len(case.group))
    before = groups.first[:, None] - 1 + torch.arange(len(case.group))
    rows = groups.rows[:, None].expand_as(before)
    assert torch.stack([rows, before], -1).flatten(0, 1).tolist() == array("codebook_positions").tolist()
    near(picked.flatten(0, 1), array("codebook_hidden"), STATES)
    near(model.project_states(picked).flatten(0, 2), array("codebook_projected"), STATES)
    fused = model.mask_tokens_from_states(picked)
    near(fused, array("fused_embeddings"), STATES)

    # Pixel decoder.
    if number == 0:
        pixels, _ = case.image(facts["image"])
        clip = model.vision(model.normalise(pixels), valid_cells(pixels.valid, 448, 32))
        for scale, feature in enumerate(clip):
            neck = model.pixel_decoder.neck(
                model.feature_projector(feature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            )
            near(neck[0, :, ::4, ::4], array(f"neck_out_scale{scale}"), STATES)
    coarse, fine = model.pixel_decoder.decode(seen.maps, torch.zeros_like(groups.rows), fused)
    near(coarse.mask_logits, array("mask_maps_level0"), MASKS)
    near(fine.mask_logits[:, ::2, ::2], array("mask_maps_level1"), MASKS)
    statistics = torch.stack([fine.mask_logits.mean((1, 2)), fine.mask_logits.std((1, 2))], 1)
    near(statistics, array("mask_maps_level1_mean_std"), MASKS)
    for level, scale in enumerate((coarse, fine)):
        quality = model.pixel_decoder.quality_head(scale.tokens[:, 0])[:, :1]
        near(quality, array(f"iou_pred_level{level}"), MASKS)
    low = model.decode_masks(seen, torch.zeros_like(groups.rows), picked)
    near(low, array("lowres_masks"), MASKS)
    final = case.image(facts["image"])[1].masks_to_original(low)
    near(final, array("final_mask_logits"), MASKS)
    inside = (final > 0).float()
    scores = (final.sigmoid() * inside).sum((1, 2)) / (inside.sum((1, 2)) + 1e-6)
    near(scores, array("mask_scores"), STATES)


def ask(case, seen, prompts, limit=64):
    """Greedy answers to original prompt ids about one encoded image, as the predictor asks."""
    model = case.model
    slot = model.config.image_token_id
    rows = []
    for ids in prompts:
        at = list(ids).index(ORIGINAL_PLACEHOLDER)
        rows.append((list(ids[:at]), [int(i) for i in ids[at + 1 :]]))
    beginning = [int(i) for i in rows[0][0]] + [slot] * seen.tokens.shape[1]
    prefix_ids = torch.tensor([beginning])
    mask = model.place_token_mask(prefix_ids, seen.token_mask)
    prefix = compute_prefix(model.language_model, model.embed(prefix_ids, seen.tokens), mask)
    vocabulary = MaskVocabulary(case.group, scales=model.config.scales)
    return generate(
        model.language_model,
        prefix,
        [model.embed(torch.tensor([rest]))[0] for _, rest in rows],
        image_index=[0] * len(rows),
        stop_id=2,
        max_new_tokens=limit,
        forced_after=vocabulary.forced_after,
    )


def group_states(answer, group):
    first = [i for i in range(len(answer.ids)) if tuple(answer.ids[i : i + len(group)]) == tuple(group)]
    return torch.stack([answer.states[i : i + len(group)] for i in first]) if first else None


@torch.no_grad()
@pytest.mark.parametrize("number", range(3))
def test_greedy(case, features, number):
    array = lambda name: case.arrays[f"greedy{number}/{name}"]  # noqa: E731
    image = case.facts["greedy"][number]["image"]
    prompt = array("prompt_ids")[0]
    (answer,) = ask(case, features[image], [prompt])
    assert [*prompt.tolist(), *answer.ids, 2] == array("output_ids")[0].tolist()
    states = group_states(answer, case.group)
    if states is None:
        assert len(array("final_mask_logits")) == 0
        return
    near(case.model.mask_tokens_from_states(states), array("fused_embeddings"), STATES)
    low = case.model.decode_masks(features[image], torch.zeros(len(states), dtype=torch.long), states)
    near(low, array("lowres_masks"), MASKS)
    near(case.image(image)[1].masks_to_original(low), array("final_mask_logits"), MASKS)


@torch.no_grad()
def test_several_questions_in_one_batch(case, features):
    padded = case.arrays["multiq/prompt_ids_padded"]
    prompts = [row[row != 0] for row in padded]
    image = case.facts["multiq"]["image"]
    answers = ask(case, features[image], prompts)
    states = []
    for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        assert [*prompt.tolist(), *answer.ids, 2] == case.arrays[f"multiq/output_ids_{number}"][0].tolist()
        states.append(group_states(answer, case.group))
    assert [len(s) for s in states] == case.facts["multiq"]["masks_per_question"]
    joined = torch.cat(states)
    low = case.model.decode_masks(features[image], torch.zeros(len(joined), dtype=torch.long), joined)
    near(case.image(image)[1].masks_to_original(low), case.arrays["multiq/final_mask_logits"], MASKS)


@torch.no_grad()
def test_an_answer_cut_inside_a_group(case, features):
    """The original stops inside the group and drops every mask; we do not begin a group that cannot end."""
    facts = case.facts["greedy_truncated"]
    prompt = case.arrays["greedy0/prompt_ids"][0]
    (answer,) = ask(case, features[facts["image"]], [prompt], limit=facts["max_new_tokens"])
    original = case.arrays["greedy_truncated/output_ids"][0].tolist()
    complete = len(original) - facts["codebook_tokens_emitted"]
    assert [*prompt.tolist(), *answer.ids] == original[:complete]
    assert not answer.finished


@pytest.mark.parametrize("number", range(2))
@pytest.mark.parametrize("refinement", ["off", "additive", "weight_map"])
def test_losses_and_gradients(case, number, refinement):
    model, facts = case.model, case.facts["train"][number]
    array = lambda name: case.arrays[f"train{number}/{name}"]  # noqa: E731
    seen = [case.image(item["image"]) for item in facts["items"]]
    ids, offset = array("input_ids"), array("offset")
    labels = case.expand((array("labels"), ids), -100)
    batch = PixelLMBatch(
        input_ids=case.expand((ids, ids), model.config.image_token_id),
        labels=labels,
        attention_mask=case.expand((array("attention_mask"), ids), 1).bool(),
        image_index=torch.repeat_interleave(torch.arange(len(seen)), torch.tensor(np.diff(offset))),
        geometries=[geometry for _, geometry in seen],
        masks=[torch.tensor(array(f"gt_masks_item{i}")) for i in range(len(seen))],
    )
    model.config.refinement = refinement
    trained = {name: p for name, p in model.named_parameters() if not name.startswith("vision.")}
    for parameter in trained.values():
        parameter.requires_grad_(True)
        parameter.grad = None
    pixels = PixelLMPixels(*(torch.cat(part) for part in zip(*(p for p, _ in seen), strict=True)))
    features = model.encode_images(pixels)
    losses = pixellm_losses(model, features, batch, group=case.group)
    losses.total.backward()
    model.config.refinement = "off"
    model.requires_grad_(False)

    expected = facts["losses"]
    for i, logits in enumerate(losses.mask_logits):
        near(logits, array(f"pred_mask_logits_item{i}"), MASKS)
    overlap = expected["mask_overlap_loss"] / 2
    released = expected["mask_bce_loss"] / 2
    terms = {
        "off": (released, 0, "loss"),
        "additive": (released, overlap, "loss_with_overlap"),
        "weight_map": (released + overlap, 0, "loss_with_overlap"),  # alpha = 2: the same sum
    }[refinement]
    np.testing.assert_allclose(losses.text.item(), expected["ce_loss"], rtol=1e-4)
    np.testing.assert_allclose(losses.bce.item(), terms[0], rtol=1e-4)
    np.testing.assert_allclose(losses.overlap.item(), terms[1], rtol=1e-4)
    np.testing.assert_allclose(losses.dice.item() / 2, expected["mask_dice_loss"], rtol=1e-4)
    np.testing.assert_allclose(losses.total.item(), expected[terms[2]], rtol=1e-4)

    norms = facts["grad_norms_released_loss" if refinement == "off" else "grad_norms_with_overlap"]
    gradients = {pixellm_table().to_published(name): p.grad for name, p in trained.items()}
    for name, norm in norms.items():
        found = gradients[name]
        if not norm:  # None or 0 in the original: a part that decides nothing
            assert found is None or not found.any(), name
        else:
            np.testing.assert_allclose(found.norm().item(), norm, rtol=1e-3, err_msg=name)
    if refinement == "off":
        for name in ("model.mask_decoder.level_embed.weight", "model.text_hidden_fcs.0.2.bias"):
            golden = array(f"grad/{name}")
            near(gradients[name], golden, 1e-3 * np.abs(golden).max())


def test_prompts(case):
    """The original's ids of whole conversations, and the ids that a question is asked with."""
    for prompt in case.facts["prompts"]:
        if prompt["conv_type"] != "llava_v1":
            continue
        ids = np.array([prompt["input_ids"]])
        expected = case.expand((ids, ids), case.model.config.image_token_id)[0].tolist()
        assert case.processor.text_ids(prompt["prompt"]) == expected
    for number, greedy in enumerate(case.facts["greedy"]):
        ids = case.arrays[f"greedy{number}/prompt_ids"]
        expected = case.expand((ids, ids), case.model.config.image_token_id)[0].tolist()
        processor = case.processor
        assert processor.prefix_ids + processor.question_ids(greedy["question"]) == expected
    for number, training in enumerate(case.facts["train"]):
        for row, text in enumerate(training["conversations"]):
            encoded = case.processor.encode_conversation(text)
            for name, own in (("input_ids", encoded.ids), ("labels", encoded.labels)):
                array = case.arrays[f"train{number}/{name}"]
                fill = case.model.config.image_token_id if name == "input_ids" else -100
                expected = case.expand((array, case.arrays[f"train{number}/input_ids"]), fill)[row]
                assert own == expected[: len(own)].tolist()


def test_asked_by_the_predictor(case):
    """`ask` gives the original's text, masks and scores; `score` its teacher-forced numbers."""
    predictor = Predictor(case.model, case.processor, name="tiny")
    for number, greedy in enumerate(case.facts["greedy"]):
        answer = predictor.ask(case.sample(greedy["image"]), greedy["question"])
        golden = case.arrays[f"greedy{number}/final_mask_logits"]
        assert len(answer.segments) == greedy["num_masks"]
        for segment, logits in zip(answer.segments, golden, strict=True):
            settled = np.abs(logits) > MASKS
            assert (segment.mask == (logits > 0))[settled].all()
        np.testing.assert_allclose(
            [segment.score for segment in answer.segments],
            case.arrays[f"greedy{number}/mask_scores"],
            atol=1e-3,
        )
    assert [
        s.phrase for s in predictor.ask(case.sample(1), case.facts["greedy"][1]["question"]).segments
    ] == [
        "red cup",
        "left apple",
        "person",
    ]
