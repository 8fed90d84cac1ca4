"""The accepted pairs as data: native records, and MUSE's own JSON, split by picture.

In a record an instance's description stands in its `attributes`, as `segue.data.muse_json` has it; where
another answer describes the same instance in other words, a second object has these. Which prompts and which
model made a picture's pairs is in its `source`."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segue.curation.duplicates import repeated
from segue.curation.inputs import Pictures
from segue.curation.journal import Journal, Row
from segue.curation.judged import Judged
from segue.curation.plan import Plan, SplitPlan
from segue.curation.replies import parse_marked
from segue.curation.scene import Scene
from segue.curation.splits import split_of
from segue.curation.steps import judged_pairs, scene_of
from segue.curation.tasks import Task
from segue.data.muse_json import entry_of
from segue.data.native import ObjectRecord, Phrase, Record, Turn, write_records

__all__ = ["MUSE_FILES", "SPLITS", "Outcome", "export", "outcomes", "record_of_pairs"]

SPLITS = ("train", "val", "test_few", "test_many")
MUSE_FILES = {"train": "train", "val": "val", "test_few": "test_less", "test_many": "test_many"}
"""MUSE's names of the splits."""
FEW = 3
"""Answers with fewer targets belong to "few". The paper leaves three itself open; here it is "many"."""


@dataclass(frozen=True)
class Outcome:
    """A task with all pairs that were written for it."""

    task: Task
    scene: Scene
    pairs: tuple[Judged, ...]


def outcomes(tasks: Sequence[Task], plan: Plan, pictures: Pictures, journal: Journal) -> Iterator[Outcome]:
    """Every task that has a reply, in the order of the tasks, with verdicts by the rules as they are now and
    by people; questions that too many pictures are asked are refused from then on."""
    decisions = journal.decisions()
    vocabulary = frozenset(pictures.category_ids)
    by_image: dict[str, list[Row]] = {}
    for row in journal.all_rows():
        by_image.setdefault(row.image, []).append(row)
    found = []
    for task in tasks:
        rows = by_image.get(task.key)
        if rows:
            scene = scene_of(task, pictures.records[task.index], plan, vocabulary)
            pairs = tuple(judged_pairs(task, rows, scene, plan, decisions))
            found.append(Outcome(task, scene, pairs))
    yield from _without_repeats(found, plan)


def _without_repeats(found: Sequence[Outcome], plan: Plan) -> Iterator[Outcome]:
    if plan.rules.repeats is None:
        yield from found
        return
    questions = [
        (pair.id, entry.task.key, pair.pair.question)
        for entry in found
        for pair in entry.pairs
        if pair.accepted and not pair.by_person
    ]
    too_many = repeated(questions, most=plan.rules.repeats, limit=plan.rules.same_question)
    for entry in found:
        pairs = tuple(
            replace(pair, rule="repeated", reason=f"too many pictures are asked {too_many[pair.id]!r}")
            if pair.id in too_many
            else pair
            for pair in entry.pairs
        )
        yield replace(entry, pairs=pairs)


