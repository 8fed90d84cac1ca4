"""LISA against the golden numbers of its official code (tiny model; the README beside them names each)."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from segue.checkpoints.llava_layout import lisa_table, read_lisa
from segue.checkpoints.lora import merge_lora, unwrap
from segue.checkpoints.shards import read_file
from segue.conversation import get_template
from segue.modeling.generation import compute_prefix, generate
from segue.training.lisa_objective import lisa_losses
from tests.parity.lisa_case import ParityCase, near, same_pixels
from tests.parity.shared import parity_folder

STATES, MASKS, LOSSES, GRADIENTS = 1e-4, 2e-3, 1e-4, 1e-3
FOLDER = parity_folder("lisa")
IMAGES = ["img_a", "img_b", "img_c"]
CASES = ["s1", "s2", "s3", "s4", "s5"]
BATCHES = ["train", "train_vqa"]


@pytest.fixture(scope="module")
def case():
    return ParityCase(FOLDER, *read_lisa(FOLDER / "checkpoint", dtype=torch.float32))


def seg_places(case, ids) -> list[int]:
    """Positions that predict [SEG]."""
    seg = case.processor.vocabulary.group[0]
    return [place - 1 for place, token in enumerate(ids) if token == seg]


def test_sam_has_the_dimensions_of_the_fixture(case):
    vision, decoder = (
        case.model.config.sam_config.vision_config,
        case.model.config.sam_config.mask_decoder_config,
    )
    expected = case.fixture["sam"]
    assert vision.num_hidden_layers == expected["depth"]
    assert list(vision.global_attn_indexes) == expected["global_attn_indexes"]
    assert (vision.image_size, vision.window_size) == (expected["image_size"], expected["window_size"])
    assert decoder.iou_head_depth == expected["iou_head_depth"]


def test_names_lead_back_to_the_published_ones(case):
    table = lisa_table(case.model.config.sam_config.mask_decoder_config.iou_head_depth)
    own = {
        table.to_published(name) for name in case.model.state_dict() if not name.startswith("vision_tower")
    }
    published = set(json.loads((FOLDER / "state_dict_keys.json").read_text()))
    assert own == {name for name in published if not table.drops(name) and "vision_tower" not in name}


def test_special_tokens(case):
    assert case.token_ids == {t: i for t, i in case.facts["special_ids"].items() if t in case.token_ids}
    assert case.processor.vocabulary.group == (case.facts["seg_token_idx"],)


def test_tokenization(case):
    expected = case.facts["tokenization"]
    assert {text: case.processor.tokenizer.encode(text) for text in expected} == expected


def test_tokenization_of_prompts(case):
    for text, expected in case.facts["tokenization_prompts"].items():
        assert case.processor.text_ids(text) == case.expand(expected)


@pytest.mark.parametrize("name", IMAGES)
def test_preprocessing(case, name):
    facts = case.facts["images"][name]
    pixels, (geometry,) = case.processor.pixels([case.image(name)])
    near(pixels.clip[0], case.arrays[f"{name}/clip_input"], 1e-5)
    resized = geometry.apply(case.image(name))
    assert hashlib.sha256(resized.tobytes()).hexdigest() == facts["sam_resized_u8_sha256"]
    assert hashlib.sha256(pixels.sam[0].numpy().tobytes()).hexdigest() == facts["sam_input_f32_sha256"]


@pytest.mark.parametrize("name", IMAGES)
def test_image_features(case, name):
    features, _ = case.features(name)
    pixels, _ = case.processor.pixels([case.image(name)])
    with torch.no_grad():
        clip = case.model.clip_features(pixels.clip)
    near(clip[0, ::4], case.arrays[f"{name}/clip_features_stride"], STATES)
    near(features.tokens[0, ::4], case.arrays[f"{name}/projected_image_tokens_stride"], STATES)
    near(features.sam[0, :, ::4, ::4], case.arrays[f"{name}/sam_embedding_stride"], STATES)


@pytest.mark.parametrize("name", CASES)
def test_teacher_forcing(case, name):
    facts, golden = case.facts["tf"][name], f"tf/{name}/"
    ids = case.processor.text_ids(facts["text"])
    assert ids == case.expand(case.arrays[golden + "input_ids"])
    states = case.states(case.facts["cases"][name]["image"], ids)
    logits = case.model.lm_head(states)
    near(logits[-facts["tail"] :], case.arrays[golden + "logits_tail"], STATES)
    near(logits.max(-1).values, case.arrays[golden + "logits_max_all"], STATES)
    assert (logits.argmax(-1).numpy() == case.arrays[golden + "argmax_all"]).all()
    near(states[seg_places(case, ids)], case.arrays[golden + "hidden_predicting_seg"], STATES)


@pytest.mark.parametrize("name", CASES)
def test_generation_and_masks(case, name):
    facts, golden = case.facts["cases"][name], case.arrays
    features, _ = case.features(facts["image"])
    prefix_ids = case.processor.prefix_ids
    question = case.processor.question_ids(facts["question"])
    assert prefix_ids + question == case.expand(golden[f"{name}/input_ids"])

    with torch.no_grad():
        prefix = compute_prefix(
            case.model.language_model, case.model.embed(torch.tensor([prefix_ids]), features.tokens)
        )
        (answer,) = generate(
            case.model.language_model,
            prefix,
            [case.model.embed(torch.tensor([question]))[0]],
            image_index=[0],
            stop_id=case.processor.stop_id,
            max_new_tokens=32,
        )
    ids = [*answer.ids, case.processor.stop_id]
    assert answer.finished
    assert ids == facts["generated_ids"]
    near(case.model.lm_head(answer.states), golden[f"{name}/gen_step_logits"], STATES)

    seg = case.processor.vocabulary.group[0]
    chosen = answer.states[[place for place, token in enumerate(ids) if token == seg]]
    near(chosen, golden[f"{name}/seg_last_hidden"], STATES)
    expanded = prefix_ids + question + ids
    assert seg_places(case, expanded) == golden[f"{name}/seg_positions_expanded"].tolist()
    # Cached generation gives the states of the uncached pass.
    near(chosen, case.states(facts["image"], expanded)[seg_places(case, expanded)].numpy(), STATES)
    h_seg, low, score, masks = case.decode(facts["image"], chosen)
    near(h_seg, golden[f"{name}/seg_embeddings"], STATES)
    near(low[:, None, ::2, ::2], golden[f"{name}/low_res_masks_stride2"], MASKS)
    near(low[:1, None], golden[f"{name}/low_res_mask_first"], MASKS)
    near(score[:, None], golden[f"{name}/iou_pred"], STATES)
    near(masks[:1], golden[f"{name}/pred_mask_first"], MASKS)
    near(masks[:, ::2, ::2], golden[f"{name}/pred_masks_stride2"], MASKS)
    same_pixels(masks > 0, golden[f"{name}/binary_masks"])


def test_validation(case):
    golden, facts = case.arrays, case.facts["val"]
    mask = torch.from_numpy(golden["val/attention_masks"])
    rows = [
        case.expand(row[own])
        for row, own in zip(golden["val/input_ids"], golden["val/attention_masks"], strict=True)
    ]
    assert len(mask) == len(rows)
    image = facts["image"] if "image" in facts else IMAGES[0]
    chosen = [case.states(image, ids)[seg_places(case, ids)] for ids in rows]
    h_seg, low, _, masks = case.decode(image, torch.cat(chosen))
    near(h_seg, golden["val/seg_embeddings"], STATES)
    near(low[:, None, ::2, ::2], golden["val/low_res_masks_stride2"], MASKS)
    near(masks[:, ::2, ::2], golden["val/pred_masks_stride2"], MASKS)


@pytest.mark.parametrize("name", BATCHES)
def test_collation(case, name):
    batch = case.batch(name)
    golden = case.arrays
    keep = golden[f"{name}/attention_masks"]
    for number, own in enumerate(keep):
        count = int(batch.attention_mask[number].sum())
        assert batch.input_ids[number, :count].tolist() == case.expand(
            golden[f"{name}/input_ids"][number][own]
        )
        labels = [label for label in batch.labels[number, :count].tolist() if label != -100]
        assert labels == [label for label in golden[f"{name}/labels"][number].tolist() if label != -100]


@pytest.mark.parametrize("name", BATCHES)
def test_training(case, name):
    golden, facts = case.arrays, case.facts[name]
    table = lisa_table(case.model.config.sam_config.mask_decoder_config.iou_head_depth)
    parameters = {table.to_published(n): p for n, p in case.model.named_parameters()}
    for published in facts["grad_norm_and_sum"]:
        parameters[published].requires_grad_(True)
    try:
        losses = lisa_losses(case.model.train(), case.batch(name), seg_id=case.facts["seg_token_idx"])
        losses.loss.backward()
        expected = facts["losses"]
        found = {
            "loss": losses.loss, "ce_loss": losses.text, "mask_bce_loss": losses.bce,
            "mask_dice_loss": losses.dice, "mask_loss": losses.bce + losses.dice,
        }  # fmt: skip
        assert {key: value.item() for key, value in found.items()} == pytest.approx(expected, rel=LOSSES)
        gradients = {published: parameters[published].grad for published in facts["grad_norm_and_sum"]}
        norms = {n: 0.0 if g is None else g.norm().item() for n, g in gradients.items()}
        wanted = {n: norm for n, (norm, _) in facts["grad_norm_and_sum"].items()}
        # Absolute: keys' biases have no gradient but rounding, a softmax does not see them.
        assert norms == pytest.approx(wanted, rel=GRADIENTS, abs=1e-5)
        for key in golden.files:
            if key.startswith(f"{name}/grad/"):
                difference = gradients[key.removeprefix(f"{name}/grad/")].numpy() - golden[key]
                assert np.linalg.norm(difference) <= GRADIENTS * np.linalg.norm(golden[key])
        logits = case.model.lm_head(losses.states)
        for row, own in enumerate(case.batch(name).attention_mask):
            near(
                logits.logsumexp(-1)[row][own],
                golden[f"{name}/logits_logsumexp"][row][: len(own)][own.numpy()],
                STATES,
            )
        low = [golden[f"{name}/low_res_masks_stride4_{i}"] for i in range(len(facts["images"]))]
        near(losses.low_res[:, None, ::4, ::4], np.concatenate(low), MASKS)
    finally:
        case.model.eval().requires_grad_(False)
        case.model.zero_grad()


def test_lora_merges(case):
    facts = case.facts["lora"]
    table = lisa_table(case.model.config.sam_config.mask_decoder_config.iou_head_depth)
    before = {name: value.clone() for name, value in case.model.state_dict().items()}
    published = {table.to_published(name): value for name, value in before.items()}
    adapter = unwrap(read_file(FOLDER / "lora" / "lora_params.bin"))
    merged = merge_lora(published | adapter, alpha=facts["lora_alpha"], where="lora")
    try:
        case.model.load_state_dict({table.to_ours(name): value for name, value in merged.items()})
        ids = case.processor.text_ids(case.facts["tf"]["s1"]["text"])
        logits = case.model.lm_head(case.states(case.facts["cases"]["s1"]["image"], ids))
        golden = case.arrays["lora/s1/logits_tail"]
        near(logits[-len(golden) :], golden, STATES)
    finally:
        case.model.load_state_dict(before)


def test_llama_2_template_is_collated_as_published(case):
    from segue.lisa_processing import LisaProcessor
    from segue.modeling.lisa_configuration import LisaConfig

    config = LisaConfig.from_dict({**case.model.config.to_dict(), "template": "llava_llama_2"})
    processor = LisaProcessor(config, case.processor.tokenizer)
    assert processor.template == get_template("llava_llama_2")
    for number, text in enumerate(case.facts["collate_llama2"]["conversations"]):
        golden = {
            key: case.arrays[f"collate_llama2/{key}"][number]
            for key in ("input_ids", "labels", "attention_masks")
        }
        found = processor.encode_conversation(text)
        assert found.ids == case.expand(golden["input_ids"][golden["attention_masks"]])
        assert [i for i in found.labels if i != -100] == [i for i in golden["labels"].tolist() if i != -100]
