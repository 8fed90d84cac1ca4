"""What can be said of a scene, before any question is made of it: native captions and expressions.

These are what people's annotations are to the published recipes of the PixelLLM family: narratives traced
word by word (Localized Narratives), a description of every thing in its box (Visual Genome), and expressions
each of which fits one thing (RefCOCO).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from segue.data.native import Caption, Expression, Record
from segue.scenes.answers import with_article
from segue.scenes.captions import describe, trace
from segue.scenes.compose import compose_scene
from segue.scenes.dialogue import scene_record
from segue.scenes.grammar import marked
from segue.scenes.questions import Talk
from segue.scenes.scene import Scene, SceneObject
from segue.scenes.view import SceneView
from segue.scenes.worlds import num_objects_of, world, zoom_of

__all__ = ["described_scene", "expressions_of", "make_described_scene"]


def make_described_scene(
    seed: int,
    *,
    size: tuple[int, int],
    world_name: str = "small",
    setting: str | None = None,
    num_objects: tuple[int, int] | None = None,
    zoom: float | None = None,
) -> tuple[np.ndarray, Record]:
    """As `segue.scenes.make_scene`, with captions and expressions in place of questions."""
    scene = compose_scene(
        seed,
        size=size,
        kinds=world(world_name),
        setting=setting,
        num_objects=num_objects or num_objects_of(world_name),
        zoom=zoom_of(world_name) if zoom is None else zoom,
    )
    return scene.image, described_scene(scene, np.random.default_rng((seed, 2)), image=f"{seed:08d}.png")


def described_scene(scene: Scene, rng: np.random.Generator, *, image: str) -> Record:
    """The scene as a record: one traced caption of the whole, one of every thing in its box, and expressions.
    A scene without things has none of them. The dialogue is the whole's caption again, with its phrases."""
    record = scene_record(scene, rng, image=image, num_turns=0)
    if not scene.objects:
        return record
    talk = Talk(SceneView.of(scene), rng)
    turn, things = describe(talk, "caption")
    turn = turn.model_copy(update={"points": trace(talk, turn, things)})
    captions = [Caption(text=turn.answer, points=turn.points)]
    for thing in talk.view.things:
        text, _ = marked(with_article(talk.view.short(thing)))
        captions.append(Caption(text=text, region=[float(value) for value in thing.box]))
    expressions = [
        Expression(text=text, ids=[thing.id])
        for thing in talk.view.things
        for text in expressions_of(talk.view, thing)
    ]
    told = {"captions": captions, "expressions": expressions, "dialogue": [turn]}
    return record.model_copy(update=told)


def expressions_of(view: SceneView, thing: SceneObject) -> list[str]:
    """What means this thing and no other of the picture: its name, its colour and name, its place among its
    like, and its name with its place in the picture; those of them that do."""
    own = view.words.own_noun(thing).singular
    like = tuple(other for other in view.things if view.words.own_noun(other).singular == own)
    found = list(dict.fromkeys(_candidates(view, thing, own, like)))
    return [f"the {words}" for words in found]


def _candidates(
    view: SceneView, thing: SceneObject, own: str, like: tuple[SceneObject, ...]
) -> Iterator[str]:
    zones = Counter(view.zone(other) for other in like)
    if len(like) == 1:
        yield own
        yield view.short(thing).singular
    else:
        yield view.tell_apart(like)[next(i for i, other in enumerate(like) if other is thing)]
    if zones[view.zone(thing)] == 1:
        yield f"{own} {view.zone(thing)}"