def export(
    tasks: Sequence[Task], plan: Plan, pictures: Pictures, journal: Journal, folder: Path
) -> dict[str, Any]:
    """Write everything that the journal holds, and say what it is.

    `folder` gets `train.jsonl`, `val.jsonl`, `test_few.jsonl`, `test_many.jsonl` (native records whose
    `image` is relative to the data's folder), `muse/muse_*.json`, `rejected.jsonl` and `summary.json`. Each
    file appears whole or not at all.
    """
    splits: dict[str, list[Record]] = {name: [] for name in SPLITS}
    refused: list[dict[str, Any]] = []
    rules: Counter[str] = Counter()
    accepted = 0
    for entry in outcomes(tasks, plan, pictures, journal):
        record = pictures.records[entry.task.index]
        good = [pair for pair in entry.pairs if pair.accepted]
        accepted += len(good)
        for split, pairs in split_pairs(record.image, good, plan.split).items():
            splits[split].append(record_of_pairs(record, pairs, entry.scene, pictures.category_ids))
        for pair in entry.pairs:
            if not pair.accepted:
                rules[pair.rule] += 1
                refused.append(_refused(entry.task, pair))
    folder.mkdir(parents=True, exist_ok=True)
    for split, records in splits.items():
        write_records(folder / f"{split}.jsonl", records)
        _write_json(folder / "muse" / f"muse_{MUSE_FILES[split]}.json", muse_entries(records, pictures))
    lines = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in refused)
    _write_text(folder / "rejected.jsonl", lines)
    totals = journal.totals()
    answers = [turn for records in splits.values() for record in records for turn in record.dialogue]
    summary = {
        "pictures": len({record.image for records in splits.values() for record in records}),
        "pairs": accepted,
        "targets": sum(len(turn.phrases) for turn in answers),
        "by_split": {
            name: sum(len(record.dialogue) for record in records) for name, records in splits.items()
        },
        "by_kind": dict(sorted(Counter(turn.type for turn in answers).items())),
        "rejected": sum(rules.values()),
        "rejected_by_rule": dict(rules.most_common()),
        "replies": sum(1 for _ in journal.all_rows()),
        "cost": round(totals.cost, 6),
        "tokens": totals.tokens,
        "unseen_replies": totals.unseen,
        "unseen_cost_at_most": round(totals.unseen_cost, 6),
        "images_folder": str(pictures.folder),
    }
    _write_text(folder / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    return summary


def split_pairs(image: str, pairs: Sequence[Judged], split: SplitPlan) -> dict[str, list[Judged]]:
    """The pairs of one picture by split; a test picture's by how many targets they have. None are left
    out."""
    side = split_of(image, split)
    found: dict[str, list[Judged]] = {}
    for pair in pairs:
        name = side
        if side == "test":
            name = "test_few" if len(pair.pair.targets) < FEW else "test_many"
        found.setdefault(name, []).append(pair)
    return found


def record_of_pairs(
    record: Record, pairs: Sequence[Judged], scene: Scene, category_ids: Mapping[str, int]
) -> Record:
    """The picture's record with these pairs as its dialogue. A phrase covers the instances of its mark."""
    objects = {entry.id: _with_category(entry, category_ids) for entry in record.objects}
    free = 1 + max(objects, default=0)
    turns: list[Turn] = []
    for judged in pairs:
        described: dict[int, int] = {}
        for target in judged.pair.targets:
            entry = scene.objects[target.number - 1]
            text = " ".join(target.description.split())
            known = objects[entry.id]
            has = known.attributes.get("description")
            if has is None:
                objects[entry.id] = _described(known, text)
                described[target.number] = entry.id
            elif has == text:
                described[target.number] = entry.id
            else:  # the same instance in other words, as MUSE has it: an annotation of its own
                copy = _described(known, text)
                attributes = {**copy.attributes, "origin": "answer"}
                objects[free] = copy.model_copy(update={"id": free, "attributes": attributes})
                described[target.number] = free
                free += 1
        turns.append(_turn(judged, described))
    made_by = sorted({f"{judged.model} prompts {judged.prompts}" for judged in pairs})
    return Record(
        image=record.image,
        width=record.width,
        height=record.height,
        objects=list(objects.values()),
        dialogue=turns,
        ignore=record.ignore,
        exhaustive=record.exhaustive,
        source=f"{record.source or 'curation'}, curated by {', '.join(made_by)}",
    )


def muse_entries(records: Sequence[Record], pictures: Pictures) -> list[dict[str, Any]]:
    """MUSE's form of the records. Absent things, which it has no way to say, are left out."""
    entries = []
    for record in records:
        turns = [turn for turn in record.dialogue if all(phrase.ids for phrase in turn.phrases)]
        if turns:
            shown = record.model_copy(update={"dialogue": turns})
            entries.append(entry_of(shown, category_ids=pictures.category_ids))
    return entries


def _turn(judged: Judged, described: Mapping[int, int]) -> Turn:
    text, marks = parse_marked(judged.pair.answer)
    phrases = [Phrase(span=mark.span, ids=[described[n] for n in mark.numbers]) for mark in marks]
    return Turn(
        question=" ".join(judged.pair.question.split()), answer=text, phrases=phrases, type=judged.pair.kind
    )


def _with_category(entry: ObjectRecord, category_ids: Mapping[str, int]) -> ObjectRecord:
    number = category_ids.get(entry.category, 0)
    if not number or "category_id" in entry.attributes:
        return entry
    return entry.model_copy(update={"attributes": {**entry.attributes, "category_id": str(number)}})


def _described(entry: ObjectRecord, text: str) -> ObjectRecord:
    return entry.model_copy(update={"attributes": {**entry.attributes, "description": text}})


def _refused(task: Task, pair: Judged) -> dict[str, Any]:
    return {
        "image": task.key,
        "pair": pair.id,
        "rule": pair.rule,
        "reason": pair.reason,
        **pair.pair.model_dump(),
    }


def _write_json(path: Path, value: Any) -> None:
    _write_text(path, json.dumps(value, ensure_ascii=False))


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
