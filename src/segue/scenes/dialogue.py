"""Dialogues about a scene in the native format: questions of twelve kinds and answers tied to masks.

Two tables say how often each kind of question is tried; where a scene does not allow one without doubt,
another is drawn. About a third of the turns ask for something absent, in the very wordings that ask for what
is there, so that only the picture tells. Everything follows from the random generator that the caller gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from segue.data.native import ObjectRecord, Record, Turn, encode_mask, mask_box
from segue.errors import DataError
from segue.scenes.captions import by_caption, by_region
from segue.scenes.compose import compose_scene
from segue.scenes.questions import Split, Talk
from segue.scenes.questions.naming import absent_look, absent_name, by_look, by_name
from segue.scenes.questions.parts import absent_part, by_part
from segue.scenes.questions.plain import absent_plain, by_plain
from segue.scenes.questions.reasoning import absent_reasoning, by_reasoning, topics
from segue.scenes.questions.relating import absent_relation, by_open_relation, by_relation
from segue.scenes.questions.several import (
    absent_list,
    absent_sort,
    by_count,
    by_list,
    by_mixed,
    by_mixed_sorts,
    by_sort,
)
from segue.scenes.scene import Scene, SceneObject
from segue.scenes.view import SceneView
from segue.scenes.wording import chance

Maker = Callable[[Talk], Turn | None]

MISSING_SHARE = 0.32
"""Of all turns, those that ask for something absent, alone or beside things that are there."""

# How often each is tried, relative to the others of its table. The second table mirrors the first.
PRESENT: dict[Maker, float] = {
    by_name: 15,
    by_look: 13,
    by_relation: 13,
    by_open_relation: 7,
    by_part: 11,
    by_list: 7,
    by_sort: 8,
    by_reasoning: 15,
    by_count: 6,
    by_plain: 11,
    by_caption: 6,
    by_region: 4,
}
MISSING: dict[Maker, float] = {
    absent_name: 18,
    absent_look: 13,
    absent_relation: 12,
    absent_part: 5,
    absent_reasoning: 12,
    absent_list: 3,
    absent_sort: 4,
    absent_plain: 3,
    by_mixed: 26,
    by_mixed_sorts: 4,
}
# What can be asked by the name of a thing alone, and as often with no as with yes: where learning to look
# for a noun in the picture begins.
NAMES_PRESENT: dict[Maker, float] = {by_name: 15, by_look: 6, by_list: 5, by_count: 2}
NAMES_MISSING: dict[Maker, float] = {absent_name: 18, absent_look: 5, by_mixed: 10, absent_list: 1}


@dataclass(frozen=True)
class Mixture:
    """Which kinds of question a dialogue has: how often each is tried, and the share that asks for something
    absent, alone or beside things that are there."""

    present: Mapping[Maker, float]
    missing: Mapping[Maker, float]
    missing_share: float


MIXTURES: Mapping[str, Mixture] = {
    "all": Mixture(PRESENT, MISSING, MISSING_SHARE),
    "names": Mixture(NAMES_PRESENT, NAMES_MISSING, 0.5),
}

TYPES = (
    "name", "attribute", "relation", "part", "multi", "reasoning", "absent", "mixed", "count", "plain",
    "caption", "region_caption",
)  # fmt: skip
"""The `type` that a turn may have."""

_DRAWS_PER_TURN = 6
_TRIES = 4
_MAX_SAME_ANSWER = 2


def scene_turns(
    scene: Scene,
    rng: np.random.Generator,
    *,
    split: Split = "train",
    num_turns: int = 12,
    questions: str = "all",
    word_dropout: float = 0.0,
) -> list[Turn]:
    """Questions about the scene and their answers; fewer than `num_turns` when little can be asked.

    No question comes twice, and no answer more than twice. With `split="test"` the questions that need
    reasoning use wordings that training never sees. `questions` names the mixture of kinds (`MIXTURES`).
    `word_dropout` is `Talk`'s.
    """
    if questions not in MIXTURES:
        raise DataError(f"no questions {questions!r}; there are {', '.join(MIXTURES)}")
    mixture = MIXTURES[questions]
    if not scene.objects:
        return []
    talk = Talk(SceneView.of(scene), rng, split, word_dropout)
    turns: dict[tuple[str, object], Turn] = {}
    answers: Counter[str] = Counter()
    missing = chance(rng, mixture.missing_share)
    for _ in range(num_turns * _DRAWS_PER_TURN):
        turn = _try(_draw(rng, mixture.missing if missing else mixture.present), talk)
        if turn is None or answers[turn.answer] >= _MAX_SAME_ANSWER:
            continue
        question = turn.question.lower().rstrip(".?!"), tuple(turn.region or ())
        if question in turns:
            continue
        turns[question] = turn
        answers[turn.answer] += 1
        if len(turns) == num_turns:
            break
        # The next one is decided only now, so that the shares hold however often a kind of question fails.
        missing = chance(rng, mixture.missing_share)
    return list(turns.values())


def scene_record(
    scene: Scene,
    rng: np.random.Generator,
    *,
    image: str,
    split: Split = "train",
    num_turns: int = 12,
    questions: str = "all",
    word_dropout: float = 0.0,
) -> Record:
    """The scene as a record: every object, every visible part, a dialogue (`scene_turns`). `image` is the
    picture's path."""
    view = SceneView.of(scene)
    objects = [
        ObjectRecord(
            id=thing.id,
            category=thing.kind,
            segmentation=encode_mask(thing.mask),
            bbox=[float(value) for value in thing.box],
            attributes=_attributes(thing),
        )
        for thing in scene.objects
    ]
    objects += [
        ObjectRecord(
            id=part.id,
            category=part.name,
            segmentation=encode_mask(part.mask),
            bbox=mask_box(part.mask),
            part_of=part.owner.id,
        )
        for part in view.parts
    ]
    # Not validated: it is right by construction, and decoding every mask again takes as long as all turns.
    return Record.model_construct(
        image=image,
        width=scene.width,
        height=scene.height,
        objects=objects,
        dialogue=scene_turns(
            scene, rng, split=split, num_turns=num_turns, questions=questions, word_dropout=word_dropout
        ),
        exhaustive="all",
        source=f"segue scenes, {scene.setting}, seed {scene.seed}",
    )


