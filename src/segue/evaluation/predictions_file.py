"""Predictions of other people, or of an earlier run, from a file: the same ruler, without a model.

Taken are, told apart by what they hold:

* rows of a run of ours (`rows.jsonl`): `name` and `predictions`, one for each question;
* JSONL with one line per question: `name` or `image` says which picture; `expression`, `question`,
  `expression_id` or `turn` (its number) says which question; `segments` as in an answer's JSON, or one
  `mask`, `bbox` or `rejected` for short;
* COCO results, a list of `{"image_id", "segmentation" and/or "bbox", "score", ...}`, or the `annotations` of
  a whole COCO file, with the same keys for the question, or `category` for classes.

`image_id` is the picture's number in its file name, as COCO's are; `image` its file name, with or without
folders.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segue.data.native import Phrase, Turn, decode_mask, encode_mask
from segue.errors import DataError
from segue.evaluation.prediction import Prediction, Target
from segue.evaluation.runner import Sample

__all__ = ["PredictionsFile"]

Entry = Mapping[str, Any]
_QUESTION_KEYS = (
    "turn",
    "expression_id",
    "sent_id",
    "expression",
    "question",
    "phrase",
    "category",
)


class PredictionsFile:
    """The predictions of one file by picture. Call it with samples, as the runner does.

    Raises:
        DataError: unreadable, or not one of the formats.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, list[Entry]] = defaultdict(list)
        self._first: Entry = {}
        count = 0
        for count, entry in enumerate(_entries(path), start=1):
            self._first = self._first or entry
            for key in _keys_of_entry(entry, f"{path}, entry {count}"):
                self._rows[key].append(entry)
        if not count:
            raise DataError(f"{path} holds no predictions")

    @property
    def family(self) -> str:
        """How the questions were put, where the file is a run's: its predictions stand in that order."""
        return str(self._first.get("asked_as", ""))

    @property
    def protocol(self) -> str | None:
        """That of the run that the file is of; None for other people's."""
        return self._first.get("protocol")

    def __call__(self, samples: Sequence[Sample]) -> list[list[Prediction] | None]:
        return [self._of(sample) for sample in samples]

    def _of(self, sample: Sample) -> list[Prediction] | None:
        found = next((self._rows[key] for key in _keys_of_sample(sample) if key in self._rows), None)
        if not found:
            return None
        where = f"{self.path}, sample {sample.name}"
        if "predictions" in found[-1]:
            listed = found[-1]["predictions"]
            if sample.turns and len(listed) != len(sample.turns):
                raise DataError(
                    f"{where}: {len(listed)} predictions for {len(sample.turns)} questions; "
                    "they must stand in the order of the questions"
                )
            return [Prediction.from_dict(entry, where=where) for entry in listed]
        if not sample.turns:
            return [_prediction(entry, sample, where) for entry in found]
        return _by_question(found, sample, where)


def _by_question(entries: Sequence[Entry], sample: Sample, where: str) -> list[Prediction]:
    """Entries to the questions that they name; one that names none is an answer to the only one."""
    questions = list(_questions(sample))
    taken: dict[int, list[Entry]] = defaultdict(list)
    for entry in entries:
        wanted = [(key, entry[key]) for key in _QUESTION_KEYS if entry.get(key) is not None]
        number = next((n for key, value in wanted if (n := _find(questions, key, value)) is not None), None)
        if number is None and len(questions) == 1 and not wanted:
            number = 0
        if number is None:
            raise DataError(
                f"{where}: a prediction for {dict(wanted) or 'no question'} fits none of the picture's "
                f"{len(questions)} expressions; name it by one of: {', '.join(_QUESTION_KEYS)}"
            )
        taken[number].append(entry)
    predictions, number = [], 0
    for turn in sample.turns:
        count = max(len(turn.phrases), 1)
        own = [
            [t for e in taken[n] for t in _prediction(e, sample, where).targets]
            for n in range(number, number + count)
        ]
        text = next((str(e["text"]) for e in taken[number] if "text" in e), "")
        # With several phrases a question, each has one target, so that they stay in order.
        targets = own[0] if count == 1 else [_merged(some) for some in own]
        predictions.append(Prediction(text, tuple(targets)))
        number += count
    return predictions


def _questions(sample: Sample) -> Iterator[dict[str, Any]]:
    """What each target of a sample may be called by."""
    number = 0
    expressions = sample.record.expressions
    for index, turn in enumerate(sample.turns):
        phrases: Sequence[Phrase | None] = turn.phrases or [None]
        for phrase in phrases:
            text = turn.question if phrase is None else turn.answer[slice(*phrase.span)]
            expression = expressions[number] if number < len(expressions) else None
            texts = {_tidy(text), *_single_question(turn)}
            if expression is not None:
                texts.add(_tidy(expression.text))
            yield {"turn": index, "id": expression and expression.id, "texts": texts}
            number += 1


