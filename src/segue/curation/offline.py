"""The package's own generator in the place of an endpoint: no model, no network, no cost.

It answers the same requests with the same JSON, made from annotations and a page of everyday knowledge
(`phrasings/offline.yaml`): what things are for, where they are, which are not there. It sees no pixels. What
it writes is as true as the annotations and far poorer than what a model writes; it is there so that
everything runs and is tested offline, and to warm up small models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import yaml

from segue.curation.replies import CaptionReply
from segue.curation.requests import Reply, Request
from segue.curation.scene import Scene
from segue.curation.targets import SEVERAL, Ask
from segue.data.native import ObjectRecord
from segue.data.wording import Noun, join_list, noun_of, number, pick

__all__ = ["OfflineEndpoint", "write_pairs"]

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
LARGE, SMALL = 0.25, 0.01
"""Shares of the picture from and up to which a box is called large or small."""


class OfflineEndpoint:
    """An endpoint (`segue.curation.endpoint.Endpoint`) that makes its replies itself."""

    name = "offline"

    async def complete(self, request: Request) -> Reply:
        """Never fails, uses no tokens."""
        seed = int.from_bytes(hashlib.sha256(request.key.encode()).digest()[:8], "big")
        rng = np.random.default_rng(seed)
        if request.form is CaptionReply:
            text = json.dumps({"caption": write_caption(request.scene)})
        else:
            text = json.dumps({"pairs": write_pairs(request.scene, rng)}, ensure_ascii=False)
        return Reply(text, finish="stop", prompt_tokens=0, completion_tokens=0)


def write_caption(scene: Scene) -> str:
    """`A picture of two dogs and a couch.`"""
    names = []
    for category in dict.fromkeys(entry.category for entry in scene.objects):
        count = sum(entry.category == category for entry in scene.objects)
        noun = noun_of(category)
        names.append(noun.indefinite if count == 1 else f"{number(count)} {noun.many}")
    return f"A picture of {join_list(names)}."


def write_pairs(scene: Scene, rng: np.random.Generator) -> list[dict[str, Any]]:
    """A pair for each question that the scene's asks want and its objects allow, as the reply's JSON."""
    pairs: list[dict[str, Any]] = []
    for ask in scene.asks:
        pair = _WRITERS[ask.kind](scene, ask, rng, {entry["question"] for entry in pairs})
        if pair is not None:
            pairs.append({"kind": ask.kind, **pair})
    return pairs


# -- kinds of question -----------------------------------------------------------------------------------


def _by_theme(scene: Scene, ask: Ask, rng: np.random.Generator, used: set[str]) -> dict[str, Any] | None:
    """A theme's question; the answer is every instance of the categories that it covers."""
    fitting = []
    for theme in _page()["themes"]:
        numbers = _numbers_of(scene, theme["covers"])
        # Nothing that fits as well may be in the picture: no other kind, nor one too small to be listed.
        others = (scene.present & set(theme.get("unless", ()))) | (scene.partly & set(theme["covers"]))
        if len(numbers) >= 2 and not others and _chosen(ask, numbers):
            fitting.append((abs(len(numbers) - ask.targets), theme, numbers))
    if not fitting:
        return None
    fitting.sort(key=lambda entry: entry[0])
    # Mostly the theme that comes nearest to the wanted number of targets, so that all of them have their
    # turn.
    _, theme, numbers = fitting[min(int(rng.geometric(0.6)) - 1, len(fitting) - 1)]
    if ask.kind == "explanation":
        question, answer = theme["why"], theme["because"]
    else:
        fresh = [line for line in theme["test" if scene.split == "test" else "train"] if line not in used]
        if not fresh:
            return None
        question, answer = pick(fresh, rng), pick(theme["answers"], rng)
    if question in used:
        return None
    return _pair(scene, question, answer, numbers, rng)


def _by_name(scene: Scene, ask: Ask, rng: np.random.Generator, used: set[str]) -> dict[str, Any] | None:
    """Whole categories by name, as many as come nearest to the wanted number of targets; or the instances
    that were chosen, each by its own words."""
    if ask.numbers:
        words = _words(scene)
        if set(ask.numbers) & _unclear(scene) or len(ask.numbers) < 2:
            return None
        numbers, things = list(ask.numbers), [f"the {words[n]}" for n in ask.numbers]
    else:
        taken = _some_categories(scene, ask.targets, rng)
        numbers, things = _numbers_of(scene, taken), []
        for category in taken:
            count, noun = len(_numbers_of(scene, [category])), noun_of(category)
            things.append(f"the {noun.one}" if count == 1 else f"the {number(count)} {noun.many}")
    question = pick(_page()["several"], rng).replace("{things}", join_list(things or [""]))
    if len(numbers) < 2 or question in used:
        return None
    return _pair(scene, question, pick(_page()["several_answers"], rng), numbers, rng)


