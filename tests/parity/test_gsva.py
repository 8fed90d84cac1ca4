"""GSVA against the golden numbers of its official code (tiny model; the README beside them names each)."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import torch

from segue.checkpoints.gsva_layout import read_gsva
from segue.checkpoints.llava_layout import lisa_table
from segue.checkpoints.lora import WRAPPER
from segue.modeling.generation import compute_prefix, generate
from segue.modeling.lisa import IMAGE_PLACEHOLDER_ID
from segue.training.lisa_objective import lisa_losses
from tests.parity.lisa_case import ParityCase, near, same_pixels
from tests.parity.shared import parity_folder

STATES, LOSSES, GRADIENTS = 1e-4, 1e-4, 1e-3
FOLDER = parity_folder("gsva")
IMAGES = ["img_a", "img_b", "img_c"]
CASES = ["v1", "v2", "v3"]
BATCHES = ["train", "train_vqa", "train_multiconv"]


@pytest.fixture(scope="module")
def case():
    paths = json.loads((FOLDER / "fixture.json").read_text(encoding="utf-8"))
    model, processor = read_gsva(
        FOLDER / paths["weight"],
        base=FOLDER / paths["llava_dir"],
        vision_tower=FOLDER / paths["clip_dir"],
        sam=FOLDER / paths["sam_file"],
        lora_alpha=paths["lora_alpha"],
        dtype=torch.float32,
    )
    return ParityCase(FOLDER, model, processor)


def near_masks(actual, expected):
    near(actual, expected, max(2e-3, 5e-4 * float(expected.std())) if expected.size else 2e-3)


def judge(case, ids, image, *, second_pass):
    return case.model.judge(
        case.features(image)[0],
        torch.tensor([ids]),
        seg_id=case.facts["seg_token_idx"],
        rej_id=case.facts["rej_token_idx"],
        second_pass=second_pass,
    )


def kinds(rejected) -> str:
    return "".join("R" if each else "S" for each in rejected.tolist())


def with_decisions(case, ids, judgement) -> list[int]:
    """The originals' output: decided kinds in place, zeros for the picture."""
    found = [0 if token == IMAGE_PLACEHOLDER_ID else token for token in ids]
    for place, rejected in zip(judgement.positions.tolist(), judgement.rejected.tolist(), strict=True):
        found[place] = case.facts["rej_token_idx"] if rejected else case.facts["seg_token_idx"]
    return found


def test_special_tokens(case):
    assert case.token_ids == {t: i for t, i in case.facts["special_ids"].items() if t in case.token_ids}
    assert case.processor.vocabulary.group == (case.facts["seg_token_idx"],)
    assert case.processor.vocabulary.reject == case.facts["rej_token_idx"]
    assert case.processor.num_image_tokens == case.facts["Np"]


def test_tokenization(case):
    expected = case.facts["tokenization"]
    assert {text: case.processor.tokenizer.encode(text) for text in expected} == expected


@pytest.mark.parametrize("name", IMAGES)
def test_pictures(case, name):
    facts = case.facts["images"][name]
    pixels, _ = case.processor.pixels([case.image(name)])
    golden = case.arrays[f"{name}/clip_input"]
    step = 1 if golden.shape == pixels.clip[0].shape else 2
    near(pixels.clip[0, :, ::step, ::step], golden, 1e-5)
    assert hashlib.sha256(pixels.sam[0].numpy().tobytes()).hexdigest() == facts["sam_input_f32_sha256"]
    features, _ = case.features(name)
    with torch.no_grad():
        clip = case.model.clip_features(pixels.clip)
    near(clip[0, ::8], case.arrays[f"{name}/clip_features_stride"], STATES)
    near(features.tokens[0, ::8], case.arrays[f"{name}/projected_image_tokens_stride"], STATES)
    near(features.sam[0, :, ::4, ::4], case.arrays[f"{name}/sam_embedding_stride"], STATES)


@pytest.mark.parametrize("second_pass", [False, True], ids=["plain", "reeval"])
@pytest.mark.parametrize("name", CASES)
def test_published_evaluation(case, name, second_pass):
    facts, golden = case.facts["cases"][name], case.arrays
    conversation = case.processor.encode_conversation(facts["conversation"])
    ids = conversation.ids
    assert ids == case.expand(golden[f"{name}/input_ids"])
    assert [i for i in conversation.labels if i != -100] == [
        i for i in golden[f"{name}/labels"].tolist() if i != -100
    ]
    judgement = judge(case, ids, facts["image"], second_pass=second_pass)
    # What the first reading says.
    near(judgement.logits[-30:], golden[f"{name}/logits_tail30"], STATES)
    near(judgement.logits.logsumexp(-1), golden[f"{name}/logsumexp_all"], STATES)
    assert (judgement.logits.argmax(-1).numpy() == golden[f"{name}/argmax_all"]).all()
    given = np.array(list(facts["gt_kinds"]))
    for kind, key in (("S", "seg"), ("R", "rej")):
        places = judgement.positions[torch.from_numpy(given == kind)] - 1
        assert places.tolist() == golden[f"{name}/{key}_positions_expanded"].tolist()
    # Decisions and masks.
    way = "reeval" if second_pass else "plain"
    assert kinds(judgement.rejected) == facts[way]["pred_kinds"]
    golden_way = {k.rsplit("/", 1)[1]: golden[k] for k in golden.files if k.startswith(f"{name}/{way}/")}
    assert with_decisions(case, ids, judgement) == golden_way["output_ids"].tolist()
    states = judgement.states[judgement.positions[judgement.masks] - 1]
    near(states, golden_way["seg_last_hidden"], STATES)
    h_seg, low, score, masks = case.decode(facts["image"], states)
    near(h_seg, golden_way["seg_embeddings"], STATES)
    near(low, judgement.mask_logits.numpy(), 0)
    near_masks(low[:, None, ::2, ::2], golden_way["low_res_masks_stride2"])
    near(score[:, None], golden_way["iou_pred"], STATES)
    near_masks(masks[:, ::2, ::2], golden_way["pred_masks_stride2"])
    same_pixels(masks >= 0, golden_way["binary_masks_ge0"])
    if "pred_mask_first" in golden_way:
        near_masks(low[:1, None], golden_way["low_res_mask_first"])
        near_masks(masks[:1], golden_way["pred_mask_first"])