def _single_question(turn: Turn) -> set[str]:
    return {_tidy(turn.question)} if len(turn.phrases) <= 1 else set()


def _find(questions: Sequence[Mapping[str, Any]], key: str, value: Any) -> int | None:
    if key == "turn":
        fits = (n for n, question in enumerate(questions) if question["turn"] == value)
    elif key in ("expression_id", "sent_id"):
        fits = (n for n, question in enumerate(questions) if str(question["id"]) == str(value))
    else:
        fits = (n for n, question in enumerate(questions) if _tidy(str(value)) in question["texts"])
    return next(fits, None)


def _merged(targets: Sequence[Target]) -> Target:
    """All masks for one expression as one target."""
    if len(targets) == 1:
        return targets[0]
    kept = [target for target in targets if not target.rejected]
    masks = [mask for target in kept if (mask := target.mask) is not None]
    if not masks:
        return targets[0] if targets else Target()
    union = masks[0].copy()
    for mask in masks[1:]:
        union |= mask
    return replace(kept[0], rle=encode_mask(union), box=None)


def _prediction(entry: Entry, sample: Sample, where: str) -> Prediction:
    """One entry in any of the short forms."""
    if "segments" in entry:
        return Prediction.from_dict(entry, where=where)
    mask = entry.get("mask", entry.get("segmentation"))
    if isinstance(mask, list):  # polygons
        height, width = sample.record.height, sample.record.width
        mask = encode_mask(decode_mask(mask, height, width)) if mask else None
    segment = {
        "mask": mask,
        "bbox": entry.get("bbox"),
        "score": entry.get("score", 1.0),
        "rejected": bool(entry.get("rejected", False)),
    }
    empty = mask is None and entry.get("bbox") is None and not segment["rejected"]
    content = {"text": entry.get("text", entry.get("caption", "")), "segments": [] if empty else [segment]}
    return Prediction.from_dict(content, where=where)


def _entries(path: Path) -> Iterator[Entry]:
    """Objects of a JSONL file one by one, or of a JSON list, or the annotations of a COCO file."""
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
            try:
                content = json.loads(first)
            except ValueError:
                content = None
            if isinstance(content, dict) and "annotations" not in content:
                yield content
                for number, line in enumerate(file, start=2):
                    if line.strip():
                        yield _object(json.loads(line), f"{path}, line {number}")
                return
        content = json.loads(path.read_text(encoding="utf-8")) if content is None else content
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON or JSON lines ({error})") from None
    yield from _coco_entries(content, path)


def _coco_entries(content: Any, path: Path) -> Iterable[Entry]:
    if isinstance(content, dict):
        names = {entry["id"]: entry["name"] for entry in content.get("categories", [])}
        files = {entry["id"]: entry["file_name"] for entry in content.get("images", [])}
        for entry in content.get("annotations", []):
            image = {"image": files[entry["image_id"]]} if entry.get("image_id") in files else {}
            category = names.get(entry.get("category_id"))
            yield {**({"category": category} if category else {}), **entry, **image}
        return
    if not isinstance(content, list):
        raise DataError(f"{path}: neither lines of predictions nor a list of COCO results")
    for number, entry in enumerate(content, start=1):
        yield _object(entry, f"{path}, entry {number}")


def _object(entry: Any, where: str) -> Entry:
    if not isinstance(entry, dict):
        raise DataError(f"{where}: not an object")
    return entry


def _keys_of_entry(entry: Entry, where: str) -> list[str]:
    """Under what an entry is found: one key, the surest there is."""
    if "name" in entry:
        return [f"name {entry['name']}"]
    if isinstance(entry.get("image"), str):
        return [f"file {Path(entry['image']).name}"]
    if "image_id" in entry:
        return [f"id {_number(str(entry['image_id']))}"]
    raise DataError(f"{where}: which picture? A prediction needs name, image or image_id")


def _keys_of_sample(sample: Sample) -> list[str]:
    file = Path(sample.record.image)
    return [f"name {sample.name}", f"file {file.name}", f"id {_number(file.stem)}"]


def _number(text: str) -> str:
    """COCO's picture number: the last digits of a file name, without leading zeros; else the text."""
    match = re.search(r"(\d+)$", text)
    return str(int(match.group(1))) if match else text


def _tidy(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .?")