def _some_categories(scene: Scene, targets: int, rng: np.random.Generator) -> list[str]:
    """Categories whose instances are all listed, with about so many instances together."""
    whole = [c for c in dict.fromkeys(entry.category for entry in scene.objects) if c not in scene.partly]
    taken: list[str] = []
    for place in rng.permutation(len(whole)):
        count = len(_numbers_of(scene, [*taken, whole[place]]))
        if not taken or count <= targets:
            taken.append(whole[place])
        if count >= targets:
            break
    return taken


def _one(scene: Scene, ask: Ask, rng: np.random.Generator, used: set[str]) -> dict[str, Any] | None:
    """One instance that words can tell from the others of its kind."""
    words = _words(scene)
    told = [number for number in words if number not in _unclear(scene)]
    if ask.numbers:
        told = [number for number in told if number in ask.numbers]
    questions = {
        number: pick(_page()["referring"], rng).replace("{thing}", f"the {words[number]}") for number in told
    }
    fresh = [number for number in told if questions[number] not in used]
    if not fresh:
        return None
    number_ = pick(fresh, rng)
    return _pair(scene, questions[number_], pick(_page()["referring_answers"], rng), [number_], rng)


def _none(scene: Scene, ask: Ask, rng: np.random.Generator, used: set[str]) -> dict[str, Any] | None:
    """A thing that is certainly not there."""
    category = ask.absent[min(int(rng.geometric(0.4)) - 1, len(ask.absent) - 1)]
    noun = noun_of(category)
    question = pick(_page()["absent"], rng).replace("{a}", noun.indefinite)
    answer = pick(_page()["absent_answers"], rng).replace("{mark}", f"[{noun.one}](none)")
    return {"question": question, "answer": answer, "targets": []}


_WRITERS = {
    "reasoning": _by_theme,
    "explanation": _by_theme,
    "several": _by_name,
    "referring": _one,
    "absent": _none,
}
assert set(SEVERAL) < set(_WRITERS)


# -- words -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Naming:
    """Words for some instances in an answer."""

    words: str
    numbers: tuple[int, ...]


def _pair(
    scene: Scene, question: str, answer: str, numbers: Sequence[int], rng: np.random.Generator
) -> dict[str, Any]:
    """The pair's JSON: {list} filled with marked words, and a description for each instance."""
    words = _words(scene)
    parts: list[str] = []
    for naming in _namings(scene, numbers):
        inside = ", ".join(map(str, naming.numbers))
        parts.append(f"the [{naming.words}]({inside})")
    targets = [{"number": n, "description": _description(scene, n, words[n], rng)} for n in numbers]
    return {"question": question, "answer": answer.replace("{list}", join_list(parts)), "targets": targets}


def _namings(scene: Scene, numbers: Sequence[int]) -> list[_Naming]:
    """Each instance by its own words; those of a kind that words cannot tell apart together."""
    words, unclear = _words(scene), _unclear(scene)
    namings: list[_Naming] = []
    for category in dict.fromkeys(scene.objects[n - 1].category for n in numbers):
        own = [n for n in numbers if scene.objects[n - 1].category == category]
        if any(n in unclear for n in own):
            namings.append(_Naming(f"{number(len(own))} {noun_of(category).many}", tuple(own)))
        else:
            namings += [_Naming(words[n], (n,)) for n in own]
    return namings


def _words(scene: Scene) -> dict[int, str]:
    """Words for every instance, without article, by its number: "left dog", "third cup from the left"."""
    words: dict[int, str] = {}
    for category in dict.fromkeys(entry.category for entry in scene.objects):
        numbers, noun = _numbers_of(scene, [category]), noun_of(category)
        words |= dict(zip(*_ordered(scene, numbers, noun), strict=True))
    return words


def _ordered(scene: Scene, numbers: Sequence[int], noun: Noun) -> tuple[list[int], list[str]]:
    """The instances of one category along the axis on which they lie farther apart, and their words."""
    if len(numbers) == 1:
        return list(numbers), [noun.one]
    extents = (scene.width, scene.height)
    axis = max((0, 1), key=lambda a: _smallest_gap(scene, numbers, a) / extents[a])
    order = sorted(numbers, key=lambda n: _middle(scene.objects[n - 1], axis))
    ends = (("left", "right"), ("upper", "lower"))[axis]
    if len(order) == 2:
        return order, [f"{end} {noun.one}" for end in ends]
    if len(order) == 3:
        return order, [f"{end} {noun.one}" for end in (ends[0], "middle", ends[1])]
    start = ("left", "top")[axis]
    ranks = [*ORDINALS, *("last" for _ in order[len(ORDINALS) :])]
    return order, [f"{rank} {noun.one} from the {start}" for rank in ranks[: len(order)]]


