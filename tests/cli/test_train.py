"""`segue train` reads its settings and hands them on; what training does is tested in tests/training."""

import pytest
import yaml

from segue.cli.train import parse_settings
from segue.errors import SegueError


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {}),
        (["a=1", "b.c=x=y"], {"a": "1", "b.c": "x=y"}),  # only the first = separates
        (["a="], {"a": ""}),
        (["a=1", "a=2"], {"a": "2"}),  # the last one counts
    ],
)
def test_settings(settings, expected):
    assert parse_settings(settings) == expected


@pytest.mark.parametrize("setting", ["a", "=1", ""])
def test_settings_need_a_key_and_a_value(setting):
    with pytest.raises(SegueError, match="--set wants KEY=VALUE"):
        parse_settings([setting])


def test_everything_is_handed_on(cli, monkeypatch, tmp_path):
    import segue.training.recipe
    import segue.training.run

    called = {}

    def run(recipe, **arguments):
        called.update(arguments, recipe=recipe)
        return arguments["output"] / "model"

    monkeypatch.setattr(
        segue.training.recipe, "load_recipe", lambda recipe, overrides: (yaml.safe_load(recipe), overrides)
    )
    monkeypatch.setattr(segue.training.run, "train", run)
    result = cli("train", "mini", "--output", "here", "--fresh", "--set", "seed=3")
    assert result.out == "written: here/model\n"
    assert called.pop("output").name == "here"
    assert callable(called.pop("say"))
    assert called == {"recipe": ("mini", {"seed": "3"}), "resume": False}