def held_out_phrasings() -> Mapping[str, tuple[str, ...]]:
    """For each topic of reasoning, the questions that only testing asks."""
    return {topic.name: topic.wordings["test"] for topic in topics()}


def all_texts(num_scenes: int = 300, *, seed: int = 0) -> Iterator[str]:
    """Texts as training sees them, to make a tokenizer from: every wording for reasoning, then questions and
    answers about `num_scenes` scenes. Nothing that is held out for testing."""
    for topic in topics():
        yield from topic.wordings["train"]
    for number in range(seed, seed + num_scenes):
        rng = np.random.default_rng((number, 1))
        for turn in scene_turns(compose_scene(number, size=(128, 96)), rng, num_turns=40):
            yield turn.question
            yield turn.answer


def _try(maker: Maker, talk: Talk) -> Turn | None:
    """A turn by this maker, which may fail by chance and so gets several tries."""
    return next((turn for turn in (maker(talk) for _ in range(_TRIES)) if turn is not None), None)


def _draw(rng: np.random.Generator, makers: Mapping[Maker, float]) -> Maker:
    """One of the makers, as often as its weight says."""
    mark = rng.random() * sum(makers.values())
    for maker, weight in makers.items():
        mark -= weight
        if mark < 0:
            return maker
    raise AssertionError("the weights of a table are positive")


def _attributes(thing: SceneObject) -> dict[str, str]:
    facts = {"color": thing.color, "material": thing.material, "size": thing.size, "group": thing.group}
    return {name: value for name, value in facts.items() if value} | dict(thing.attributes)