def test_answer_with_the_opposite_kinds(case):
    facts = case.facts["flip"]
    ids = case.processor.text_ids(facts["conversation"])
    judgement = judge(case, ids, facts["image"], second_pass=False)
    assert kinds(judgement.rejected) == facts["pred_kinds"]
    assert with_decisions(case, ids, judgement) == case.arrays["flip/output_ids"].tolist()


@pytest.mark.parametrize("name", CASES)
def test_free_generation(case, name):
    facts, golden = case.facts["generation"][name], case.arrays
    ids = case.processor.text_ids(facts["prompt"])
    assert ids == case.expand(golden[f"gen/{name}/input_ids"])
    length = len(case.processor.prefix_ids)
    assert ids[:length] == case.processor.prefix_ids
    features, _ = case.features(facts["image"])
    with torch.no_grad():
        prefix = compute_prefix(
            case.model.language_model, case.model.embed(torch.tensor([ids[:length]]), features.tokens)
        )
        (answer,) = generate(
            case.model.language_model,
            prefix,
            [case.model.embed(torch.tensor([ids[length:]]))[0]],
            image_index=[0],
            stop_id=case.processor.stop_id,
            max_new_tokens=64,
        )
    assert [*answer.ids, case.processor.stop_id] == facts["generated_ids"]
    golden_logits = golden[f"gen/{name}/step_logits"]
    near(case.model.lm_head(answer.states[: len(golden_logits)]), golden_logits, STATES)
    # The cache changes nothing.
    uncached = case.states(facts["image"], ids + answer.ids)[len(ids) - 1 :]
    near(answer.states, uncached.numpy(), STATES)
    parsed = case.processor.parse(answer.ids)
    assert [target.rejected for target in parsed.targets] == [
        kind == "R" for kind in case.facts["cases"][name]["gt_kinds"]
    ]
    wanted = [ref.strip(" .") for ref in case.facts["cases"][name]["refs"]]
    assert [target.phrase for target in parsed.targets] == [ref.removeprefix("the ") for ref in wanted]


@pytest.mark.parametrize("name", BATCHES)
def test_collation(case, name):
    batch, golden = case.batch(name), case.arrays
    for number, own in enumerate(golden[f"{name}/attention_masks"]):
        count = int(batch.attention_mask[number].sum())
        assert batch.input_ids[number, :count].tolist() == case.expand(
            golden[f"{name}/input_ids"][number][own]
        )
        labels = [label for label in batch.labels[number, :count].tolist() if label != -100]
        assert labels == [label for label in golden[f"{name}/labels"][number].tolist() if label != -100]


@pytest.mark.parametrize("name", BATCHES)
def test_training(case, name):
    """Merged weights give LoRA's gradients too: dA = s B^T dW, dB = s dW A^T."""
    golden, facts = case.arrays, case.facts[name]
    table = lisa_table(case.model.config.sam_config.mask_decoder_config.iou_head_depth)
    parameters = {WRAPPER + table.to_published(n): p for n, p in case.model.named_parameters()}
    names = [n for n in facts["grad_norm_and_sum"] if ".lora_" not in n]
    adapted = sorted({n.split(".lora_")[0] + ".weight" for n in facts["grad_norm_and_sum"] if ".lora_" in n})
    for published in (*names, *adapted):
        parameters[published].requires_grad_(True)
    try:
        losses = lisa_losses(
            case.model.train(),
            case.batch(name),
            seg_id=case.facts["seg_token_idx"],
            rej_id=case.facts["rej_token_idx"],
        )
        losses.loss.backward()
        found = {
            "loss": losses.loss, "ce_loss": losses.text, "mask_bce_loss": losses.bce,
            "mask_dice_loss": losses.dice, "mask_loss": losses.bce + losses.dice,
        }  # fmt: skip
        assert {k: v.item() for k, v in found.items()} == pytest.approx(facts["losses"], rel=LOSSES)

        gradients = {n: parameters[n].grad for n in names}
        weights = torch.load(FOLDER / case.fixture["weight"], weights_only=True)
        scale = case.fixture["lora_alpha"] / case.fixture["lora_r"]
        for published in adapted:
            stem, change = published.removesuffix(".weight"), parameters[published].grad
            up, down = (weights[f"{stem}.lora_{x}.default.weight"] for x in "BA")
            gradients[f"{stem}.lora_A.default.weight"] = scale * up.T @ change
            gradients[f"{stem}.lora_B.default.weight"] = scale * change @ down.T
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
            count = int(own.sum())
            near(logits.logsumexp(-1)[row][:count], golden[f"{name}/logits_logsumexp"][row][:count], STATES)
        keys = sorted(key for key in golden.files if key.startswith(f"{name}/low_res_masks_stride4_"))
        near_masks(losses.low_res[:, None, ::4, ::4], np.concatenate([golden[key] for key in keys]))
    finally:
        case.model.eval().requires_grad_(False)
        case.model.zero_grad()
