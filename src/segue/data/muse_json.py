"""MUSE's JSON (PixelLM, section 4) and native records: the pure conversion, both ways.

An entry is one picture: its instances in `ann_list`, and parallel lists of `questions`, `answers` (the
instances of each, in the order of mention) and `text_answers` (a sentence with a literal ``{seg}`` behind
each mention, or null). In a record each question is a `Turn`, each ``{seg}`` a phrase that ends where it
stood, so that a mask token written behind the phrase gives the published sentence again.

What the published loader does with awkward entries is kept, where it does not crash: a sentence whose number
of ``{seg}`` is not that of its instances is not used; one that is null is composed of the instances' names;
several polygons of an instance are one mask (the loader adds them up, to values above 1 where they overlap).
Its `str.format` fails on braces in a sentence; here they are text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np

from segue.data.native import (
    ObjectRecord,
    Phrase,
    Record,
    Turn,
    decode_mask,
    encode_mask,
    mask_box,
    run_lengths,
)
from segue.data.sources.official_files import native_segmentation
from segue.errors import DataError
from segue.phrases import find_phrase

__all__ = ["COMPOSED", "PUBLISHED", "Converted", "description", "entry_of", "is_usable", "record_of"]

PLACEHOLDER = "{seg}"
PUBLISHED, COMPOSED = "muse", "muse composed"
"""`Turn.type` of an answer whose sentence the file gives, and of one that names the instances for want of it:
a family's templates may word the latter anew."""

