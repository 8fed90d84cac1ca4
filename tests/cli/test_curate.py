"""`segue curate` as people call it: a plan, a dry run, a budget, prompts of one's own, statistics, and
mistakes."""

import json

import pytest
import yaml

from segue.curation.journal import Journal
from tests.curation.small import coco_set


@pytest.fixture
def plan_file(tmp_path):
    things = [("cup", (20, 30, 40, 40)), ("fork", (80, 20, 20, 60)), ("fork", (140, 20, 20, 60))]
    coco_set(tmp_path / "set", {f"{number}.jpg": things for number in range(3)})
    content = {
        "data": {"path": "set/annotations.json"},
        "endpoint": {"kind": "offline"},
        "questions": {"per_image": 2, "kinds": {"several": 1, "referring": 1}},
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(content))
    return "plan.yaml"


def test_a_plan_offline(cli, plan_file):
    result = cli("curate", plan_file, "--out", "out", "--json")
    assert result.code == 0, result.err
    summary = json.loads(result.out)
    assert summary["pairs"] > 0
    assert summary["pictures"] == 3
    # Once more: nothing is left to do, and the data are the same.
    again = json.loads(cli("curate", "run", plan_file, "--out", "out", "--json").out)
    assert again == summary
    shown = cli("curate", "export", "out")
    assert f"{summary['pairs']} pairs" in shown.out
    stats = json.loads(cli("curate", "stats", "out", "--json").out)
    assert stats["pairs"] == summary["pairs"]
    table = cli("curate", "stats", "out", "--plot", "stats.png")
    assert "MUSE" in table.out


def test_a_dry_run_sends_and_writes_nothing(cli, plan_file, tmp_path):
    priced = ["--set", "endpoint={model: m, price: {input: 2, output: 8}}"]
    result = cli("curate", plan_file, "--dry-run", "--out", "out", *priced)
    assert result.code == 0, result.err
    assert "1. cup at [20, 30, 60, 70]" in result.out
    assert "estimated cost: 0.0" in result.out
    assert "Nothing was sent." in result.out
    assert not (tmp_path / "out").exists()
    figures = json.loads(cli("curate", plan_file, "--dry-run", "--json", *priced).out)
    assert figures["pictures"] == figures["replies"] == 3
    assert figures["questions"] == 6
    assert figures["estimated_cost"] > 0
    assert figures["requests"][0][0]["role"] == "system"


def test_prompts_of_ones_own(cli, plan_file, tmp_path):
    assert cli("curate", "prompts", "mine").code == 0
    path = tmp_path / "mine" / "vision.md"
    path.write_text(path.read_text().replace("$width", "WIDTH $width"))
    result = cli("curate", plan_file, "--dry-run", "--set", "prompts=mine")
    assert "WIDTH 200" in result.out
    own = json.loads(cli("curate", plan_file, "--dry-run", "--json", "--set", "prompts=mine").out)
    ours = json.loads(cli("curate", plan_file, "--dry-run", "--json").out)
    assert own["prompts"] != ours["prompts"]
    # A journal belongs to the prompts that made it.
    assert cli("curate", plan_file, "--out", "out").code == 0
    result = cli("curate", plan_file, "--out", "out", "--set", "prompts=mine")
    assert result.code == 2
    assert "prompts has changed" in result.err
    path.write_text(path.read_text().replace("$height", "$hieght"))
    assert "unknown value $hieght" in cli("curate", plan_file, "--dry-run", "--set", "prompts=mine").err


MISTAKES = [
    # no such file
    (("missing.yaml",), "missing.yaml: cannot be read"),
    # a name that is not one
    (("plan.yaml", "--set", "qestions.per_image=2"), "qestions"),
    # a value out of range
    (("plan.yaml", "--set", "questions.per_image=0"), "questions.per_image"),
    # more than one target each, at most MUSE's
    (("plan.yaml", "--set", "questions.targets={1: 1}"), "from 2 to 34"),
    # no kinds
    (("plan.yaml", "--set", "questions.kinds={several: 0}"), "no kind of question"),
    # a judge needs a model
    (("plan.yaml", "--set", "judge={endpoint: {kind: offline}}"), "cannot judge"),
    # no data
    (("plan.yaml", "--set", "data.path=nowhere.json"), "nowhere.json"),
    # no endpoint
    (("plan.yaml", "--set", "endpoint={model: m}"), "OPENAI_BASE_URL"),
    # no pictures left
    (("plan.yaml", "--set", "select.min_instances=50"), "no picture is left"),
    # no such prompts
    (("plan.yaml", "--set", "prompts=set"), "holds none of the prompts"),
    # no curation
    (("export", "set"), "holds no curation"),
    (("review", "set"), "holds no curation"),
    # no data to count
    (("stats", "set/images"), "no native files"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes(cli, plan_file, monkeypatch, arguments, message):
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    result = cli("curate", *arguments)
    assert result.code == 2
    assert message in result.err
    assert result.err.count("\n") == 1


def test_one_run_at_a_time(cli, plan_file, tmp_path):
    with Journal(tmp_path / "out", run=True):
        result = cli("curate", plan_file, "--out", "out")
    assert result.code == 2
    assert "another curation is writing" in result.err


def test_a_budget_that_is_reached(cli, plan_file, monkeypatch):
    from segue.curation import session as sessions

    async def stopped(tasks, setup, journal, *, watch):
        from segue.curation.engine import Progress

        return Progress(len(tasks), done=1, stopped="budget")

    monkeypatch.setattr(sessions, "run_tasks", stopped)
    result = cli("curate", plan_file, "--out", "out")
    assert result.code == 2
    assert "budget is reached with 1 of 3" in result.err
