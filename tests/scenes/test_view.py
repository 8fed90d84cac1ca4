"""What descriptions mean in a scene, and how its things are told apart."""

from __future__ import annotations

import pytest

from segue.scenes.view import SceneView


@pytest.fixture
def view(make_scene_of, make_thing) -> SceneView:
    """A red and a blue mug, a red plate, a knife; from left to right."""
    return SceneView.of(
        make_scene_of(
            make_thing("mug", "red", (5, 50, 20, 20), part="handle"),
            make_thing("mug", "blue", (40, 50, 20, 20)),
            make_thing("plate", "red", (80, 50, 30, 20), material="wood"),
            make_thing("knife", "black", (125, 50, 8, 40)),
        )
    )


def ids(found) -> list[int] | None:
    return None if found is None else [thing.id for thing in found]


def test_words_colours_and_materials_narrow_down(view: SceneView) -> None:
    mug = view.by_word("mug")
    assert ids(view.resolve(mug)) == [1, 2]
    assert ids(view.resolve(view.by_color(mug, "red"))) == [1]
    assert ids(view.resolve(view.by_color(mug, "green"))) == []
    assert view.resolve(view.by_color(mug, "purple")) is None  # might be called blue
    wooden = view.by_material(view.by_word("plate"), "wood")
    assert ids(view.resolve(wooden)) == [3]
    assert wooden.noun.singular == "wooden plate"


def test_people_are_dressed_in_a_colour(make_scene_of, make_thing) -> None:
    view = SceneView.of(make_scene_of(make_thing("woman", "red", (10, 10, 20, 60)), setting="street"))
    assert view.short(view.things[0]).singular == "woman in red"
    assert view.by_color(view.by_word("woman"), "blue", worn=True).noun.plural == "women in blue"


@pytest.mark.parametrize(
    ("colors", "expected"),
    [
        (["red"], ["mug"]),
        (["red", "blue"], ["red mug", "blue mug"]),
        (["red", "red"], ["left mug", "right mug"]),
        (["red", "orange"], ["left mug", "right mug"]),  # colours that people mix up
        (["red", "red", "blue"], ["left mug", "middle mug", "right mug"]),
        (["red"] * 4, ["first mug", "second mug", "third mug", "fourth mug"]),
    ],
)
def test_things_of_a_kind_are_told_apart(make_scene_of, make_thing, colors, expected) -> None:
    things = [make_thing("mug", color, (5 + 35 * i, 50, 20, 20)) for i, color in enumerate(colors)]
    view = SceneView.of(make_scene_of(*things))
    assert view.tell_apart(view.things) == expected


def test_left_among_the_red_ones_is_not_left_of_all(make_scene_of, make_thing) -> None:
    colors = ("blue", "red", "red")
    view = SceneView.of(
        make_scene_of(*(make_thing("mug", color, (5 + 35 * i, 50, 20, 20)) for i, color in enumerate(colors)))
    )
    assert view.tell_apart(view.things[1:]) == ["left red mug", "right red mug"]


def test_nobody_says_that_there_is_none_of_what_something_else_shows(make_scene_of, make_thing) -> None:
    view = SceneView.of(
        make_scene_of(make_thing("bookshelf", "brown", (10, 10, 60, 90)), setting="indoor", surface="carpet")
    )
    assert not view.lacks(view.by_word("book"))
    assert view.lacks(view.by_word("mug"))
    street = SceneView.of(make_scene_of(make_thing("car", "red", (10, 60, 50, 30)), setting="street"))
    assert not street.lacks(street.by_word("building"))  # the stage has a far-off city


def test_parts_have_ids_after_the_objects(view: SceneView) -> None:
    (part,) = view.parts
    assert (part.id, part.name, part.owner.id) == (5, "handle", 1)
    assert view.part_noun(part).singular == "handle"


def test_places_in_words(make_scene_of, make_thing) -> None:
    table = make_thing("dining table", "brown", (30, 60, 80, 50))
    mug = make_thing("mug", "red", (70, 50, 10, 10), holder=1)
    clock = make_thing("clock", "white", (120, 10, 15, 15), rests_on="wall")
    view = SceneView.of(make_scene_of(table, mug, clock, setting="indoor", surface="wooden floor"))
    places = {thing.kind: view.place(thing) for thing in view.things}
    assert places == {
        "dining table": "on the wooden floor",
        "mug": "on the dining table",
        "clock": "on the wall",
    }
    assert [view.zone(thing) for thing in view.things] == ["in the middle"] * 2 + ["on the right"]
