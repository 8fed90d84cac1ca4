"""PixelLLM's ablation: the two recipes differ in the places of words alone; a tiny run prints its table."""

from __future__ import annotations

from segue.training.recipe import load_recipe
from tests.training.test_pixelllm_fresh import tiny_recipe


def test_recipes_differ_in_places_alone(benchmark):
    recipe = load_recipe("mini-pixelllm")
    with_places, without = (
        benchmark.ablated(recipe, places=places, seed=1, steps=100).model_dump() for places in (True, False)
    )
    assert sum(stage["steps"] for stage in with_places["stages"]) == 100
    assert all(source["kind"] == "scenes" for source in with_places["sources"].values())
    for one, places in ((with_places, True), (without, False)):
        assert {source["options"].pop("places") for source in one["sources"].values()} == {places}
        one.pop("name")
    assert with_places == without


def test_a_tiny_run_has_a_line_for_each_model(benchmark, monkeypatch, tmp_path):
    monkeypatch.setattr(benchmark, "load_recipe", lambda name: tiny_recipe())
    found = benchmark.compare(output=tmp_path, steps=2, seeds=[0], num_scenes=1, captions="none")
    assert [(one.places, one.seed) for one in found] == [(True, 0), (False, 0)]
    assert all(0 <= one.figures["box_accuracy"] <= 1 for one in found)
    lines = benchmark.table(found).splitlines()
    assert len(lines) == 5
    assert lines[1].startswith("with places, seed 0")