def _unclear(scene: Scene) -> frozenset[int]:
    """Instances whose words do not tell them from others of their kind: too many, too close in line, or
    beside others that are not listed."""
    unclear: set[int] = set()
    for category in {entry.category for entry in scene.objects}:
        numbers = _numbers_of(scene, [category])
        gaps = (
            _smallest_gap(scene, numbers, 0) / scene.width,
            _smallest_gap(scene, numbers, 1) / scene.height,
        )
        too_close = len(numbers) > 1 and max(gaps) < 0.03
        if len(numbers) > len(ORDINALS) or too_close or category in scene.partly:
            unclear.update(numbers)
    return frozenset(unclear)


def _description(scene: Scene, number_: int, words: str, rng: np.random.Generator) -> str:
    entry, page = scene.objects[number_ - 1], _page()["descriptions"]
    count = len(_numbers_of(scene, [entry.category]))
    neighbour = _beside(scene, entry)
    form = "alone" if count == 1 else "among"
    if number_ in _unclear(scene):
        form = "unclear"
    elif neighbour and rng.random() < 0.7:
        form = "beside"
    text = pick(page[form], rng)
    gaps = {
        "name": noun_of(entry.category).one,
        "names": noun_of(entry.category).many,
        "words": words,
        "where": _where(scene, entry),
        "beside": neighbour or "",
        "count": number(count),
    }
    for gap, value in gaps.items():
        text = text.replace(f"{{{gap}}}", value)
    share = entry.bbox[2] * entry.bbox[3] / (scene.width * scene.height)
    sizes = _page()["sizes"]
    more = sizes["large"] if share >= LARGE else sizes["small"] if share <= SMALL else ""
    return f"{text} {more}".strip()


def _where(scene: Scene, entry: ObjectRecord) -> str:
    """One of nine fields of the picture."""
    x, y = _middle(entry, 0) / scene.width, _middle(entry, 1) / scene.height
    column = "left" if x < 0.38 else "right" if x > 0.62 else ""
    row = "upper" if y < 0.38 else "lower" if y > 0.62 else ""
    if row and column:
        return f"in the {row} {column} of the picture"
    if column:
        return f"on the {column} of the picture"
    return {
        "upper": "at the top of the picture",
        "lower": "at the bottom of the picture",
        "": "in the middle",
    }[row]


def _beside(scene: Scene, entry: ObjectRecord) -> str | None:
    """`to the left of the knife`: the nearest thing of another kind that there is one of, clearly to a
    side."""
    found: tuple[float, str] | None = None
    for other in scene.objects:
        if other.category == entry.category or len(_numbers_of(scene, [other.category])) > 1:
            continue
        if other.category in scene.partly:
            continue
        across = _middle(entry, 0) - _middle(other, 0)
        gap = abs(across) - (entry.bbox[2] + other.bbox[2]) / 2
        rise = abs(_middle(entry, 1) - _middle(other, 1))
        if gap < 0 or rise > 0.3 * scene.height or (found and gap >= found[0]):
            continue
        found = (gap, f"to the {'left' if across < 0 else 'right'} of the {noun_of(other.category).one}")
    return found[1] if found else None


def _numbers_of(scene: Scene, categories: Sequence[str]) -> list[int]:
    return [n for n, entry in enumerate(scene.objects, start=1) if entry.category in categories]


def _chosen(ask: Ask, numbers: Sequence[int]) -> bool:
    return not ask.numbers or set(numbers) == set(ask.numbers)


def _smallest_gap(scene: Scene, numbers: Sequence[int], axis: int) -> float:
    """Between neighbours' middles, in pixels; 0 for a single instance."""
    middles = sorted(_middle(scene.objects[n - 1], axis) for n in numbers)
    return min((b - a for a, b in pairwise(middles)), default=0.0)


def _middle(entry: ObjectRecord, axis: int) -> float:
    return entry.bbox[axis] + entry.bbox[axis + 2] / 2


@cache
def _page() -> Mapping[str, Any]:
    page = files("segue.curation").joinpath("phrasings", "offline.yaml")
    return yaml.safe_load(page.read_text(encoding="utf-8"))
