"""PixelLLM from nothing: a tiny run through both stages, its folder, an encoder taken over, its switches."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

import segue
from segue.checkpoints.pixelllm_fresh import fresh_config, fresh_pixelllm, take_tower, train_caption_tokenizer
from segue.data.native import ObjectRecord, Record, encode_mask
from segue.errors import CheckpointError, SegueError
from segue.scenes import make_scene
from segue.training.described import photograph_facts
from segue.training.recipe import Recipe, load_recipe
from segue.training.run import train
from segue.training.sources import build_sources
from segue.training.tasks import make_task

SMALL: dict[str, Any] = {
    "extractor_config": {"num_layers": 1, "hidden_size": 32, "num_heads": 2, "mlp_size": 32,
                         "num_output_tokens": 2, "output_size": 32},
    "tower_config": {"image_size": 64, "stem_widths": [8, 8, 16, 16], "stem_depths": [0, 1, 0, 0],
                     "hidden_size": 32, "num_layers": 1, "num_heads": 2, "feature_layers": [1]},
    "sam_config": {"image_size": 64, "patch_size": 8, "hidden_size": 48, "output_channels": 16},
    "prompt_size": 16,
    "image_size": 64,
    "mask_decoder_config": {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 2,
                            "iou_head_hidden_dim": 16},
    "text_config": {"model_type": "segue_prefix_decoder", "vocab_size": 400, "hidden_size": 32,
                    "num_heads": 2, "num_layers": 1, "max_positions": 64, "dropout": 0.0},
}  # fmt: skip


def tiny_recipe(**changes: Any) -> Recipe:
    """mini-pixelllm with a tiny model, scenes alone, two steps a stage."""
    raw = load_recipe("mini-pixelllm").model_dump(exclude_unset=True)
    raw["model"] |= SMALL
    raw["model"]["detector_config"] |= {"pyramid_channels": 16, "pyramid_inner_dim": 16, "roi_fc": [16]}
    raw["init"] = None
    raw["sources"] = {"scenes": raw["sources"]["scenes"] | {"rate": 1}}
    for stage in raw["stages"]:
        stage |= {"steps": 2, "batch_size": 2, "warmup_steps": 1, "rates": {}}
    raw |= {"num_tokenizer_texts": 60, "num_workers": 0, "threads": 1, "report_to": [], "logging_steps": 1}
    return Recipe.model_validate(raw | changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    train(tiny_recipe(), output=folder)
    return folder


def test_every_part_is_trained_and_the_finished_folder_answers(run):
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    terms = {name for line in lines for name in line}
    assert {
        "trace_text",
        "trace_point",
        "refer_point",
        "refer_mask",
        "region_text",
        "region_detection",
    } <= terms
    image, _ = make_scene(5, size=(128, 96), world="small")
    model = segue.load(run / "model", device="cpu")
    assert model.model.config.mask_boxes == "predicted"  # the last stage's
    answer = model.caption(image)
    assert answer.text == answer.text.strip()
    assert all(word.point is not None for word in answer.words)
    assert model.caption(image, box=(10, 10, 60, 60)).text is not None
    assert model.locate(image, "the dog").segments[0].mask.shape == (96, 128)
    assert all(found.segments[0].box for found in model.caption_dense(image))


def test_weights_are_halves_and_statistics_exact(run):
    from safetensors.torch import load_file

    state = load_file(run / "model" / "model.safetensors")
    assert state["captioner.lm_head.weight"].dtype == torch.bfloat16
    statistics = [value for name, value in state.items() if name.endswith("running_var")]
    assert statistics
    assert all(value.dtype == torch.float32 for value in statistics)


def test_a_stage_goes_on_from_the_one_before(run):
    from safetensors.torch import load_file

    first, second = (load_file(run / stage / "final" / "model.safetensors") for stage in ("1-see", "2-tell"))
    assert set(first) == set(second)
    start = fresh_pixelllm(fresh_config(tiny_recipe().model), seed=0).state_dict()
    name = "captioner.lm_head.weight"
    apart = [(state[f"model.{name}"] - start[name]).abs().max() for state in (first, second)]
    assert 0 < apart[0] < 0.02
    assert apart[1] > 0


@pytest.mark.parametrize(("which", "asks"), [("labelled", False), ("predicted", True)])
def test_masks_of_labelled_boxes_do_not_ask_where_the_box_is(tmp_path, which, asks):
    recipe = tiny_recipe()
    stage = recipe.stages[0].model_copy(update={"settings": {"mask_boxes": which}})
    task = make_task(recipe, tmp_path, main=True)
    objective, encoder = task.objective(stage), task.encoder(stage)
    ((_, source),) = build_sources(recipe, ["scenes"], stage=stage)
    rng = np.random.default_rng(0)
    batch = encoder.collate([encoder.encode(*source.sample(rng), rng)])
    batch["parts"] = {"refer": batch["parts"]["refer"]}
    objective.model.config.point_loss_weight = 0.0
    objective(**batch).total.backward()
    assert bool(objective.model.location_head.layers[-1].weight.grad.any()) == asks


def test_the_encoder_of_another_model_is_taken_over_as_deep_as_it_is_here():
    recipe = load_recipe("mini-pixelllm")
    model = fresh_pixelllm(fresh_config(recipe.model), seed=0)
    take_tower(model, "segue/mini")
    theirs = segue.load("segue/mini", device="cpu").model.vision
    ours = model.vision.tower
    assert len(ours.blocks) < len(theirs.blocks)
    pixels = torch.rand(1, 3, 64, 64) * 255
    with torch.no_grad():
        ours.eval()
        seen, known = ours.stem[2](ours.stem[1](ours.stem[0](pixels))), theirs.eval()(pixels).fine
    assert torch.allclose(seen, theirs.stem[2](theirs.stem[1](theirs.stem[0](pixels))))
    assert seen.shape == known.shape
    # The norm behind their second block serves behind ours.
    assert torch.equal(ours.norms[0].weight, theirs.norms[1].weight)
    assert sum(p.numel() for p in model.parameters()) * 2 < 15e6, "too large for the package"


def test_an_encoder_that_does_not_fit():
    model = fresh_pixelllm(fresh_config(tiny_recipe().model), seed=0)
    with pytest.raises(CheckpointError, match="does not fit"):
        take_tower(model, "segue/mini")


def test_an_encoder_needs_a_place_to_go_to():
    published = fresh_config({**tiny_recipe().model, "tower_config": None, "eva_config": {
        "image_size": 64, "pretrain_image_size": 64, "patch_size": 8, "hidden_size": 32, "num_layers": 1,
        "num_heads": 2, "swiglu_hidden": 32,
    }, "sam_config": {"image_size": 64, "patch_size": 8, "hidden_size": 16, "num_hidden_layers": 1,
                      "num_attention_heads": 2, "mlp_dim": 16, "output_channels": 16}})  # fmt: skip
    with pytest.raises(CheckpointError, match="no tower_config"):
        take_tower(fresh_pixelllm(published, seed=0), "segue/mini")


def test_equal_seeds_give_equal_models_and_leave_the_random_state_alone():
    config = fresh_config(tiny_recipe().model)
    torch.manual_seed(7)
    first = fresh_pixelllm(config, seed=1).state_dict()
    drawn = torch.rand(1)
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(1))
    assert all(
        torch.equal(first[name], value) for name, value in fresh_pixelllm(config, seed=1).state_dict().items()
    )


@pytest.mark.parametrize(
    "model",
    [{"no_such_part": 1}, {"image_size": 64, "tower_config": {"hidden_size": 32}}],
)
def test_sections_that_cannot_be_used(model):
    with pytest.raises(SegueError):
        fresh_pixelllm(fresh_config(model), seed=0)


def test_a_family_with_neither_base_nor_model_is_refused():
    raw = load_recipe("mini-pixelllm").model_dump(exclude_unset=True)
    raw.pop("init")
    with pytest.raises(ValueError, match="from nothing"):
        Recipe.model_validate(raw | {"model": {}})


def test_texts_come_back_as_they_were():
    texts = ["A red mug on the table.", "the dog, an owl"] * 4
    tokenizer = train_caption_tokenizer(texts, entries=400, lowercase=True)
    for text in ("a red mug.", "the dog, an owl", "ünknown wörds"):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False).ids) == text
    assert [tokenizer.token_to_id(token) for token in ("<pad>", "</s>", "<s>")] == [0, 1, 2]


def test_what_is_said_of_a_photograph():
    def thing(number, category, box):
        mask = np.zeros((100, 100), bool)
        x, y, w, h = box
        mask[y : y + h, x : x + w] = True
        return ObjectRecord(
            id=number, category=category, segmentation=encode_mask(mask), bbox=list(map(float, box))
        )

    objects = [thing(1, "dog", (0, 0, 50, 50)), thing(2, "owl", (50, 0, 40, 40)),
               thing(3, "owl", (50, 50, 40, 40)), thing(4, "ant", (0, 90, 3, 3))]  # fmt: skip
    told = photograph_facts(Record(image="a.jpg", width=100, height=100, objects=objects))
    assert [(c.text, c.region[0]) for c in told.captions] == [("a dog", 0), ("an owl", 50), ("an owl", 50)]
    assert [(e.text, e.ids) for e in told.expressions] == [("the dog", [1])]
