"""Procedural scenes with perfect labels, so that everything runs without downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from segue.data.native import Record
    from segue.scenes.questions import Split

__all__ = ["make_scene"]


def make_scene(
    seed: int,
    *,
    size: tuple[int, int] = (256, 192),
    split: Split = "train",
    num_turns: int = 12,
    world: str = "full",
    setting: str | None = None,
    num_objects: tuple[int, int] | None = None,
    zoom: float | None = None,
    crowd: float | None = None,
    questions: str = "all",
    word_dropout: float = 0.0,
) -> tuple[np.ndarray, Record]:
    """A picture (uint8, height x width x 3) and its record with a dialogue. Equal seeds give equal results.

    `size` is (width, height). `world` says which kinds there are (`segue.scenes.worlds`). `split="test"` asks
    for reasoning in wordings that training never sees. `setting`, `num_objects`, `zoom` and `crowd` are
    `compose_scene`'s; None: the world's own, or its. `questions` says which kinds of question
    (`segue.scenes.dialogue.MIXTURES`), `word_dropout` the share of their words that those that need reasoning
    lose: a model that reads such questions learns from each of their words, not from the sentence.
    """
    from segue.scenes.compose import compose_scene
    from segue.scenes.dialogue import scene_record
    from segue.scenes.plan import CROWD
    from segue.scenes.worlds import num_objects_of, zoom_of
    from segue.scenes.worlds import world as kinds_of

    scene = compose_scene(
        seed,
        size=size,
        kinds=kinds_of(world),
        setting=setting,
        num_objects=num_objects or num_objects_of(world),
        zoom=zoom_of(world) if zoom is None else zoom,
        crowd=CROWD if crowd is None else crowd,
    )
    # A stream of its own, so that what is asked does not depend on how the picture was drawn.
    rng = np.random.default_rng((seed, 1))
    record = scene_record(
        scene,
        rng,
        image=f"{seed:08d}.png",
        split=split,
        num_turns=num_turns,
        questions=questions,
        word_dropout=word_dropout,
    )
    return scene.image, record
