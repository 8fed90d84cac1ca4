"""`segue train` finds its recipe and hands the settings on."""

import pytest

from segue.cli.train import find_recipe, parse_settings
from segue.errors import SegueError


@pytest.fixture
def recipes(tmp_path):
    (tmp_path / "mini.yaml").write_text("steps: 1")
    return tmp_path


def test_a_recipe_by_name_or_by_file(recipes):
    assert find_recipe("mini", recipes) == recipes / "mini.yaml"
    assert find_recipe(str(recipes / "mini.yaml"), recipes.parent) == recipes / "mini.yaml"


def test_an_unknown_recipe_names_the_known_ones(recipes):
    with pytest.raises(SegueError, match=r"no recipe 'maxi'.*one of mini\."):
        find_recipe("maxi", recipes)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ([], {}),
        (["a=1", "b.c=x=y"], {"a": "1", "b.c": "x=y"}),  # only the first = separates
        (["a="], {"a": ""}),
    ],
)
def test_settings(settings, expected):
    assert parse_settings(settings) == expected


@pytest.mark.parametrize("setting", ["a", "=1", ""])
def test_settings_need_a_key_and_a_value(setting):
    with pytest.raises(SegueError, match="--set wants KEY=VALUE"):
        parse_settings([setting])
