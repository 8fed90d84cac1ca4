"""mini-lisa and mini-gsva end to end at tiny size: bases from nothing, each family on them, answers."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

import segue
from segue.checkpoints.bases import build_lisa
from segue.checkpoints.loading import EMBEDDED, EmbeddedModel
from segue.checkpoints.new_bases import new_config, new_parts
from segue.data.native import Turn
from segue.errors import CheckpointError, SegueError
from segue.evaluation.prediction import EMPTY
from segue.evaluation.scenes import ScenesBenchmark
from segue.training.bases_objective import looks
from segue.training.plan import meta_model
from segue.training.recipe import load_recipe
from segue.training.run import train

TINY = {
    "clip_config": {"image_size": 64, "patch_size": 16, "hidden_size": 16, "intermediate_size": 32,
                    "num_hidden_layers": 1, "num_attention_heads": 2},
    "text_config": {"vocab_size": 420, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
                    "num_attention_heads": 2, "num_key_value_heads": 2},
    "sam_config": {
        "vision_config": {"image_size": 64, "patch_size": 16, "hidden_size": 16, "output_channels": 16,
                          "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 32, "mlp_ratio": 2.0,
                          "window_size": 2, "global_attn_indexes": [1], "num_pos_feats": 8},
        "prompt_encoder_config": {"hidden_size": 16, "image_size": 64, "patch_size": 16},
        "mask_decoder_config": {"hidden_size": 16, "mlp_dim": 16, "num_attention_heads": 4,
                                "iou_head_hidden_dim": 16},
    },
}  # fmt: skip
"""What of the packaged recipe is smaller here."""

SOURCES = {"scenes": {"kind": "scenes", "options": {"world": "small", "side": 96}}}


def small_recipe(name: str, **changes) -> dict:
    """A packaged recipe with a tiny model, two pictures to a step, scenes alone."""
    recipe = load_recipe(name).model_dump(mode="json", exclude_unset=True)
    for section, settings in TINY.items():
        recipe["model"][section] = settings
    for stage in recipe["stages"]:
        stage |= {"batch_size": 2, "steps": 6, "warmup_steps": 2, "max_tokens": 120, "rates": {}}
    recipe |= {"sources": SOURCES, "num_tokenizer_texts": 300, "num_workers": 0, "logging_steps": 1}
    return recipe | {"threads": None, "report_to": []} | changes


def losses(folder, stage: str) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if line["stage"] == stage and "loss" in line]


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(small_recipe("mini-bases")))
    return train(folder / "recipe.yaml", output=folder / "run")


def families_run(bases, folder, family: str, **changes):
    init = {
        "language_model": str(bases / "language_model"),
        "vision_tower": str(bases / "vision_tower"),
        "sam": str(bases / "sam.safetensors"),
    }
    recipe = small_recipe(f"mini-{family}", init=init, **changes)
    (folder / f"{family}.yaml").write_text(yaml.safe_dump(recipe))
    return train(folder / f"{family}.yaml", output=folder / family)


@pytest.fixture(scope="module", params=["lisa", "gsva"])
def family(request, bases, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, families_run(bases, folder, request.param), folder / request.param


def test_each_stage_of_the_bases_has_its_terms(bases):
    see, talk = losses(bases.parent, "see")[0], losses(bases.parent, "talk")[0]
    seen = {"token_category", "token_color", "fine_category", "fine_color", "word_bce", "word_dice"}
    assert seen | {"click_bce", "click_dice"} <= set(see)
    assert "text" not in see
    assert seen | {"text"} <= set(talk)


def test_the_bases_are_read_as_published_ones_are(bases):
    built = build_lisa(
        language_model=str(bases / "language_model"),
        vision_tower=str(bases / "vision_tower"),
        sam=str(bases / "sam.safetensors"),
        rejects=True,
        template="llava_plain",
        expected={"clip_fit": "pad", "use_image_marks": False},
        dtype=torch.float32,
        seed=0,
    )
    assert built.fresh == frozenset(), "gamma was trained with the bases and is taken over"
    held = load_file(bases / "language_model" / "model.safetensors")
    gamma = built.model.text_hidden_fcs[0].weight
    assert torch.equal(gamma, held["model.text_hidden_fcs.0.0.weight"].float())
    table = built.model.language_model.model.embed_tokens.weight
    rows = held["model.embed_tokens.weight"]
    assert len(table) == len(rows) + 4  # [SEG], [REJ] and the two marks of pictures
    assert torch.equal(table[: len(rows)], rows.float())


def test_a_family_learns_on_the_bases_and_answers(family):
    name, model, folder = family
    first, last = losses(folder, "segment")[0], losses(folder, "segment")[-1]
    assert last["text"] < first["text"]
    predictor = segue.load(model)
    assert predictor.model.config.model_type == f"segue_{name}"
    answer = predictor.ask(np.full((60, 80, 3), 128, np.uint8), "Where is the dog?")
    assert (answer.width, answer.height) == (80, 60)


def test_segment_anythings_encoder_stays_as_its_base(family, bases):
    _, model, _ = family
    trained, base = load_file(model / "model.safetensors"), load_file(bases / "sam.safetensors")
    encoder = "image_encoder.pos_embed"
    assert torch.equal(trained[f"sam.{encoder}"], base[encoder])
    token = "mask_decoder.iou_token.weight"
    assert not torch.equal(trained[f"sam.{token}"], base[token])


def test_only_gsva_has_a_word_for_what_is_absent(family):
    name, model, _ = family
    assert (segue.load(model).processor.vocabulary.reject is not None) == (name == "gsva")


def test_families_do_not_begin_from_nothing(tmp_path):
    (tmp_path / "lisa.yaml").write_text(yaml.safe_dump(small_recipe("mini-lisa", init=None)))
    with pytest.raises(SegueError, match="give `init`"):
        train(tmp_path / "lisa.yaml", output=tmp_path / "run")


def test_missing_bases_say_where_they_come_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="first lines say which recipe"):
        train("mini-lisa", output=tmp_path / "run")


@pytest.mark.parametrize("name", ["mini-bases", "mini-lisa", "mini-gsva"])
def test_the_packaged_sizes_fit_in_the_package(name):
    recipe = load_recipe(name)
    with torch.device("meta"):
        total = sum(p.numel() for p in meta_model(recipe).parameters())
    assert 2 * total < 15e6, "15 MB in bfloat16"


def test_new_parts_are_the_same_for_a_seed_and_look_up_what_is_alike():
    config = new_config({"clip_fit": "pad", **TINY}, template="llava_plain")
    one, again, other = (new_parts(config, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    layer = "language_model.model.layers.0.self_attn."
    assert torch.equal(one[f"{layer}q_proj.weight"], one[f"{layer}k_proj.weight"])
    places = one["vision_tower.model.embeddings.position_embedding.weight"][1:]
    assert len(places.unique(dim=0)) == len(places)


@pytest.mark.parametrize("sections", [{"speed": 1}, {"clip_config": {"hidden_size": "wide"}}])
def test_wrong_sections_are_refused(sections):
    with pytest.raises(SegueError, match="model:"):
        new_config(sections, template="llava_plain")


def test_a_look_is_the_mean_of_the_tokens_on_an_object():
    tokens = torch.arange(4.0)[None, :, None].expand(1, 4, 2).clone()
    tokens[..., 1] = 1.0
    mask = torch.zeros(1, 4, 4)
    mask[0, 2:, :2] = 255  # the third of 2 x 2 tokens
    assert torch.allclose(looks(tokens, mask)[0], torch.tensor([2.0, 1.0]) / 5**0.5 * 2**0.5)


def test_an_embedded_family_goes_by_its_name(family, monkeypatch):
    name, model, _ = family
    full = f"segue/mini-{name}"
    entry = EmbeddedModel(full, model, "tiny", converted=True)
    monkeypatch.setitem(EMBEDDED, full, entry)
    assert segue.load(f"mini-{name}").name == segue.load(full).name == full


def test_scenes_are_asked_and_scored(family, tmp_path):
    _, model, _ = family
    bench = ScenesBenchmark(num=1)
    predictor = segue.load(model)
    sample = bench.sample(bench.names()[0])
    about_a_box = Turn(question="What is this?", answer="A dog.", region=[1.0, 1.0, 9.0, 9.0])
    sample = replace(sample, turns=[*sample.turns[:3], about_a_box])
    said = bench.predict(predictor, [sample], 4)[0]
    assert said[-1] == EMPTY, "these families take no boxes"
    assert len(bench.score(sample, said)["turns"]) == 4
