"""The plans of docs/curation.md and the example are plans."""

from pathlib import Path

import pytest
import yaml

from segue.curation.plan import Plan, load_plan
from segue.training.recipe import SourceSpec

ROOT = Path(__file__).parents[2]
BLOCKS = (ROOT / "docs" / "curation.md").read_text(encoding="utf-8").split("```yaml\n")[1:]


def block(start):
    (found,) = [text.split("```")[0] for text in BLOCKS if text.startswith(start)]
    return yaml.safe_load(found)


def test_the_plan_of_the_page():
    plan = Plan.model_validate(block("name:"))
    assert plan.limits.budget == 20
    assert plan.pipeline == "vision"


def test_the_source_of_the_page():
    spec = SourceSpec.model_validate(block("sources:")["sources"]["curated"])
    assert spec.kind == "own"


def test_the_example():
    assert load_plan(ROOT / "examples" / "curation.yaml").endpoint.kind == "offline"


@pytest.mark.parametrize("name", ["curation.jpg", "curation-statistics.png"])
def test_the_pictures_are_there(name):
    assert f"pictures/{name}" in (ROOT / "docs" / "curation.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "pictures" / name).stat().st_size < 700_000
