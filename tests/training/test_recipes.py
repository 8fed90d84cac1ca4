"""The papers' recipes: what they train at their own size, and three steps of each at tiny size on small files
in the official form of every source that they name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import segue
from segue.training.dataset import BATCH_KEYS, TrainingSet
from segue.training.plan import plan
from segue.training.recipe import Recipe, load_recipe
from segue.training.record_sources import RecordSource, open_published, speaker
from segue.training.run import train
from segue.training.tasks import make_task
from tests.training.official_data import write_everything
from tests.training.tiny_bases import PIXELLM, llava_bases, pixelllm_bases

STEPS = 3
LLAVA = ("lisa-7b", "lisa-13b", "gsva-7b", "gsva-13b", "pixellm-7b", "pixellm-13b")
EVERY = (*LLAVA, "pixelllm-t5-xl")


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    write_everything(root)
    return root


@pytest.fixture(scope="module")
def bases(tmp_path_factory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bases")
    made = {family: (llava_bases(folder / family, family), {}) for family in ("lisa", "gsva")}
    made["pixellm"] = (llava_bases(folder / "pixellm", "pixellm"), PIXELLM)
    made["pixelllm"] = pixelllm_bases(folder / "pixelllm")
    return made


def shrunken(name: str, bases: dict[str, Any], root: Path, **changes: Any) -> Recipe:
    """A recipe on tiny bases, three steps a stage; everything else is as published."""
    raw = load_recipe(name).model_dump(exclude_unset=True)
    raw["init"], raw["model"] = bases[raw["family"]]
    raw |= {"data_root": str(root), "num_workers": 0, "logging_steps": 1, "report_to": []}
    for stage in raw["stages"]:
        stage |= {"steps": STEPS, "batch_size": 2, "gradient_accumulation": 1, "warmup_steps": 1}
        if raw["family"] == "pixelllm":
            # The pyramid's last map is one cell here; torch 2.13's gradient of a bfloat16 convolution with
            # stride 2 over it is uninitialised memory on CPUs.
            raw["precision"] = raw["precision"] | {"frozen": "float32", "autocast": False}
        if "settings" in stage:
            stage["settings"] = {"max_text_length": 16, "max_context_length": 8}
    raw["validation"] |= {"samples": 2, "every": STEPS, "pictures": 1}
    return Recipe.model_validate(raw | changes)


# -- at their own size ---------------------------------------------------------------------------------------

# LoRA: 2 layers of each block, (in + out) * rank numbers each; tables: two of vocabulary x width.
COUNTS = [
    # recipe, part, how many numbers of it are trained, and where that figure is from
    ("lisa-7b", "language_model.lora", 4_194_304),  # PEFT's well-known figure for LLaMA-7B at rank 8
    ("lisa-7b", "sam.mask_decoder", 4_058_340),  # Segment Anything's, with all three sizes
    ("lisa-7b", "text_hidden_fcs", 4096 * 4096 + 4096 + 4096 * 256 + 256),
    ("lisa-7b", "vision_tower", 0),
    ("lisa-7b", "sam.image_encoder", 0),
    ("lisa-13b", "language_model.lora", 6_553_600),
    ("lisa-13b", "language_model.embed_tokens", 32_003 * 5120),  # the shape in LISA's issue 103
    ("gsva-7b", "language_model.lora", 4_194_304),
    ("gsva-7b", "projector", 0),
    ("gsva-13b", "language_model.lora", 8 * 6_553_600),  # rank 64
    ("pixellm-7b", "projector", 41_955_328),  # "41.96 M" each, by PixelLM's own code
    ("pixellm-7b", "feature_projector", 41_955_328),
    ("pixellm-7b", "pixel_decoder", 7_571_940 + 2),  # mask_decoder, and the paper's gamma
    ("pixellm-7b", "mask_projection", 17_830_144),  # "17.8 M"
    ("pixellm-13b", "projector", 62_929_920),  # "62.9 M"
    ("pixellm-13b", "mask_projection", 27_530_496),  # "27.5 M"
    ("pixelllm-t5-xl", "captioner.lora", (24 + 24 * 2) * 2 * 32 * (2048 + 2048)),
    ("pixelllm-t5-xl", "vision.sam", 0),
    ("pixelllm-t5-xl", "captioner", 2048 * 1024 + 2048 + 2 * 2048),  # the projection; T5 itself is frozen
    ("pixelllm-t5-xl", "vision.eva", 303_317_952),
]


@pytest.fixture(scope="module")
def plans():
    made: dict[str, Any] = {}

    def get(name: str):
        if name not in made:
            made[name] = plan(load_recipe(name))
        return made[name]

    return get


@pytest.mark.parametrize(("name", "part", "count"), COUNTS)
def test_trained_numbers(plans, name: str, part: str, count: int):
    first = plans(name)[0]
    assert {own.name: own.trained for own in first.parts}[part] == count


def test_7b_fits_a_card_of_24_gb(plans):
    assert plans("lisa-7b")[0].memory.total < 22e9
    assert plans("pixellm-7b")[0].memory.total < 22e9
    raw = load_recipe("lisa-7b", {"precision.frozen": "4bit"})
    assert plan(raw)[0].memory.weights < plans("lisa-7b")[0].memory.weights - 9e9


def test_stages_train_different_parts(plans):
    trace, densecap, ref, refseg = plans("pixelllm-t5-xl")
    assert densecap.trained - trace.trained == 21_948_560  # the proposal head
    assert ref.trained == trace.trained
    assert {part.name for part in refseg.parts if part.trained} == {"mask_adapter", "location_head"}


# -- at tiny size --------------------------------------------------------------------------------------------


def entries(recipe: Recipe) -> list[tuple[str, str]]:
    return [(name, entry) for name, spec in recipe.sources.items() for entry in spec.data]


@pytest.mark.parametrize("name", EVERY)
def test_every_source_gives_losses(name: str, bases, root: Path, tmp_path: Path):
    recipe = shrunken(name, bases, root)
    task = make_task(recipe, tmp_path, main=True)
    objective = task.objective(recipe.stages[0]).eval()
    drawn: dict[str, list] = {}
    for source, entry in entries(recipe):
        spec = recipe.sources[source]
        stage = next(stage for stage in recipe.stages if source in recipe.rates(stage))
        encoder = task.encoder(stage)
        records = RecordSource(open_published([entry], root), speaker(recipe, spec, stage))
        data = TrainingSet([(entry, records)], [1.0], encoder=encoder, length=1, seed=0)
        group = source if task.batch_of_one_source else "all"
        drawn.setdefault(group, []).append(data[0])
    for samples in drawn.values():
        assert not any(one.broken for one in samples)
        batch = data.collate(samples)
        batch = {key: value for key, value in batch.items() if key not in BATCH_KEYS}
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = objective(**batch)
        assert torch.isfinite(losses.total)
        losses.total.backward()


@pytest.mark.parametrize("name", EVERY)
def test_three_steps(name: str, bases, root: Path, tmp_path: Path):
    recipe = shrunken(name, bases, root)
    said: list[str] = []
    model = train(recipe, output=tmp_path / "run", say=said.append)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert len(steps) == STEPS * len(recipe.stages)
    assert all(np.isfinite(line["loss"]) for line in steps)
    assert any("eval_giou" in line for line in lines)
    assert sum("expected memory" in line for line in said) == len(recipe.stages)
    assert not (tmp_path / "run" / "broken.txt").exists()
    loaded = segue.load(model)
    image = np.full((40, 60, 3), 128, np.uint8)
    if recipe.family == "pixelllm":
        assert (tmp_path / "run" / "model-densecap" / "config.json").is_file()
        assert loaded.locate(image, "the red mug").width == 60
    else:
        assert loaded.ask(image, "Where is the dog?", max_new_tokens=4).width == 60
    # The last checkpoint of the way there answers as well: the adapter on its bases.
    place = tmp_path / "run" / f"{len(recipe.stages)}-{recipe.stages[-1].name}"
    on_the_way = segue.load(place / f"checkpoint-{STEPS}")
    assert type(on_the_way.model) is type(loaded.model)
