"""One's own pictures on a finished model, by what the command calls: any family that `segue.load` takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import segue
from segue.checkpoints.converted import write_converted
from segue.data.native import Expression, ObjectRecord, Record, encode_mask, write_records
from segue.errors import CheckpointError, SegueError
from segue.training.finetune import family_of, finetune_recipe
from segue.training.run import train
from tests.modeling.tiny import tiny_model
from tests.modeling.tiny_lisa import tiny_lisa

QUICK = {
    "stages.0.steps": "2",
    "stages.0.warmup_steps": "0",
    "stages.0.batch_size": "2",
    "validation.every": "2",
    "validation.samples": "2",
    "validation.pictures": "1",
    "num_workers": "0",
    "report_to": "[]",
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Ten pictures with a mask and words for it, and one that is broken."""
    folder = tmp_path_factory.mktemp("own")
    records = []
    for number in range(10):
        mask = np.zeros((64, 80), bool)
        mask[10:40, number : number + 30] = True
        image = np.full((64, 80, 3), 200, np.uint8)
        image[mask] = (20, 90, 20)
        Image.fromarray(image).save(folder / f"{number}.png")
        valve = ObjectRecord(
            id=1, category="valve", segmentation=encode_mask(mask), bbox=[number, 10, 30, 30]
        )
        words = [Expression(text="the green valve", ids=[1])]
        record = Record(image=f"{number}.png", width=80, height=64, objects=[valve], expressions=words)
        records.append(record)
    write_records(folder / "own.jsonl", records)
    return folder


def run(init: str, data: Path, output: Path, **changes: str) -> Path:
    recipe = finetune_recipe(init, str(data), overrides={**QUICK, **changes})
    return train(recipe, output=output)


def measured(output: Path) -> list[float]:
    lines = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [line["eval_giou"] for line in lines if "eval_giou" in line]


def test_segues_own(pictures: Path, tmp_path: Path):
    model, processor = tiny_model(scale=1.0, vision_config={"image_size": 64})
    start = tmp_path / "start"
    model.save_pretrained(start)
    processor.save_pretrained(start)
    rates = {"sources.remembered.rate": "0"}
    finished = run(str(start), pictures, tmp_path / "run", **rates)
    assert len(measured(tmp_path / "run")) == 1
    assert (tmp_path / "run" / "1-own" / "panels" / "step-2.jpg").is_file()
    assert segue.load(finished).model.config.vision_config.image_size == 64


def test_lisa_twice(pictures: Path, tmp_path: Path):
    """On a converted folder, then on the adapter that this left."""
    model, processor = tiny_lisa(tmp_path)
    write_converted(model, processor, tmp_path / "start")
    changes = {"precision.frozen": "float32", "precision.autocast": "false"}
    finished = run(str(tmp_path / "start"), pictures, tmp_path / "one", **changes)
    assert family_of(str(finished))[0] == "lisa"
    adapter = tmp_path / "one" / "1-own" / "checkpoint-2"
    assert {"adapter_config.json", "adapter_model.safetensors", "trained.safetensors"} <= {
        path.name for path in adapter.iterdir()
    }
    assert family_of(str(adapter)) == ("lisa", adapter)
    again = run(str(adapter), pictures, tmp_path / "two", **changes)
    image = np.full((60, 80, 3), 128, np.uint8)
    for folder in (finished, again, adapter):
        assert segue.load(folder).ask(image, "Where is the valve?", max_new_tokens=3).width == 80


def test_peft_reads_the_adapter(pictures: Path, tmp_path: Path):
    import torch
    from peft import PeftModel

    model, processor = tiny_lisa(tmp_path)
    write_converted(model, processor, tmp_path / "start")
    changes = {"precision.frozen": "float32", "precision.autocast": "false"}
    run(str(tmp_path / "start"), pictures, tmp_path / "one", **changes)
    adapter = tmp_path / "one" / "1-own" / "checkpoint-2"
    merged = segue.load(adapter).model.language_model.model.layers[0].self_attn.q_proj.weight
    base = segue.load(tmp_path / "start").model.language_model
    theirs = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    torch.testing.assert_close(theirs.model.layers[0].self_attn.q_proj.weight, merged)


def test_what_cannot_be_trained_on(tmp_path: Path):
    with pytest.raises(CheckpointError, match="convert it first"):
        family_of("gsva-7b.bin")
    with pytest.raises(SegueError, match="no such"):
        finetune_recipe("segue/mini", str(tmp_path), recipe="no-such-recipe")
