"""Questions and answers made of a record's facts, in each family's published words and sampling.

A template is a function of a record, a random generator and the family's options; it gives the turns of one
training sample, none where the record has nothing for it (draw another record then). All randomness is the
generator's. In answers `{masks}` as a phrase of its own says where a target's mask tokens stand
(`segue.data.family_collation` writes them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from segue.data.native import Record, Turn
from segue.data.templates import gsva, lisa, pixelllm, pixellm
from segue.errors import DataError

__all__ = ["KINDS", "TEMPLATES", "make_dialogue"]

KINDS = {
    "semantic": "classes, all objects of one together (ADE20K, COCO-Stuff, Mapillary)",
    "parts": "annotations, each for itself (PACO-LVIS, PASCAL-Part)",
    "referring": "expressions (RefCOCO and its like, gRefCOCO, Ref-ZOM; MDETR's and UNINEXT's form)",
    "reasoning": "ReasonSeg",
    "conversation": "rounds in words alone (LLaVA-Instruct)",
    "dialogue": "questions and answers that a record has already (scenes, small sets of photographs)",
    "muse": "MUSE",
    "trace": "narratives with places of words (Localized Narratives)",
    "caption": "captions of the picture (COCO captions)",
    "region": "captions of boxes (Visual Genome)",
    "joint": "all facts of a picture together (segue's scenes, and photographs)",
}
"""The kinds of data that a template may be for."""

TEMPLATES: Mapping[tuple[str, str], Callable[..., list[Turn]]] = {
    ("lisa", "semantic"): lisa.semantic,
    ("lisa", "parts"): lisa.parts,
    ("lisa", "referring"): lisa.referring,
    ("lisa", "reasoning"): lisa.reasoning,
    ("lisa", "conversation"): lisa.conversation,
    ("lisa", "dialogue"): lisa.dialogue,
    ("gsva", "semantic"): gsva.semantic,
    ("gsva", "parts"): gsva.parts,
    ("gsva", "referring"): gsva.referring,
    ("gsva", "reasoning"): gsva.reasoning,
    ("gsva", "conversation"): gsva.conversation,
    ("gsva", "dialogue"): gsva.dialogue,
    ("bases", "dialogue"): gsva.words_alone,
    ("pixellm", "semantic"): pixellm.semantic,
    ("pixellm", "parts"): pixellm.parts,
    ("pixellm", "referring"): pixellm.referring,
    ("pixellm", "reasoning"): pixellm.reasoning,
    ("pixellm", "conversation"): pixellm.conversation,
    ("pixellm", "muse"): pixellm.muse,
    ("pixelllm", "trace"): pixelllm.trace,
    ("pixelllm", "caption"): pixelllm.caption,
    ("pixelllm", "referring"): pixelllm.referring,
    ("pixelllm", "region"): pixelllm.region,
    ("pixelllm", "conversation"): pixelllm.question,
    ("pixelllm", "joint"): pixelllm.joint,
}

_OPTIONS = {
    "lisa": lisa.Options,
    "gsva": gsva.Options,
    "bases": gsva.Options,
    "pixellm": pixellm.Options,
    "pixelllm": pixelllm.Options,
}


def make_dialogue(
    record: Record,
    rng: np.random.Generator,
    *,
    family: str,
    kind: str,
    options: Mapping[str, Any] | None = None,
) -> Record:
    """The record with a dialogue of that family about facts of that kind; an empty one: draw another record.

    Args:
        options: fields of the family's `Options`, such as {"targets": 5}; the others keep their defaults.

    Raises:
        DataError: the family has no template for the kind, or no option of that name.
    """
    template = TEMPLATES.get((family, kind))
    if template is None:
        known = ", ".join(sorted(k for f, k in TEMPLATES if f == family))
        raise DataError(f"{family} has no template for data of the kind {kind!r}; it has: {known or 'none'}")
    names = {field.name for field in fields(_OPTIONS[family])}
    given = dict(options or {})
    if unknown := sorted(given.keys() - names):
        raise DataError(
            f"{family}'s templates have no option {unknown[0]!r}; they have: {', '.join(sorted(names))}"
        )
    turns = template(record, rng, options=_OPTIONS[family](**given))
    return record.model_copy(update={"dialogue": turns})
