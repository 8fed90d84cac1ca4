"""Curated records are trained on with their own questions."""

import numpy as np
import yaml

from segue.curation.session import prepare, run
from segue.data.native import read_records
from segue.training.recipe import load_recipe
from segue.training.sources import build_sources
from tests.curation.small import coco_set, plan


def test_the_trainer_draws_the_curated_questions(tmp_path):
    things = [("cup", (20, 30, 40, 40)), ("fork", (80, 20, 20, 60)), ("knife", (140, 20, 20, 60))]
    path = coco_set(tmp_path / "set", {f"{number}.jpg": things for number in range(4)})
    run(prepare(plan(path, rules={"repeats": None}, split={"test": 0, "val": 0})), tmp_path / "out")
    asked = {
        turn.question for record in read_records(tmp_path / "out" / "train.jsonl") for turn in record.dialogue
    }
    recipe = tmp_path / "recipe.yaml"
    own = {"kind": "own", "path": str(tmp_path / "out" / "train.jsonl")}
    own["options"] = {"images": str(tmp_path / "set"), "held_out": 0}
    stage = {"name": "s", "steps": 1, "learning_rate": 1e-4, "image_size": 96, "num_turns": 2}
    recipe.write_text(
        yaml.safe_dump({"name": "x", "init": "segue/mini", "sources": {"own": own}, "stages": [stage]})
    )
    settings = load_recipe(recipe)
    ((_, source),) = build_sources(settings, ["own"], stage=settings.stages[0])
    rng = np.random.default_rng(0)
    seen = 0
    for _ in range(40):
        _, record = source.sample(rng)
        assert len(record.dialogue) <= 2
        own_turns = [turn for turn in record.dialogue if turn.question in asked]
        seen += len(own_turns)
        ids = {entry.id for entry in record.objects}
        assert all(id_ in ids for turn in record.dialogue for phrase in turn.phrases for id_ in phrase.ids)
    assert seen > 20