_FOLDER_OF_FILE_NAMES = "train2014"
_COCO_URL = "http://images.cocodataset.org/{}/{}"
_DETERMINERS = re.compile(
    r"\b(?:the|an?|this|that|these|those|his|her|its|their|your|my|our)\s+(?=\S)", re.IGNORECASE
)
_PREPOSITION = re.compile(
    r"\b(?:of|in|on|at|with|by|near|behind|beside|under|over|from|for|inside|within|between|above|below|beneath"
    r"|around|into|onto|against|next\sto|along|across|through|about|like)\s+\Z",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Converted:
    """A record, and one line for each question of the entry that is not in it."""

    record: Record
    left_out: tuple[str, ...]


def record_of(
    entry: Mapping[str, Any],
    *,
    image: str,
    mismatched: Literal["leave out", "compose"] = "leave out",
    source: str = "muse",
) -> Converted:
    """The native record of one entry of a MUSE file.

    Args:
        entry: as in the file; see the module's docstring.
        image: the picture's path for the record.
        mismatched: what becomes of a question whose sentence has more or fewer ``{seg}`` than instances:
            left out as in the published training, or asked all the same with a composed answer (in
            evaluation, where nobody reads the sentence).
        source: noted in the record.

    Raises:
        DataError, KeyError, TypeError, ValueError: the entry breaks the format or holds no usable question.
    """
    height, width = int(entry["height"]), int(entry["width"])
    if "questions" not in entry or "answers" not in entry:
        raise DataError("it has no questions and answers; MUSE's own loader fails on such a record")
    questions, answers = entry["questions"], entry["answers"]
    if len(questions) != len(answers):
        raise DataError(f"{len(questions)} questions but {len(answers)} answers")
    sentences = list(entry.get("text_answers") or [])
    sentences += [None] * (len(questions) - len(sentences))
    starts = dict(enumerate(entry.get("phrase_starts", [])))

    # 1) Every listed instance; those of the answers are added where they differ, if only in the description.
    listed = _Instances(height, width)
    for annotation in entry["ann_list"]:
        listed.add(annotation)
    if not listed.objects:
        raise DataError("its ann_list is empty; MUSE's own loader draws another record")

    # 2) One turn for each question.
    turns: list[Turn] = []
    left_out: list[str] = []
    for number, (question, instances) in enumerate(zip(questions, answers, strict=True)):
        named = [listed.find(annotation, origin="answer") for annotation in instances]
        sentence = sentences[number] or ""
        marks = sentence.count(PLACEHOLDER)
        if sentence and marks != len(named) and mismatched == "leave out":
            left_out.append(f"question {number}: {marks} {PLACEHOLDER} for {len(named)} instances")
        elif sentence.replace(PLACEHOLDER, "").strip() and marks == len(named):
            turns.append(_published_turn(question, sentence, named, starts.get(number)))
        elif named:
            turns.append(_composed_turn(question, named))
        else:
            left_out.append(f"question {number}: neither a sentence nor an instance answers it")
    if not turns:
        raise DataError(f"none of its questions can be used ({'; '.join(left_out) or 'there is none'})")
    record = Record(
        image=image, width=width, height=height, objects=listed.objects, dialogue=turns, source=source
    )
    return Converted(record, tuple(left_out))


def is_usable(entry: Any, *, mismatched: Literal["leave out", "compose"] = "leave out") -> bool:
    """Whether an entry has an instance and a question that can be used; True where it breaks the format, so
    that reading it says how."""
    if not isinstance(entry, dict) or not isinstance(entry.get("ann_list"), list):
        return True
    questions, answers = entry.get("questions"), entry.get("answers")
    if not entry["ann_list"] or questions is None or answers is None:
        return False
    sentences = entry.get("text_answers") or []
    if not isinstance(sentences, list) or not isinstance(answers, list):
        return True
    if not all(isinstance(instances, list) for instances in answers):
        return True
    sentences = sentences + [None] * (len(answers) - len(sentences))
    for instances, sentence in zip(answers, sentences, strict=False):
        fits = bool(sentence) and str(sentence).count(PLACEHOLDER) == len(instances)
        if fits or (instances and (not sentence or mismatched == "compose")):
            return True
    return False


def entry_of(record: Record, *, category_ids: Mapping[str, int] | None = None) -> dict[str, Any]:
    """The entry of a MUSE file that says what the record says; PixelLM's own loaders read it.

    Turns become questions, their phrases ``{seg}``. A picture in a folder `train2014`, or in none of COCO's,
    is given by `file_name`, others by `coco_url`. Masks that are run lengths are written with counts as
    numbers, which the loaders' `frPyObjects` takes and which, unlike polygons, lose nothing. What `record_of`
    would not find again by itself is added in fields that other loaders pass over: `id` of annotations and
    `phrase_starts`. A phrase over several objects becomes one instance; objects without a mask are left out.

    Args:
        category_ids: the number of each category name, where objects have none in `attributes.category_id`;
            0 for names not in it.

    Raises:
        DataError: the record has no dialogue, or says what MUSE has no way to say: an absent phrase, a mask
            that is not known.
    """
    entry = _entry(record, category_ids or {}, with_ids=False)
    read = record_of(entry, image=record.image).record
    if [thing.id for thing in read.objects] != [thing.id for thing in record.objects]:
        entry = _entry(record, category_ids or {}, with_ids=True)
    starts = [[phrase.span[0] for phrase in turn.phrases] for turn in record.dialogue]
    if starts != [[phrase.span[0] for phrase in turn.phrases] for turn in read.dialogue]:
        entry["phrase_starts"] = starts
    return entry


def description(thing: ObjectRecord) -> str:
    """What MUSE calls an instance: its description (`rephrased_name`), else its category's name."""
    return thing.attributes.get("description", thing.category)


# Reading ------------------------------------------------------------------------------


class _Instances:
    """The objects of a record while its entry is read."""

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        self.objects: list[ObjectRecord] = []
        self._by_content: dict[str, ObjectRecord] = {}

    def add(self, annotation: Mapping[str, Any], *, origin: str = "") -> ObjectRecord:
        """A new object, with the annotation's own id where that is free."""
        used = {thing.id for thing in self.objects}
        id_ = annotation.get("id")
        if not isinstance(id_, int) or id_ in used:
            id_ = 1 + max(used, default=0)
        attributes = {"origin": origin} if origin else {}
        if "category_id" in annotation:
            attributes["category_id"] = str(int(annotation["category_id"]))
        if annotation.get("rephrased_name"):
            attributes["description"] = annotation["rephrased_name"]
        segmentation = native_segmentation(annotation["segmentation"], self.height, self.width)
        if not segmentation:
            raise DataError(f"the instance {annotation['category_name']!r} has no mask")
        thing = ObjectRecord(
            id=id_,
            category=annotation["category_name"],
            segmentation=segmentation,
            bbox=annotation["bbox"],
            attributes=attributes,
        )
        self.objects.append(thing)
        self._by_content.setdefault(_content(annotation), thing)
        return thing

    def find(self, annotation: Mapping[str, Any], *, origin: str) -> ObjectRecord:
        """The object of an equal annotation, or a new one."""
        return self._by_content.get(_content(annotation)) or self.add(annotation, origin=origin)


def _content(annotation: Mapping[str, Any]) -> str:
    names = ("segmentation", "bbox", "category_id", "category_name", "rephrased_name")
    return repr([annotation.get(name) for name in names])


def _published_turn(
    question: str, sentence: str, named: Sequence[ObjectRecord], starts: Sequence[int] | None
) -> Turn:
    """`starts` are where the phrases begin, from files of our own; else that is told from the text."""
    parts = sentence.split(PLACEHOLDER)
    answer, phrases = "", []
    for number, (part, thing) in enumerate(zip(parts[:-1], named, strict=True)):
        before = len(answer)
        answer = (answer + part).rstrip()
        if not answer[before:].strip():
            # Nothing is said for this mask ("two cups {seg} {seg}"): say what it is of.
            answer += " " * bool(answer) + thing.category
        start = starts[number] if starts else _mention_start(answer, before)
        phrases.append(Phrase(span=(start, len(answer)), ids=[thing.id]))
    return Turn(question=question, answer=answer + parts[-1], phrases=phrases, type=PUBLISHED)


def _mention_start(text: str, start: int) -> int:
    """Where the mention begins that ends with the text and lies behind `start`.

    It is the noun phrase opened by the last determiner which no preposition binds to the words before it: of
    "You can use the cup on the left" it is "cup on the left". Without a determiner it is what
    `segue.phrases` finds, and where that is nothing ("It is", ", and"), the last word.
    """
    begin, end = find_phrase(text, start)
    if begin >= end:
        last = re.search(r"\S+\Z", text[start:])
        assert last is not None  # the caller has seen that something is there
        return start + last.start()
    found = [match for match in _DETERMINERS.finditer(text, start) if match.end() >= begin]
    while len(found) > 1 and _PREPOSITION.search(text, start, found[-1].start()):
        found.pop()
    return found[-1].end() if found else begin


def _composed_turn(question: str, named: Sequence[ObjectRecord]) -> Turn:
    """An answer that names the instances: "red mug, spoon and plate."."""
    answer, phrases = "", []
    for number, thing in enumerate(named):
        if number:
            answer += " and " if number == len(named) - 1 else ", "
        name = description(thing).rstrip(" .")
        phrases.append(Phrase(span=(len(answer), len(answer) + len(name)), ids=[thing.id]))
        answer += name
    return Turn(question=question, answer=answer + ".", phrases=phrases, type=COMPOSED)


# Writing ------------------------------------------------------------------------------


def _entry(record: Record, category_ids: Mapping[str, int], *, with_ids: bool) -> dict[str, Any]:
    by_id = {thing.id: thing for thing in record.objects}

    def written(things: Sequence[ObjectRecord]) -> dict[str, Any]:
        annotation = _annotation(_union(things, record), record, category_ids)
        return {"id": things[0].id, **annotation} if with_ids and len(things) == 1 else annotation

    answers, sentences = [], []
    for turn in record.dialogue:
        for phrase in turn.phrases:
            if not phrase.ids:
                words = turn.answer[slice(*phrase.span)]
                raise DataError(f"{record.image}: {words!r} is absent, which MUSE cannot say")
        answers.append([written([by_id[id_] for id_ in phrase.ids]) for phrase in turn.phrases])
        sentences.append(None if turn.type == COMPOSED else _sentence(turn, record.image))
    listed = [t for t in record.objects if t.segmentation and t.attributes.get("origin") != "answer"]
    entry: dict[str, Any] = {
        **_place(record.image),
        "height": record.height,
        "width": record.width,
        "ann_list": [written([thing]) for thing in listed],
        "questions": [turn.question for turn in record.dialogue],
        "answers": answers,
    }
    return {**entry, "text_answers": sentences} if any(sentences) else entry


def _place(image: str) -> dict[str, str]:
    parts = PurePosixPath(image).parts
    for folder, name in pairwise(parts):
        if folder in ("train2017", "val2017"):
            return {"coco_url": _COCO_URL.format(folder, name)}
    if _FOLDER_OF_FILE_NAMES in parts:
        parts = parts[parts.index(_FOLDER_OF_FILE_NAMES) + 1 :]
    return {"file_name": str(PurePosixPath(*parts))}


def _annotation(thing: ObjectRecord, record: Record, category_ids: Mapping[str, int]) -> dict[str, Any]:
    if not thing.segmentation:
        raise DataError(f"{record.image}: object {thing.id} ({thing.category}) has no mask, which MUSE needs")
    segmentation: Any = thing.segmentation
    if isinstance(segmentation, dict):
        runs = run_lengths(segmentation["counts"]).tolist()
        segmentation = {"size": [record.height, record.width], "counts": runs}
    known = thing.attributes.get("category_id")
    annotation = {
        "segmentation": segmentation,
        "bbox": list(thing.bbox),
        "category_id": int(known) if known is not None else category_ids.get(thing.category, 0),
        "category_name": thing.category,
    }
    if "description" in thing.attributes:
        annotation["rephrased_name"] = thing.attributes["description"]
    return annotation


def _union(things: Sequence[ObjectRecord], record: Record) -> ObjectRecord:
    """One instance for a phrase that covers several: their masks together, described as the first."""
    if len(things) == 1:
        return things[0]
    mask = np.logical_or.reduce([decode_mask(t.segmentation, record.height, record.width) for t in things])
    return things[0].model_copy(update={"segmentation": encode_mask(mask), "bbox": mask_box(mask)})


def _sentence(turn: Turn, image: str) -> str:
    if PLACEHOLDER in turn.answer:
        raise DataError(f"{image}: the answer {turn.answer[:60]!r} holds MUSE's own mark {PLACEHOLDER}")
    sentence, cursor = "", 0
    for phrase in turn.phrases:
        sentence += f"{turn.answer[cursor : phrase.span[1]]} {PLACEHOLDER}"
        cursor = phrase.span[1]
    return sentence + turn.answer[cursor:]
